#include "verdict/limit.h"

#include "base/mem.h"
#include "base/rng.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* A service: does it hold `users`, being asked for the `ordinal`th time? */
struct model {
    uint32_t cap;
    enum { MODEL_CAP = 0, MODEL_FLAPS, MODEL_FLUKE, MODEL_LUCK, MODEL_DECLINES } kind;
    uint32_t own_cap; /* from here on cicada is at its limit; 0: never */
    struct rng rng;
};

static bool does_hold(struct model *model, uint32_t users, size_t ordinal)
{
    double distance = (double)users / (double)model->cap - 1;

    switch (model->kind) {
    case MODEL_CAP:
        break;
    case MODEL_FLAPS: /* within 3 % of the edge it may go either way */
        if (fabs(distance) < 0.03)
            return rng_unit(&model->rng) < 0.5;
        break;
    case MODEL_FLUKE: /* the third number fails for a reason that goes away */
        if (ordinal == 2)
            return false;
        break;
    case MODEL_LUCK: /* the first number above the edge holds by chance */
        if (users > model->cap && users < 2 * model->cap && model->own_cap++ == 0)
            return true;
        break;
    case MODEL_DECLINES: /* what held once holds less and less */
        return users + 10 * ordinal <= model->cap;
    }
    return users <= model->cap;
}

static double seconds_of(const struct limit_task *task, uint32_t before)
{
    /* Streams are closed, the ramp, and the shortest hold. */
    return (task->base < before ? 1.5 : 0) + 2 + 4;
}

/* The whole search; the seconds it takes. */
static double search(struct limit *limit, struct model *model)
{
    struct limit_task task;
    uint32_t users = 0;
    double seconds = 0;

    rng_init(&model->rng, 7);
    while (limit_next(limit, &task)) {
        size_t count = limit_step_count(limit);
        struct limit_step step = {.users = task.users};
        bool is_ours =
            model->kind == MODEL_CAP && model->own_cap > 0 && task.users > model->own_cap;

        assert_in_range(task.users, 1, limit_ceiling(limit));
        assert_true(task.base < task.users && task.base <= limit_holds(limit));
        step.has_held = !is_ours && does_hold(model, task.users, count);
        step.is_ours = is_ours;
        step.broken = step.has_held ? NULL : x_asprintf("%" PRIu32, task.users);
        seconds += seconds_of(&task, users);
        users = task.users;
        limit_add(limit, &step);
    }
    return seconds;
}

/* Each failing step says its number of users. */
static void check_broken(const struct limit *limit, uint32_t users)
{
    char *text = x_asprintf("%" PRIu32, users);

    assert_string_equal(limit_first_broken(limit), text);
    free(text);
}

static void check_edge(uint32_t ceiling, struct model model, double share)
{
    struct limit *limit = limit_new(ceiling);
    double seconds = search(limit, &model), slack = fmax(1, share * (double)model.cap);

    if (limit_end(limit) != LIMIT_EDGE || limit_confirmed(limit) != LIMIT_CONFIRMATIONS)
        fail_msg("cap %u below %u: end %d, confirmed %u", model.cap, ceiling, (int)limit_end(limit),
                 limit_confirmed(limit));
    if (fabs((double)limit_holds(limit) - (double)model.cap) > slack ||
        limit_fails(limit) - limit_holds(limit) > slack)
        fail_msg("cap %u below %u: holds %u, fails %u", model.cap, ceiling, limit_holds(limit),
                 limit_fails(limit));
    if (seconds > 180)
        fail_msg("cap %u below %u: %g s, %zu steps", model.cap, ceiling, seconds,
                 limit_step_count(limit));
    limit_free(limit);
}

static void a_cap_is_found_wherever_it_is(void **state)
{
    static const uint32_t ceilings[] = {2, 3, 10, 64, 65, 100, 128, 1000, 10000, 1000000};

    (void)state;
    for (size_t i = 0; i < sizeof ceilings / sizeof ceilings[0]; i++) {
        for (uint32_t cap = 1; cap < ceilings[i]; cap += 1 + cap / 50)
            check_edge(ceilings[i], (struct model){.cap = cap}, 0.02);
    }
}

static void the_edge_has_held_on_one_side_and_failed_on_the_other(void **state)
{
    struct model model = {.cap = 4200};
    struct limit *limit = limit_new(10000);

    (void)state;
    (void)search(limit, &model);
    assert_true(limit_holds(limit) <= 4200 && limit_fails(limit) > 4200);
    check_broken(limit, limit_fails(limit));
    limit_free(limit);
}

static void a_service_that_holds_the_ceiling_is_asked_for_no_more(void **state)
{
    static const uint32_t ceilings[] = {1, 2, 3, 63, 64, 65, 100, 10000};

    (void)state;
    for (size_t i = 0; i < sizeof ceilings / sizeof ceilings[0]; i++) {
        struct model model = {.cap = ceilings[i]};
        struct limit *limit = limit_new(ceilings[i]);

        (void)search(limit, &model);
        assert_int_equal(limit_end(limit), LIMIT_CEILING);
        assert_int_equal(limit_holds(limit), ceilings[i]);
        assert_int_equal(limit_fails(limit), 0);
        assert_null(limit_first_broken(limit));
        assert_true(limit_step_count(limit) <= 8);
        limit_free(limit);
    }
}

static void a_service_that_holds_nothing_is_asked_twice(void **state)
{
    struct model model = {.cap = 0};
    struct limit *limit = limit_new(10000);

    (void)state;
    (void)search(limit, &model);
    assert_int_equal(limit_end(limit), LIMIT_NOTHING_HOLDS);
    assert_int_equal(limit_step_count(limit), 2);
    assert_int_equal(limit_step_at(limit, 1)->users, 1);
    assert_int_equal(limit_holds(limit), 0);
    limit_free(limit);
}

static void a_failure_that_goes_away_is_seen_through(void **state)
{
    (void)state;
    check_edge(10000, (struct model){.cap = 5000, .kind = MODEL_FLUKE}, 0.02);
    check_edge(640, (struct model){.cap = 333, .kind = MODEL_FLUKE}, 0.02);
}

static void a_number_that_held_by_chance_is_seen_through(void **state)
{
    (void)state;
    check_edge(10000, (struct model){.cap = 3333, .kind = MODEL_LUCK}, 0.02);
}

static void an_edge_that_flaps_is_found_all_the_same(void **state)
{
    (void)state;
    for (uint32_t cap = 50; cap < 9000; cap += 97) {
        struct model model = {.cap = cap, .kind = MODEL_FLAPS};
        struct limit *limit = limit_new(10000);

        (void)search(limit, &model);
        assert_int_equal(limit_end(limit), LIMIT_EDGE);
        if (fabs((double)limit_holds(limit) / cap - 1) > 0.06)
            fail_msg("cap %u: holds %u", cap, limit_holds(limit));
        limit_free(limit);
    }
}

static void a_service_in_decline_comes_to_an_end_unconfirmed(void **state)
{
    struct model model = {.cap = 600, .kind = MODEL_DECLINES};
    struct limit *limit = limit_new(10000);

    (void)state;
    (void)search(limit, &model);
    assert_int_equal(limit_end(limit), LIMIT_EDGE);
    assert_true(limit_confirmed(limit) < LIMIT_CONFIRMATIONS);
    assert_true(limit_step_count(limit) < LIMIT_STEPS);
    limit_free(limit);
}

static void cicada_at_its_own_limit_ends_the_search_with_what_held(void **state)
{
    struct model model = {.cap = 9000, .own_cap = 2000};
    struct limit *limit = limit_new(10000);

    (void)state;
    (void)search(limit, &model);
    assert_int_equal(limit_end(limit), LIMIT_GENERATOR);
    assert_int_equal(limit_holds(limit), 1248);
    assert_int_equal(limit_fails(limit), 0);
    check_broken(limit, 2496);
    limit_free(limit);
}

static void one_busy_moment_of_cicada_ends_nothing(void **state)
{
    struct limit *limit = limit_new(10);
    struct limit_step step = {.users = 1, .is_ours = true};
    struct limit_task task;

    (void)state;
    limit_add(limit, &step);
    assert_true(limit_next(limit, &task));
    assert_int_equal(task.users, 1);
    step.is_ours = false;
    step.has_held = true;
    limit_add(limit, &step);
    assert_true(limit_next(limit, &task));
    assert_int_equal(task.users, 2);
    limit_free(limit);
}

static void a_doubtful_failure_counts_when_it_comes_twice(void **state)
{
    struct limit *limit = limit_new(128);
    struct limit_step step = {.users = 2, .has_held = true};
    struct limit_task task;

    (void)state;
    limit_add(limit, &step);
    step = (struct limit_step){.users = 4, .is_doubtful = true};
    limit_add(limit, &step);
    assert_int_equal(limit_fails(limit), 0);
    assert_true(limit_next(limit, &task));
    assert_int_equal(task.users, 4);
    step = (struct limit_step){.users = 4, .has_held = true};
    limit_add(limit, &step);
    assert_int_equal(limit_holds(limit), 4);
    step = (struct limit_step){.users = 8, .is_doubtful = true};
    limit_add(limit, &step);
    limit_add(limit, &step);
    assert_int_equal(limit_fails(limit), 8);
    assert_int_equal(limit_holds(limit), 4);
    limit_free(limit);
}

/* The next number, and how many of its users stay. */
static void expect_task(const struct limit *limit, uint32_t users, uint32_t base)
{
    struct limit_task task;

    assert_true(limit_next(limit, &task));
    assert_int_equal(task.users, users);
    assert_int_equal(task.base, base);
}

static void a_quarter_of_the_users_of_a_step_is_new(void **state)
{
    struct limit *limit = limit_new(64000);
    struct limit_step step = {.users = 1000, .has_held = true};

    (void)state;
    expect_task(limit, 1000, 0);
    limit_add(limit, &step);
    expect_task(limit, 2000, 1000); /* up from what holds */
    step = (struct limit_step){.users = 2000};
    limit_add(limit, &step);
    expect_task(limit, 1500, 1000); /* never down from more than holds */
    step = (struct limit_step){.users = 1500, .has_held = true};
    limit_add(limit, &step);
    expect_task(limit, 1750, 1312);
    limit_free(limit);
}

static void few_users_all_leave_so_that_each_is_a_sample(void **state)
{
    struct limit *limit = limit_new(LIMIT_ALL_NEW * LIMIT_START_SHARE / 2);
    struct limit_step step = {.users = LIMIT_ALL_NEW / 2, .has_held = true};

    (void)state;
    limit_add(limit, &step);
    expect_task(limit, LIMIT_ALL_NEW, 0);
    step.users = LIMIT_ALL_NEW;
    limit_add(limit, &step);
    expect_task(limit, 2 * LIMIT_ALL_NEW, LIMIT_ALL_NEW);
    limit_free(limit);
}

static void a_time_is_not_asked_of_fewer_users_than_say_something(void **state)
{
    struct limit *limit = limit_new(10000);
    struct limit_step step = {.users = 156, .is_of_time = true};

    (void)state;
    limit_add(limit, &step);
    expect_task(limit, LIMIT_SAMPLES, 0);
    step.users = LIMIT_SAMPLES;
    limit_add(limit, &step);
    assert_int_equal(limit_end(limit), LIMIT_NOTHING_HOLDS);
    assert_int_equal(limit_fails(limit), LIMIT_SAMPLES);
    limit_free(limit);
    limit = limit_new(10000);
    step = (struct limit_step){.users = 156}; /* users who are turned away are few, or none */
    limit_add(limit, &step);
    expect_task(limit, 1, 0);
    limit_free(limit);
}

/* 100 hold; 200, 150, 125, 112 and 106 do not, and then 103. */
static void few_samples_of_a_time_leave_a_wider_gap(void **state)
{
    static const uint32_t failed[] = {200, 150, 125, 112, 106, 103};

    (void)state;
    for (int is_of_time = 0; is_of_time <= 1; is_of_time++) {
        struct limit *limit = limit_new(100 * LIMIT_START_SHARE);
        struct limit_step step = {.users = 100, .has_held = true};

        limit_add(limit, &step);
        for (size_t i = 0; i < sizeof failed / sizeof failed[0]; i++) {
            expect_task(limit, failed[i], 0);
            step = (struct limit_step){.users = failed[i], .is_of_time = is_of_time};
            limit_add(limit, &step);
        }
        /* 3 % apart: near enough to try both again, or not. */
        expect_task(limit, is_of_time ? 100 : 101, 0);
        limit_free(limit);
    }
}

static void ease_is_the_median_of_the_smallest_numbers_that_held(void **state)
{
    static const struct {
        double ttfe_ms;
        uint32_t users;
        uint32_t attempts;
        bool has_held;
    } steps[] = {{1, 15, 15, true},   {10, 30, 20, true},    {70, 60, 30, true},
                 {12, 120, 60, true}, {400, 240, 120, true}, {900, 480, 240, false}};
    struct limit *limit = limit_new(15 * LIMIT_START_SHARE);

    (void)state;
    assert_true(isnan(limit_ease_ms(limit, LIMIT_TTFE)));
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct limit_step step = {
            .users = steps[i].users,
            .has_held = steps[i].has_held,
            .attempts = steps[i].attempts,
            .p95_ms = {[LIMIT_TTFE] = steps[i].ttfe_ms, [LIMIT_LATENCY] = (double)NAN}};

        limit_add(limit, &step);
        if (i == 0) /* too few to say anything */
            assert_true(isnan(limit_ease_ms(limit, LIMIT_TTFE)));
        if (i == 1)
            assert_float_equal(limit_ease_ms(limit, LIMIT_TTFE), 10, 1e-9);
        if (i == 2)
            assert_float_equal(limit_ease_ms(limit, LIMIT_TTFE), 40, 1e-9);
    }
    assert_float_equal(limit_ease_ms(limit, LIMIT_TTFE), 12, 1e-9);
    assert_true(isnan(limit_ease_ms(limit, LIMIT_LATENCY)));
    limit_free(limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cap_is_found_wherever_it_is),
        cmocka_unit_test(the_edge_has_held_on_one_side_and_failed_on_the_other),
        cmocka_unit_test(a_service_that_holds_the_ceiling_is_asked_for_no_more),
        cmocka_unit_test(a_service_that_holds_nothing_is_asked_twice),
        cmocka_unit_test(a_failure_that_goes_away_is_seen_through),
        cmocka_unit_test(a_number_that_held_by_chance_is_seen_through),
        cmocka_unit_test(an_edge_that_flaps_is_found_all_the_same),
        cmocka_unit_test(a_service_in_decline_comes_to_an_end_unconfirmed),
        cmocka_unit_test(cicada_at_its_own_limit_ends_the_search_with_what_held),
        cmocka_unit_test(one_busy_moment_of_cicada_ends_nothing),
        cmocka_unit_test(a_doubtful_failure_counts_when_it_comes_twice),
        cmocka_unit_test(a_quarter_of_the_users_of_a_step_is_new),
        cmocka_unit_test(few_users_all_leave_so_that_each_is_a_sample),
        cmocka_unit_test(a_time_is_not_asked_of_fewer_users_than_say_something),
        cmocka_unit_test(few_samples_of_a_time_leave_a_wider_gap),
        cmocka_unit_test(ease_is_the_median_of_the_smallest_numbers_that_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

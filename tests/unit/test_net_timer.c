#include "net/timer.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { START_S = 1000, MODEL_TIMERS = 200, MODEL_STEPS = 20000 };

/* A timer that notes when and in which order it ran. */
struct probe {
    struct timer timer;
    struct timer_wheel *wheel;
    struct probe *victim; /* cancelled by this one's function */
    uint64_t again_ns;    /* not 0: set anew to this by its own function */
    uint64_t ran_ns;      /* 0: not yet */
    int place;
};

static int next_place;

static uint64_t start_ns(void)
{
    return START_S * CLOCK_NS_PER_S;
}

static void on_probe(struct timer *timer, uint64_t now_ns)
{
    struct probe *probe = CONTAINER_OF(timer, struct probe, timer);

    assert_false(timer_is_set(timer));
    assert_true(now_ns >= timer->deadline_ns);
    probe->ran_ns = now_ns;
    probe->place = ++next_place;
    if (probe->victim)
        timer_wheel_cancel(probe->wheel, &probe->victim->timer);
    if (probe->again_ns) {
        timer_wheel_set(probe->wheel, timer, probe->again_ns, on_probe);
        probe->again_ns = 0;
    }
}

static void set(struct timer_wheel *wheel, struct probe *probe, uint64_t deadline_ns)
{
    probe->wheel = wheel;
    probe->ran_ns = 0;
    timer_wheel_set(wheel, &probe->timer, deadline_ns, on_probe);
}

static int begin(void **state)
{
    (void)state;
    next_place = 0;
    return 0;
}

static void timers_run_in_the_order_of_their_deadlines(void **state)
{
    static const unsigned spans_ms[] = {500, 3, 70, 1, 64, 63, 65, 4096, 4095, 5000};
    enum { COUNT = sizeof spans_ms / sizeof spans_ms[0] };
    struct probe probes[COUNT] = {0};
    struct timer_wheel wheel;

    (void)state;
    timer_wheel_init(&wheel, start_ns());
    for (int i = 0; i < COUNT; i++)
        set(&wheel, &probes[i], start_ns() + spans_ms[i] * CLOCK_NS_PER_MS);
    assert_int_equal(timer_wheel_advance(&wheel, start_ns() + 6 * CLOCK_NS_PER_S), COUNT);
    for (int i = 0; i < COUNT; i++) {
        for (int k = 0; k < COUNT; k++)
            assert_int_equal(probes[i].place < probes[k].place, spans_ms[i] < spans_ms[k]);
    }
    assert_true(timer_wheel_next_ns(&wheel) == CLOCK_NEVER_NS);
}

static void a_deadline_is_rounded_up_to_a_millisecond(void **state)
{
    struct probe probe = {0};
    struct timer_wheel wheel;

    (void)state;
    timer_wheel_init(&wheel, start_ns());
    set(&wheel, &probe, start_ns() + 1);
    assert_int_equal(timer_wheel_advance(&wheel, start_ns() + CLOCK_NS_PER_MS - 1), 0);
    assert_int_equal(timer_wheel_advance(&wheel, start_ns() + CLOCK_NS_PER_MS), 1);
    set(&wheel, &probe, start_ns() + 2 * CLOCK_NS_PER_MS);
    assert_int_equal(timer_wheel_advance(&wheel, start_ns() + 2 * CLOCK_NS_PER_MS - 1), 0);
    assert_int_equal(timer_wheel_advance(&wheel, start_ns() + 2 * CLOCK_NS_PER_MS), 1);
}

static void a_deadline_in_the_past_runs_at_the_next_millisecond(void **state)
{
    struct probe probe = {0};
    struct timer_wheel wheel;

    (void)state;
    timer_wheel_init(&wheel, start_ns());
    set(&wheel, &probe, 0);
    assert_int_equal(timer_wheel_advance(&wheel, start_ns()), 0);
    assert_int_equal(timer_wheel_advance(&wheel, start_ns() + CLOCK_NS_PER_MS), 1);
}

/* Runs the wheel as a loop does: from one next_ns to the next. */
static void every_level_cascades_to_the_millisecond(void **state)
{
    (void)state;
    for (unsigned level = 0; level <= TIMER_LEVEL_COUNT; level++) {
        for (uint64_t side = 0; side <= 2; side++) {
            uint64_t span_ms = (1ull << (6 * level)) + side;
            struct probe probe = {0};
            struct timer_wheel wheel;
            uint64_t now_ns = start_ns() + 12345 * CLOCK_NS_PER_MS;
            int turns = 0;

            timer_wheel_init(&wheel, now_ns);
            set(&wheel, &probe, now_ns + span_ms * CLOCK_NS_PER_MS);
            while (probe.ran_ns == 0) {
                uint64_t next_ns = timer_wheel_next_ns(&wheel);

                assert_true(next_ns > now_ns);
                assert_true(next_ns <= probe.timer.deadline_ns);
                now_ns = next_ns;
                (void)timer_wheel_advance(&wheel, now_ns);
                assert_true(++turns <= 20);
            }
            assert_true(probe.ran_ns == probe.timer.deadline_ns);
        }
    }
}

static void one_timer_may_cancel_another_of_the_same_millisecond(void **state)
{
    struct probe probes[3] = {0};
    struct timer_wheel wheel;

    (void)state;
    timer_wheel_init(&wheel, start_ns());
    for (int i = 0; i < 3; i++)
        set(&wheel, &probes[i], start_ns() + CLOCK_NS_PER_MS);
    probes[0].victim = &probes[2];
    probes[1].victim = &probes[0]; /* has run already: no-op */
    assert_int_equal(timer_wheel_advance(&wheel, start_ns() + CLOCK_NS_PER_MS), 2);
    assert_true(probes[2].ran_ns == 0);
    assert_false(timer_is_set(&probes[2].timer));
}

static void a_timer_may_set_itself_again_from_its_function(void **state)
{
    struct probe probe = {0};
    struct timer_wheel wheel;

    (void)state;
    timer_wheel_init(&wheel, start_ns());
    set(&wheel, &probe, start_ns() + CLOCK_NS_PER_MS);
    probe.again_ns = start_ns() + 5 * CLOCK_NS_PER_MS;
    assert_int_equal(timer_wheel_advance(&wheel, start_ns() + 3 * CLOCK_NS_PER_MS), 1);
    assert_true(timer_is_set(&probe.timer));
    probe.again_ns = start_ns(); /* in the past: once more, not for ever */
    assert_int_equal(timer_wheel_advance(&wheel, start_ns() + 8 * CLOCK_NS_PER_MS), 2);
    assert_false(timer_is_set(&probe.timer));
}

static void a_set_timer_can_be_moved_both_ways(void **state)
{
    struct probe probe = {0};
    struct timer_wheel wheel;

    (void)state;
    timer_wheel_init(&wheel, start_ns());
    set(&wheel, &probe, start_ns() + CLOCK_NS_PER_S);
    set(&wheel, &probe, start_ns() + 2 * CLOCK_NS_PER_MS);
    assert_int_equal(timer_wheel_advance(&wheel, start_ns() + 2 * CLOCK_NS_PER_MS), 1);
    set(&wheel, &probe, start_ns() + 4 * CLOCK_NS_PER_MS);
    set(&wheel, &probe, start_ns() + CLOCK_NS_PER_S);
    assert_int_equal(timer_wheel_advance(&wheel, start_ns() + 999 * CLOCK_NS_PER_MS), 0);
    assert_int_equal(timer_wheel_advance(&wheel, start_ns() + CLOCK_NS_PER_S), 1);
}

static void the_last_cancel_leaves_nothing_to_wait_for(void **state)
{
    struct probe probes[2] = {0};
    struct timer_wheel wheel;

    (void)state;
    timer_wheel_init(&wheel, start_ns());
    timer_wheel_cancel(&wheel, &probes[0].timer); /* never set: no-op */
    set(&wheel, &probes[0], start_ns() + CLOCK_NS_PER_S);
    set(&wheel, &probes[1], start_ns() + CLOCK_NS_PER_S);
    timer_wheel_cancel(&wheel, &probes[0].timer);
    assert_true(timer_wheel_next_ns(&wheel) <= start_ns() + CLOCK_NS_PER_S);
    timer_wheel_cancel(&wheel, &probes[1].timer);
    timer_wheel_cancel(&wheel, &probes[1].timer);
    assert_true(timer_wheel_next_ns(&wheel) == CLOCK_NEVER_NS);
}

static void the_furthest_deadline_does_not_run(void **state)
{
    struct probe probe = {0};
    struct timer_wheel wheel;
    uint64_t year_ns = 365ull * 24 * 3600 * 1000000000ull;

    (void)state;
    timer_wheel_init(&wheel, start_ns());
    set(&wheel, &probe, CLOCK_NEVER_NS - 1);
    assert_int_equal(timer_wheel_advance(&wheel, start_ns() + 20 * year_ns), 0);
    assert_true(timer_is_set(&probe.timer));
    timer_wheel_cancel(&wheel, &probe.timer);
    assert_true(timer_wheel_next_ns(&wheel) == CLOCK_NEVER_NS);
}

/* --- against a model that looks at every timer --- */

static uint64_t random_span_ns(struct rng *rng)
{
    return rng_between(rng, 0, 1ull << rng_between(rng, 0, 61)) %
           (3000ull * 24 * 3600 * 1000000000);
}

/* The next deadline, rounded up; CLOCK_NEVER_NS when none is set. */
static uint64_t earliest_ns(const struct probe *probes)
{
    uint64_t best_ns = CLOCK_NEVER_NS;

    for (int i = 0; i < MODEL_TIMERS; i++) {
        uint64_t deadline_ns = probes[i].timer.deadline_ns;
        uint64_t due_ns = (deadline_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS * CLOCK_NS_PER_MS;

        if (timer_is_set(&probes[i].timer) && due_ns < best_ns)
            best_ns = due_ns;
    }
    return best_ns;
}

/* Nothing that is due may have been left over; on_probe checks that nothing ran early. */
static void check_all(const struct probe *probes, uint64_t now_ns)
{
    uint64_t now_ms = now_ns / CLOCK_NS_PER_MS;

    for (int i = 0; i < MODEL_TIMERS; i++) {
        const struct timer *timer = &probes[i].timer;

        if (timer_is_set(timer))
            assert_true(timer->deadline_ns > now_ms * CLOCK_NS_PER_MS);
    }
}

static void a_random_life_matches_a_sorted_model(void **state)
{
    struct probe *probes = x_calloc(MODEL_TIMERS, sizeof *probes);
    struct timer_wheel wheel;
    uint64_t now_ns = start_ns() + 777777;
    struct rng rng;

    (void)state;
    rng_init(&rng, 7);
    timer_wheel_init(&wheel, now_ns);
    for (int step = 0; step < MODEL_STEPS; step++) {
        struct probe *probe = &probes[rng_between(&rng, 0, MODEL_TIMERS - 1)];
        uint64_t next_ns, due_ns;

        if (rng_between(&rng, 0, 9) < 7)
            set(&wheel, probe, now_ns + CLOCK_NS_PER_MS + random_span_ns(&rng));
        else
            timer_wheel_cancel(&wheel, &probe->timer);
        if (rng_between(&rng, 0, 3) > 0)
            continue;
        next_ns = timer_wheel_next_ns(&wheel);
        due_ns = earliest_ns(probes);
        assert_true(next_ns <= due_ns);
        assert_true((next_ns == CLOCK_NEVER_NS) == (due_ns == CLOCK_NEVER_NS));
        if (rng_between(&rng, 0, 1) && next_ns != CLOCK_NEVER_NS && next_ns > now_ns)
            now_ns = next_ns;
        else
            now_ns += random_span_ns(&rng) >> rng_between(&rng, 0, 40);
        (void)timer_wheel_advance(&wheel, now_ns);
        check_all(probes, now_ns);
    }
    free(probes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(timers_run_in_the_order_of_their_deadlines, begin),
        cmocka_unit_test_setup(a_deadline_is_rounded_up_to_a_millisecond, begin),
        cmocka_unit_test_setup(a_deadline_in_the_past_runs_at_the_next_millisecond, begin),
        cmocka_unit_test_setup(every_level_cascades_to_the_millisecond, begin),
        cmocka_unit_test_setup(one_timer_may_cancel_another_of_the_same_millisecond, begin),
        cmocka_unit_test_setup(a_timer_may_set_itself_again_from_its_function, begin),
        cmocka_unit_test_setup(a_set_timer_can_be_moved_both_ways, begin),
        cmocka_unit_test_setup(the_last_cancel_leaves_nothing_to_wait_for, begin),
        cmocka_unit_test_setup(the_furthest_deadline_does_not_run, begin),
        cmocka_unit_test_setup(a_random_life_matches_a_sorted_model, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

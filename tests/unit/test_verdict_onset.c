#include "verdict/onset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint64_t S = 1000000000;

/* A run of one worker, second by second. */
struct course {
    struct run *run;
    struct stats *delta;
    size_t endpoint;
    uint64_t seconds;
};

static void begin(struct course *course)
{
    *course = (struct course){.run = run_new(1), .delta = stats_new()};
    course->endpoint = stats_add_endpoint(course->delta, "GET", "http://h/");
}

static void end(struct course *course)
{
    run_free(course->run);
    stats_free(course->delta);
}

static void add_fails(struct course *course, const char *tag, uint64_t count)
{
    stat_count(stats_endpoint_set(course->delta, course->endpoint), METRIC_SSE_CONNECT_FAILS, tag,
               count);
}

static void second(struct course *course, uint32_t open, uint64_t attempts, uint64_t fails)
{
    struct stat_set *set = stats_endpoint_set(course->delta, course->endpoint);
    const struct run_tick tick = {.interval_ns = S, .users = open + 10, .open = open};

    stat_count(set, METRIC_SSE_ATTEMPTS, NULL, attempts);
    stat_passes(set, METRIC_SSE_CONNECT_SUCCESS, NULL, attempts - fails, fails);
    run_add_tick(course->run, 0, &tick, course->delta);
    stats_clear(course->delta);
    run_close_second(course->run, ++course->seconds * S);
}

static void a_run_without_failures_has_none(void **state)
{
    struct course course;
    struct onset onset;

    (void)state;
    begin(&course);
    assert_false(onset_find(course.run, &onset));
    for (uint32_t i = 1; i <= 20; i++)
        second(&course, i * 100, 100, 0);
    assert_false(onset_find(course.run, &onset));
    end(&course);
}

static void a_cap_shows_at_its_number(void **state)
{
    struct course course;
    struct onset onset;

    (void)state;
    begin(&course);
    for (uint32_t i = 1; i <= 4; i++)
        second(&course, i * 1000, 1000, 0);
    add_fails(&course, "cause:status_5xx", 2712);
    second(&course, 4096, 1000, 904);
    second(&course, 4096, 1000, 1000);
    second(&course, 4096, 1000, 808);
    assert_true(onset_find(course.run, &onset));
    assert_true(onset.at_s == 5);
    assert_int_equal(onset.open, 4096);
    assert_int_equal(onset.users, 4106);
    assert_string_equal(onset_what(&onset), "status_5xx");
    end(&course);
}

/* Five in ten seconds, of a ramp of one a second; and streams that the failure takes along. */
static void a_slow_ramp_has_one_too(void **state)
{
    struct course course;
    struct onset onset;

    (void)state;
    begin(&course);
    for (uint32_t i = 1; i <= 50; i++)
        second(&course, i, 1, 0);
    for (uint32_t i = 0; i < 4; i++)
        second(&course, 40, 1, 1);
    assert_false(onset_find(course.run, &onset));
    second(&course, 40, 1, 1);
    assert_true(onset_find(course.run, &onset));
    assert_true(onset.at_s == 51);
    assert_int_equal(onset.open, 50);
    assert_string_equal(onset_what(&onset), "unanswered");
    end(&course);
}

static void few_failures_are_none(void **state)
{
    static const struct {
        uint64_t attempts, fails;
        bool is_onset;
    } rows[] = {{10, 4, false}, {500, 5, false}, {499, 5, true}, {6, 5, true}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct course course;
        struct onset onset;

        begin(&course);
        second(&course, 10, 0, 0);
        second(&course, 10, rows[i].attempts, rows[i].fails);
        assert_false(onset_find(course.run, &onset));
        second(&course, 10, 0, 0);
        assert_int_equal(onset_find(course.run, &onset), rows[i].is_onset);
        end(&course);
    }
}

static void the_class_of_most_failures_is_named(void **state)
{
    struct course course;
    struct onset onset;

    (void)state;
    begin(&course);
    add_fails(&course, "cause:connect_refused", 4);
    add_fails(&course, "cause:reset", 1);
    second(&course, 100, 6, 5);
    second(&course, 100, 0, 0);
    second(&course, 100, 0, 0);
    assert_true(onset_find(course.run, &onset));
    assert_int_equal(onset.what, CLASS_CONNECT_REFUSED);
    end(&course);
}

static void a_204_is_named_where_most_are_stopped_by_it(void **state)
{
    struct course course;
    struct onset onset;

    (void)state;
    begin(&course);
    add_fails(&course, "cause:status_5xx", 5);
    add_fails(&course, "code:204", 5);
    for (int i = 0; i < 3; i++)
        second(&course, 100, 6, 5);
    assert_true(onset_find(course.run, &onset));
    assert_string_equal(onset_what(&onset), "status_204");
    add_fails(&course, "cause:status_5xx", 1);
    second(&course, 100, 6, 5);
    assert_true(onset_find(course.run, &onset));
    assert_string_equal(onset_what(&onset), "status_5xx");
    end(&course);
}

/* It began with no number of streams: nothing ever worked. */
static void a_run_that_only_fails_has_none(void **state)
{
    struct course course;
    struct onset onset;

    (void)state;
    begin(&course);
    for (int i = 0; i < 4; i++)
        second(&course, 0, 50, 50);
    assert_false(onset_find(course.run, &onset));
    second(&course, 1, 1, 0); /* it was down at first */
    assert_false(onset_find(course.run, &onset));
    end(&course);
}

static void a_service_that_went_away_fails_at_no_number(void **state)
{
    struct course course;
    struct onset onset;

    (void)state;
    begin(&course);
    second(&course, 100, 100, 0);
    second(&course, 0, 0, 0);
    for (int i = 0; i < 3; i++)
        second(&course, 0, 100, 100);
    assert_false(onset_find(course.run, &onset));
    end(&course);
    begin(&course);
    second(&course, 100, 100, 0);
    for (int i = 0; i < 3; i++)
        second(&course, 0, 100, 100); /* it fell over with them open */
    assert_true(onset_find(course.run, &onset));
    assert_int_equal(onset.open, 100);
    end(&course);
}

static void a_wrong_request_is_not_of_a_number(void **state)
{
    struct course course;
    struct onset onset;

    (void)state;
    begin(&course);
    add_fails(&course, "cause:status_4xx", 50);
    add_fails(&course, "code:404", 26);
    add_fails(&course, "code:429", 24);
    for (int i = 0; i < 3; i++)
        second(&course, 50, 50, 20);
    assert_false(onset_find(course.run, &onset));
    add_fails(&course, "code:429", 1);
    second(&course, 50, 0, 0);
    assert_true(onset_find(course.run, &onset));
    assert_int_equal(onset.what, CLASS_STATUS_4XX);
    end(&course);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_without_failures_has_none),
        cmocka_unit_test(a_cap_shows_at_its_number),
        cmocka_unit_test(a_slow_ramp_has_one_too),
        cmocka_unit_test(few_failures_are_none),
        cmocka_unit_test(the_class_of_most_failures_is_named),
        cmocka_unit_test(a_204_is_named_where_most_are_stopped_by_it),
        cmocka_unit_test(a_run_that_only_fails_has_none),
        cmocka_unit_test(a_service_that_went_away_fails_at_no_number),
        cmocka_unit_test(a_wrong_request_is_not_of_a_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "verdict/threshold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint64_t S = 1000000000;

/* A run of one worker with one threshold, second by second. */
struct course {
    struct thresholds *thresholds;
    struct run *run;
    struct stats *delta; /* of the second to come */
    struct stat_set *set;
    uint64_t seconds;
};

static struct thresholds *make(const char *text)
{
    struct err err = {0};
    struct thresholds *thresholds = thresholds_new(&text, 1, &err);

    if (!thresholds)
        fail_msg("%s", err.text);
    return thresholds;
}

static void begin(struct course *course, const char *text)
{
    *course = (struct course){.thresholds = make(text), .run = run_new(1), .delta = stats_new()};
    course->set =
        stats_endpoint_set(course->delta, stats_add_endpoint(course->delta, "GET", "http://h/a"));
}

static void end(struct course *course)
{
    thresholds_free(course->thresholds);
    run_free(course->run);
    stats_free(course->delta);
}

/* Closes a second with what has been recorded since the last; does a threshold end the run? */
static bool step(struct course *course)
{
    struct run_tick tick = {.interval_ns = S, .users = 1, .open = 1};

    run_add_tick(course->run, 0, &tick, course->delta);
    stats_clear(course->delta);
    run_close_second(course->run, ++course->seconds * S);
    return thresholds_judge_second(course->thresholds, course->run);
}

static void a_stage_is_judged_by_its_own_figures(void **state)
{
    struct run_tick tick = {.interval_ns = S, .users = 1, .open = 1, .stage = 1};
    struct course course;

    (void)state;
    begin(&course, "sse_events{stage:2}: rate>=10 abort");
    run_begin_stage(course.run, 1, 0);
    stat_count(course.set, METRIC_SSE_EVENTS, NULL, 1);
    run_add_tick(course.run, 0, &tick, course.delta);
    run_close_second(course.run, S);
    assert_false(thresholds_judge_second(course.thresholds, course.run));
    assert_int_equal(thresholds_at(course.thresholds, 0)->state, THRESHOLD_NOT_MEASURED);
    run_begin_stage(course.run, 2, S);
    tick.stage = 2;
    stats_clear(course.delta);
    stat_count(course.set, METRIC_SSE_EVENTS, NULL, 20);
    run_add_tick(course.run, 0, &tick, course.delta);
    run_close_second(course.run, 2 * S);
    assert_false(thresholds_judge_second(course.thresholds, course.run));
    assert_int_equal(thresholds_at(course.thresholds, 0)->state, THRESHOLD_HELD);
    assert_true(thresholds_at(course.thresholds, 0)->value == 20);
    run_close_second(course.run, 4 * S);
    assert_true(thresholds_judge_second(course.thresholds, course.run));
    end(&course);
}

static void a_warm_up_is_in_no_rate_and_no_window(void **state)
{
    struct course course;

    (void)state;
    begin(&course, "sse_events: rate>=10 over 2s after 8s");
    run_end_warm_up(course.run, 5 * S);
    course.seconds = 5;
    for (int i = 0; i < 4; i++) {
        stat_count(course.set, METRIC_SSE_EVENTS, NULL, i < 2 ? 1 : 10);
        assert_false(step(&course));
        assert_int_equal(thresholds_at(course.thresholds, 0)->state, THRESHOLD_NOT_MEASURED);
    }
    stat_count(course.set, METRIC_SSE_EVENTS, NULL, 10);
    assert_false(step(&course));
    assert_int_equal(thresholds_at(course.thresholds, 0)->state, THRESHOLD_HELD);
    end(&course);
    begin(&course, "sse_events: rate==20");
    run_end_warm_up(course.run, 5 * S + S / 2);
    course.seconds = 5;
    stat_count(course.set, METRIC_SSE_EVENTS, NULL, 10);
    assert_false(step(&course));
    assert_true(thresholds_at(course.thresholds, 0)->value == 20);
    end(&course);
}

static void a_stage_there_will_not_be_is_named(void **state)
{
    struct thresholds *thresholds = make("sse_ttfe{stage:3}: p(95)<5");
    struct err err = {0};

    (void)state;
    assert_int_equal(thresholds_check_stages(thresholds, 3, &err), 0);
    assert_int_equal(thresholds_check_stages(thresholds, THRESHOLD_STAGES_UNKNOWN, &err), 0);
    assert_int_equal(thresholds_check_stages(thresholds, 2, &err), -1);
    assert_string_equal(err.text, "column 9 of 'sse_ttfe{stage:3}: p(95)<5': there is no stage 3, "
                                  "the last is 2");
    assert_int_equal(thresholds_check_stages(thresholds, 0, &err), -1);
    assert_string_equal(err.text,
                        "column 9 of 'sse_ttfe{stage:3}: p(95)<5': the run has no stages");
    thresholds_free(thresholds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_is_judged_by_its_own_figures),
        cmocka_unit_test(a_warm_up_is_in_no_rate_and_no_window),
        cmocka_unit_test(a_stage_there_will_not_be_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

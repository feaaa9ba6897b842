#include "verdict/threshold.h"

#include "base/clock.h"
#include "report_sample.h"
#include "verdict/outcome.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t S = 1000000000;

/* A run of one worker with one threshold, second by second. */
struct course {
    struct thresholds *thresholds;
    struct run *run;
    struct stats *delta; /* of the second to come */
    struct stat_set *set;
    uint64_t seconds;
    uint32_t open;
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

static void tick(struct course *course)
{
    struct run_tick tick = {.interval_ns = S, .users = 1, .open = course->open};

    run_add_tick(course->run, 0, &tick, course->delta);
    thresholds_add(course->thresholds, course->delta);
    stats_clear(course->delta);
}

/* Closes a second with what has been recorded since the last; does a threshold end the run? */
static bool step(struct course *course)
{
    tick(course);
    run_close_second(course->run, ++course->seconds * S);
    return thresholds_judge_second(course->thresholds, course->run);
}

static void finish(struct course *course, uint64_t elapsed_ns)
{
    tick(course);
    course->run->info.is_stopping = true;
    run_finish(course->run, elapsed_ns);
    thresholds_finish(course->thresholds, course->run);
}

static void check_state(const struct course *course, enum threshold_state state, double value)
{
    const struct threshold *threshold = thresholds_at(course->thresholds, 0);

    assert_int_equal(threshold->state, state);
    assert_float_equal(threshold->value, value, 1e-9);
}

static void end(struct course *course)
{
    thresholds_free(course->thresholds);
    run_free(course->run);
    stats_free(course->delta);
}

/* --- the whole run --- */

static void check_whole(struct run *run, const char *text, enum threshold_state state, double value)
{
    struct thresholds *thresholds = make(text);
    const struct threshold *threshold = thresholds_at(thresholds, 0);

    thresholds_finish(thresholds, run);
    if (threshold->state != state)
        fail_msg("%s: state %d, value %g", text, threshold->state, threshold->value);
    if (!(threshold->value >= value - 1e-6 && threshold->value <= value + 1e-6))
        fail_msg("%s: value %g, expected %g", text, threshold->value, value);
    thresholds_free(thresholds);
}

static void every_kind_is_judged_by_its_aggregates(void **state)
{
    struct run *run = sample_trouble();
    const enum threshold_state held = THRESHOLD_HELD, crossed = THRESHOLD_CROSSED;

    (void)state;
    check_whole(run, "sse_disconnects: count==7", held, 7);
    check_whole(run, "sse_disconnects{cause:reset}: count<5", crossed, 5);
    check_whole(run, "sse_disconnects{cause:reset}: count<=5", held, 5);
    check_whole(run, "sse_disconnects{cause:reset}: count>5", crossed, 5);
    check_whole(run, "sse_disconnects{cause:reset}: count>=5", held, 5);
    check_whole(run, "sse_disconnects{cause:reset}: count!=5", crossed, 5);
    check_whole(run, "sse_disconnects{cause:reset}: count!=6", held, 5);
    check_whole(run, "sse_events: rate>300", held, 4800 / 12.1);
    check_whole(run, "sse_connect_success{phase:resume}: rate>0.9", crossed, 6.0 / 7);
    check_whole(run, "sse_connect_success{phase:resume}: rate>85%", held, 6.0 / 7);
    check_whole(run, "sse_ttfe{phase:resume}: max<13s", held, 12.3);
    check_whole(run, "sse_ttfe{phase:resume}: min<12", crossed, 12);
    check_whole(run, "sse_ttfe{phase:resume}: avg<12.2", held, 12.15);
    check_whole(run, "sse_ttfe{phase:resume}: med<12.2", held, 12.151);
    check_whole(run, "sse_ttfe{phase:resume}: p(100)<12.2", crossed, 12.3);
    check_whole(run, "sse_ttfe{phase:resume}: count==7", held, 7);
    check_whole(run, "sse_open: max>=40", held, 40);
    check_whole(run, "sse_open: value>40", crossed, 40);
    check_whole(run, "login_success{cause:first}: rate===1", held, 1);
    run_free(run);
}

static void what_has_no_samples_is_not_measured(void **state)
{
    struct run *run = sample_trouble(), *empty = sample_empty();

    (void)state;
    check_whole(run, "sse_ttfe{phase:frist}: p(95)<500", THRESHOLD_NOT_MEASURED, 0);
    check_whole(run, "sse_ttfe{phase:frist}: count==0", THRESHOLD_NOT_MEASURED, 0);
    check_whole(empty, "sse_ttfe: max<500", THRESHOLD_NOT_MEASURED, 0);
    check_whole(empty, "sse_connect_success: rate>=0", THRESHOLD_NOT_MEASURED, 0);
    check_whole(empty, "sse_open: value>=0", THRESHOLD_NOT_MEASURED, 0);
    check_whole(empty, "sse_events: rate>=0", THRESHOLD_NOT_MEASURED, 0); /* it took no time */
    run_free(run);
    run_free(empty);
}

static void a_counter_that_was_never_added_to_is_zero(void **state)
{
    struct run *run = sample_pass();

    (void)state;
    check_whole(run, "sse_gave_up: count==0", THRESHOLD_HELD, 0);
    check_whole(run, "http_status{code:503}: count==0", THRESHOLD_HELD, 0);
    check_whole(run, "http_status{code:503}: rate>0", THRESHOLD_CROSSED, 0);
    run_free(run);
}

static void an_endpoint_is_found_by_name_with_or_without_method(void **state)
{
    struct run *run = sample_trouble();

    (void)state;
    check_whole(run, "sse_ttfe{endpoint:http://127.0.0.1:8080/good}: count==47", THRESHOLD_HELD,
                47);
    check_whole(run, "sse_attempts{name:GET http://127.0.0.1:8080/good}: count==47", THRESHOLD_HELD,
                47);
    check_whole(run, "login_success{endpoint:POST http://127.0.0.1:8080/login}: rate<0.96",
                THRESHOLD_HELD, 43.0 / 45);
    check_whole(run, "sse_attempts{endpoint:GET http://127.0.0.1:8080/login}: count==0",
                THRESHOLD_NOT_MEASURED, 0);
    check_whole(run, "sse_attempts{endpoint:http://127.0.0.1:8080/nowhere}: count==0",
                THRESHOLD_NOT_MEASURED, 0);
    run_free(run);
}

/* --- ending the run --- */

static void an_abort_ends_the_run_and_stays_crossed(void **state)
{
    struct course course;

    (void)state;
    begin(&course, "sse_connect_success: rate>0.5 abort");
    stat_passes(course.set, METRIC_SSE_CONNECT_SUCCESS, NULL, 9, 1);
    assert_false(step(&course));
    check_state(&course, THRESHOLD_HELD, 0.9);
    assert_null(thresholds_find_end(course.thresholds));
    stat_passes(course.set, METRIC_SSE_CONNECT_SUCCESS, NULL, 0, 10);
    assert_true(step(&course));
    check_state(&course, THRESHOLD_CROSSED, 0.45);
    stat_passes(course.set, METRIC_SSE_CONNECT_SUCCESS, NULL, 1000, 0);
    finish(&course, 2 * S + S / 4);
    check_state(&course, THRESHOLD_CROSSED, 0.45);
    assert_ptr_equal(thresholds_find_end(course.thresholds), thresholds_at(course.thresholds, 0));
    assert_int_equal(thresholds_at(course.thresholds, 0)->crossed_ns, 2 * S);
    end(&course);
}

static void without_abort_the_end_decides(void **state)
{
    struct course course;

    (void)state;
    begin(&course, "sse_connect_success: rate>0.5");
    stat_passes(course.set, METRIC_SSE_CONNECT_SUCCESS, NULL, 0, 1);
    assert_false(step(&course));
    check_state(&course, THRESHOLD_CROSSED, 0);
    stat_passes(course.set, METRIC_SSE_CONNECT_SUCCESS, NULL, 3, 0);
    finish(&course, S + S / 4);
    check_state(&course, THRESHOLD_HELD, 0.75);
    end(&course);
}

static void an_abort_waits_for_its_time_and_for_samples(void **state)
{
    struct course course;

    (void)state;
    begin(&course, "sse_ttfe: max<1s abort after 2500ms");
    assert_false(step(&course));
    check_state(&course, THRESHOLD_NOT_MEASURED, 0);
    stat_time(course.set, METRIC_SSE_TTFE, NULL, 3 * S);
    assert_false(step(&course));
    check_state(&course, THRESHOLD_CROSSED, 3000);
    assert_true(step(&course));
    end(&course);

    begin(&course, "sse_ttfe: max<1s abort");
    assert_false(step(&course));
    finish(&course, 2 * S);
    check_state(&course, THRESHOLD_NOT_MEASURED, 0);
    assert_null(thresholds_find_end(course.thresholds));
    end(&course);
}

/* --- windows --- */

static void events(struct course *course, uint64_t count)
{
    stat_count(course->set, METRIC_SSE_EVENTS, NULL, count);
}

static void the_worst_window_counts_and_its_first_crossing(void **state)
{
    static const uint64_t counts[] = {10, 10, 10, 10, 1, 0, 10, 10, 10, 10};
    struct course course;

    (void)state;
    begin(&course, "sse_events: rate>5 over 3s");
    for (size_t i = 0; i < 10; i++) {
        events(&course, counts[i]);
        assert_false(step(&course));
        if (i < 2)
            check_state(&course, THRESHOLD_NOT_MEASURED, 0);
        else if (i < 4)
            check_state(&course, THRESHOLD_HELD, 10);
    }
    finish(&course, 10 * S);
    check_state(&course, THRESHOLD_CROSSED, 11.0 / 3);
    assert_int_equal(thresholds_at(course.thresholds, 0)->crossed_ns, 6 * S);
    end(&course);
}

static void a_window_ends_the_run_where_it_is_asked_to(void **state)
{
    struct course course;

    (void)state;
    begin(&course, "sse_events: count>=5 over 2s abort");
    events(&course, 5);
    assert_false(step(&course));
    events(&course, 1);
    assert_false(step(&course));
    assert_true(step(&course));
    check_state(&course, THRESHOLD_CROSSED, 1);
    end(&course);
}

static void windows_that_begin_before_after_do_not_count(void **state)
{
    struct course course;

    (void)state;
    begin(&course, "sse_events: count>=5 over 2s after 2s");
    for (int i = 0; i < 3; i++)
        assert_false(step(&course));
    check_state(&course, THRESHOLD_NOT_MEASURED, 0);
    events(&course, 7);
    assert_false(step(&course));
    check_state(&course, THRESHOLD_HELD, 7);
    end(&course);
}

static void a_window_without_samples_is_passed_over(void **state)
{
    struct course course;

    (void)state;
    begin(&course, "sse_ttfe{phase:first}: p(95)<100 over 1s");
    stat_time(course.set, METRIC_SSE_TTFE, "phase:first", 80 * CLOCK_NS_PER_MS);
    (void)step(&course);
    (void)step(&course);
    check_state(&course, THRESHOLD_HELD, 80);
    stat_time(course.set, METRIC_SSE_TTFE, "phase:first", 90 * CLOCK_NS_PER_MS);
    (void)step(&course);
    (void)step(&course);
    check_state(&course, THRESHOLD_HELD, 90);
    stat_time(course.set, METRIC_SSE_TTFE, "phase:resume", 900 * CLOCK_NS_PER_MS);
    finish(&course, 5 * S);
    check_state(&course, THRESHOLD_HELD, 90);
    end(&course);
}

static void the_last_second_of_a_run_is_in_a_window_its_rest_is_not(void **state)
{
    struct course course;

    (void)state;
    begin(&course, "sse_events: count<5 over 2s");
    (void)step(&course);
    events(&course, 5);
    finish(&course, 2 * S - S / 10);
    check_state(&course, THRESHOLD_CROSSED, 5);
    end(&course);

    begin(&course, "sse_events: count<5 over 2s");
    (void)step(&course);
    (void)step(&course);
    events(&course, 5);
    finish(&course, 2 * S + S / 4);
    check_state(&course, THRESHOLD_HELD, 0);
    end(&course);
}

static void windows_in_which_nothing_could_be_counted_hold_nothing(void **state)
{
    struct course course;

    (void)state;
    for (int opened = 0; opened <= 1; opened++) {
        begin(&course, "sse_disconnects: count==0 over 2s");
        stat_passes(course.set, METRIC_SSE_CONNECT_SUCCESS, NULL, (uint64_t)opened, 1);
        for (int i = 0; i < 3; i++)
            (void)step(&course);
        finish(&course, 3 * S + S / 4);
        check_state(&course, opened ? THRESHOLD_HELD : THRESHOLD_NOT_MEASURED, 0);
        end(&course);
    }
    begin(&course, "sse_events: count>0 over 2s"); /* a silence is one whatever its reason */
    for (int i = 0; i < 3; i++)
        (void)step(&course);
    finish(&course, 3 * S + S / 4);
    check_state(&course, THRESHOLD_CROSSED, 0);
    end(&course);
}

static void a_gauge_in_a_window_is_not_that_of_the_end(void **state)
{
    struct course course;

    (void)state;
    begin(&course, "sse_open: min>=30 over 2s after 1s");
    course.open = 10;
    (void)step(&course);
    course.open = 30;
    (void)step(&course);
    course.open = 40;
    (void)step(&course);
    course.open = 0;
    finish(&course, 4 * S);
    check_state(&course, THRESHOLD_HELD, 30);
    end(&course);
}

static void a_window_of_an_endpoint_has_only_its_figures(void **state)
{
    static const char wanted[] = "sse_events{endpoint:http://h/a}: count<=6 over 2s";
    struct course course;
    struct stat_set *other;

    (void)state;
    begin(&course, wanted);
    other = stats_endpoint_set(course.delta, stats_add_endpoint(course.delta, "GET", "http://h/b"));
    for (uint64_t i = 1; i <= 3; i++) {
        events(&course, i);
        stat_count(other, METRIC_SSE_EVENTS, NULL, 100);
        (void)step(&course);
    }
    check_state(&course, THRESHOLD_HELD, 5);
    end(&course);

    begin(&course, "sse_events{endpoint:http://h/c}: count==0 over 1s");
    (void)step(&course);
    check_state(&course, THRESHOLD_NOT_MEASURED, 0);
    end(&course);
}

static void a_lost_worker_is_in_the_window_of_its_second(void **state)
{
    struct course course;

    (void)state;
    begin(&course, "sse_lost: count==0 over 1s abort");
    course.open = 3;
    assert_false(step(&course));
    run_lose_worker(course.run, 0);
    run_close_second(course.run, 2 * S);
    assert_true(thresholds_judge_second(course.thresholds, course.run));
    check_state(&course, THRESHOLD_CROSSED, 3);
    end(&course);
}

static void a_run_too_short_for_a_window_is_refused(void **state)
{
    struct thresholds *thresholds = make("sse_events: rate>5 over 10s after 5s");
    struct err err = {0};

    (void)state;
    assert_int_equal(thresholds_check_time(thresholds, 0, 15 * S, &err), 0);
    assert_int_equal(thresholds_check_time(thresholds, 0, CLOCK_NEVER_NS, &err), 0);
    assert_int_equal(thresholds_check_time(thresholds, 5 * S, 15 * S, &err), 0);
    assert_int_equal(thresholds_check_time(thresholds, 6 * S, 15 * S, &err), -1);
    assert_int_equal(thresholds_check_time(thresholds, 0, 14 * S, &err), -1);
    assert_non_null(strstr(err.text, "a run of 14s has no whole window for 'sse_events: rate>5"));
    assert_non_null(strstr(err.text, "after 15s"));
    thresholds_free(thresholds);
    assert_int_equal(thresholds_check_time(NULL, 0, 0, &err), 0);
}

/* --- the verdict --- */

/* Judges and frees the run, as it is at its end. */
static void check_outcome(struct run *run, const char *text, enum verdict verdict, int status,
                          const char *reason)
{
    struct thresholds *thresholds = make(text);
    struct outcome *outcome = outcome_judge(run, 3);

    thresholds_finish(thresholds, run);
    outcome_add_thresholds(outcome, run, thresholds, 3);
    assert_string_equal(outcome->reason, reason);
    assert_int_equal(outcome->verdict, verdict);
    assert_int_equal(outcome->exit_status, status);
    assert_ptr_equal(outcome->thresholds, thresholds);
    outcome_free(outcome);
    thresholds_free(thresholds);
    run_free(run);
}

static const char good[] = "sse_events: count>0", bad[] = "sse_events: count<0";
static const char missing[] = "sse_recovery: max<1";

/* 1,200 first attempts failed, a user gave up: failures of the service. */
static struct run *sample_failures(void)
{
    struct run *run = sample_trouble();

    run->workers[1].is_lost = false;
    return run;
}

static void thresholds_alone_say_whether_the_service_failed(void **state)
{
    (void)state;
    check_outcome(sample_failures(), good, VERDICT_PASS, 0, "the threshold held");
    check_outcome(sample_pass(), bad, VERDICT_FAIL, 99, "1 of 1 threshold was crossed");
    check_outcome(sample_pass(), missing, VERDICT_FAIL, 99, "1 of 1 threshold was not measured");
}

static void no_thresholds_change_nothing(void **state)
{
    struct run *run = sample_trouble();
    struct outcome *outcome = outcome_judge(run, 3);
    struct err err = {0};
    struct thresholds *none = thresholds_new(NULL, 0, &err);
    char *reason = outcome->reason;

    (void)state;
    outcome_add_thresholds(outcome, run, NULL, 3);
    outcome_add_thresholds(outcome, run, none, 3);
    assert_ptr_equal(outcome->reason, reason);
    assert_int_equal(outcome->exit_status, 3);
    assert_null(outcome->thresholds);
    outcome_free(outcome);
    thresholds_free(none);
    run_free(run);
}

static void an_interrupted_run_stays_aborted(void **state)
{
    struct run *run = sample_pass();

    (void)state;
    run->info.interrupted_by = SIGINT;
    check_outcome(run, bad, VERDICT_ABORTED, 130,
                  "interrupted by Ctrl-C (SIGINT); 1 of 1 threshold was crossed");
}

static void a_generator_that_broke_is_no_pass(void **state)
{
    (void)state;
    check_outcome(sample_trouble(), good, VERDICT_FAIL, 3,
                  "1 worker died with 20 open streams; the threshold held");
    check_outcome(sample_trouble(), bad, VERDICT_FAIL, 99,
                  "1 worker died with 20 open streams; 1 of 1 threshold was crossed");
}

static struct run *sample_script(int exit_code)
{
    struct run *run = sample_pass();

    run->info.is_script = true;
    run->info.script_exit_code = exit_code;
    return run;
}

static void a_script_s_own_status_and_errors_come_first(void **state)
{
    struct run *run = sample_script(-1);

    (void)state;
    rows_record(stats_rows(run->stats), "GET", "/a", 5, 10, "boom", 1000);
    check_outcome(run, good, VERDICT_PASS, 0, "the threshold held");
    check_outcome(sample_script(-1), bad, VERDICT_FAIL, 99, "1 of 1 threshold was crossed");
    check_outcome(sample_script(7), bad, VERDICT_FAIL, 7,
                  "the script set the exit status 7; 1 of 1 threshold was crossed");
    run = sample_script(-1);
    run->info.had_unhandled = true;
    check_outcome(run, bad, VERDICT_FAIL, 2,
                  "an exception in a hook or in a greenlet of the script; 1 of 1 threshold was "
                  "crossed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_judged_by_its_aggregates),
        cmocka_unit_test(what_has_no_samples_is_not_measured),
        cmocka_unit_test(a_counter_that_was_never_added_to_is_zero),
        cmocka_unit_test(an_endpoint_is_found_by_name_with_or_without_method),
        cmocka_unit_test(an_abort_ends_the_run_and_stays_crossed),
        cmocka_unit_test(without_abort_the_end_decides),
        cmocka_unit_test(an_abort_waits_for_its_time_and_for_samples),
        cmocka_unit_test(the_worst_window_counts_and_its_first_crossing),
        cmocka_unit_test(a_window_ends_the_run_where_it_is_asked_to),
        cmocka_unit_test(windows_that_begin_before_after_do_not_count),
        cmocka_unit_test(a_window_without_samples_is_passed_over),
        cmocka_unit_test(the_last_second_of_a_run_is_in_a_window_its_rest_is_not),
        cmocka_unit_test(windows_in_which_nothing_could_be_counted_hold_nothing),
        cmocka_unit_test(a_gauge_in_a_window_is_not_that_of_the_end),
        cmocka_unit_test(a_window_of_an_endpoint_has_only_its_figures),
        cmocka_unit_test(a_lost_worker_is_in_the_window_of_its_second),
        cmocka_unit_test(a_run_too_short_for_a_window_is_refused),
        cmocka_unit_test(thresholds_alone_say_whether_the_service_failed),
        cmocka_unit_test(no_thresholds_change_nothing),
        cmocka_unit_test(an_interrupted_run_stays_aborted),
        cmocka_unit_test(a_generator_that_broke_is_no_pass),
        cmocka_unit_test(a_script_s_own_status_and_errors_come_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

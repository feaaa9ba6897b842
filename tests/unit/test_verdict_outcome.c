#include "verdict/outcome.h"

#include "report_sample.h"
#include "verdict/findings.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Judges and frees the run; checks verdict, status and a part of the reason (NULL: none). */
static void check_outcome(struct run *run, enum verdict verdict, int status, const char *reason)
{
    struct outcome *outcome = outcome_judge(run, EXIT_FAILURES);

    assert_int_equal(outcome->verdict, verdict);
    assert_int_equal(outcome->exit_status, status);
    if (reason) {
        assert_non_null(outcome->reason);
        assert_non_null(strstr(outcome->reason, reason));
    } else {
        assert_null(outcome->reason);
    }
    outcome_free(outcome);
    run_free(run);
}

/* A run of one worker and one delta that `fill` makes. */
static struct run *run_of(void (*fill)(struct stat_set *set))
{
    struct run *run = run_new(1);
    struct stats *delta = stats_new();
    struct run_tick tick = {.interval_ns = 1000000000, .users = 1, .open = 1};

    fill(stats_endpoint_set(delta, stats_add_endpoint(delta, "GET", "/x")));
    run_add_tick(run, 0, &tick, delta);
    run_finish(run, 1000000000);
    stats_free(delta);
    return run;
}

static void connect_once(struct stat_set *set, const char *phase, bool passed)
{
    stat_count(set, METRIC_SSE_ATTEMPTS, NULL, 1);
    stat_pass(set, METRIC_SSE_CONNECT_SUCCESS, NULL, passed);
    stat_pass(set, METRIC_SSE_CONNECT_SUCCESS, phase, passed);
}

static void fill_with_events(struct stat_set *set)
{
    connect_once(set, "phase:first", true);
    stat_count(set, METRIC_SSE_EVENTS, NULL, 5);
}

static void fill_with_recovery(struct stat_set *set)
{
    fill_with_events(set);
    stat_count(set, METRIC_SSE_DISCONNECTS, NULL, 1);
    connect_once(set, "phase:resume", false);
    connect_once(set, "phase:resume", true);
}

static void fill_with_failed_connect(struct stat_set *set)
{
    fill_with_events(set);
    connect_once(set, "phase:first", false);
}

static void fill_with_gave_up(struct stat_set *set)
{
    fill_with_events(set);
    stat_count(set, METRIC_SSE_GAVE_UP, NULL, 2);
}

static void fill_with_silence(struct stat_set *set)
{
    connect_once(set, "phase:first", true);
}

static void fill_with_nothing(struct stat_set *set)
{
    (void)set;
}

static void a_run_with_events_passes(void **state)
{
    (void)state;
    check_outcome(run_of(fill_with_events), VERDICT_PASS, 0, NULL);
    check_outcome(sample_pass(), VERDICT_PASS, 0, NULL);
}

static void a_disconnect_that_recovers_is_no_failure(void **state)
{
    (void)state;
    check_outcome(run_of(fill_with_recovery), VERDICT_PASS, 0, NULL);
}

static void fill_with_malformed(struct stat_set *set)
{
    fill_with_events(set);
    stat_count(set, METRIC_SSE_MALFORMED, NULL, 3);
    stat_count(set, METRIC_SSE_MALFORMED, malformed_tag(MALFORMED_UNKNOWN_FIELD), 2);
    stat_count(set, METRIC_SSE_MALFORMED, malformed_tag(MALFORMED_INVALID_UTF8), 1);
}

static void fill_with_unmet(struct stat_set *set)
{
    fill_with_malformed(set);
    stat_count(set, METRIC_SSE_MALFORMED, malformed_tag(MALFORMED_JSON), 1);
    stat_count(set, METRIC_SSE_MALFORMED, malformed_tag(MALFORMED_DATA), 2);
    stat_count(set, METRIC_SSE_MALFORMED, malformed_tag(MALFORMED_MISSING_EVENT), 3);
}

static void malformed_events_are_counted_but_no_failure(void **state)
{
    (void)state;
    check_outcome(run_of(fill_with_malformed), VERDICT_PASS, 0, NULL);
}

static void an_unmet_expectation_fails_the_run(void **state)
{
    (void)state;
    check_outcome(run_of(fill_with_unmet), VERDICT_FAIL, 1,
                  "3 streams ended without an event they should bring (--expect-event); 1 event "
                  "was not JSON (--expect-json); 2 events did not hold what they should "
                  "(--expect-data)");
}

static void a_failed_first_attempt_fails_the_run(void **state)
{
    (void)state;
    check_outcome(run_of(fill_with_failed_connect), VERDICT_FAIL, 1,
                  "1 of 2 first attempts failed to open a stream");
}

static void giving_up_fails_the_run(void **state)
{
    (void)state;
    check_outcome(run_of(fill_with_gave_up), VERDICT_FAIL, 1, "2 users gave up reconnecting");
}

static void fill_with_statuses(struct stat_set *set)
{
    fill_with_failed_connect(set);
    connect_once(set, "phase:first", false);
    stat_count(set, METRIC_SSE_CONNECT_FAILS, "code:204", 1);
    stat_count(set, METRIC_SSE_GAVE_UP, NULL, 6);
    stat_count(set, METRIC_SSE_GAVE_UP, "code:502", 3);
    stat_count(set, METRIC_SSE_GAVE_UP, "code:500", 2);
}

static void a_204_and_the_status_of_giving_up_are_named(void **state)
{
    (void)state;
    check_outcome(run_of(fill_with_statuses), VERDICT_FAIL, 1,
                  "2 of 3 first attempts failed to open a stream, 1 of them by status 204, which "
                  "stops a client; 6 users gave up reconnecting, 3 of them at status 502");
}

static void fill_with_incomplete(struct stat_set *set)
{
    fill_with_events(set);
    stat_count(set, METRIC_SSE_INCOMPLETE, NULL, 3);
}

static void streams_that_ended_before_their_end_mark_fail_the_run(void **state)
{
    (void)state;
    check_outcome(run_of(fill_with_incomplete), VERDICT_FAIL, 1,
                  "3 streams ended before the end mark");
}

static void a_run_without_any_event_fails_and_says_so(void **state)
{
    (void)state;
    check_outcome(run_of(fill_with_silence), VERDICT_FAIL, 1, "no event arrived in 1 attempt");
    check_outcome(run_of(fill_with_nothing), VERDICT_FAIL, 1, "no stream was ever attempted");
}

static void a_lost_worker_fails_the_run(void **state)
{
    struct run *run = run_of(fill_with_events);

    (void)state;
    run_lose_worker(run, 0);
    check_outcome(run, VERDICT_FAIL, 1, "1 worker died with 1 open stream");
}

static void several_reasons_stand_in_one_sentence(void **state)
{
    (void)state;
    check_outcome(
        sample_trouble(), VERDICT_FAIL, 1,
        "1200 of 1240 first attempts failed to open a stream; 1 user gave up "
        "reconnecting; 2 events were not JSON (--expect-json); 1 worker died with 20 open "
        "streams");
}

static void an_interrupted_run_is_aborted_even_with_failures(void **state)
{
    struct run *run = sample_trouble();

    (void)state;
    run->info.interrupted_by = SIGINT;
    check_outcome(run, VERDICT_ABORTED, 130, "SIGINT");
    run = sample_pass();
    run->info.interrupted_by = SIGTERM;
    check_outcome(run, VERDICT_ABORTED, 143, "SIGTERM");
}

static void the_exit_status_of_failures_can_be_chosen(void **state)
{
    struct run *run = run_of(fill_with_silence);
    struct outcome *outcome = outcome_judge(run, 0);

    (void)state;
    assert_int_equal(outcome->exit_status, 0);
    assert_int_equal(outcome->verdict, VERDICT_FAIL);
    outcome_free(outcome);
    outcome_free(NULL);
    run_free(run);
}

/* The finding with this code, or NULL. */
static const struct finding *find(const struct outcome *outcome, const char *code)
{
    for (size_t i = 0; i < outcome->finding_count; i++) {
        if (strcmp(outcome->findings[i].code, code) == 0)
            return &outcome->findings[i];
    }
    return NULL;
}

static void a_good_run_has_no_findings(void **state)
{
    struct run *run = sample_pass();
    struct outcome *outcome = outcome_judge(run, 1);

    (void)state;
    assert_int_equal(outcome->finding_count, 0);
    assert_null(outcome->findings);
    outcome_free(outcome);
    run_free(run);
}

static void a_saturated_worker_is_named_with_its_figures(void **state)
{
    struct run *run = sample_trouble();
    struct outcome *outcome = outcome_judge(run, 1);
    const struct finding *finding = find(outcome, "generator-saturated");

    (void)state;
    assert_non_null(finding);
    assert_int_equal(finding->severity, FINDING_WARNING);
    assert_non_null(strstr(finding->evidence, "worker 0 used 97% of a core, lag p99 180.0 ms"));
    assert_non_null(strstr(finding->evidence, "worker 1"));
    assert_non_null(strstr(finding->evidence, "sse_ttfe"));
    assert_non_null(finding->advice);
    outcome_free(outcome);
    run_free(run);
}

static void cpu_and_lag_each_suffice_for_saturation(void **state)
{
    struct run *run = run_of(fill_with_events);
    struct run_worker *worker = &run->workers[0];

    (void)state;
    worker->cpu_max_ratio = 0.899;
    assert_false(findings_is_saturated(worker));
    worker->cpu_max_ratio = 0.90;
    assert_true(findings_is_saturated(worker));
    worker->cpu_max_ratio = 0;
    stat_time(worker->own, METRIC_WORKER_LAG, NULL, 99000000);
    assert_false(findings_is_saturated(worker));
    for (int i = 0; i < 10; i++)
        stat_time(worker->own, METRIC_WORKER_LAG, NULL, 150000000);
    assert_true(findings_is_saturated(worker));
    run_free(run);
}

static void fill_with_comments(struct stat_set *set)
{
    fill_with_silence(set);
    stat_count(set, METRIC_SSE_BYTES, NULL, 30);
    stat_count(set, METRIC_SSE_COMMENTS, NULL, 3);
}

static void fill_with_bytes(struct stat_set *set)
{
    fill_with_silence(set);
    stat_count(set, METRIC_SSE_BYTES, NULL, 30);
}

/* "retry: 3000", its end and an empty line. */
static void fill_with_retry(struct stat_set *set)
{
    fill_with_silence(set);
    stat_count(set, METRIC_SSE_BYTES, NULL, 13);
    stat_count(set, METRIC_SSE_RETRY_LINES, NULL, 1);
}

static void fill_with_retry_and_more(struct stat_set *set)
{
    fill_with_retry(set);
    stat_count(set, METRIC_SSE_BYTES, NULL, 13);
}

static void fill_with_refusal(struct stat_set *set)
{
    connect_once(set, "phase:first", false);
}

static void check_no_events(void (*fill)(struct stat_set *set), const char *advice)
{
    struct run *run = run_of(fill);
    struct outcome *outcome = outcome_judge(run, 1);
    const struct finding *finding = find(outcome, "no-events");

    if (advice) {
        assert_non_null(finding);
        assert_non_null(strstr(finding->evidence, "1 streams connected"));
        assert_non_null(strstr(finding->advice, advice));
    } else {
        assert_null(finding);
    }
    outcome_free(outcome);
    run_free(run);
}

static void silence_on_open_streams_is_a_finding(void **state)
{
    (void)state;
    check_no_events(fill_with_silence, "Nothing came");
    check_no_events(fill_with_comments, "Only comments");
    check_no_events(fill_with_bytes, "no complete event");
    check_no_events(fill_with_retry, "Only `retry:` lines");
    check_no_events(fill_with_retry_and_more, "no complete event");
    check_no_events(fill_with_events, NULL);
    check_no_events(fill_with_refusal, NULL);
}

static void every_verdict_and_severity_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(verdict_name(VERDICT_PASS), "pass");
    assert_string_equal(verdict_name(VERDICT_FAIL), "fail");
    assert_string_equal(verdict_name(VERDICT_ABORTED), "aborted");
    assert_string_equal(finding_severity_name(FINDING_INFO), "info");
    assert_string_equal(finding_severity_name(FINDING_WARNING), "warning");
    assert_string_equal(finding_severity_name(FINDING_CRITICAL), "critical");
}

/* --- Locust files --- */

static void fill_with_no_answer(struct stat_set *set)
{
    stat_count(set, METRIC_SSE_ATTEMPTS, NULL, 3);
}

static void fill_with_refusals(struct stat_set *set)
{
    connect_once(set, "phase:first", false);
}

static struct run *script_run(void (*fill)(struct stat_set *set))
{
    struct run *run = run_of(fill);

    run->info.is_script = true;
    run->info.script_exit_code = -1;
    return run;
}

static void a_script_without_failures_passes(void **state)
{
    struct run *run = script_run(fill_with_events);

    (void)state;
    rows_record(stats_rows(run->stats), "GET", "/a", 5, 10, NULL, 1000);
    check_outcome(run, VERDICT_PASS, 0, NULL);
    check_outcome(script_run(fill_with_nothing), VERDICT_PASS, 0, NULL);
}

static void a_failed_request_of_a_script_fails_the_run(void **state)
{
    struct run *run = script_run(fill_with_events);

    (void)state;
    rows_record(stats_rows(run->stats), "GET", "/a", 5, 10, NULL, 1000);
    rows_record(stats_rows(run->stats), "GET", "/a", 5, 10, "boom", 1000);
    check_outcome(run, VERDICT_FAIL, 1, "1 of 2 requests failed");
}

static void an_unmet_expectation_fails_a_script_too(void **state)
{
    (void)state;
    check_outcome(script_run(fill_with_unmet), VERDICT_FAIL, 1, "1 event was not JSON");
}

static void an_exception_in_user_code_fails_the_run(void **state)
{
    struct run *run = script_run(fill_with_events);

    (void)state;
    rows_record_exception(stats_rows(run->stats), "boom", "Traceback", 3);
    check_outcome(run, VERDICT_FAIL, 1, "1 exception in user code");
}

static void what_a_script_fails_at_without_asking_is_its_own_affair(void **state)
{
    (void)state;
    check_outcome(script_run(fill_with_refusals), VERDICT_PASS, 0, NULL);
}

static void silent_streams_are_no_success_of_a_script(void **state)
{
    struct run *run = script_run(fill_with_no_answer);
    size_t count = 0;
    struct finding *findings = findings_collect(run, &count);

    (void)state;
    assert_int_equal(count, 1);
    assert_string_equal(findings[0].code, "silent-streams");
    assert_non_null(strstr(findings[0].evidence, "3 of 3"));
    findings_free(findings, count);
    check_outcome(run, VERDICT_FAIL, 1, "no event arrived");
    check_outcome(script_run(fill_with_silence), VERDICT_FAIL, 1, "no event arrived");
}

static void an_unhandled_exception_ends_with_two(void **state)
{
    struct run *run = script_run(fill_with_events);

    (void)state;
    run->info.had_unhandled = true;
    check_outcome(run, VERDICT_FAIL, 2, "an exception in a hook");
    run = script_run(fill_with_silence);
    run->info.had_unhandled = true;
    check_outcome(run, VERDICT_FAIL, 1, "an exception in a hook");
}

static void a_refused_target_is_no_pass(void **state)
{
    struct run *run = script_run(fill_with_events);

    (void)state;
    run->info.was_refused = true;
    check_outcome(run, VERDICT_FAIL, 1, "asked for users that it could not have");
}

static void the_exit_status_that_a_script_sets_comes_first(void **state)
{
    struct run *run = script_run(fill_with_silence);

    (void)state;
    run->info.script_exit_code = 0;
    check_outcome(run, VERDICT_PASS, 0, "set the exit status 0");
    run = script_run(fill_with_events);
    run->info.script_exit_code = 42;
    run->info.had_unhandled = true;
    check_outcome(run, VERDICT_FAIL, 42, "set the exit status 42");
    run = script_run(fill_with_events);
    run->info.script_exit_code = 0;
    check_outcome(run, VERDICT_PASS, 0, NULL);
    run = script_run(fill_with_events);
    run->info.script_exit_code = 7;
    run->info.interrupted_by = SIGINT;
    check_outcome(run, VERDICT_ABORTED, 7, "Ctrl-C");
}

static void a_lost_lead_fails_the_run(void **state)
{
    struct run *run = script_run(fill_with_events);

    (void)state;
    run->info.has_lost_lead = true;
    check_outcome(run, VERDICT_FAIL, 1, "hooks died");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_with_events_passes),
        cmocka_unit_test(a_disconnect_that_recovers_is_no_failure),
        cmocka_unit_test(malformed_events_are_counted_but_no_failure),
        cmocka_unit_test(an_unmet_expectation_fails_the_run),
        cmocka_unit_test(a_failed_first_attempt_fails_the_run),
        cmocka_unit_test(giving_up_fails_the_run),
        cmocka_unit_test(a_204_and_the_status_of_giving_up_are_named),
        cmocka_unit_test(streams_that_ended_before_their_end_mark_fail_the_run),
        cmocka_unit_test(a_run_without_any_event_fails_and_says_so),
        cmocka_unit_test(a_lost_worker_fails_the_run),
        cmocka_unit_test(several_reasons_stand_in_one_sentence),
        cmocka_unit_test(an_interrupted_run_is_aborted_even_with_failures),
        cmocka_unit_test(the_exit_status_of_failures_can_be_chosen),
        cmocka_unit_test(a_good_run_has_no_findings),
        cmocka_unit_test(a_saturated_worker_is_named_with_its_figures),
        cmocka_unit_test(cpu_and_lag_each_suffice_for_saturation),
        cmocka_unit_test(silence_on_open_streams_is_a_finding),
        cmocka_unit_test(every_verdict_and_severity_has_a_name),
        cmocka_unit_test(a_script_without_failures_passes),
        cmocka_unit_test(a_failed_request_of_a_script_fails_the_run),
        cmocka_unit_test(an_unmet_expectation_fails_a_script_too),
        cmocka_unit_test(an_exception_in_user_code_fails_the_run),
        cmocka_unit_test(what_a_script_fails_at_without_asking_is_its_own_affair),
        cmocka_unit_test(silent_streams_are_no_success_of_a_script),
        cmocka_unit_test(an_unhandled_exception_ends_with_two),
        cmocka_unit_test(a_refused_target_is_no_pass),
        cmocka_unit_test(the_exit_status_that_a_script_sets_comes_first),
        cmocka_unit_test(a_lost_lead_fails_the_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

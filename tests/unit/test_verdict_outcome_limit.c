#include "limit_sample.h"
#include "report_sample.h"
#include "verdict/limit.h"
#include "verdict/outcome.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Of a run with failures, which a search is there to find. Frees both. */
static void check(struct run *run, struct limit *limit, enum verdict verdict, int status,
                  const char *reason)
{
    struct outcome *outcome = outcome_judge(run, 3);

    outcome_add_limit(outcome, run, limit, NULL, 3);
    assert_string_equal(outcome->reason, reason);
    assert_int_equal(outcome->verdict, verdict);
    assert_int_equal(outcome->exit_status, status);
    assert_ptr_equal(outcome->limit, limit);
    outcome_free(outcome);
    limit_free(limit);
    run_free(run);
}

static void what_was_found_is_a_pass(void **state)
{
    struct run *run = sample_pass();

    (void)state;
    stat_passes(run->total, METRIC_SSE_CONNECT_SUCCESS, "phase:first", 0, 7);
    check(run, limit_sample_edge(), VERDICT_PASS, 0,
          "4,134 users hold; 4,212 do not: sse_ttfe: p(95)<500 is 730 ms");
    check(sample_pass(), limit_sample_ceiling(), VERDICT_PASS, 0,
          "the ceiling of the search holds; 64 users hold");
}

static void a_service_that_holds_nothing_fails_as_by_a_threshold(void **state)
{
    (void)state;
    check(sample_pass(), limit_sample_nothing(), VERDICT_FAIL, 99,
          "not even one user holds; 1 does not: sse_connect_success: rate>0.99 is 0 "
          "(connect_refused)");
}

static void a_search_that_found_no_edge_is_no_pass(void **state)
{
    (void)state;
    check(sample_pass(), limit_sample_generator(), VERDICT_FAIL, 3,
          "cicada itself was the limit; 100 users hold: generator-saturated: busy");
    check(sample_pass(), limit_sample_unfinished(), VERDICT_FAIL, 3,
          "the search did not come to its end; 100 users hold");
}

static void an_interrupted_search_says_what_it_knows(void **state)
{
    struct run *run = sample_pass();

    (void)state;
    run->info.interrupted_by = SIGINT;
    check(run, limit_sample_unfinished(), VERDICT_ABORTED, 130,
          "interrupted by Ctrl-C (SIGINT); 100 users hold");
}

static void a_run_of_which_a_part_died_is_no_pass(void **state)
{
    struct run *run = sample_pass();

    (void)state;
    run_lose_worker(run, 0);
    check(run, limit_sample_ceiling(), VERDICT_FAIL, 3,
          "1 worker died with 0 open streams; the ceiling of the search holds; 64 users hold");
}

static void without_a_search_nothing_changes(void **state)
{
    struct run *run = sample_pass();
    struct outcome *outcome = outcome_judge(run, 3);
    char *reason = outcome->reason;

    (void)state;
    outcome_add_limit(outcome, run, NULL, NULL, 3);
    assert_ptr_equal(outcome->reason, reason);
    assert_int_equal(outcome->exit_status, 0);
    assert_null(outcome->limit);
    outcome_free(outcome);
    run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_found_is_a_pass),
        cmocka_unit_test(a_service_that_holds_nothing_fails_as_by_a_threshold),
        cmocka_unit_test(a_search_that_found_no_edge_is_no_pass),
        cmocka_unit_test(an_interrupted_search_says_what_it_knows),
        cmocka_unit_test(a_run_of_which_a_part_died_is_no_pass),
        cmocka_unit_test(without_a_search_nothing_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "verdict/threshold_basis.h"

#include "base/clock.h"
#include "verdict/threshold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Judged on a run of which only these figures are known. */
static void check_basis(const struct stat_set *set, const char *text, enum threshold_state state)
{
    struct err err = {0};
    struct thresholds *thresholds = thresholds_new(&text, 1, &err);
    struct run *run = run_new(1);

    assert_non_null(thresholds);
    run->info.duration_ns = CLOCK_NS_PER_S;
    stat_set_merge(run->total, set);
    thresholds_finish(thresholds, run);
    if (thresholds_at(thresholds, 0)->state != state)
        fail_msg("%s: state %d", text, thresholds_at(thresholds, 0)->state);
    assert_float_equal(thresholds_at(thresholds, 0)->value, 0, 1e-9);
    thresholds_free(thresholds);
    run_free(run);
}

static void a_counter_that_nothing_could_have_counted_is_not_measured(void **state)
{
    static const struct {
        const char *rule;
        enum metric basis;
        uint64_t passes;
    } cases[] = {
        {"sse_missed: count==0", METRIC_SSE_LOSS, 0},
        {"sse_missed{where:resume}: count==0", METRIC_SSE_LOSS, 0},
        {"sse_duplicates: count==0", METRIC_SSE_SEQUENCED, 1},
        {"sse_reordered: rate<1", METRIC_SSE_SEQUENCED, 1},
        {"sse_peer_missed{where:stream}: count==0", METRIC_SSE_PEER_COMPLETENESS, 1},
        {"sse_publish_missed: count==0", METRIC_SSE_PUBLISHED, 1},
        {"sse_publish_missed: count==0", METRIC_SSE_PUBLISH_FAILED, 1},
        {"sse_publish_failed: count==0", METRIC_SSE_PUBLISHED, 1},
        {"sse_disconnects: count==0", METRIC_SSE_CONNECT_SUCCESS, 1},
        {"sse_disconnects{cause:reset}: count==0", METRIC_SSE_BYTES, 1},
        {"sse_malformed: count==0", METRIC_SSE_CONNECT_SUCCESS, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stat_set *set = stat_set_new();

        stat_count(set, METRIC_SSE_ATTEMPTS, NULL, 5);
        stat_passes(set, METRIC_SSE_CONNECT_SUCCESS, NULL, 0, 5);
        check_basis(set, cases[i].rule, THRESHOLD_NOT_MEASURED);
        if (metric_info(cases[i].basis)->kind == METRIC_COUNTER)
            stat_count(set, cases[i].basis, NULL, 1);
        else
            stat_passes(set, cases[i].basis, NULL, cases[i].passes, 1);
        check_basis(set, cases[i].rule, THRESHOLD_HELD);
        stat_set_free(set);
    }
}

static void what_needs_no_stream_is_zero_without_one(void **state)
{
    static const char *const rules[] = {"sse_attempts: count==0", "sse_connect_fails: count==0",
                                        "http_reqs: count==0", "http_status{code:503}: count==0",
                                        "sse_gave_up: count==0"};
    struct stat_set *set = stat_set_new();

    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        check_basis(set, rules[i], THRESHOLD_HELD);
    /* Nothing came, whatever the reason. */
    check_basis(set, "sse_events: count>0", THRESHOLD_CROSSED);
    stat_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_that_nothing_could_have_counted_is_not_measured),
        cmocka_unit_test(what_needs_no_stream_is_zero_without_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "verdict/find_clock.h"

#include "base/mem.h"
#include "stats/run.h"
#include "verdict/outcome.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000000ll

struct figures {
    struct clock_state clock;
    uint64_t live, negative, replayed;
};

static struct run *run_of(const struct figures *figures)
{
    struct run *run = run_new(1);
    struct stats *delta = stats_new();
    struct stat_set *set = stats_endpoint_set(delta, stats_add_endpoint(delta, "GET", "/x"));
    struct run_tick tick = {.interval_ns = 1000 * MS, .clock = figures->clock};

    for (uint64_t i = 0; i < figures->live; i++)
        stat_time(set, METRIC_SSE_EVENT_LATENCY, NULL, 20 * MS);
    for (uint64_t i = 0; i < figures->negative; i++)
        stat_time(set, METRIC_SSE_EVENT_LATENCY_NEGATIVE, NULL, 3 * MS);
    for (uint64_t i = 0; i < figures->replayed; i++)
        stat_time(set, METRIC_SSE_EVENT_LATENCY, "delivery:replay", 900 * MS);
    run_add_tick(run, 0, &tick, delta);
    run_finish(run, 1000 * MS);
    stats_free(delta);
    return run;
}

/* Is it raised, with `part` in its evidence (NULL: whatever stands there)? */
static bool is_raised(const struct figures *figures, const char *part)
{
    struct run *run = run_of(figures);
    struct finding finding = {0};
    bool result = find_clock_uncertain(run, &finding);

    assert_true(result == (finding.title && finding.evidence && finding.advice));
    if (part) {
        assert_non_null(finding.evidence);
        if (!strstr(finding.evidence, part))
            fail_msg("no '%s' in '%s'", part, finding.evidence);
    }
    free(finding.title);
    free(finding.evidence);
    free(finding.advice);
    run_free(run);
    return result;
}

static void a_common_clock_raises_nothing(void **state)
{
    (void)state;
    assert_false(is_raised(&(struct figures){0}, NULL));
    assert_false(is_raised(&(struct figures){.clock.source = CLOCK_SAME_HOST, .live = 500}, NULL));
    assert_false(is_raised(
        &(struct figures){
            .clock = {.source = CLOCK_ASKED, .offset_ns = 5000 * MS, .error_ns = 2 * MS},
            .live = 500},
        NULL));
    /* Without events there is nothing to be wrong. */
    assert_false(is_raised(&(struct figures){.clock.source = CLOCK_APART}, NULL));
}

static void clocks_that_nobody_compared_are_told(void **state)
{
    (void)state;
    assert_true(
        is_raised(&(struct figures){.clock.source = CLOCK_APART, .live = 500, .replayed = 7},
                  "7 seem older than their connection"));
    assert_true(is_raised(&(struct figures){.clock.source = CLOCK_APART, .replayed = 7}, NULL));
}

static void an_error_above_a_tenth_of_the_median_is_told(void **state)
{
    (void)state;
    assert_true(is_raised(
        &(struct figures){
            .clock = {.source = CLOCK_ASKED, .offset_ns = -5000 * MS, .error_ns = 2 * MS + MS / 10},
            .live = 500},
        "offset -5000.000 ms, error 2.100 ms"));
}

static void more_than_one_in_a_hundred_below_zero_is_told(void **state)
{
    struct figures figures = {
        .clock = {.source = CLOCK_SAME_HOST, .step_count = 1}, .live = 99, .negative = 1};

    (void)state;
    assert_false(is_raised(&figures, NULL));
    figures.negative = 2;
    assert_true(is_raised(&figures, "2 of them came before they were sent, by up to 3.0"));
    assert_true(is_raised(&figures, "set 1 time during the run"));
}

static void a_clock_by_which_nothing_is_live_is_told(void **state)
{
    struct figures figures = {
        .clock = {.source = CLOCK_ASKED, .offset_ns = 3600000 * MS, .error_ns = 2 * MS},
        .replayed = 7};

    (void)state;
    assert_true(is_raised(&figures, "7 seem older than their connection; offset +3600000.000 ms"));
    figures.live = 1;
    assert_false(is_raised(&figures, NULL));
    figures.live = 0;
    figures.clock.source = CLOCK_SAME_HOST; /* a history and nothing else */
    assert_false(is_raised(&figures, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_common_clock_raises_nothing),
        cmocka_unit_test(clocks_that_nobody_compared_are_told),
        cmocka_unit_test(an_error_above_a_tenth_of_the_median_is_told),
        cmocka_unit_test(more_than_one_in_a_hundred_below_zero_is_told),
        cmocka_unit_test(a_clock_by_which_nothing_is_live_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

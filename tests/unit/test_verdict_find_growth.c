#include "base/clock.h"
#include "stats/run.h"
#include "verdict/find.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS CLOCK_NS_PER_MS

static struct run *run;
static uint64_t elapsed_ns;

/* What a second of the run is like; times in ms, 0: no sample. */
struct second {
    uint32_t open;
    uint64_t events, latency_ms, ttfe_ms, gap_ms, lag_ms;
};

static int begin(void **state)
{
    (void)state;
    run = run_new(1);
    elapsed_ns = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    run_free(run);
    return 0;
}

static void begin_again(void)
{
    (void)end(NULL);
    (void)begin(NULL);
}

static void record(struct stat_set *set, enum metric metric, uint64_t ms)
{
    if (ms > 0)
        stat_time(set, metric, NULL, ms * MS);
}

static void pass(const struct second *second)
{
    struct stats *delta = stats_new();
    struct stat_set *set = stats_endpoint_set(delta, stats_add_endpoint(delta, "GET", "/x"));
    struct run_tick tick = {.interval_ns = CLOCK_NS_PER_S, .open = second->open};

    stat_count(set, METRIC_SSE_EVENTS, NULL, second->events);
    record(set, METRIC_SSE_EVENT_LATENCY, second->latency_ms);
    record(set, METRIC_SSE_TTFE, second->ttfe_ms);
    record(set, METRIC_SSE_EVENT_GAP, second->gap_ms);
    record(stats_worker_set(delta), METRIC_WORKER_LAG, second->lag_ms);
    run_add_tick(run, 0, &tick, delta);
    stats_free(delta);
    elapsed_ns += CLOCK_NS_PER_S;
    run_close_second(run, elapsed_ns);
}

static void count(enum metric metric)
{
    struct stats *delta = stats_new();

    stat_count(stats_endpoint_set(delta, stats_add_endpoint(delta, "GET", "/x")), metric, NULL, 1);
    run_add_found(run, delta);
    stats_free(delta);
    pass(&(struct second){0});
}

/* Is it raised, with `part` in its evidence or title? */
static bool is_raised(bool (*find)(const struct run *run, struct finding *finding),
                      const char *part)
{
    struct finding finding = {0};
    bool result = find(run, &finding);

    assert_true(result == (finding.title && finding.evidence && finding.advice));
    if (result && !strstr(finding.title, part) && !strstr(finding.evidence, part))
        fail_msg("no '%s' in '%s', '%s'", part, finding.title, finding.evidence);
    free(finding.title);
    free(finding.evidence);
    free(finding.advice);
    return result;
}

static bool has_trend(void)
{
    return is_raised(find_latency_trend, "p95 went from ");
}

static bool has_knee(void)
{
    return is_raised(find_latency_knee, "From about ");
}

/* --- latency-trend --- */

/* With 100 streams for so long, latency from 20 ms on grows by so much a second. */
static void hold(uint32_t seconds, uint64_t growth_ms)
{
    for (uint32_t i = 0; i < seconds; i++)
        pass(&(struct second){.open = 100, .events = 1000, .latency_ms = 20 + i * growth_ms});
}

static void latency_that_grows_with_time_is_a_trend(void **state)
{
    (void)state;
    pass(&(struct second){.open = 50, .events = 500, .latency_ms = 20});
    hold(60, 5);
    assert_true(is_raised(find_latency_trend, "p95 went from 45ms to 295ms"));
    assert_false(has_knee());
}

static void a_short_hold_tells_no_trend(void **state)
{
    (void)state;
    hold(30, 10); /* from the first second's end to the last one's: 29 s */
    assert_false(has_trend());
    pass(&(struct second){.open = 100, .events = 1000, .latency_ms = 320});
    assert_true(has_trend());
}

static void few_seconds_that_are_long_tell_no_trend(void **state)
{
    (void)state;
    hold(1, 0);
    elapsed_ns += 60 * CLOCK_NS_PER_S; /* the machine slept */
    pass(&(struct second){.open = 100, .events = 1000, .latency_ms = 900});
    assert_false(has_trend());
}

static void a_trend_may_begin_behind_a_warm_up(void **state)
{
    (void)state;
    elapsed_ns = 60 * CLOCK_NS_PER_S;
    hold(60, 5);
    assert_true(is_raised(find_latency_trend, "events a second went from 1000 to 1000"));
}

static void a_small_growth_is_no_trend(void **state)
{
    (void)state;
    hold(60, 1); /* from 25 to 75 ms */
    assert_false(has_trend());
}

static void latency_that_is_high_and_stays_is_no_trend(void **state)
{
    (void)state;
    for (int i = 0; i < 120; i++)
        pass(&(struct second){.open = 100, .events = 1000, .latency_ms = i % 7 ? 900 : 2000});
    assert_false(has_trend());
}

static void latency_that_comes_down_again_is_no_trend(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 60; i++)
        pass(
            &(struct second){.open = 100, .events = 1000, .latency_ms = i < 50 ? 20 + i * 20 : 30});
    assert_false(has_trend());
}

static void with_more_events_or_streams_it_is_load(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 60; i++)
        pass(&(struct second){.open = 100, .events = 1000 + 10 * i, .latency_ms = 20 + i * 20});
    assert_false(has_trend());
    begin_again();
    for (uint32_t i = 0; i < 60; i++)
        pass(&(struct second){.open = 100 + i, .events = 1000, .latency_ms = 20 + i * 20});
    assert_false(has_trend());
}

static void what_readers_let_wait_is_no_trend(void **state)
{
    static const enum metric ours[] = {METRIC_SSE_READER_PAUSES, METRIC_SSE_SLOW_READERS};

    (void)state;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        begin_again();
        hold(60, 5);
        assert_true(has_trend());
        count(ours[i]);
        assert_false(has_trend());
    }
}

static void a_late_worker_voids_a_trend(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 60; i++)
        pass(&(struct second){
            .open = 100, .events = 1000, .latency_ms = 20 + i * 5, .lag_ms = i < 57 ? 1 : 200});
    assert_false(has_trend());
}

/* --- latency-knee --- */

/* Ten streams more every second, up to so many; `from`: where it leaps by `leap_ms`. */
static void ramp(uint32_t most, uint32_t from, uint64_t leap_ms)
{
    for (uint32_t open = 10; open <= most; open += 10)
        pass(&(struct second){
            .open = open, .events = 10 * open, .latency_ms = 20 + (open >= from ? leap_ms : 0)});
}

static void latency_that_leaps_with_the_streams_is_a_knee(void **state)
{
    (void)state;
    ramp(400, 300, 200);
    assert_true(is_raised(find_latency_knee, "From about 310 streams on"));
    assert_false(has_trend());
}

static void a_leap_that_is_small_is_no_knee(void **state)
{
    (void)state;
    ramp(400, 300, 80); /* five times as much, and 80 ms more */
    assert_false(has_knee());
    ramp(400, 300, 99);
    assert_false(has_knee());
}

static void latency_that_is_high_with_few_streams_too_is_no_knee(void **state)
{
    (void)state;
    for (uint32_t open = 10; open <= 400; open += 10)
        pass(&(struct second){.open = open, .events = open, .latency_ms = open < 300 ? 200 : 999});
    assert_false(has_knee());
}

static void a_leap_that_passes_is_no_knee(void **state)
{
    (void)state;
    for (uint32_t open = 10; open <= 400; open += 10)
        pass(&(struct second){
            .open = open, .events = open, .latency_ms = open > 200 && open < 300 ? 900 : 20});
    assert_false(has_knee());
}

static void too_few_levels_tell_no_knee(void **state)
{
    static const uint32_t levels[] = {100, 200, 400};

    (void)state;
    for (size_t i = 0; i < 3 * sizeof levels / sizeof levels[0]; i++)
        pass(&(struct second){
            .open = levels[i / 3], .events = 1000, .latency_ms = levels[i / 3] == 400 ? 900 : 20});
    assert_false(has_knee());
}

static void what_comes_behind_the_most_streams_is_not_looked_at(void **state)
{
    (void)state;
    ramp(400, 1000, 0);
    for (uint32_t open = 350; open > 0; open -= 10)
        pass(&(struct second){.open = open, .events = open, .latency_ms = 5000});
    assert_false(has_knee());
}

/* Without times of sending the first event shows it, where that is more than how seldom the
 * source speaks. */
static void the_first_event_shows_a_knee_too(void **state)
{
    (void)state;
    for (uint32_t open = 10; open <= 400; open += 10)
        pass(&(struct second){
            .open = open, .events = open, .ttfe_ms = open < 300 ? 20 : 900, .gap_ms = 440});
    assert_true(is_raised(find_latency_knee, "sse_ttfe_p95 went from 20ms to 900ms"));
    begin_again();
    for (uint32_t open = 10; open <= 400; open += 10)
        pass(&(struct second){
            .open = open, .events = open, .ttfe_ms = open < 300 ? 20 : 900, .gap_ms = 450});
    assert_false(has_knee());
}

/* Each stream adds as much: there is no leap, as many streams are eight times as many as few. */
static void grow(uint64_t first_ms, uint64_t a_stream_ms, uint32_t dip)
{
    begin_again();
    for (uint32_t open = 2; open <= 80; open += 2)
        pass(&(struct second){.open = open,
                              .events = open,
                              .ttfe_ms = first_ms + (open / 10 == dip ? 0 : open * a_stream_ms),
                              .gap_ms = 100});
}

static void latency_that_grows_with_each_stream_is_told_as_such(void **state)
{
    (void)state;
    grow(100, 20, 1000);
    assert_true(is_raised(find_latency_knee, "The more streams are open, the later"));
    assert_true(is_raised(find_latency_knee, "with up to 80"));
    grow(100, 20, 4); /* it does not grow throughout */
    assert_false(has_knee());
    assert_false(is_raised(find_latency_knee, ""));
    grow(300, 20, 1000); /* less than five times as much */
    assert_false(is_raised(find_latency_knee, ""));
    grow(5, 1, 1000); /* less than 100 ms, and than the source's own gaps */
    assert_false(is_raised(find_latency_knee, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(latency_that_grows_with_time_is_a_trend, begin, end),
        cmocka_unit_test_setup_teardown(a_short_hold_tells_no_trend, begin, end),
        cmocka_unit_test_setup_teardown(few_seconds_that_are_long_tell_no_trend, begin, end),
        cmocka_unit_test_setup_teardown(a_trend_may_begin_behind_a_warm_up, begin, end),
        cmocka_unit_test_setup_teardown(a_small_growth_is_no_trend, begin, end),
        cmocka_unit_test_setup_teardown(latency_that_is_high_and_stays_is_no_trend, begin, end),
        cmocka_unit_test_setup_teardown(latency_that_comes_down_again_is_no_trend, begin, end),
        cmocka_unit_test_setup_teardown(with_more_events_or_streams_it_is_load, begin, end),
        cmocka_unit_test_setup_teardown(what_readers_let_wait_is_no_trend, begin, end),
        cmocka_unit_test_setup_teardown(a_late_worker_voids_a_trend, begin, end),
        cmocka_unit_test_setup_teardown(latency_that_leaps_with_the_streams_is_a_knee, begin, end),
        cmocka_unit_test_setup_teardown(a_leap_that_is_small_is_no_knee, begin, end),
        cmocka_unit_test_setup_teardown(latency_that_is_high_with_few_streams_too_is_no_knee, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_leap_that_passes_is_no_knee, begin, end),
        cmocka_unit_test_setup_teardown(too_few_levels_tell_no_knee, begin, end),
        cmocka_unit_test_setup_teardown(what_comes_behind_the_most_streams_is_not_looked_at, begin,
                                        end),
        cmocka_unit_test_setup_teardown(the_first_event_shows_a_knee_too, begin, end),
        cmocka_unit_test_setup_teardown(latency_that_grows_with_each_stream_is_told_as_such, begin,
                                        end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

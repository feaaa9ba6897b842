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

struct figures {
    /* stale-events */
    uint64_t stale;
    enum clock_source clock;
    /* slow-fanout: each event reaches the last of its streams so much later */
    uint64_t shared, spread_ms, gap_ms;
    uint64_t prompt; /* events beside these that reached the last at half_ms */
    uint64_t half_ms;
    uint64_t uneven_ms;          /* of one gap more than usual and one less */
    uint64_t pause_ms, gathered; /* one gap; events in bursts, of the 3,000 there are */
    /* starved-streams: samples of 10 s, of which `few` show `few_per_1000_s` */
    uint64_t samples, few, per_1000_s, few_per_1000_s;
    uint64_t alone;   /* of 10,000 compared events those that nobody shared */
    uint64_t quiet_s; /* of 30 s, in which the source says nothing */
    /* Before the first second, a warm-up; and before the sixteenth, in which nobody looked. */
    uint64_t warm_up_s, blind_s;
    /* of all */
    uint64_t lag_ms;
    uint64_t paused;
    bool is_held_back;
};

static void fill(struct stat_set *set, const struct figures *figures)
{
    stat_count(set, METRIC_SSE_STALE, NULL, figures->stale);
    stat_count(set, METRIC_SSE_READER_PAUSES, NULL, figures->paused);
    for (uint64_t i = 0; i < 1000; i++)
        stat_time(set, METRIC_SSE_EVENT_LATENCY, NULL, (i < 990 ? 20 : 500) * MS);
    for (uint64_t i = 0; figures->is_held_back && i < 100; i++) {
        stat_size(set, METRIC_SSE_BURST_EVENTS, "sent:apart", 10);
        stat_time(set, METRIC_SSE_BURST_SPAN, NULL, 300 * MS);
    }
    for (uint64_t i = 0; i < figures->shared; i++) {
        stat_time(set, METRIC_SSE_FANOUT_SPREAD, NULL, figures->spread_ms * MS);
        stat_time(set, METRIC_SSE_EVENT_GAP, NULL, figures->gap_ms * MS);
    }
    for (uint64_t i = 0; i < figures->prompt; i++)
        stat_time(set, METRIC_SSE_FANOUT_SPREAD, NULL, figures->half_ms * MS);
    if (figures->uneven_ms > 0) {
        stat_time(set, METRIC_SSE_EVENT_GAP, NULL, (figures->gap_ms + figures->uneven_ms) * MS);
        stat_time(set, METRIC_SSE_EVENT_GAP, NULL, (figures->gap_ms - figures->uneven_ms) * MS);
    }
    if (figures->pause_ms > 0)
        stat_time(set, METRIC_SSE_EVENT_GAP, NULL, figures->pause_ms * MS);
    if (figures->gathered > 0)
        stat_size(set, METRIC_SSE_BURST_EVENTS, NULL, figures->gathered);
    for (uint64_t i = 0; i < figures->samples; i++)
        stat_rate(set, METRIC_SSE_EVENTS_PER_STREAM_S, NULL,
                  i < figures->few ? figures->few_per_1000_s : figures->per_1000_s);
    if (figures->samples > 0)
        stat_passes(set, METRIC_SSE_PEER_COMPLETENESS, NULL, 10000, 0);
    stat_count(set, METRIC_SSE_UNSHARED, NULL, figures->alone);
}

static struct run *run_of(const struct figures *figures)
{
    struct run *run = run_new(1);
    uint64_t busy_s = 30 - figures->quiet_s;

    for (uint64_t second = 0; second < 30; second++) {
        struct stats *delta = stats_new();
        struct stat_set *set = stats_endpoint_set(delta, stats_add_endpoint(delta, "GET", "/x"));
        struct run_tick tick = {
            .interval_ns = 1000 * MS, .open = 10, .clock.source = figures->clock};

        stat_count(set, METRIC_SSE_EVENTS, NULL, second < busy_s ? 100 : 0);
        if (second == 0) {
            fill(set, figures);
            stat_time(stats_worker_set(delta), METRIC_WORKER_LAG, NULL, figures->lag_ms * MS);
        }
        run_add_tick(run, 0, &tick, delta);
        stats_free(delta);
        run_close_second(run, (figures->warm_up_s + second + 1 + (second > 14) * figures->blind_s) *
                                  CLOCK_NS_PER_S);
    }
    return run;
}

/* Is it raised, with `part` in its title or evidence? */
static bool is_raised(bool (*find)(const struct run *run, struct finding *finding),
                      const struct figures *figures, const char *part)
{
    struct run *run = run_of(figures);
    struct finding finding = {0};
    bool result = find(run, &finding);

    assert_true(result == (finding.title && finding.evidence && finding.advice));
    if (result && !strstr(finding.title, part) && !strstr(finding.evidence, part))
        fail_msg("no '%s' in '%s', '%s'", part, finding.title, finding.evidence);
    free(finding.title);
    free(finding.evidence);
    free(finding.advice);
    run_free(run);
    return result;
}

/* --- stale-events --- */

static bool is_stale(const struct figures *figures)
{
    return is_raised(find_stale_events, figures, "--stale");
}

static void events_that_are_too_late_are_told(void **state)
{
    (void)state;
    assert_false(is_stale(&(struct figures){0}));
    assert_true(
        is_raised(find_stale_events, &(struct figures){.stale = 10}, "10 of 1000 live events"));
    assert_true(is_stale(&(struct figures){.stale = 1, .clock = CLOCK_ASKED}));
}

static void lateness_that_is_not_the_services_is_not_stale(void **state)
{
    (void)state;
    assert_false(is_stale(&(struct figures){.stale = 10, .clock = CLOCK_APART}));
    assert_false(is_stale(&(struct figures){.stale = 10, .lag_ms = 101}));
    assert_false(is_stale(&(struct figures){.stale = 10, .paused = 1}));
    assert_false(is_stale(&(struct figures){.stale = 10, .is_held_back = true}));
}

/* --- slow-fanout --- */

static bool is_slow(uint64_t spread_ms, uint64_t gap_ms)
{
    return is_raised(find_slow_fanout,
                     &(struct figures){.shared = 20, .spread_ms = spread_ms, .gap_ms = gap_ms},
                     "after the first");
}

static void half_the_time_between_events_is_a_slow_fan_out(void **state)
{
    (void)state;
    assert_true(is_slow(100, 200));
    assert_false(is_slow(100, 210));
    assert_false(is_slow(99, 10));    /* nobody notices */
    assert_true(is_slow(1000, 9000)); /* a second is long at any rate */
    assert_false(is_slow(990, 9000));
    assert_false(is_raised(find_slow_fanout,
                           &(struct figures){.shared = 19, .spread_ms = 1000, .gap_ms = 200}, ""));
}

static void a_fan_out_that_others_make_slow_is_not_told(void **state)
{
    struct figures figures = {.shared = 20, .spread_ms = 150, .gap_ms = 200};

    (void)state;
    assert_true(is_raised(find_slow_fanout, &figures, "150ms after the first"));
    figures.lag_ms = 75; /* half of it, on both ends */
    assert_false(is_raised(find_slow_fanout, &figures, ""));
    figures.lag_ms = 0;
    figures.is_held_back = true;
    assert_false(is_raised(find_slow_fanout, &figures, ""));
}

/* An event that came late to one stream, for it was put behind another, is no matter of handing on.
 */
static void a_fan_out_that_is_slow_now_and_then_is_not_told(void **state)
{
    struct figures figures = {
        .shared = 20, .spread_ms = 160, .gap_ms = 200, .prompt = 21, .half_ms = 39};

    (void)state;
    assert_false(is_raised(find_slow_fanout, &figures, ""));
    figures.half_ms = 40;
    assert_true(is_raised(find_slow_fanout, &figures, "after the first"));
    figures.half_ms = 1;
    figures.prompt = 19;
    assert_true(is_raised(find_slow_fanout, &figures, "after the first"));
}

static void events_that_are_late_on_their_stream_are_no_slow_fan_out(void **state)
{
    struct figures figures = {.shared = 20, .spread_ms = 150, .gap_ms = 200, .uneven_ms = 76};

    (void)state;
    assert_false(is_raised(find_slow_fanout, &figures, ""));
    figures.uneven_ms = 74;
    assert_true(is_raised(find_slow_fanout, &figures, "150ms after the first"));
}

static void streams_that_stop_for_a_while_are_no_slow_fan_out(void **state)
{
    struct figures figures = {
        .shared = 20, .spread_ms = 150, .gap_ms = 200, .pause_ms = 321, .gathered = 60};

    (void)state;
    assert_false(is_raised(find_slow_fanout, &figures, ""));
    figures.gathered = 59; /* nothing was held back meanwhile */
    assert_true(is_raised(find_slow_fanout, &figures, "150ms after the first"));
    figures.gathered = 60;
    figures.pause_ms = 319; /* a short one */
    assert_true(is_raised(find_slow_fanout, &figures, "150ms after the first"));
}

/* --- starved-streams --- */

static const struct figures starved = {
    .samples = 100, .few = 3, .per_1000_s = 10000, .few_per_1000_s = 2000};

static bool is_starved(const struct figures *figures)
{
    return is_raised(find_starved_streams, figures, "others, with the same request, get");
}

static void streams_that_get_less_than_a_quarter_are_starved(void **state)
{
    struct figures figures = starved;

    (void)state;
    assert_true(
        is_raised(find_starved_streams, &figures, "Some streams get 2.0 events a second where"));
    figures.few_per_1000_s = 2501;
    assert_false(is_starved(&figures));
}

static void a_few_samples_are_not_enough(void **state)
{
    struct figures figures = starved;

    (void)state;
    figures.few = 2;
    assert_false(is_starved(&figures));
    figures.few = 3;
    figures.samples = 19;
    assert_false(is_starved(&figures));
    figures.samples = 20;
    assert_true(is_starved(&figures));
}

static void a_slow_source_says_too_little_to_compare(void **state)
{
    struct figures figures = starved;

    (void)state;
    figures.per_1000_s = 900;
    figures.few_per_1000_s = 0;
    assert_false(is_starved(&figures));
}

static void a_source_that_is_quiet_for_a_while_starves_nobody(void **state)
{
    struct figures figures = starved;

    (void)state;
    figures.quiet_s = 10;
    assert_false(is_starved(&figures));
}

/* Points of the series may be any length apart, and the first one at any time. */
static void a_source_is_steady_behind_a_warm_up(void **state)
{
    struct figures figures = starved;

    (void)state;
    figures.warm_up_s = 60;
    assert_true(is_starved(&figures));
    figures.quiet_s = 10;
    assert_false(is_starved(&figures));
    figures.quiet_s = 0;
    figures.blind_s = 60; /* without events: as one of a quiet source */
    assert_false(is_starved(&figures));
}

static void streams_for_events_of_their_own_cannot_be_compared(void **state)
{
    struct figures figures = starved;

    (void)state;
    figures.alone = 100;
    assert_true(is_starved(&figures));
    figures.alone = 101;
    assert_false(is_starved(&figures));
}

static void a_late_worker_starves_streams_itself(void **state)
{
    struct figures figures = starved;

    (void)state;
    figures.lag_ms = 101;
    assert_false(is_starved(&figures));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_that_are_too_late_are_told),
        cmocka_unit_test(lateness_that_is_not_the_services_is_not_stale),
        cmocka_unit_test(half_the_time_between_events_is_a_slow_fan_out),
        cmocka_unit_test(a_fan_out_that_others_make_slow_is_not_told),
        cmocka_unit_test(a_fan_out_that_is_slow_now_and_then_is_not_told),
        cmocka_unit_test(events_that_are_late_on_their_stream_are_no_slow_fan_out),
        cmocka_unit_test(streams_that_stop_for_a_while_are_no_slow_fan_out),
        cmocka_unit_test(streams_that_get_less_than_a_quarter_are_starved),
        cmocka_unit_test(a_few_samples_are_not_enough),
        cmocka_unit_test(a_slow_source_says_too_little_to_compare),
        cmocka_unit_test(a_source_that_is_quiet_for_a_while_starves_nobody),
        cmocka_unit_test(a_source_is_steady_behind_a_warm_up),
        cmocka_unit_test(streams_for_events_of_their_own_cannot_be_compared),
        cmocka_unit_test(a_late_worker_starves_streams_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

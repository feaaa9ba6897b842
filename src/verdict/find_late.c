#include "base/mem.h"
#include "verdict/find.h"
#include "verdict/find_figures.h"
#include "verdict/findings.h"

#include <inttypes.h>
#include <math.h>

enum {
    SPREADS_MIN = 20,
    SPREAD_MIN_MS = 100,    /* less nobody notices */
    SPREAD_LONG_MS = 1000,  /* at whatever rate events come */
    SPREAD_GAP_PCT = 50,    /* of the time between two events */
    SPREAD_USUAL_SHARE = 4, /* half of the events take a quarter as long, or it is now and then */
    PAUSE_PCT = 80,         /* of the spread */
    GATHERED_PCT = 2,       /* of the events */
    RATES_MIN = 20,
    STARVED_MIN = 3,    /* samples */
    STARVED_SHARE = 4,  /* one in so many of what half of the streams get */
    RATE_MIN_PER_S = 1, /* a slower one counts too few events in a sample to compare */
    STEADY_SPAN_S = 10, /* as long as a rate is sampled */
    STEADY_SHARE = 2,
    ALIKE_PCT = 99
};

/* --- events later than the user allows --- */

bool find_stale_events(const struct run *run, struct finding *finding)
{
    uint64_t stale = stat_get_count(run->total, METRIC_SSE_STALE, NULL);
    const struct hist *latency = stat_get_trend(run->total, METRIC_SSE_EVENT_LATENCY, NULL);
    char p50[UNITS_TEXT_BYTES], p99[UNITS_TEXT_BYTES], max[UNITS_TEXT_BYTES];

    /* Between clocks that nobody compared, none is known to be late. */
    if (stale == 0 || !latency || run_clock(run).source == CLOCK_APART ||
        stat_get_count(run->total, METRIC_SSE_READER_PAUSES, NULL) > 0 ||
        findings_reads_late(run) || find_is_held_back(run))
        return false;
    finding->confidence = CONFIDENCE_CERTAIN;
    finding->title = x_asprintf("%" PRIu64 " of %" PRIu64
                                " live events came later after their sending than --stale allows",
                                stale, hist_count(latency));
    finding->evidence = x_asprintf("sse_event_latency p50 %s, p99 %s, max %s; sse_stale %" PRIu64,
                                   find_duration(find_percentile(latency, 50), p50),
                                   find_duration(find_percentile(latency, 99), p99),
                                   find_duration((double)hist_max(latency) / 1000.0, max), stale);
    finding->advice =
        x_strdup("See in sse_event_latency_p95 of the result's series when they were late: with "
                 "many streams, it is the service's sending or a queue in front of it; now and "
                 "then, pauses of the service (collection of garbage, a blocked loop)");
    return true;
}

/* --- streams that get an event long after others --- */

static bool is_wide(double spread_ms, double gap_ms)
{
    return spread_ms >= SPREAD_LONG_MS ||
           (spread_ms >= SPREAD_MIN_MS && spread_ms * 100.0 >= gap_ms * SPREAD_GAP_PCT);
}

/* Do single streams stop for as long, and then get at once what was to come meanwhile? */
static bool have_pauses(const struct run *run, const struct hist *gap, double spread_ms)
{
    double events = (double)stat_get_count(run->total, METRIC_SSE_EVENTS, NULL);
    double gathered = find_sum(stat_get_trend(run->total, METRIC_SSE_BURST_EVENTS, NULL));
    double pause_ms = find_percentile(gap, 100) - find_percentile(gap, 50);

    return pause_ms * 100.0 >= spread_ms * PAUSE_PCT && gathered * 100.0 >= events * GATHERED_PCT;
}

/* Do some events come late on their stream, and those behind them in time? The gap before one is
 * then longer, and that behind it shorter, by half of the spread or more. */
static bool have_late_events(const struct hist *gap, double spread_ms)
{
    double usual_ms = find_percentile(gap, 50);

    return fmin(find_percentile(gap, 98) - usual_ms, usual_ms - find_percentile(gap, 2)) * 2 >=
           spread_ms;
}

bool find_slow_fanout(const struct run *run, struct finding *finding)
{
    const struct hist *spread = stat_get_trend(run->total, METRIC_SSE_FANOUT_SPREAD, NULL);
    const struct hist *gap = stat_get_trend(run->total, METRIC_SSE_EVENT_GAP, NULL);
    double p95_ms = spread ? find_percentile(spread, 95) : 0;
    char p50[UNITS_TEXT_BYTES], p95[UNITS_TEXT_BYTES], between[UNITS_TEXT_BYTES];

    if (!spread || !gap || hist_count(spread) < SPREADS_MIN ||
        !is_wide(p95_ms, find_percentile(gap, 50)) ||
        find_percentile(spread, 50) * SPREAD_USUAL_SHARE < p95_ms ||
        p95_ms <= 2 * find_lag_ms(run) || findings_reads_late(run) || find_is_held_back(run) ||
        have_pauses(run, gap, p95_ms) || have_late_events(gap, p95_ms))
        return false;
    finding->confidence = CONFIDENCE_LIKELY;
    finding->title = x_asprintf("The same event reaches the last of its streams %s after the first",
                                find_duration(p95_ms, p95));
    finding->evidence =
        x_asprintf("sse_fanout_spread p50 %s, p95 %s, of %" PRIu64
                   " events; half of the events on a stream come within %s of each other",
                   find_duration(find_percentile(spread, 50), p50), p95, hist_count(spread),
                   find_duration(find_percentile(gap, 50), between));
    finding->advice = x_strdup(
        "Look at how the service hands an event on: one stream after the other in one loop, a "
        "timer or a poll of each stream by itself, servers that get it from each other. More "
        "streams make it longer where it is the loop: compare with a run of a tenth of them");
    return true;
}

/* --- streams that get little of what others get --- */

/* Are its streams known to be for the same events? */
static bool are_alike(const struct stat_set *set)
{
    uint64_t passes, fails,
        alone = stat_get_count(set, METRIC_SSE_UNSHARED, NULL) +
                stat_get_count(set, METRIC_SSE_UNCOMPARED, NULL);

    stat_get_rate(set, METRIC_SSE_PEER_COMPLETENESS, NULL, &passes, &fails);
    return passes > 0 && (double)alone * 100.0 <= (double)passes * (100 - ALIKE_PCT);
}

/* Events a second and stream over the points from `*from` on, which is not the first one and moves
 * behind them: one at least, however long it is. */
static double rate_over(const struct run_series *series, size_t *from)
{
    double began_s = series->t_s[*from - 1], stream_s = 0, events = 0;
    bool is_short; /* the rest of the run */

    do {
        double length_s = series->t_s[*from] - series->t_s[*from - 1];

        stream_s += length_s * ((double)series->open[*from - 1] + series->open[*from]) / 2;
        events += (double)series->events[*from];
        (*from)++;
    } while (*from < series->count && series->t_s[*from] < began_s + STEADY_SPAN_S + 0.5);
    is_short = *from == series->count && series->t_s[*from - 1] - began_s < STEADY_SPAN_S / 2.0;
    return stream_s > 0 && !is_short ? events / stream_s : (double)NAN;
}

/* Did a stream get as many events a second at any time? Where a source is quiet for a while, all of
 * them get little. When the first point began is not looked at: behind a warm-up it is not 0. */
static bool is_steady(const struct run_series *series)
{
    double low = (double)INFINITY, high = 0;

    for (size_t i = 1; i < series->count;) {
        double rate = rate_over(series, &i);

        low = fmin(low, rate); /* NaN is passed over */
        high = fmax(high, rate);
    }
    return high <= low * STEADY_SHARE;
}

bool find_starved_streams(const struct run *run, struct finding *finding)
{
    if (findings_reads_late(run) || !is_steady(&run->series))
        return false;
    for (size_t i = 0; i < stats_endpoint_count(run->stats); i++) {
        const struct stat_set *set = stats_endpoint_set(run->stats, i);
        const struct hist *rates = stat_get_trend(set, METRIC_SSE_EVENTS_PER_STREAM_S, NULL);
        double half, few;

        if (!rates || hist_count(rates) < RATES_MIN || !are_alike(set) ||
            stat_get_count(set, METRIC_SSE_SLOW_READERS, NULL) > 0)
            continue;
        half = find_percentile(rates, 50);
        few = find_percentile(rates, fmax(1, 100.0 * STARVED_MIN / (double)hist_count(rates)));
        if (half < RATE_MIN_PER_S || few * STARVED_SHARE >= half)
            continue;
        finding->confidence = CONFIDENCE_LIKELY;
        finding->title = x_asprintf("Some streams get %.1f events a second where others, with the "
                                    "same request, get %.1f",
                                    few, half);
        finding->evidence = x_asprintf(
            "%s %s: sse_events_per_stream_s min %.3f, p1 %.3f, p50 %.3f, p95 %.3f, of %" PRIu64
            " samples of 10 s",
            stats_endpoint_method(run->stats, i), stats_endpoint_name(run->stats, i),
            find_percentile(rates, 0), find_percentile(rates, 1), half, find_percentile(rates, 95),
            hist_count(rates));
        finding->advice = x_strdup(
            "Look at what the service keeps for each stream: a queue that is full and drops, a "
            "subscription that was never made or was lost, a server that is cut off from the "
            "others (--server-id tells which)");
        return true;
    }
    return false;
}

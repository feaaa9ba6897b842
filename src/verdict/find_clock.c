#include "verdict/find_clock.h"

#include "base/mem.h"
#include "stats/run.h"
#include "verdict/outcome.h"

#include <inttypes.h>

/* What the rule looks at. */
struct latencies {
    struct clock_state clock;
    uint64_t live, negative, replayed, held;
    double median_ms, error_ms;
    double early_ms;     /* the most by which one came before it was sent */
    double above_p95_ms; /* of above:fastest; 0 without samples */
};

static uint64_t count_of(const struct hist *hist)
{
    return hist ? hist_count(hist) : 0;
}

static double at_ms(const struct hist *hist, double percentile)
{
    return hist ? (double)hist_percentile(hist, percentile) / 1000.0 : 0;
}

static struct latencies read_latencies(const struct run *run)
{
    const struct hist *live = stat_get_trend(run->total, METRIC_SSE_EVENT_LATENCY, NULL);
    const struct hist *negative =
        stat_get_trend(run->total, METRIC_SSE_EVENT_LATENCY_NEGATIVE, NULL);
    struct latencies latencies = {.clock = run_clock(run)};

    latencies.negative = count_of(negative);
    latencies.live = count_of(live) + latencies.negative;
    latencies.replayed =
        count_of(stat_get_trend(run->total, METRIC_SSE_EVENT_LATENCY, "delivery:replay"));
    latencies.held =
        count_of(stat_get_trend(run->total, METRIC_SSE_EVENT_LATENCY, "delivery:held"));
    latencies.median_ms = at_ms(live, 50);
    latencies.early_ms = negative ? (double)hist_max(negative) / 1000.0 : 0;
    latencies.above_p95_ms =
        at_ms(stat_get_trend(run->total, METRIC_SSE_EVENT_LATENCY, "above:fastest"), 95);
    latencies.error_ms = (double)latencies.clock.error_ns / 1e6;
    return latencies;
}

static bool has_large_error(const struct latencies *latencies)
{
    return latencies->clock.source == CLOCK_ASKED && latencies->live > 0 &&
           latencies->error_ms * 100.0 > latencies->median_ms * FIND_CLOCK_ERROR_PCT;
}

static bool has_many_negative(const struct latencies *latencies)
{
    return (double)latencies->negative * 100.0 > (double)latencies->live * FIND_CLOCK_NEGATIVE_PCT;
}

/* A value of the answer that is no present time, an expiry for one, makes all events look old. */
static bool has_replays_alone(const struct latencies *latencies)
{
    return latencies->clock.source == CLOCK_ASKED && latencies->live + latencies->held == 0;
}

static char *describe(const struct latencies *latencies)
{
    struct buf text = {0};
    char *result;

    (void)buf_appendf(&text, "%" PRIu64 " live events, median latency %.3f ms", latencies->live,
                      latencies->median_ms);
    if (latencies->negative > 0)
        (void)buf_appendf(&text,
                          "; %" PRIu64 " of them came before they were sent, by up to %.3f ms",
                          latencies->negative, latencies->early_ms);
    if (latencies->replayed > 0)
        (void)buf_appendf(&text, "; %" PRIu64 " seem older than their connection",
                          latencies->replayed);
    if (latencies->clock.source == CLOCK_ASKED)
        (void)buf_appendf(&text, "; offset %+.3f ms, error %.3f ms",
                          (double)latencies->clock.offset_ns / 1e6, latencies->error_ms);
    if (latencies->clock.source == CLOCK_APART)
        (void)buf_appendf(&text, "; above the fastest event p95 %.3f ms", latencies->above_p95_ms);
    if (latencies->clock.step_count > 0)
        (void)buf_appendf(&text, "; our wall clock was set %" PRIu32 " time%s during the run",
                          latencies->clock.step_count, latencies->clock.step_count == 1 ? "" : "s");
    result = x_strdup(buf_text(&text));
    buf_fini(&text);
    return result;
}

static const char *advice_for(const struct latencies *latencies)
{
    switch (latencies->clock.source) {
    case CLOCK_APART:
        return "Give --clock URL, an endpoint of the service that answers with its time, or keep "
               "both clocks together with chrony or PTP; until then read "
               "sse_event_latency{above:fastest}, which needs no common clock";
    case CLOCK_ASKED:
        if (has_replays_alone(latencies))
            return "Look at what --clock answers: the first value of it that can be a time is "
                   "taken. Where streams bring nothing but what was there before, this is no fault";
        return "Ask a clock nearer to this machine, and one that answers with milliseconds or "
               "finer at once; or keep both clocks together with chrony or PTP";
    case CLOCK_SAME_HOST:
    case CLOCK_UNUSED:
    case CLOCK_SOURCE_COUNT:
        break;
    }
    return "The server looks as if it were on this machine. Behind a tunnel or proxy it is not: "
           "give --clock URL then; else look at how the service makes the time in its events, and "
           "at the unit of --event-time";
}

bool find_clock_uncertain(const struct run *run, struct finding *finding)
{
    struct latencies latencies = read_latencies(run);

    if (latencies.live + latencies.replayed == 0)
        return false;
    if (latencies.clock.source == CLOCK_APART)
        finding->title =
            x_strdup("Event latencies were taken between two clocks that nobody compared");
    else if (has_many_negative(&latencies))
        finding->title =
            x_strdup("Events came before they were sent: the clocks, or the times in the events, "
                     "do not fit");
    else if (has_replays_alone(&latencies))
        finding->title =
            x_strdup("By the clock that was asked every event is older than its connection");
    else if (has_large_error(&latencies))
        finding->title = x_asprintf("The clock's error is more than %d%% of the median latency",
                                    FIND_CLOCK_ERROR_PCT);
    else
        return false;
    finding->confidence = CONFIDENCE_CERTAIN;
    finding->evidence = describe(&latencies);
    finding->advice = x_strdup(advice_for(&latencies));
    return true;
}

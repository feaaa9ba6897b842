#include "base/mem.h"
#include "verdict/find.h"
#include "verdict/find_figures.h"
#include "verdict/findings.h"

#include <inttypes.h>
#include <math.h>

enum {
    BURSTS_MIN = 10,         /* fewer say nothing of a habit */
    MOST_PCT = 50,           /* of the events, and of the streams that are compressed */
    NEARLY_ALL_PCT = 80,     /* of the bursts */
    TYPICAL_EVENTS_MIN = 4,  /* sent over three gaps and more: less may be the network's jitter */
    LONG_SPAN_MS = 250,      /* but not where the gaps are as long as this */
    CRITICAL_SPAN_MS = 1000, /* so late that what shows events live does not any more */
    SAME_SIZE_PCT = 2        /* sizes of a buffer that is always sent when it is full */
};

/* What came at once, on the streams of one endpoint. */
struct bursts {
    const char *method, *name;
    uint64_t events, live; /* in all; and with a time of sending, but for replayed ones */
    uint64_t held;         /* of these, those sent before the headers of their response came */
    double held_max_ms;
    uint64_t begins;      /* first bursts of streams, which held ones may be in */
    uint64_t apart_count; /* bursts of events that were sent apart */
    double apart_events, apart_median, span_median_ms;
    uint64_t cut_count; /* bursts that ended inside an event */
    double cut_events, cut_median, bytes_low, bytes_median, bytes_high;
    bool is_compressed;
};

static bool is_most(double part, double whole, int percent)
{
    return whole > 0 && part * 100.0 >= whole * percent;
}

static struct bursts read_bursts(const struct stats *stats, size_t endpoint)
{
    const struct stat_set *set = stats_endpoint_set(stats, endpoint);
    const struct hist *held = stat_get_trend(set, METRIC_SSE_EVENT_LATENCY, "delivery:held");
    const struct hist *apart = stat_get_trend(set, METRIC_SSE_BURST_EVENTS, "sent:apart");
    const struct hist *cut = stat_get_trend(set, METRIC_SSE_BURST_EVENTS, "end:inside");
    const struct hist *bytes = stat_get_trend(set, METRIC_SSE_BURST_BYTES, NULL);
    uint64_t connected, failed;
    struct bursts bursts = {
        .method = stats_endpoint_method(stats, endpoint),
        .name = stats_endpoint_name(stats, endpoint),
        .events = stat_get_count(set, METRIC_SSE_EVENTS, NULL),
        .live = find_count(stat_get_trend(set, METRIC_SSE_EVENT_LATENCY, NULL)) +
                find_count(stat_get_trend(set, METRIC_SSE_EVENT_LATENCY_NEGATIVE, NULL)) +
                find_count(held),
        .held = find_count(held),
        .held_max_ms = find_percentile(held, 100),
        .apart_count = find_count(apart),
        .apart_events = find_sum(apart),
        .apart_median = find_percentile(apart, 50),
        .span_median_ms = find_percentile(stat_get_trend(set, METRIC_SSE_BURST_SPAN, NULL), 50),
        .cut_count = find_count(cut),
        .cut_events = find_sum(cut),
        .cut_median = find_percentile(cut, 50),
        .bytes_low = find_percentile(bytes, 10),
        .bytes_median = find_percentile(bytes, 50),
        .bytes_high = find_percentile(bytes, 90),
    };

    stat_get_rate(set, METRIC_SSE_CONNECT_SUCCESS, NULL, &connected, &failed);
    bursts.begins = bursts.held > 0 && connected < bursts.apart_count ? connected : 0;
    bursts.is_compressed = is_most((double)stat_get_count(set, METRIC_SSE_COMPRESSED, NULL),
                                   (double)connected, MOST_PCT);
    return bursts;
}

/* By the times of sending. */
static bool are_apart(const struct bursts *bursts)
{
    return bursts->apart_count >= BURSTS_MIN &&
           is_most(bursts->apart_events, (double)bursts->live, MOST_PCT) &&
           (bursts->apart_median >= TYPICAL_EVENTS_MIN || bursts->span_median_ms >= LONG_SPAN_MS);
}

static bool have_one_size(const struct bursts *bursts)
{
    return bursts->bytes_high * 100.0 <= bursts->bytes_low * (100 + SAME_SIZE_PCT);
}

/* By what one burst holds, where no time of sending is known. A source ends its own with an event;
 * a buffer that is full, or a compressor, does not ask where one ends. */
static bool are_cut(const struct bursts *bursts)
{
    return bursts->live == 0 && bursts->cut_count >= BURSTS_MIN &&
           is_most(bursts->cut_events, (double)bursts->events, MOST_PCT) &&
           (bursts->is_compressed || have_one_size(bursts));
}

static bool are_held_back(const struct bursts *bursts)
{
    return are_apart(bursts) || are_cut(bursts);
}

/* Of the endpoints whose streams are (not) compressed the one with most events held back, and how
 * many more there are; false: none. */
static bool find_worst(const struct run *run, bool is_compressed, struct bursts *worst,
                       size_t *result_count)
{
    size_t count = 0;

    if (findings_reads_late(run))
        return false;
    for (size_t i = 0; i < stats_endpoint_count(run->stats); i++) {
        struct bursts bursts = read_bursts(run->stats, i);

        if (bursts.is_compressed != is_compressed || !are_held_back(&bursts))
            continue;
        if (count == 0 || fmax(bursts.apart_events, bursts.cut_events) >
                              fmax(worst->apart_events, worst->cut_events))
            *worst = bursts;
        count++;
    }
    *result_count = count;
    return count > 0;
}

bool find_is_held_back(const struct run *run)
{
    struct bursts bursts;
    size_t count;

    return find_worst(run, false, &bursts, &count) || find_worst(run, true, &bursts, &count);
}

/* Is the size of a buffer what ends a burst? Of one that held its headers too, nobody knows: it may
 * begin with a replay. */
static bool is_by_size(const struct bursts *bursts)
{
    return !are_apart(bursts) ||
           (is_most((double)bursts->cut_count, (double)(bursts->apart_count - bursts->begins),
                    NEARLY_ALL_PCT) &&
            have_one_size(bursts));
}

/* By how long the oldest event of a burst waited for the newest. */
static enum finding_severity severity_of(const struct bursts *bursts)
{
    return are_apart(bursts) && bursts->span_median_ms >= CRITICAL_SPAN_MS ? FINDING_CRITICAL
                                                                           : FINDING_WARNING;
}

static char *describe(const struct bursts *bursts, size_t endpoint_count)
{
    bool by_time = are_apart(bursts);
    double held = by_time ? bursts->apart_events : bursts->cut_events;
    uint64_t all = by_time ? bursts->live : bursts->events;
    char text[UNITS_TEXT_BYTES];
    struct buf out = {0};
    char *result;

    (void)buf_appendf(&out, "%s %s: %.0f of %" PRIu64 " %sevents came in %" PRIu64 " bursts",
                      bursts->method, bursts->name, held, all,
                      !by_time           ? ""
                      : bursts->held > 0 ? "live or held "
                                         : "live ",
                      by_time ? bursts->apart_count : bursts->cut_count);
    if (by_time)
        (void)buf_appendf(&out, ", in the median %.0f that were sent over %s", bursts->apart_median,
                          find_duration(bursts->span_median_ms, text));
    else
        (void)buf_appendf(&out, ", in the median %.0f events", bursts->cut_median);
    if (bursts->cut_count > 0)
        (void)buf_appendf(&out, "; %" PRIu64 " bursts ended inside an event, after %s bytes",
                          bursts->cut_count,
                          units_format_count((uint64_t)(bursts->bytes_median + 0.5), text));
    if (by_time && bursts->held > 0)
        (void)buf_appendf(&out,
                          "; %" PRIu64 " were held back with the headers of their response, for "
                          "up to %s",
                          bursts->held, find_duration(bursts->held_max_ms, text));
    if (endpoint_count > 1)
        (void)buf_appendf(&out, "; so did those of %zu more endpoint%s", endpoint_count - 1,
                          endpoint_count == 2 ? "" : "s");
    result = x_strdup(buf_text(&out));
    buf_fini(&out);
    return result;
}

static const char *const TIME_WOULD_TELL =
    "A run that would tell: one with --event-time, so that events sent apart are known from those "
    "that the service sends together";

static char *title_of(const struct bursts *bursts, const char *culprit)
{
    char text[UNITS_TEXT_BYTES];

    if (are_apart(bursts))
        return x_asprintf("Events arrive in bursts of %.0f that were sent over %s: %s",
                          bursts->apart_median, find_duration(bursts->span_median_ms, text),
                          culprit);
    return x_asprintf("Events arrive in bursts of %.0f that end inside an event: %s",
                      bursts->cut_median, culprit);
}

bool find_proxy_buffering(const struct run *run, struct finding *finding)
{
    struct bursts bursts;
    size_t count;
    bool by_size;
    char text[UNITS_TEXT_BYTES];

    if (!find_worst(run, false, &bursts, &count))
        return false;
    by_size = is_by_size(&bursts);
    finding->severity = severity_of(&bursts);
    finding->title = title_of(&bursts, by_size ? "a buffer of fixed size gathers them"
                                               : "something on their way gathers them");
    finding->evidence = describe(&bursts, count);
    if (by_size)
        finding->advice = x_asprintf(
            "Look for a buffer of %s bytes. In nginx: proxy_buffering off, or X-Accel-Buffering: "
            "no in the answer (nginx gathers what is not chunked, so proxy_http_version 1.1 often "
            "helps too). In the service: flush after each event%s%s",
            units_format_count((uint64_t)(bursts.bytes_median + 0.5), text),
            are_apart(&bursts) ? "" : ". ", are_apart(&bursts) ? "" : TIME_WOULD_TELL);
    else
        finding->advice = x_strdup(
            "Look for what waits: a proxy that buffers (nginx: proxy_buffering off, or "
            "X-Accel-Buffering: no in the answer), or the service itself: publishing by the clock "
            "or in batches, no flush after each event; of 40 ms: a socket without TCP_NODELAY");
    if (!are_apart(&bursts))
        finding->confidence = CONFIDENCE_SUSPECTED;
    else
        finding->confidence = by_size ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY;
    return true;
}

bool find_buffered_compression(const struct run *run, struct finding *finding)
{
    struct bursts bursts;
    size_t count;
    bool by_time;

    if (!find_worst(run, true, &bursts, &count))
        return false;
    by_time = are_apart(&bursts);
    finding->severity = severity_of(&bursts);
    finding->confidence = by_time ? CONFIDENCE_LIKELY : CONFIDENCE_SUSPECTED;
    finding->title = title_of(&bursts, "they come compressed, and the compressor waits for more");
    finding->evidence = describe(&bursts, count);
    finding->advice = x_asprintf(
        "Flush the compressor after each event (zlib: Z_SYNC_FLUSH), or leave text/event-stream "
        "uncompressed (nginx: not in gzip_types; or proxy_buffering off, which flushes). The same "
        "run uncompressed tells it from a proxy that buffers%s%s",
        by_time ? "" : ". ", by_time ? "" : TIME_WOULD_TELL);
    return true;
}

#include "verdict/find.h"

#include "base/clock.h"
#include "base/mem.h"
#include "verdict/findings.h"

#include <inttypes.h>

enum {
    US_PER_MS = 1000,
    PATIENCE_MIN_MS = 10000, /* of shorter silences nothing is said */
    RETRY_BYTES_MAX = 20,    /* "retry: " with nine digits, and what ends it in CR LF */
    GAPS_MIN = 20            /* fewer say nothing about what is usual */
};

/* Did streams open, or were there any left that had opened in a warm-up? */
static bool had_streams(const struct run *run)
{
    uint64_t connected, failed;
    double open = 0;

    stat_get_rate(run->total, METRIC_SSE_CONNECT_SUCCESS, NULL, &connected, &failed);
    (void)stat_get_gauge(run->total, METRIC_SSE_OPEN, NULL, NULL, NULL, &open);
    return connected > 0 || (open > 0 && run_count_connected(run) > 0);
}

/* Do the bytes that came hold little but retry lines, each with what ends it? */
static bool is_retry_alone(const struct run *run)
{
    uint64_t bytes = stat_get_count(run->total, METRIC_SSE_BYTES, NULL);
    uint64_t lines = stat_get_count(run->total, METRIC_SSE_RETRY_LINES, NULL);

    return bytes <= lines * RETRY_BYTES_MAX;
}

bool find_no_events(const struct run *run, struct finding *finding)
{
    uint64_t connected = run_count_connected(run);
    uint64_t bytes = stat_get_count(run->total, METRIC_SSE_BYTES, NULL);
    uint64_t comments = stat_get_count(run->total, METRIC_SSE_COMMENTS, NULL);

    if (!had_streams(run) || run_measured_ns(run) == 0 ||
        stat_get_count(run->total, METRIC_SSE_EVENTS, NULL) > 0)
        return false;
    finding->confidence = CONFIDENCE_CERTAIN;
    finding->title =
        x_strdup(run->warm_up && stat_get_count(run->warm_up, METRIC_SSE_EVENTS, NULL) > 0
                     ? "Streams were open, but not one event arrived after the warm-up"
                     : "Streams were open, but not one event arrived on any of them");
    finding->evidence = x_asprintf("%" PRIu64 " streams connected; %" PRIu64 " bytes, %" PRIu64
                                   " comments and 0 events came within %.1f s",
                                   connected, bytes, comments, (double)run_measured_ns(run) / 1e9);
    if (bytes == 0)
        finding->advice = x_strdup("Nothing came at all: publish something during the run, run "
                                   "longer, or look for a proxy that holds responses back");
    else if (comments > 0)
        finding->advice = x_strdup("Only comments came: the service keeps streams alive but "
                                   "publishes nothing; check topics and credentials");
    else if (is_retry_alone(run))
        finding->advice = x_strdup("Only `retry:` lines came, which make no event: publish "
                                   "something during the run, or run longer");
    else
        finding->advice = x_strdup("Bytes came, but no complete event: an event needs a data line "
                                   "and ends with an empty line; look with `cicada tap`");
    return true;
}

/* Attempts at a stream, in the warm-up too, whose answers may come behind it. */
struct asked {
    uint64_t all;
    uint64_t unanswered; /* so far */
    uint64_t timed_out;  /* given up for want of an answer */
};

static void add_asked(struct asked *asked, const struct stat_set *set, uint64_t *settled)
{
    uint64_t passes, fails;

    stat_get_rate(set, METRIC_SSE_CONNECT_SUCCESS, NULL, &passes, &fails);
    *settled += passes + fails;
    asked->all += stat_get_count(set, METRIC_SSE_ATTEMPTS, NULL);
    asked->timed_out += stat_get_count(set, METRIC_SSE_CONNECT_FAILS, "cause:timeout_headers");
}

static struct asked read_asked(const struct run *run)
{
    struct asked asked = {0};
    uint64_t settled = 0;

    add_asked(&asked, run->total, &settled);
    if (run->warm_up)
        add_asked(&asked, run->warm_up, &settled);
    asked.unanswered = asked.all > settled ? asked.all - settled : 0;
    return asked;
}

bool findings_has_silent_streams(const struct run *run)
{
    return stat_get_count(run->total, METRIC_SSE_EVENTS, NULL) == 0 && run_measured_ns(run) > 0 &&
           (had_streams(run) || read_asked(run).unanswered > 0);
}

/* No stream ever opened, and most attempts heard nothing for long enough. */
static bool is_mute(const struct run *run, const struct asked *asked)
{
    return run_count_connected(run) == 0 &&
           2 * (asked->unanswered + asked->timed_out) > asked->all &&
           (asked->timed_out > 0 || run->info.duration_ns >= PATIENCE_MIN_MS * CLOCK_NS_PER_MS);
}

/* The caller frees it. */
static char *describe_asked(const struct run *run, const struct asked *asked)
{
    if (!run->info.is_script && asked->timed_out > 0)
        return x_asprintf("Of %" PRIu64 " requests for a stream %" PRIu64 " had no answer within "
                          "--headers-timeout, and %" PRIu64 " none when the run ended",
                          asked->all, asked->timed_out, asked->unanswered);
    return x_asprintf("%" PRIu64 " of %" PRIu64 " requests for a stream had no answer at the end, "
                      "after at most %.1f s%s",
                      asked->unanswered, asked->all, (double)run->info.duration_ns / 1e9,
                      run->info.is_script ? "; the script counts none of them" : "");
}

/* The table of a Locust file shows nothing of a request that still waits, nor do the errors. */
bool find_unanswered(const struct run *run, struct finding *finding)
{
    struct asked asked = read_asked(run);
    bool is_script = run->info.is_script;

    if (is_script ? asked.unanswered == 0 || !findings_has_silent_streams(run)
                  : !is_mute(run, &asked))
        return false;
    finding->confidence = CONFIDENCE_CERTAIN;
    finding->title = x_strdup("Streams were asked for, but the service never answered");
    finding->evidence = describe_asked(run, &asked);
    finding->advice = x_strdup(
        is_script ? "Look with `cicada tap` whether the service answers at all; give requests a "
                    "timeout, so that the script counts them as failures"
                  : "Look with `cicada tap` whether the service answers at all. The connections "
                    "are made, maybe by the system alone: look for a process that hangs, or whose "
                    "workers are all busy, and for a proxy or a port that leads nowhere; headers "
                    "of a stream are to be sent at once, not with its first event");
    return true;
}

/* What is looked at: one endpoint whose streams should all get the same events. */
struct listeners {
    const struct stat_set *set;
    const char *method, *name;
    double gap_p50_ms, gap_p99_ms;
};

/*
 * False where one stream's silence says nothing: streams that get events of their own, or are read
 * slowly by our choice, and too few events to know what is usual.
 */
static bool read_listeners(const struct run *run, size_t endpoint, struct listeners *listeners)
{
    const struct stat_set *set = stats_endpoint_set(run->stats, endpoint);
    const struct hist *gaps = stat_get_trend(set, METRIC_SSE_EVENT_GAP, NULL);
    uint64_t shared, missed;

    stat_get_rate(set, METRIC_SSE_PEER_COMPLETENESS, NULL, &shared, &missed);
    if (shared == 0 || stat_get_count(set, METRIC_SSE_UNSHARED, NULL) > shared ||
        stat_get_count(set, METRIC_SSE_SLOW_READERS, NULL) > 0 || !gaps ||
        hist_count(gaps) < GAPS_MIN)
        return false;
    *listeners = (struct listeners){
        .set = set,
        .method = stats_endpoint_method(run->stats, endpoint),
        .name = stats_endpoint_name(run->stats, endpoint),
        .gap_p50_ms = (double)hist_percentile(gaps, 50) / US_PER_MS,
        .gap_p99_ms = (double)hist_percentile(gaps, 99) / US_PER_MS,
    };
    return true;
}

static double longest(double left, double right)
{
    return left > right ? left : right;
}

static uint64_t count_above(const struct hist *hist, double ms)
{
    return hist ? hist_count_above(hist, (uint64_t)(ms * US_PER_MS)) : 0;
}

static bool fill_silent(const struct listeners *listeners, struct finding *finding)
{
    const struct hist *ages = stat_get_trend(listeners->set, METRIC_SSE_SILENT_AGE, NULL);
    double patience_ms =
        longest(longest(PATIENCE_MIN_MS, 5 * listeners->gap_p50_ms), 2 * listeners->gap_p99_ms);
    uint64_t silent = count_above(ages, patience_ms), connected, failed;

    stat_get_rate(listeners->set, METRIC_SSE_CONNECT_SUCCESS, NULL, &connected, &failed);
    if (silent == 0 || connected < hist_count(ages) + silent)
        return false;
    finding->confidence = CONFIDENCE_LIKELY;
    finding->title = x_asprintf("%" PRIu64 " stream%s never got an event, while others did", silent,
                                silent == 1 ? "" : "s");
    finding->evidence =
        x_asprintf("%s %s: %" PRIu64 " of %" PRIu64 " streams were open for more than %.0f s, and "
                   "for up to %.1f s, without an event; on the others one came each %.0f ms (p50)",
                   listeners->method, listeners->name, silent, connected, patience_ms / 1000.0,
                   (double)hist_max(ages) / 1e6, listeners->gap_p50_ms);
    finding->advice = x_strdup("Look whether the service subscribes each stream it accepts: one "
                               "process that is not connected to the source of events, or a "
                               "registration that fails without an error");
    return true;
}

bool find_silent_streams(const struct run *run, struct finding *finding)
{
    struct listeners listeners;

    if (findings_reads_late(run))
        return false;
    for (size_t i = 0; i < stats_endpoint_count(run->stats); i++) {
        if (read_listeners(run, i, &listeners) && fill_silent(&listeners, finding))
            return true;
    }
    return false;
}

/* Nothing lies between those that are silent and the others, which are as many at least. */
static bool fill_dead(const struct listeners *listeners, struct finding *finding)
{
    const struct hist *silences = stat_get_trend(listeners->set, METRIC_SSE_OPEN_SILENCE, NULL);
    double patience_ms = longest(PATIENCE_MIN_MS, 5 * listeners->gap_p99_ms);
    uint64_t dead = count_above(silences, patience_ms);

    if (dead == 0 || hist_count(silences) < 2 * dead ||
        count_above(silences, patience_ms / 2) > dead)
        return false;
    finding->confidence = CONFIDENCE_LIKELY;
    finding->title = dead == 1 ? x_strdup("1 open stream gets nothing any more")
                               : x_asprintf("%" PRIu64 " open streams get nothing any more", dead);
    finding->evidence = x_asprintf(
        "%s %s: %" PRIu64 " of %" PRIu64 " streams open at the end had been silent for "
        "more than %.0f s, and for up to %.1f s, having got events before; the others "
        "got one each %.0f ms, at most %.0f ms apart (p99)",
        listeners->method, listeners->name, dead, hist_count(silences), patience_ms / 1000.0,
        (double)hist_max(silences) / 1e6, listeners->gap_p50_ms, listeners->gap_p99_ms);
    finding->advice =
        x_strdup("The connection is open on our side alone, or forgotten by the service: look for "
                 "what drops connections without a word (NAT, a load balancer that forgets them, a "
                 "process that died), send heartbeats, and have clients reconnect after silence");
    return true;
}

bool find_dead_streams(const struct run *run, struct finding *finding)
{
    struct listeners listeners;

    if (findings_reads_late(run))
        return false;
    for (size_t i = 0; i < stats_endpoint_count(run->stats); i++) {
        if (read_listeners(run, i, &listeners) && fill_dead(&listeners, finding))
            return true;
    }
    return false;
}

bool find_no_heartbeat(const struct run *run, struct finding *finding)
{
    uint64_t missed = stat_get_count(run->total, METRIC_SSE_MISSED_HEARTBEATS, NULL);
    uint64_t bytes = stat_get_count(run->total, METRIC_SSE_BYTES, NULL);

    if (missed == 0 || bytes == 0 || findings_reads_late(run))
        return false;
    finding->confidence = CONFIDENCE_CERTAIN;
    finding->title = x_strdup("Streams were silent for longer than --heartbeat allows");
    finding->evidence =
        x_asprintf("%" PRIu64 " silences on %" PRIu64 " streams; %" PRIu64 " comments came", missed,
                   run_count_connected(run), stat_get_count(run->total, METRIC_SSE_COMMENTS, NULL));
    finding->advice =
        x_strdup("Have the service send a comment line whenever a stream was silent for a while, "
                 "from a timer that does not wait behind other work; where it does, look for what "
                 "holds it back");
    return true;
}

#include "verdict/findings.h"

#include "base/mem.h"
#include "verdict/find_clock.h"

#include <inttypes.h>
#include <stdlib.h>

enum { WORKERS_NAMED_MAX = 4 };

struct rule {
    const char *code;
    enum finding_severity severity;
    /* Fills title, evidence and advice when the run shows it; false otherwise. */
    bool (*find)(const struct run *run, struct finding *finding);
};

double findings_lag_p99_ms(const struct run_worker *worker)
{
    const struct hist *lag =
        worker->own ? stat_get_trend(worker->own, METRIC_WORKER_LAG, NULL) : NULL;

    return lag ? (double)hist_percentile(lag, 99) / 1000.0 : 0;
}

bool findings_is_saturated(const struct run_worker *worker)
{
    return worker->cpu_max_ratio * 100.0 >= RUN_SATURATED_PCT ||
           findings_lag_p99_ms(worker) > RUN_LAG_LIMIT_MS;
}

static char *name_saturated_workers(const struct run *run, size_t *result_count)
{
    struct buf text = {0};
    size_t count = 0;
    char *result;

    for (size_t i = 0; i < run->worker_count; i++) {
        const struct run_worker *worker = &run->workers[i];

        if (!findings_is_saturated(worker))
            continue;
        count++;
        if (count <= WORKERS_NAMED_MAX)
            (void)buf_appendf(&text, "%sworker %" PRIu32 " used %.0f%% of a core, lag p99 %.1f ms",
                              count > 1 ? "; " : "", worker->id, worker->cpu_max_ratio * 100.0,
                              findings_lag_p99_ms(worker));
    }
    if (count > WORKERS_NAMED_MAX)
        (void)buf_appendf(&text, "; and %zu more", count - WORKERS_NAMED_MAX);
    result = x_strdup(buf_text(&text));
    buf_fini(&text);
    *result_count = count;
    return result;
}

static bool find_generator_saturated(const struct run *run, struct finding *finding)
{
    size_t count = 0;
    char *workers = name_saturated_workers(run, &count);

    if (count > 0) {
        finding->title = x_asprintf(
            "The load generator was at its limit (%zu of %zu workers); its times are not the "
            "service's",
            count, run->worker_count);
        finding->evidence = x_asprintf(
            "%s; limits: %d%% of a core over 5 s, lag p99 %d ms. sse_connecting, sse_first_byte, "
            "sse_ttfe, sse_event_gap and sse_recovery contain this delay; counts hold",
            workers, RUN_SATURATED_PCT, RUN_LAG_LIMIT_MS);
        finding->advice = x_strdup("Use more worker processes (--processes), fewer users (-u), a "
                                   "slower ramp (-r), or a machine the service does not share");
    }
    free(workers);
    return count > 0;
}

static bool find_no_events(const struct run *run, struct finding *finding)
{
    uint64_t connected, failed, bytes = stat_get_count(run->total, METRIC_SSE_BYTES, NULL);
    uint64_t comments = stat_get_count(run->total, METRIC_SSE_COMMENTS, NULL);

    stat_get_rate(run->total, METRIC_SSE_CONNECT_SUCCESS, NULL, &connected, &failed);
    if (connected == 0 || stat_get_count(run->total, METRIC_SSE_EVENTS, NULL) > 0)
        return false;
    finding->title = x_strdup("Streams were open, but not one event arrived on any of them");
    finding->evidence = x_asprintf("%" PRIu64 " streams connected; %" PRIu64 " bytes, %" PRIu64
                                   " comments and 0 events came within %.1f s",
                                   connected, bytes, comments, (double)run->info.duration_ns / 1e9);
    if (bytes == 0)
        finding->advice = x_strdup("Nothing came at all: publish something during the run, run "
                                   "longer, or look for a proxy that holds responses back");
    else if (comments > 0)
        finding->advice = x_strdup("Only comments came: the service keeps streams alive but "
                                   "publishes nothing; check topics and credentials");
    else
        finding->advice = x_strdup("Bytes came, but no complete event: an event needs a data line "
                                   "and ends with an empty line; look with `cicada tap`");
    return true;
}

/* Attempts at a stream that nobody has answered yet. */
static uint64_t count_unanswered(const struct run *run)
{
    uint64_t attempts = stat_get_count(run->total, METRIC_SSE_ATTEMPTS, NULL), passes, fails;

    stat_get_rate(run->total, METRIC_SSE_CONNECT_SUCCESS, NULL, &passes, &fails);
    return attempts > passes + fails ? attempts - passes - fails : 0;
}

bool findings_has_silent_streams(const struct run *run)
{
    uint64_t connected, failed;

    stat_get_rate(run->total, METRIC_SSE_CONNECT_SUCCESS, NULL, &connected, &failed);
    return stat_get_count(run->total, METRIC_SSE_EVENTS, NULL) == 0 &&
           (connected > 0 || count_unanswered(run) > 0);
}

/* Of a Locust file: its own table shows nothing of a request without an answer. */
static bool find_unanswered(const struct run *run, struct finding *finding)
{
    uint64_t count = count_unanswered(run);

    if (!run->info.is_script || count == 0 || !findings_has_silent_streams(run))
        return false;
    finding->title = x_strdup("Streams were asked for, but the service never answered");
    finding->evidence = x_asprintf("%" PRIu64 " of %" PRIu64 " requests for a stream had no answer "
                                   "at the end, after at most %.1f s; the script counts none of "
                                   "them",
                                   count, stat_get_count(run->total, METRIC_SSE_ATTEMPTS, NULL),
                                   (double)run->info.duration_ns / 1e9);
    finding->advice = x_strdup("Look with `cicada tap` whether the service answers at all; give "
                               "requests a timeout, so that the script counts them as failures");
    return true;
}

static const struct rule rules[] = {
    {"generator-saturated", FINDING_WARNING, find_generator_saturated},
    {"no-events", FINDING_CRITICAL, find_no_events},
    {"silent-streams", FINDING_CRITICAL, find_unanswered},
    {"clock-uncertain", FINDING_WARNING, find_clock_uncertain},
};

struct finding *findings_collect(const struct run *run, size_t *result_count)
{
    size_t rule_count = sizeof rules / sizeof rules[0], count = 0;
    struct finding *findings = x_calloc(rule_count, sizeof *findings);

    for (size_t i = 0; i < rule_count; i++) {
        struct finding *finding = &findings[count];

        if (!rules[i].find(run, finding))
            continue;
        finding->code = rules[i].code;
        finding->severity = rules[i].severity;
        count++;
    }
    if (count == 0) {
        free(findings);
        findings = NULL;
    }
    *result_count = count;
    return findings;
}

void findings_free(struct finding *findings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(findings[i].title);
        free(findings[i].evidence);
        free(findings[i].advice);
    }
    free(findings);
}

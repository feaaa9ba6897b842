#include "verdict/find.h"

#include "base/mem.h"
#include "verdict/findings.h"

#include <inttypes.h>

bool find_no_events(const struct run *run, struct finding *finding)
{
    uint64_t connected, failed, bytes = stat_get_count(run->total, METRIC_SSE_BYTES, NULL);
    uint64_t comments = stat_get_count(run->total, METRIC_SSE_COMMENTS, NULL);

    stat_get_rate(run->total, METRIC_SSE_CONNECT_SUCCESS, NULL, &connected, &failed);
    if (connected == 0 || stat_get_count(run->total, METRIC_SSE_EVENTS, NULL) > 0)
        return false;
    finding->confidence = CONFIDENCE_CERTAIN;
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
bool find_unanswered(const struct run *run, struct finding *finding)
{
    uint64_t count = count_unanswered(run);

    if (!run->info.is_script || count == 0 || !findings_has_silent_streams(run))
        return false;
    finding->confidence = CONFIDENCE_CERTAIN;
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

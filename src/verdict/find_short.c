#include "verdict/find.h"

#include "base/mem.h"

#include <inttypes.h>

static bool has_cut_ramp(const struct run *run)
{
    const struct run_info *info = &run->info;

    /* A search has as many stages as it takes, and users as it needs. */
    bool is_search = run->stage_count > 0 && info->stages_planned == 0;

    return !info->is_script && !is_search && info->duration_ns < info->ramp_ns &&
           info->users_max < info->users_planned;
}

static uint64_t samples_of(const struct run *run, enum metric metric)
{
    const struct hist *hist = stat_get_trend(run->total, metric, NULL);

    return hist ? hist_count(hist) : 0;
}

/*
 * The run's end cut most streams, and not one in two had a second event: nothing is known of what
 * lies between events. Streams that end by themselves, or by choice, are as long as they should be.
 */
static bool has_few_events(const struct run *run, uint64_t connected)
{
    uint64_t events = stat_get_count(run->total, METRIC_SSE_EVENTS, NULL);

    return !run->info.is_script && events > 0 &&
           samples_of(run, METRIC_SSE_OPEN_AGE) * 2 > connected &&
           samples_of(run, METRIC_SSE_EVENT_GAP) * 2 < connected;
}

bool find_too_short_run(const struct run *run, struct finding *finding)
{
    uint64_t connected, failed;
    double seconds = (double)run->info.duration_ns / 1e9;

    stat_get_rate(run->total, METRIC_SSE_CONNECT_SUCCESS, NULL, &connected, &failed);
    if (has_cut_ramp(run)) {
        finding->title = x_strdup("The run ended before all users had started");
        finding->evidence = x_asprintf("%" PRIu32 " of %" PRIu32 " users after %.1f s; the ramp "
                                       "takes %.1f s",
                                       run->info.users_max, run->info.users_planned, seconds,
                                       (double)run->info.ramp_ns / 1e9);
        finding->advice = x_strdup("Run longer (-t) or start users faster (-r); these figures are "
                                   "those of fewer users");
    } else if (has_few_events(run, connected)) {
        finding->title = x_strdup("Most streams got no more than one event before the run ended");
        finding->evidence =
            x_asprintf("%" PRIu64 " events on %" PRIu64 " streams in %.1f s",
                       stat_get_count(run->total, METRIC_SSE_EVENTS, NULL), connected, seconds);
        finding->advice = x_strdup("Run longer (-t), or have the service publish more often: what "
                                   "comes between events, and losses, show only behind them");
    } else {
        return false;
    }
    finding->confidence = CONFIDENCE_CERTAIN;
    return true;
}

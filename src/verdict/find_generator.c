#include "verdict/find.h"

#include "base/mem.h"
#include "verdict/findings.h"

#include <inttypes.h>
#include <stdlib.h>

enum { WORKERS_NAMED_MAX = 4 };

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

bool find_generator_saturated(const struct run *run, struct finding *finding)
{
    size_t count = 0;
    char *workers = name_saturated_workers(run, &count);

    if (count > 0) {
        finding->confidence = CONFIDENCE_CERTAIN;
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

#include "limit_sample.h"

#include "base/mem.h"
#include "verdict/limit.h"

#include <math.h>

static void add(struct limit *limit, const char *broken, bool is_ours)
{
    struct limit_task task;
    struct limit_step step;

    if (!limit_next(limit, &task))
        return;
    step = (struct limit_step){
        .users = task.users,
        .has_held = !broken,
        .is_ours = is_ours,
        .broken = broken ? x_strdup(broken) : NULL,
        .at_s = 7.5,
        .length_s = 5.5,
        .open = task.users,
        .attempts = task.users - task.base,
        .unanswered = broken ? 3 : 0,
        .connect_success = broken ? 0.9375 : 1,
        .stream_success = (double)NAN,
        .p95_ms = {[LIMIT_CONNECTING] = 1.5,
                   [LIMIT_TTFE] = broken ? 730 : 20,
                   [LIMIT_GAP] = 100,
                   [LIMIT_LATENCY] = (double)NAN},
        .events_per_s = 10.0 * task.users,
    };
    limit_add(limit, &step);
}

struct limit *limit_sample_edge(void)
{
    struct limit *limit = limit_new(10000);
    struct limit_task task;

    while (limit_next(limit, &task))
        add(limit, task.users > 4200 ? "sse_ttfe: p(95)<500 is 730 ms" : NULL, false);
    return limit;
}

struct limit *limit_sample_ceiling(void)
{
    struct limit *limit = limit_new(64);
    struct limit_task task;

    while (limit_next(limit, &task))
        add(limit, NULL, false);
    return limit;
}

struct limit *limit_sample_nothing(void)
{
    struct limit *limit = limit_new(10);

    add(limit, "sse_connect_success: rate>0.99 is 0 (connect_refused)", false);
    return limit;
}

struct limit *limit_sample_generator(void)
{
    struct limit *limit = limit_sample_unfinished();

    add(limit, "generator-saturated: busy", true);
    add(limit, "generator-saturated: busy", true);
    return limit;
}

struct limit *limit_sample_unfinished(void)
{
    struct limit *limit = limit_new(6400);

    add(limit, NULL, false);
    limit_set_phase(limit, LIMIT_HOLDING);
    return limit;
}

#include "fleet/search.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "fleet/controller_internal.h"
#include "load/plan.h"
#include "stats/run.h"
#include "verdict/limit.h"
#include "verdict/limit_judge.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEARCH_STEP_MS = 100,    /* between two looks, and between two orders of a ramp */
    SEARCH_RAMP_MS = 2000,   /* of many users, unless the rate allows no such speed */
    SEARCH_USER_MS = 50,     /* of few: so long for each */
    SEARCH_CLOSE_MS = 1200,  /* for ticks to tell that users left, and the service to notice */
    SEARCH_CALM_S = 4,       /* until what is left stands as it did */
    SEARCH_HOLD_MAX_S = 10,  /* the longest that a number is held */
    SEARCH_SETTLED_PCT = 20, /* between two times 2 s, of a time at p95 */
    SEARCH_SETTLED_MS = 5,   /* or by so little that it says nothing */
    SEARCH_SECONDS = 4
};

enum search_phase {
    SEARCH_SETTLING = 0, /* users have left; do the others stand? */
    SEARCH_EMPTYING,     /* they do not: all leave, and the step is for all of them */
    SEARCH_RAMPING,
    SEARCH_HOLDING
};

struct search {
    struct controller *controller;
    struct limit *limit;             /* borrowed */
    const struct limit_rules *rules; /* borrowed */
    enum search_phase phase;
    uint64_t began_ns; /* of the phase */
    uint64_t ramp_ns;
    uint32_t from, to; /* of the ramp under way */
    bool has_left;     /* users left before this step */
    /* The step under way. */
    struct limit_task task;
    uint64_t step_began_ns, ramped_ns;
    uint64_t errors[CLASS_COUNT]; /* of each class before it */
    size_t seconds;               /* points of the series that were looked at */
    uint32_t step_seconds, busy_seconds;
    double p95_ms[SEARCH_SECONDS]; /* by second, the latest last; NaN: none */
};

/* --- what is seen --- */

static void sum_workers(const struct run *run, uint32_t *users, uint32_t *open)
{
    *users = *open = 0;
    for (size_t i = 0; i < run->worker_count; i++) {
        *users += run->workers[i].users;
        *open += run->workers[i].open;
    }
}

static bool has_lost_worker(const struct run *run)
{
    for (size_t i = 0; i < run->worker_count; i++) {
        if (run->workers[i].is_lost)
            return true;
    }
    return false;
}

/* Users that stay on one stream are open or something is wrong; others may be in between. */
static bool stay_open(const struct plan *plan)
{
    return !plan->has_loop && plan->readers.abort_ratio <= 0;
}

/* So many users are there, no more, and no fewer work than may fail in a step that holds. */
static bool stands(const struct search *search, uint32_t base)
{
    uint32_t users, open, least = base - base / 100;

    sum_workers(search->controller->run, &users, &open);
    return users <= base && open <= base && users >= least &&
           (open >= least || !stay_open(search->controller->config->plan));
}

static void count_errors(const struct run *run, uint64_t counts[static CLASS_COUNT])
{
    memset(counts, 0, CLASS_COUNT * sizeof counts[0]);
    for (size_t i = 0; i < stats_error_count(run->stats); i++) {
        const struct stats_error *error = stats_error_at(run->stats, i);

        counts[error->error_class] += error->count;
    }
}

/* The most frequent class of the step. */
static const char *find_cause(const struct search *search)
{
    uint64_t now[CLASS_COUNT], most = 0;
    const char *cause = NULL;

    count_errors(search->controller->run, now);
    for (int i = 0; i < CLASS_COUNT; i++) {
        uint64_t count = now[i] - search->errors[i];

        if (count > most) {
            most = count;
            cause = error_class_name((enum error_class)i);
        }
    }
    return cause;
}

static bool is_busy(const struct run *run)
{
    for (size_t i = 0; i < run->worker_count; i++) {
        if (run->workers[i].cpu_ratio * 100 >= RUN_SATURATED_PCT)
            return true;
    }
    return false;
}

static double p95_ms(const struct stat_set *set, enum metric metric)
{
    const struct hist *trend = stat_get_trend(set, metric, NULL);

    return trend && hist_count(trend) > 0 ? (double)hist_percentile(trend, 95) / 1000 : (double)NAN;
}

static void note_seconds(struct search *search)
{
    const struct run *run = search->controller->run;
    double latency_ms;

    if (run->series.count == search->seconds)
        return;
    search->seconds = run->series.count;
    search->step_seconds++;
    search->busy_seconds += is_busy(run);
    memmove(search->p95_ms, search->p95_ms + 1, (SEARCH_SECONDS - 1) * sizeof search->p95_ms[0]);
    latency_ms = p95_ms(run_last_second(run), METRIC_SSE_EVENT_LATENCY);
    search->p95_ms[SEARCH_SECONDS - 1] =
        isnan(latency_ms) ? p95_ms(run_last_second(run), METRIC_SSE_TTFE) : latency_ms;
}

/* The last two seconds are like the two before them, or there is nothing to compare. */
static bool is_settled(const struct search *search)
{
    const double *p95 = search->p95_ms;
    double before = (p95[0] + p95[1]) / 2, now = (p95[2] + p95[3]) / 2;

    if (isnan(before) || isnan(now))
        return true;
    return fabs(now - before) < fmax(before, now) * SEARCH_SETTLED_PCT / 100 ||
           fabs(now - before) < SEARCH_SETTLED_MS;
}

static struct limit_figures look(const struct search *search, uint64_t now_ns)
{
    const struct controller *controller = search->controller;
    const struct run *run = controller->run;
    const struct stat_set *set = run->stages[run->stage_count - 1].set;
    const struct hist *lag = stat_get_trend(set, METRIC_WORKER_LAG, NULL);
    struct limit_figures figures = {
        .set = set,
        .users = search->task.users,
        .fresh = search->task.users - search->task.base,
        .length_ns = now_ns - search->step_began_ns,
        .waited_ns =
            search->ramped_ns > 0 && now_ns > search->ramped_ns ? now_ns - search->ramped_ns : 0,
        .at_s = (double)(search->step_began_ns - controller->started_ns) / (double)CLOCK_NS_PER_S,
        .cause = find_cause(search),
        .own_lag_ms = lag ? (double)hist_percentile(lag, 99) / 1000 : 0,
    };
    uint32_t users;

    sum_workers(run, &users, &figures.open);
    figures.is_saturated =
        figures.own_lag_ms > RUN_LAG_LIMIT_MS ||
        (search->step_seconds > 1 && search->busy_seconds * 2 >= search->step_seconds);
    return figures;
}

/* --- what is done --- */

static void enter(struct search *search, enum search_phase phase, uint64_t now_ns)
{
    search->phase = phase;
    search->began_ns = now_ns;
    limit_set_phase(search->limit, phase == SEARCH_RAMPING   ? LIMIT_RAMPING
                                   : phase == SEARCH_HOLDING ? LIMIT_HOLDING
                                                             : LIMIT_PREPARING);
}

static bool has_spent(const struct search *search, uint64_t span_ns, uint64_t now_ns)
{
    return now_ns - search->began_ns >= span_ns;
}

static void leave(struct search *search, uint32_t users)
{
    search->has_left = users < search->controller->ordered_users;
    if (search->has_left)
        pace_order(search->controller, users, 0);
}

static void plan_ramp(struct search *search, uint32_t from, uint32_t to)
{
    double users = to - from;
    double shortest_ms = fmin(SEARCH_RAMP_MS, users * SEARCH_USER_MS);
    double ms = fmax(shortest_ms, users / search->controller->config->spawn_rate_per_s * 1000);

    search->from = from;
    search->to = to;
    search->ramp_ns = (uint64_t)(fmin(ms, 1e9) * (double)CLOCK_NS_PER_MS);
}

/* Orders what the ramp is to have reached at the next look. True: that is its end. */
static bool order_ramp(struct search *search, uint64_t now_ns)
{
    uint64_t ahead_ns = now_ns - search->began_ns + SEARCH_STEP_MS * CLOCK_NS_PER_MS;
    double share = (double)ahead_ns / (double)search->ramp_ns;
    uint32_t users = search->to;

    if (ahead_ns < search->ramp_ns)
        users = search->from + (uint32_t)((double)(search->to - search->from) * share);
    pace_order(search->controller, users, SEARCH_STEP_MS);
    return users == search->to;
}

static void begin_step(struct search *search, uint64_t now_ns)
{
    struct controller *controller = search->controller;

    pace_begin_stage(controller, search->task.users, now_ns);
    search->step_began_ns = now_ns;
    search->ramped_ns = 0;
    search->step_seconds = search->busy_seconds = 0;
    search->seconds = controller->run->series.count;
    for (size_t i = 0; i < SEARCH_SECONDS; i++)
        search->p95_ms[i] = (double)NAN;
    count_errors(controller->run, search->errors);
    plan_ramp(search, search->task.base, search->task.users);
    enter(search, SEARCH_RAMPING, now_ns);
}

/* The next task, or the end of the run. Figures belong to no step until it begins. */
static void begin_task(struct search *search, uint64_t now_ns)
{
    struct controller *controller = search->controller;

    controller->stage = 0;
    if (!limit_next(search->limit, &search->task)) {
        controller_begin_stop(controller);
        return;
    }
    leave(search, search->task.base);
    enter(search, SEARCH_SETTLING, now_ns);
}

static void judge(struct search *search, const struct limit_figures *figures, uint64_t now_ns)
{
    const struct controller *controller = search->controller;
    struct limit_step step = limit_judge(search->rules, search->limit, figures);

    if (step.has_held)
        log_info("%u users hold", step.users);
    else
        log_info("%u users do not hold: %s", step.users, step.broken);
    run_end_stage(controller->run, now_ns - controller->started_ns);
    limit_add(search->limit, &step);
    begin_task(search, now_ns);
}

/* --- phases --- */

static void settle(struct search *search, uint64_t now_ns)
{
    if (search->has_left && !has_spent(search, SEARCH_CLOSE_MS * CLOCK_NS_PER_MS, now_ns))
        return;
    if (stands(search, search->task.base)) {
        begin_step(search, now_ns);
    } else if (has_spent(search, SEARCH_CALM_S * CLOCK_NS_PER_S, now_ns)) {
        search->task.base = 0;
        leave(search, 0);
        enter(search, SEARCH_EMPTYING, now_ns);
    }
}

static void empty(struct search *search, uint64_t now_ns)
{
    bool is_empty =
        has_spent(search, SEARCH_CLOSE_MS * CLOCK_NS_PER_MS, now_ns) && stands(search, 0);

    if (is_empty || has_spent(search, SEARCH_CALM_S * CLOCK_NS_PER_S, now_ns))
        begin_step(search, now_ns);
}

static void ramp(struct search *search, uint64_t now_ns)
{
    struct limit_figures figures = look(search, now_ns);

    if (limit_is_lost(search->rules, &figures)) {
        judge(search, &figures, now_ns);
    } else if (order_ramp(search, now_ns)) {
        search->ramped_ns = now_ns + SEARCH_STEP_MS * CLOCK_NS_PER_MS;
        enter(search, SEARCH_HOLDING, now_ns);
    }
}

static void hold(struct search *search, uint64_t now_ns)
{
    struct limit_figures figures = look(search, now_ns);
    bool is_ready = figures.waited_ns >= LIMIT_PATIENCE_S * CLOCK_NS_PER_S &&
                    limit_count_unanswered(&figures) == 0 && is_settled(search);

    if (is_ready || figures.waited_ns >= SEARCH_HOLD_MAX_S * CLOCK_NS_PER_S ||
        limit_is_lost(search->rules, &figures))
        judge(search, &figures, now_ns);
}

static void on_look(struct timer *timer, uint64_t now_ns)
{
    struct controller *controller = CONTAINER_OF(timer, struct controller, pace_timer);
    struct search *search = controller->search;

    if (has_lost_worker(controller->run)) {
        controller_begin_stop(controller); /* the others alone are another load */
        return;
    }
    loop_set_timer(controller->loop, timer, now_ns + SEARCH_STEP_MS * CLOCK_NS_PER_MS, on_look);
    pace_note_users(controller);
    note_seconds(search);
    switch (search->phase) {
    case SEARCH_SETTLING:
        settle(search, now_ns);
        break;
    case SEARCH_EMPTYING:
        empty(search, now_ns);
        break;
    case SEARCH_RAMPING:
        ramp(search, now_ns);
        break;
    case SEARCH_HOLDING:
        hold(search, now_ns);
        break;
    }
}

void search_begin(struct controller *controller, uint64_t now_ns)
{
    struct search *search = x_calloc(1, sizeof *search);

    assert(!controller->search);
    controller->search = search;
    search->controller = controller;
    search->limit = controller->config->limit;
    search->rules = controller->config->limit_rules;
    begin_task(search, now_ns);
    on_look(&controller->pace_timer, now_ns);
}

void search_free(struct search *search)
{
    free(search);
}

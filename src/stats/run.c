#include "stats/run.h"

#include "base/clock.h"
#include "base/mem.h"
#include "stats/row_parts.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static const double NS_PER_HOUR = 3600e9;

/* What happened in one second, all endpoints and workers together. */
struct second {
    struct stat_set *set;
    struct row_parts rows;
    uint64_t length_ns;
};

struct run_pending {
    struct stat_set *set;   /* the second under way */
    struct row_parts rows;  /* likewise; by worker, the last part is the lead's */
    struct row_parts whole; /* the same of the whole run: `stats` has their sum */
    struct second ring[RUN_WINDOW_S];
    uint64_t closed_count;
    uint64_t closed_ns; /* end of the last closed second, since the start */
    double open_ns;     /* stream time: the sum over all streams of how long they were open */
};

static void sum_workers(const struct run *run, uint32_t *users, uint32_t *open)
{
    *users = *open = 0;
    for (size_t i = 0; i < run->worker_count; i++) {
        *users += run->workers[i].users;
        *open += run->workers[i].open;
    }
}

static void note_cpu(struct run_worker *worker, const struct run_tick *tick)
{
    size_t place = worker->tick_count % RUN_CPU_TICKS;
    double cpu_ns = 0, wall_ns = 0;

    worker->recent_ns[place] = (double)tick->interval_ns;
    worker->recent_cpu_ns[place] = tick->cpu_ratio * (double)tick->interval_ns;
    worker->tick_count++;
    if (worker->tick_count < RUN_CPU_TICKS)
        return;
    for (size_t i = 0; i < RUN_CPU_TICKS; i++) {
        cpu_ns += worker->recent_cpu_ns[i];
        wall_ns += worker->recent_ns[i];
    }
    if (wall_ns > 0 && cpu_ns / wall_ns > worker->cpu_max_ratio)
        worker->cpu_max_ratio = cpu_ns / wall_ns;
}

static double p95_ms(const struct stat_set *set, enum metric metric)
{
    const struct hist *trend = stat_get_trend(set, metric, NULL);

    return trend ? (double)hist_percentile(trend, 95) / 1000 : (double)NAN;
}

static void grow_series(struct run_series *series)
{
    size_t cap = series->cap > 0 ? 2 * series->cap : 64;

    series->t_s = x_realloc(series->t_s, cap * sizeof *series->t_s);
    series->users = x_realloc(series->users, cap * sizeof *series->users);
    series->open = x_realloc(series->open, cap * sizeof *series->open);
    series->events = x_realloc(series->events, cap * sizeof *series->events);
    series->bytes = x_realloc(series->bytes, cap * sizeof *series->bytes);
    series->attempts = x_realloc(series->attempts, cap * sizeof *series->attempts);
    series->connects = x_realloc(series->connects, cap * sizeof *series->connects);
    series->connect_fails = x_realloc(series->connect_fails, cap * sizeof *series->connect_fails);
    series->disconnects = x_realloc(series->disconnects, cap * sizeof *series->disconnects);
    series->ttfe_p95_ms = x_realloc(series->ttfe_p95_ms, cap * sizeof *series->ttfe_p95_ms);
    series->gap_p95_ms = x_realloc(series->gap_p95_ms, cap * sizeof *series->gap_p95_ms);
    series->latency_p95_ms =
        x_realloc(series->latency_p95_ms, cap * sizeof *series->latency_p95_ms);
    series->lag_p95_ms = x_realloc(series->lag_p95_ms, cap * sizeof *series->lag_p95_ms);
    series->cap = cap;
}

/* Adds the counts of `set` to point `at`. */
static void add_to_point(struct run_series *series, size_t at, const struct stat_set *set)
{
    uint64_t passes, fails;

    series->events[at] += stat_get_count(set, METRIC_SSE_EVENTS, NULL);
    series->bytes[at] += stat_get_count(set, METRIC_SSE_BYTES, NULL);
    series->attempts[at] += stat_get_count(set, METRIC_SSE_ATTEMPTS, NULL);
    series->disconnects[at] += stat_get_count(set, METRIC_SSE_DISCONNECTS, NULL);
    stat_get_rate(set, METRIC_SSE_CONNECT_SUCCESS, NULL, &passes, &fails);
    series->connects[at] += passes;
    series->connect_fails[at] += fails;
}

static void append_point(struct run *run, uint64_t elapsed_ns, const struct stat_set *set)
{
    struct run_series *series = &run->series;
    size_t at = series->count;

    if (at == series->cap)
        grow_series(series);
    series->t_s[at] = (double)elapsed_ns / (double)CLOCK_NS_PER_S;
    sum_workers(run, &series->users[at], &series->open[at]);
    series->events[at] = series->bytes[at] = series->attempts[at] = 0;
    series->connects[at] = series->connect_fails[at] = series->disconnects[at] = 0;
    add_to_point(series, at, set);
    series->ttfe_p95_ms[at] = p95_ms(set, METRIC_SSE_TTFE);
    series->gap_p95_ms[at] = p95_ms(set, METRIC_SSE_EVENT_GAP);
    series->latency_p95_ms[at] = p95_ms(set, METRIC_SSE_EVENT_LATENCY);
    series->lag_p95_ms[at] = p95_ms(set, METRIC_WORKER_LAG);
    series->count++;
}

static void set_disconnect_rate(struct run *run)
{
    uint64_t disconnects = stat_get_count(run->total, METRIC_SSE_DISCONNECTS, NULL);
    double hours = run->pending->open_ns / NS_PER_HOUR;

    if (hours > 0)
        stat_gauge(run->total, METRIC_SSE_DISCONNECTS_PER_STREAM_HOUR, NULL,
                   (double)disconnects / hours);
}

static void sample_gauges(struct run *run)
{
    struct stat_set *sets[] = {run->total, stats_worker_set(run->stats)};
    uint32_t users, open;
    double cpu_ratio = 0, rss_bytes = 0;

    sum_workers(run, &users, &open);
    for (size_t i = 0; i < run->worker_count; i++) {
        const struct run_worker *worker = &run->workers[i];

        if (worker->is_lost || worker->tick_count == 0)
            continue;
        cpu_ratio = fmax(cpu_ratio, worker->cpu_ratio);
        rss_bytes += (double)worker->rss_bytes;
    }
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        stat_gauge(sets[i], METRIC_USERS, NULL, users);
        stat_gauge(sets[i], METRIC_SSE_OPEN, NULL, open);
    }
    if (rss_bytes > 0) {
        stat_gauge(run->total, METRIC_WORKER_CPU, NULL, cpu_ratio);
        stat_gauge(run->total, METRIC_WORKER_RSS, NULL, rss_bytes);
    }
}

/* Seconds of the window, the oldest first. */
static const struct second *second_at(const struct run *run, size_t index)
{
    return &run->pending->ring[(run->pending->closed_count + index) % RUN_WINDOW_S];
}

/* A reset forgets what the same process counted before. */
static void add_part_to_window(struct run *run, size_t part)
{
    size_t first = RUN_WINDOW_S - 1;

    while (first > 0 && !row_parts_was_reset(&second_at(run, first)->rows, part))
        first--;
    for (size_t i = first; i < RUN_WINDOW_S; i++)
        row_parts_add_to(&second_at(run, i)->rows, part, run->rows_window);
}

static void rebuild_window(struct run *run)
{
    uint64_t length_ns = 0;

    stat_set_clear(run->window);
    rows_clear(run->rows_window);
    for (size_t i = 0; i < RUN_WINDOW_S; i++) {
        stat_set_merge(run->window, second_at(run, i)->set);
        length_ns += second_at(run, i)->length_ns;
    }
    for (size_t i = 0; i < run->pending->rows.count; i++)
        add_part_to_window(run, i);
    run->window_s = (double)length_ns / (double)CLOCK_NS_PER_S;
}

struct run *run_new(size_t worker_count)
{
    struct run *run = x_calloc(1, sizeof *run);

    run->stats = stats_new();
    run->total = stat_set_new();
    run->window = stat_set_new();
    run->rows_window = rows_new();
    machine_init(&run->machine);
    run->workers = x_calloc(worker_count > 0 ? worker_count : 1, sizeof *run->workers);
    run->worker_count = worker_count;
    for (size_t i = 0; i < worker_count; i++) {
        run->workers[i].id = (uint32_t)i;
        run->workers[i].host = x_strdup("local");
        run->workers[i].own = stat_set_new();
    }
    run->pending = x_calloc(1, sizeof *run->pending);
    run->pending->set = stat_set_new();
    row_parts_init(&run->pending->rows, worker_count + 1);
    row_parts_init(&run->pending->whole, worker_count + 1);
    for (size_t i = 0; i < RUN_WINDOW_S; i++) {
        run->pending->ring[i].set = stat_set_new();
        row_parts_init(&run->pending->ring[i].rows, worker_count + 1);
    }
    return run;
}

static void free_series(struct run_series *series)
{
    free(series->t_s);
    free(series->users);
    free(series->open);
    free(series->events);
    free(series->bytes);
    free(series->attempts);
    free(series->connects);
    free(series->connect_fails);
    free(series->disconnects);
    free(series->ttfe_p95_ms);
    free(series->gap_p95_ms);
    free(series->latency_p95_ms);
    free(series->lag_p95_ms);
}

void run_free(struct run *run)
{
    if (!run)
        return;
    free(run->info.id);
    free(run->info.target);
    free(run->info.command);
    free(run->info.clock_url);
    stats_free(run->stats);
    stat_set_free(run->total);
    stat_set_free(run->window);
    rows_free(run->rows_window);
    for (size_t i = 0; i < run->worker_count; i++) {
        free(run->workers[i].host);
        stat_set_free(run->workers[i].own);
    }
    free(run->workers);
    free_series(&run->series);
    for (size_t i = 0; i < run->stage_count; i++)
        stat_set_free(run->stages[i].set);
    free(run->stages);
    free(run->storms);
    stat_set_free(run->warm_up);
    stat_set_free(run->pending->set);
    row_parts_fini(&run->pending->rows);
    row_parts_fini(&run->pending->whole);
    for (size_t i = 0; i < RUN_WINDOW_S; i++) {
        stat_set_free(run->pending->ring[i].set);
        row_parts_fini(&run->pending->ring[i].rows);
    }
    free(run->pending);
    free(run);
}

/* Of the workers' parts, once each of them has been reset; 0: some count from the run's start. */
static double rows_began_unix_ms(const struct run *run)
{
    const struct row_parts *whole = &run->pending->whole;
    double began = 0;

    for (size_t i = 0; i < run->worker_count; i++) {
        double part = rows_start_unix_ms(whole->parts[i]);

        if (!row_parts_was_reset(whole, i))
            return 0;
        if (began == 0 || part < began)
            began = part;
    }
    return began;
}

/* `stats` has the delta already, and where that was a reset has forgotten too much. */
static void add_rows(struct run *run, size_t part, const struct rows *delta)
{
    row_parts_add(&run->pending->rows, part, delta);
    row_parts_add(&run->pending->whole, part, delta);
    if (!rows_was_reset(delta))
        return;
    row_parts_sum(&run->pending->whole, stats_rows(run->stats));
    rows_start(stats_rows(run->stats), rows_began_unix_ms(run));
}

void run_add_lead_rows(struct run *run, const struct rows *delta)
{
    if (run->info.is_warming_up)
        return;
    rows_merge(stats_rows(run->stats), delta);
    add_rows(run, run->worker_count, delta);
}

void run_add_found(struct run *run, const struct stats *delta)
{
    if (run->info.is_warming_up)
        return;
    stats_merge(run->stats, delta);
    stats_total(delta, run->pending->set);
}

void run_end_stage(struct run *run, uint64_t elapsed_ns)
{
    struct run_stage *last = run->stage_count > 0 ? &run->stages[run->stage_count - 1] : NULL;

    if (last && last->ended_ns == 0)
        last->ended_ns = elapsed_ns;
}

uint32_t run_begin_stage(struct run *run, uint32_t users, uint64_t elapsed_ns)
{
    struct run_stage *stage;

    if (run->stage_count == RUN_STAGE_LIMIT)
        return RUN_STAGE_LIMIT;
    run_end_stage(run, elapsed_ns);
    run->stages = x_realloc(run->stages, (run->stage_count + 1) * sizeof *run->stages);
    stage = &run->stages[run->stage_count++];
    *stage = (struct run_stage){.users = users, .began_ns = elapsed_ns, .set = stat_set_new()};
    return (uint32_t)run->stage_count;
}

void run_add_storm(struct run *run, const struct run_storm *storm)
{
    run->storms = x_realloc(run->storms, (run->storm_count + 1) * sizeof *run->storms);
    run->storms[run->storm_count++] = *storm;
}

uint64_t run_stage_end_ns(const struct run *run, const struct run_stage *stage)
{
    uint64_t end_ns = stage->ended_ns > 0 ? stage->ended_ns : run->info.duration_ns;

    return end_ns > stage->began_ns ? end_ns : stage->began_ns;
}

uint64_t run_stage_measured_ns(const struct run *run, const struct run_stage *stage)
{
    uint64_t end_ns = run_stage_end_ns(run, stage), from_ns = stage->began_ns;

    if (from_ns < run->info.warm_up_ns)
        from_ns = run->info.warm_up_ns;
    return end_ns > from_ns ? end_ns - from_ns : 0;
}

/* Into the stage it was measured in; where that is the warm-up, nowhere else. */
static void add_delta(struct run *run, size_t worker_index, uint32_t stage,
                      const struct stats *delta)
{
    struct stat_set *apart = NULL;

    if (stage == RUN_STAGE_WARM_UP) {
        if (!run->warm_up)
            run->warm_up = stat_set_new();
        apart = run->warm_up;
    } else if (stage > 0 && stage <= run->stage_count) {
        apart = run->stages[stage - 1].set;
    }
    if (apart) {
        stats_total(delta, apart);
        stat_set_merge(apart, stats_worker_set(delta));
    }
    if (stage == RUN_STAGE_WARM_UP)
        return;
    stats_merge(run->stats, delta);
    stats_total(delta, run->pending->set);
    stat_set_merge(run->pending->set, stats_worker_set(delta));
    add_rows(run, worker_index, stats_rows(delta));
    stat_set_merge(run->workers[worker_index].own, stats_worker_set(delta));
}

/* Once all workers are in it by their latest ticks, which come one after the other. */
static void note_stage(struct run *run, uint32_t number, uint32_t users, uint32_t open)
{
    struct run_stage *stage;

    if (number == 0 || number > run->stage_count)
        return;
    for (size_t i = 0; i < run->worker_count; i++) {
        if (run->workers[i].stage != number && !run->workers[i].is_lost)
            return;
    }
    stage = &run->stages[number - 1];
    if (open > stage->open_max)
        stage->open_max = open;
    stat_gauge(stage->set, METRIC_USERS, NULL, users);
    stat_gauge(stage->set, METRIC_SSE_OPEN, NULL, open);
}

/* How many streams were open when those of a wave were lost that nobody ordered. Workers tell of it
 * one by one, each at the end of a tick in which it lost some. */
static void note_open_before(struct run *run, const struct waves *delta)
{
    uint64_t open = 0;

    for (size_t i = 0; i < run->worker_count; i++)
        open += run->workers[i].open_peak;
    for (size_t i = 0; i < waves_count(delta); i++) {
        const struct wave *told = waves_at(delta, i);
        bool is_asked = told->lost > 0 && !wave_is_storm(told->key);
        struct wave *wave = is_asked ? waves_find(stats_waves(run->stats), told->key) : NULL;

        if (wave && open > wave->open)
            wave->open = (uint32_t)open;
    }
}

/* Of the streams that were lost within a tick, those that have not opened again in it. */
static uint64_t count_away(const struct waves *delta)
{
    uint64_t lost = 0, opened = 0;

    for (size_t i = 0; i < waves_count(delta); i++) {
        lost += waves_at(delta, i)->lost;
        opened += wave_status_count(waves_at(delta, i), 200);
    }
    return lost > opened ? lost - opened : 0;
}

void run_add_tick(struct run *run, size_t worker_index, const struct run_tick *tick,
                  const struct stats *delta)
{
    struct run_worker *worker = &run->workers[worker_index];
    uint32_t users, open;

    assert(worker_index < run->worker_count);
    add_delta(run, worker_index, tick->stage, delta);

    /* Between two ticks the number of open streams is taken to move evenly. */
    if (tick->stage != RUN_STAGE_WARM_UP)
        run->pending->open_ns +=
            ((double)worker->open + (double)tick->open) / 2 * (double)tick->interval_ns;
    worker->users = tick->users;
    worker->open_peak = tick->open + (uint32_t)count_away(stats_waves(delta));
    if (worker->open > worker->open_peak)
        worker->open_peak = worker->open;
    worker->open = tick->open;
    if (tick->stage != RUN_STAGE_WARM_UP)
        note_open_before(run, stats_waves(delta));
    worker->stage = tick->stage;
    worker->rss_bytes = tick->rss_bytes;
    worker->clock = tick->clock;
    if (tick->stage == RUN_STAGE_WARM_UP)
        return;
    note_cpu(worker, tick);
    if (tick->interval_ns >= RUN_CPU_SPAN_MIN_MS * CLOCK_NS_PER_MS) {
        worker->cpu_ratio = tick->cpu_ratio;
        stat_gauge(worker->own, METRIC_WORKER_CPU, NULL, tick->cpu_ratio);
    }
    stat_gauge(worker->own, METRIC_WORKER_RSS, NULL, (double)tick->rss_bytes);

    sum_workers(run, &users, &open);
    note_stage(run, tick->stage, users, open);
    if (users > run->info.users_max)
        run->info.users_max = users;
}

struct clock_state run_clock(const struct run *run)
{
    struct clock_state clock = {0};

    for (size_t i = 0; i < run->worker_count; i++)
        clock_state_merge(&clock, &run->workers[i].clock);
    return clock;
}

void run_end_warm_up(struct run *run, uint64_t elapsed_ns)
{
    run->info.is_warming_up = false;
    run->info.warm_up_ns = elapsed_ns;
    run->info.duration_ns = elapsed_ns;
    run->pending->closed_ns = elapsed_ns;
}

uint64_t run_measured_ns(const struct run *run)
{
    const struct run_info *info = &run->info;

    return info->duration_ns > info->warm_up_ns ? info->duration_ns - info->warm_up_ns : 0;
}

bool run_has_attempts(const struct run *run)
{
    return stat_get_count(run->total, METRIC_SSE_ATTEMPTS, NULL) > 0 ||
           (run->warm_up && stat_get_count(run->warm_up, METRIC_SSE_ATTEMPTS, NULL) > 0);
}

uint64_t run_count_connected(const struct run *run)
{
    uint64_t connected, warm = 0, failed;

    stat_get_rate(run->total, METRIC_SSE_CONNECT_SUCCESS, NULL, &connected, &failed);
    if (run->warm_up)
        stat_get_rate(run->warm_up, METRIC_SSE_CONNECT_SUCCESS, NULL, &warm, &failed);
    return connected + warm;
}

void run_close_second(struct run *run, uint64_t elapsed_ns)
{
    struct run_pending *pending = run->pending;
    struct second *second = &pending->ring[pending->closed_count % RUN_WINDOW_S];
    struct stat_set *oldest = second->set;
    struct row_parts oldest_rows = second->rows;

    second->set = pending->set;
    second->rows = pending->rows;
    second->length_ns = elapsed_ns > pending->closed_ns ? elapsed_ns - pending->closed_ns : 0;
    stat_set_clear(oldest);
    row_parts_clear(&oldest_rows);
    pending->set = oldest;
    pending->rows = oldest_rows;
    pending->closed_count++;
    pending->closed_ns = elapsed_ns;

    run->info.duration_ns = elapsed_ns;
    stat_set_merge(run->total, second->set);
    append_point(run, elapsed_ns, second->set);
    sample_gauges(run);
    set_disconnect_rate(run);
    rebuild_window(run);
}

const struct stat_set *run_last_second(const struct run *run)
{
    const struct run_pending *pending = run->pending;

    return pending->closed_count > 0 ? pending->ring[(pending->closed_count - 1) % RUN_WINDOW_S].set
                                     : NULL;
}

void run_lose_worker(struct run *run, size_t worker_index)
{
    struct run_worker *worker = &run->workers[worker_index];

    assert(worker_index < run->worker_count);
    if (worker->is_lost)
        return;
    worker->is_lost = true;
    worker->lost_open = worker->open;
    worker->users = 0;
    worker->open = worker->open_peak = 0;
    worker->cpu_ratio = 0;
    stat_count(stats_worker_set(run->stats), METRIC_SSE_LOST, NULL, worker->lost_open);
    stat_count(run->pending->set, METRIC_SSE_LOST, NULL, worker->lost_open);
}

void run_finish(struct run *run, uint64_t elapsed_ns)
{
    struct run_pending *pending = run->pending;
    struct second *last;
    uint64_t rest_ns = elapsed_ns > pending->closed_ns ? elapsed_ns - pending->closed_ns : 0;

    if (run->series.count == 0 || rest_ns >= CLOCK_NS_PER_S / 2) {
        run_close_second(run, elapsed_ns);
        return;
    }
    last = &pending->ring[(pending->closed_count - 1) % RUN_WINDOW_S];
    stat_set_merge(last->set, pending->set);
    row_parts_merge(&last->rows, &pending->rows);
    last->length_ns += rest_ns;
    stat_set_merge(run->total, pending->set);
    add_to_point(&run->series, run->series.count - 1, pending->set);
    stat_set_clear(pending->set);
    row_parts_clear(&pending->rows);
    pending->closed_ns += rest_ns;
    run->info.duration_ns = pending->closed_ns;
    set_disconnect_rate(run);
    rebuild_window(run);
}

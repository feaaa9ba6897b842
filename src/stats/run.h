/*
 * stats/run.h - the merged picture of one run: what the controller knows now, the last 10 s, the
 * seconds so far, the workers. Verdicts and reports are made from this alone.
 */
#ifndef CICADA_STATS_RUN_H
#define CICADA_STATS_RUN_H

#include "stats/clock.h"
#include "stats/machine.h"
#include "stats/stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RUN_WINDOW_S = 10,
    RUN_SATURATED_PCT = 90,
    RUN_LAG_LIMIT_MS = 100,
    RUN_CPU_SPAN_MIN_MS = 500 /* a share of CPU over a shorter tick says nothing */,
    RUN_CPU_TICKS = 5
};

struct run_info {
    char *id;     /* "20261123T142233-5f3a" */
    char *target; /* URLs as given, joined by a space */
    char *command;
    char *clock_url; /* of --clock; NULL: none */
    double started_unix_ms, ended_unix_ms;
    uint64_t duration_ns;   /* so far, the warm-up included */
    uint64_t warm_up_ns;    /* of the start, in no figure; while it lasts, as planned */
    uint64_t planned_ns;    /* CLOCK_NEVER_NS: until stopped */
    uint64_t ramp_ns;       /* time the ramp takes */
    double arrivals_per_s;  /* users come at this rate, whatever became of others; 0: they do not */
    uint32_t users_planned; /* of arrivals the most at once */
    uint32_t stages_planned; /* 0: none, or as many as there will be */
    uint32_t users_max;      /* most that ran at once */
    bool is_warming_up;      /* nothing is measured yet */
    bool is_stopping;        /* no new load; streams are being closed */
    bool has_run_out;        /* no user had anything left to do */
    int interrupted_by;      /* a signal number, 0 for none */
    /* Of a Locust file, whose own rules say whether the run failed. */
    bool is_script;
    int script_exit_code; /* what the script set, 0 to 255; -1: nothing */
    bool had_unhandled;   /* an exception outside of tasks, which Locust ends with status 2 */
    bool was_refused;     /* it asked for users that it could not have */
    bool has_lost_lead;   /* the process of the script's shape and hooks died */
};

struct run_worker {
    uint32_t id;
    uint32_t pid;
    char *host; /* owned; "local" at first */
    uint32_t users;
    uint32_t open;
    uint32_t open_peak;   /* within its last tick, as far as it can be told */
    uint32_t stage;       /* to which its last tick belongs */
    double cpu_ratio;     /* last tick, share of one core */
    double cpu_max_ratio; /* highest average over RUN_CPU_TICKS ticks in a row; 0 before that */
    uint64_t rss_bytes;
    struct clock_state clock;
    bool is_ready;
    bool is_done;
    bool is_lost;
    uint32_t lost_open;   /* streams open in its last tick before it died */
    struct stat_set *own; /* its worker_lag, worker_cpu, worker_rss */
    /* Private: the last ticks for cpu_max_ratio, a ring. */
    double recent_cpu_ns[RUN_CPU_TICKS], recent_ns[RUN_CPU_TICKS];
    uint64_t tick_count;
};

/* One point a second; the same index in every array. */
struct run_series {
    size_t count, cap;
    double *t_s; /* since the start */
    uint32_t *users;
    uint32_t *open;
    uint64_t *events;
    uint64_t *bytes;
    uint64_t *attempts;
    uint64_t *connects; /* attempts that became a stream */
    uint64_t *connect_fails;
    uint64_t *disconnects;
    double *ttfe_p95_ms; /* NaN without a sample */
    double *gap_p95_ms;
    double *latency_p95_ms;
    double *lag_p95_ms;
};

/* A share of the open streams is cut, stays away, and is taken up again; its waves are in `stats`
 * under its number, counted from 1 in the order of `storms`. */
struct run_storm {
    uint64_t at_ns; /* since the start: as planned, then as it was ordered */
    double ratio;   /* above 0, at most 1 */
    uint64_t down_ns;
    bool is_at_once; /* all come back at the end of `down_ns`; else each after its retry time */
};

/* What is known of a part of the run by itself: a stage of the plan, or a step of a search. */
struct run_stage {
    uint32_t users;              /* to which it goes, or which it holds */
    uint64_t began_ns, ended_ns; /* since the start; ended_ns 0: it has not ended */
    uint64_t planned_ns;         /* how long it is to take; 0: not known beforehand */
    uint32_t open_max;           /* most streams open at once, by ticks of all workers in it */
    struct stat_set *set;        /* owned: endpoints and worker metrics, users and sse_open */
};

enum { RUN_STAGE_LIMIT = 1000 };
static const uint32_t RUN_STAGE_WARM_UP = UINT32_MAX;

struct run_pending;

/*
 * Everything is owned by the struct; readers only read. Gauges in `total` are sampled at each
 * closed second: users, sse_open and worker_rss as sums over workers, worker_cpu of the busiest,
 * sse_disconnects_per_stream_hour over the whole run so far.
 */
struct run {
    struct run_info info;
    struct stats *stats;      /* the whole run, by endpoint; gauges hold sums over workers */
    struct stat_set *total;   /* all endpoints and the worker-level metrics together */
    struct stat_set *window;  /* the same over the last RUN_WINDOW_S seconds */
    struct rows *rows_window; /* what scripts counted in it, rows long quiet stand there empty */
    double window_s;          /* how long that window is by now */
    struct run_worker *workers;
    size_t worker_count;
    struct run_series series;
    struct machine machine;
    struct run_stage *stages; /* stage N at N - 1 */
    size_t stage_count;
    struct run_storm *storms; /* those that have been ordered */
    size_t storm_count;
    struct stat_set *warm_up;    /* what was measured before the figures count; NULL: no warm-up */
    struct run_pending *pending; /* private: the second under way and those of the window */
};

/* `info` is zeroed: the caller fills it with texts on the heap, which run_free frees. */
struct run *run_new(size_t worker_count);
void run_free(struct run *run);

/* What a worker says of itself beside its delta, at the end of `interval_ns`. */
struct run_tick {
    uint64_t interval_ns;
    uint32_t users, open, connecting;
    double cpu_ratio;
    uint64_t rss_bytes;
    struct clock_state clock;
    uint32_t stage; /* 0: none; RUN_STAGE_WARM_UP: its delta is kept apart; else from 1 */
};
/* A worker's delta, known to be new to the caller: goes to the worker and the second under way. */
void run_add_tick(struct run *run, size_t worker, const struct run_tick *tick,
                  const struct stats *delta);
/*
 * A new stage begins, the one before ends; gives its number. Past RUN_STAGE_LIMIT the last one goes
 * on.
 */
uint32_t run_begin_stage(struct run *run, uint32_t users, uint64_t elapsed_ns);
/* The stage under way ends, and none begins yet. */
void run_end_stage(struct run *run, uint64_t elapsed_ns);
/* A storm was ordered; copied. */
void run_add_storm(struct run *run, const struct run_storm *storm);
/* When the stage ended, since the start; of the one under way: the end of the figures so far. */
uint64_t run_stage_end_ns(const struct run *run, const struct run_stage *stage);
/* How long figures of it have been taken, which is not in a warm-up. */
uint64_t run_stage_measured_ns(const struct run *run, const struct run_stage *stage);
/* What was found by putting together what workers told: goes to the second under way. */
void run_add_found(struct run *run, const struct stats *delta);
/* What a process counted that leads the workers and has no users of its own. */
void run_add_lead_rows(struct run *run, const struct rows *delta);
/* Of all workers together. */
struct clock_state run_clock(const struct run *run);
/* The warm-up ends now: seconds are closed from here on. */
void run_end_warm_up(struct run *run, uint64_t elapsed_ns);
/* How long figures have been taken: all of the run so far but its warm-up. */
uint64_t run_measured_ns(const struct run *run);
/* Was a stream ever asked for, in the warm-up too? */
bool run_has_attempts(const struct run *run);
/* Attempts that became a stream, in the warm-up too: its streams go on behind it. */
uint64_t run_count_connected(const struct run *run);
/* Closes the second that ends `elapsed_ns` after the start: total, window and series move on. */
void run_close_second(struct run *run, uint64_t elapsed_ns);
/* What the second that was closed last had, gauges left out. NULL before the first. Borrowed. */
const struct stat_set *run_last_second(const struct run *run);
/* The worker died: its streams count as sse_lost, it holds no users. */
void run_lose_worker(struct run *run, size_t worker);
/*
 * Brings what came since the last closed second into `total`, window and series; before a report at
 * the end. Less than half a second joins the last point instead of making one of its own.
 */
void run_finish(struct run *run, uint64_t elapsed_ns);

#endif

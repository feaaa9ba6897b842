/*
 * fleet/controller.h - one run from start to end: starts the workers, gives them the plan and the
 * number of users, merges their ticks, watches for signals and deaths, draws the live view.
 *
 * Runs on: the controller process. Touches no stream.
 */
#ifndef CICADA_FLEET_CONTROLLER_H
#define CICADA_FLEET_CONTROLLER_H

#include "base/err.h"
#include "stats/run.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct class_spec;
struct limit;
struct limit_rules;
struct local_program;
struct plan;
struct stages;
struct thresholds;

/* What a run of a Locust file has in addition. Everything is borrowed. */
struct controller_script {
    const struct class_spec *classes; /* sorted by name */
    size_t class_count;
    bool has_shape;          /* the script says how many users there are, and when */
    const char *description; /* members of a JSON object that every process is told */
    const struct local_program *program;
    /* The script cannot be run: what Python says of it, before the sentence on it is the error. */
    void (*on_detail)(const char *text);
};

struct controller_config {
    struct plan *plan; /* borrowed; worker_index and worker_count are set for each worker */
    const char *target;
    const char *command;
    uint32_t users;              /* with stages the most of them */
    double spawn_rate_per_s;     /* new users a second */
    double arrivals_per_s;       /* new users, each for one stream, `users` at most; 0: a ramp */
    const struct stages *stages; /* borrowed; NULL: one ramp to `users` */
    uint64_t run_time_ns;        /* from the first user on; CLOCK_NEVER_NS: until stopped */
    uint64_t warm_up_ns;         /* of its start, in no figure; 0: none */
    uint64_t stop_timeout_ns;
    uint32_t process_count;                 /* >= 1 */
    bool wants_live;                        /* the live view on standard error */
    const struct controller_script *script; /* NULL: URL mode */
    struct thresholds *thresholds;          /* borrowed; judged to the end; NULL: none */
    /* A search up to `users`, at most `spawn_rate_per_s` new ones a second. Both borrowed; NULL:
     * none. */
    struct limit *limit;
    const struct limit_rules *limit_rules;
    const struct run_storm *storms; /* borrowed, in the order of their times */
    size_t storm_count;
    /* All workers are ready; -1 with a sentence: the run does not begin. NULL: nobody. */
    int (*on_begin)(void *ctx, struct err *err);
    /* Each second, after the figures have moved on; NULL: nobody. */
    void (*on_second)(void *ctx, const struct run *run);
    void *ctx;
};

/*
 * Runs to the end. NULL with a sentence when nothing could be started. The result is the caller's
 * (run_free), also for an interrupted run: see info.interrupted_by.
 */
struct run *controller_run(const struct controller_config *config, struct err *err);

#endif

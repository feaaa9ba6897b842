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
#include <stdint.h>

struct plan;

struct controller_config {
    struct plan *plan; /* borrowed; worker_index and worker_count are set for each worker */
    const char *target;
    const char *command;
    uint32_t users;
    double spawn_rate_per_s; /* new users a second */
    uint64_t run_time_ns;    /* from the first user on; CLOCK_NEVER_NS: until stopped */
    uint64_t stop_timeout_ns;
    uint32_t process_count; /* >= 1 */
    bool wants_live;        /* the live view on standard error */
};

/*
 * Runs to the end. NULL with a sentence when nothing could be started. The result is the caller's
 * (run_free), also for an interrupted run: see info.interrupted_by.
 */
struct run *controller_run(const struct controller_config *config, struct err *err);

#endif

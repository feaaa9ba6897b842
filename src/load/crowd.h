/*
 * load/crowd.h - the users of a worker: as many as it is told to have, or, in an open model, one
 * for each arrival, which is gone when its stream has ended.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_LOAD_CROWD_H
#define CICADA_LOAD_CROWD_H

#include "load/user.h"

#include <stdint.h>

struct pool;

/* Embedded in its worker. Callers read the fields. */
struct crowd {
    struct user **users; /* in the order they were started; some may have finished */
    uint32_t count, cap;
    uint32_t arrived; /* in an open model, those turned away included */
    uint32_t sample_turn;
    struct pool *pool;
    struct user_plan *shared; /* borrowed */
};

void crowd_init(struct crowd *crowd, struct user_plan *shared);
/* Users that are left end as at the end of a run. No-op on zeroed memory. */
void crowd_fini(struct crowd *crowd);
/* Those that have a stream, or will have one again. */
uint32_t crowd_running(const struct crowd *crowd);
/* What was asked for last and has been done: users, in an open model arrivals. */
uint32_t crowd_reached(const struct crowd *crowd);
/*
 * Be so many: those missing start, those that came last leave. In an open model so many have
 * arrived: each missing one starts, or is counted as turned away where the worker's share of the
 * most at once is there already. Not from inside a stream's callback.
 */
void crowd_go_to(struct crowd *crowd, uint32_t want);
/* Once a second: samples a tenth of the streams, and frees users of an open model that have ended.
 * Not from inside a stream's callback. */
void crowd_second(struct crowd *crowd, uint64_t now_ns);
/* The end of the run. */
void crowd_stop(struct crowd *crowd);

#endif

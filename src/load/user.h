/*
 * load/user.h - a virtual user of URL mode: opens its stream, stays on it, or opens one after the
 * other.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_LOAD_USER_H
#define CICADA_LOAD_USER_H

#include "load/stream.h"

#include <stdbool.h>
#include <stdint.h>

/* Embedded in the worker's pool. Callers read the fields. */
struct user {
    struct stream stream;
    struct user_plan *shared;
    uint32_t index;                /* over all workers: picks the row of the feed and the target */
    uint32_t iteration_count : 31; /* streams that have ended; stays at the largest */
    uint32_t is_finished : 1;      /* opens no stream any more */
};

/* What all users of a worker share; everything is borrowed. */
struct user_plan {
    struct stream_engine *engine;
    const struct plan *plan;
    const struct stream_target *targets;      /* one a plan target */
    const struct stream_target *slow_targets; /* the same, read slowly; NULL: none are */
    uint32_t weight_sum;
    struct loop *loop;
    uint32_t finished_count; /* users with is_finished */
};

/* The observer that moves users on; for the stream engine's config. */
extern const struct stream_observer user_observer;

/* `user` is zeroed memory. */
void user_start(struct user *user, struct user_plan *shared, uint32_t index, uint64_t now_ns);
/* Closes its stream as chosen by us, and frees what it owns. */
void user_stop(struct user *user, bool is_run_end, uint64_t now_ns);

_Static_assert(sizeof(struct user) <= 296, "exists once a user");

#endif

/*
 * load/reporter.h - what a worker tells the controller by itself: a tick each second with all that
 * was measured since the one before, and how late its loop runs.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_LOAD_REPORTER_H
#define CICADA_LOAD_REPORTER_H

#include "net/timer.h"
#include "stats/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct channel;
struct delivery;
struct loop;
struct stats;

/* What cannot be added up and is read for each tick. */
struct reporter_gauges {
    uint32_t users, open, connecting;
    uint32_t finished; /* users that have run all their iterations */
    struct clock_state clock;
};

struct reporter_config {
    struct loop *loop; /* borrowed, as all here */
    struct channel *channel;
    struct stats *stats;
    struct delivery *delivery;
    /* Before a tick is made; may also record what is sampled once a second. */
    void (*read)(void *ctx, struct reporter_gauges *gauges, uint64_t now_ns);
    void *ctx;
};

/* Embedded in its worker. */
struct reporter {
    struct reporter_config config;
    struct timer tick_timer, lag_timer;
    uint64_t sequence;
    uint64_t began_ns; /* of the tick under way */
    uint64_t cpu_ns;
    uint32_t stage; /* of the run, to which figures belong now; see struct frame_users */
};

/* As many open files as the system lets this process have; the limit, 0 where it cannot be told. */
uint64_t reporter_raise_file_limit(void);
/* Ticks each second from now on. */
void reporter_start(struct reporter *reporter, const struct reporter_config *config);
/* From now on figures belong to this part of the run; those of the part that ends leave at once. */
void reporter_set_stage(struct reporter *reporter, uint32_t stage);
/* No more ticks. No-op when not started. */
void reporter_stop(struct reporter *reporter);
/* Behind reporter_stop: the last tick, with the gauges from before the end of the load. */
void reporter_send_last(struct reporter *reporter, const struct reporter_gauges *gauges);
/* For the lag of a loop that lives inside another: it was kept waiting for so long. */
void reporter_note_lag(struct reporter *reporter, uint64_t lag_ns);

#endif

/*
 * stats/clock.h - how the clock that stamps events stands to ours: what each worker says with a
 * tick, and what is said of them together.
 */
#ifndef CICADA_STATS_CLOCK_H
#define CICADA_STATS_CLOCK_H

#include <stdint.h>

/* In this order the later one prevails where workers, or a worker's streams, differ. */
enum clock_source {
    CLOCK_UNUSED = 0, /* no event with a time has come */
    CLOCK_SAME_HOST,  /* the service runs on this machine: it is one clock */
    CLOCK_ASKED,      /* compared by round trips (--clock) */
    CLOCK_APART,      /* two clocks that nobody compared */
    CLOCK_SOURCE_COUNT
};

struct clock_state {
    enum clock_source source;
    int64_t offset_ns;   /* what the service's clock is ahead of ours */
    uint64_t error_ns;   /* by which that may be wrong */
    uint32_t step_count; /* how often our wall clock was set during the run */
};

/* The weaker source; of two with the same one the larger error, with its offset. */
static inline void clock_state_merge(struct clock_state *to, const struct clock_state *from)
{
    uint32_t steps = from->step_count > to->step_count ? from->step_count : to->step_count;

    if (from->source > to->source || (from->source == to->source && from->error_ns > to->error_ns))
        *to = *from;
    to->step_count = steps; /* workers of one machine see the same ones */
}

#endif

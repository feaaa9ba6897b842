/*
 * net/timer.h - a hierarchical timing wheel: set, move and cancel cost O(1) for any number of
 * timers.
 *
 * Scheme 7 of Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (1987): six wheels of 64
 * slots of 1 ms, 64 ms, 4.1 s, 4.4 min, 4.7 h, 12.4 days. Deadlines are rounded up to a full
 * millisecond, so that no timer fires early.
 */
#ifndef CICADA_NET_TIMER_H
#define CICADA_NET_TIMER_H

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

enum { TIMER_LEVEL_COUNT = 6, TIMER_SLOT_COUNT = 64 };

struct timer;
typedef void (*timer_fn)(struct timer *timer, uint64_t now_ns);

/* Embedded by its owner; zero is "not set". */
struct timer {
    struct list node;
    uint64_t deadline_ns;
    timer_fn on_expire;
};

struct timer_wheel {
    uint64_t tick_ms; /* everything due up to and including this millisecond has run */
    uint64_t used[TIMER_LEVEL_COUNT]; /* a bit a slot that may hold timers */
    struct list slots[TIMER_LEVEL_COUNT][TIMER_SLOT_COUNT];
};

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ns);
void timer_wheel_set(struct timer_wheel *wheel, struct timer *timer, uint64_t deadline_ns,
                     timer_fn on_expire);
/* No-op when not set. */
void timer_wheel_cancel(struct timer_wheel *wheel, struct timer *timer);
/* Runs what is due; a timer is unset before its function runs. Returns how many ran. */
int timer_wheel_advance(struct timer_wheel *wheel, uint64_t now_ns);
/* A time at or before the earliest deadline, and never in the past of it by more than a wheel's
 * slot; CLOCK_NEVER_NS when none is set. */
uint64_t timer_wheel_next_ns(const struct timer_wheel *wheel);
bool timer_is_set(const struct timer *timer);

#endif

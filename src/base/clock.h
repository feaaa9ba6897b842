/*
 * base/clock.h - the clocks. Only the loop and process edges read them; below, time is a parameter.
 */
#ifndef CICADA_BASE_CLOCK_H
#define CICADA_BASE_CLOCK_H

#include <stdint.h>

static const uint64_t CLOCK_NS_PER_US = 1000;
static const uint64_t CLOCK_NS_PER_MS = 1000000;
static const uint64_t CLOCK_NS_PER_S = 1000000000;
static const uint64_t CLOCK_NEVER_NS = UINT64_MAX;

/* CLOCK_MONOTONIC in nanoseconds (about 28 ns a call). */
uint64_t clock_now_ns(void);
/* Wall clock, milliseconds since 1970-01-01 UTC, with a fraction. */
double clock_unix_ms(void);
/* The wall clock in nanoseconds since 1970 less CLOCK_MONOTONIC; the best of a few readings. */
int64_t clock_wall_base_ns(void);
/* How long ago the wall clock showed `unix_ns`; 0 for the future. */
uint64_t clock_wall_age_ns(uint64_t unix_ns);
/* CPU time of this process, user and system, in nanoseconds. */
uint64_t clock_cpu_ns(void);
/* start + span without wrapping past CLOCK_NEVER_NS. */
uint64_t clock_add_ns(uint64_t start_ns, uint64_t span_ns);

#endif

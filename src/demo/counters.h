/*
 * demo/counters.h - what the service counts, in memory that its processes share: each writes a slot
 * of its own, whoever is asked for /metrics adds them up.
 */
#ifndef CICADA_DEMO_COUNTERS_H
#define CICADA_DEMO_COUNTERS_H

#include "base/buf.h"
#include "base/err.h"

#include <stdatomic.h>
#include <stdint.h>

enum counter_name {
    COUNTER_STREAMS_OPEN = 0,
    COUNTER_STREAMS_OPENED,
    COUNTER_EVENTS_SENT,
    COUNTER_EVENTS_REPLAYED,
    COUNTER_HEARTBEATS_SENT,
    COUNTER_RESPONSES_200,
    COUNTER_RESPONSES_400,
    COUNTER_RESPONSES_401,
    COUNTER_RESPONSES_403,
    COUNTER_RESPONSES_404,
    COUNTER_RESPONSES_405,
    COUNTER_COUNT
};

/* One process's. */
struct counters {
    _Alignas(64) _Atomic uint64_t values[COUNTER_COUNT];
};

/* Before the fork; NULL with a sentence. */
struct counters *counters_map(uint32_t process_count, struct err *err);
void counters_unmap(struct counters *counters, uint32_t process_count);

/* Adds `amount`, which may be negative for a gauge. */
void counters_add(struct counters *own, enum counter_name name, int64_t amount);
void counters_count_response(struct counters *own, int status);
/* The sums as Prometheus text (exposition format 0.0.4). */
void counters_append_text(struct buf *out, const struct counters *all, uint32_t process_count);

#endif

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
    COUNTER_CHAT_COMPLETIONS,
    COUNTER_CHAT_TOKENS,
    COUNTER_EVENTS_EXPIRED,
    COUNTER_FAULT_LOST,
    COUNTER_FAULT_DUPLICATED,
    COUNTER_FAULT_REORDERED,
    COUNTER_FAULT_MALFORMED_JSON,
    COUNTER_FAULT_MALFORMED_FIELD,
    COUNTER_FAULT_MALFORMED_TEXT,
    COUNTER_FAULT_DROPPED,
    COUNTER_FAULT_CLUMPS,
    COUNTER_FAULT_STALLED,
    COUNTER_FAULT_STATUSES,
    COUNTER_FAULT_REFUSED,
    COUNTER_FAULT_IDLE_CUT,
    COUNTER_FAULT_AGE_CUT,
    COUNTER_FAULT_REPLAYS_REFUSED,
    COUNTER_FAULT_WITHHELD,
    COUNTER_FAULT_SLOW_LOGINS,
    COUNTER_FAULT_LOAD_DELAYS,
    COUNTER_RESPONSES_200,
    COUNTER_RESPONSES_204,
    COUNTER_RESPONSES_400,
    COUNTER_RESPONSES_401,
    COUNTER_RESPONSES_403,
    COUNTER_RESPONSES_404,
    COUNTER_RESPONSES_405,
    COUNTER_RESPONSES_413,
    COUNTER_RESPONSES_429,
    COUNTER_RESPONSES_500,
    COUNTER_RESPONSES_502,
    COUNTER_RESPONSES_503,
    COUNTER_RESPONSES_504,
    COUNTER_RESPONSES_OTHER,
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

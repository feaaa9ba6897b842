/*
 * load/lateness.h - how late the events of an endpoint are: from the time in the event to its
 * receipt, live ones apart from those that are older than their connection, and of these the ones
 * that were sent when it had been asked for already: they were held back with its headers.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_LOAD_LATENESS_H
#define CICADA_LOAD_LATENESS_H

#include "load/event_time.h"

#include <stdbool.h>
#include <stdint.h>

struct event_clock;
struct reads;
struct sse_event;
struct stat_set;

/* What all endpoints of a worker share. */
struct lateness_rules {
    struct event_time_source source; /* owned */
    struct event_clock *clock;       /* borrowed */
    uint64_t stale_ns;               /* later than this is stale; CLOCK_NEVER_NS: nothing is */
};

/* Of an endpoint, embedded; zero is new. */
struct lateness {
    enum event_time_unit unit; /* as told, or as the first time looked */
    bool has_fastest;
    int64_t fastest_ns; /* the least latency of a live event so far, which may be negative */
    uint64_t timed_count, untimed_count; /* since lateness_flush */
};

/* How one event came. */
struct lateness_receipt {
    uint64_t received_ns;
    uint64_t opened_ns;  /* headers of its connection */
    uint64_t wait_ns;    /* of these since the request; 0 behind a resume, or unknown */
    bool is_same_host;   /* of the server */
    const char *server;  /* its tag; NULL: unknown */
    struct reads *reads; /* are told when a live or held one was sent; NULL: nobody is */
};

void lateness_judge(struct lateness *lateness, const struct lateness_rules *rules,
                    struct stat_set *set, const struct sse_event *event,
                    const struct lateness_receipt *receipt);
/* What is only counted goes into `set`. */
void lateness_flush(struct lateness *lateness, struct stat_set *set);

#endif

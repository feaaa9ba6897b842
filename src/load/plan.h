/*
 * load/plan.h - what a worker is to do: made by the controller from options, carried as one frame.
 */
#ifndef CICADA_LOAD_PLAN_H
#define CICADA_LOAD_PLAN_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum plan_reconnect {
    PLAN_RECONNECT_NONE = 0,
    PLAN_RECONNECT_AUTO,
    PLAN_RECONNECT_ALWAYS,
    PLAN_RECONNECT_NEVER
};

/* One URL of URL mode. `{{column}}` may stand in url (behind the host), headers and body. */
struct plan_target {
    char *url; /* as written; also the endpoint's name */
    uint32_t weight;
};

struct plan {
    struct plan_target *targets;
    size_t target_count;
    char *method;   /* "GET" */
    char **headers; /* "Name: value" */
    size_t header_count;
    uint8_t *body; /* NULL: none */
    size_t body_bytes;
    char *content_type;    /* of the body, NULL: none given by an option */
    char *unix_socket;     /* NULL: TCP */
    char *local_addresses; /* CIDR text as given, NULL: the system chooses */
    char *feed;            /* CSV text, NULL: none; checked by the controller */
    size_t feed_bytes;

    uint64_t events_per_stream; /* 0: no end by count */
    uint64_t stream_time_ns;    /* CLOCK_NEVER_NS: stay */
    uint64_t wait_min_ns, wait_max_ns;
    uint64_t iterations; /* 0: for ever */
    bool has_loop;       /* --events, --stream-time or --iterations: streams follow one another */

    enum plan_reconnect reconnect;
    uint64_t retry_wait_ns;
    uint64_t retry_max_ns;
    double jitter_ratio;

    uint64_t connect_timeout_ns, headers_timeout_ns, read_timeout_ns; /* CLOCK_NEVER_NS: none */

    uint32_t worker_index, worker_count;
    uint64_t seed;
    uint8_t log_level;
};

/* An empty plan with the defaults of the manual; the caller owns it. */
struct plan *plan_new(void);
void plan_free(struct plan *plan);
/* Appends the body of a plan frame. */
void plan_encode(const struct plan *plan, struct buf *out);
/* NULL with a sentence when the bytes are no sound plan. */
struct plan *plan_decode(const uint8_t *bytes, size_t len, struct err *err);

#endif

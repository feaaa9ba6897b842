/*
 * demo/feed.h - the timelines of one process: event N of a feed happens at epoch + N * interval, in
 * every process alike, is formatted once and sent to all subscribers. So a stream can resume at
 * another process, and nothing is kept but the epoch.
 *
 * `sent_ms` is the time at which the event happened by the epoch's clock: two copies of an event
 * are the same bytes, and a service that lags shows as latency.
 */
#ifndef CICADA_DEMO_FEED_H
#define CICADA_DEMO_FEED_H

#include "demo/counters.h"
#include "demo/event.h"
#include "http/server.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct feeds;

/* All of a history goes out at once, so it must fit what the server queues for a peer. */
enum { FEED_HISTORY_MAX = 4000 };
_Static_assert((FEED_HISTORY_MAX + 1) * EVENT_LIMIT_BYTES < HTTP_SERVER_BACKLOG_LIMIT_BYTES,
               "a whole history fits a peer's queue");

struct feeds_config {
    uint64_t epoch_ns;     /* monotonic, the same in all processes */
    double epoch_unix_ms;  /* the wall clock at that moment */
    uint64_t heartbeat_ns; /* silence before a comment is sent; CLOCK_NEVER_NS: none */
    uint32_t history;      /* events that can come again, at most FEED_HISTORY_MAX */
    uint32_t retry_ms;
};

static const uint64_t FEED_COUNT_UNLIMITED = UINT64_MAX;

struct feed_request {
    struct feed_key key;
    uint64_t count; /* events until only heartbeats are sent */
    bool resumes;   /* `last_id` was sent by the client */
    uint64_t last_id;
};

/* `loop` and `own` are borrowed. The caller owns the result. */
struct feeds *feeds_new(struct loop *loop, const struct feeds_config *config, struct counters *own);
/* After the server's end. */
void feeds_free(struct feeds *feeds);
/* Answers with a stream: retry, what `last_id` missed of the history, then events as they happen.
 */
void feeds_subscribe(struct feeds *feeds, struct http_request *request,
                     const struct feed_request *wish, uint64_t now_ns);
/* The subscriber's peer is gone. */
void feeds_forget(struct feeds *feeds, struct http_request *request);

#endif

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

struct fault_board;
struct faults;
struct loop;
struct feeds;

/* All of a history goes out at once, so it must fit what the server queues for a peer. */
enum { FEED_HISTORY_MAX = 4000, FEED_COUNT_MAX = 1000000000 };
_Static_assert((FEED_HISTORY_MAX + 1) * EVENT_LIMIT_BYTES < HTTP_SERVER_BACKLOG_LIMIT_BYTES,
               "a whole history fits a peer's queue");

struct feeds_config {
    struct event_clock clock;
    struct fault_board *board; /* borrowed */
    bool shares_board;         /* other processes may change it */
    uint64_t seed;             /* of the faults */
    uint64_t heartbeat_ns;     /* silence before a comment is sent; CLOCK_NEVER_NS: none */
    uint32_t history;          /* events that can come again, at most FEED_HISTORY_MAX */
    uint32_t retry_ms;
};

static const uint32_t FEED_COUNT_UNLIMITED = UINT32_MAX;

struct feed_request {
    struct feed_key key;
    uint32_t count; /* events until only heartbeats are sent, at most FEED_COUNT_MAX */
    bool resumes;   /* `last_seq` follows from what the client sent */
    uint64_t last_seq;
    uint64_t serial; /* of the stream, by feeds_admit: its faults hang on it */
};

/*
 * `loop` and `own` are borrowed; streams are numbered from `first_serial` on. The caller owns the
 * result.
 */
struct feeds *feeds_new(struct loop *loop, const struct feeds_config *config, struct counters *own,
                        uint64_t first_serial);
/* After the server's end. */
void feeds_free(struct feeds *feeds);
/* The faults in force, brought up to date. Borrowed until the next call. */
const struct faults *feeds_sync(struct feeds *feeds, uint64_t now_ns);
/*
 * A request for a stream, which gets its number: 0 when it may go on to feeds_subscribe or, where
 * that cannot be, to feeds_dismiss; else the status that a fault has for it.
 */
int feeds_admit(struct feeds *feeds, struct feed_request *wish, uint64_t now_ns);
void feeds_dismiss(struct feeds *feeds);
/* How long a fault lets the one admitted last wait for its answer, by how many there are. */
uint64_t feeds_delay_ns(const struct feeds *feeds);
/* Answers with a stream: retry, what `last_seq` missed of the history, then events as they happen.
 * The request's user pointer is a struct pending from here. */
void feeds_subscribe(struct feeds *feeds, struct http_request *request,
                     const struct feed_request *wish, uint64_t now_ns);

#endif

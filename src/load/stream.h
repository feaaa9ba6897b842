/*
 * load/stream.h - one Server-Sent Events stream as an EventSource holds it: requested, followed
 * over redirects, read, counted, taken up again with Last-Event-ID, until it ends for good.
 *
 * HTML Standard section 9.2: status 200 and text/event-stream or it fails for good; 204 stops it;
 * the end of an open stream and any network error are followed by another attempt after the retry
 * time.
 *
 * Runs on: the worker's loop (and on that of `cicada tap`).
 */
#ifndef CICADA_LOAD_STREAM_H
#define CICADA_LOAD_STREAM_H

#include "base/rng.h"
#include "http/fetch.h"
#include "load/login.h"
#include "load/plan.h"
#include "load/request.h"
#include "load/stream_stats.h"
#include "sse/parser.h"
#include "stats/stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stream_state {
    STREAM_IDLE = 0,   /* never started, or ended */
    STREAM_LOGGING_IN, /* the request waits for a token */
    STREAM_REQUESTING, /* a request is under way; no final head yet */
    STREAM_OPEN,
    STREAM_WAITING, /* for the retry time */
    STREAM_STATE_COUNT
};

enum stream_ending {
    STREAM_ENDING_NONE = 0,
    STREAM_ENDED_BY_US, /* --events reached, --stream-time over, or closed from outside */
    STREAM_COMPLETED,   /* its end mark, 204, or a whole response not to be asked for again */
    STREAM_FAILED       /* no further attempt is to be made */
};

struct stream;

/* Told beside the statistics; any function may be NULL. None may free the stream. */
struct stream_observer {
    /* Every response head, redirects too. */
    void (*on_head)(struct stream *stream, const struct http_head *head, uint64_t now_ns);
    void (*on_event)(struct stream *stream, const struct sse_event *event, uint64_t now_ns);
    void (*on_comment)(struct stream *stream, const uint8_t *text, size_t len, uint64_t now_ns);
    /* An attempt failed, or an open stream ended without being asked to. `retry_ns` is the wait
     * until the next attempt, CLOCK_NEVER_NS: there is none. */
    void (*on_failure)(struct stream *stream, enum error_class error_class, const char *message,
                       uint64_t retry_ns, uint64_t now_ns);
    /* Last: the stream is idle and may be started again, also from here. */
    void (*on_ended)(struct stream *stream, enum stream_ending ending, uint64_t now_ns);
};

/* What all streams of a worker share. */
struct stream_engine_config {
    struct loop *loop; /* borrowed, as all here */
    struct stats *stats;
    const struct plan *plan; /* reconnect rules, ends by count and time */
    struct login *login;     /* what every user does first; NULL: nothing */
    const struct stream_observer *observer;
};

struct stream_engine;

struct stream_engine *stream_engine_new(const struct stream_engine_config *config);
/* After the last stream is idle. */
void stream_engine_free(struct stream_engine *engine);
uint32_t stream_engine_open_count(const struct stream_engine *engine);
uint32_t stream_engine_requesting_count(const struct stream_engine *engine);
struct rng *stream_engine_rng(struct stream_engine *engine);
struct stats *stream_engine_stats(const struct stream_engine *engine);

/* What all streams of an endpoint share; what it points to is borrowed. */
struct stream_target {
    struct stream_engine *engine;
    const struct request *request;
    struct fetch_order order;
    struct stat_place place;
    uint64_t read_bytes_per_s; /* its streams read no faster; 0: as fast as they can */
};
/* Fills request and order; `rng` serves authentication. */
void stream_target_init(struct stream_target *target, const struct request *request,
                        struct http_client *client, struct loop *loop, struct rng *rng);

/* Embedded in its user. Callers read `state` and `target`. */
struct stream {
    struct fetch fetch;
    struct sse_parser parser;
    struct timer timer;                 /* WAITING: the retry; OPEN: its end, or the next read */
    const struct stream_target *target; /* NULL: never started */
    struct http_session session;
    struct stream_record record;
    union {
        uint64_t sampled_ns;         /* OPEN */
        const char *failure;         /* OPEN, cut so: what the service says of itself; borrowed */
        struct login_attempt *login; /* LOGGING_IN: owned */
        uint64_t request_key;        /* REQUESTING */
    };
    uint64_t closes_ns;   /* our end, counted from the first opening; 0: not opened yet */
    uint32_t total_count; /* since stream_start, over reconnects */
    uint32_t sampled_count;
    uint32_t retry_ms;      /* as the server set it, or --retry-wait */
    uint32_t row;           /* of the feed */
    uint32_t late_us;       /* OPEN: the timer let a read wait for so much too long */
    uint8_t state;          /* enum stream_state */
    bool has_logged_in : 1; /* as far as is known, the token or the cookies still hold */
    bool had_login : 1;     /* a login has succeeded before */
    bool has_renewed : 1;   /* logged in again in this attempt */
    bool is_slow : 1;       /* OPEN: reading waits for the timer */
    bool will_abort : 1;    /* leaves early, by reset; set by its owner after stream_start */
    uint8_t cut : 2;        /* enum stream_cut in stream_end.h: an end found inside a handler */
};

/* `stream` is zeroed memory. */
void stream_init(struct stream *stream, struct stream_engine *engine);
/* Closes without counting anything; frees what the stream owns. */
void stream_fini(struct stream *stream);

/* Begins the first attempt of an idle stream; forgets the last event ID of the one before. */
void stream_start(struct stream *stream, const struct stream_target *target, uint32_t row,
                  uint64_t now_ns);
/*
 * Ends it by our choice, counted so; on_ended is not called. At the end of a run (`is_run_end`)
 * open streams count their age, and an attempt unanswered for longer than the headers timeout as
 * failed.
 */
void stream_close(struct stream *stream, bool is_run_end, uint64_t now_ns);
/*
 * Cuts an open stream as a storm does: counted as closed by us, taken up again with Last-Event-ID
 * after `away_ns`, and then at once or after its retry time, whatever the rule for reconnects. The
 * observer is told nothing. False: it is not open.
 */
struct stream_storm {
    uint32_t index; /* in which wave of the statistics it counts */
    uint64_t away_ns;
    bool returns_at_once;
};
bool stream_cut(struct stream *stream, const struct stream_storm *storm, uint64_t now_ns);
/* Samples events a second of an open stream, once 10 s have passed since the last time. */
void stream_sample(struct stream *stream, uint64_t now_ns);

#endif

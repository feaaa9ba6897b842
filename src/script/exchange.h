/*
 * script/exchange.h - one request of a script and its response: what was asked, what came, how far
 * it is. Every response that is an event stream is watched by the same parser and gives the same
 * figures as a stream of URL mode, also when the script reads it by hand.
 *
 * No Python in it: the module's objects are wrapped around this, and tests run it by itself.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_SCRIPT_EXCHANGE_H
#define CICADA_SCRIPT_EXCHANGE_H

#include "base/rng.h"
#include "http/fetch.h"
#include "load/stream_stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange;
struct exchange_stream;
struct frame_storm;
struct plan;
struct sse_shared;

enum {
    EXCHANGE_MARK_LIMIT = 4096, /* reads told apart; past it they count as one */
    /* A streamed body that nobody reads: beyond it the rest stays in the kernel. */
    EXCHANGE_PAUSE_BYTES = 256 * 1024,
    /* A body that is read whole, or a line without an end: beyond it too_large. */
    EXCHANGE_BODY_LIMIT_BYTES = 256 * 1024 * 1024,
    /* Endpoints of a user whose last stream is remembered, for the next one that resumes it. */
    EXCHANGE_MEMORY_LIMIT = 8,
    EXCHANGE_HISTORY_LIMIT = 256
};

/* What all exchanges of a process share. */
struct exchange_host {
    struct loop *loop;   /* borrowed */
    struct stats *stats; /* borrowed */
    struct delivery *delivery;
    struct tokens *tokens;   /* NULL: streams are not read for tokens */
    struct quality *quality; /* by which delivery judges */
    struct sse_shared *parsers;
    struct pool *streams; /* of struct exchange_stream */
    struct list open_streams;
    struct list users; /* of struct exchange_user, those that remember streams */
    struct rng rng;
    uint32_t asking_count;   /* streams asked for and not answered */
    uint32_t open_count;     /* streams open now */
    bool wants_kernel_times; /* of receipt */
    bool is_ending;          /* the run ends: streams that close now were open at its end */
};

/* `plan` is borrowed. -1 with a sentence; exchange_host_fini in either case. */
int exchange_host_init(struct exchange_host *host, struct loop *loop, struct stats *stats,
                       const struct plan *plan, struct err *err);
/* After the last exchange has ended. */
void exchange_host_fini(struct exchange_host *host);

/* The last stream of a user on an endpoint, for the one that resumes it. */
struct exchange_memory {
    struct stat_place place;
    struct stream_record record; /* attempt_count 0: this place is free */
};

/* Once a second: what is sampled of open streams. */
void exchange_host_sample(struct exchange_host *host, uint64_t now_ns);

/* Cuts each open stream with the chance that the storm has; its script sees a reset. What the storm
 * says of the way back is not for scripts. */
void exchange_host_cut(struct exchange_host *host, const struct frame_storm *storm,
                       uint64_t now_ns);

/* The run is over: no stream goes on any more, open or remembered; what was open about the events
 * of each is decided. */
void exchange_host_end(struct exchange_host *host);

/* What a user keeps between its requests. Zero is empty; not to be moved while it is not. */
struct exchange_user {
    struct list node; /* in the host's list once it has a memory */
    struct http_session session;
    struct exchange_memory *memory; /* owned: EXCHANGE_MEMORY_LIMIT places; NULL until needed */
    uint32_t memory_turn;
};

/* After the last exchange of the user. */
void exchange_user_fini(struct exchange_user *user);

/* What is sent behind the request line, and needed no more once the answer has come. */
struct exchange_message {
    char *headers; /* "Name: value\r\n" each, as they are to be sent; NULL: none */
    size_t headers_bytes;
    char *cookies;    /* "a=b", beside those of the session; NULL: none */
    const void *body; /* borrowed until exchange_is_answered; NULL: none */
    size_t body_bytes;
    uint64_t connect_timeout_ns; /* CLOCK_NEVER_NS: none */
    bool has_host;               /* a header says Host */
    bool has_cookie;             /* a header says Cookie: the session's are left out */
};

/* What is asked; exchange_start takes it over with all that it owns. */
struct exchange_order {
    struct http_client *client; /* borrowed */
    struct stat_place place;
    char *method;
    struct url url;
    struct exchange_message *message;
    uint64_t read_timeout_ns; /* silence before the head, and between two pieces of the body */
    uint8_t redirect_limit;   /* 0: a redirect is an answer like any other */
    bool is_streamed;         /* the body is read by the script as it comes */
    bool wants_decoding;
    bool asks_for_stream; /* a header says Accept: text/event-stream */
    bool is_resuming;     /* a header says Last-Event-ID */
};

/* An order without a request; exchange_order_fini unless it was started. */
void exchange_order_init(struct exchange_order *order);
void exchange_order_fini(struct exchange_order *order);

/* From `at` on, bytes of the body came at `came_ns`. */
struct exchange_mark {
    size_t at;
    uint64_t came_ns;
};

enum exchange_state { EXCHANGE_NEW = 0, EXCHANGE_ASKING, EXCHANGE_OPEN, EXCHANGE_DONE };

/* An answer that led to another request. */
struct exchange_hop {
    int status;
    char *url;     /* that was asked */
    char *headers; /* "Name: value\r\n" each */
    size_t headers_bytes;
};

/* Embedded; callers read it. Zero is new. */
struct exchange {
    struct fetch fetch;
    struct exchange_host *host;
    struct exchange_user *user;
    struct exchange_order order; /* its message goes once answered */
    struct fetch_order fetch_order;
    struct timer timer;
    struct exchange_stream *stream; /* owned; NULL: no event stream, or over */
    struct delivery_view *view;     /* owned: what was found on it by its end; NULL: nothing */
    void (*on_progress)(struct exchange *exchange); /* the head, bytes or the end came */
    struct exchange_hop *hops;                      /* owned */
    uint32_t hop_count;
    int status;      /* 0: no answer */
    char *final_url; /* owned; NULL: the order's */
    const char *final_method;
    char *reason;  /* owned; NULL: the usual phrase of the status */
    char *headers; /* owned: of the answer */
    size_t headers_bytes;
    struct buf body; /* what nobody has taken yet */
    size_t body_at;
    uint64_t came_ns;             /* when the first of them came */
    struct exchange_mark *marks;  /* owned: where later reads begin, rising; NULL: nowhere */
    uint32_t mark_at, mark_count; /* those in front of mark_at are behind us */
    double started_unix_ms;
    uint64_t began_ns, answered_ns;
    union {
        uint64_t ended_ns;    /* DONE */
        uint64_t request_key; /* before that: of the request as first sent (load/request.h) */
    };
    uint64_t moved_ns;            /* the silence that a timeout measures began */
    enum error_class error_class; /* why it ended; CLASS_NONE: whole, or not ended */
    char *message;                /* owned; of the error */
    uint8_t state;                /* enum exchange_state */
    bool is_paused : 1;
    bool is_timed : 1;     /* its duration is recorded */
    bool is_connected : 1; /* the request went out */
    bool is_awaited : 1;   /* silence counts against read_timeout_ns */
};

/* `exchange` is zeroed but for on_progress, which may run before this returns. */
void exchange_start(struct exchange *exchange, struct exchange_host *host,
                    struct exchange_user *user, struct exchange_order *order);
/* Ends it by our choice; what came stays readable. No-op when it has ended. */
void exchange_close(struct exchange *exchange, bool with_reset);
/* An open stream ends as if the server had reset the connection, but is counted as cut by us, in
 * this storm. */
void exchange_cut(struct exchange *exchange, uint32_t storm, uint64_t now_ns);
/* Closes, and frees what it owns. */
void exchange_fini(struct exchange *exchange);

static inline bool exchange_is_answered(const struct exchange *exchange)
{
    return exchange->state >= EXCHANGE_OPEN;
}

static inline bool exchange_is_done(const struct exchange *exchange)
{
    return exchange->state == EXCHANGE_DONE;
}

/* Bytes that wait to be read. Borrowed until the exchange goes on. */
static inline size_t exchange_buffered(const struct exchange *exchange)
{
    return exchange->body.len - exchange->body_at;
}

static inline const uint8_t *exchange_bytes(const struct exchange *exchange)
{
    return exchange->body.bytes + exchange->body_at;
}

/* How many of them came with the first one, in one read of the socket. */
static inline size_t exchange_piece(const struct exchange *exchange)
{
    return (exchange->mark_at < exchange->mark_count ? exchange->marks[exchange->mark_at].at
                                                     : exchange->body.len) -
           exchange->body_at;
}

/* The first `len` of them were read. */
void exchange_take(struct exchange *exchange, size_t len);
/* The rest of the body is wanted as a whole, or piece by piece again: a whole one is held up to
 * EXCHANGE_BODY_LIMIT_BYTES, and of its pieces nobody is told. */
void exchange_want_whole(struct exchange *exchange, bool is_whole);
/* What the audit says of the stream that this is a part of: now, or as it was when this ended.
 * False where it is none, or is not audited. */
bool exchange_audit(struct exchange *exchange, struct delivery_view *view);
/* Somebody waits from now on: fails as timeout_read unless something comes within the order's
 * read_timeout_ns. */
void exchange_await(struct exchange *exchange);

#endif

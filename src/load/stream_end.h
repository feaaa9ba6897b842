/*
 * load/stream_end.h - the states of a stream and what ends an attempt or an open one. Private to
 * stream.c and stream_end.c.
 */
#ifndef CICADA_LOAD_STREAM_END_H
#define CICADA_LOAD_STREAM_END_H

#include "load/stream.h"

/* What a handler of the parser has decided: done when the parser returns. */
enum stream_cut {
    CUT_NONE = 0,
    CUT_BY_US,    /* --events */
    CUT_COMPLETE, /* the end mark has come: counted, and waits for the end of the response */
    CUT_FAILED    /* the service says, inside the stream, that it has failed */
};

struct stream_engine {
    struct stream_engine_config config;
    struct sse_shared *parsers;
    struct rng rng;
    uint32_t open_count;
    uint32_t requesting_count;
};

/* The only way into another state. */
void stream_enter(struct stream *stream, enum stream_state state);
/* In stream.c: the retry time is over. */
void stream_begin_attempt(struct stream *stream, uint64_t now_ns);
/* In stream.c: it has had all its events, or its time. */
void stream_end_by_us(struct stream *stream, uint64_t now_ns);

/* Idle from now on, and the observer hears of it. */
void stream_finish(struct stream *stream, enum stream_ending ending, uint64_t now_ns);
/* The same as failed, where the user will not ask for this stream again. */
void stream_give_up(struct stream *stream, uint64_t now_ns);
void stream_tell_failure(struct stream *stream, enum error_class error_class, const char *message,
                         uint64_t retry_ns, uint64_t now_ns);
/* `asked_ns` is a Retry-After, 0 without. May close the stream. */
void stream_wait_for_retry(struct stream *stream, enum error_class error_class, const char *message,
                           uint64_t asked_ns, uint64_t now_ns);
/* The attempt did not become a stream. `may_retry`: the reconnect rule lets it be tried again. */
void stream_fail_attempt(struct stream *stream, enum error_class error_class, const char *message,
                         bool may_retry, uint64_t asked_ns, uint64_t now_ns);
bool stream_retries_network_errors(const struct stream *stream);
/* The open stream ended without our asking. */
void stream_disconnect(struct stream *stream, enum error_class error_class, const char *message,
                       uint64_t now_ns);
/* Its end mark has come: complete once the response has ended, or has had its time to. */
void stream_complete(struct stream *stream, uint64_t now_ns);
/* The response of the open stream has ended. */
void stream_end_open(struct stream *stream, const struct http_end *end, uint64_t now_ns);

#endif

/*
 * load/quality.h - are the events of a stream what they should be, and does it give a sign of life
 * in time? Counts what is not, and keeps the first examples.
 *
 * Always on: unknown fields, bytes that are no UTF-8, lines over the limit. Asked for: what
 * load/expect knows, and --heartbeat. An event with several faults counts once for each.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_LOAD_QUALITY_H
#define CICADA_LOAD_QUALITY_H

#include "base/err.h"
#include "sse/parser.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct feed;
struct plan_checks;
struct quality; /* of a worker */
struct stats;

/* Everything is borrowed for the result's life, `feed` NULL: there is none. NULL with a sentence,
 * see expect_new. The caller owns the result. */
struct quality *quality_new(const struct plan_checks *checks, struct stats *stats,
                            const struct feed *feed, struct err *err);
/* NULL does nothing. */
void quality_free(struct quality *quality);

/* Of one stream, embedded where it is judged; callers do not touch the fields. */
struct quality_stream {
    uint64_t last_byte_ns : 63; /* of the open connection, its headers being the first */
    uint64_t was_silent : 1;    /* since then, and that has been counted */
    uint32_t seen;              /* bits of expected events, on this connection */
    uint32_t row;               /* of the feed */
};

_Static_assert(sizeof(struct quality_stream) <= 16, "exists once a stream");

/* A connection is open. */
void quality_open(struct quality_stream *stream, uint32_t row, uint64_t now_ns);
/* Bytes have come, whatever they are. */
void quality_bytes(const struct quality *quality, size_t endpoint, struct quality_stream *stream,
                   uint64_t now_ns);
/* The same where silence is not judged. */
void quality_note_bytes(struct quality_stream *stream, uint64_t now_ns);
/* Since the last bytes; without any, since the headers. */
uint64_t quality_silence_ns(const struct quality_stream *stream, uint64_t now_ns);
/* Once in a while: a stream that stays silent must show before it ends. */
void quality_look(const struct quality *quality, size_t endpoint, struct quality_stream *stream,
                  uint64_t now_ns);
/* What the parser found wrong with a line. */
void quality_fault(const struct quality *quality, size_t endpoint, enum sse_fault fault,
                   const uint8_t *text, size_t len);
/* `stream` NULL: what depends on it is not judged. */
void quality_event(const struct quality *quality, size_t endpoint, struct quality_stream *stream,
                   const struct sse_event *event);
/* Has this connection brought all the events it should? */
bool quality_is_met(const struct quality *quality, const struct quality_stream *stream);
/* The connection has ended; `is_finished`: it had time to bring what it should. */
void quality_close(const struct quality *quality, size_t endpoint, struct quality_stream *stream,
                   bool is_finished, uint64_t now_ns);

#endif

/*
 * tests/unit/sse_transcript.h - what a parser said, as text that can be compared.
 *
 * Notation: [NAME|ID|DATA] is an event, ID is the last event ID, with + behind it when its block
 * had an id of its own; {TEXT} a comment; @N a retry of N ms; ! too large; $ID the last event ID at
 * the end, nothing when there is none; <TEXT> a line that is no field, or the start of one over the
 * limit. LF is written \n; other bytes that do not print in ASCII,
 * and the characters of the notation itself, \xNN.
 */
#ifndef CICADA_TESTS_SSE_TRANSCRIPT_H
#define CICADA_TESTS_SSE_TRANSCRIPT_H

#include "base/buf.h"
#include "base/rng.h"
#include "sse/parser.h"

#include <stddef.h>
#include <stdint.h>

/* A parser that writes down what it says. */
struct sse_recorder {
    struct sse_shared *shared;
    struct sse_parser parser;
    struct buf text;
    size_t event_count;
    size_t stop_after; /* stops the parser in the handler of this event; 0: never */
};

void sse_recorder_init(struct sse_recorder *recorder, size_t limit_bytes);
void sse_recorder_fini(struct sse_recorder *recorder);
/* Feeds a copy of exactly `len` bytes, so that a sanitizer sees a read past the slice. */
enum sse_status sse_recorder_feed(struct sse_recorder *recorder, const uint8_t *bytes, size_t len);
/* Adds ! when the parse ended as too large, then $ID. Borrowed until _fini. */
const char *sse_recorder_finish(struct sse_recorder *recorder, enum sse_status status);

/*
 * Each gives the transcript of one way to cut `bytes`, as text that the caller frees: slices of
 * `slice_bytes`, or of random lengths, mostly short.
 */
char *sse_transcript_sliced(const uint8_t *bytes, size_t len, size_t limit_bytes,
                            size_t slice_bytes);
char *sse_transcript_cut(const uint8_t *bytes, size_t len, size_t limit_bytes, struct rng *rng);
/*
 * The transcript by a second implementation, written along the standard a byte at a time and
 * without any limit: what the parser has to agree with.
 */
char *sse_transcript_reference(const uint8_t *bytes, size_t len);

#endif

/*
 * load/tokens.h - what a stream in the form of OpenAI's chat completions says, and when: the first
 * text, the time between texts, how many tokens there were.
 *
 * A chunk is one event: {"choices": [{"delta": {"content": TEXT}}], "usage": {"completion_tokens":
 * N}} or {"error": {"message": TEXT}}, each part of it optional. Text is what stands in `content`
 * of the chunk's first choice and is not empty: neither the role at the start nor a model's
 * reasoning nor calls of tools.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_LOAD_TOKENS_H
#define CICADA_LOAD_TOKENS_H

#include "load/stream_stats.h"
#include "sse/parser.h"

#include <stdbool.h>
#include <stdint.h>

struct plan;

enum { TOKENS_MESSAGE_BYTES = 128 };

/* One event, read. */
struct tokens_chunk {
    bool has_text;        /* delta.content is not empty */
    bool has_usage;       /* usage.completion_tokens is a whole number below 2^32 */
    bool has_error;       /* a top-level "error" other than null, or the event's name is "error" */
    uint32_t token_count; /* of usage */
    char message[TOKENS_MESSAGE_BYTES]; /* of the error: cut, without control characters */
};

struct tokens;        /* what all streams of a worker share */
struct tokens_stream; /* one stream's, pooled, from its first text or usage to its end */

/* For a plan whose profile has tokens; NULL for others. `plan` is borrowed for the life of the
 * result, which the caller owns. */
struct tokens *tokens_new(const struct plan *plan);
/* After the last stream has ended. NULL does nothing. */
void tokens_free(struct tokens *tokens);

/* Pure: the same event always gives the same chunk. Allocates for errors alone. */
void tokens_read(const struct tokens *tokens, const struct sse_event *event,
                 struct tokens_chunk *chunk);

/*
 * An event of an open stream, recorded at `place`, whose `tokens` is set. What the service says
 * went wrong, as a sentence that is borrowed until the next event; NULL: nothing.
 */
const char *tokens_event(const struct stat_place *place, struct stream_record *record,
                         const struct sse_event *event, uint64_t now_ns);
/* The stream has ended: its tokens are counted, its speed is recorded if the end mark had come. */
void tokens_end(const struct stat_place *place, struct stream_record *record);
/* The same without a record of it. */
void tokens_drop(const struct stat_place *place, struct stream_record *record);

#endif

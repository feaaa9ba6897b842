/*
 * demo/chat.h - chat completions in OpenAI's form, with set times: answers of a model that has
 * nothing to say, to measure with what is known of them.
 *
 * Piece k of the text (k from 0) leaves at T + ttft + k * interval, where T is when the request was
 * read: no piece waits for the one before it, so nothing drifts. It leaves at the full millisecond
 * of the clock that is nearest to its time.
 */
#ifndef CICADA_DEMO_CHAT_H
#define CICADA_DEMO_CHAT_H

#include "demo/counters.h"
#include "demo/event.h"
#include "http/server.h"

#include <stdint.h>

struct loop;
struct chats;

enum { CHAT_TOKENS_MAX = 100000 };

struct chat_config {
    uint64_t ttft_ns;         /* from the request to the first piece of text */
    uint64_t interval_ns;     /* between two pieces */
    uint32_t token_count;     /* pieces of an answer, at most CHAT_TOKENS_MAX */
    struct event_clock clock; /* for "created" */
};

/* `loop`, `config` and `own` are borrowed; ids of answers count up from
 * `first_serial`. The caller owns the result. */
struct chats *chats_new(struct loop *loop, const struct chat_config *config, struct counters *own,
                        uint64_t first_serial);
/* After the server's end. */
void chats_free(struct chats *chats);
/*
 * Answers a POST whose body asks for a completion: as a stream, or whole after all its time. The
 * query may say ttft, interval and tokens, and fail_after=N or cut_after=N: after N pieces the
 * stream goes on with an error, or the connection is cut.
 */
void chats_answer(struct chats *chats, struct http_request *request, uint64_t now_ns);

#endif

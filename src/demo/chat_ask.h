/*
 * demo/chat_ask.h - what a request for a chat completion asks for, and how it is refused.
 */
#ifndef CICADA_DEMO_CHAT_ASK_H
#define CICADA_DEMO_CHAT_ASK_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct http_request;

enum chat_fault { CHAT_FAULT_NONE = 0, CHAT_FAULT_ERROR, CHAT_FAULT_CUT };

struct chat_ask {
    char *model; /* owned */
    uint64_t ttft_ns, interval_ns;
    uint32_t token_count;
    uint32_t prompt_count; /* words of all messages */
    uint32_t fault_after;  /* pieces before the fault */
    enum chat_fault fault;
    bool is_stream, wants_usage;
    bool is_shortened; /* token_count is the request's limit, not the whole answer */
};

/* Both texts are borrowed for ever. */
struct chat_refusal {
    const char *parameter; /* NULL: none */
    const char *message;
};

/* Times and count of `ask` are what holds where the query says nothing. -1: refused. chat_ask_fini
 * in either case. */
int chat_ask_read(struct chat_ask *ask, const struct http_request *request,
                  struct chat_refusal *refusal);
void chat_ask_fini(struct chat_ask *ask);

enum chat_error { CHAT_ERROR_NONE = 0, CHAT_ERROR_REQUEST, CHAT_ERROR_SERVER };
/* {"error": {"message", "type", "param", "code"}}; `parameter` may be NULL. */
void chat_ask_append_error(struct buf *out, enum chat_error kind, const char *parameter,
                           const char *message);

#endif

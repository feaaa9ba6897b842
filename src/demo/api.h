/*
 * demo/api.h - the endpoints of one process of the demo service.
 */
#ifndef CICADA_DEMO_API_H
#define CICADA_DEMO_API_H

#include "demo/chat.h"
#include "demo/counters.h"
#include "demo/feed.h"
#include "demo/token.h"
#include "http/server.h"

#include <stdint.h>

struct loop;
struct api;

/* The same in all processes, made before the fork. */
struct api_config {
    struct feeds_config feeds;
    struct chat_config chat;
    struct token_key key;
    uint64_t interval_ns;
    uint32_t token_ttl_s;
    const char *control_token; /* borrowed; NULL: /control is for this machine alone */
    struct counters *counters; /* borrowed: one a process */
    uint32_t process_count;
};

/* For http_server_new, with the api as its `ctx`. */
extern const struct http_server_handlers api_handlers;

/* `loop` and `config` are borrowed; `process` is the index of the slot to count in. */
struct api *api_new(struct loop *loop, const struct api_config *config, uint32_t process);
/* After the server's end. */
void api_free(struct api *api);

#endif

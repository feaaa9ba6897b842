/*
 * demo/delay.h - requests whose answer waits for its time.
 */
#ifndef CICADA_DEMO_DELAY_H
#define CICADA_DEMO_DELAY_H

#include <stdint.h>

struct delays;
struct http_request;
struct loop;

/* Answers the request. */
typedef void (*delay_fn)(void *ctx, struct http_request *request, uint64_t now_ns);

/* `loop` is borrowed. The caller owns the result. */
struct delays *delays_new(struct loop *loop);
/* After the server's end; nothing is answered. */
void delays_free(struct delays *delays);
/*
 * Calls `on_due` at `due_ns`, unless the peer is gone by then. The request's user pointer is a
 * struct pending until that call. `ctx` is borrowed.
 */
void delays_add(struct delays *delays, struct http_request *request, uint64_t due_ns,
                delay_fn on_due, void *ctx);

#endif

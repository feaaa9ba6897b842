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
/* The request cannot be answered any more. */
typedef void (*delay_end_fn)(void *ctx);

/* `loop` is borrowed. The caller owns the result. */
struct delays *delays_new(struct loop *loop);
/* After the server's end; nothing is answered, all are given up. */
void delays_free(struct delays *delays);
/*
 * Calls `on_due` at `due_ns`, unless the peer is gone by then: `on_end`, which may be NULL, is
 * called instead. The request's user pointer is a struct pending until that call. `ctx` is borrowed
 * until one of the two.
 */
void delays_add(struct delays *delays, struct http_request *request, uint64_t due_ns,
                delay_fn on_due, delay_end_fn on_end, void *ctx);

#endif

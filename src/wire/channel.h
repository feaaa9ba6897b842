/*
 * wire/channel.h - frames over a non-blocking stream socket on a loop, partial writes buffered.
 */
#ifndef CICADA_WIRE_CHANNEL_H
#define CICADA_WIRE_CHANNEL_H

#include "base/buf.h"
#include "wire/frame.h"

#include <stdbool.h>

struct loop;
struct channel;

enum {
    CHANNEL_LIMIT_BYTES = 64 * 1024 * 1024,    /* queued, of what scripts send and log */
    CHANNEL_OWN_LIMIT_BYTES = 96 * 1024 * 1024 /* the same for messages of our own runners */
};

/* No handler may free the channel: mark it, and free it at the end of the turn. */
struct channel_handlers {
    /* The frame is borrowed until the handler returns. */
    void (*on_frame)(void *ctx, const struct frame *frame);
    /*
     * The other end is gone, or sent what is no frame (`reason` says which, borrowed). Called once,
     * last, from the loop, and only after everything that had arrived was handed on.
     */
    void (*on_closed)(void *ctx, const char *reason);
    /*
     * All that was queued has been handed to the kernel: from the loop, or within channel_flush
     * when it could do so at once. May be NULL.
     */
    void (*on_drained)(void *ctx);
};

/*
 * Takes over `fd`, a connected stream socket (made non-blocking, and closed in programs that this
 * process becomes or starts), and closes it at the end. The others are borrowed, `handlers` too.
 */
struct channel *channel_new(struct loop *loop, int fd, const struct channel_handlers *handlers,
                            void *ctx);
/* What is still queued is dropped. */
void channel_free(struct channel *channel);
/*
 * The other end is gone, as is known from elsewhere while a copy of its socket may still be open:
 * hands on what has arrived and closes, on_closed included. Not from a handler.
 */
void channel_end(struct channel *channel, const char *reason);
/* It closed because of what came, and not because the other end is gone. */
bool channel_is_unsound(const struct channel *channel);
/* The buffer to append frames to with frame_put_*; then channel_flush. */
struct buf *channel_out(struct channel *channel);
/* Writes what the kernel takes now, the rest when it can. Once closed: drops what was queued. */
void channel_flush(struct channel *channel);
/*
 * May `bytes` more be queued, so that no more than `limit_bytes` wait? If not, they are counted as
 * one thing dropped. Figures and orders, which are few, do not ask.
 */
bool channel_has_room(struct channel *channel, size_t bytes, size_t limit_bytes);
uint64_t channel_dropped(const struct channel *channel);
/* Bytes still queued: a tick waits while this is not 0. */
size_t channel_queued_bytes(const struct channel *channel);

#endif

#include "wire/channel.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 * 1024,
    KEPT_BYTES = 1024 * 1024 /* an empty buffer larger than this is given back */
};

struct channel {
    struct loop *loop; /* borrowed */
    struct watch watch;
    int fd; /* -1 once closed */
    const struct channel_handlers *handlers;
    void *ctx;
    struct buf in;
    struct buf out;
    uint64_t dropped;
    size_t sent; /* bytes of `out` that the kernel has */
    bool is_flushing;
    bool is_write_broken; /* what is queued goes nowhere; the reading side will see the end */
    bool is_in_handler;
    bool is_unsound; /* what came is no frame */
};

static void release_when_large(struct buf *buf)
{
    buf_clear(buf);
    if (buf->cap > KEPT_BYTES)
        buf_fini(buf);
}

/* Never called from channel_flush, so that a caller of that never finds its channel gone. */
static void close_channel(struct channel *channel, const char *reason)
{
    if (channel->fd < 0)
        return;
    loop_remove(channel->loop, &channel->watch);
    (void)close(channel->fd);
    channel->fd = -1;
    channel->sent = 0;
    release_when_large(&channel->out);
    channel->is_in_handler = true;
    channel->handlers->on_closed(channel->ctx, reason);
    channel->is_in_handler = false;
}

/*
 * The other end cannot be written to. What it sent before is still to be read, so the channel
 * closes when reading comes to the end, which the shutdown makes sure of.
 */
static void break_writing(struct channel *channel)
{
    channel->is_write_broken = true;
    channel->sent = 0;
    release_when_large(&channel->out);
    (void)shutdown(channel->fd, SHUT_RDWR);
}

/* Hands `out` to the kernel until it takes no more. */
static void write_queued(struct channel *channel)
{
    while (channel->sent < channel->out.len) {
        ssize_t count = send(channel->fd, channel->out.bytes + channel->sent,
                             channel->out.len - channel->sent, MSG_NOSIGNAL);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (count < 0) {
            break_writing(channel);
            return;
        }
        channel->sent += (size_t)count;
    }
    if (channel->sent == channel->out.len) {
        channel->sent = 0;
        release_when_large(&channel->out);
    } else if (channel->sent > READ_BYTES && channel->sent > channel->out.len / 2) {
        buf_drop(&channel->out, channel->sent);
        channel->sent = 0;
    }
}

static void watch_what_is_needed(struct channel *channel)
{
    unsigned interest = LOOP_READABLE;

    if (channel_queued_bytes(channel) > 0)
        interest |= LOOP_WRITABLE;
    if (interest == channel->watch.interest && !channel->is_write_broken)
        return;
    if (loop_change(channel->loop, &channel->watch, interest) < 0)
        break_writing(channel);
}

/* Hands on every whole frame in `in`. False when the bytes are no frames; `err` says why. */
static bool hand_on_frames(struct channel *channel, struct err *err)
{
    size_t at = 0;

    while (channel->in.len - at >= FRAME_HEAD_BYTES) {
        const uint8_t *head = channel->in.bytes + at;
        size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
        struct frame frame;

        if (len > FRAME_LIMIT_BYTES) {
            err_set(err, ERR_LIMIT, "a frame of %zu bytes is over the limit of %d", len,
                    (int)FRAME_LIMIT_BYTES);
            return false;
        }
        if (channel->in.len - at - FRAME_HEAD_BYTES < len)
            break;
        if (frame_open(head + FRAME_HEAD_BYTES, len, &frame, err) < 0)
            return false;
        channel->is_in_handler = true;
        channel->handlers->on_frame(channel->ctx, &frame);
        channel->is_in_handler = false;
        at += FRAME_HEAD_BYTES + len;
    }
    if (at == channel->in.len)
        release_when_large(&channel->in);
    else if (at > 0)
        buf_drop(&channel->in, at);
    return true;
}

/* Reads until there is no more, so that the end is seen in the same turn as what came before it. */
static void read_frames(struct channel *channel)
{
    for (;;) {
        uint8_t *room = buf_reserve(&channel->in, READ_BYTES);
        ssize_t count = recv(channel->fd, room, READ_BYTES, 0);
        struct err err;

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (count < 0) {
            close_channel(channel, strerror(errno));
            return;
        }
        if (count == 0) {
            close_channel(channel, channel->in.len > 0 ? "the other end closed inside a frame"
                                                       : "the other end closed");
            return;
        }
        buf_grew(&channel->in, (size_t)count);
        if (!hand_on_frames(channel, &err)) {
            channel->is_unsound = true;
            close_channel(channel, err.text);
            return;
        }
    }
}

static void on_ready(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct channel *channel = CONTAINER_OF(watch, struct channel, watch);

    (void)now_ns;
    if (ready & LOOP_WRITABLE)
        channel_flush(channel);
    if (ready & (LOOP_READABLE | LOOP_HANGUP))
        read_frames(channel);
}

struct channel *channel_new(struct loop *loop, int fd, const struct channel_handlers *handlers,
                            void *ctx)
{
    struct channel *channel = x_calloc(1, sizeof *channel);
    int flags = fcntl(fd, F_GETFL);

    channel->loop = loop;
    channel->fd = fd;
    channel->handlers = handlers;
    channel->ctx = ctx;
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* programs that a worker starts do not hold it open */
    if (loop_add(loop, &channel->watch, fd, LOOP_READABLE, on_ready) < 0) {
        log_error("cannot watch a channel: %s", strerror(errno));
        abort();
    }
    return channel;
}

void channel_free(struct channel *channel)
{
    if (!channel)
        return;
    assert(!channel->is_in_handler && !channel->is_flushing);
    if (channel->fd >= 0) {
        loop_remove(channel->loop, &channel->watch);
        (void)close(channel->fd);
    }
    buf_fini(&channel->in);
    buf_fini(&channel->out);
    free(channel);
}

void channel_end(struct channel *channel, const char *reason)
{
    if (channel->fd >= 0)
        read_frames(channel);
    close_channel(channel, reason);
}

bool channel_is_unsound(const struct channel *channel)
{
    return channel->is_unsound;
}

struct buf *channel_out(struct channel *channel)
{
    return &channel->out;
}

void channel_flush(struct channel *channel)
{
    if (channel->fd < 0 || channel->is_write_broken) {
        buf_clear(&channel->out);
        return;
    }
    if (channel->is_flushing)
        return; /* on_drained has queued more: the loop below sees it */
    channel->is_flushing = true;
    while (channel_queued_bytes(channel) > 0 && !channel->is_write_broken) {
        write_queued(channel);
        if (channel_queued_bytes(channel) > 0)
            break;
        if (!channel->is_write_broken && channel->handlers->on_drained)
            channel->handlers->on_drained(channel->ctx);
    }
    watch_what_is_needed(channel);
    channel->is_flushing = false;
}

bool channel_has_room(struct channel *channel, size_t bytes, size_t limit_bytes)
{
    size_t queued = channel_queued_bytes(channel);

    if (queued <= limit_bytes && bytes <= limit_bytes - queued)
        return true;
    channel->dropped++;
    return false;
}

uint64_t channel_dropped(const struct channel *channel)
{
    return channel->dropped;
}

size_t channel_queued_bytes(const struct channel *channel)
{
    return channel->out.len - channel->sent;
}

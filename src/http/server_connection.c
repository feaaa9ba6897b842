#include "http/server_connection.h"

#include "base/clock.h"
#include "base/mem.h"
#include "http/h1_server.h"
#include "http/reply.h"
#include "net/tcp.h"
#include "net/tls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    READS_A_TURN = 16,
    FLUSH_BYTES = 64 * 1024, /* answers to pipelined requests are joined up to this */
    DISCARD_LIMIT_BYTES = 16 * 1024 * 1024
};

static const uint64_t READ_TIMEOUT_NS = 75000000000; /* for a request, or between two */
static const uint64_t LINGER_NS = 2000000000;        /* for a refused peer to read the answer */

#define TO(state) (1u << (CONNECTION_##state))
static const uint8_t legal_next[CONNECTION_STATE_COUNT] = {
    [CONNECTION_READING] = TO(ASKED) | TO(CLOSING) | TO(DEAD),
    [CONNECTION_ASKED] = TO(READING) | TO(STREAMING) | TO(CLOSING) | TO(DEAD),
    [CONNECTION_STREAMING] = TO(READING) | TO(CLOSING) | TO(DEAD),
    [CONNECTION_CLOSING] = TO(LINGERING) | TO(DEAD),
    [CONNECTION_LINGERING] = TO(DEAD),
    [CONNECTION_DEAD] = 0,
};
#undef TO

static void enter(struct http_request *request, enum connection_state state)
{
    assert(legal_next[request->state] & (1u << state));
    request->state = (uint8_t)state;
}

static void release_parsed(struct http_request *request)
{
    struct http_server *server = request->server;

    if (request->parsed && !server->spare) {
        h1_request_reset(request->parsed);
        server->spare = request->parsed;
    } else {
        h1_request_free(request->parsed);
    }
    request->parsed = NULL;
}

static void drop_early(struct http_request *request)
{
    if (request->early)
        buf_fini(request->early);
    free(request->early);
    request->early = NULL;
}

void server_connection_release(struct http_request *request)
{
    struct http_server *server = request->server;

    loop_cancel_timer(server->loop, &request->timer);
    loop_remove(server->loop, &request->watch);
    transport_close(&request->transport, false);
    release_parsed(request);
    drop_early(request);
    buf_fini(&request->backlog);
    list_remove(&request->node);
    pool_give(server->pool, request);
}

/* Handlers hear of the end here and never inside a call of theirs, so that they may walk lists. */
static void on_reap(struct timer *timer, uint64_t now_ns)
{
    struct http_server *server = CONTAINER_OF(timer, struct http_server, reaper);

    (void)now_ns;
    while (!list_empty(&server->dead)) {
        struct http_request *request = CONTAINER_OF(server->dead.next, struct http_request, node);

        if (request->has_request)
            server->handlers.on_gone(server->ctx, request);
        server_connection_release(request);
    }
}

void server_connection_die(struct http_request *request, bool with_reset)
{
    struct http_server *server = request->server;

    if (request->state == CONNECTION_DEAD)
        return;
    enter(request, CONNECTION_DEAD);
    loop_cancel_timer(server->loop, &request->timer);
    loop_remove(server->loop, &request->watch);
    transport_close(&request->transport, with_reset);
    buf_fini(&request->backlog);
    list_remove(&request->node);
    list_append(&server->dead, &request->node);
    loop_set_timer(server->loop, &server->reaper, loop_now_ns(server->loop), on_reap);
}

static void on_timeout(struct timer *timer, uint64_t now_ns)
{
    struct http_request *request = CONTAINER_OF(timer, struct http_request, timer);

    (void)now_ns;
    server_connection_die(request, false); /* a reset would take the rest of an answer along */
}

static void set_deadline(struct http_request *request, uint64_t span_ns)
{
    struct loop *loop = request->server->loop;

    loop_set_timer(loop, &request->timer, clock_add_ns(loop_now_ns(loop), span_ns), on_timeout);
}

/* Everything has left. A close now, with bytes unread, would cut the answer by a reset. */
static void linger(struct http_request *request)
{
    if (request->peer_is_done) {
        server_connection_die(request, false);
        return;
    }
    enter(request, CONNECTION_LINGERING);
    transport_end_write(&request->transport);
    set_deadline(request, LINGER_NS);
}

static void flush(struct http_request *request)
{
    while (request->backlog.len > 0) {
        struct iovec part = {request->backlog.bytes, request->backlog.len};
        size_t len = 0;
        enum io_status status = transport_write(&request->transport, &part, 1, &len);

        if (status == IO_CLOSED || status == IO_FAILED) {
            server_connection_die(request, false);
            return;
        }
        request->is_blocked = status != IO_OK;
        if (request->is_blocked)
            return;
        buf_drop(&request->backlog, len);
    }
    request->is_blocked = false;
    buf_fini(&request->backlog);
    if (request->state == CONNECTION_CLOSING)
        linger(request);
}

static void refuse(struct http_request *request, int status)
{
    reply_append_head(&request->backlog, &(struct reply_head){
                                             .status = status,
                                             .content_type = "text/plain; charset=utf-8",
                                             .body = REPLY_BODY_KNOWN,
                                             .body_bytes = strlen(reply_phrase(status)) + 1,
                                             .closes = true,
                                         });
    (void)buf_appendf(&request->backlog, "%s\n", reply_phrase(status));
    release_parsed(request);
    drop_early(request);
    enter(request, CONNECTION_CLOSING);
}

static void hand_over(struct http_request *request, uint64_t now_ns)
{
    struct http_server *server = request->server;

    enter(request, CONNECTION_ASKED);
    loop_cancel_timer(server->loop, &request->timer);
    request->has_request = true;
    request->keeps_alive = h1_request_keeps_alive(request->parsed);
    request->is_http10 = h1_request_head(request->parsed)->http_minor == 0;
    request->is_head = strcmp(h1_request_method(request->parsed), "HEAD") == 0;
    request->user = NULL;
    server->handlers.on_request(server->ctx, request, now_ns);
}

static void take_parsed(struct http_request *request)
{
    struct http_server *server = request->server;

    if (request->parsed)
        return;
    request->parsed = server->spare ? server->spare : h1_request_new();
    server->spare = NULL;
}

/* Bytes that came too soon. One read at most: nothing is read while some are kept. */
static void keep_early(struct http_request *request, const uint8_t *bytes, size_t len)
{
    if (!request->early)
        request->early = x_calloc(1, sizeof *request->early);
    (void)buf_append(request->early, bytes, len);
}

static void feed(struct http_request *request, const uint8_t *bytes, size_t len, uint64_t now_ns)
{
    while (len > 0 && request->state == CONNECTION_READING) {
        enum h1_request_status status;
        size_t used;

        if (request->backlog.len > FLUSH_BYTES)
            flush(request);
        if (request->is_blocked || request->state != CONNECTION_READING)
            break;
        take_parsed(request);
        status = h1_request_feed(request->parsed, bytes, len, &used);
        bytes += used;
        len -= used;
        if (status == H1_REQUEST_DONE)
            hand_over(request, now_ns);
        else if (status == H1_REQUEST_BAD)
            refuse(request, h1_request_refusal(request->parsed));
        else if (h1_request_take_expectation(request->parsed))
            (void)buf_append_text(&request->backlog, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    if (len > 0 && (request->state == CONNECTION_READING || request->has_request))
        keep_early(request, bytes, len);
}

static void feed_early(struct http_request *request, uint64_t now_ns)
{
    struct buf *early = request->early;

    request->early = NULL;
    feed(request, early->bytes, early->len, now_ns);
    buf_fini(early);
    free(early);
}

/* The peer has shut its side. An open stream ends with it; a whole answer is still owed. */
static void on_peer_done(struct http_request *request)
{
    request->peer_is_done = true;
    switch ((enum connection_state)request->state) {
    case CONNECTION_READING:
        if (!request->parsed || !h1_request_has_begun(request->parsed)) {
            enter(request, CONNECTION_CLOSING);
            break;
        }
        refuse(request, 400);
        break;
    case CONNECTION_STREAMING:
    case CONNECTION_LINGERING:
        server_connection_die(request, false);
        break;
    case CONNECTION_ASKED:
    case CONNECTION_CLOSING:
    case CONNECTION_DEAD:
    case CONNECTION_STATE_COUNT:
        break;
    }
}

static void take_bytes(struct http_request *request, const uint8_t *bytes, size_t len,
                       uint64_t now_ns)
{
    if (request->state == CONNECTION_LINGERING || request->state == CONNECTION_CLOSING) {
        request->discarded_bytes += (uint32_t)len;
        if (request->discarded_bytes > DISCARD_LIMIT_BYTES)
            server_connection_die(request, true);
        return;
    }
    feed(request, bytes, len, now_ns);
}

/* True when the socket holds nothing more; false when the turn's share is used up. */
static bool read_turn(struct http_request *request)
{
    struct loop *loop = request->server->loop;
    uint8_t *bytes = loop_shared_buffer(loop);

    for (int i = 0; i < READS_A_TURN; i++) {
        size_t len = 0;
        enum io_status status;

        if (request->state == CONNECTION_DEAD || request->early || request->peer_is_done)
            return true;
        status = transport_read(&request->transport, bytes, LOOP_SHARED_BUFFER_BYTES, &len);
        request->wants_write_to_read = status == IO_WANT_WRITE;
        if (status == IO_WANT_READ || status == IO_WANT_WRITE)
            return true;
        if (status == IO_FAILED) {
            server_connection_die(request, false);
            return true;
        }
        if (status == IO_CLOSED)
            on_peer_done(request);
        else
            take_bytes(request, bytes, len, loop_refresh_ns(loop));
    }
    return false;
}

/* Goes on until the connection waits for the peer, the socket or a handler. */
static void drive(struct http_request *request, bool is_readable)
{
    struct loop *loop = request->server->loop;
    bool is_drained = true;

    request->is_driving = true;
    if (is_readable)
        is_drained = read_turn(request);
    while (request->early && request->state == CONNECTION_READING && !request->is_blocked) {
        feed_early(request, loop_now_ns(loop));
        if (!request->early)
            is_drained = read_turn(request);
        if (request->state != CONNECTION_DEAD && request->backlog.len > 0)
            flush(request);
    }
    request->is_driving = false;
    if (request->state != CONNECTION_DEAD && !request->is_blocked &&
        (request->backlog.len > 0 || request->state == CONNECTION_CLOSING))
        flush(request);
    if (request->state != CONNECTION_DEAD && !is_drained)
        (void)loop_change(loop, &request->watch, request->watch.interest);
}

static void on_ready(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct http_request *request = CONTAINER_OF(watch, struct http_request, watch);

    (void)now_ns;
    if (ready & LOOP_WRITABLE && request->is_blocked) {
        request->is_blocked = false;
        flush(request);
        if (request->state == CONNECTION_DEAD)
            return;
    }
    drive(request, (ready & (LOOP_READABLE | LOOP_HANGUP)) != 0 || request->wants_write_to_read);
}

void server_connection_take(struct http_server *server, int fd)
{
    struct http_request *request = pool_take(server->pool);

    if (!request) {
        (void)close(fd);
        return;
    }
    request->server = server;
    if (!server->tls) {
        tcp_transport_init(&request->transport, fd);
    } else if (tls_transport_init_server(&request->transport, server->tls, fd) < 0) {
        pool_give(server->pool, request);
        return;
    }
    list_append(&server->connections, &request->node);
    if (loop_add(server->loop, &request->watch, fd, LOOP_READABLE | LOOP_WRITABLE, on_ready) < 0) {
        server_connection_release(request);
        return;
    }
    set_deadline(request, READ_TIMEOUT_NS);
}

/* What the socket did not take of `parts`. */
static void queue(struct http_request *request, const struct iovec *parts, int count, size_t taken)
{
    for (int i = 0; i < count; i++) {
        size_t skip = taken < parts[i].iov_len ? taken : parts[i].iov_len;

        taken -= skip;
        (void)buf_append(&request->backlog, (const uint8_t *)parts[i].iov_base + skip,
                         parts[i].iov_len - skip);
    }
}

void server_connection_send(struct http_request *request, const struct iovec *parts, int count)
{
    size_t total = 0, taken = 0;

    if (request->state == CONNECTION_DEAD)
        return;
    for (int i = 0; i < count; i++)
        total += parts[i].iov_len;
    if (request->state == CONNECTION_STREAMING &&
        request->backlog.len + total > HTTP_SERVER_BACKLOG_LIMIT_BYTES) {
        server_connection_die(request, true);
        return;
    }
    if (request->backlog.len == 0 && !request->is_driving && !request->is_blocked) {
        enum io_status status = transport_write(&request->transport, parts, count, &taken);

        if (status == IO_CLOSED || status == IO_FAILED) {
            server_connection_die(request, false);
            return;
        }
        request->is_blocked = status != IO_OK;
        if (taken == total)
            return;
    }
    queue(request, parts, count, taken);
    if (!request->is_driving && !request->is_blocked)
        flush(request);
}

void server_connection_begin_stream(struct http_request *request)
{
    enter(request, CONNECTION_STREAMING);
    release_parsed(request);
    if (!request->is_driving && !request->is_blocked)
        flush(request);
}

void server_connection_finish(struct http_request *request)
{
    bool goes_on = request->keeps_alive && (!request->peer_is_done || request->early);

    request->has_request = false;
    if (request->state == CONNECTION_DEAD)
        return;
    release_parsed(request);
    if (!goes_on)
        drop_early(request);
    enter(request, goes_on ? CONNECTION_READING : CONNECTION_CLOSING);
    set_deadline(request, READ_TIMEOUT_NS);
    if (!request->is_driving)
        drive(request, false);
}

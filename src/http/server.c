#include "http/server.h"

#include "base/clock.h"
#include "base/mem.h"
#include "http/form.h"
#include "http/h1_server.h"
#include "http/reply.h"
#include "http/server_connection.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECTION_LIMIT = 1000000, ACCEPTS_A_TURN = 256, CHUNK_SIZE_LINE_BYTES = 20 };

static const uint64_t ACCEPT_RETRY_NS = 100000000; /* after running out of descriptors */

static void on_accept_retry(struct timer *timer, uint64_t now_ns)
{
    struct http_server *server = CONTAINER_OF(timer, struct http_server, accept_retry);

    (void)now_ns;
    (void)loop_change(server->loop, &server->listener, LOOP_READABLE);
}

static void on_accept(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct http_server *server = CONTAINER_OF(watch, struct http_server, listener);

    (void)ready;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct address peer;
        int fd = tcp_accept(server->fd, &peer);

        if (fd >= 0) {
            server_connection_take(server, fd);
            continue;
        }
        /* Out of descriptors or memory: peers wait in the backlog until some are free again. */
        if (errno != EAGAIN)
            loop_set_timer(server->loop, &server->accept_retry,
                           clock_add_ns(now_ns, ACCEPT_RETRY_NS), on_accept_retry);
        return;
    }
    (void)loop_change(server->loop, &server->listener, LOOP_READABLE);
}

struct http_server *http_server_new(struct loop *loop, const struct address *address,
                                    bool with_reuse_port,
                                    const struct http_server_handlers *handlers, void *ctx,
                                    struct err *err)
{
    int fd = tcp_listen(address, with_reuse_port, err);
    struct http_server *server;

    if (fd < 0)
        return NULL;
    server = x_calloc(1, sizeof *server);
    server->loop = loop;
    server->handlers = *handlers;
    server->ctx = ctx;
    server->fd = fd;
    server->pool = pool_new(sizeof(struct http_request), CONNECTION_LIMIT);
    list_init(&server->connections);
    list_init(&server->dead);
    if (loop_add(loop, &server->listener, fd, LOOP_READABLE, on_accept) < 0) {
        err_set(err, ERR_SYSTEM, "cannot watch the listening socket: %s", strerror(errno));
        http_server_free(server);
        return NULL;
    }
    return server;
}

void http_server_use_tls(struct http_server *server, struct tls_context *tls)
{
    server->tls = tls;
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    loop_cancel_timer(server->loop, &server->reaper);
    loop_cancel_timer(server->loop, &server->accept_retry);
    loop_remove(server->loop, &server->listener);
    (void)close(server->fd);
    list_splice(&server->connections, &server->dead);
    while (!list_empty(&server->connections))
        server_connection_release(
            CONTAINER_OF(server->connections.next, struct http_request, node));
    h1_request_free(server->spare);
    pool_free(server->pool);
    free(server);
}

uint16_t http_server_port(const struct http_server *server)
{
    return tcp_local_port(server->fd);
}

size_t http_server_connection_count(const struct http_server *server)
{
    return pool_used(server->pool);
}

const char *http_request_method(const struct http_request *request)
{
    return h1_request_method(request->parsed);
}

const char *http_request_path(const struct http_request *request)
{
    return h1_request_path(request->parsed);
}

bool http_request_query(const struct http_request *request, const char *name, struct buf *out)
{
    const char *query = h1_request_query(request->parsed);

    return query && form_find(query, strlen(query), name, out);
}

const struct http_head *http_request_head(const struct http_request *request)
{
    return h1_request_head(request->parsed);
}

const uint8_t *http_request_body(const struct http_request *request, size_t *len)
{
    return h1_request_body(request->parsed, len);
}

bool http_request_is_from_loopback(const struct http_request *request)
{
    struct address peer;

    return tcp_peer_address(request->transport.fd, &peer) == 0 && address_is_loopback(&peer);
}

void http_request_set_user(struct http_request *request, void *user)
{
    request->user = user;
}

void *http_request_user(const struct http_request *request)
{
    return request->user;
}

static void send_head(struct http_request *request, const struct reply_head *head)
{
    struct buf text = {0};
    struct iovec part;

    reply_append_head(&text, head);
    part = (struct iovec){text.bytes, text.len};
    server_connection_send(request, &part, 1);
    buf_fini(&text);
}

void http_respond(struct http_request *request, int status, const char *headers,
                  const char *content_type, const void *body, size_t len)
{
    struct buf text = {0};
    struct iovec part;

    assert(request->has_request && request->state != CONNECTION_STREAMING);
    reply_append_head(
        &text, &(struct reply_head){
                   .status = status,
                   .headers = headers,
                   .content_type = content_type,
                   .body = status == 204 || status == 304 ? REPLY_BODY_NONE : REPLY_BODY_KNOWN,
                   .body_bytes = len,
                   .closes = !request->keeps_alive,
                   .says_keep_alive = request->is_http10,
               });
    if (!request->is_head && len > 0)
        (void)buf_append(&text, body, len);
    part = (struct iovec){text.bytes, text.len};
    server_connection_send(request, &part, 1);
    buf_fini(&text);
    server_connection_finish(request);
}

void http_begin_stream(struct http_request *request, int status, const char *headers,
                       const char *content_type)
{
    if (request->is_http10)
        request->keeps_alive = false;
    if (request->state == CONNECTION_DEAD)
        return;
    assert(request->state == CONNECTION_ASKED);
    send_head(request, &(struct reply_head){
                           .status = status,
                           .headers = headers,
                           .content_type = content_type,
                           .body = request->is_http10 ? REPLY_BODY_UNTIL_CLOSE : REPLY_BODY_CHUNKED,
                           .closes = !request->keeps_alive,
                       });
    if (request->state != CONNECTION_DEAD)
        server_connection_begin_stream(request);
}

void http_send(struct http_request *request, const void *bytes, size_t len)
{
    char size_line[CHUNK_SIZE_LINE_BYTES];
    char line_end[] = "\r\n";
    struct iovec parts[3];
    void *body;

    assert(request->has_request);
    if (len == 0 || request->is_head)
        return;                               /* a chunk of no bytes would be the last one */
    (void)memcpy(&body, &bytes, sizeof body); /* writev takes no const, and does not write */
    if (request->is_http10) {
        parts[0] = (struct iovec){body, len};
        server_connection_send(request, parts, 1);
        return;
    }
    parts[0] =
        (struct iovec){size_line, (size_t)snprintf(size_line, sizeof size_line, "%zx\r\n", len)};
    parts[1] = (struct iovec){body, len};
    parts[2] = (struct iovec){line_end, 2};
    server_connection_send(request, parts, 3);
}

void http_frame_chunk(struct buf *out, const void *bytes, size_t len, struct http_chunk *chunk)
{
    size_t start = out->len;

    assert(len > 0);
    (void)buf_appendf(out, "%zx\r\n", len);
    chunk->body_at = out->len - start;
    chunk->body_bytes = len;
    (void)buf_append(out, bytes, len);
    (void)buf_append(out, "\r\n", 2);
    chunk->framed = out->bytes + start;
    chunk->framed_bytes = out->len - start;
}

void http_send_chunk(struct http_request *request, const struct http_chunk *chunk)
{
    struct iovec part = {.iov_len = chunk->framed_bytes};

    assert(request->has_request);
    if (request->is_head)
        return;
    (void)memcpy(&part.iov_base, &chunk->framed, sizeof part.iov_base);
    if (request->is_http10) {
        part.iov_base = (uint8_t *)part.iov_base + chunk->body_at;
        part.iov_len = chunk->body_bytes;
    }
    server_connection_send(request, &part, 1);
}

void http_end_stream(struct http_request *request)
{
    char last[] = "0\r\n\r\n";
    struct iovec part = {last, sizeof last - 1};

    assert(request->has_request);
    if (!request->is_http10 && !request->is_head)
        server_connection_send(request, &part, 1);
    server_connection_finish(request);
}

void http_abort(struct http_request *request, bool with_reset)
{
    request->has_request = false;
    server_connection_die(request, with_reset);
}

/*
 * http/server.h - a small HTTP/1.1 server: requests in, whole responses or open streams out. For
 * the demo service and the dashboard. Bounded head, body and connection count; keep-alive;
 * pipelined requests are answered in turn.
 *
 * Runs on: one loop.
 */
#ifndef CICADA_HTTP_SERVER_H
#define CICADA_HTTP_SERVER_H

#include "base/err.h"
#include "http/head.h"
#include "net/tcp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct http_server;
struct tls_context;
struct http_request; /* one request and its answer; lives until it is answered or the peer is gone
                      */

enum { HTTP_SERVER_BODY_LIMIT_BYTES = 1024 * 1024, HTTP_SERVER_BACKLOG_LIMIT_BYTES = 1024 * 1024 };

struct http_server_handlers {
    /* A whole request has come. Answer now or later. */
    void (*on_request)(void *ctx, struct http_request *request, uint64_t now_ns);
    /* The peer of an unfinished answer is gone, or did not read HTTP_SERVER_BACKLOG_LIMIT_BYTES
     * that were queued for it: forget the request. Called from the loop, never inside one of the
     * calls below, and not after http_respond, http_end_stream or http_abort. */
    void (*on_gone)(void *ctx, struct http_request *request);
};

/* Listens at once. `loop`, `handlers`, `ctx` are borrowed. The caller owns the result. */
struct http_server *http_server_new(struct loop *loop, const struct address *address,
                                    bool with_reuse_port,
                                    const struct http_server_handlers *handlers, void *ctx,
                                    struct err *err);
/* From now on every new connection speaks TLS. `tls` is borrowed. */
void http_server_use_tls(struct http_server *server, struct tls_context *tls);
/* Closes every connection without calling on_gone. */
void http_server_free(struct http_server *server);
uint16_t http_server_port(const struct http_server *server);
size_t http_server_connection_count(const struct http_server *server);

/* --- a request: everything is borrowed until it is answered --- */
const char *http_request_method(const struct http_request *request); /* "GET" */
/* Path without query, percent-encoding kept; NUL-terminated. */
const char *http_request_path(const struct http_request *request);
/* The decoded value of a query parameter into `out`; false when absent. */
bool http_request_query(const struct http_request *request, const char *name, struct buf *out);
const struct http_head *http_request_head(const struct http_request *request);
const uint8_t *http_request_body(const struct http_request *request, size_t *len);
/* The peer is on this machine (a proxy on it counts as one that is). */
bool http_request_is_from_loopback(const struct http_request *request);
/* A place for the handler's own data about this request, NULL at first. */
void http_request_set_user(struct http_request *request, void *user);
void *http_request_user(const struct http_request *request);

/* --- the answer --- `headers` is "Name: value\r\n…" or "". */
/* A whole response; the request is gone afterwards. */
void http_respond(struct http_request *request, int status, const char *headers,
                  const char *content_type, const void *body, size_t len);
/* The head of a chunked response (close-delimited for HTTP/1.0) that stays open. */
void http_begin_stream(struct http_request *request, int status, const char *headers,
                       const char *content_type);
/*
 * Bytes of the open response as one chunk, written at once where the socket takes them, queued
 * else. Many streams can share one framed chunk: see http_frame_chunk.
 */
void http_send(struct http_request *request, const void *bytes, size_t len);
/* The same bytes with their chunk framing already around them; unframed for HTTP/1.0 peers. */
struct http_chunk {
    const uint8_t *framed;
    size_t framed_bytes;
    size_t body_at, body_bytes; /* where the bare bytes stand inside */
};
void http_frame_chunk(struct buf *out, const void *bytes, size_t len, struct http_chunk *chunk);
void http_send_chunk(struct http_request *request, const struct http_chunk *chunk);
/* The last chunk; the connection goes on. The request is gone afterwards. */
void http_end_stream(struct http_request *request);
/* Cuts the connection: by RST or by FIN, without the last chunk. The request is gone afterwards. */
void http_abort(struct http_request *request, bool with_reset);

#endif

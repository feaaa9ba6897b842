/*
 * http/server_connection.h - one connection of the server: reads requests, hands them over in turn,
 * keeps what the socket does not take, closes so that the peer gets the whole answer. Private to
 * the server's two files.
 */
#ifndef CICADA_HTTP_SERVER_CONNECTION_H
#define CICADA_HTTP_SERVER_CONNECTION_H

#include "base/buf.h"
#include "base/list.h"
#include "http/server.h"
#include "net/loop.h"
#include "net/timer.h"
#include "net/transport.h"

#include <stdbool.h>
#include <stdint.h>

struct h1_request;
struct pool;

enum connection_state {
    CONNECTION_READING = 0, /* waits for a request */
    CONNECTION_ASKED,       /* the handler has a request and owes the answer */
    CONNECTION_STREAMING,   /* the answer is open */
    CONNECTION_CLOSING,     /* no more requests; what is queued goes out first */
    CONNECTION_LINGERING,   /* our side is shut, the peer's bytes are thrown away */
    CONNECTION_DEAD,        /* closed; waits for the reaper */
    CONNECTION_STATE_COUNT
};

/* A connection, and the one request on it that is under way: what handlers hold is the connection.
 */
struct http_request {
    struct list node; /* of all connections, or of the dead */
    struct watch watch;
    struct transport transport;
    struct timer timer; /* reading and lingering have an end; streams and handlers have none */
    struct http_server *server;
    struct h1_request *parsed; /* owned; NULL between requests and while streaming */
    struct buf *early;         /* owned; bytes read behind a request that is still unanswered */
    void *user;
    struct buf backlog; /* answers not yet taken by the socket */
    uint32_t discarded_bytes;
    uint8_t state;
    bool has_request : 1; /* a handler holds it and hears of its end */
    bool keeps_alive : 1;
    bool is_http10 : 1;
    bool is_head : 1;
    bool is_driving : 1; /* our own code is above on the stack and goes on afterwards */
    bool is_blocked : 1; /* the socket takes nothing more for now */
    bool peer_is_done : 1;
    bool wants_write_to_read : 1;
};
_Static_assert(sizeof(struct http_request) <= 176, "exists once per open stream");

struct http_server {
    struct loop *loop; /* borrowed */
    struct http_server_handlers handlers;
    void *ctx; /* borrowed */
    struct pool *pool;
    struct list connections, dead;
    struct watch listener;
    struct timer reaper, accept_retry;
    struct h1_request *spare; /* owned; saves an allocation per connection */
    struct tls_context *tls;  /* borrowed; NULL: plain */
    int fd;
};

/* Owns `fd` from here; at the connection limit the peer is closed at once. */
void server_connection_take(struct http_server *server, int fd);
/* Frees it without a word to the handler. */
void server_connection_release(struct http_request *request);
/* Closes it now; the reaper tells the handler, when it still holds the request, and frees it. */
void server_connection_die(struct http_request *request, bool with_reset);
/*
 * Writes `parts` behind what is queued, or queues them: while requests are being read, so that
 * small pieces leave together, or where the socket takes no more.
 */
void server_connection_send(struct http_request *request, const struct iovec *parts, int count);
/* The head of an open answer is queued: what the request held is freed. */
void server_connection_begin_stream(struct http_request *request);
/* The answer is complete: on to the next request, or to the end. */
void server_connection_finish(struct http_request *request);

#endif

/*
 * http/client_connection.h - one connection of the client: sends a request, reads its response,
 * keeps the timeouts, tells the exchange. Private to the client's two files.
 */
#ifndef CICADA_HTTP_CLIENT_CONNECTION_H
#define CICADA_HTTP_CLIENT_CONNECTION_H

#include "base/buf.h"
#include "http/client.h"
#include "http/h1_client.h"
#include "net/timer.h"
#include "net/transport.h"

#include <stdbool.h>
#include <stdint.h>

enum { CLIENT_SPARE_HEADS = 32 };

struct pool;

struct http_client {
    struct http_client_config config;
    struct pool *conns;
    struct pool *heads;                                /* one a response whose head is awaited */
    struct http_head *spare_heads[CLIENT_SPARE_HEADS]; /* kept with their memory for the next */
    size_t spare_count;
    struct buf request; /* scratch: the request being written */
    uint64_t hash_seed;
};

/* What of a request has not left yet. */
struct http_outgoing {
    struct buf bytes;
    const struct http_body *body; /* borrowed; goes out behind `bytes`; NULL: none */
    uint64_t offset;              /* read of it so far */
    uint64_t moved_ns;            /* when the socket last took some */
};

/* A connection: being made, in an exchange, or idle in a session. */
struct http_conn {
    struct watch watch;
    struct transport transport;
    struct timer timer; /* headers timeout, then read timeout */
    struct http_client *client;
    struct http_exchange *exchange; /* borrowed; NULL when idle */
    struct http_session *session;   /* borrowed; NULL: not to be kept */
    union {
        struct dial *dial;           /* while being made */
        struct http_outgoing *out;   /* in an exchange: owned; NULL when nothing is left to send */
        struct http_conn *next_idle; /* while idle */
    } now;
    uint64_t last_read_ns;
    struct h1_response response;
    uint64_t origin_hash : 56;
    bool is_made : 1;   /* connected */
    bool is_busy : 1;   /* inside a handler of its own: free it afterwards */
    bool is_closed : 1; /* to be freed */
    bool was_used : 1;  /* has served an exchange before */
    bool wants_write_to_read : 1;
    bool is_paused : 1;     /* the owner wants no more for now */
    bool must_read : 1;     /* the transport holds more, of which no readiness tells */
    bool has_lost_peer : 1; /* a write failed: only what came before it is still read */
};

_Static_assert(sizeof(struct http_conn) <= 272, "exists once a stream");

/* Writes the exchange's request and awaits the head. The exchange may have ended afterwards. */
void client_connection_send(struct http_conn *conn, uint64_t now_ns);
/* For loop_add: what a connection that stands does when it is ready. */
void client_connection_on_ready(struct watch *watch, unsigned ready, uint64_t now_ns);
/* Reports what is there already, as a new edge. The exchange may have ended afterwards. */
void client_connection_rearm(struct http_conn *conn);
/* Ends it; its memory goes now, or when its own handler is done. */
void client_connection_close(struct http_conn *conn, bool with_reset);

/* --- in client.c, for the connection --- */
/* Gives the exchange a new connection of its own. */
void client_dial(struct http_client *client, struct http_exchange *exchange,
                 struct http_session *session, uint64_t now_ns);
/* Keeps the connection in its session. */
void client_keep(struct http_conn *conn);
/* It leaves its session. */
void client_forget(struct http_conn *conn);

#endif

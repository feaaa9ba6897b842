/*
 * http/client.h - requests out, responses in, for one worker: connections made and used again,
 * timeouts, every failure as a class.
 *
 * An exchange is one request and its response. Its owner embeds it and is told of the head, of each
 * run of body bytes as it is read, and of the end, exactly once. Protocols are a table of functions
 * behind the connection; HTTP/1.1 is the one there is.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_HTTP_CLIENT_H
#define CICADA_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/error_class.h"
#include "http/head.h"
#include "http/session.h"
#include "net/dialer.h"
#include "net/loop.h"
#include "net/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address;
struct http_body;
struct http_client;
struct http_exchange;

struct http_client_config {
    struct loop *loop;           /* borrowed, as all here */
    struct dialer *dialer;       /* has the connect timeout */
    uint64_t headers_timeout_ns; /* request sent to head complete; CLOCK_NEVER_NS: none */
    uint64_t read_timeout_ns;    /* longest silence of a body; CLOCK_NEVER_NS: none */
    uint32_t receive_bytes;      /* of each connection's receive buffer; 0: the system's choice */
    bool is_sharing; /* others wait for their turn: one read of TRANSPORT_READ_MIN_BYTES each */
};

struct http_client *http_client_new(const struct http_client_config *config);
/* After every exchange has ended or been cancelled and every session is closed. */
void http_client_free(struct http_client *client);

/* Where a request goes; borrowed until the exchange has ended. */
struct http_origin {
    const char *host;
    uint16_t port;
    bool is_tls;
};

/* Its texts are those of `url`. */
static inline struct http_origin http_origin_of(const struct url *url)
{
    return (struct http_origin){
        .host = url->host, .port = url->port, .is_tls = url->scheme == URL_SCHEME_HTTPS};
}

struct http_end {
    enum error_class error_class; /* CLASS_NONE: the response is whole */
    const char *message;          /* borrowed until the handler returns; never NULL */
    bool has_head;                /* on_head had run */
};

/* One table for all exchanges of a kind. on_head and on_body may cancel their exchange and start it
 * anew, on_end may start it anew. */
struct http_exchange_handlers {
    /* A connection is ready: append the whole request, head and body; or the head alone, and set
     * `*body` to what is read while it is sent and stays until the end. Asked again when a
     * connection that had served before turns out to be closed. */
    void (*on_connected)(struct http_exchange *exchange, struct buf *out,
                         const struct http_body **body, uint64_t now_ns);
    void (*on_head)(struct http_exchange *exchange, const struct http_head *head, uint64_t now_ns);
    void (*on_body)(struct http_exchange *exchange, const uint8_t *bytes, size_t len,
                    uint64_t now_ns);
    /* Last. Not called after http_exchange_cancel. */
    void (*on_end)(struct http_exchange *exchange, const struct http_end *end, uint64_t now_ns);
};

/* Embedded; callers read the times. Zero is "not under way". */
struct http_exchange {
    const struct http_exchange_handlers *handlers;
    struct http_conn *conn;           /* owned while under way */
    const struct http_origin *origin; /* borrowed while under way */
    uint64_t started_ns;
    uint64_t sent_ns;    /* the request was handed to the kernel */
    uint32_t dns_us;     /* 0: nothing was asked */
    uint32_t connect_us; /* of the address that answered */
    uint32_t tls_us;     /* the handshake */
    bool is_reused;      /* on a connection that had served before: none of these phases */
    bool is_tls;         /* a handshake was made for it */
    bool is_resumed;     /* by taking up an earlier TLS session */
    bool is_for_head;    /* the method is HEAD: set before the start */
};

/*
 * Starts on an idle connection of `session` to the same origin, else on a new one. on_end may run
 * before this returns. `session` is borrowed while the exchange is under way; NULL: never reuse.
 */
void http_exchange_start(struct http_client *client, struct http_exchange *exchange,
                         struct http_session *session, const struct http_origin *origin,
                         const struct http_exchange_handlers *handlers);
/* Ends it without a word: by RST (no TIME_WAIT is left) or by FIN. No-op when not under way. */
void http_exchange_cancel(struct http_exchange *exchange, bool with_reset);
bool http_exchange_is_under_way(const struct http_exchange *exchange);
/* Reads no more until http_exchange_resume: what the peer sends stays in the kernel. Also from
 * on_body, which may still be called for what was read already. */
void http_exchange_pause(struct http_exchange *exchange);
void http_exchange_resume(struct http_exchange *exchange);
/* Closes the connections that a session keeps to other places than `origin`. */
void http_client_keep_only(struct http_session *session, const struct http_origin *origin);
/* Closes the connections that a session keeps. */
void http_client_close_idle(struct http_session *session, bool with_reset);
/* The address its connection leads to; false when there is none that stands. */
bool http_exchange_get_peer(const struct http_exchange *exchange, struct address *peer);
/* What TLS agreed on for its connection; false without TLS, and when not under way. */
bool http_exchange_get_tls(const struct http_exchange *exchange, struct tls_facts *facts);

#endif

/*
 * http/fetch.h - one request of a user, with all that it leads to: redirects are followed, cookies
 * kept and sent, challenges answered, compressed bodies decoded. URL mode, logins and scripts all
 * ask through it.
 *
 * What it leads to is kept in memory of its own, which a request that was answered plainly gives
 * back with the head, so that an open stream does not pay for it.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_HTTP_FETCH_H
#define CICADA_HTTP_FETCH_H

#include "http/client.h"
#include "http/redirect.h"
#include "http/session.h"
#include "http/url.h"

#include <stdbool.h>
#include <stdint.h>

struct fetch;
struct fetch_journey;
struct rng;

/* Where the request goes this time, and what it has to say there. */
struct fetch_hop {
    const struct url *url; /* after a redirect; NULL: the request's own */
    struct redirect_effect effect;
    const char *cookies;       /* "a=b; c=d"; NULL: none */
    const char *authorization; /* the whole line with its end; NULL: none */
};

/* As those of an exchange, but told once a fetch. on_answer, on_head and on_body may cancel their
 * fetch; on_head, on_body and on_end may start it anew once it is not under way; on_head and on_end
 * may free it then. */
struct fetch_handlers {
    /* Append the head, and the body or NULL into `*body` for one that is read while it is sent. */
    void (*write)(struct fetch *fetch, const struct fetch_hop *hop, struct buf *out,
                  const struct http_body **body);
    /* Where this fetch goes, where that is not the order's URL as it stands: true, with `*url` the
     * fetch's from then on. May be NULL. */
    bool (*locate)(struct fetch *fetch, struct url *url);
    /* Every head, for the count; `is_hop`: of a redirect or a challenge, another request follows.
     * May be NULL. */
    void (*on_answer)(struct fetch *fetch, const struct http_head *head, bool is_hop,
                      uint64_t now_ns);
    /* The head that is for the owner. */
    void (*on_head)(struct fetch *fetch, const struct http_head *head, uint64_t now_ns);
    /* Decoded. */
    void (*on_body)(struct fetch *fetch, const uint8_t *bytes, size_t len, uint64_t now_ns);
    /* Last. Not called after fetch_cancel. `has_head` is said of the last request alone. */
    void (*on_end)(struct fetch *fetch, const struct http_end *end, uint64_t now_ns);
};

/* What all fetches of one kind share; borrowed while they are under way, as all in it. */
struct fetch_order {
    struct http_client *client;
    struct loop *loop;
    struct rng *rng; /* for authentication */
    const struct fetch_handlers *handlers;
    const struct url *url;
    struct http_origin origin; /* texts of `url` */
    const char *method;
    enum session_auth auth_place; /* whose credentials go out; those of a login without a token */
    bool wants_decoding;          /* the request says Accept-Encoding */
    uint8_t redirect_limit;       /* 0: redirects are answers like any other */
    enum redirect_rules redirect_rules;
};

/* Embedded in its owner, who reads the exchange's times. Zero is "not under way". */
struct fetch {
    struct http_exchange exchange;
    const struct fetch_order *order;
    struct http_session *session;
    struct fetch_journey *journey; /* owned; NULL: nothing but the plain way */
};

void fetch_start(struct fetch *fetch, const struct fetch_order *order,
                 struct http_session *session);
/* Ends it without a word. No-op when not under way. */
void fetch_cancel(struct fetch *fetch, bool with_reset);
bool fetch_is_under_way(const struct fetch *fetch);
/* Where it is by now, redirects followed. Borrowed until the next of them, or the end. */
const struct url *fetch_current_url(const struct fetch *fetch);
/* The method there. */
const char *fetch_current_method(const struct fetch *fetch);

#endif

/*
 * http/session.h - what a virtual user keeps between requests: connections, cookies, TLS tickets,
 * credentials. Two pointers while it has none of them.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_HTTP_SESSION_H
#define CICADA_HTTP_SESSION_H

#include "http/url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct auth;
struct cookie_jar;
struct http_conn;
struct http_head;
struct tls_tickets;

enum { SESSION_BEARER_LIMIT_BYTES = 16 * 1024 };

/* A user's two kinds of requests may have credentials of their own, with nonces of their own. */
enum session_auth { SESSION_AUTH_STREAM = 0, SESSION_AUTH_LOGIN, SESSION_AUTH_COUNT };

/* Made when the first of it is needed. Each is NULL until then. */
struct http_belongings {
    struct tls_tickets *tickets;
    struct cookie_jar *jar;
    struct auth *auth[SESSION_AUTH_COUNT]; /* users and passwords */
    char *bearer;                          /* a token, without "Bearer " */
};

/* Embedded in its user; zero is empty. */
struct http_session {
    struct http_conn *idle;      /* of http/client */
    struct http_belongings *own; /* owned */
};

/* Makes them where there are none; never NULL. */
struct http_belongings *http_session_own(struct http_session *session);
/* Closes kept connections and forgets everything. After every exchange has ended. */
void http_session_close(struct http_session *session, bool with_reset);

/* Keeps the cookies of a response that came from `url`. */
void http_session_take_cookies(struct http_session *session, const struct url *url,
                               const struct http_head *head);
/* Takes `auth` over, in the place of an earlier one; NULL: there are none any more. */
void http_session_set_auth(struct http_session *session, enum session_auth place,
                           struct auth *auth);
/* `token` is copied; an earlier one is forgotten. */
void http_session_set_bearer(struct http_session *session, const char *token, size_t len);

#endif

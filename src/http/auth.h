/*
 * http/auth.h - what a client answers to the question who it is: Basic (RFC 7617) and
 * Digest (RFC 7616, and its older forms of RFC 2617 and RFC 2069).
 *
 * Texts are sent and hashed byte for byte: UTF-8, as both RFCs want it, is the caller's business,
 * and so is normalisation. Digest knows MD5, SHA-256 and SHA-512-256, each also as "-sess", "qop"
 * of "auth" or none at all, and "userhash"; it does not know "auth-int", nor "-sess" without "qop",
 * nor the "nextnonce" of Authentication-Info. "domain" is ignored: the caller leaves auth_append
 * out of requests to another origin than the one that asked.
 *
 * The requests of one `struct auth` follow one another: auth_challenge takes the 401 for the answer
 * to what auth_append gave last.
 */
#ifndef CICADA_HTTP_AUTH_H
#define CICADA_HTTP_AUTH_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

struct http_head;
struct rng;

enum {
    AUTH_USER_LIMIT_BYTES = 2 * 1024,
    AUTH_PASSWORD_LIMIT_BYTES = 8 * 1024,
    AUTH_VALUE_LIMIT_BYTES = 2 * 1024, /* realm, nonce and opaque each; longer: not answered */
    AUTH_LINE_LIMIT_BYTES = 16 * 1024,
    AUTH_STALE_LIMIT = 3 /* fresh nonces in a row that were called stale on their first use */
};

enum auth_scheme {
    AUTH_NONE = 0,
    AUTH_BASIC, /* with every request, unasked */
    AUTH_DIGEST,
    AUTH_ANY /* waits for the challenge: Digest where it is offered, else Basic */
};

/*
 * A user's credentials and, after a Digest challenge, the server's nonce with its count. One a
 * virtual user; below 200 bytes and the texts.
 */
struct auth;

/*
 * Can these be sent? 0, or -1 with a sentence, which never shows the password: for control
 * characters, for a text above its limit, and for a colon in the user name where Basic may come to
 * be used (RFC 7617, section 2). `user` and `password` may be NULL for AUTH_NONE.
 */
int auth_check(enum auth_scheme scheme, const char *user, const char *password, struct err *err);

/* Copies the texts, which auth_check lets pass. The caller owns the result. */
struct auth *auth_new(enum auth_scheme scheme, const char *user, const char *password);
void auth_free(struct auth *auth);

/*
 * Looks at all WWW-Authenticate fields of a 401, in their order; values longer than 8 KiB
 * (CHALLENGE_FIELD_LIMIT_BYTES) and challenges that break the grammar are passed over. True when
 * the request is worth sending again with what auth_append gives from now on:
 *
 *   - AUTH_DIGEST and AUTH_ANY: a Digest challenge that no Digest answer came before, or one with
 *     "stale=true" after such an answer, but not past AUTH_STALE_LIMIT. Of several, one that is not
 * MD5; of equals the first, for the server puts what it prefers in front (RFC 7616, section 3.7).
 *   - AUTH_ANY: a Basic challenge, no Digest challenge that we know, and no answer given yet.
 *
 * False: refused for good, or nothing that we can answer. Then AUTH_DIGEST and AUTH_ANY know
 * nothing any more: a later request waits for its challenge as the first one did, so a server that
 * lost its nonces costs one failure.
 */
bool auth_challenge(struct auth *auth, const struct http_head *head);

/*
 * Appends "Authorization: ...\r\n" for one request, or nothing while there is nothing to say and
 * where `out` has no room for all of it. `method` and `target` are those of the request line,
 * without control characters. The line is shorter than AUTH_LINE_LIMIT_BYTES, to which Digest adds
 * up to twice the length of `target`. `rng` gives the cnonce, which has to differ from request to
 * request, not to be secret.
 */
void auth_append(struct auth *auth, const char *method, const char *target, struct rng *rng,
                 struct buf *out);
/* The same with a given cnonce; for tests against published examples. */
void auth_append_with_cnonce(struct auth *auth, const char *method, const char *target,
                             const char *cnonce, struct buf *out);

#endif

/*
 * http/auth_offer.h - what a 401 offers: the best of its Digest challenges, and whether Basic is
 * among them. For auth.c, which decides whether to answer.
 */
#ifndef CICADA_HTTP_AUTH_OFFER_H
#define CICADA_HTTP_AUTH_OFFER_H

#include "base/digest.h"

#include <stdbool.h>

struct http_head;

enum auth_qop {
    AUTH_QOP_NONE = 0, /* RFC 2069: no count, no cnonce */
    AUTH_QOP_AUTH,
    AUTH_QOP_UNSUPPORTED
};

/* A Digest challenge. Its texts are without control characters; all zero is a valid one. */
struct auth_offer {
    char *realm, *nonce, *opaque; /* owned, escapes undone; NULL: not given */
    const char *algorithm;        /* as RFC 7616 writes it; NULL: not named, which means MD5 */
    enum digest_kind hash;
    enum auth_qop qop;
    bool is_session; /* "-sess" */
    bool is_stale;   /* only the nonce was wrong */
    bool hides_user; /* "userhash" */
    bool is_refused; /* it holds what we do not know, or a text above its limit */
};

void auth_offer_fini(struct auth_offer *offer);

/* All zero to begin with. */
struct auth_offers {
    struct auth_offer digest; /* one that we can answer, has `nonce`; owned */
    struct auth_offer latest; /* of the reader */
    bool has_digest;
    bool has_basic;
    bool is_reading;
};

/* Reads all WWW-Authenticate fields, by the rules that http/auth.h states. */
void auth_offers_read(struct auth_offers *offers, const struct http_head *head);
void auth_offers_fini(struct auth_offers *offers);

#endif

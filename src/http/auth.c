#include "http/auth.h"

#include "base/base64.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/rng.h"
#include "http/auth_offer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CNONCE_BYTES = 32, COUNT_BYTES = 8 };

struct auth {
    enum auth_scheme scheme;
    enum auth_scheme answer; /* what auth_append gives; AUTH_NONE: waits for a challenge */
    char *user, *password;   /* owned */
    struct auth_offer offer; /* answer AUTH_DIGEST */
    uint32_t answer_count;   /* with the offer's nonce */
    uint32_t stale_count;    /* nonces in a row that were stale at once */
    char cnonce[CNONCE_BYTES + 1];
};

_Static_assert(sizeof(struct auth) <= 200, "exists once a user");

/* What the answer says of one request. */
struct answer {
    const char *method, *target, *cnonce;
    char count[COUNT_BYTES + 1];
    char user_hash[DIGEST_HEX_BYTES];
    char response[DIGEST_HEX_BYTES];
};

/*
 * Is an answer to `offer` worth a try, after what was answered before? A stale nonce that had been
 * used more than once was good for a while; only those stale on their first use are counted.
 */
static bool may_answer(struct auth *auth, const struct auth_offer *offer)
{
    if (auth->answer != AUTH_DIGEST || auth->answer_count == 0)
        return true;
    if (!offer->is_stale)
        return false;
    auth->stale_count = auth->answer_count > 1 ? 0 : auth->stale_count + 1;
    return auth->stale_count <= AUTH_STALE_LIMIT;
}

static bool take_offers(struct auth *auth, struct auth_offers *offers)
{
    if (offers->has_digest && may_answer(auth, &offers->digest)) {
        auth_offer_fini(&auth->offer);
        auth->offer = offers->digest;
        offers->digest = (struct auth_offer){0};
        auth->answer = AUTH_DIGEST;
        auth->answer_count = 0;
        return true;
    }
    if (auth->scheme == AUTH_ANY && auth->answer == AUTH_NONE && offers->has_basic) {
        auth->answer = AUTH_BASIC;
        return true;
    }
    return false;
}

static void forget(struct auth *auth)
{
    auth_offer_fini(&auth->offer);
    auth->answer = AUTH_NONE;
    auth->answer_count = 0;
    auth->stale_count = 0;
}

static bool has_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    }
    return false;
}

static int check_text(const char *what, const char *text, size_t limit_bytes, struct err *err)
{
    if (has_control(text)) {
        err_set(err, ERR_USAGE, "the %s holds a control character", what);
        return -1;
    }
    if (strlen(text) > limit_bytes) {
        err_set(err, ERR_LIMIT, "the %s is longer than %zu bytes", what, limit_bytes);
        return -1;
    }
    return 0;
}

static void append_basic(const struct auth *auth, struct buf *line)
{
    struct buf plain = {0};

    (void)buf_appendf(&plain, "%s:%s", auth->user, auth->password);
    (void)buf_append_text(line, "Basic ");
    (void)base64_append(line, plain.bytes, plain.len);
    buf_fini(&plain);
}

/* The hash of `parts`, up to a NULL, with colons between them; `hex` may be one of them. */
static int hash_joined(enum digest_kind hash, const char *const *parts, char hex[DIGEST_HEX_BYTES])
{
    struct buf joined = {0};
    int result;

    for (size_t i = 0; parts[i]; i++) {
        if (i > 0)
            (void)buf_append_byte(&joined, ':');
        (void)buf_append_text(&joined, parts[i]);
    }
    result = digest_hex(hash, joined.bytes, joined.len, hex);
    buf_fini(&joined);
    return result;
}

static const char *realm_of(const struct auth *auth)
{
    return auth->offer.realm ? auth->offer.realm : "";
}

/* RFC 7616, sections 3.4.1 to 3.4.4; RFC 2617, section 3.2.2.1 for the form without qop. */
static int compute_answer(const struct auth *auth, struct answer *answer)
{
    const struct auth_offer *offer = &auth->offer;
    const char *realm = realm_of(auth), *nonce = offer->nonce, *cnonce = answer->cnonce;
    char a1[DIGEST_HEX_BYTES], a2[DIGEST_HEX_BYTES];
    const char *const user[] = {auth->user, realm, NULL};
    const char *const secret[] = {auth->user, realm, auth->password, NULL};
    const char *const session[] = {a1, nonce, cnonce, NULL};
    const char *const request[] = {answer->method, answer->target, NULL};
    const char *const with_qop[] = {a1, nonce, answer->count, cnonce, "auth", a2, NULL};
    const char *const without_qop[] = {a1, nonce, a2, NULL};

    if ((offer->hides_user && hash_joined(offer->hash, user, answer->user_hash) < 0) ||
        hash_joined(offer->hash, secret, a1) < 0 ||
        (offer->is_session && hash_joined(offer->hash, session, a1) < 0) ||
        hash_joined(offer->hash, request, a2) < 0)
        return -1;
    return hash_joined(offer->hash, offer->qop == AUTH_QOP_AUTH ? with_qop : without_qop,
                       answer->response);
}

static void append_quoted(struct buf *line, const char *name, const char *value)
{
    (void)buf_append_text(line, name);
    (void)buf_append_text(line, "=\"");
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            (void)buf_append_byte(line, '\\');
        (void)buf_append_byte(line, (uint8_t)*value);
    }
    (void)buf_append_byte(line, '"');
}

/* RFC 7616, section 3.4, says which of the values have quotes; servers insist on it. */
static void append_digest(const struct auth *auth, const struct answer *answer, struct buf *line)
{
    const struct auth_offer *offer = &auth->offer;

    append_quoted(line, "Digest username", offer->hides_user ? answer->user_hash : auth->user);
    append_quoted(line, ", realm", realm_of(auth));
    append_quoted(line, ", nonce", offer->nonce);
    append_quoted(line, ", uri", answer->target);
    if (offer->algorithm)
        (void)buf_appendf(line, ", algorithm=%s", offer->algorithm);
    if (offer->qop == AUTH_QOP_AUTH) {
        (void)buf_appendf(line, ", qop=auth, nc=%s", answer->count);
        append_quoted(line, ", cnonce", answer->cnonce);
    }
    append_quoted(line, ", response", answer->response);
    if (offer->opaque)
        append_quoted(line, ", opaque", offer->opaque);
    if (offer->hides_user)
        (void)buf_append_text(line, ", userhash=true");
}

/* -1 when the hash, which was there for the challenge, is not there any more. */
static int append_answer(struct auth *auth, struct answer *answer, struct buf *line)
{
    switch (auth->answer) {
    case AUTH_BASIC:
        append_basic(auth, line);
        return 0;
    case AUTH_DIGEST:
        (void)snprintf(answer->count, sizeof answer->count, "%08" PRIx32, ++auth->answer_count);
        if (compute_answer(auth, answer) < 0)
            return -1;
        append_digest(auth, answer, line);
        return 0;
    case AUTH_NONE:
    case AUTH_ANY:
        break;
    }
    return -1;
}

int auth_check(enum auth_scheme scheme, const char *user, const char *password, struct err *err)
{
    if (scheme == AUTH_NONE)
        return 0;
    if (check_text("user name", user, AUTH_USER_LIMIT_BYTES, err) < 0 ||
        check_text("password", password, AUTH_PASSWORD_LIMIT_BYTES, err) < 0)
        return -1;
    if (scheme != AUTH_DIGEST && strchr(user, ':')) {
        err_set(err, ERR_USAGE, "the user name '%s' holds a colon, which ends it in Basic", user);
        return -1;
    }
    return 0;
}

struct auth *auth_new(enum auth_scheme scheme, const char *user, const char *password)
{
    struct auth *auth = x_calloc(1, sizeof *auth);
    struct err err;
    int checked = auth_check(scheme, user, password, &err);

    assert(checked == 0);
    (void)checked;
    auth->scheme = scheme;
    if (scheme == AUTH_BASIC)
        auth->answer = scheme;
    auth->user = x_strdup(user ? user : "");
    auth->password = x_strdup(password ? password : "");
    return auth;
}

void auth_free(struct auth *auth)
{
    if (!auth)
        return;
    auth_offer_fini(&auth->offer);
    free(auth->user);
    free(auth->password);
    free(auth);
}

bool auth_challenge(struct auth *auth, const struct http_head *head)
{
    struct auth_offers offers = {0};
    bool is_worth_it;

    if (auth->scheme != AUTH_DIGEST && auth->scheme != AUTH_ANY)
        return false;
    auth_offers_read(&offers, head);
    is_worth_it = take_offers(auth, &offers);
    if (!is_worth_it)
        forget(auth);
    auth_offers_fini(&offers);
    return is_worth_it;
}

void auth_append(struct auth *auth, const char *method, const char *target, struct rng *rng,
                 struct buf *out)
{
    /* "-sess" hashes the cnonce of a nonce's first use, or of each, as servers read the RFCs. */
    if (auth->answer == AUTH_DIGEST && (auth->answer_count == 0 || !auth->offer.is_session)) {
        uint64_t high = rng_next(rng), low = rng_next(rng);

        (void)snprintf(auth->cnonce, sizeof auth->cnonce, "%016" PRIx64 "%016" PRIx64, high, low);
    }
    auth_append_with_cnonce(auth, method, target, auth->cnonce, out);
}

void auth_append_with_cnonce(struct auth *auth, const char *method, const char *target,
                             const char *cnonce, struct buf *out)
{
    struct answer answer = {.method = method, .target = target, .cnonce = cnonce};
    struct buf line = {0};

    assert(!has_control(method) && !has_control(target) && !has_control(cnonce));
    (void)buf_append_text(&line, "Authorization: ");
    if (append_answer(auth, &answer, &line) == 0) {
        (void)buf_append_text(&line, "\r\n");
        (void)buf_append(out, line.bytes, line.len);
    }
    buf_fini(&line);
}

#include "http/auth_offer.h"

#include "base/mem.h"
#include "http/auth.h"
#include "http/challenge.h"
#include "http/head.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void set_text(struct auth_offer *offer, char **text, const struct challenge_item *item)
{
    struct buf value;

    buf_init(&value, AUTH_VALUE_LIMIT_BYTES);
    if (challenge_append_value(item, &value) < 0)
        offer->is_refused = true;
    free(*text);
    *text = x_strndup(buf_text(&value), value.len);
    buf_fini(&value);
}

static void set_algorithm(struct auth_offer *offer, const struct challenge_item *item)
{
    static const struct {
        const char *name;
        enum digest_kind hash;
        bool is_session;
    } algorithms[] = {
        {"MD5", DIGEST_MD5, false},
        {"MD5-sess", DIGEST_MD5, true},
        {"SHA-256", DIGEST_SHA256, false},
        {"SHA-256-sess", DIGEST_SHA256, true},
        {"SHA-512-256", DIGEST_SHA512_256, false},
        {"SHA-512-256-sess", DIGEST_SHA512_256, true},
    };

    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        if (challenge_value_is(item, algorithms[i].name)) {
            offer->algorithm = algorithms[i].name;
            offer->hash = algorithms[i].hash;
            offer->is_session = algorithms[i].is_session;
            return;
        }
    }
    offer->is_refused = true;
}

static bool is_separator(char byte)
{
    return byte == ',' || byte == ' ' || byte == '\t';
}

static bool is_word(const char *at, const char *end, const char *word)
{
    size_t len = (size_t)(end - at);

    return len == strlen(word) && strncasecmp(at, word, len) == 0;
}

/* A list, of which unknown members are ignored (RFC 2617, section 3.2.1). */
static void set_qop(struct auth_offer *offer, const struct challenge_item *item)
{
    const char *at = item->value, *end = item->value + item->value_bytes;
    bool has_auth = false, has_auth_int = false;

    while (at < end) {
        const char *word = at;

        while (at < end && !is_separator(*at))
            at++;
        has_auth = has_auth || is_word(word, at, "auth");
        has_auth_int = has_auth_int || is_word(word, at, "auth-int");
        at += at < end;
    }
    offer->qop = has_auth ? AUTH_QOP_AUTH : has_auth_int ? AUTH_QOP_UNSUPPORTED : AUTH_QOP_NONE;
}

static void set_param(struct auth_offer *offer, const struct challenge_item *item)
{
    if (challenge_name_is(item, "realm"))
        set_text(offer, &offer->realm, item);
    else if (challenge_name_is(item, "nonce"))
        set_text(offer, &offer->nonce, item);
    else if (challenge_name_is(item, "opaque"))
        set_text(offer, &offer->opaque, item);
    else if (challenge_name_is(item, "algorithm"))
        set_algorithm(offer, item);
    else if (challenge_name_is(item, "qop"))
        set_qop(offer, item);
    else if (challenge_name_is(item, "stale"))
        offer->is_stale = challenge_value_is(item, "true");
    else if (challenge_name_is(item, "userhash"))
        offer->hides_user = challenge_value_is(item, "true");
}

static bool can_answer(const struct auth_offer *offer)
{
    char hex[DIGEST_HEX_BYTES];

    if (offer->is_refused || !offer->nonce || offer->nonce[0] == '\0')
        return false;
    /* Without qop there is no place for the cnonce, which "-sess" hashes. */
    if (offer->qop == AUTH_QOP_UNSUPPORTED || (offer->qop == AUTH_QOP_NONE && offer->is_session))
        return false;
    return digest_hex(offer->hash, "", 0, hex) == 0;
}

static bool is_stronger(const struct auth_offer *offer, const struct auth_offer *than)
{
    return offer->hash != DIGEST_MD5 && than->hash == DIGEST_MD5;
}

static void end_challenge(struct auth_offers *offers)
{
    if (offers->is_reading && can_answer(&offers->latest) &&
        (!offers->has_digest || is_stronger(&offers->latest, &offers->digest))) {
        auth_offer_fini(&offers->digest);
        offers->digest = offers->latest;
        offers->latest = (struct auth_offer){0};
        offers->has_digest = true;
    }
    offers->is_reading = false;
}

/* A Basic challenge needs no more than its name, so nothing broken behind it matters. */
static void begin_challenge(struct auth_offers *offers, const struct challenge_item *item)
{
    end_challenge(offers);
    auth_offer_fini(&offers->latest);
    offers->is_reading = challenge_name_is(item, "Digest");
    offers->has_basic = offers->has_basic || challenge_name_is(item, "Basic");
}

static void read_field(struct auth_offers *offers, const char *text, size_t len)
{
    struct challenge_reader reader;
    struct challenge_item item;

    challenge_reader_init(&reader, text, len);
    for (;;) {
        switch (challenge_next(&reader, &item)) {
        case CHALLENGE_SCHEME:
            begin_challenge(offers, &item);
            break;
        case CHALLENGE_PARAM:
            if (offers->is_reading)
                set_param(&offers->latest, &item);
            break;
        case CHALLENGE_TOKEN68:
            break;
        case CHALLENGE_END:
            end_challenge(offers);
            return;
        case CHALLENGE_BAD:
            offers->is_reading = false;
            return;
        }
    }
}

void auth_offer_fini(struct auth_offer *offer)
{
    free(offer->realm);
    free(offer->nonce);
    free(offer->opaque);
    *offer = (struct auth_offer){0};
}

void auth_offers_read(struct auth_offers *offers, const struct http_head *head)
{
    static const char field[] = "www-authenticate";

    for (size_t i = 0; i < head->field_count; i++) {
        size_t name_bytes, value_bytes;
        const char *name = http_head_name_at(head, i, &name_bytes);
        const char *value = http_head_value_at(head, i, &value_bytes);

        if (name_bytes == sizeof field - 1 && strncasecmp(name, field, name_bytes) == 0)
            read_field(offers, value, value_bytes);
    }
}

void auth_offers_fini(struct auth_offers *offers)
{
    auth_offer_fini(&offers->digest);
    auth_offer_fini(&offers->latest);
}

#include "demo/token.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { NUMBER_DIGITS = 16 };

/* kind, dot, expiry, dot, serial, dot, signature; numbers as sixteen lower-case hex digits. */
enum { SIGNED_BYTES = 2 + NUMBER_DIGITS + 1 + NUMBER_DIGITS, TOKEN_BYTES = SIGNED_BYTES + 17 };

_Static_assert((int)TOKEN_BYTES < (int)TOKEN_TEXT_BYTES, "a token and its NUL fit");

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_round(struct sip *sip)
{
    sip->v0 += sip->v1;
    sip->v1 = rotate(sip->v1, 13) ^ sip->v0;
    sip->v0 = rotate(sip->v0, 32);
    sip->v2 += sip->v3;
    sip->v3 = rotate(sip->v3, 16) ^ sip->v2;
    sip->v0 += sip->v3;
    sip->v3 = rotate(sip->v3, 21) ^ sip->v0;
    sip->v2 += sip->v1;
    sip->v1 = rotate(sip->v1, 17) ^ sip->v2;
    sip->v2 = rotate(sip->v2, 32);
}

static void sip_word(struct sip *sip, uint64_t word)
{
    sip->v3 ^= word;
    sip_round(sip);
    sip_round(sip);
    sip->v0 ^= word;
}

static uint64_t read_little_endian(const uint8_t *bytes, size_t len)
{
    uint64_t word = 0;

    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

uint64_t token_siphash(const struct token_key *key, const void *bytes, size_t len)
{
    uint64_t k0 = read_little_endian(key->bytes, 8);
    uint64_t k1 = read_little_endian(key->bytes + 8, 8);
    struct sip sip = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
                      k1 ^ 0x7465646279746573u};
    const uint8_t *at = bytes;
    size_t left = len;

    for (; left >= 8; left -= 8, at += 8)
        sip_word(&sip, read_little_endian(at, 8));
    sip_word(&sip, read_little_endian(at, left) | (uint64_t)(len & 0xff) << 56);
    sip.v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(&sip);
    return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}

int token_key_make(struct token_key *key, struct err *err)
{
    if (getrandom(key->bytes, sizeof key->bytes, 0) == (ssize_t)sizeof key->bytes)
        return 0;
    err_set(err, ERR_SYSTEM, "cannot get random bytes for the token key: %s", strerror(errno));
    return -1;
}

const char *token_issue(const struct token_key *key, enum token_kind kind, uint64_t expires_unix_s,
                        uint64_t serial, char text[static TOKEN_TEXT_BYTES])
{
    (void)snprintf(text, TOKEN_TEXT_BYTES, "%c.%016" PRIx64 ".%016" PRIx64,
                   kind == TOKEN_USER ? 'u' : 'c', expires_unix_s, serial);
    (void)snprintf(text + SIGNED_BYTES, TOKEN_TEXT_BYTES - SIGNED_BYTES, ".%016" PRIx64,
                   token_siphash(key, text, SIGNED_BYTES));
    return text;
}

/* Lower case only, so that a token has one form. Takes sixteen digits; 0 or -1. */
static int read_number(const char *text, uint64_t *result)
{
    uint64_t number = 0;

    for (int i = 0; i < NUMBER_DIGITS; i++) {
        char byte = text[i];
        unsigned digit;

        if (byte >= '0' && byte <= '9')
            digit = (unsigned)(byte - '0');
        else if (byte >= 'a' && byte <= 'f')
            digit = (unsigned)(byte - 'a') + 10;
        else
            return -1;
        number = number << 4 | digit;
    }
    *result = number;
    return 0;
}

enum token_kind token_check(const struct token_key *key, const char *text, size_t len,
                            uint64_t now_unix_s)
{
    uint64_t expires_unix_s, signature;

    if (len != TOKEN_BYTES || read_number(text + 2, &expires_unix_s) < 0 ||
        read_number(text + SIGNED_BYTES + 1, &signature) < 0 || text[SIGNED_BYTES] != '.')
        return TOKEN_NONE;
    if (signature != token_siphash(key, text, SIGNED_BYTES) || now_unix_s >= expires_unix_s)
        return TOKEN_NONE;
    return text[0] == 'u' ? TOKEN_USER : TOKEN_CLIENT;
}

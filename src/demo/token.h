/*
 * demo/token.h - bearer tokens that any process can check and none has to remember: kind, expiry
 * and serial number, signed with SipHash-2-4 under a key made before the fork.
 *
 * Enough to play logins with; sessions of real people want a longer signature.
 */
#ifndef CICADA_DEMO_TOKEN_H
#define CICADA_DEMO_TOKEN_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { TOKEN_KEY_BYTES = 16, TOKEN_TEXT_BYTES = 64 };

enum token_kind {
    TOKEN_NONE = 0,
    TOKEN_USER,  /* from a login: notifications */
    TOKEN_CLIENT /* from a session: analytics */
};

struct token_key {
    uint8_t bytes[TOKEN_KEY_BYTES];
};

/* From the kernel's random numbers. 0 or -1. */
int token_key_make(struct token_key *key, struct err *err);
/* Writes a token into `text` and returns it. */
const char *token_issue(const struct token_key *key, enum token_kind kind, uint64_t expires_unix_s,
                        uint64_t serial, char text[static TOKEN_TEXT_BYTES]);
/* TOKEN_NONE when it is garbled, forged or expired. */
enum token_kind token_check(const struct token_key *key, const char *text, size_t len,
                            uint64_t now_unix_s);
/* SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012). */
uint64_t token_siphash(const struct token_key *key, const void *bytes, size_t len);

#endif

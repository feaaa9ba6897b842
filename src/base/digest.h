/*
 * base/digest.h - hashes of bytes, as lower-case hexadecimal text.
 */
#ifndef CICADA_BASE_DIGEST_H
#define CICADA_BASE_DIGEST_H

#include <stddef.h>

enum digest_kind {
    DIGEST_MD5 = 0,   /* RFC 1321; only where a protocol demands it */
    DIGEST_SHA256,    /* FIPS 180-4 */
    DIGEST_SHA512_256 /* FIPS 180-4, section 5.3.6: SHA-512 with an initial value of its own, cut */
};

enum { DIGEST_HEX_BYTES = 64 + 1 }; /* the longest text with its NUL */

/*
 * Writes the hash of `bytes` and a NUL: 32 digits for MD5, 64 for the others. -1, and an empty
 * text, when the system's OpenSSL does not offer the hash: one in FIPS mode has no MD5.
 */
int digest_hex(enum digest_kind kind, const void *bytes, size_t len, char hex[DIGEST_HEX_BYTES]);

#endif

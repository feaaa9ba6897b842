#include "base/digest.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdint.h>

enum { HASH_MAX_BYTES = (DIGEST_HEX_BYTES - 1) / 2 };

/* As OpenSSL's providers call them. */
static const char *const names[] = {
    [DIGEST_MD5] = "MD5",
    [DIGEST_SHA256] = "SHA256",
    [DIGEST_SHA512_256] = "SHA512-256",
};

/* Does not leave its failure in the thread's queue, where a TLS connection would find it. */
static int hash(const char *name, const void *bytes, size_t len, uint8_t *out, size_t *out_bytes)
{
    int is_done;

    (void)ERR_set_mark();
    is_done = EVP_Q_digest(NULL, name, NULL, bytes, len, out, out_bytes);
    (void)ERR_pop_to_mark();
    return is_done == 1 ? 0 : -1;
}

int digest_hex(enum digest_kind kind, const void *bytes, size_t len, char hex[DIGEST_HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t out[EVP_MAX_MD_SIZE];
    size_t out_bytes = 0;

    assert((size_t)kind < sizeof names / sizeof names[0]);
    hex[0] = '\0';
    if (hash(names[kind], bytes, len, out, &out_bytes) < 0)
        return -1;
    assert(out_bytes <= HASH_MAX_BYTES);
    for (size_t i = 0; i < out_bytes; i++) {
        hex[2 * i] = digits[out[i] >> 4];
        hex[2 * i + 1] = digits[out[i] & 15];
    }
    hex[2 * out_bytes] = '\0';
    return 0;
}

/*
 * fuzz/fuzz_excerpt.c - whatever comes: short, valid UTF-8, nothing that moves a terminal's cursor,
 * the same each time; and a password planted behind it is never shown.
 */
#include "base/excerpt.h"
#include "base/utf8.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(const uint8_t *bytes, size_t len, char text[static EXCERPT_CAP_BYTES])
{
    size_t used;

    memset(text, '!', EXCERPT_CAP_BYTES);
    excerpt_write(text, bytes, len);
    used = strnlen(text, EXCERPT_CAP_BYTES);
    assert(used <= EXCERPT_LIMIT_BYTES && utf8_valid((const uint8_t *)text, used));
    for (size_t i = 0; i < used; i++)
        assert((uint8_t)text[i] >= ' ' && text[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char member[] = "\"password\":\"", secret[] = "qXj7!w\"";
    char text[EXCERPT_CAP_BYTES];
    size_t all = len + sizeof member - 1 + sizeof secret - 1;
    uint8_t *planted = malloc(all);

    check(bytes, len, text);
    if (!planted || memmem(bytes, len, secret, 5)) {
        free(planted);
        return 0;
    }
    if (len > 0)
        memcpy(planted, bytes, len);
    memcpy(planted + len, member, sizeof member - 1);
    memcpy(planted + len + sizeof member - 1, secret, sizeof secret - 1);
    check(planted, all, text);
    assert(!strstr(text, "qXj7!"));
    free(planted);
    return 0;
}

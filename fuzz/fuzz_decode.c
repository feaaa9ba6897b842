/*
 * fuzz/fuzz_decode.c - compressed bodies: the same answer however they are cut, within the limits.
 *
 * The first byte chooses the coding, the rest is the body.
 */
#include "base/buf.h"
#include "http/decode.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* What became of a body. */
struct outcome {
    struct buf bytes;
    enum decode_status status;
};

static void require(int holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "%s\n", what);
        abort();
    }
}

static bool keep(void *ctx, const uint8_t *bytes, size_t len)
{
    struct outcome *outcome = ctx;

    require(len > 0 && len <= DECODE_PIECE_BYTES, "a piece of a wrong size");
    (void)buf_append(&outcome->bytes, bytes, len);
    return true;
}

/* What a feed may yield at most, see http/decode.h. */
static size_t share_of(size_t len)
{
    size_t share = len * DECODE_RATIO_LIMIT;

    return (share > DECODE_FEED_BYTES ? share : DECODE_FEED_BYTES) + DECODE_RESERVE_BYTES;
}

static struct outcome decode(const char *coding, const uint8_t *bytes, size_t len, size_t piece)
{
    bool is_known = false;
    struct decoder *decoder = decoder_new(coding, strlen(coding), &is_known);
    struct outcome outcome = {.status = DECODE_OK};

    require(decoder && is_known, "an unknown coding");
    for (size_t at = 0; at < len && outcome.status == DECODE_OK; at += piece) {
        size_t before = outcome.bytes.len, given = piece < len - at ? piece : len - at;

        outcome.status = decoder_feed(decoder, bytes + at, given, keep, &outcome);
        require(outcome.bytes.len - before <= share_of(given), "more than a feed may yield");
        require(decoder_memory_bytes(decoder) <= DECODE_MEMORY_LIMIT_BYTES, "too much memory");
    }
    outcome.status = decoder_finish(decoder);
    require((outcome.status == DECODE_OK) == (decoder_reason(decoder)[0] == '\0'), "no reason");
    decoder_free(decoder);
    return outcome;
}

/*
 * Of broken br data, how much comes out in front of the error depends on the cuts, and so does what
 * counts as a bomb: there only the shorter output must be the beginning of the longer one.
 */
static void compare(const struct outcome *whole, const struct outcome *cut, bool has_br)
{
    const struct buf *left = &whole->bytes, *right = &cut->bytes;
    size_t common = left->len < right->len ? left->len : right->len;
    bool is_bomb = whole->status == DECODE_TOO_LARGE || cut->status == DECODE_TOO_LARGE;

    require(common == 0 || memcmp(left->bytes, right->bytes, common) == 0, "another text");
    if (is_bomb)
        return;
    require(whole->status == cut->status, "another status");
    if (!has_br || whole->status == DECODE_OK)
        require(left->len == right->len, "another length");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char *const codings[] = {"gzip",     "deflate",  "br",
                                          "gzip, br", "br, gzip", "deflate, gzip"};
    static const size_t pieces[] = {1, 7};
    struct outcome whole;
    const char *coding;

    if (len == 0)
        return 0;
    coding = codings[bytes[0] % (sizeof codings / sizeof codings[0])];
    bytes++;
    len--;
    whole = decode(coding, bytes, len, len > 0 ? len : 1);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct outcome cut = decode(coding, bytes, len, pieces[i]);

        compare(&whole, &cut, strstr(coding, "br") != NULL);
        buf_fini(&cut.bytes);
    }
    buf_fini(&whole.bytes);
    return 0;
}

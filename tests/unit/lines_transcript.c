#include "lines_transcript.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"

enum { PIECE_MOST = 7 };

static void put(struct buf *out, const uint8_t *bytes, const struct lines_found *found)
{
    (void)buf_append_byte(out, '[');
    (void)buf_append(out, bytes + found->skip, found->len);
    (void)buf_append_byte(out, ']');
}

char *lines_transcript(enum lines_kind kind, const uint8_t *bytes, size_t len, struct rng *rng,
                       int is_bytewise)
{
    struct lines lines = {.kind = kind};
    struct lines_found found;
    struct buf out = {0};
    size_t at = 0, come = rng || is_bytewise ? 0 : len;
    char *result;

    for (;;) {
        while (come > at && lines_next(&lines, bytes + at, come - at, &found)) {
            put(&out, bytes + at, &found);
            at += found.used;
        }
        if (come == len)
            break;
        come += is_bytewise ? 1 : (size_t)rng_between(rng, 1, PIECE_MOST);
        come = come < len ? come : len;
    }
    if (lines_last(&lines, bytes + at, len - at, &found))
        put(&out, bytes + at, &found);
    result = x_strndup(out.len > 0 ? (const char *)out.bytes : "", out.len);
    buf_fini(&out);
    return result;
}

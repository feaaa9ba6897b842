#include "base/utf8.h"

#include <string.h>

static const uint8_t replacement[] = {0xef, 0xbf, 0xbd}; /* U+FFFD */

/* What may follow a lead byte: how many bytes in all, and the range of the second one. */
struct lead {
    size_t total;
    uint8_t second_min, second_max;
};

/* Unicode 15, table 3-7. The narrowed second byte keeps out overlong forms and surrogates. */
static struct lead classify_lead(uint8_t byte)
{
    if (byte >= 0xc2 && byte <= 0xdf)
        return (struct lead){2, 0x80, 0xbf};
    if (byte >= 0xe0 && byte <= 0xef)
        return (struct lead){3, byte == 0xe0 ? 0xa0 : 0x80, byte == 0xed ? 0x9f : 0xbf};
    if (byte >= 0xf0 && byte <= 0xf4)
        return (struct lead){4, byte == 0xf0 ? 0x90 : 0x80, byte == 0xf4 ? 0x8f : 0xbf};
    return (struct lead){0, 0, 0};
}

/*
 * The length of the character at the start of `bytes` (len > 0), or, with *is_valid false, of the
 * maximal invalid part that one U+FFFD stands for.
 */
static size_t measure_character(const uint8_t *bytes, size_t len, bool *is_valid)
{
    struct lead lead;
    size_t at = 1;

    *is_valid = bytes[0] < 0x80;
    if (*is_valid)
        return 1;
    lead = classify_lead(bytes[0]);
    if (lead.total == 0 || len < 2 || bytes[1] < lead.second_min || bytes[1] > lead.second_max)
        return 1;
    for (at = 2; at < lead.total; at++) {
        if (at == len || (bytes[at] & 0xc0) != 0x80)
            return at;
    }
    *is_valid = true;
    return at;
}

/* How many bytes of ASCII are at the start, rounded down to whole words: the common case, fast. */
static size_t skip_ascii_words(const uint8_t *bytes, size_t len)
{
    size_t at = 0;
    uint64_t word;

    for (; len - at >= sizeof word; at += sizeof word) {
        (void)memcpy(&word, bytes + at, sizeof word);
        if (word & 0x8080808080808080u)
            break;
    }
    return at;
}

bool utf8_is_ascii(const uint8_t *bytes, size_t len)
{
    size_t at = skip_ascii_words(bytes, len);
    uint8_t seen = 0;

    for (; at < len; at++)
        seen |= bytes[at];
    return seen < 0x80;
}

size_t utf8_valid_prefix(const uint8_t *bytes, size_t len)
{
    size_t at = 0;
    bool is_valid = true;

    while (at < len) {
        size_t step = skip_ascii_words(bytes + at, len - at);

        if (step == 0) {
            step = measure_character(bytes + at, len - at, &is_valid);
            if (!is_valid)
                break;
        }
        at += step;
    }
    return at;
}

bool utf8_valid(const uint8_t *bytes, size_t len)
{
    return utf8_valid_prefix(bytes, len) == len;
}

int utf8_append_lossy(struct buf *out, const uint8_t *bytes, size_t len)
{
    size_t before = out->len, at = 0;

    while (at < len) {
        size_t good = utf8_valid_prefix(bytes + at, len - at);
        bool is_valid;

        if (buf_append(out, bytes + at, good) < 0)
            break;
        at += good;
        if (at == len)
            break;
        if (buf_append(out, replacement, sizeof replacement) < 0)
            break;
        at += measure_character(bytes + at, len - at, &is_valid);
    }
    if (at == len)
        return 0;
    out->len = before; /* all or nothing, as every append of a buffer */
    return -1;
}

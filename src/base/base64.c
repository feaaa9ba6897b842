#include "base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* `left` bytes (at least one) remain from `from` on; the first three become four characters. */
static void encode_group(const uint8_t *from, size_t left, uint8_t *to)
{
    uint32_t three = (uint32_t)from[0] << 16;

    three |= left > 1 ? (uint32_t)from[1] << 8 : 0;
    three |= left > 2 ? from[2] : 0;
    to[0] = (uint8_t)digits[three >> 18];
    to[1] = (uint8_t)digits[three >> 12 & 63];
    to[2] = (uint8_t)(left > 1 ? digits[three >> 6 & 63] : '=');
    to[3] = (uint8_t)(left > 2 ? digits[three & 63] : '=');
}

int base64_append(struct buf *out, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    size_t encoded_bytes = (len / 3 + (len % 3 > 0)) * 4;
    uint8_t *to = buf_reserve(out, encoded_bytes);

    if (!to)
        return encoded_bytes > 0 ? -1 : 0;
    for (size_t at = 0; at < len; at += 3, to += 4)
        encode_group(from + at, len - at, to);
    buf_grew(out, encoded_bytes);
    return 0;
}

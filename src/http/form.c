#include "http/form.h"

#include "base/ascii.h"

#include <string.h>

/* One decoded byte from the front; moves *at past it. */
static char next_byte(const char *text, size_t len, size_t *at)
{
    char byte = text[*at];

    ++*at;
    if (byte == '+')
        return ' ';
    if (byte == '%' && len - *at >= 2) {
        int high = ascii_hex_digit(text[*at]), low = ascii_hex_digit(text[*at + 1]);

        if (high >= 0 && low >= 0) {
            *at += 2;
            return (char)(high * 16 + low);
        }
    }
    return byte;
}

static bool decodes_to(const char *text, size_t len, const char *name)
{
    size_t at = 0;

    while (at < len && *name != '\0') {
        if (next_byte(text, len, &at) != *name++)
            return false;
    }
    return at == len && *name == '\0';
}

/* What the standard's application/x-www-form-urlencoded percent-encode set leaves alone. */
static bool is_kept(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') || (byte != '\0' && strchr("*-._", byte));
}

static size_t encoded_bytes(const char *text)
{
    size_t len = 0;

    for (; *text; text++)
        len += is_kept(*text) || *text == ' ' ? 1 : 3;
    return len;
}

/* Writes the encoded text at `to` and returns where it ends. */
static uint8_t *encode(uint8_t *to, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (; *text; text++) {
        uint8_t byte = (uint8_t)*text;

        if (is_kept(*text)) {
            *to++ = byte;
        } else if (byte == ' ') {
            *to++ = '+';
        } else {
            *to++ = '%';
            *to++ = (uint8_t)digits[byte >> 4];
            *to++ = (uint8_t)digits[byte & 15];
        }
    }
    return to;
}

bool form_find(const char *text, size_t len, const char *name, struct buf *out)
{
    while (len > 0) {
        const char *end = memchr(text, '&', len);
        size_t field = end ? (size_t)(end - text) : len;
        const char *equals = memchr(text, '=', field);
        size_t name_bytes = equals ? (size_t)(equals - text) : field;

        if (field > 0 && decodes_to(text, name_bytes, name)) {
            for (size_t at = equals ? name_bytes + 1 : field; at < field;)
                (void)buf_append_byte(out, (uint8_t)next_byte(text, field, &at));
            return true;
        }
        if (!end)
            break;
        text += field + 1;
        len -= field + 1;
    }
    return false;
}

int form_append(struct buf *out, const char *name, const char *value)
{
    size_t joint_bytes = out->len > 0 ? 1 : 0;
    size_t len = joint_bytes + encoded_bytes(name) + 1 + encoded_bytes(value);
    uint8_t *to = buf_reserve(out, len);

    if (!to)
        return -1;
    if (joint_bytes > 0)
        *to++ = '&';
    to = encode(to, name);
    *to++ = '=';
    (void)encode(to, value);
    buf_grew(out, len);
    return 0;
}

/*
 * base/ascii.h - bytes as protocols see them, whatever the locale.
 */
#ifndef CICADA_BASE_ASCII_H
#define CICADA_BASE_ASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Its value, 0 to 15; -1 for what is no hexadecimal digit. */
static inline int ascii_hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* What may stand around the values of fields (OWS, RFC 9110 section 5.6.3). */
static inline bool ascii_is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* What names of headers and methods are (RFC 9110 section 5.6.2). */
static inline bool ascii_is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char byte = text[i];

        if (!((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
              (byte >= 'A' && byte <= 'Z') || (byte != '\0' && strchr("!#$%&'*+-.^_`|~", byte))))
            return false;
    }
    return len > 0;
}

#endif

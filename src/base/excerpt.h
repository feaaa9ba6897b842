/*
 * base/excerpt.h - the start of a text from outside, fit to be shown to anybody: short, printable
 * and without secrets, as far as these can be told by their looks.
 *
 * Left out, with *** in their place: the values behind names that speak of a secret, as in JSON
 * (inside a string of JSON too), forms and headers; what follows "Bearer"; user and password of a
 * URL; runs of letters and digits as long as tokens, which JWTs, digests and UUIDs are. An object
 * or array behind such a name takes all that follows it along. In doubt it is left out.
 */
#ifndef CICADA_BASE_EXCERPT_H
#define CICADA_BASE_EXCERPT_H

#include <stddef.h>
#include <stdint.h>

enum {
    EXCERPT_LIMIT_BYTES = 200,
    EXCERPT_CAP_BYTES = EXCERPT_LIMIT_BYTES + 1, /* with its NUL */
    EXCERPT_TOKEN_CHARS = 24 /* as long a run of letters and digits is taken for a secret */
};

/*
 * UTF-8, control characters and bytes that are no UTF-8 as \n, \t or \xNN; with "…" at its end when
 * it was cut. Reads past what it shows only to see where a secret ends.
 */
void excerpt_write(char text[static EXCERPT_CAP_BYTES], const uint8_t *bytes, size_t len);

#endif

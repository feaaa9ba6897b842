/*
 * http/challenge.h - what a WWW-Authenticate value asks for, part by part (RFC 9110, section
 * 11.6.1).
 *
 * A value holds any number of challenges, each a scheme with one token68 or with parameters. The
 * same commas stand between challenges as between parameters: a name with "=" behind it is a
 * parameter, another one begins a challenge.
 *
 * More is taken than the grammar allows, where clients in use do so and nothing becomes ambiguous:
 * commas may be missing between parameters, and values without quotes may hold any byte but blanks,
 * commas, quotes and backslashes. Allocates nothing; no state beyond the reader.
 */
#ifndef CICADA_HTTP_CHALLENGE_H
#define CICADA_HTTP_CHALLENGE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { CHALLENGE_FIELD_LIMIT_BYTES = 8 * 1024 };

enum challenge_part {
    CHALLENGE_END = 0,
    CHALLENGE_SCHEME,  /* `name`: a challenge begins, and the one before it is complete */
    CHALLENGE_TOKEN68, /* `value` */
    CHALLENGE_PARAM,   /* `name` and `value` */
    /*
     * The value breaks the grammar here: the latest challenge is not complete, and what follows
     * cannot be told apart. Final, as CHALLENGE_END is. The first part already when the value is
     * longer than CHALLENGE_FIELD_LIMIT_BYTES or holds a control character other than a tab.
     */
    CHALLENGE_BAD
};

/* Borrowed from the text; a value as it stands between its quotes, with its escapes. */
struct challenge_item {
    const char *name, *value;
    size_t name_bytes, value_bytes;
};

/* Callers use the functions only. */
struct challenge_reader {
    const char *at; /* borrowed */
    size_t len;
    bool has_scheme;
    bool is_behind_scheme; /* a token68 may come */
    bool is_bad;
};

/* `text`, one field's value, is borrowed until the last item was looked at. */
void challenge_reader_init(struct challenge_reader *reader, const char *text, size_t len);
/* The next part; members of `item` that it does not have are empty. */
enum challenge_part challenge_next(struct challenge_reader *reader, struct challenge_item *item);

/* Names are compared in any case. */
bool challenge_name_is(const struct challenge_item *item, const char *name);
/* Is that the value, in any case, with its escapes undone? */
bool challenge_value_is(const struct challenge_item *item, const char *value);
/* Appends the value with its escapes undone. 0, or -1 at the limit of `out`. */
int challenge_append_value(const struct challenge_item *item, struct buf *out);

#endif

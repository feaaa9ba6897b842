/*
 * base/json_pointer.h - one value of a JSON text by JSON Pointer (RFC 6901), for the path of every
 * event: compiled once, then a scan up to the value, without a tree, memory or a limit on size.
 */
#ifndef CICADA_BASE_JSON_POINTER_H
#define CICADA_BASE_JSON_POINTER_H

#include "base/err.h"
#include "base/json_read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_pointer;

/* NULL with a sentence when `text` is no JSON Pointer. The caller owns the result. */
struct json_pointer *json_pointer_new(const char *text, struct err *err);
/* NULL does nothing. */
void json_pointer_free(struct json_pointer *pointer);

struct json_peek {
    enum json_kind kind;
    const uint8_t *bytes; /* the value as written; of a text, what stands between its quotes, with
                             escapes as they are. Borrowed from the JSON text */
    size_t len;
};

/*
 * False, and nothing set, when nothing is found. The text is taken for JSON and not checked: of
 * what is none, anything or nothing is found. Of a name given twice the first one counts.
 */
bool json_peek(const uint8_t *bytes, size_t len, const struct json_pointer *pointer,
               struct json_peek *value);

/* Is the value this one: a text by what its escapes stand for, anything else as it is written? */
bool json_peek_equals(const struct json_peek *value, const char *text, size_t len);

#endif

/*
 * base/json_read.h - JSON documents in: parsed strictly (RFC 8259), values found by JSON Pointer
 * (RFC 6901). For settings, bodies and schemas; not for the path of every event.
 */
#ifndef CICADA_BASE_JSON_READ_H
#define CICADA_BASE_JSON_READ_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_READ_LIMIT_BYTES = 64 * 1024 * 1024, JSON_READ_DEPTH_LIMIT = 2048 };

enum json_kind {
    JSON_KIND_NONE = 0,
    JSON_KIND_NULL,
    JSON_KIND_BOOL,
    JSON_KIND_NUMBER,
    JSON_KIND_TEXT,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT
};

struct json_document;
struct json_value; /* borrowed from its document */

/*
 * Parses one value of any kind with nothing but blanks around it. NULL with a sentence that names
 * line and column. Not taken: text that is not UTF-8, whole numbers beyond 64 bits, reals beyond a
 * double, more than the limits above. Of a name given twice the last one counts. The caller owns
 * the result.
 */
struct json_document *json_read(const void *bytes, size_t len, struct err *err);
/* Would it be parsed, numbers of any length up to a double's range allowed? */
bool json_is_sound(const void *bytes, size_t len);
void json_document_free(struct json_document *document);

/* 0, or -1 with a sentence when `pointer` is not a JSON Pointer ("" or "/name/0/…"). */
int json_check_pointer(const char *pointer, struct err *err);
/* The value at `pointer`; NULL when there is none or the pointer is malformed. "" is the root. */
const struct json_value *json_find(const struct json_document *document, const char *pointer);
/* JSON_KIND_NONE for NULL. */
enum json_kind json_value_kind(const struct json_value *value);
/* The text, with a NUL behind it that `len` does not count (it may hold others); NULL for other
 * kinds and for NULL. `len` may be NULL. */
const char *json_value_text(const struct json_value *value, size_t *len);
/* False, and nothing set, for other kinds. */
bool json_value_number(const struct json_value *value, double *result);
/* Only numbers written without fraction and exponent. */
bool json_value_whole(const struct json_value *value, int64_t *result);
bool json_value_bool(const struct json_value *value, bool *result);
/* Members or elements; 0 for other kinds. */
size_t json_value_count(const struct json_value *value);
/* Called for each member of an object; not 0 ends the walk. `name` has no NUL inside. */
typedef int (*json_member_fn)(void *ctx, const char *name, const struct json_value *value);
/* Walks the members, in no order that counts. The last answer of `on_member`; 0 for other kinds. */
int json_value_each(const struct json_value *value, json_member_fn on_member, void *ctx);
/* The value at `pointer` below `value`. */
const struct json_value *json_value_find(const struct json_value *value, const char *pointer);

#endif

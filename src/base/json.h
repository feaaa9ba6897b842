/*
 * base/json.h - a streaming JSON writer. Commas, indentation and escapes are its own affair; text
 * that is not UTF-8 is repaired with U+FFFD, so the output is always valid JSON.
 */
#ifndef CICADA_BASE_JSON_H
#define CICADA_BASE_JSON_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_DEPTH_LIMIT = 32 };

struct json {
    struct buf *out; /* borrowed */
    int indent;      /* spaces a level; 0: all on one line */
    int depth;
    bool has_member[JSON_DEPTH_LIMIT];
    bool after_key;
};

/* Writes to the end of `out`, which must have no limit. */
void json_init(struct json *json, struct buf *out, int indent);
void json_begin_object(struct json *json);
void json_end_object(struct json *json);
void json_begin_array(struct json *json);
void json_end_array(struct json *json);
/* Inside an object: the name of the value that follows. */
void json_key(struct json *json, const char *name);
void json_text(struct json *json, const char *text);
void json_bytes(struct json *json, const uint8_t *bytes, size_t len);
void json_uint(struct json *json, uint64_t value);
void json_int(struct json *json, int64_t value);
/*
 * The shortest form that reads back the same, but no more than `decimals` places (0 to 30); NaN and
 * infinities become null.
 */
void json_number(struct json *json, double value, int decimals);
void json_bool(struct json *json, bool value);
void json_null(struct json *json);

/* A member of an object: its key and its value. */
void json_put_number(struct json *json, const char *key, double value, int decimals);
void json_put_uint(struct json *json, const char *key, uint64_t value);
/* `text` NULL is written as "". */
void json_put_text(struct json *json, const char *key, const char *text);

/* The escaped form of a JSON string with its quotes, on its own. */
void json_append_string(struct buf *out, const uint8_t *bytes, size_t len);

#endif

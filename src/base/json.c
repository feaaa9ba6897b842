#include "base/json.h"

#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A double of 2^53 and more is a whole number; printing its decimals would only print noise. */
static const double JSON_WHOLE_FROM = 9007199254740992.0;

static void put(struct json *json, const char *text)
{
    (void)buf_append_text(json->out, text);
}

static void start_line(struct json *json)
{
    if (json->indent == 0)
        return;
    put(json, "\n");
    for (int spaces = json->indent * json->depth; spaces > 0; spaces--)
        put(json, " ");
}

/* What stands before a value or a key: nothing after a key, else comma and line. */
static void start_item(struct json *json)
{
    if (json->after_key) {
        json->after_key = false;
        return;
    }
    if (json->depth == 0)
        return;
    if (json->has_member[json->depth])
        put(json, ",");
    json->has_member[json->depth] = true;
    start_line(json);
}

static void begin(struct json *json, const char *bracket)
{
    start_item(json);
    put(json, bracket);
    json->depth++;
    assert(json->depth < JSON_DEPTH_LIMIT);
    json->has_member[json->depth] = false;
}

static void end(struct json *json, const char *bracket)
{
    assert(json->depth > 0 && !json->after_key);
    json->depth--;
    if (json->has_member[json->depth + 1])
        start_line(json);
    put(json, bracket);
}

/* What one byte becomes inside a string, or NULL when it stands for itself. */
static const char *escape_byte(uint8_t byte, char room[8])
{
    switch (byte) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    default:
        break;
    }
    if (byte >= 0x20)
        return NULL;
    (void)snprintf(room, 8, "\\u%04x", byte);
    return room;
}

void json_init(struct json *json, struct buf *out, int indent)
{
    assert(out->limit_bytes == 0);
    *json = (struct json){.out = out, .indent = indent};
}

void json_begin_object(struct json *json)
{
    begin(json, "{");
}

void json_end_object(struct json *json)
{
    end(json, "}");
}

void json_begin_array(struct json *json)
{
    begin(json, "[");
}

void json_end_array(struct json *json)
{
    end(json, "]");
}

void json_key(struct json *json, const char *name)
{
    assert(json->depth > 0 && !json->after_key);
    start_item(json);
    json_append_string(json->out, (const uint8_t *)name, strlen(name));
    put(json, json->indent > 0 ? ": " : ":");
    json->after_key = true;
}

void json_text(struct json *json, const char *text)
{
    json_bytes(json, (const uint8_t *)text, strlen(text));
}

void json_bytes(struct json *json, const uint8_t *bytes, size_t len)
{
    start_item(json);
    json_append_string(json->out, bytes, len);
}

void json_uint(struct json *json, uint64_t value)
{
    start_item(json);
    (void)buf_appendf(json->out, "%" PRIu64, value);
}

void json_int(struct json *json, int64_t value)
{
    start_item(json);
    (void)buf_appendf(json->out, "%" PRId64, value);
}

void json_number(struct json *json, double value, int decimals)
{
    char text[64];
    size_t len;
    int places = 0;

    assert(decimals >= 0 && decimals <= 30);
    start_item(json);
    if (!isfinite(value)) {
        put(json, "null");
        return;
    }
    if (fabs(value) >= JSON_WHOLE_FROM) {
        do {
            (void)snprintf(text, sizeof text, "%.*g", ++places, value);
        } while (places < 17 && strtod(text, NULL) != value);
        put(json, text);
        return;
    }
    (void)snprintf(text, sizeof text, "%.0f", value);
    while (places < decimals && strtod(text, NULL) != value)
        (void)snprintf(text, sizeof text, "%.*f", ++places, value);
    len = strlen(text);
    if (places > 0) {
        while (text[len - 1] == '0')
            len--;
        if (text[len - 1] == '.')
            len--;
    }
    if (len == 2 && text[0] == '-' && text[1] == '0')
        put(json, "0");
    else
        (void)buf_append(json->out, text, len);
}

void json_bool(struct json *json, bool value)
{
    start_item(json);
    put(json, value ? "true" : "false");
}

void json_null(struct json *json)
{
    start_item(json);
    put(json, "null");
}

void json_append_string(struct buf *out, const uint8_t *bytes, size_t len)
{
    size_t start = 0;
    char room[8];

    (void)buf_append_byte(out, '"');
    for (size_t at = 0; at < len; at++) {
        const char *escape = escape_byte(bytes[at], room);

        if (!escape)
            continue;
        /* Every escaped byte is ASCII, so no character is cut in two. */
        (void)utf8_append_lossy(out, bytes + start, at - start);
        (void)buf_append_text(out, escape);
        start = at + 1;
    }
    (void)utf8_append_lossy(out, bytes + start, len - start);
    (void)buf_append_byte(out, '"');
}

void json_put_number(struct json *json, const char *key, double value, int decimals)
{
    json_key(json, key);
    json_number(json, value, decimals);
}

void json_put_uint(struct json *json, const char *key, uint64_t value)
{
    json_key(json, key);
    json_uint(json, value);
}

void json_put_text(struct json *json, const char *key, const char *text)
{
    json_key(json, key);
    json_text(json, text ? text : "");
}

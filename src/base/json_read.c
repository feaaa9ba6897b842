#include "base/json_read.h"

#include "base/buf.h"

#include <jansson.h>

#include <string.h>

_Static_assert(JSON_READ_DEPTH_LIMIT == JSON_PARSER_MAX_DEPTH, "the library's own limit");

/* Documents and values are the library's values under names of ours. */
static json_t *inner(const struct json_value *value)
{
    union {
        const struct json_value *ours;
        json_t *theirs;
    } cast = {.ours = value};

    return cast.theirs;
}

static const struct json_value *outer(const json_t *value)
{
    return (const struct json_value *)(const void *)value;
}

struct json_document *json_read(const void *bytes, size_t len, struct err *err)
{
    json_error_t error;
    json_t *root;

    if (len > JSON_READ_LIMIT_BYTES) {
        err_set(err, ERR_LIMIT, "JSON document of more than 64 MiB");
        return NULL;
    }
    root = json_loadb(len > 0 ? bytes : "", len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!root)
        err_set(err, ERR_USAGE, "not JSON: %s in line %d, column %d", error.text, error.line,
                error.column);
    return (struct json_document *)(void *)root;
}

bool json_is_sound(const void *bytes, size_t len)
{
    size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
    json_t *root =
        len > 0 && len <= JSON_READ_LIMIT_BYTES ? json_loadb(bytes, len, flags, NULL) : NULL;
    bool is_sound = root;

    json_decref(root);
    return is_sound;
}

void json_document_free(struct json_document *document)
{
    json_decref((json_t *)(void *)document);
}

int json_check_pointer(const char *pointer, struct err *err)
{
    if (*pointer != '\0' && *pointer != '/') {
        err_set(err, ERR_USAGE, "JSON Pointer '%s' does not start with '/'", pointer);
        return -1;
    }
    for (const char *at = strchr(pointer, '~'); at; at = strchr(at + 1, '~')) {
        if (at[1] != '0' && at[1] != '1') {
            err_set(err, ERR_USAGE, "JSON Pointer '%s' holds a '~' without 0 or 1 behind it",
                    pointer);
            return -1;
        }
    }
    return 0;
}

/* RFC 6901, section 4: digits without a leading zero. */
static json_t *find_element(json_t *array, const char *token, size_t len)
{
    size_t index = 0;

    if (len == 0 || len > 9 || (token[0] == '0' && len > 1))
        return NULL;
    for (size_t i = 0; i < len; i++) {
        if (token[i] < '0' || token[i] > '9')
            return NULL;
        index = index * 10 + (size_t)(token[i] - '0');
    }
    return json_array_get(array, index);
}

static json_t *find_member(json_t *object, const char *token, size_t len)
{
    struct buf name = {0};
    json_t *member = NULL;
    bool is_good = true;

    for (size_t i = 0; i < len && is_good; i++) {
        char byte = token[i];

        if (byte == '~') {
            i++;
            is_good = i < len && (token[i] == '0' || token[i] == '1');
            byte = is_good && token[i] == '1' ? '/' : '~';
        }
        (void)buf_append_byte(&name, (uint8_t)byte);
    }
    if (is_good)
        member = json_object_get(object, buf_text(&name));
    buf_fini(&name);
    return member;
}

const struct json_value *json_value_find(const struct json_value *value, const char *pointer)
{
    json_t *at = inner(value);

    while (at && *pointer != '\0') {
        size_t len;

        if (*pointer != '/')
            return NULL;
        pointer++;
        len = strcspn(pointer, "/");
        if (json_is_array(at))
            at = find_element(at, pointer, len);
        else
            at = json_is_object(at) ? find_member(at, pointer, len) : NULL;
        pointer += len;
    }
    return outer(at);
}

const struct json_value *json_find(const struct json_document *document, const char *pointer)
{
    return json_value_find((const struct json_value *)(const void *)document, pointer);
}

enum json_kind json_value_kind(const struct json_value *value)
{
    if (!value)
        return JSON_KIND_NONE;
    switch (json_typeof(inner(value))) {
    case JSON_OBJECT:
        return JSON_KIND_OBJECT;
    case JSON_ARRAY:
        return JSON_KIND_ARRAY;
    case JSON_STRING:
        return JSON_KIND_TEXT;
    case JSON_INTEGER:
    case JSON_REAL:
        return JSON_KIND_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE:
        return JSON_KIND_BOOL;
    case JSON_NULL:
        return JSON_KIND_NULL;
    }
    return JSON_KIND_NONE;
}

const char *json_value_text(const struct json_value *value, size_t *len)
{
    if (json_value_kind(value) != JSON_KIND_TEXT)
        return NULL;
    if (len)
        *len = json_string_length(inner(value));
    return json_string_value(inner(value));
}

bool json_value_number(const struct json_value *value, double *result)
{
    if (json_value_kind(value) != JSON_KIND_NUMBER)
        return false;
    *result = json_number_value(inner(value));
    return true;
}

bool json_value_whole(const struct json_value *value, int64_t *result)
{
    if (!value || !json_is_integer(inner(value)))
        return false;
    *result = (int64_t)json_integer_value(inner(value));
    return true;
}

bool json_value_bool(const struct json_value *value, bool *result)
{
    if (json_value_kind(value) != JSON_KIND_BOOL)
        return false;
    *result = json_is_true(inner(value));
    return true;
}

size_t json_value_count(const struct json_value *value)
{
    if (json_value_kind(value) == JSON_KIND_OBJECT)
        return json_object_size(inner(value));
    return json_value_kind(value) == JSON_KIND_ARRAY ? json_array_size(inner(value)) : 0;
}

int json_value_each(const struct json_value *value, json_member_fn on_member, void *ctx)
{
    json_t *object = inner(value);
    int result = 0;

    for (void *at = json_object_iter(object); at && result == 0;
         at = json_object_iter_next(object, at))
        result = on_member(ctx, json_object_iter_key(at), outer(json_object_iter_value(at)));
    return result;
}

#include "base/json_pointer.h"

#include "base/ascii.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { INDEX_DIGITS = 9, NO_INDEX = -1, UTF8_BYTES = 4 };

struct token {
    char *text; /* owned, ~0 and ~1 undone */
    size_t len;
    int32_t index; /* as an element of an array, or NO_INDEX */
};

struct json_pointer {
    size_t count;
    struct token tokens[];
};

struct scan {
    const uint8_t *at, *end;
};

/* --- the pointer --- */

/* RFC 6901, section 4: digits without a leading zero. */
static int32_t read_index(const struct token *token)
{
    int32_t index = 0;

    if (token->len == 0 || token->len > INDEX_DIGITS || (token->text[0] == '0' && token->len > 1))
        return NO_INDEX;
    for (size_t i = 0; i < token->len; i++) {
        if (token->text[i] < '0' || token->text[i] > '9')
            return NO_INDEX;
        index = index * 10 + (token->text[i] - '0');
    }
    return index;
}

/* `text` has been checked: behind each '~' stands 0 or 1. */
static void compile(struct token *token, const char *text, size_t len)
{
    token->text = x_strndup(text, len);
    for (size_t i = 0; i < len; i++) {
        char byte = text[i];

        if (byte == '~')
            byte = text[++i] == '1' ? '/' : '~';
        token->text[token->len++] = byte;
    }
    token->text[token->len] = '\0';
    token->index = read_index(token);
}

struct json_pointer *json_pointer_new(const char *text, struct err *err)
{
    struct json_pointer *pointer;
    size_t count = 0;

    if (json_check_pointer(text, err) < 0)
        return NULL;
    for (const char *at = strchr(text, '/'); at; at = strchr(at + 1, '/'))
        count++;
    pointer = x_calloc(1, sizeof *pointer + count * sizeof *pointer->tokens);
    while (*text == '/') {
        size_t len = strcspn(++text, "/");

        compile(&pointer->tokens[pointer->count++], text, len);
        text += len;
    }
    return pointer;
}

void json_pointer_free(struct json_pointer *pointer)
{
    for (size_t i = 0; pointer && i < pointer->count; i++)
        free(pointer->tokens[i].text);
    free(pointer);
}

/* --- over values --- */

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* The next byte that is no blank; 0 at the end. */
static uint8_t next(struct scan *scan)
{
    while (scan->at < scan->end && is_blank(*scan->at))
        scan->at++;
    return scan->at < scan->end ? *scan->at : 0;
}

static bool take(struct scan *scan, uint8_t byte)
{
    if (next(scan) != byte)
        return false;
    scan->at++;
    return true;
}

/* From the opening quote to behind the closing one. */
static bool skip_text(struct scan *scan)
{
    for (scan->at++; scan->at < scan->end; scan->at++) {
        if (*scan->at == '"') {
            scan->at++;
            return true;
        }
        if (*scan->at == '\\')
            scan->at++;
    }
    scan->at = scan->end;
    return false;
}

/* From the opening bracket to behind the one that closes it, of whatever shape. */
static bool skip_nested(struct scan *scan)
{
    size_t depth = 0;

    while (scan->at < scan->end) {
        uint8_t byte = *scan->at;

        if (byte == '"') {
            if (!skip_text(scan))
                return false;
            continue;
        }
        scan->at++;
        if (byte == '{' || byte == '[')
            depth++;
        else if ((byte == '}' || byte == ']') && --depth == 0)
            return true;
    }
    return false;
}

/* A number or a word. */
static bool skip_word(struct scan *scan)
{
    const uint8_t *start = scan->at;

    while (scan->at < scan->end && !is_blank(*scan->at) && *scan->at != ',' && *scan->at != '}' &&
           *scan->at != ']' && *scan->at != ':')
        scan->at++;
    return scan->at > start;
}

static bool skip_value(struct scan *scan)
{
    switch (next(scan)) {
    case '"':
        return skip_text(scan);
    case '{':
    case '[':
        return skip_nested(scan);
    default:
        return skip_word(scan);
    }
}

/* --- names --- */

/* Four hexadecimal digits at `text`; -1 when they are none. */
static int32_t read_unit(const uint8_t *text, size_t len)
{
    int32_t unit = 0;

    for (size_t i = 0; i < 4; i++) {
        int digit = i < len ? ascii_hex_digit((char)text[i]) : -1;

        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static size_t put_utf8(uint32_t code, uint8_t out[UTF8_BYTES])
{
    static const uint8_t heads[UTF8_BYTES + 1] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    for (size_t i = len - 1; i > 0; i--, code >>= 6)
        out[i] = (uint8_t)(0x80 | (code & 0x3f));
    out[0] = (uint8_t)(heads[len] | code);
    return len;
}

/* What the escape at `text`, behind its backslash, stands for; *used is what it took of the text.
 * 0 for what is no escape. */
static size_t undo_escape(const uint8_t *text, size_t len, size_t *used, uint8_t out[UTF8_BYTES])
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    const char *name = len > 0 && text[0] != '\0' ? strchr(names, text[0]) : NULL;
    int32_t high, low = -1;

    *used = 1;
    if (name) {
        out[0] = (uint8_t)bytes[name - names];
        return 1;
    }
    high = len > 0 && text[0] == 'u' ? read_unit(text + 1, len - 1) : -1;
    if (high < 0)
        return 0;
    *used = 5;
    if (high < 0xd800 || high > 0xdfff)
        return put_utf8((uint32_t)high, out);
    if (len > 7 && text[5] == '\\' && text[6] == 'u')
        low = read_unit(text + 7, len - 7);
    if (high > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return 0;
    *used = 11;
    return put_utf8((uint32_t)(0x10000 + (high - 0xd800) * 0x400 + (low - 0xdc00)), out);
}

static bool is_escaped_text(const uint8_t *raw, size_t raw_len, const char *text, size_t text_len)
{
    size_t done = 0;

    for (size_t i = 0; i < raw_len;) {
        uint8_t bytes[UTF8_BYTES] = {raw[i]};
        size_t len = 1, used = 0;

        if (raw[i] == '\\')
            len = undo_escape(raw + i + 1, raw_len - i - 1, &used, bytes);
        if (len == 0 || len > text_len - done || memcmp(text + done, bytes, len) != 0)
            return false;
        done += len;
        i += 1 + used;
    }
    return done == text_len;
}

static bool is_text(const uint8_t *raw, size_t raw_len, const char *text, size_t text_len)
{
    if (raw_len == text_len && memcmp(raw, text, raw_len) == 0)
        return true;
    return memchr(raw, '\\', raw_len) && is_escaped_text(raw, raw_len, text, text_len);
}

/* --- steps down --- */

static bool enter_member(struct scan *scan, const struct token *token)
{
    do {
        const uint8_t *name;
        bool is_found;

        if (next(scan) != '"')
            return false;
        name = scan->at + 1;
        if (!skip_text(scan))
            return false;
        is_found = is_text(name, (size_t)(scan->at - name) - 1, token->text, token->len);
        if (!take(scan, ':'))
            return false;
        if (is_found)
            return true;
    } while (skip_value(scan) && take(scan, ','));
    return false;
}

static bool enter_element(struct scan *scan, const struct token *token)
{
    for (int32_t i = 0; i < token->index; i++) {
        if (!skip_value(scan) || !take(scan, ','))
            return false;
    }
    return token->index != NO_INDEX;
}

static enum json_kind kind_of(uint8_t byte)
{
    switch (byte) {
    case '{':
        return JSON_KIND_OBJECT;
    case '[':
        return JSON_KIND_ARRAY;
    case '"':
        return JSON_KIND_TEXT;
    case 't':
    case 'f':
        return JSON_KIND_BOOL;
    case 'n':
        return JSON_KIND_NULL;
    default:
        return byte == '-' || (byte >= '0' && byte <= '9') ? JSON_KIND_NUMBER : JSON_KIND_NONE;
    }
}

bool json_peek(const uint8_t *bytes, size_t len, const struct json_pointer *pointer,
               struct json_peek *value)
{
    struct scan scan = {.at = bytes, .end = len > 0 ? bytes + len : bytes};
    const uint8_t *start;
    enum json_kind kind;

    for (size_t i = 0; i < pointer->count; i++) {
        const struct token *token = &pointer->tokens[i];

        if (take(&scan, '{') ? !enter_member(&scan, token)
                             : !take(&scan, '[') || !enter_element(&scan, token))
            return false;
    }
    kind = kind_of(next(&scan));
    start = scan.at;
    if (kind == JSON_KIND_NONE || !skip_value(&scan))
        return false;
    *value = (struct json_peek){kind, start, (size_t)(scan.at - start)};
    if (kind == JSON_KIND_TEXT) {
        value->bytes++;
        value->len -= 2;
    }
    return true;
}

bool json_peek_equals(const struct json_peek *value, const char *text, size_t len)
{
    if (value->kind == JSON_KIND_TEXT)
        return is_text(value->bytes, value->len, text, len);
    return value->len == len && memcmp(value->bytes, text, len) == 0;
}

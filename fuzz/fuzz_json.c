/*
 * fuzz/fuzz_json.c - documents and pointers: what is found has a kind and is found again from the
 * root, and a text that is written out reads as itself. The scan for one value stays in any text.
 *
 * The input up to its first line end is the pointer, the rest the document.
 */
#include "base/buf.h"
#include "base/json.h"
#include "base/json_pointer.h"
#include "base/json_read.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "%s\n", what);
        abort();
    }
}

static void check_text(const char *text, size_t len)
{
    struct json_document *document;
    struct buf written = {0};
    struct err err = {0};
    const char *again;
    size_t again_len;

    require(text[len] == '\0', "a text without its NUL");
    require(utf8_valid((const uint8_t *)text, len), "a text that is not UTF-8");
    json_append_string(&written, (const uint8_t *)text, len);
    document = json_read(written.bytes, written.len, &err);
    again = document ? json_value_text(json_find(document, ""), &again_len) : NULL;
    require(again && again_len == len && memcmp(again, text, len) == 0, "reads as another text");
    json_document_free(document);
    buf_fini(&written);
}

static void check_value(const struct json_value *value)
{
    const enum json_kind kind = json_value_kind(value);
    double number = 0;
    int64_t whole = 0;
    bool is_true;
    size_t len;
    const char *text = json_value_text(value, &len);

    require((kind == JSON_KIND_TEXT) == (text != NULL), "a text of another kind");
    require(json_value_number(value, &number) == (kind == JSON_KIND_NUMBER), "a number");
    require(!json_value_whole(value, &whole) || (double)whole == number, "two numbers");
    require(json_value_bool(value, &is_true) == (kind == JSON_KIND_BOOL), "a bool");
    require(json_value_count(value) == 0 || kind == JSON_KIND_ARRAY || kind == JSON_KIND_OBJECT,
            "members of a scalar");
    if (text)
        check_text(text, len);
}

/* `split` bytes of the pointer, and then the rest from what those found. */
static void check_steps(const struct json_document *document, const char *pointer, size_t split)
{
    char *start = x_strndup(pointer, split);
    const struct json_value *middle = json_find(document, start);

    require(json_find(document, pointer) ==
                (middle ? json_value_find(middle, pointer + split) : NULL),
            "two steps lead elsewhere");
    free(start);
}

static void check_document(const struct json_document *document, const char *pointer)
{
    const struct json_value *root = json_find(document, ""), *value = json_find(document, pointer);
    struct err err = {0};

    require(root && json_value_kind(root) != JSON_KIND_NONE, "a document without a value");
    check_value(root);
    if (json_check_pointer(pointer, &err) < 0) {
        require(err.text[0] != '\0', "a pointer refused without a word");
        require(!value, "found by what is no pointer");
        return;
    }
    check_value(value);
    for (const char *at = strchr(pointer, '/'); at; at = strchr(at + 1, '/'))
        check_steps(document, pointer, (size_t)(at - pointer));
}

/* What the scan finds in any text lies in it; in a document, it is a value of the kind it says. */
static void check_scan(const uint8_t *bytes, size_t len, const char *pointer, bool is_document)
{
    struct err err = {0};
    struct json_pointer *compiled = json_pointer_new(pointer, &err);
    struct json_document *part;
    struct json_peek value;

    if (compiled && json_peek(bytes, len, compiled, &value)) {
        size_t quote = value.kind == JSON_KIND_TEXT ? 1 : 0;

        require(value.bytes >= bytes + quote && value.bytes + value.len + quote <= bytes + len,
                "found outside");
        part = json_read(value.bytes - quote, value.len + 2 * quote, &err);
        require(!is_document || json_value_kind(json_find(part, "")) == value.kind,
                "found what is no such value");
        json_document_free(part);
    } else if (is_document && compiled) {
        require(*pointer != '\0', "found no root");
    }
    json_pointer_free(compiled);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const uint8_t *line_end = len > 0 ? memchr(bytes, '\n', len) : NULL;
    size_t start = line_end ? (size_t)(line_end - bytes) : 0;
    char *pointer = x_strndup(line_end ? (const char *)bytes : "", start);
    struct err err = {0};
    const uint8_t *text = (const uint8_t *)"";
    struct json_document *document;

    if (line_end)
        start++;
    if (len > 0)
        text = bytes + start;
    document = json_read(text, len - start, &err);
    check_scan(text, len - start, pointer, document != NULL);
    if (document)
        check_document(document, pointer);
    else
        require(err.text[0] != '\0', "refused without a word");
    json_document_free(document);
    free(pointer);
    return 0;
}

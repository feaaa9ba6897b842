#include "http/head.h"

#include "base/ascii.h"
#include "base/mem.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FIRST_FIELD_CAP = 8 };

static const char EVENT_STREAM_TYPE[] = "text/event-stream";

/* RFC 9110, section 5.5: blanks around a value are no part of it. */
static const char *trim(const char *text, size_t *len)
{
    while (*len > 0 && ascii_is_blank(text[*len - 1]))
        --*len;
    while (*len > 0 && ascii_is_blank(*text)) {
        text++;
        --*len;
    }
    return text;
}

/* `text` holds at most HTTP_HEAD_LIMIT_BYTES, so that every offset fits 32 bits. */
static int add_text(struct http_head *head, const char *at, size_t len)
{
    return len > 0 ? buf_append(&head->text, at, len) : 0;
}

static const char *text_at(const struct http_head *head, uint32_t at)
{
    return head->text.bytes ? (const char *)head->text.bytes + at : "";
}

bool http_head_is_over_count(const struct http_head *head)
{
    return head->field_count > HTTP_HEADER_COUNT_LIMIT;
}

static int begin_field(struct http_head *head)
{
    if (http_head_is_over_count(head))
        return -1;
    if (head->field_count == head->field_cap) {
        head->field_cap = head->field_cap > 0 ? 2 * head->field_cap : FIRST_FIELD_CAP;
        head->fields = x_realloc(head->fields, head->field_cap * sizeof *head->fields);
    }
    head->fields[head->field_count] = (struct http_field){.name_at = (uint32_t)head->text.len};
    head->field_count++;
    return 0;
}

void http_head_init(struct http_head *head)
{
    *head = (struct http_head){0};
    buf_init(&head->text, HTTP_HEAD_LIMIT_BYTES);
}

void http_head_fini(struct http_head *head)
{
    free(head->fields);
    buf_fini(&head->text);
    http_head_init(head);
}

void http_head_clear(struct http_head *head)
{
    buf_clear(&head->text);
    head->field_count = 0;
    head->target_at = head->target_bytes = 0;
    head->status = 0;
    head->method = 0;
    head->http_minor = 0;
}

int http_head_add_target(struct http_head *head, const char *at, size_t len)
{
    assert(head->field_count == 0);
    if (add_text(head, at, len) < 0)
        return -1;
    head->target_bytes += (uint32_t)len;
    return 0;
}

/*
 * The first call for a name begins a field, and its value begins with the first call for it; either
 * may bring no bytes. A value never starts at 0, because a name stands before it.
 */
int http_head_add_name(struct http_head *head, const char *at, size_t len)
{
    if (head->field_count == 0 || head->fields[head->field_count - 1].value_at > 0) {
        if (begin_field(head) < 0)
            return -1;
    }
    if (add_text(head, at, len) < 0)
        return -1;
    head->fields[head->field_count - 1].name_bytes += (uint32_t)len;
    return 0;
}

int http_head_add_value(struct http_head *head, const char *at, size_t len)
{
    struct http_field *field;

    if (head->field_count == 0)
        return -1;
    field = &head->fields[head->field_count - 1];
    if (field->name_bytes == 0)
        return -1;
    if (field->value_at == 0)
        field->value_at = (uint32_t)head->text.len;
    if (add_text(head, at, len) < 0)
        return -1;
    field->value_bytes += (uint32_t)len;
    return 0;
}

bool http_head_name_is_valid(const struct http_head *head)
{
    size_t len = 0;
    const char *name;

    if (head->field_count == 0)
        return false;
    name = http_head_name_at(head, head->field_count - 1, &len);
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)name[i];

        if (!isalnum(byte) && (byte == '\0' || !strchr("!#$%&'*+-.^_`|~", byte)))
            return false;
    }
    return len > 0;
}

const char *http_head_reason(const struct http_head *head, size_t *len)
{
    *len = head->target_bytes;
    return (const char *)head->text.bytes + head->target_at;
}

const char *http_head_find(const struct http_head *head, const char *name, size_t *len)
{
    size_t name_bytes = strlen(name);

    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];

        if (field->name_bytes == name_bytes &&
            strncasecmp(text_at(head, field->name_at), name, name_bytes) == 0)
            return http_head_value_at(head, i, len);
    }
    return NULL;
}

const char *http_head_name_at(const struct http_head *head, size_t index, size_t *len)
{
    assert(index < head->field_count);
    *len = head->fields[index].name_bytes;
    return text_at(head, head->fields[index].name_at);
}

const char *http_head_value_at(const struct http_head *head, size_t index, size_t *len)
{
    assert(index < head->field_count);
    *len = head->fields[index].value_bytes;
    return trim(text_at(head, head->fields[index].value_at), len);
}

bool http_head_is_event_stream(const struct http_head *head)
{
    size_t len = 0;
    const char *value = http_head_find(head, "content-type", &len);
    const char *semicolon;

    if (!value)
        return false;
    semicolon = memchr(value, ';', len);
    if (semicolon)
        len = (size_t)(semicolon - value);
    value = trim(value, &len);
    return len == sizeof EVENT_STREAM_TYPE - 1 && strncasecmp(value, EVENT_STREAM_TYPE, len) == 0;
}

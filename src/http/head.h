/*
 * http/head.h - the head of a message: status or request line, header fields in order. One bounded
 * buffer.
 */
#ifndef CICADA_HTTP_HEAD_H
#define CICADA_HTTP_HEAD_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_HEAD_LIMIT_BYTES = 64 * 1024,
    HTTP_HEADER_COUNT_LIMIT = 200,
    HTTP_CHUNK_LINE_LIMIT_BYTES = 4096
};

struct http_field {
    uint32_t name_at, name_bytes;
    uint32_t value_at, value_bytes;
};

/* Callers use the functions; the layout is open for the parsers that fill it. */
struct http_head {
    struct buf text; /* names and values, one behind the other */
    struct http_field *fields;
    size_t field_count;
    size_t field_cap;
    uint32_t target_at, target_bytes; /* requests; of responses the reason phrase */
    uint16_t status;                  /* responses */
    uint8_t method;                   /* requests: of the parser */
    uint8_t http_minor;
};

void http_head_init(struct http_head *head);
void http_head_fini(struct http_head *head);
void http_head_clear(struct http_head *head);
/*
 * Used by parsers: bytes of the target (of a response: the reason phrase), field name or value, in
 * pieces; a name after a value begins a field. -1 past a limit, and for a value whose name is
 * empty.
 */
int http_head_add_target(struct http_head *head, const char *at, size_t len);
int http_head_add_name(struct http_head *head, const char *at, size_t len);
int http_head_add_value(struct http_head *head, const char *at, size_t len);
/*
 * A field more than the limit has begun. A parser refuses the head once that field's name is over,
 * so that the reason does not depend on how the head was cut.
 */
bool http_head_is_over_count(const struct http_head *head);
/* The latest name is one: a token (RFC 9110, section 5.6.2), so neither empty nor with blanks. */
bool http_head_name_is_valid(const struct http_head *head);

/* The first value of `name` (any case), not NUL-terminated; NULL when absent. Borrowed. */
const char *http_head_find(const struct http_head *head, const char *name, size_t *len);
/* The reason phrase of a response, as it came; *len 0: none. Borrowed. */
const char *http_head_reason(const struct http_head *head, size_t *len);
/* Field `index`, in the order they came. Borrowed. */
const char *http_head_name_at(const struct http_head *head, size_t index, size_t *len);
const char *http_head_value_at(const struct http_head *head, size_t index, size_t *len);
/* content-type is text/event-stream, any case, any parameters (WHATWG MIME Sniffing essence). */
bool http_head_is_event_stream(const struct http_head *head);

#endif

/*
 * sse/line.h - lines and fields of an event stream; private to this folder. Inline, because a line
 * takes only a few nanoseconds.
 */
#ifndef CICADA_SSE_LINE_H
#define CICADA_SSE_LINE_H

#include "sse/parser.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A walk over the lines of one slice. Each byte is searched for each line end once at most. */
struct line_cursor {
    const uint8_t *at, *end;
    const uint8_t *next_lf, *next_cr; /* the next ones not before `at`; `end` when there is none */
};

enum line_kind {
    LINE_UNKNOWN = 0, /* no comment, and no field of the standard */
    LINE_DATA,
    LINE_NAME,
    LINE_ID,
    LINE_BAD_ID, /* holds a NUL: ignored */
    LINE_RETRY,
    LINE_COMMENT
};

struct line {
    const uint8_t *bytes;
    size_t len;
    enum line_kind kind;
    const uint8_t *value;
    size_t value_bytes;
};

static inline const uint8_t *line_find_byte(const uint8_t *at, const uint8_t *end, int byte)
{
    const uint8_t *found = memchr(at, byte, (size_t)(end - at));

    return found ? found : end;
}

static inline struct line_cursor line_cursor_make(const uint8_t *bytes, size_t len)
{
    const uint8_t *end = bytes + len;

    return (struct line_cursor){bytes, end, line_find_byte(bytes, end, '\n'),
                                line_find_byte(bytes, end, '\r')};
}

/*
 * Takes the next whole line into bytes and len of `line`. False, with the rest of the slice there,
 * when no line end is left. An LF behind a CR goes with it; *ends_in_cr is set when it could still
 * come with the next slice.
 */
static inline bool line_cursor_next(struct line_cursor *cursor, struct line *line, bool *ends_in_cr)
{
    const uint8_t *stop;

    if (cursor->next_lf < cursor->at) {
        /* A blank line behind every block: not worth a call. */
        if (cursor->at < cursor->end && *cursor->at == '\n')
            cursor->next_lf = cursor->at;
        else
            cursor->next_lf = line_find_byte(cursor->at, cursor->end, '\n');
    }
    if (cursor->next_cr < cursor->at)
        cursor->next_cr = line_find_byte(cursor->at, cursor->end, '\r');
    stop = cursor->next_lf < cursor->next_cr ? cursor->next_lf : cursor->next_cr;
    line->bytes = cursor->at;
    line->len = (size_t)(stop - cursor->at);
    cursor->at = stop;
    if (stop == cursor->end)
        return false;
    cursor->at++;
    if (*stop == '\r') {
        if (cursor->at == cursor->end)
            *ends_in_cr = true;
        else if (*cursor->at == '\n')
            cursor->at++;
    }
    return true;
}

/* Whether the field name of `line`, all up to the first colon, is `name`. */
static inline bool line_has_name(const struct line *line, const char *name, size_t name_len)
{
    return line->len >= name_len && memcmp(line->bytes, name, name_len) == 0 &&
           (line->len == name_len || line->bytes[name_len] == ':');
}

static inline void line_set_value(struct line *line, enum line_kind kind, size_t name_len)
{
    size_t start = name_len;

    if (start < line->len)
        start++; /* the colon */
    if (start < line->len && line->bytes[start] == ' ')
        start++;
    line->kind = kind;
    line->value = line->bytes + start;
    line->value_bytes = line->len - start;
}

/* Sets kind and value of a line that is not empty. */
__attribute__((always_inline)) static inline void line_split(struct line *line)
{
    line->kind = LINE_UNKNOWN;
    switch (line->bytes[0]) {
    case 'd':
        if (line_has_name(line, "data", 4))
            line_set_value(line, LINE_DATA, 4);
        break;
    case 'e':
        if (line_has_name(line, "event", 5))
            line_set_value(line, LINE_NAME, 5);
        break;
    case 'i':
        if (line_has_name(line, "id", 2)) {
            line_set_value(line, LINE_ID, 2);
            if (memchr(line->value, '\0', line->value_bytes))
                line->kind = LINE_BAD_ID;
        }
        break;
    case 'r':
        if (line_has_name(line, "retry", 5))
            line_set_value(line, LINE_RETRY, 5);
        break;
    case ':':
        line_set_value(line, LINE_COMMENT, 0);
        break;
    default:
        break;
    }
}

/* Only lines that bear on the dispatch of their block must outlive their slice. */
static inline bool line_is_kept(enum line_kind kind)
{
    return kind == LINE_DATA || kind == LINE_NAME || kind == LINE_ID;
}

/* The value in milliseconds, capped. False unless it is all ASCII digits, and one at least. */
static inline bool line_parse_retry(const struct line *line, uint32_t *retry_ms)
{
    uint32_t value = 0;

    for (size_t i = 0; i < line->value_bytes; i++) {
        if (line->value[i] < '0' || line->value[i] > '9')
            return false;
        value = value * 10 + (uint32_t)(line->value[i] - '0');
        if (value > SSE_RETRY_CAP_MS)
            value = SSE_RETRY_CAP_MS; /* ten times that and nine still fits 32 bits */
    }
    *retry_ms = value;
    return line->value_bytes > 0;
}

#endif

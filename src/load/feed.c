#include "load/feed.h"

#include "base/mem.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct feed {
    char *text;      /* owned: every value, unquoted, each with a NUL behind it */
    uint32_t *at;    /* owned: where each field starts in text; the header's come first */
    uint32_t *lines; /* owned: the line on which each row starts */
    size_t field_count, field_cap;
    size_t row_count, row_cap; /* without the header */
    size_t column_count;       /* 0 until the header is read */
};

struct reader {
    const char *at, *end;
    size_t line;            /* from 1 */
    const char *line_start; /* of that line */
    char *out;              /* next free byte of feed->text */
    struct feed *feed;
    struct err *err;
};

/* Fails at `place` on the line under way. */
static int fail_at(struct reader *reader, const char *place, const char *what)
{
    err_set(reader->err, ERR_USAGE, "line %zu, column %zu: %s", reader->line,
            (size_t)(place - reader->line_start) + 1, what);
    return -1;
}

static void *grow(void *items, size_t *cap, size_t count, size_t item_bytes)
{
    if (count < *cap)
        return items;
    *cap = *cap > 0 ? *cap * 2 : 64;
    return x_realloc(items, *cap * item_bytes);
}

static bool at_line_end(const struct reader *reader)
{
    return reader->at == reader->end || *reader->at == '\n' ||
           (*reader->at == '\r' && reader->at + 1 < reader->end && reader->at[1] == '\n');
}

/* Steps over the line end, if there is one. */
static void skip_line_end(struct reader *reader)
{
    if (reader->at == reader->end)
        return;
    reader->at += *reader->at == '\r' ? 2 : 1;
    reader->line++;
    reader->line_start = reader->at;
}

static int read_plain(struct reader *reader)
{
    while (!at_line_end(reader) && *reader->at != ',') {
        char byte = *reader->at;

        if (byte == '"')
            return fail_at(reader, reader->at,
                           "a quote inside a field that does not start with one");
        if (byte == '\0')
            return fail_at(reader, reader->at, "a NUL byte");
        if (byte == '\r')
            return fail_at(reader, reader->at, "a CR that is not part of a line end");
        *reader->out++ = byte;
        reader->at++;
    }
    return 0;
}

static int fail_unclosed(struct reader *reader, const char *open, const char *open_line_start,
                         size_t open_line)
{
    reader->line = open_line;
    reader->line_start = open_line_start;
    return fail_at(reader, open, "this quote is never closed");
}

static int read_quoted(struct reader *reader)
{
    const char *open = reader->at, *open_line_start = reader->line_start;
    size_t open_line = reader->line;

    for (reader->at++; reader->at < reader->end; reader->at++) {
        char byte = *reader->at;

        if (byte == '"') {
            if (reader->at + 1 == reader->end || reader->at[1] != '"') {
                reader->at++;
                if (at_line_end(reader) || *reader->at == ',')
                    return 0;
                return fail_at(reader, reader->at, "text behind a closing quote");
            }
            reader->at++;
        } else if (byte == '\0') {
            return fail_at(reader, reader->at, "a NUL byte");
        } else if (byte == '\n') {
            reader->line++;
            reader->line_start = reader->at + 1;
        }
        *reader->out++ = byte;
    }
    return fail_unclosed(reader, open, open_line_start, open_line);
}

static int read_field(struct reader *reader)
{
    struct feed *feed = reader->feed;
    int result;

    feed->at = grow(feed->at, &feed->field_cap, feed->field_count, sizeof *feed->at);
    feed->at[feed->field_count++] = (uint32_t)(reader->out - feed->text);
    if (reader->at < reader->end && *reader->at == '"')
        result = read_quoted(reader);
    else
        result = read_plain(reader);
    *reader->out++ = '\0';
    return result;
}

/* A name that stands twice, or none at all, could not be meant by {{name}}. */
static int check_name(struct reader *reader, const char *place)
{
    const struct feed *feed = reader->feed;
    size_t last = feed->field_count - 1;
    const char *name = feed->text + feed->at[last];

    if (*name == '\0')
        return fail_at(reader, place, "a column without a name");
    if (feed->field_count > FEED_COLUMN_LIMIT)
        return fail_at(reader, place, "more than 1000 columns");
    for (size_t i = 0; i < last; i++) {
        if (strcmp(feed->text + feed->at[i], name) == 0) {
            err_set(reader->err, ERR_USAGE, "line %zu, column %zu: a second column named '%.100s'",
                    reader->line, (size_t)(place - reader->line_start) + 1, name);
            return -1;
        }
    }
    return 0;
}

static int check_width(struct reader *reader, size_t fields)
{
    if (fields == reader->feed->column_count)
        return 0;
    err_set(reader->err, ERR_USAGE,
            "line %zu, column %zu: the row has %zu field%s, the header has %zu", reader->line,
            (size_t)(reader->at - reader->line_start) + 1, fields, fields == 1 ? "" : "s",
            reader->feed->column_count);
    return -1;
}

/* The fields of one line; the header where none was read so far. */
static int read_row(struct reader *reader)
{
    struct feed *feed = reader->feed;
    size_t first = feed->field_count, line = reader->line;
    bool is_header = feed->column_count == 0;

    for (;;) {
        /* A quoted name may hold line ends; its place is then that of its end. */
        const char *place = reader->at;

        if (read_field(reader) < 0)
            return -1;
        if (is_header && check_name(reader, reader->line == line ? place : reader->at) < 0)
            return -1;
        if (at_line_end(reader))
            break;
        reader->at++; /* the comma */
    }
    if (is_header) {
        feed->column_count = feed->field_count;
        return 0;
    }
    if (check_width(reader, feed->field_count - first) < 0)
        return -1;
    feed->lines = grow(feed->lines, &feed->row_cap, feed->row_count, sizeof *feed->lines);
    feed->lines[feed->row_count++] = (uint32_t)line;
    return 0;
}

static int read_all(struct reader *reader)
{
    while (reader->at < reader->end) {
        if (!at_line_end(reader) && read_row(reader) < 0)
            return -1;
        skip_line_end(reader);
    }
    if (reader->feed->column_count == 0)
        return fail_at(reader, reader->at, "no header: the first line must name the columns");
    if (reader->feed->row_count == 0)
        return fail_at(reader, reader->at, "no rows behind the header");
    return 0;
}

struct feed *feed_parse(const char *text, size_t len, struct err *err)
{
    struct reader reader = {.line = 1, .err = err};
    struct feed *feed;

    if (len > FEED_LIMIT_BYTES) {
        err_set(err, ERR_LIMIT, "larger than 64 MiB");
        return NULL;
    }
    if (len == 0)
        text = ""; /* NULL would do for a caller, not for arithmetic */
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        len -= 3;
    }
    feed = x_calloc(1, sizeof *feed);
    /* Each field is followed by at least one byte of syntax, but for the last one. */
    feed->text = x_malloc(len + 1);
    reader.at = reader.line_start = text;
    reader.end = text + len;
    reader.out = feed->text;
    reader.feed = feed;
    if (read_all(&reader) == 0)
        return feed;
    feed_free(feed);
    return NULL;
}

void feed_free(struct feed *feed)
{
    if (!feed)
        return;
    free(feed->text);
    free(feed->at);
    free(feed->lines);
    free(feed);
}

size_t feed_row_count(const struct feed *feed)
{
    return feed->row_count;
}

size_t feed_column_count(const struct feed *feed)
{
    return feed->column_count;
}

const char *feed_column_name(const struct feed *feed, size_t column)
{
    assert(column < feed->column_count);
    return feed->text + feed->at[column];
}

int feed_find_column(const struct feed *feed, const char *name, size_t len)
{
    for (size_t i = 0; i < feed->column_count; i++) {
        const char *column = feed->text + feed->at[i];

        if (strlen(column) == len && memcmp(column, name, len) == 0)
            return (int)i;
    }
    return -1;
}

const char *feed_value(const struct feed *feed, size_t row, size_t column)
{
    assert(row < feed->row_count && column < feed->column_count);
    return feed->text + feed->at[(row + 1) * feed->column_count + column];
}

size_t feed_row_line(const struct feed *feed, size_t row)
{
    assert(row < feed->row_count);
    return feed->lines[row];
}

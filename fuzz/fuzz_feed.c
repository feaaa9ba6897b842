/*
 * fuzz/fuzz_feed.c - what the reader makes of a feed, written out again and read back, is the same;
 * templates over it expand within their bounds.
 */
#include "base/buf.h"
#include "load/feed.h"
#include "load/template.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(int holds, const char *what)
{
    if (holds)
        return;
    (void)fprintf(stderr, "fuzz_feed: %s\n", what);
    abort();
}

/* Every field in quotes: the one form that can hold any value. */
static void write_field(struct buf *out, const char *value, char separator)
{
    (void)buf_append_byte(out, '"');
    for (; *value != '\0'; value++) {
        if (*value == '"')
            (void)buf_append_byte(out, '"');
        (void)buf_append_byte(out, (uint8_t)*value);
    }
    (void)buf_append_byte(out, '"');
    (void)buf_append_byte(out, (uint8_t)separator);
}

static void write_feed(struct buf *out, const struct feed *feed)
{
    size_t columns = feed_column_count(feed);

    for (size_t i = 0; i < columns; i++)
        write_field(out, feed_column_name(feed, i), i + 1 < columns ? ',' : '\n');
    for (size_t row = 0; row < feed_row_count(feed); row++) {
        for (size_t i = 0; i < columns; i++)
            write_field(out, feed_value(feed, row, i), i + 1 < columns ? ',' : '\n');
    }
}

static void compare(const struct feed *left, const struct feed *right)
{
    require(feed_row_count(left) == feed_row_count(right), "another number of rows");
    require(feed_column_count(left) == feed_column_count(right), "another number of columns");
    for (size_t i = 0; i < feed_column_count(left); i++) {
        require(strcmp(feed_column_name(left, i), feed_column_name(right, i)) == 0,
                "another column name");
        for (size_t row = 0; row < feed_row_count(left); row++)
            require(strcmp(feed_value(left, row, i), feed_value(right, row, i)) == 0,
                    "another value");
    }
}

static void expand_all(const struct feed *feed, const char *text, size_t len,
                       enum template_mode mode)
{
    struct err err = {0};
    struct template *template = template_compile(text, len, mode, feed, &err);
    struct buf out;

    if (!template)
        return;
    buf_init(&out, 4096);
    for (size_t row = 0; row < feed_row_count(feed) && row < 8; row++) {
        buf_clear(&out);
        (void)template_expand(template, row, &out);
        require(mode != TEMPLATE_HEADER || !memchr(text, '\n', len) ||
                    template_has_columns(template) || out.len <= len,
                "a literal grew");
    }
    buf_fini(&out);
    template_free(template);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct err err = {0};
    struct feed *feed = feed_parse((const char *)bytes, len, &err), *again;
    struct buf text = {0};

    if (!feed) {
        require(strncmp(err.text, "line ", 5) == 0, "an error without its place");
        return 0;
    }
    require(feed_row_count(feed) > 0 && feed_column_count(feed) > 0, "an empty feed");
    write_feed(&text, feed);
    again = feed_parse((const char *)text.bytes, text.len, &err);
    require(again != NULL, err.text);
    compare(feed, again);
    expand_all(feed, (const char *)bytes, len, TEMPLATE_RAW);
    expand_all(feed, (const char *)bytes, len, TEMPLATE_JSON);
    expand_all(feed, (const char *)bytes, len, TEMPLATE_URL);
    expand_all(feed, (const char *)bytes, len, TEMPLATE_HEADER);
    feed_free(again);
    feed_free(feed);
    buf_fini(&text);
    return 0;
}

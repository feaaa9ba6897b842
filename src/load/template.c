#include "load/template.h"

#include "base/ascii.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/near.h"
#include "base/utf8.h"
#include "load/feed.h"

#include <stdlib.h>
#include <string.h>

/* Literal text, then a column's value. */
struct part {
    size_t at, len; /* of the literal, in template->text */
    int column;     /* -1: none, the last part */
    bool is_quoted; /* the value stands inside a string of JSON */
};

struct template
{
    char *text;         /* owned */
    struct part *parts; /* owned; at least one, the last without a column */
    size_t part_count;
    enum template_mode mode;
    const struct feed *feed; /* borrowed */
};

/* `name` stands in the middle of a text; blanks at its ends are not part of it. */
static void trim(const char **name, size_t *len)
{
    while (*len > 0 && (**name == ' ' || **name == '\t')) {
        *name += 1;
        *len -= 1;
    }
    while (*len > 0 && ((*name)[*len - 1] == ' ' || (*name)[*len - 1] == '\t'))
        *len -= 1;
}

static void fail_unknown(const struct feed *feed, const char *name, size_t len, struct err *err)
{
    struct near near = {.wanted = name, .wanted_len = len};
    int shown = len > 100 ? 100 : (int)len;

    for (size_t i = 0; i < feed_column_count(feed); i++)
        near_offer(&near, feed_column_name(feed, i));
    if (near.best)
        err_set(err, ERR_USAGE, "the feed has no column '%.*s'; did you mean '%.100s'?", shown,
                name, near.best);
    else
        err_set(err, ERR_USAGE, "the feed has no column '%.*s' (its first one is '%.100s')", shown,
                name, feed_column_name(feed, 0));
}

/* In a URL that was parsed before, blanks and non-ASCII letters of a name are percent-encoded. */
static int find_encoded_column(const struct feed *feed, const char *name, size_t len)
{
    char *decoded = x_strndup(name, len);
    size_t decoded_len = 0;
    int column;

    for (size_t i = 0; i < len; i++) {
        int high = name[i] == '%' && i + 2 < len ? ascii_hex_digit(name[i + 1]) : -1;
        int low = high >= 0 ? ascii_hex_digit(name[i + 2]) : -1;

        if (low >= 0)
            i += 2;
        decoded[decoded_len++] = low >= 0 ? (char)(high * 16 + low) : name[i];
    }
    name = decoded;
    trim(&name, &decoded_len);
    column = feed_find_column(feed, name, decoded_len);
    free(decoded);
    return column;
}

static int find_column(const struct feed *feed, const char *name, size_t len, struct err *err)
{
    int column;

    trim(&name, &len);
    if (!feed) {
        err_set(err, ERR_USAGE, "'{{%.*s}}' needs a feed: give --feed FILE",
                len > 100 ? 100 : (int)len, name);
        return -1;
    }
    column = feed_find_column(feed, name, len);
    if (column < 0 && memchr(name, '%', len))
        column = find_encoded_column(feed, name, len);
    if (column < 0)
        fail_unknown(feed, name, len, err);
    return column;
}

/* What keeps a value from its place; NULL: nothing. */
static const char *value_fault(enum template_mode mode, const char *value)
{
    if (mode == TEMPLATE_HEADER && value[strcspn(value, "\r\n")] != '\0')
        return "a line break";
    if (mode == TEMPLATE_JSON && !utf8_valid((const uint8_t *)value, strlen(value)))
        return "bytes that are not UTF-8";
    return NULL;
}

/* Every row: what is wrong with a feed must show before the run, not in its middle. */
static int check_values(const struct template *template, int column, struct err *err)
{
    const struct feed *feed = template->feed;

    for (size_t row = 0; row < feed_row_count(feed); row++) {
        const char *fault = value_fault(template->mode, feed_value(feed, row, (size_t)column));

        if (!fault)
            continue;
        err_set(err, ERR_USAGE,
                "the row on line %zu of the feed has %s in column '%.100s', which must not go into "
                "%s",
                feed_row_line(feed, row), fault, feed_column_name(feed, (size_t)column),
                template->mode == TEMPLATE_HEADER ? "a header" : "JSON");
        return -1;
    }
    return 0;
}

/* Is a string of JSON open behind `text`, which began inside one or not? */
static bool ends_in_string(const char *text, size_t len, bool is_in_string)
{
    for (size_t i = 0; i < len; i++) {
        if (is_in_string && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            is_in_string = !is_in_string;
    }
    return is_in_string;
}

static void add_part(struct template *template, size_t at, size_t len, int column)
{
    bool was_quoted =
        template->part_count > 0 && template->parts[template->part_count - 1].is_quoted;

    template->parts =
        x_realloc(template->parts, (template->part_count + 1) * sizeof *template->parts);
    template->parts[template->part_count++] =
        (struct part){.at = at,
                      .len = len,
                      .column = column,
                      .is_quoted = ends_in_string(template->text + at, len, was_quoted)};
}

static int compile(struct template *template, size_t len, struct err *err)
{
    const char *text = template->text;
    size_t at = 0;

    for (;;) {
        const char *open = memmem(text + at, len - at, "{{", 2), *close;
        size_t start = open ? (size_t)(open - text) : len;
        int column;

        if (!open) {
            add_part(template, at, len - at, -1);
            return 0;
        }
        close = memmem(open + 2, len - start - 2, "}}", 2);
        if (!close) {
            err_set(err, ERR_USAGE, "'{{' at byte %zu is never closed by '}}'", start + 1);
            return -1;
        }
        column = find_column(template->feed, open + 2, (size_t)(close - open) - 2, err);
        if (column < 0)
            return -1;
        if (check_values(template, column, err) < 0)
            return -1;
        add_part(template, at, start - at, column);
        at = (size_t)(close - text) + 2;
    }
}

struct template *template_compile(const char *text, size_t len, enum template_mode mode,
                                  const struct feed *feed, struct err *err)
{
    struct template *template = x_calloc(1, sizeof *template);

    template->text = x_strndup(len > 0 ? text : "", len);
    template->mode = mode;
    template->feed = feed;
    if (compile(template, len, err) == 0)
        return template;
    template_free(template);
    return NULL;
}

void template_free(struct template *template)
{
    if (!template)
        return;
    free(template->text);
    free(template->parts);
    free(template);
}

bool template_has_columns(const struct template *template)
{
    return template->part_count > 1;
}

/* RFC 3986 section 2.3. */
static bool is_unreserved(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

static int append_encoded(struct buf *out, const char *value)
{
    static const char digits[] = "0123456789ABCDEF";

    for (; *value != '\0'; value++) {
        uint8_t byte = (uint8_t)*value;
        char code[3] = {'%', digits[byte >> 4], digits[byte & 15]};
        int result =
            is_unreserved(*value) ? buf_append_byte(out, byte) : buf_append(out, code, sizeof code);

        if (result < 0)
            return -1;
    }
    return 0;
}

static int append_escaped(struct buf *out, const char *value)
{
    struct buf text = {0};
    int result;

    json_append_string(&text, (const uint8_t *)value, strlen(value));
    result = buf_append(out, text.bytes + 1, text.len - 2); /* without its quotes */
    buf_fini(&text);
    return result;
}

static int append_value(const struct template *template, const struct part *part, const char *value,
                        struct buf *out)
{
    switch (template->mode) {
    case TEMPLATE_JSON:
        return part->is_quoted ? append_escaped(out, value) : buf_append_text(out, value);
    case TEMPLATE_URL:
        return append_encoded(out, value);
    case TEMPLATE_RAW:
    case TEMPLATE_HEADER:
        break;
    }
    return buf_append_text(out, value);
}

int template_expand(const struct template *template, size_t row, struct buf *out)
{
    for (size_t i = 0; i < template->part_count; i++) {
        const struct part *part = &template->parts[i];
        const char *value;

        if (buf_append(out, template->text + part->at, part->len) < 0)
            return -1;
        if (part->column < 0)
            continue;
        value =
            feed_value(template->feed, row % feed_row_count(template->feed), (size_t)part->column);
        if (append_value(template, part, value, out) < 0)
            return -1;
    }
    return 0;
}

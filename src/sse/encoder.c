#include "sse/encoder.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

static bool is_one_line(const char *text)
{
    return text[strcspn(text, "\r\n")] == '\0';
}

/* "name: value" and a line end. Always with the space, so that a value may start with one. */
static int append_line(struct buf *out, const char *name, const char *value, size_t len)
{
    if (buf_append_text(out, name) < 0 || buf_append(out, ": ", 2) < 0 ||
        buf_append(out, value, len) < 0)
        return -1;
    return buf_append_byte(out, '\n');
}

/* One data: line for each line of `data`; CR LF counts as one line end. */
static int append_data(struct buf *out, const char *data, size_t len)
{
    size_t start = 0;

    for (size_t at = 0; at < len; at++) {
        if (data[at] != '\r' && data[at] != '\n')
            continue;
        if (append_line(out, "data", data + start, at - start) < 0)
            return -1;
        if (data[at] == '\r' && at + 1 < len && data[at + 1] == '\n')
            at++;
        start = at + 1;
    }
    return append_line(out, "data", data + start, len - start);
}

static int append_event(struct buf *out, const char *id, const char *name, const char *data,
                        size_t data_bytes)
{
    if (id && append_line(out, "id", id, strlen(id)) < 0)
        return -1;
    if (name && append_line(out, "event", name, strlen(name)) < 0)
        return -1;
    if (append_data(out, data, data_bytes) < 0)
        return -1;
    return buf_append_byte(out, '\n');
}

/* A block that did not fit is taken back as a whole: half a block would be read as another one. */
static int all_or_nothing(struct buf *out, size_t before, int result)
{
    if (result < 0)
        out->len = before;
    return result;
}

int sse_encode_event(struct buf *out, const char *id, const char *name, const char *data,
                     size_t data_bytes)
{
    size_t before = out->len;

    assert((!id || is_one_line(id)) && (!name || is_one_line(name)));
    return all_or_nothing(out, before, append_event(out, id, name, data, data_bytes));
}

int sse_encode_comment(struct buf *out, const char *text)
{
    assert(is_one_line(text));
    return buf_appendf(out, ": %s\n\n", text);
}

int sse_encode_retry(struct buf *out, uint32_t retry_ms)
{
    return buf_appendf(out, "retry: %" PRIu32 "\n\n", retry_ms);
}

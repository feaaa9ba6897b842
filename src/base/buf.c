#include "base/buf.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST_BYTES = 64 };

void buf_init(struct buf *buf, size_t limit_bytes)
{
    *buf = (struct buf){.limit_bytes = limit_bytes};
}

void buf_fini(struct buf *buf)
{
    free(buf->bytes);
    buf_init(buf, buf->limit_bytes);
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
}

uint8_t *buf_reserve(struct buf *buf, size_t len)
{
    size_t need = buf->len + len, cap = buf->cap ? buf->cap : BUF_FIRST_BYTES;

    if (need < len || (buf->limit_bytes > 0 && need > buf->limit_bytes))
        return NULL;
    if (need > buf->cap) {
        while (cap < need)
            cap *= 2;
        if (buf->limit_bytes > 0 && cap > buf->limit_bytes)
            cap = buf->limit_bytes;
        buf->bytes = x_realloc(buf->bytes, cap);
        buf->cap = cap;
    }
    return buf->bytes + buf->len;
}

void buf_grew(struct buf *buf, size_t len)
{
    assert(buf->len + len <= buf->cap);
    buf->len += len;
}

int buf_append(struct buf *buf, const void *bytes, size_t len)
{
    uint8_t *to;

    if (len == 0)
        return 0;
    to = buf_reserve(buf, len);
    if (!to)
        return -1;
    (void)memcpy(to, bytes, len);
    buf->len += len;
    return 0;
}

int buf_append_byte(struct buf *buf, uint8_t byte)
{
    return buf_append(buf, &byte, 1);
}

int buf_append_text(struct buf *buf, const char *text)
{
    return buf_append(buf, text, strlen(text));
}

int buf_vappendf(struct buf *buf, const char *format, va_list args)
{
    char small[512];
    char *large = NULL;
    va_list again;
    int len, result;

    va_copy(again, args);
    len = vsnprintf(small, sizeof small, format, args);
    assert(len >= 0);
    if ((size_t)len < sizeof small) {
        result = buf_append(buf, small, (size_t)len);
    } else {
        large = x_malloc((size_t)len + 1);
        (void)vsnprintf(large, (size_t)len + 1, format, again);
        result = buf_append(buf, large, (size_t)len);
        free(large);
    }
    va_end(again);
    return result;
}

int buf_appendf(struct buf *buf, const char *format, ...)
{
    va_list args;
    int result;

    va_start(args, format);
    result = buf_vappendf(buf, format, args);
    va_end(args);
    return result;
}

void buf_drop(struct buf *buf, size_t len)
{
    assert(len <= buf->len);
    buf->len -= len;
    if (buf->len > 0 && len > 0)
        (void)memmove(buf->bytes, buf->bytes + len, buf->len);
}

const char *buf_text(struct buf *buf)
{
    size_t limit = buf->limit_bytes;
    uint8_t *end;

    buf->limit_bytes = 0; /* the NUL is not content */
    end = buf_reserve(buf, 1);
    buf->limit_bytes = limit;
    *end = '\0';
    return (const char *)buf->bytes;
}

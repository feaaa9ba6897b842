/*
 * base/buf.h - a growing run of bytes with a stated limit.
 */
#ifndef CICADA_BASE_BUF_H
#define CICADA_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Callers read `bytes` and `len`; only the functions below change them. All zero is a valid buffer
 * without limit.
 */
struct buf {
    uint8_t *bytes; /* owned; NULL while empty and never grown */
    size_t len;
    size_t cap;
    size_t limit_bytes; /* 0: none */
};

void buf_init(struct buf *buf, size_t limit_bytes);
/* Frees the bytes and leaves an empty buffer with the same limit. */
void buf_fini(struct buf *buf);
/* Forgets the content, keeps the memory. */
void buf_clear(struct buf *buf);
/* Each append: 0, or -1 when the limit would be passed (nothing is added then). */
int buf_append(struct buf *buf, const void *bytes, size_t len);
int buf_append_byte(struct buf *buf, uint8_t byte);
int buf_append_text(struct buf *buf, const char *text);
int buf_appendf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_vappendf(struct buf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/*
 * Makes room for `len` more bytes and returns where they go, or NULL past the limit; then buf_grew
 * says how many came.
 */
uint8_t *buf_reserve(struct buf *buf, size_t len);
void buf_grew(struct buf *buf, size_t len);
/* Drops the first `len` bytes, moving the rest down. */
void buf_drop(struct buf *buf, size_t len);
/* The content with a NUL behind its last byte (not counted). Borrowed until the next change. */
const char *buf_text(struct buf *buf);

#endif

/*
 * http/body.h - what a request carries: bytes and files in a row, read any number of times.
 *
 * The bytes of files are never held: their descriptors stay open, and every reader keeps an offset
 * of its own. Built at setup, not changed afterwards; all requests of a worker share one.
 */
#ifndef CICADA_HTTP_BODY_H
#define CICADA_HTTP_BODY_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* What files may bring a body to: 1 TiB. */
static const uint64_t HTTP_BODY_LIMIT_BYTES = (uint64_t)1 << 40;

struct http_body;

enum http_body_status {
    HTTP_BODY_OK = 0,
    HTTP_BODY_END,    /* the offset is the body's length; nothing was read */
    HTTP_BODY_CHANGED /* a file became shorter, or unreadable, since it was added */
};

/* An empty body. The caller owns it. */
struct http_body *http_body_new(void);
/* Closes the files. */
void http_body_free(struct http_body *body);
/* Copies `len` bytes to the end; callers bound what they add. Neighbours are joined. */
void http_body_add_bytes(struct http_body *body, const void *bytes, size_t len);
/*
 * Adds the file at `path`, in the length it has now: what it grows by later is not sent. Costs one
 * descriptor, closed on exec; none for an empty file. -1 with a sentence, and the body as it was,
 * when the file is missing, unreadable, not a regular file, or goes beyond HTTP_BODY_LIMIT_BYTES.
 */
int http_body_add_file(struct http_body *body, const char *path, struct err *err);
/* The length of all, for Content-Length. */
uint64_t http_body_bytes(const struct http_body *body);
/*
 * Reads on at `*offset`, which is at most http_body_bytes, and moves it: with HTTP_BODY_OK `*len`
 * bytes came, 1 to `cap` (not 0), across the borders of parts. With the others `*len` is 0. Bytes
 * in front of a changed file come first, the status with the next call. May wait for the disk when
 * a file is not in the page cache.
 */
enum http_body_status http_body_read(const struct http_body *body, uint64_t *offset, uint8_t *bytes,
                                     size_t cap, size_t *len);

#endif

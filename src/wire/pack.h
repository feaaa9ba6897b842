/*
 * wire/pack.h - values in and out of msgpack: texts, bytes, numbers, truths and arrays, read back
 * in the order they were written. The one place that knows the format; frames and plans use it.
 *
 * Writing is msgpack-c's packer. Reading is a strict cursor of our own: msgpack-c's unpacker
 * allocates the announced size of a container before its bytes have come, and makes an object of
 * every number, of which a frame holds many thousands.
 */
#ifndef CICADA_WIRE_PACK_H
#define CICADA_WIRE_PACK_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- writing --- each appends one value to `out`, which must have no limit */
void pack_uint(struct buf *out, uint64_t value);
void pack_double(struct buf *out, double value);
void pack_bool(struct buf *out, bool value);
void pack_bytes(struct buf *out, const void *bytes, size_t len);
/* NULL is kept apart from "". */
void pack_text(struct buf *out, const char *text);
/* Text of a given length, without a NUL in it. */
void pack_text_view(struct buf *out, const char *text, size_t len);
/* The head of an array: the next `count` values are its members. */
void pack_array(struct buf *out, size_t count);

/* --- reading --- */
/* A reader over borrowed bytes. After the first value of a wrong kind or a missing one, `failed` is
 * set and every later read gives zero, so that a caller checks once at the end. */
struct unpack {
    const uint8_t *bytes;
    size_t len;
    size_t at;
    bool failed;
};

void unpack_init(struct unpack *unpack, const uint8_t *bytes, size_t len);
uint64_t unpack_uint(struct unpack *unpack);
/* As unpack_uint, but a number above `max` fails. */
uint64_t unpack_uint_max(struct unpack *unpack, uint64_t max);
double unpack_double(struct unpack *unpack);
bool unpack_bool(struct unpack *unpack);
/* Borrowed from the bytes; NULL and 0 on failure. */
const uint8_t *unpack_bytes(struct unpack *unpack, size_t *len);
/* Owned by the caller; NULL for a packed NULL or on failure. A NUL inside the text is a failure. */
char *unpack_text(struct unpack *unpack);
/* The same without a copy: borrowed, `len` long, no NUL behind it. */
const char *unpack_text_view(struct unpack *unpack, size_t *len);
/* How many members follow. Fails for more members than there are bytes left. */
size_t unpack_array(struct unpack *unpack);
/* Steps over a packed NULL if one is next. */
bool unpack_null(struct unpack *unpack);
/* True when everything was read and nothing failed. */
bool unpack_finished(const struct unpack *unpack);

#endif

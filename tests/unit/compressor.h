/*
 * tests/unit/compressor.h - what servers do to a body: compresses piece by piece, and flushes each.
 */
#ifndef CICADA_TESTS_COMPRESSOR_H
#define CICADA_TESTS_COMPRESSOR_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

enum compressor_format {
    COMPRESSOR_GZIP = 0,
    COMPRESSOR_ZLIB,
    COMPRESSOR_ZLIB_SMALL, /* with a window of 512 bytes */
    COMPRESSOR_RAW,        /* deflate data without a wrapper */
    COMPRESSOR_BR,
    COMPRESSOR_BR_LARGE /* with a window of 16 MiB instead of the default, 4 MiB */
};

struct compressor;

/* At the levels that servers use: 6, and 5 for br. */
struct compressor *compressor_new(enum compressor_format format);
/* Appends to `out` what makes `bytes` decodable at once. */
void compressor_add(struct compressor *compressor, const void *bytes, size_t len, struct buf *out);
/* Appends the end of the format. */
void compressor_finish(struct compressor *compressor, struct buf *out);
void compressor_free(struct compressor *compressor);

/* Appends `bytes` as one finished body, without a flush in it. */
void compress_whole(enum compressor_format format, const void *bytes, size_t len, struct buf *out);

#endif

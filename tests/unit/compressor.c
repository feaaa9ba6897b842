#include "compressor.h"

#include "base/mem.h"

#include <brotli/encode.h>
#include <zlib.h>

#include <assert.h>
#include <stdlib.h>

enum { ROOM_BYTES = 64 * 1024, BR_QUALITY = 5, BR_WINDOW_BITS_LARGE = 24 };

struct compressor {
    z_stream deflate;
    BrotliEncoderState *br; /* NULL: deflate is in use */
};

struct compressor *compressor_new(enum compressor_format format)
{
    static const int window_bits[] = {[COMPRESSOR_GZIP] = 15 + 16,
                                      [COMPRESSOR_ZLIB] = 15,
                                      [COMPRESSOR_ZLIB_SMALL] = 9,
                                      [COMPRESSOR_RAW] = -15};
    struct compressor *compressor = x_calloc(1, sizeof *compressor);
    int result;

    if (format == COMPRESSOR_BR || format == COMPRESSOR_BR_LARGE) {
        compressor->br = BrotliEncoderCreateInstance(NULL, NULL, NULL);
        assert(compressor->br);
        (void)BrotliEncoderSetParameter(compressor->br, BROTLI_PARAM_QUALITY, BR_QUALITY);
        if (format == COMPRESSOR_BR_LARGE)
            (void)BrotliEncoderSetParameter(compressor->br, BROTLI_PARAM_LGWIN,
                                            BR_WINDOW_BITS_LARGE);
        return compressor;
    }
    result = deflateInit2(&compressor->deflate, 6, Z_DEFLATED, window_bits[format], 8,
                          Z_DEFAULT_STRATEGY);
    assert(result == Z_OK);
    return compressor;
}

static void run_br(BrotliEncoderState *br, BrotliEncoderOperation operation, const void *bytes,
                   size_t len, struct buf *out)
{
    const uint8_t *next = bytes;

    do {
        uint8_t *at = buf_reserve(out, ROOM_BYTES);
        size_t room = ROOM_BYTES;
        BROTLI_BOOL is_sound =
            BrotliEncoderCompressStream(br, operation, &len, &next, &room, &at, NULL);

        assert(is_sound);
        buf_grew(out, ROOM_BYTES - room);
    } while (len > 0 || BrotliEncoderHasMoreOutput(br));
}

static void run_deflate(z_stream *deflater, int flush, const void *bytes, size_t len,
                        struct buf *out)
{
    uint8_t nothing = 0;

    /* deflate writes to its input no more than inflate does. */
    deflater->next_in = len > 0 ? (Bytef *)(uintptr_t)bytes : &nothing;
    deflater->avail_in = (uInt)len;
    do {
        deflater->next_out = buf_reserve(out, ROOM_BYTES);
        deflater->avail_out = ROOM_BYTES;
        (void)deflate(deflater, flush);
        buf_grew(out, ROOM_BYTES - deflater->avail_out);
    } while (deflater->avail_out == 0);
    assert(deflater->avail_in == 0);
}

void compressor_add(struct compressor *compressor, const void *bytes, size_t len, struct buf *out)
{
    if (compressor->br)
        run_br(compressor->br, BROTLI_OPERATION_FLUSH, bytes, len, out);
    else
        run_deflate(&compressor->deflate, Z_SYNC_FLUSH, bytes, len, out);
}

void compressor_finish(struct compressor *compressor, struct buf *out)
{
    if (compressor->br)
        run_br(compressor->br, BROTLI_OPERATION_FINISH, NULL, 0, out);
    else
        run_deflate(&compressor->deflate, Z_FINISH, NULL, 0, out);
}

void compressor_free(struct compressor *compressor)
{
    if (!compressor)
        return;
    if (compressor->br)
        BrotliEncoderDestroyInstance(compressor->br);
    else
        (void)deflateEnd(&compressor->deflate);
    free(compressor);
}

void compress_whole(enum compressor_format format, const void *bytes, size_t len, struct buf *out)
{
    struct compressor *compressor = compressor_new(format);

    if (compressor->br)
        run_br(compressor->br, BROTLI_OPERATION_FINISH, bytes, len, out);
    else
        run_deflate(&compressor->deflate, Z_FINISH, bytes, len, out);
    compressor_free(compressor);
}

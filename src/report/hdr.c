#include "report/hdr.h"

#include "base/base64.h"
#include "base/mem.h"

#include <assert.h>
#include <limits.h>
#include <zlib.h>

enum {
    SUB_BUCKET_BITS = 11, /* 2,048 sub-buckets give three digits */
    HEADER_BYTES = 40,
    LEB128_LAST_BYTE = 8 /* HdrHistogram's variant: the ninth byte carries eight bits */
};

static const uint32_t V2_COOKIE = 0x1c849313, V2_COMPRESSED_COOKIE = 0x1c849314;
static const uint64_t RATIO_ONE_BITS = 0x3ff0000000000000; /* 1.0 as an IEEE 754 double */

static void put_be(struct buf *out, uint64_t value, int bytes)
{
    for (int shift = (bytes - 1) * CHAR_BIT; shift >= 0; shift -= CHAR_BIT)
        (void)buf_append_byte(out, (uint8_t)(value >> shift));
}

static void put_zigzag(struct buf *out, int64_t value)
{
    uint64_t rest = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);

    for (int i = 0; i < LEB128_LAST_BYTE; i++) {
        if (rest < 0x80) {
            (void)buf_append_byte(out, (uint8_t)rest);
            return;
        }
        (void)buf_append_byte(out, (uint8_t)(0x80 | (rest & 0x7f)));
        rest >>= 7;
    }
    (void)buf_append_byte(out, (uint8_t)rest);
}

/* Where HdrHistogram counts `value`, with lowest 1 and three digits. */
static uint64_t index_of(uint64_t value)
{
    uint64_t low = value | ((1U << SUB_BUCKET_BITS) - 1);
    int octave = 64 - __builtin_clzll(low) - SUB_BUCKET_BITS;

    return ((uint64_t)octave << (SUB_BUCKET_BITS - 1)) + (value >> octave);
}

struct counts {
    struct buf *out;
    uint64_t next_index;
};

static void put_bucket(void *ctx, uint32_t index, uint64_t count)
{
    struct counts *counts = ctx;
    uint64_t own = index_of(hist_bucket_low(index));
    uint64_t gap = own - counts->next_index;

    assert(own >= counts->next_index);
    if (gap == 1)
        put_zigzag(counts->out, 0);
    else if (gap > 1)
        put_zigzag(counts->out, -(int64_t)gap);
    put_zigzag(counts->out, (int64_t)count);
    counts->next_index = own + 1;
}

static void encode(struct buf *out, const struct hist *hist, uint64_t highest)
{
    struct buf payload = {0};
    struct counts counts = {.out = &payload};

    hist_each(hist, put_bucket, &counts);
    put_be(out, V2_COOKIE, 4);
    put_be(out, payload.len, 4);
    put_be(out, 0, 4); /* normalizing index offset */
    put_be(out, HDR_DIGITS, 4);
    put_be(out, HDR_LOWEST, 8);
    put_be(out, highest, 8);
    put_be(out, RATIO_ONE_BITS, 8);
    assert(out->len == HEADER_BYTES);
    (void)buf_append(out, payload.bytes, payload.len);
    buf_fini(&payload);
}

void hdr_append_base64(struct buf *out, const struct hist *hist, uint64_t highest)
{
    struct buf plain = {0}, packed = {0};
    uLongf packed_bytes;
    uint8_t *room;
    int status;

    encode(&plain, hist, highest);
    packed_bytes = compressBound((uLong)plain.len);
    put_be(&packed, V2_COMPRESSED_COOKIE, 4);
    put_be(&packed, 0, 4); /* the length, known below */
    room = buf_reserve(&packed, packed_bytes);
    assert(room);
    status = compress2(room, &packed_bytes, plain.bytes, (uLong)plain.len, Z_DEFAULT_COMPRESSION);
    /* The room is what zlib asked for, and memory is not ours to run out of here: see x_malloc. */
    assert(status == Z_OK);
    (void)status;
    buf_grew(&packed, packed_bytes);
    for (int i = 0; i < 4; i++)
        packed.bytes[4 + i] = (uint8_t)(packed_bytes >> (24 - CHAR_BIT * i));
    (void)base64_append(out, packed.bytes, packed.len);
    buf_fini(&plain);
    buf_fini(&packed);
}

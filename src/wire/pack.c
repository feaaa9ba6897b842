#include "wire/pack.h"

#include "base/mem.h"

#include <msgpack.h>

#include <assert.h>
#include <string.h>

/* First bytes of values in the msgpack format specification, section "Formats". */
enum {
    HEAD_FIXINT_MAX = 0x7f,
    HEAD_FIXARRAY = 0x90,
    HEAD_FIXTEXT = 0xa0,
    HEAD_NIL = 0xc0,
    HEAD_FALSE = 0xc2,
    HEAD_TRUE = 0xc3,
    HEAD_BYTES_8 = 0xc4,
    HEAD_BYTES_16 = 0xc5,
    HEAD_BYTES_32 = 0xc6,
    HEAD_DOUBLE = 0xcb,
    HEAD_UINT_8 = 0xcc,
    HEAD_UINT_16 = 0xcd,
    HEAD_UINT_32 = 0xce,
    HEAD_UINT_64 = 0xcf,
    HEAD_TEXT_8 = 0xd9,
    HEAD_TEXT_16 = 0xda,
    HEAD_TEXT_32 = 0xdb,
    HEAD_ARRAY_16 = 0xdc,
    HEAD_ARRAY_32 = 0xdd
};

static int append(void *out, const char *bytes, size_t len)
{
    int result = buf_append(out, bytes, len);

    assert(result == 0);
    return result;
}

static struct msgpack_packer packer_for(struct buf *out)
{
    struct msgpack_packer packer;

    msgpack_packer_init(&packer, out, append);
    return packer;
}

void pack_uint(struct buf *out, uint64_t value)
{
    struct msgpack_packer packer = packer_for(out);

    (void)msgpack_pack_uint64(&packer, value);
}

void pack_double(struct buf *out, double value)
{
    struct msgpack_packer packer = packer_for(out);

    (void)msgpack_pack_double(&packer, value);
}

void pack_bool(struct buf *out, bool value)
{
    struct msgpack_packer packer = packer_for(out);

    if (value)
        (void)msgpack_pack_true(&packer);
    else
        (void)msgpack_pack_false(&packer);
}

void pack_bytes(struct buf *out, const void *bytes, size_t len)
{
    struct msgpack_packer packer = packer_for(out);

    assert(len <= UINT32_MAX);
    (void)msgpack_pack_bin(&packer, len);
    if (len > 0)
        (void)msgpack_pack_bin_body(&packer, bytes, len);
}

void pack_text(struct buf *out, const char *text)
{
    struct msgpack_packer packer = packer_for(out);

    if (text)
        pack_text_view(out, text, strlen(text));
    else
        (void)msgpack_pack_nil(&packer);
}

void pack_text_view(struct buf *out, const char *text, size_t len)
{
    struct msgpack_packer packer = packer_for(out);

    assert(len <= UINT32_MAX);
    (void)msgpack_pack_str(&packer, len);
    (void)msgpack_pack_str_body(&packer, text, len);
}

void pack_array(struct buf *out, size_t count)
{
    struct msgpack_packer packer = packer_for(out);

    assert(count <= UINT32_MAX);
    (void)msgpack_pack_array(&packer, count);
}

/* The next `len` bytes, stepped over; NULL and failed when there are fewer. */
static const uint8_t *take(struct unpack *unpack, size_t len)
{
    const uint8_t *bytes = unpack->bytes + unpack->at;

    if (unpack->failed || len > unpack->len - unpack->at) {
        unpack->failed = true;
        return NULL;
    }
    unpack->at += len;
    return bytes;
}

/* A big-endian number of `len` bytes; 0 on failure. */
static uint64_t take_number(struct unpack *unpack, size_t len)
{
    const uint8_t *bytes = take(unpack, len);
    uint64_t number = 0;

    for (size_t i = 0; bytes && i < len; i++)
        number = number << 8 | bytes[i];
    return number;
}

/* The first byte of the next value; on failure a byte that the format never uses. */
static uint8_t take_head(struct unpack *unpack)
{
    const uint8_t *head = take(unpack, 1);

    return head ? *head : 0xc1;
}

void unpack_init(struct unpack *unpack, const uint8_t *bytes, size_t len)
{
    *unpack = (struct unpack){.bytes = bytes, .len = len};
}

uint64_t unpack_uint(struct unpack *unpack)
{
    uint8_t head = take_head(unpack);

    if (head <= HEAD_FIXINT_MAX)
        return head;
    if (head >= HEAD_UINT_8 && head <= HEAD_UINT_64)
        return take_number(unpack, (size_t)1 << (head - HEAD_UINT_8));
    unpack->failed = true;
    return 0;
}

uint64_t unpack_uint_max(struct unpack *unpack, uint64_t max)
{
    uint64_t number = unpack_uint(unpack);

    if (number <= max)
        return number;
    unpack->failed = true;
    return 0;
}

double unpack_double(struct unpack *unpack)
{
    uint64_t bits;
    double number;

    if (take_head(unpack) != HEAD_DOUBLE)
        unpack->failed = true;
    bits = take_number(unpack, sizeof bits);
    memcpy(&number, &bits, sizeof number);
    return number;
}

bool unpack_bool(struct unpack *unpack)
{
    uint8_t head = take_head(unpack);

    if (head != HEAD_TRUE && head != HEAD_FALSE)
        unpack->failed = true;
    return head == HEAD_TRUE;
}

const uint8_t *unpack_bytes(struct unpack *unpack, size_t *len)
{
    uint8_t head = take_head(unpack);
    const uint8_t *bytes = NULL;
    size_t count = 0;

    if (head >= HEAD_BYTES_8 && head <= HEAD_BYTES_32) {
        count = (size_t)take_number(unpack, (size_t)1 << (head - HEAD_BYTES_8));
        bytes = take(unpack, count);
    } else {
        unpack->failed = true;
    }
    *len = bytes ? count : 0;
    return bytes;
}

const char *unpack_text_view(struct unpack *unpack, size_t *len)
{
    uint8_t head = take_head(unpack);
    const uint8_t *bytes = NULL;
    size_t count = 0;

    *len = 0;
    if (head == HEAD_NIL)
        return NULL;
    if ((head & 0xe0) == HEAD_FIXTEXT)
        count = head & 0x1f;
    else if (head >= HEAD_TEXT_8 && head <= HEAD_TEXT_32)
        count = (size_t)take_number(unpack, (size_t)1 << (head - HEAD_TEXT_8));
    else
        unpack->failed = true;
    bytes = take(unpack, count);
    if (!bytes)
        return NULL;
    if (memchr(bytes, '\0', count)) {
        unpack->failed = true;
        return NULL;
    }
    *len = count;
    return (const char *)bytes;
}

char *unpack_text(struct unpack *unpack)
{
    size_t len;
    const char *text = unpack_text_view(unpack, &len);

    return text ? x_strndup(text, len) : NULL;
}

size_t unpack_array(struct unpack *unpack)
{
    uint8_t head = take_head(unpack);
    size_t count = 0;

    if ((head & 0xf0) == HEAD_FIXARRAY)
        count = head & 0x0f;
    else if (head == HEAD_ARRAY_16 || head == HEAD_ARRAY_32)
        count = (size_t)take_number(unpack, head == HEAD_ARRAY_16 ? 2 : 4);
    else
        unpack->failed = true;
    if (count > unpack->len - unpack->at)
        unpack->failed = true;
    return unpack->failed ? 0 : count;
}

bool unpack_null(struct unpack *unpack)
{
    if (unpack->failed || unpack->at >= unpack->len || unpack->bytes[unpack->at] != HEAD_NIL)
        return false;
    unpack->at++;
    return true;
}

bool unpack_finished(const struct unpack *unpack)
{
    return !unpack->failed && unpack->at == unpack->len;
}

#include "report/hdr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

/* A decoder of our own, written from the format's description, not from the encoder. */
enum { COUNTS_MAX = 40000, TEXT_BYTES = 1 << 20 };

struct decoded {
    uint32_t cookie, payload_bytes, offset, digits;
    uint64_t lowest, highest;
    double ratio;
    size_t count_len;
    uint64_t counts[COUNTS_MAX];
};

static size_t decode_base64(const char *text, uint8_t *bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    int bit_count = 0;
    size_t len = 0;

    assert_int_equal(strlen(text) % 4, 0);
    for (; *text && *text != '='; text++) {
        const char *digit = strchr(digits, *text);

        assert_non_null(digit);
        bits = bits << 6 | (uint32_t)(digit - digits);
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            bytes[len++] = (uint8_t)(bits >> bit_count);
        }
    }
    return len;
}

static uint64_t read_be(const uint8_t **at, int bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < bytes; i++)
        value = value << 8 | *(*at)++;
    return value;
}

static int64_t read_zigzag(const uint8_t **at)
{
    uint64_t value = 0;

    for (int i = 0; i < 9; i++) {
        uint8_t byte = *(*at)++;

        if (i == 8) {
            value |= (uint64_t)byte << 56;
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80))
            break;
    }
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static void read_counts(struct decoded *result, const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        int64_t count = read_zigzag(&at);

        if (count < 0) {
            result->count_len += (size_t)-count;
        } else {
            assert_true(result->count_len < COUNTS_MAX);
            result->counts[result->count_len++] = (uint64_t)count;
        }
    }
    assert_ptr_equal(at, end);
}

static struct decoded *decode(const char *text)
{
    struct decoded *result = calloc(1, sizeof *result);
    uint8_t *packed = malloc(TEXT_BYTES), *plain = malloc(TEXT_BYTES);
    const uint8_t *at = packed;
    size_t packed_bytes = decode_base64(text, packed);
    uLongf plain_bytes = TEXT_BYTES;

    assert_int_equal(read_be(&at, 4), 0x1c849314);
    assert_int_equal(read_be(&at, 4), packed_bytes - 8);
    assert_int_equal(uncompress(plain, &plain_bytes, at, (uLong)(packed_bytes - 8)), Z_OK);
    at = plain;
    result->cookie = (uint32_t)read_be(&at, 4);
    result->payload_bytes = (uint32_t)read_be(&at, 4);
    result->offset = (uint32_t)read_be(&at, 4);
    result->digits = (uint32_t)read_be(&at, 4);
    result->lowest = read_be(&at, 8);
    result->highest = read_be(&at, 8);
    uint64_t bits = read_be(&at, 8);
    memcpy(&result->ratio, &bits, sizeof bits);
    assert_int_equal(result->payload_bytes, plain_bytes - 40);
    read_counts(result, at, plain + plain_bytes);
    free(packed);
    free(plain);
    return result;
}

static struct decoded *round_trip(const struct hist *hist, uint64_t highest)
{
    struct buf text = {0};
    struct decoded *result;

    hdr_append_base64(&text, hist, highest);
    assert_memory_equal(text.bytes, "HISTFAAA", 8);
    result = decode(buf_text(&text));
    buf_fini(&text);
    return result;
}

static void the_head_says_what_the_histogram_is(void **state)
{
    struct hist *hist = hist_new(3600000000);
    struct decoded *decoded = round_trip(hist, 3600000000);

    (void)state;
    assert_int_equal(decoded->cookie, 0x1c849313);
    assert_int_equal(decoded->offset, 0);
    assert_int_equal(decoded->digits, 3);
    assert_int_equal(decoded->lowest, 1);
    assert_int_equal(decoded->highest, 3600000000);
    assert_true(decoded->ratio == 1.0);
    assert_int_equal(decoded->count_len, 0);
    free(decoded);
    hist_free(hist);
}

static void counts_stand_where_hdr_histogram_puts_them(void **state)
{
    /* Indices worked out by hand: 2,048 sub-buckets, then 1,024 an octave. */
    static const struct {
        uint64_t value, count;
        size_t index;
    } rows[] = {{0, 1, 0},           {1, 2, 1},
                {3, 70, 3},          {2047, 5, 2047},
                {2048, 1, 2048},     {4095, 3, 3071},
                {4096, 1, 3072},     {1000000, 300, 11169},
                {4000000, 1, 13217}, {1ULL << 31, 9, 22528}};
    struct hist *hist = hist_new(3600000000);
    struct decoded *decoded;
    uint64_t sum = 0;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        hist_record_many(hist, rows[i].value, rows[i].count);
    decoded = round_trip(hist, 3600000000);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(decoded->counts[rows[i].index], rows[i].count);
    for (size_t i = 0; i < decoded->count_len; i++)
        sum += decoded->counts[i];
    assert_int_equal(sum, hist_count(hist));
    assert_int_equal(decoded->count_len, 22529);
    free(decoded);
    hist_free(hist);
}

static void very_large_counts_survive(void **state)
{
    struct hist *hist = hist_new(1000);
    struct decoded *decoded;

    (void)state;
    hist_record_many(hist, 7, 1);
    hist_record_many(hist, 9, 1ULL << 60);
    decoded = round_trip(hist, 1000);
    assert_int_equal(decoded->counts[7], 1);
    assert_int_equal(decoded->counts[8], 0);
    assert_int_equal(decoded->counts[9], 1ULL << 60);
    free(decoded);
    hist_free(hist);
}

static void overflow_is_left_out(void **state)
{
    struct hist *hist = hist_new(1000);
    struct decoded *decoded;

    (void)state;
    hist_record(hist, 5);
    hist_record(hist, 5000000);
    decoded = round_trip(hist, 1000);
    assert_int_equal(decoded->count_len, 6);
    assert_int_equal(decoded->counts[5], 1);
    free(decoded);
    hist_free(hist);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_head_says_what_the_histogram_is),
        cmocka_unit_test(counts_stand_where_hdr_histogram_puts_them),
        cmocka_unit_test(very_large_counts_survive),
        cmocka_unit_test(overflow_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

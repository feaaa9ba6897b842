#include "base/buf.h"
#include "base/rng.h"
#include "compressor.h"
#include "http/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MIB = 1024 * 1024 };

static const struct {
    const char *coding;
    enum compressor_format format;
} FORMATS[] = {
    {"gzip", COMPRESSOR_GZIP},
    {"deflate", COMPRESSOR_ZLIB},
    {"deflate", COMPRESSOR_RAW},
    {"br", COMPRESSOR_BR},
};

enum { FORMAT_COUNT = sizeof FORMATS / sizeof FORMATS[0] };

static bool count_bytes(void *ctx, const uint8_t *bytes, size_t len)
{
    uint64_t *byte_count = ctx;

    (void)bytes;
    *byte_count += len;
    return true;
}

static struct decoder *open_decoder(const char *coding)
{
    bool is_known = false;
    struct decoder *decoder = decoder_new(coding, strlen(coding), &is_known);

    assert_true(is_known);
    assert_non_null(decoder);
    return decoder;
}

static void append_noise(struct buf *out, size_t len)
{
    struct rng rng;

    rng_init(&rng, 1);
    for (size_t i = 0; i < len; i++)
        (void)buf_append_byte(out, (uint8_t)rng_next(&rng));
}

static void append_zeros(struct buf *out, size_t len)
{
    memset(buf_reserve(out, len), 0, len);
    buf_grew(out, len);
}

/* A gigabyte of zeros, compressed as they are wanted. */
static void a_bomb_is_given_up_early(void **state)
{
    struct buf zeros = {0}, body = {0};

    (void)state;
    append_zeros(&zeros, MIB);
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        struct compressor *compressor = compressor_new(FORMATS[i].format);
        struct decoder *decoder = open_decoder(FORMATS[i].coding);
        enum decode_status status = DECODE_OK;
        uint64_t got = 0;

        for (int fed_mib = 0; fed_mib < 1024 && status == DECODE_OK; fed_mib++) {
            buf_clear(&body);
            compressor_add(compressor, zeros.bytes, zeros.len, &body);
            status = decoder_feed(decoder, body.bytes, body.len, count_bytes, &got);
        }
        assert_int_equal(status, DECODE_TOO_LARGE);
        assert_in_range(got, DECODE_RESERVE_BYTES, 4 * MIB);
        assert_string_equal(decoder_reason(decoder), "the data decodes to too many bytes");
        assert_int_equal(decoder_feed(decoder, body.bytes, 1, count_bytes, &got), DECODE_TOO_LARGE);
        assert_int_equal(decoder_finish(decoder), DECODE_TOO_LARGE);
        decoder_free(decoder);
        compressor_free(compressor);
    }
    buf_fini(&body);
    buf_fini(&zeros);
}

static void one_feed_yields_no_more_than_its_share(void **state)
{
    struct buf zeros = {0};

    (void)state;
    append_zeros(&zeros, 64 * MIB);
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        struct decoder *decoder = open_decoder(FORMATS[i].coding);
        struct buf body = {0};
        uint64_t share, got = 0;

        compress_whole(FORMATS[i].format, zeros.bytes, zeros.len, &body);
        share = body.len * (uint64_t)DECODE_RATIO_LIMIT;
        share = share > DECODE_FEED_BYTES ? share : DECODE_FEED_BYTES;
        assert_int_equal(decoder_feed(decoder, body.bytes, body.len, count_bytes, &got),
                         DECODE_TOO_LARGE);
        assert_in_range(got, share, share + DECODE_RESERVE_BYTES);
        decoder_free(decoder);
        buf_fini(&body);
    }
    buf_fini(&zeros);
}

/* Hours of plain data buy no larger bomb than a new stream has. */
static void what_earlier_feeds_left_is_not_saved_up(void **state)
{
    struct decoder *decoder = open_decoder("gzip");
    struct compressor *compressor = compressor_new(COMPRESSOR_GZIP);
    struct buf noise = {0}, zeros = {0}, body = {0};
    uint64_t got = 0;

    (void)state;
    append_noise(&noise, MIB);
    append_zeros(&zeros, 16 * MIB);
    compressor_add(compressor, noise.bytes, noise.len, &body);
    assert_int_equal(decoder_feed(decoder, body.bytes, body.len, count_bytes, &got), DECODE_OK);
    got = 0;
    buf_clear(&body);
    compressor_add(compressor, zeros.bytes, zeros.len, &body);
    assert_int_equal(decoder_feed(decoder, body.bytes, body.len, count_bytes, &got),
                     DECODE_TOO_LARGE);
    assert_in_range(got, DECODE_RESERVE_BYTES,
                    DECODE_RESERVE_BYTES + body.len * (uint64_t)DECODE_RATIO_LIMIT);
    compressor_free(compressor);
    decoder_free(decoder);
    buf_fini(&noise);
    buf_fini(&zeros);
    buf_fini(&body);
}

/* Empty gzip members decode to nothing, but not for nothing. */
static void a_bomb_of_which_nothing_comes_out_is_noticed(void **state)
{
    struct decoder *decoder = open_decoder("gzip, br");
    struct buf member = {0}, members = {0}, body = {0};
    uint64_t got = 0;

    (void)state;
    compress_whole(COMPRESSOR_GZIP, "", 0, &member);
    while (members.len < 16 * MIB)
        (void)buf_append(&members, member.bytes, member.len);
    compress_whole(COMPRESSOR_BR, members.bytes, members.len, &body);
    assert_int_equal(decoder_feed(decoder, body.bytes, body.len, count_bytes, &got),
                     DECODE_TOO_LARGE);
    assert_int_equal(got, 0);
    decoder_free(decoder);
    buf_fini(&member);
    buf_fini(&members);
    buf_fini(&body);
}

/* With br, 1000 times smaller: a limit on the ratio alone would take them for a bomb. */
static void equal_events_flushed_one_by_one_are_no_bomb(void **state)
{
    struct buf event = {0}, body = {0};

    (void)state;
    append_noise(&event, 50 * 1000);
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        struct compressor *compressor = compressor_new(FORMATS[i].format);
        struct decoder *decoder = open_decoder(FORMATS[i].coding);
        uint64_t got = 0;

        for (int number = 0; number < 200; number++) {
            buf_clear(&body);
            compressor_add(compressor, event.bytes, event.len, &body);
            assert_int_equal(decoder_feed(decoder, body.bytes, body.len, count_bytes, &got),
                             DECODE_OK);
        }
        assert_int_equal(got, 200 * event.len);
        decoder_free(decoder);
        compressor_free(compressor);
    }
    buf_fini(&body);
    buf_fini(&event);
}

/* Feeds `plain` as `format` in pieces like those of a socket; the most memory it took. */
static size_t most_memory(const char *coding, enum compressor_format format,
                          const struct buf *plain, enum decode_status expected)
{
    enum { READ_BYTES = 64 * 1024 };
    struct decoder *decoder = open_decoder(coding);
    enum decode_status status = DECODE_OK;
    struct buf body = {0};
    uint64_t got = 0;
    size_t most = 0;

    compress_whole(format, plain->bytes, plain->len, &body);
    for (size_t at = 0; at < body.len && status == DECODE_OK; at += READ_BYTES) {
        size_t len = body.len - at < READ_BYTES ? body.len - at : READ_BYTES;

        status = decoder_feed(decoder, body.bytes + at, len, count_bytes, &got);
        if (decoder_memory_bytes(decoder) > most)
            most = decoder_memory_bytes(decoder);
    }
    assert_int_equal(status, expected);
    if (expected == DECODE_TOO_LARGE)
        assert_string_equal(decoder_reason(decoder), "the compressed data needs too much memory");
    decoder_free(decoder);
    buf_fini(&body);
    return most;
}

static void memory_is_the_window_and_has_a_limit(void **state)
{
    struct buf noise = {0};

    (void)state;
    append_noise(&noise, 12 * MIB);
    assert_in_range(most_memory("br", COMPRESSOR_BR, &noise, DECODE_OK), 4 * MIB, 6 * MIB);
    assert_in_range(most_memory("br", COMPRESSOR_BR_LARGE, &noise, DECODE_TOO_LARGE), 1,
                    DECODE_MEMORY_LIMIT_BYTES);
    assert_in_range(most_memory("gzip", COMPRESSOR_GZIP, &noise, DECODE_OK), 32 * 1024, 42 * 1024);
    assert_in_range(most_memory("deflate", COMPRESSOR_ZLIB, &noise, DECODE_OK), 32 * 1024,
                    42 * 1024);
    /* The window that the header names, not the largest there is. */
    assert_in_range(most_memory("deflate", COMPRESSOR_ZLIB_SMALL, &noise, DECODE_OK), 1, 10 * 1024);
    buf_fini(&noise);
}

static void a_stream_without_a_byte_takes_next_to_no_memory(void **state)
{
    struct decoder *decoder = open_decoder("gzip");

    (void)state;
    assert_in_range(decoder_memory_bytes(decoder), 1, 256);
    decoder_free(decoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bomb_is_given_up_early),
        cmocka_unit_test(one_feed_yields_no_more_than_its_share),
        cmocka_unit_test(what_earlier_feeds_left_is_not_saved_up),
        cmocka_unit_test(a_bomb_of_which_nothing_comes_out_is_noticed),
        cmocka_unit_test(equal_events_flushed_one_by_one_are_no_bomb),
        cmocka_unit_test(memory_is_the_window_and_has_a_limit),
        cmocka_unit_test(a_stream_without_a_byte_takes_next_to_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

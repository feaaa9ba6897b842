#include "base/buf.h"
#include "base/mem.h"
#include "compressor.h"
#include "http/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CHAIN_LIMIT = 4 };

/* A body: the value of Content-Encoding, and how to make one. */
struct chain {
    const char *coding;
    size_t count;
    enum compressor_format formats[CHAIN_LIMIT]; /* in the order of the header */
};

static const struct chain CHAINS[] = {
    {"gzip", 1, {COMPRESSOR_GZIP}},
    {"x-gzip", 1, {COMPRESSOR_GZIP}},
    {"deflate", 1, {COMPRESSOR_ZLIB}},
    {"deflate", 1, {COMPRESSOR_ZLIB_SMALL}},
    {"deflate", 1, {COMPRESSOR_RAW}},
    {"br", 1, {COMPRESSOR_BR}},
    {"br", 1, {COMPRESSOR_BR_LARGE}},
    {"gzip, br", 2, {COMPRESSOR_GZIP, COMPRESSOR_BR}},
    {"br, deflate", 2, {COMPRESSOR_BR, COMPRESSOR_RAW}},
    {"gzip,deflate,br,gzip", 4, {COMPRESSOR_GZIP, COMPRESSOR_ZLIB, COMPRESSOR_BR, COMPRESSOR_GZIP}},
};

enum { CHAIN_COUNT = sizeof CHAINS / sizeof CHAINS[0] };

/* What the sink got, and when it is to stop. */
struct heard {
    struct buf bytes;
    uint64_t byte_count;
    uint64_t stop_at_bytes; /* 0: never */
    size_t calls;
    struct decoder *to_free; /* when it stops, and the input too */
    uint8_t *input_to_free;
};

static bool hear(void *ctx, const uint8_t *bytes, size_t len)
{
    struct heard *heard = ctx;

    assert_in_range(len, 1, DECODE_PIECE_BYTES);
    heard->calls++;
    heard->byte_count += len;
    (void)buf_append(&heard->bytes, bytes, len);
    if (heard->stop_at_bytes == 0 || heard->byte_count < heard->stop_at_bytes)
        return true;
    decoder_free(heard->to_free);
    free(heard->input_to_free);
    return false;
}

static struct decoder *open_decoder(const char *coding)
{
    bool is_known = false;
    struct decoder *decoder = decoder_new(coding, strlen(coding), &is_known);

    assert_true(is_known);
    assert_non_null(decoder);
    return decoder;
}

/* Gives `bytes` in two pieces (cut > 0) or in pieces of one byte (cut 0), from memory of its own.
 */
static enum decode_status feed_cut(struct decoder *decoder, const uint8_t *bytes, size_t len,
                                   size_t cut, struct heard *heard)
{
    enum decode_status status = DECODE_OK;

    for (size_t at = 0; at < len && status == DECODE_OK;) {
        size_t piece = cut == 0 ? 1 : at == 0 && cut < len ? cut : len - at;
        uint8_t *copy = x_malloc(piece);

        memcpy(copy, bytes + at, piece);
        status = decoder_feed(decoder, copy, piece, hear, heard);
        free(copy);
        at += piece;
    }
    return status;
}

/* The status at the end of a body, and in `got` what came out. Frees nothing of `got`. */
static enum decode_status decode(const char *coding, const struct buf *body, size_t cut,
                                 struct buf *got)
{
    struct decoder *decoder = open_decoder(coding);
    struct heard heard = {0};
    enum decode_status fed = feed_cut(decoder, body->bytes, body->len, cut, &heard);
    enum decode_status status = decoder_finish(decoder);

    if (fed != DECODE_OK)
        assert_int_equal(status, fed);
    assert_int_equal(status == DECODE_OK, decoder_reason(decoder)[0] == '\0');
    decoder_free(decoder);
    *got = heard.bytes;
    return status;
}

static void assert_decodes(const char *coding, const struct buf *body, size_t cut,
                           const struct buf *expected)
{
    struct buf got;

    assert_int_equal(decode(coding, body, cut, &got), DECODE_OK);
    assert_int_equal(got.len, expected->len);
    if (got.len > 0)
        assert_memory_equal(got.bytes, expected->bytes, got.len);
    buf_fini(&got);
}

static void assert_breaks(const char *coding, const struct buf *body, const char *reason)
{
    for (size_t cut = 0; cut < 2; cut++) {
        struct decoder *decoder = open_decoder(coding);
        struct heard heard = {0};

        (void)feed_cut(decoder, body->bytes, body->len, cut == 0 ? 0 : body->len, &heard);
        assert_int_equal(decoder_finish(decoder), DECODE_BROKEN);
        assert_string_equal(decoder_reason(decoder), reason);
        assert_int_equal(decoder_feed(decoder, body->bytes, 1, hear, &heard), DECODE_BROKEN);
        decoder_free(decoder);
        buf_fini(&heard.bytes);
    }
}

static void compress_chain(const struct chain *chain, const struct buf *plain, struct buf *body)
{
    buf_clear(body);
    (void)buf_append(body, plain->bytes, plain->len);
    for (size_t i = 0; i < chain->count; i++) {
        struct buf next = {0};

        compress_whole(chain->formats[i], body->bytes, body->len, &next);
        buf_fini(body);
        *body = next;
    }
}

static void append_events(struct buf *out, int count)
{
    for (int i = 0; i < count; i++)
        (void)buf_appendf(out, "id: %d\nevent: tick\ndata: {\"seq\":%d,\"price\":%d}\n\n", i, i,
                          i * 7919 % 1000);
}

static void append_zeros(struct buf *out, size_t len)
{
    memset(buf_reserve(out, len), 0, len);
    buf_grew(out, len);
}

static void every_coding_is_undone_wherever_it_is_cut(void **state)
{
    struct buf plain = {0}, body = {0};

    (void)state;
    append_events(&plain, 12);
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        compress_chain(&CHAINS[i], &plain, &body);
        for (size_t cut = 0; cut <= body.len; cut++)
            assert_decodes(CHAINS[i].coding, &body, cut, &plain);
    }
    buf_fini(&body);
    buf_fini(&plain);
}

/* Where a piece for the sink is just full, the rest must not wait for more input. */
static void sizes_around_a_piece_come_out_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        for (size_t pieces = 1; pieces <= 3; pieces++) {
            for (size_t size = pieces * DECODE_PIECE_BYTES - 1;
                 size <= pieces * DECODE_PIECE_BYTES + 1; size++) {
                struct buf plain = {0}, body = {0};

                append_events(&plain, 1500);
                assert_true(plain.len > size);
                plain.len = size;
                compress_chain(&CHAINS[i], &plain, &body);
                assert_decodes(CHAINS[i].coding, &body, body.len, &plain);
                assert_decodes(CHAINS[i].coding, &body, 0, &plain);
                buf_fini(&body);
                buf_fini(&plain);
            }
        }
    }
}

static void an_empty_body_is_sound(void **state)
{
    struct buf nothing = {0}, body = {0};

    (void)state;
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        assert_decodes(CHAINS[i].coding, &nothing, 1, &nothing);
        compress_chain(&CHAINS[i], &nothing, &body);
        assert_decodes(CHAINS[i].coding, &body, 0, &nothing);
        assert_decodes(CHAINS[i].coding, &body, body.len, &nothing);
    }
    buf_fini(&body);
}

/* Puts `plain` through all compressors of a chain, each of which flushes. */
static void flush_chain(const struct chain *chain, struct compressor **compressors,
                        const struct buf *plain, struct buf *body)
{
    struct buf in = {0};

    (void)buf_append(&in, plain->bytes, plain->len);
    for (size_t i = 0; i < chain->count; i++) {
        struct buf out = {0};

        compressor_add(compressors[i], in.bytes, in.len, &out);
        buf_fini(&in);
        in = out;
    }
    *body = in;
}

static void check_flushes(const struct chain *chain, size_t cut)
{
    struct compressor *compressors[CHAIN_LIMIT];
    struct decoder *decoder = open_decoder(chain->coding);
    struct heard heard = {0};

    for (size_t i = 0; i < chain->count; i++)
        compressors[i] = compressor_new(chain->formats[i]);
    for (int number = 0; number < 100; number++) {
        struct buf event = {0}, body;

        /* The last ones are longer than a piece, so several come out of one feed. */
        append_events(&event, number < 95 ? 1 : 1500);
        flush_chain(chain, compressors, &event, &body);
        assert_int_equal(feed_cut(decoder, body.bytes, body.len, cut, &heard), DECODE_OK);
        assert_int_equal(heard.bytes.len, event.len);
        assert_memory_equal(heard.bytes.bytes, event.bytes, event.len);
        buf_clear(&heard.bytes);
        buf_fini(&body);
        buf_fini(&event);
    }
    for (size_t i = 0; i < chain->count; i++)
        compressor_free(compressors[i]);
    assert_int_equal(decoder_finish(decoder), DECODE_BROKEN);
    decoder_free(decoder);
    buf_fini(&heard.bytes);
}

static void an_event_is_out_when_it_was_flushed(void **state)
{
    (void)state;
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        check_flushes(&CHAINS[i], SIZE_MAX);
        check_flushes(&CHAINS[i], 3);
        check_flushes(&CHAINS[i], 0);
    }
}

static void a_body_cut_short_anywhere_is_broken(void **state)
{
    struct buf plain = {0}, body = {0};

    (void)state;
    append_events(&plain, 12);
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        size_t whole;

        compress_chain(&CHAINS[i], &plain, &body);
        whole = body.len;
        for (body.len = 1; body.len < whole; body.len++) {
            struct buf got;

            assert_int_equal(decode(CHAINS[i].coding, &body, 1, &got), DECODE_BROKEN);
            assert_true(got.len <= plain.len);
            if (got.len > 0)
                assert_memory_equal(got.bytes, plain.bytes, got.len);
            buf_fini(&got);
        }
        body.len = whole / 2;
        assert_breaks(CHAINS[i].coding, &body, "the compressed data is cut short");
    }
    buf_fini(&body);
    buf_fini(&plain);
}

/* Formats with a checksum never pass another text; the others at least give one answer. */
static void a_flipped_bit_never_passes_a_checksum(void **state)
{
    struct buf plain = {0}, body = {0};

    (void)state;
    append_events(&plain, 12);
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        enum compressor_format format = CHAINS[i].formats[0];
        bool has_checksum =
            format != COMPRESSOR_RAW && format != COMPRESSOR_BR && format != COMPRESSOR_BR_LARGE;

        compress_chain(&CHAINS[i], &plain, &body);
        for (size_t bit = 0; bit < body.len * 8; bit++) {
            struct buf whole, bytes;
            enum decode_status status;

            body.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            status = decode(CHAINS[i].coding, &body, body.len, &whole);
            assert_int_equal(decode(CHAINS[i].coding, &body, 0, &bytes), status);
            if (status == DECODE_OK) {
                assert_int_equal(whole.len, bytes.len);
                assert_memory_equal(whole.bytes, bytes.bytes, whole.len);
            }
            if (status == DECODE_OK && has_checksum) {
                assert_int_equal(whole.len, plain.len);
                assert_memory_equal(whole.bytes, plain.bytes, whole.len);
            }
            body.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            buf_fini(&whole);
            buf_fini(&bytes);
        }
    }
    buf_fini(&body);
    buf_fini(&plain);
}

static void gzip_members_in_a_row_are_one_body(void **state)
{
    struct buf plain = {0}, body = {0};

    (void)state;
    for (int i = 1; i <= 3; i++) {
        struct buf member = {0};

        append_events(&member, i);
        (void)buf_append(&plain, member.bytes, member.len);
        compress_whole(COMPRESSOR_GZIP, member.bytes, member.len, &body);
        for (size_t cut = 0; cut <= body.len; cut++)
            assert_decodes("gzip", &body, cut, &plain);
        buf_fini(&member);
    }
    append_zeros(&body, 600);
    for (size_t cut = 0; cut <= body.len; cut++)
        assert_decodes("gzip", &body, cut, &plain);
    (void)buf_append_byte(&body, 0x1f);
    assert_breaks("gzip", &body, "bytes follow the end of the compressed data");
    body.len -= 601;
    (void)buf_append_byte(&body, 0x1f);
    assert_breaks("gzip", &body, "the compressed data is cut short");
    (void)buf_append_byte(&body, 0);
    assert_breaks("gzip", &body, "incorrect header check");
    buf_fini(&body);
    buf_fini(&plain);
}

static void bytes_behind_the_end_are_an_error(void **state)
{
    static const struct {
        const char *coding;
        enum compressor_format format;
        const char *tail;
        size_t len;
        bool is_sound;
    } cases[] = {
        {"gzip", COMPRESSOR_GZIP, "x", 1, false},
        {"gzip", COMPRESSOR_GZIP, "\0\0x", 3, false},
        {"deflate", COMPRESSOR_ZLIB, "x", 1, false},
        {"deflate", COMPRESSOR_ZLIB, "\0", 1, false},
        {"deflate", COMPRESSOR_RAW, "abcd", 4, true},
        {"deflate", COMPRESSOR_RAW, "abcde", 5, false},
        {"br", COMPRESSOR_BR, "x", 1, false},
        {"br", COMPRESSOR_BR, "\0", 1, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf plain = {0}, body = {0};

        append_events(&plain, 3);
        compress_whole(cases[i].format, plain.bytes, plain.len, &body);
        (void)buf_append(&body, cases[i].tail, cases[i].len);
        if (cases[i].is_sound) {
            for (size_t cut = 0; cut <= body.len; cut++)
                assert_decodes(cases[i].coding, &body, cut, &plain);
        } else {
            struct buf got;

            assert_breaks(cases[i].coding, &body, "bytes follow the end of the compressed data");
            (void)decode(cases[i].coding, &body, body.len, &got);
            assert_int_equal(got.len, plain.len);
            buf_fini(&got);
        }
        buf_fini(&body);
        buf_fini(&plain);
    }
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *coding;
        enum compressor_format format;
        size_t from_end; /* of the byte to spoil; 0: the first */
        const char *reason;
    } cases[] = {
        {"gzip", COMPRESSOR_GZIP, 8, "incorrect data check"},
        {"gzip", COMPRESSOR_GZIP, 1, "incorrect length check"},
        {"gzip", COMPRESSOR_GZIP, 0, "incorrect header check"},
        {"deflate", COMPRESSOR_ZLIB, 1, "incorrect data check"},
        {"gzip", COMPRESSOR_ZLIB, 0, "incorrect header check"},
        {"deflate", COMPRESSOR_GZIP, 0, "invalid block type"},
        {"br", COMPRESSOR_GZIP, 0, "the brotli data is not sound"},
    };
    /* Names a dictionary, RFC 1950, section 2.2. */
    static const char needs_dictionary[] = "\x78\xbb\0\0\0\1\0\0";
    struct buf body = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf_clear(&body);
        compress_whole(cases[i].format, "data: 1\n\n", 9, &body);
        if (cases[i].from_end > 0)
            body.bytes[body.len - cases[i].from_end] ^= 0x55;
        else if (i == 2)
            body.bytes[0] = 'g';
        assert_breaks(cases[i].coding, &body, cases[i].reason);
    }
    buf_clear(&body);
    (void)buf_append(&body, needs_dictionary, sizeof needs_dictionary);
    assert_breaks("deflate", &body, "the compressed data needs a dictionary");
    buf_clear(&body);
    (void)buf_append_text(&body, "data: not compressed at all\n\n");
    assert_breaks("gzip", &body, "incorrect header check");
    buf_fini(&body);
}

static void a_list_of_codings_is_known_or_not_as_a_whole(void **state)
{
    static const struct {
        const char *list;
        bool is_known, has_decoder;
    } cases[] = {
        {"", true, false},
        {" \t", true, false},
        {"identity", true, false},
        {"Identity, ,identity,", true, false},
        {"gzip", true, true},
        {"GZip", true, true},
        {"\tx-GZIP ", true, true},
        {",gzip ,, Br", true, true},
        {"identity, deflate, identity", true, true},
        {"br,br,br,br", true, true},
        {"identity,br,br,identity,br,br", true, true},
        {"br,br,br,br,br", false, false},
        {"zstd", false, false},
        {"compress", false, false},
        {"gzip, zstd", false, false},
        {"gzip;q=1", false, false},
        {"gzi", false, false},
        {"gzipp", false, false},
        {"gzip br", false, false},
        {"*", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = strlen(cases[i].list);
        char *list = x_malloc(len > 0 ? len : 1); /* no NUL behind it */
        bool is_known = !cases[i].is_known;
        struct decoder *decoder;

        memcpy(list, cases[i].list, len);
        decoder = decoder_new(list, len, &is_known);
        assert_int_equal(is_known, cases[i].is_known);
        assert_int_equal(decoder != NULL, cases[i].has_decoder);
        decoder_free(decoder);
        free(list);
    }
    decoder_free(open_decoder(DECODE_ACCEPT_ENCODING));
}

static void a_sink_that_stops_is_not_called_again(void **state)
{
    struct buf plain = {0}, body = {0};

    (void)state;
    append_events(&plain, 3000);
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        struct decoder *decoder = open_decoder(CHAINS[i].coding);
        struct heard heard = {.stop_at_bytes = 1};

        compress_chain(&CHAINS[i], &plain, &body);
        assert_int_equal(decoder_feed(decoder, body.bytes, body.len, hear, &heard), DECODE_STOPPED);
        assert_int_equal(heard.calls, 1);
        assert_int_equal(decoder_feed(decoder, body.bytes, 1, hear, &heard), DECODE_STOPPED);
        assert_int_equal(decoder_finish(decoder), DECODE_STOPPED);
        assert_int_equal(heard.calls, 1);
        decoder_free(decoder);
        buf_fini(&heard.bytes);
    }
    buf_fini(&body);
    buf_fini(&plain);
}

static void a_sink_that_stops_may_free_decoder_and_input(void **state)
{
    struct buf plain = {0}, body = {0};

    (void)state;
    append_events(&plain, 3000);
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        struct heard heard = {.stop_at_bytes = plain.len / 2};
        uint8_t *input;

        compress_chain(&CHAINS[i], &plain, &body);
        input = x_malloc(body.len);
        memcpy(input, body.bytes, body.len);
        heard.to_free = open_decoder(CHAINS[i].coding);
        heard.input_to_free = input;
        assert_int_equal(decoder_feed(heard.to_free, input, body.len, hear, &heard),
                         DECODE_STOPPED);
        buf_fini(&heard.bytes);
    }
    buf_fini(&body);
    buf_fini(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_coding_is_undone_wherever_it_is_cut),
        cmocka_unit_test(sizes_around_a_piece_come_out_whole),
        cmocka_unit_test(an_empty_body_is_sound),
        cmocka_unit_test(an_event_is_out_when_it_was_flushed),
        cmocka_unit_test(a_body_cut_short_anywhere_is_broken),
        cmocka_unit_test(a_flipped_bit_never_passes_a_checksum),
        cmocka_unit_test(gzip_members_in_a_row_are_one_body),
        cmocka_unit_test(bytes_behind_the_end_are_an_error),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_list_of_codings_is_known_or_not_as_a_whole),
        cmocka_unit_test(a_sink_that_stops_is_not_called_again),
        cmocka_unit_test(a_sink_that_stops_may_free_decoder_and_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

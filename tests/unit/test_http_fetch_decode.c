#include "http/fetch.h"

#include "base/mem.h"
#include "compressor.h"
#include "fetch_fixture.h"
#include "http/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OK     "HTTP/1.1 200 OK\r\n"
#define WHOLE  OK "Content-Length: 2\r\n\r\nok"
#define CODED  OK "Content-Encoding: gzip\r\n"
#define CHUNKS "Transfer-Encoding: chunked\r\n\r\n"

static struct compressor *compressor; /* of a test that sends pieces */

/* A step's text: a head with Content-Length, and `bytes` behind it. */
static void build(struct buf *text, const char *head, const struct buf *bytes)
{
    (void)buf_appendf(text, "%sContent-Length: %zu\r\n\r\n", head, bytes->len);
    (void)buf_append(text, bytes->bytes, bytes->len);
}

static struct step step_of(const struct buf *text)
{
    return (struct step){.text = (const char *)text->bytes, .text_bytes = text->len};
}

static void ask_decoded(struct asker *asker)
{
    asker_init(asker, "/a");
    asker->order.wants_decoding = true;
}

/* Compresses, flushes and sends `text` as one chunk. */
static void send_piece(const char *text)
{
    struct buf bytes = {0}, chunk = {0};

    compressor_add(compressor, text, strlen(text), &bytes);
    (void)buf_appendf(&chunk, "%zx\r\n", bytes.len);
    (void)buf_append(&chunk, bytes.bytes, bytes.len);
    (void)buf_append_text(&chunk, "\r\n");
    server_send(0, chunk.bytes, chunk.len);
    buf_fini(&bytes);
    buf_fini(&chunk);
}

static void each_flushed_piece_arrives_before_the_next_is_sent(void **state)
{
    static const struct {
        enum compressor_format format;
        const char *head;
    } table[] = {{COMPRESSOR_GZIP, CODED CHUNKS},
                 {COMPRESSOR_ZLIB, OK "Content-Encoding: Deflate\r\n" CHUNKS},
                 {COMPRESSOR_BR, OK "Content-Encoding: br\r\n" CHUNKS}};

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct step steps[] = {{.text = table[i].head}};
        struct asker asker;

        if (i > 0)
            assert_int_equal(open_server(state), 0);
        SCRIPT(steps);
        compressor = compressor_new(table[i].format);
        ask_decoded(&asker);
        asker_start(&asker);
        wait_for_requests(1);
        send_piece("data: 1\n\n");
        asker_wait_for_text(&asker, "data: 1\n\n");
        send_piece("data: 2\n\n");
        asker_wait_for_text(&asker, "data: 1\n\ndata: 2\n\n");
        fetch_cancel(&asker.fetch, true);
        compressor_free(compressor);
        asker_fini(&asker);
        if (i + 1 < sizeof table / sizeof table[0])
            assert_int_equal(close_server(state), 0);
    }
}

static void a_whole_body_is_decoded_and_its_connection_used_again(void **state)
{
    struct buf bytes = {0}, text = {0};
    struct step steps[2] = {{0}, {.text = WHOLE}};
    struct asker asker;

    (void)state;
    compress_whole(COMPRESSOR_GZIP, "hello", 5, &bytes);
    build(&text, CODED, &bytes);
    steps[0] = step_of(&text);
    SCRIPT(steps);
    ask_decoded(&asker);
    asker_run(&asker);
    check_whole(&asker, 200, "hello");
    asker_start(&asker);
    asker_wait(&asker, 2);
    assert_string_equal(buf_text(&asker.bytes), "hellook"); /* the decoder went with its body */
    assert_int_equal(server.connection_count, 1);
    buf_fini(&bytes);
    buf_fini(&text);
    asker_fini(&asker);
}

static void a_redirect_with_a_coded_body_is_drained_undecoded(void **state)
{
    static const struct step steps[] = {
        {.text = "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Encoding: gzip\r\n"
                 "Content-Length: 7\r\n\r\nrubbish"},
        {.text = WHOLE}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    ask_decoded(&asker);
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    assert_int_equal(server.connection_count, 1);
    asker_fini(&asker);
}

static void a_coded_body_behind_a_redirect_is_decoded(void **state)
{
    struct buf bytes = {0}, text = {0};
    struct step steps[2] = {
        {.text = "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"}};
    struct asker asker;

    (void)state;
    compress_whole(COMPRESSOR_GZIP, "hello", 5, &bytes);
    build(&text, CODED, &bytes);
    steps[1] = step_of(&text);
    SCRIPT(steps);
    ask_decoded(&asker);
    asker_run(&asker);
    check_whole(&asker, 200, "hello");
    assert_true(request_has(1, "GET /b HTTP"));
    buf_fini(&bytes);
    buf_fini(&text);
    asker_fini(&asker);
}

static void what_cannot_be_decoded_has_its_class(void **state)
{
    static const struct {
        const char *head;
        bool is_asked_for;
        const char *named;
    } table[] = {
        {CODED, true, ""},                                         /* rubbish */
        {CODED, false, "content coding 'gzip' was not asked for"}, /* and looks like any body */
        {OK "Content-Encoding: zstd\r\n", true, "content coding 'zstd' is not known"},
        {OK "Content-Encoding: zstd\r\n", false, "'zstd' is not known"},
        {OK "Content-Encoding: gzip, gzip, gzip, gzip, gzip\r\n", true, "is not known"},
    };
    struct buf bytes = {0};

    (void)state;
    (void)buf_append_text(&bytes, "rubbish, all of it");
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct buf text = {0};
        struct step steps[1];
        struct asker asker;

        build(&text, table[i].head, &bytes);
        steps[0] = step_of(&text);
        SCRIPT(steps);
        asker_init(&asker, "/a");
        asker.order.wants_decoding = table[i].is_asked_for;
        asker_run(&asker);
        check_failed(&asker, CLASS_DECODE, table[i].named);
        assert_int_equal(asker.bytes.len, 0);
        assert_true(asker.has_head);
        assert_int_equal(asker.head_count, i == 0);
        buf_fini(&text);
        asker_fini(&asker);
    }
    buf_fini(&bytes);
}

static void a_body_cut_short_inside_its_coding_is_decode(void **state)
{
    struct buf bytes = {0}, text = {0};
    struct step steps[1];
    struct asker asker;

    (void)state;
    compressor = compressor_new(COMPRESSOR_GZIP);
    compressor_add(compressor, "hello", 5, &bytes);
    compressor_free(compressor);
    build(&text, CODED, &bytes);
    steps[0] = step_of(&text);
    SCRIPT(steps);
    ask_decoded(&asker);
    asker_run(&asker);
    check_failed(&asker, CLASS_DECODE, "cut short");
    assert_string_equal(buf_text(&asker.bytes), "hello"); /* what came before it counts */
    buf_fini(&text);
    asker_fini(&asker);

    /* The connection's failure is nearer the cause than that of the coding. */
    (void)buf_appendf(&text, CODED "Content-Length: 999\r\n\r\n");
    (void)buf_append(&text, bytes.bytes, bytes.len);
    steps[0] = step_of(&text);
    steps[0].then = THEN_CLOSE;
    SCRIPT(steps);
    ask_decoded(&asker);
    asker_run(&asker);
    check_failed(&asker, CLASS_CLOSED_EARLY, "");
    buf_fini(&bytes);
    buf_fini(&text);
    asker_fini(&asker);
}

static void a_bomb_is_too_large(void **state)
{
    enum { BOMB_BYTES = 64 * 1024 * 1024 };
    uint8_t *zeros = x_calloc(1, BOMB_BYTES);
    struct buf bytes = {0}, text = {0};
    struct step steps[1];
    struct asker asker;

    (void)state;
    compress_whole(COMPRESSOR_GZIP, zeros, BOMB_BYTES, &bytes);
    free(zeros);
    build(&text, CODED, &bytes);
    steps[0] = step_of(&text);
    SCRIPT(steps);
    ask_decoded(&asker);
    asker_run(&asker);
    check_failed(&asker, CLASS_TOO_LARGE, "too many bytes");
    assert_true(asker.bytes.len < BOMB_BYTES / 2);
    assert_null(server.session.idle);
    buf_fini(&bytes);
    buf_fini(&text);
    asker_fini(&asker);
}

/* RFC 9110, section 8.4: the field of an answer without content says what there would be. */
static void a_coding_is_ignored_where_there_is_no_body(void **state)
{
    static const struct {
        const char *method, *text;
        int status;
    } table[] = {
        {"HEAD", CODED "Content-Length: 99\r\n\r\n", 200},
        {"HEAD", OK "Content-Encoding: zstd\r\nContent-Length: 99\r\n\r\n", 200},
        {"GET", "HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n", 204},
        {"GET", "HTTP/1.1 204 No Content\r\nContent-Encoding: zstd\r\n\r\n", 204},
        {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Encoding: zstd\r\n\r\n", 304},
        {"GET", CODED "Content-Length: 0\r\n\r\n", 200},
        {"GET", OK "Content-Encoding: identity\r\nContent-Length: 0\r\n\r\n", 200},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct step steps[] = {{.text = table[i].text}, {.text = WHOLE}};
        struct asker asker;

        SCRIPT(steps);
        ask_decoded(&asker);
        asker.order.method = table[i].method;
        asker_run(&asker);
        check_whole(&asker, table[i].status, "");
        asker.order.method = "GET";
        asker_start(&asker);
        asker_wait(&asker, 2);
        assert_string_equal(buf_text(&asker.bytes), "ok");
        asker_fini(&asker);
    }
}

/* --- acts from inside the handlers --- */

/* Two pieces of one compressed body, cut so that the decoder has more after the first call. */
static void build_coded(struct buf *text)
{
    static char lines[3 * DECODE_PIECE_BYTES];
    struct buf bytes = {0};

    for (size_t i = 0; i < sizeof lines; i++)
        lines[i] = (char)('a' + i * i % 23);
    compress_whole(COMPRESSOR_GZIP, lines, sizeof lines, &bytes);
    build(text, CODED, &bytes);
    buf_fini(&bytes);
}

static void check_cancel(enum place place, const struct step *steps)
{
    struct asker asker;

    server_script(steps, 1);
    ask_decoded(&asker);
    asker.cancels_at = place;
    asker_start(&asker);
    asker_wait_for_rest(&asker);
    turn_for(5); /* nothing follows */
    assert_int_equal(asker.answer_count, 1);
    assert_int_equal(asker.head_count, place >= AT_HEAD);
    assert_int_equal(asker.body_count, place >= AT_BODY);
    assert_int_equal(asker.end_count, 0);
    assert_false(fetch_is_under_way(&asker.fetch));
    asker_fini(&asker);
}

static void check_restart(enum place place, const struct step *steps)
{
    struct asker asker;

    server_script(steps, 2);
    ask_decoded(&asker);
    asker.cancels_at = place == AT_END ? NOWHERE : place;
    asker.restarts_at = place;
    asker_start(&asker);
    asker_wait(&asker, place == AT_END ? 2 : 1);
    assert_int_equal(asker.error_class, CLASS_NONE);
    assert_int_equal(asker.head_count, 2);
    assert_int_equal(asker.status, 200);
    assert_memory_equal(asker.bytes.bytes + asker.bytes.len - 2, "ok", 2);
    asker_fini(&asker);
}

static void a_fetch_may_be_cancelled_from_inside_its_handlers(void **state)
{
    struct buf text = {0};
    struct step coded[1];
    static const struct step plain[] = {{.text = WHOLE}};

    (void)state;
    build_coded(&text);
    coded[0] = step_of(&text);
    for (enum place place = AT_ANSWER; place <= AT_BODY; place++) {
        check_cancel(place, plain);
        check_cancel(place, coded);
    }
    buf_fini(&text);
}

static void a_fetch_may_be_started_anew_from_inside_its_handlers(void **state)
{
    struct buf text = {0};
    struct step coded[2] = {{0}, {.text = WHOLE}};
    static const struct step plain[] = {{.text = WHOLE}, {.text = WHOLE}};

    (void)state;
    build_coded(&text);
    coded[0] = step_of(&text);
    for (enum place place = AT_HEAD; place <= AT_END; place++) {
        check_restart(place, plain);
        check_restart(place, coded);
    }
    buf_fini(&text);
}

/* The decoder that a restart inside its own callback leaves behind does not meet the new body. */
static void a_new_coded_body_begins_with_a_new_decoder(void **state)
{
    struct buf text = {0};
    struct step steps[2];
    struct asker asker;

    (void)state;
    build_coded(&text);
    steps[0] = steps[1] = step_of(&text);
    SCRIPT(steps);
    ask_decoded(&asker);
    asker.cancels_at = asker.restarts_at = AT_BODY;
    asker_start(&asker);
    asker_wait(&asker, 1);
    assert_int_equal(asker.error_class, CLASS_NONE);
    assert_int_equal(asker.bytes.len, 4 * DECODE_PIECE_BYTES); /* one piece, then all three */
    buf_fini(&text);
    asker_fini(&asker);
}

static void an_owner_may_free_its_fetch_at_the_head_and_at_the_end(void **state)
{
    static const struct {
        const char *text;
        enum then then;
        enum place place;
    } table[] = {
        {WHOLE, THEN_STAY, AT_HEAD},
        {WHOLE, THEN_STAY, AT_END},
        {WHOLE, THEN_CLOSE, AT_END},
        {CODED "Content-Length: 9\r\n\r\nrubbish!!", THEN_STAY, AT_HEAD},
        {CODED "Content-Length: 9\r\n\r\nrubbish!!", THEN_STAY, AT_END},
        {OK "Content-Encoding: zstd\r\nContent-Length: 1\r\n\r\n.", THEN_STAY, AT_END},
        {"HTTP/1.1 302 Found\r\nContent-Length: 1\r\n\r\n.", THEN_STAY, AT_END},
        {"HTTP/1.1 302 Found\r\nLocation: http://127.7.7.7:1/\r\nContent-Length: 1\r\n\r\n.",
         THEN_STAY, AT_END},
        {NULL, THEN_RESET, AT_END},
        {NULL, THEN_STAY, AT_END}, /* a timeout */
    };
    struct asker *asker;

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct step steps[] = {{.text = table[i].text, .then = table[i].then}};

        freed_count = 0;
        SCRIPT(steps);
        asker = x_calloc(1, sizeof *asker);
        ask_decoded(asker);
        asker->frees_itself = true;
        asker->cancels_at = table[i].place;
        asker_start(asker);
        for (int turns = 0; freed_count == 0 && turns < 1000; turns++)
            turn_for(5);
        if (freed_count != 1)
            fail_msg("case %zu", i);
        turn_for(2);
        http_session_close(&server.session, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(each_flushed_piece_arrives_before_the_next_is_sent),
        WITH_SERVER(a_whole_body_is_decoded_and_its_connection_used_again),
        WITH_SERVER(a_redirect_with_a_coded_body_is_drained_undecoded),
        WITH_SERVER(a_coded_body_behind_a_redirect_is_decoded),
        WITH_SERVER(what_cannot_be_decoded_has_its_class),
        WITH_SERVER(a_body_cut_short_inside_its_coding_is_decode),
        WITH_SERVER(a_bomb_is_too_large),
        WITH_SERVER(a_coding_is_ignored_where_there_is_no_body),
        WITH_SERVER(a_fetch_may_be_cancelled_from_inside_its_handlers),
        WITH_SERVER(a_fetch_may_be_started_anew_from_inside_its_handlers),
        WITH_SERVER(a_new_coded_body_begins_with_a_new_decoder),
        WITH_SERVER(an_owner_may_free_its_fetch_at_the_head_and_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/buf.h"
#include "base/rng.h"
#include "h1_transcript.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OK      "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

enum { KEEPS = 1 /* may be used again */, TO_HEAD = 2 /* the answer to HEAD */ };

struct h1_case {
    const char *name;
    const char *bytes;
    const char *body;
    int status;                   /* of the head handed on, 0: none */
    enum error_class error_class; /* CLASS_NONE: the response is whole */
    unsigned flags;
    size_t rest_bytes; /* behind the response, not looked at */
};

static const struct h1_case cases[] = {
    {"content-length", OK "Content-Length: 5\r\n\r\nhello", "hello", 200, CLASS_NONE, KEEPS, 0},
    {"empty body", OK "Content-Length: 0\r\n\r\n", "", 200, CLASS_NONE, KEEPS, 0},
    {"zeros in front of the length", OK "Content-Length: 0005\r\n\r\nhello", "hello", 200,
     CLASS_NONE, KEEPS, 0},
    {"bytes behind the body are left", OK "Content-Length: 2\r\n\r\nokHTTP/1.1", "ok", 200,
     CLASS_NONE, KEEPS, 8},
    {"connection: close", OK "Connection: close\r\nContent-Length: 2\r\n\r\nok", "ok", 200,
     CLASS_NONE, 0, 0},
    {"HTTP/1.0 closes", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", 200, CLASS_NONE, 0,
     0},
    {"HTTP/1.0 with keep-alive",
     "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", "ok", 200,
     CLASS_NONE, KEEPS, 0},
    {"no reason phrase", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", "ok", 200, CLASS_NONE,
     KEEPS, 0},
    {"no blank behind the status", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", "ok", 200,
     CLASS_NONE, KEEPS, 0},
    {"blank lines in front", "\r\n\r\n" OK "Content-Length: 2\r\n\r\nok", "ok", 200, CLASS_NONE,
     KEEPS, 0},
    {"chunked", CHUNKED "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", 200, CLASS_NONE,
     KEEPS, 0},
    {"chunk sizes in hex of any case", CHUNKED "A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n",
     "01234567890123456789a", 200, CLASS_NONE, KEEPS, 0},
    {"chunk size with zeros in front", CHUNKED "0002\r\nok\r\n000\r\n\r\n", "ok", 200, CLASS_NONE,
     KEEPS, 0},
    {"chunk extensions", CHUNKED "2;a=\"b c\";d\r\nok\r\n0;last\r\n\r\n", "ok", 200, CLASS_NONE,
     KEEPS, 0},
    {"trailers", CHUNKED "2\r\nok\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n", "ok", 200, CLASS_NONE,
     KEEPS, 0},
    {"only a last chunk", CHUNKED "0\r\n\r\n", "", 200, CLASS_NONE, KEEPS, 0},
    {"chunked in any case", OK "transfer-encoding: CHUNKED\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok", 200,
     CLASS_NONE, KEEPS, 0},
    {"until the end", OK "\r\nall of it", "all of it", 200, CLASS_NONE, 0, 0},
    {"until the end, nothing came", OK "\r\n", "", 200, CLASS_NONE, 0, 0},
    {"until the end in spite of keep-alive",
     OK "Connection: keep-alive\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n",
     "data: 1\n\n", 200, CLASS_NONE, 0, 0},
    {"100 is skipped", "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 2\r\n\r\nok", "ok", 200,
     CLASS_NONE, KEEPS, 0},
    {"103 with fields is skipped",
     "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" OK "Content-Length: 2\r\n\r\nok", "ok", 200,
     CLASS_NONE, KEEPS, 0},
    {"101 was not asked for",
     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "", 0,
     CLASS_HTTP_PROTOCOL, 0, 0},
    {"HEAD has no body", OK "Content-Length: 5\r\n\r\n", "", 200, CLASS_NONE, KEEPS | TO_HEAD, 0},
    {"HEAD, chunked in name only", CHUNKED, "", 200, CLASS_NONE, KEEPS | TO_HEAD, 0},
    {"HEAD without a length", OK "\r\n", "", 200, CLASS_NONE, KEEPS | TO_HEAD, 0},
    {"204 has no body", "HTTP/1.1 204 No Content\r\n\r\n", "", 204, CLASS_NONE, KEEPS, 0},
    {"304 has no body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "", 304,
     CLASS_NONE, KEEPS, 0},
    {"404 has one", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", "gone", 404,
     CLASS_NONE, KEEPS, 0},
    {"a field without a value", OK "X-Empty:\r\nContent-Length: 2\r\n\r\nok", "ok", 200, CLASS_NONE,
     KEEPS, 0},
    {"length cut short", OK "Content-Length: 5\r\n\r\nhel", "hel", 200, CLASS_CLOSED_EARLY, 0, 0},
    {"chunk cut short", CHUNKED "5\r\nhel", "hel", 200, CLASS_CLOSED_EARLY, 0, 0},
    {"no last chunk", CHUNKED "2\r\nok\r\n", "ok", 200, CLASS_CLOSED_EARLY, 0, 0},
    {"last chunk without its blank line", CHUNKED "2\r\nok\r\n0\r\n", "ok", 200, CLASS_CLOSED_EARLY,
     0, 0},
    {"closed inside the head", OK "Content-", "", 0, CLASS_CLOSED_EARLY, 0, 0},
    {"closed at once", "", "", 0, CLASS_CLOSED_EARLY, 0, 0},
    {"closed behind a 100", "HTTP/1.1 100 Continue\r\n\r\n", "", 0, CLASS_CLOSED_EARLY, 0, 0},
    {"negative length", OK "Content-Length: -5\r\n\r\n", "", 0, CLASS_HTTP_PROTOCOL, 0, 0},
    {"length that is no number", OK "Content-Length: 5x\r\n\r\n", "", 0, CLASS_HTTP_PROTOCOL, 0, 0},
    {"length over 64 bits", OK "Content-Length: 18446744073709551616\r\n\r\n", "", 0,
     CLASS_HTTP_PROTOCOL, 0, 0},
    {"two lengths", OK "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok", "", 0,
     CLASS_HTTP_PROTOCOL, 0, 0},
    {"length and chunked", OK "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "", 0, CLASS_HTTP_PROTOCOL, 0, 0},
    {"chunked and length", OK "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
     "", 0, CLASS_HTTP_PROTOCOL, 0, 0},
    {"negative chunk size", CHUNKED "-1\r\nx\r\n0\r\n\r\n", "", 200, CLASS_HTTP_PROTOCOL, 0, 0},
    {"chunk size that is no number", CHUNKED "xyz\r\n", "", 200, CLASS_HTTP_PROTOCOL, 0, 0},
    {"no chunk size", CHUNKED "\r\nok\r\n", "", 200, CLASS_HTTP_PROTOCOL, 0, 0},
    {"chunk size over 64 bits", CHUNKED "fffffffffffffffff\r\nx", "", 200, CLASS_HTTP_PROTOCOL, 0,
     0},
    {"a chunk longer than its size", CHUNKED "2\r\nokay\r\n0\r\n\r\n", "ok", 200,
     CLASS_HTTP_PROTOCOL, 0, 0},
    {"0x in front of a chunk size", CHUNKED "0x2\r\nok\r\n", "", 200, CLASS_HTTP_PROTOCOL, 0, 0},
    {"garbage", "SSH-2.0-OpenSSH_9.2\r\n", "", 0, CLASS_HTTP_PROTOCOL, 0, 0},
    {"HTML", "<html>\r\n", "", 0, CLASS_HTTP_PROTOCOL, 0, 0},
    {"zero bytes", "HTTP/1.1 200 OK\r\nX: a\x01z\r\n\r\n", "", 0, CLASS_HTTP_PROTOCOL, 0, 0},
    {"another version", "HTTP/3.0 200 OK\r\n\r\n", "", 0, CLASS_HTTP_PROTOCOL, 0, 0},
    {"status of letters", "HTTP/1.1 abc OK\r\n\r\n", "", 0, CLASS_HTTP_PROTOCOL, 0, 0},
    {"status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", "", 0, CLASS_HTTP_PROTOCOL, 0, 0},
    {"a request", "GET / HTTP/1.1\r\n\r\n", "", 0, CLASS_HTTP_PROTOCOL, 0, 0},
    {"204 in spite of chunked", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "",
     204, CLASS_NONE, KEEPS, 0},
    {"103 in spite of a length",
     "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n" OK "Content-Length: 2\r\n\r\nok", "ok",
     200, CLASS_NONE, KEEPS, 0},
    {"another transfer coding", OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "", 0,
     CLASS_HTTP_PROTOCOL, 0, 0},
    {"a field without a name", OK ": 1\r\n\r\n", "", 0, CLASS_HTTP_PROTOCOL, 0, 0},
    {"a field without a colon", OK "NoColon\r\n\r\n", "", 0, CLASS_HTTP_PROTOCOL, 0, 0},
};

static void check_case(const struct h1_case *expected, const struct h1_transcript *seen)
{
    char status[8] = "";

    if (seen->head.len > 0)
        (void)snprintf(status, sizeof status, "%.3s", (const char *)seen->head.bytes);
    if (seen->status != (expected->error_class ? H1_FAILED : H1_COMPLETE) ||
        seen->error_class != expected->error_class)
        fail_msg("%s: status %d, class %s, %s", expected->name, (int)seen->status,
                 error_class_name(seen->error_class),
                 seen->response.reason ? seen->response.reason : "no reason");
    if (strtol(status, NULL, 10) != expected->status)
        fail_msg("%s: head '%s'", expected->name, status);
    if (seen->body.len != strlen(expected->body) ||
        (seen->body.len > 0 && memcmp(seen->body.bytes, expected->body, seen->body.len) != 0))
        fail_msg("%s: a body of %zu bytes", expected->name, seen->body.len);
    if (seen->keeps_alive != ((expected->flags & KEEPS) != 0))
        fail_msg("%s: keep alive %d", expected->name, seen->keeps_alive);
    if (!expected->error_class && strlen(expected->bytes) - seen->used != expected->rest_bytes)
        fail_msg("%s: used %zu", expected->name, seen->used);
    if (expected->error_class && !seen->response.reason)
        fail_msg("%s: no reason", expected->name);
}

static void responses_read_the_same_however_they_are_cut(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct h1_input input = {.bytes = (const uint8_t *)cases[i].bytes,
                                 .len = strlen(cases[i].bytes),
                                 .is_answer_to_head = (cases[i].flags & TO_HEAD) != 0};
        struct h1_transcript seen;

        for (int round = 0; round < 20; round++) {
            input.cut = round < 2 ? (size_t)round : 16;
            input.rng = round < 2 ? NULL : &rng;
            h1_transcript_run(&seen, &input);
            check_case(&cases[i], &seen);
            h1_transcript_fini(&seen);
        }
    }
}

/* The result of feeding `text` whole; it must be that of feeding it byte by byte. */
static enum error_class class_of(const struct buf *text)
{
    struct h1_input input = {.bytes = text->bytes, .len = text->len};
    struct h1_transcript whole, cut;
    enum error_class error_class;

    h1_transcript_run(&whole, &input);
    input.cut = 1;
    h1_transcript_run(&cut, &input);
    error_class = whole.error_class;
    assert_true(h1_transcript_equal(&whole, &cut));
    h1_transcript_fini(&whole);
    h1_transcript_fini(&cut);
    return error_class;
}

static void fill(struct buf *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)buf_append_byte(text, 'x');
}

static enum error_class class_of_head_of(size_t len)
{
    static const char start[] = OK "Content-Length: 0\r\nX-Long: ", end[] = "\r\n\r\n";
    struct buf text = {0};
    enum error_class error_class;

    (void)buf_append_text(&text, start);
    fill(&text, len - (sizeof start - 1) - (sizeof end - 1));
    (void)buf_append_text(&text, end);
    assert_int_equal(text.len, len);
    error_class = class_of(&text);
    buf_fini(&text);
    return error_class;
}

static void a_head_has_a_limit_of_bytes(void **state)
{
    (void)state;
    assert_int_equal(class_of_head_of(HTTP_HEAD_LIMIT_BYTES - 1), CLASS_NONE);
    assert_int_equal(class_of_head_of(HTTP_HEAD_LIMIT_BYTES), CLASS_NONE);
    assert_int_equal(class_of_head_of(HTTP_HEAD_LIMIT_BYTES + 2), CLASS_TOO_LARGE);
    assert_int_equal(class_of_head_of(HTTP_HEAD_LIMIT_BYTES * 3), CLASS_TOO_LARGE);
}

static void a_head_has_a_limit_of_fields(void **state)
{
    (void)state;
    for (int count = HTTP_HEADER_COUNT_LIMIT; count <= HTTP_HEADER_COUNT_LIMIT + 1; count++) {
        struct buf text = {0};

        (void)buf_append_text(&text, OK "Content-Length: 0\r\n");
        for (int i = 1; i < count; i++)
            (void)buf_appendf(&text, "X-%d: %d\r\n", i, i);
        (void)buf_append_text(&text, "\r\n");
        assert_int_equal(class_of(&text),
                         count > HTTP_HEADER_COUNT_LIMIT ? CLASS_TOO_LARGE : CLASS_NONE);
        buf_fini(&text);
    }
}

static void a_flood_of_1xx_is_bounded(void **state)
{
    struct buf text = {0};

    (void)state;
    for (int i = 0; i < 10; i++)
        (void)buf_append_text(&text, "HTTP/1.1 100 Continue\r\n\r\n");
    (void)buf_append_text(&text, OK "Content-Length: 0\r\n\r\n");
    assert_int_equal(class_of(&text), CLASS_NONE);
    buf_clear(&text);
    for (int i = 0; i < 4000; i++)
        (void)buf_append_text(&text, "HTTP/1.1 100 Continue\r\n\r\n");
    (void)buf_append_text(&text, OK "Content-Length: 0\r\n\r\n");
    assert_int_equal(class_of(&text), CLASS_TOO_LARGE);
    buf_fini(&text);
}

/* The second chunk's line, with the line end of the first, is `len` bytes long. */
static enum error_class class_of_chunk_line_of(size_t len)
{
    struct buf text = {0};
    enum error_class error_class;

    (void)buf_append_text(&text, CHUNKED "2\r\nok\r\n2;");
    fill(&text, len - 6);
    (void)buf_append_text(&text, "\r\nok\r\n0\r\n\r\n");
    error_class = class_of(&text);
    buf_fini(&text);
    return error_class;
}

static void a_chunk_line_has_an_exact_limit(void **state)
{
    (void)state;
    assert_int_equal(class_of_chunk_line_of(HTTP_CHUNK_LINE_LIMIT_BYTES), CLASS_NONE);
    assert_int_equal(class_of_chunk_line_of(HTTP_CHUNK_LINE_LIMIT_BYTES + 1), CLASS_TOO_LARGE);
    assert_int_equal(class_of_chunk_line_of(HTTP_CHUNK_LINE_LIMIT_BYTES * 5), CLASS_TOO_LARGE);
}

static void trailers_and_endless_lines_are_bounded(void **state)
{
    struct buf text = {0};

    (void)state;
    (void)buf_append_text(&text, CHUNKED "2\r\nok\r\n0\r\n");
    for (int i = 0; i < 1000; i++)
        (void)buf_append_text(&text, "X-Trailer: 1\r\n");
    assert_int_equal(class_of(&text), CLASS_TOO_LARGE);
    (void)buf_append_text(&text, "\r\n");
    assert_int_equal(class_of(&text), CLASS_TOO_LARGE);
    buf_clear(&text);
    (void)buf_append_text(&text, CHUNKED);
    for (int i = 0; i < 5000; i++)
        (void)buf_append_byte(&text, '0');
    assert_int_equal(class_of(&text), CLASS_TOO_LARGE);
    buf_clear(&text);
    (void)buf_append_text(&text, "HTTP/1.1 200 ");
    fill(&text, HTTP_HEAD_LIMIT_BYTES + 10);
    assert_int_equal(class_of(&text), CLASS_TOO_LARGE);
    buf_fini(&text);
}

static void a_large_body_is_no_overhead(void **state)
{
    struct buf text = {0};
    struct h1_transcript seen;
    struct h1_input input;

    (void)state;
    (void)buf_append_text(&text, CHUNKED "30d40\r\n");
    fill(&text, 200000);
    (void)buf_append_text(&text, "\r\n0\r\n\r\n");
    input = (struct h1_input){.bytes = text.bytes, .len = text.len};
    h1_transcript_run(&seen, &input);
    assert_int_equal(seen.status, H1_COMPLETE);
    assert_int_equal(seen.body.len, 200000);
    h1_transcript_fini(&seen);
    assert_int_equal(class_of(&text), CLASS_NONE);
    buf_fini(&text);
}

static void an_end_at_every_place_is_early(void **state)
{
    static const char *const texts[] = {
        OK "Content-Length: 5\r\n\r\nhello",
        CHUNKED "2;x=y\r\nok\r\n3\r\nbye\r\n0\r\nX-Sum: 1\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 1\r\n\r\nx",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t len = 0; len < strlen(texts[i]); len++) {
            struct h1_input input = {.bytes = (const uint8_t *)texts[i], .len = len};
            struct h1_transcript seen;

            h1_transcript_run(&seen, &input);
            assert_int_equal(seen.status, H1_FAILED);
            assert_int_equal(seen.error_class, CLASS_CLOSED_EARLY);
            assert_non_null(seen.response.reason);
            h1_transcript_fini(&seen);
        }
    }
}

static void a_handler_stops_the_parser(void **state)
{
    static const char text[] = OK "Content-Length: 5\r\n\r\nhello";
    struct h1_input input = {
        .bytes = (const uint8_t *)text, .len = sizeof text - 1, .stops_at_head = true};
    struct h1_transcript seen;

    (void)state;
    for (input.cut = 0; input.cut < 2; input.cut++) {
        h1_transcript_run(&seen, &input);
        assert_int_equal(seen.status, H1_STOPPED);
        assert_int_equal(seen.body.len, 0);
        h1_transcript_fini(&seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses_read_the_same_however_they_are_cut),
        cmocka_unit_test(a_head_has_a_limit_of_bytes),
        cmocka_unit_test(a_head_has_a_limit_of_fields),
        cmocka_unit_test(a_flood_of_1xx_is_bounded),
        cmocka_unit_test(a_chunk_line_has_an_exact_limit),
        cmocka_unit_test(trailers_and_endless_lines_are_bounded),
        cmocka_unit_test(a_large_body_is_no_overhead),
        cmocka_unit_test(an_end_at_every_place_is_early),
        cmocka_unit_test(a_handler_stops_the_parser),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "http/h1_server.h"

#include "base/buf.h"
#include "http/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The status a refusal answers with, 0 when a request came whole, -1 when more is waited for. */
static int outcome(const char *bytes, size_t len, size_t piece)
{
    struct h1_request *request = h1_request_new();
    enum h1_request_status status = H1_REQUEST_MORE;
    int result = -1;

    while (len > 0 && status == H1_REQUEST_MORE) {
        size_t used;

        status = h1_request_feed(request, (const uint8_t *)bytes, piece < len ? piece : len, &used);
        bytes += used;
        len -= used;
    }
    if (status != H1_REQUEST_MORE)
        result = status == H1_REQUEST_DONE ? 0 : h1_request_refusal(request);
    h1_request_free(request);
    return result;
}

static void requests_are_taken_or_refused(void **state)
{
    static const struct {
        const char *text;
        int outcome;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        {"\r\n\r\nGET / HTTP/1.1\r\nHost:\r\n\r\n", 0},
        {"GET / HTTP/1.0\r\n\r\n", 0},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\nHost: a\r\n", -1},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na", -1},
        {"\x16\x03\x01\x02\r\n\r\n", 501},
        {"HELO example\r\n\r\n", 501},
        {"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n: nameless\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n: nameless\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 400},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
        {"GET / HTTP/3.1\r\nHost: h\r\n\r\n", 505},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int whole = outcome(cases[i].text, strlen(cases[i].text), SIZE_MAX);

        if (whole != cases[i].outcome || outcome(cases[i].text, strlen(cases[i].text), 1) != whole)
            fail_msg("'%s' got %d, or another outcome byte by byte", cases[i].text, whole);
    }
}

static void whatever_does_not_end_is_refused(void **state)
{
    static const struct {
        const char *head, *piece;
        size_t limit_bytes;
        int outcome;
    } cases[] = {
        {"GET /", "a", 70000, 431},
        {"GET / HTTP/1.1\r\nHost: h\r\nX: ", "a", 70000, 431},
        {"GET / HTTP/1.1\r\nHost: h\r\nX: ", " ", 70000, 431},
        {"GET / HTTP/1.1\r\nHost: h\r\n", "a: b\r\n", 70000, 431},
        {"GET / HTTP/1.1\r\nHost: h\r\n", "a:\r\n", 70000, 431},
        {"", "\r\n", 70000, 431},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n", "aaaaaaaa",
         HTTP_SERVER_BODY_LIMIT_BYTES + 1000, 413},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;", "aaaaaaaa",
         9 * HTTP_SERVER_BODY_LIMIT_BYTES, 413},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "a: b\r\n",
         9 * HTTP_SERVER_BODY_LIMIT_BYTES, 413},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf text = {0};
        int whole, cut;

        (void)buf_append_text(&text, cases[i].head);
        while (text.len < cases[i].limit_bytes)
            (void)buf_append_text(&text, cases[i].piece);
        whole = outcome(buf_text(&text), text.len, SIZE_MAX);
        cut = outcome(buf_text(&text), text.len, 1000);
        if (whole != cases[i].outcome || cut != whole)
            fail_msg("'%s' got %d, cut %d", cases[i].head, whole, cut);
        buf_fini(&text);
    }
}

static void check_target(const char *target, const char *path, const char *query)
{
    struct h1_request *request = h1_request_new();
    struct buf text = {0};
    size_t used;

    (void)buf_appendf(&text, "GET %s HTTP/1.0\r\n\r\n", target);
    assert_int_equal(h1_request_feed(request, text.bytes, text.len, &used), H1_REQUEST_DONE);
    assert_int_equal(used, text.len);
    assert_string_equal(h1_request_path(request), path);
    if (query)
        assert_string_equal(h1_request_query(request), query);
    else
        assert_null(h1_request_query(request));
    buf_fini(&text);
    h1_request_free(request);
}

static void targets_are_split_into_path_and_query(void **state)
{
    (void)state;
    check_target("/", "/", NULL);
    check_target("/a%20b", "/a%20b", NULL);
    check_target("/a?b=c?d", "/a", "b=c?d");
    check_target("/?", "/", "");
    check_target("*", "*", NULL);
    check_target("http://h:1/a?b", "/a", "b");
    check_target("HTTP://h", "/", NULL);
}

static void bytes_behind_a_request_are_left(void **state)
{
    static const char text[] = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
                               "POST /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nGARBAGE";
    struct h1_request *request = h1_request_new();
    const uint8_t *at = (const uint8_t *)text;
    size_t left = sizeof text - 1, used, len;

    (void)state;
    assert_int_equal(h1_request_feed(request, at, left, &used), H1_REQUEST_DONE);
    assert_string_equal(h1_request_path(request), "/a");
    assert_true(h1_request_keeps_alive(request));
    at += used;
    left -= used;
    h1_request_reset(request);
    assert_false(h1_request_has_begun(request));
    assert_int_equal(h1_request_feed(request, at, left, &used), H1_REQUEST_DONE);
    assert_string_equal(h1_request_path(request), "/b");
    assert_memory_equal(h1_request_body(request, &len), "x", 1);
    assert_int_equal(len, 1);
    assert_false(h1_request_keeps_alive(request));
    assert_int_equal(left - used, strlen("GARBAGE"));
    h1_request_free(request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_taken_or_refused),
        cmocka_unit_test(whatever_does_not_end_is_refused),
        cmocka_unit_test(targets_are_split_into_path_and_query),
        cmocka_unit_test(bytes_behind_a_request_are_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

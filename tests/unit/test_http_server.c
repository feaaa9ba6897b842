#include "http/server.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { CONVERSATION_LIMIT_MS = 5000, BIG_BYTES = 3 * 1024 * 1024 };

/* A server and what its handler saw; one client speaks to it on the same loop. */
struct fixture {
    struct loop *loop;
    struct http_server *server;
    struct http_request *kept; /* of /stream and /later */
    int requests, gone;
    int client;
    struct buf got;
    bool got_end;
};

static void echo(struct http_request *request)
{
    struct buf out = {0}, query = {0};
    size_t len;
    const uint8_t *body = http_request_body(request, &len);

    (void)buf_appendf(&out, "%s %s", http_request_method(request), http_request_path(request));
    if (http_request_query(request, "q", &query))
        (void)buf_appendf(&out, " q=%s", buf_text(&query));
    (void)buf_append_text(&out, " ");
    if (len > 0)
        (void)buf_append(&out, body, len);
    http_respond(request, 200, "X-Echo: yes\r\n", "text/plain", out.bytes, out.len);
    buf_fini(&query);
    buf_fini(&out);
}

static void on_request(void *ctx, struct http_request *request, uint64_t now_ns)
{
    struct fixture *fixture = ctx;
    const char *path = http_request_path(request);

    (void)now_ns;
    fixture->requests++;
    if (strcmp(path, "/stream") == 0) {
        fixture->kept = request;
        http_begin_stream(request, 200, "", "text/event-stream");
        http_send(request, "first\n", 6);
    } else if (strcmp(path, "/later") == 0) {
        fixture->kept = request;
    } else if (strcmp(path, "/big") == 0) {
        char *big = x_calloc(1, BIG_BYTES);

        (void)memset(big, 'b', BIG_BYTES);
        http_respond(request, 200, "", "text/plain", big, BIG_BYTES);
        free(big);
    } else {
        echo(request);
    }
}

static void on_gone(void *ctx, struct http_request *request)
{
    struct fixture *fixture = ctx;

    assert_ptr_equal(request, fixture->kept);
    fixture->kept = NULL;
    fixture->gone++;
}

static int connect_client(uint16_t port)
{
    struct address address;
    bool in_progress;
    int fd;

    assert_int_equal(address_parse("127.0.0.1", port, &address), 0);
    fd = tcp_start_connect(&address, NULL, &in_progress);
    assert_true(fd >= 0);
    return fd;
}

static int start(void **state)
{
    static const struct http_server_handlers handlers = {on_request, on_gone};
    struct fixture *fixture = x_calloc(1, sizeof *fixture);
    struct address address;
    struct err err = {0};

    assert_int_equal(address_parse("127.0.0.1", 0, &address), 0);
    fixture->loop = loop_new(&err);
    assert_non_null(fixture->loop);
    fixture->server = http_server_new(fixture->loop, &address, false, &handlers, fixture, &err);
    assert_non_null(fixture->server);
    fixture->client = connect_client(http_server_port(fixture->server));
    *state = fixture;
    return 0;
}

static int stop(void **state)
{
    struct fixture *fixture = *state;

    (void)close(fixture->client);
    http_server_free(fixture->server);
    loop_free(fixture->loop);
    buf_fini(&fixture->got);
    free(fixture);
    return 0;
}

static void turn(struct fixture *fixture)
{
    (void)loop_turn(fixture->loop, CLOCK_NS_PER_MS, 0);
}

static void read_client(struct fixture *fixture)
{
    uint8_t *at = buf_reserve(&fixture->got, 65536);
    ssize_t len = recv(fixture->client, at, 65536, 0);

    if (len > 0)
        buf_grew(&fixture->got, (size_t)len);
    else if (len == 0 || (errno != EAGAIN && errno != EINPROGRESS && errno != ENOTCONN))
        fixture->got_end = true;
}

static uint64_t deadline(void)
{
    return clock_now_ns() + CONVERSATION_LIMIT_MS * CLOCK_NS_PER_MS;
}

static void send_bytes(struct fixture *fixture, const char *bytes, size_t len)
{
    uint64_t end_ns = deadline();

    while (len > 0) {
        ssize_t put = send(fixture->client, bytes, len, MSG_NOSIGNAL);

        if (put > 0) {
            bytes += put;
            len -= (size_t)put;
        } else if (errno != EAGAIN && errno != ENOTCONN && errno != EINPROGRESS) {
            return; /* a server may cut a peer that sends nonsense */
        }
        turn(fixture);
        assert_true(clock_now_ns() < end_ns);
    }
}

static void send_text(struct fixture *fixture, const char *text)
{
    send_bytes(fixture, text, strlen(text));
}

static size_t count_of(struct fixture *fixture, const char *text)
{
    size_t count = 0;

    for (const char *at = strstr(buf_text(&fixture->got), text); at;
         at = strstr(at + strlen(text), text))
        count++;
    return count;
}

/* Turns the loop until `text` has come `count` times. */
static void await(struct fixture *fixture, const char *text, size_t count)
{
    uint64_t end_ns = deadline();

    while (count_of(fixture, text) < count) {
        turn(fixture);
        read_client(fixture);
        if (clock_now_ns() > end_ns || fixture->got_end)
            break;
    }
    if (count_of(fixture, text) != count)
        fail_msg("'%s' came %zu times, not %zu, in: %.2000s", text, count_of(fixture, text), count,
                 buf_text(&fixture->got));
}

static void await_end(struct fixture *fixture)
{
    uint64_t end_ns = deadline();

    while (!fixture->got_end && clock_now_ns() < end_ns) {
        turn(fixture);
        read_client(fixture);
    }
    if (!fixture->got_end)
        fail_msg("the connection is still open after: %.2000s", buf_text(&fixture->got));
}

static void settle(struct fixture *fixture)
{
    for (int i = 0; i < 20; i++)
        turn(fixture);
}

static void a_request_is_answered_and_the_connection_stays(void **state)
{
    struct fixture *fixture = *state;

    send_text(fixture, "GET /a/b?x=1&q=c%20d+e HTTP/1.1\r\nHost: h\r\n\r\n");
    await(fixture, "GET /a/b q=c d e ", 1);
    assert_int_equal(count_of(fixture, "HTTP/1.1 200 OK\r\n"), 1);
    assert_int_equal(count_of(fixture, "X-Echo: yes\r\n"), 1);
    assert_int_equal(count_of(fixture, "Content-Length: 17\r\n"), 1);
    send_text(fixture, "POST /second HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
    await(fixture, "POST /second body", 1);
    assert_false(fixture->got_end);
    assert_int_equal(http_server_connection_count(fixture->server), 1);
}

static void a_request_may_come_byte_by_byte(void **state)
{
    static const char text[] = "POST /cut HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3;ext=\"x\"\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n";
    struct fixture *fixture = *state;

    for (size_t i = 0; i + 1 < sizeof text; i++)
        send_bytes(fixture, text + i, 1);
    await(fixture, "POST /cut abcde", 1);
}

static void pipelined_requests_are_answered_in_turn(void **state)
{
    struct fixture *fixture = *state;
    struct buf text = {0};
    const char *at;

    for (int i = 0; i < 500; i++)
        (void)buf_appendf(&text, "GET /r%d. HTTP/1.1\r\nHost: h\r\n\r\n", i);
    send_bytes(fixture, buf_text(&text), text.len);
    await(fixture, "HTTP/1.1 200", 500);
    at = buf_text(&fixture->got);
    for (int i = 0; i < 500; i++) {
        char wanted[32];

        (void)snprintf(wanted, sizeof wanted, "GET /r%d. ", i);
        at = strstr(at, wanted);
        assert_non_null(at);
    }
    buf_fini(&text);
}

static void a_late_answer_comes_before_the_next_one(void **state)
{
    struct fixture *fixture = *state;

    send_text(fixture,
              "GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
    settle(fixture);
    assert_int_equal(fixture->requests, 1);
    http_respond(fixture->kept, 200, "", "text/plain", "late", 4);
    await(fixture, "late", 1);
    await(fixture, "GET /next", 1);
    assert_true(strstr(buf_text(&fixture->got), "late") <
                strstr(buf_text(&fixture->got), "GET /next"));
}

static void http_1_0_closes_unless_asked_to_stay(void **state)
{
    struct fixture *fixture = *state;

    send_text(fixture, "GET /one HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    await(fixture, "GET /one", 1);
    assert_int_equal(count_of(fixture, "Connection: keep-alive\r\n"), 1);
    send_text(fixture, "GET /two HTTP/1.0\r\n\r\n");
    await_end(fixture);
    assert_int_equal(count_of(fixture, "GET /two"), 1);
    assert_int_equal(count_of(fixture, "Connection: close\r\n"), 1);
}

static void a_head_request_gets_no_body(void **state)
{
    struct fixture *fixture = *state;

    send_text(fixture, "HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    await_end(fixture);
    assert_int_equal(count_of(fixture, "Content-Length: 8\r\n"), 1);
    assert_int_equal(count_of(fixture, "HEAD /x"), 0);
}

static void a_waiting_body_is_asked_for(void **state)
{
    struct fixture *fixture = *state;

    send_text(fixture, "POST /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                       "Content-Length: 2\r\n\r\n");
    await(fixture, "HTTP/1.1 100 Continue\r\n\r\n", 1);
    send_text(fixture, "ok");
    await(fixture, "POST /p ok", 1);
}

static void an_offer_to_upgrade_is_ignored(void **state)
{
    struct fixture *fixture = *state;

    send_text(fixture, "GET /u HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
                       "GET http://h:1/v?q=1#f HTTP/1.1\r\nHost: h\r\n\r\n");
    await(fixture, "GET /u", 1);
    await(fixture, "GET /v q=1", 1);
}

static void bad_requests_are_refused_and_closed(void **state)
{
    struct fixture *fixture = *state;

    send_text(fixture, "GET /a HTTP/1.1\r\nHost: h\r\n\r\nHELO example\r\n\r\n");
    await_end(fixture);
    assert_int_equal(count_of(fixture, "GET /a"), 1);
    assert_int_equal(count_of(fixture, "HTTP/1.1 501 "), 1);
    assert_int_equal(count_of(fixture, "Connection: close\r\n"), 1);
    assert_int_equal(fixture->requests, 1);
}

/* The answer arrives although the server leaves most of what was sent unread. */
static void an_endless_head_is_answered_with_431(void **state)
{
    struct fixture *fixture = *state;
    struct buf text = {0};

    (void)buf_append_text(&text, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
    while (text.len < 1000000)
        (void)buf_append_text(&text, "aaaaaaaaaaaaaaaa");
    send_bytes(fixture, buf_text(&text), text.len);
    (void)shutdown(fixture->client, SHUT_WR);
    await_end(fixture);
    assert_int_equal(count_of(fixture, "HTTP/1.1 431 "), 1);
    assert_int_equal(fixture->requests, 0);
    buf_fini(&text);
}

static void an_end_inside_a_request_is_a_bad_request(void **state)
{
    struct fixture *fixture = *state;

    send_text(fixture, "GET / HTTP/1.1\r\nHo");
    (void)shutdown(fixture->client, SHUT_WR);
    await_end(fixture);
    assert_int_equal(count_of(fixture, "HTTP/1.1 400 "), 1);
    settle(fixture);
    assert_int_equal(http_server_connection_count(fixture->server), 0);
}

static void a_peer_that_shut_its_side_still_gets_its_answers(void **state)
{
    struct fixture *fixture = *state;

    send_text(fixture, "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n");
    (void)shutdown(fixture->client, SHUT_WR);
    await_end(fixture);
    assert_int_equal(count_of(fixture, "GET /a"), 1);
    assert_int_equal(count_of(fixture, "GET /b"), 1);
}

static void a_large_answer_arrives_whole(void **state)
{
    struct fixture *fixture = *state;

    send_text(fixture, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n"
                       "GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    await_end(fixture);
    assert_int_equal(count_of(fixture, "HTTP/1.1 200"), 2);
    assert_true(fixture->got.len > 2 * (size_t)BIG_BYTES);
}

static void a_stream_is_chunked_and_can_end(void **state)
{
    struct fixture *fixture = *state;
    struct http_chunk chunk;
    struct buf framed = {0};

    send_text(fixture, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    await(fixture, "6\r\nfirst\n\r\n", 1);
    assert_int_equal(count_of(fixture, "Transfer-Encoding: chunked\r\n"), 1);
    http_frame_chunk(&framed, "0123456789abcdef", 16, &chunk);
    http_send_chunk(fixture->kept, &chunk);
    await(fixture, "10\r\n0123456789abcdef\r\n", 1);
    assert_int_equal(fixture->requests, 1);
    http_end_stream(fixture->kept);
    await(fixture, "GET /x", 1);
    assert_int_equal(count_of(fixture, "0\r\n\r\nHTTP/1.1 200 OK"), 1);
    assert_int_equal(fixture->gone, 0);
    buf_fini(&framed);
}

static void a_stream_for_http_1_0_has_no_chunks(void **state)
{
    struct fixture *fixture = *state;
    struct http_chunk chunk;
    struct buf framed = {0};

    send_text(fixture, "GET /stream HTTP/1.0\r\n\r\n");
    await(fixture, "\r\n\r\nfirst\n", 1);
    assert_int_equal(count_of(fixture, "chunked"), 0);
    http_frame_chunk(&framed, "second\n", 7, &chunk);
    http_send_chunk(fixture->kept, &chunk);
    http_end_stream(fixture->kept);
    await_end(fixture);
    assert_int_equal(count_of(fixture, "first\nsecond\n"), 1);
    buf_fini(&framed);
}

static void await_gone(struct fixture *fixture)
{
    uint64_t end_ns = deadline();

    while (fixture->gone == 0 && clock_now_ns() < end_ns)
        turn(fixture);
    assert_int_equal(fixture->gone, 1);
    assert_int_equal(http_server_connection_count(fixture->server), 0);
}

static void a_handler_hears_of_a_peer_that_left(void **state)
{
    struct fixture *fixture = *state;

    send_text(fixture, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    await(fixture, "first", 1);
    (void)close(fixture->client);
    await_gone(fixture);
    fixture->client = connect_client(http_server_port(fixture->server));
}

static void a_peer_that_does_not_read_is_cut(void **state)
{
    static char block[65536];
    struct fixture *fixture = *state;

    send_text(fixture, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    await(fixture, "first", 1);
    for (int i = 0; i < 1000 && fixture->gone == 0; i++) {
        http_send(fixture->kept, block, sizeof block);
        turn(fixture);
    }
    await_gone(fixture);
}

static void a_slow_peer_gets_every_byte(void **state)
{
    struct fixture *fixture = *state;
    static char line[10001];

    (void)memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\n';
    send_text(fixture, "GET /stream HTTP/1.0\r\n\r\n");
    await(fixture, "first", 1);
    for (int i = 0; i < 400; i++) {
        http_send(fixture->kept, line, sizeof line);
        if (i % 10 == 0) {
            read_client(fixture);
            turn(fixture);
        }
    }
    assert_int_equal(fixture->gone, 0);
    http_end_stream(fixture->kept);
    await_end(fixture);
    assert_int_equal(count_of(fixture, "\n") - count_of(fixture, "\r\n"), 401);
}

static void an_abort_is_a_reset_or_an_early_end(void **state)
{
    struct fixture *fixture = *state;

    for (int with_reset = 0; with_reset < 2; with_reset++) {
        send_text(fixture, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
        await(fixture, "first", 1);
        http_abort(fixture->kept, with_reset);
        await_end(fixture);
        assert_int_equal(errno == ECONNRESET, with_reset);
        assert_int_equal(count_of(fixture, "\r\n0\r\n"), 0);
        settle(fixture);
        assert_int_equal(fixture->gone, 0);
        (void)close(fixture->client);
        fixture->client = connect_client(http_server_port(fixture->server));
        buf_clear(&fixture->got);
        fixture->got_end = false;
        errno = 0;
    }
}

static void a_server_may_end_with_streams_open(void **state)
{
    struct fixture *fixture = *state;

    send_text(fixture, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    await(fixture, "first", 1);
    assert_int_equal(http_server_connection_count(fixture->server), 1);
}

static void a_taken_port_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct address address;
    struct err err = {0};
    char text[32];

    assert_int_equal(address_parse("127.0.0.1", http_server_port(fixture->server), &address), 0);
    assert_null(http_server_new(fixture->loop, &address, false,
                                &(struct http_server_handlers){on_request, on_gone}, fixture,
                                &err));
    (void)snprintf(text, sizeof text, "127.0.0.1:%u", http_server_port(fixture->server));
    assert_non_null(strstr(err.text, text));
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_request_is_answered_and_the_connection_stays),
        SERVER_TEST(a_request_may_come_byte_by_byte),
        SERVER_TEST(pipelined_requests_are_answered_in_turn),
        SERVER_TEST(a_late_answer_comes_before_the_next_one),
        SERVER_TEST(http_1_0_closes_unless_asked_to_stay),
        SERVER_TEST(a_head_request_gets_no_body),
        SERVER_TEST(a_waiting_body_is_asked_for),
        SERVER_TEST(an_offer_to_upgrade_is_ignored),
        SERVER_TEST(bad_requests_are_refused_and_closed),
        SERVER_TEST(an_endless_head_is_answered_with_431),
        SERVER_TEST(an_end_inside_a_request_is_a_bad_request),
        SERVER_TEST(a_peer_that_shut_its_side_still_gets_its_answers),
        SERVER_TEST(a_large_answer_arrives_whole),
        SERVER_TEST(a_stream_is_chunked_and_can_end),
        SERVER_TEST(a_stream_for_http_1_0_has_no_chunks),
        SERVER_TEST(a_handler_hears_of_a_peer_that_left),
        SERVER_TEST(a_peer_that_does_not_read_is_cut),
        SERVER_TEST(a_slow_peer_gets_every_byte),
        SERVER_TEST(an_abort_is_a_reset_or_an_early_end),
        SERVER_TEST(a_server_may_end_with_streams_open),
        SERVER_TEST(a_taken_port_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* http/server over TLS: what differs from plain connections. The client is one of net/tls. */
#include "http/server.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"
#include "net/tls.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { LIMIT_MS = 20000, ECHO_BYTES = 400000, BIG_BYTES = 3 * 1024 * 1024 };

/* A server and what its handler saw; one client speaks to it on the same loop. */
struct fixture {
    struct loop *loop;
    struct http_server *server;
    struct tls_context *server_tls, *client_tls;
    struct http_request *kept; /* of /stream */
    int requests, gone;
    struct transport client;
    struct buf got;
    enum io_status status; /* of the client's last read */
};

static void on_request(void *ctx, struct http_request *request, uint64_t now_ns)
{
    struct fixture *fixture = ctx;
    const char *path = http_request_path(request);
    size_t len;
    const uint8_t *body = http_request_body(request, &len);

    (void)now_ns;
    fixture->requests++;
    if (strcmp(path, "/stream") == 0) {
        fixture->kept = request;
        http_begin_stream(request, 200, "", "text/event-stream");
        http_send(request, "first\n", 6);
    } else if (strcmp(path, "/big") == 0) {
        char *big = x_calloc(1, BIG_BYTES);

        (void)memset(big, 'b', BIG_BYTES);
        http_respond(request, 200, "", "text/plain", big, BIG_BYTES);
        free(big);
    } else {
        http_respond(request, 200, "X-Path: seen\r\n", "text/plain", body, len);
    }
}

static void on_gone(void *ctx, struct http_request *request)
{
    struct fixture *fixture = ctx;

    assert_ptr_equal(request, fixture->kept);
    fixture->kept = NULL;
    fixture->gone++;
}

static void turn(struct fixture *fixture)
{
    (void)loop_turn(fixture->loop, CLOCK_NS_PER_MS, 0);
}

/* A client that has said nothing yet. */
static int connect_plain(struct fixture *fixture)
{
    struct address address;
    bool in_progress;
    int fd;

    assert_int_equal(address_parse("127.0.0.1", http_server_port(fixture->server), &address), 0);
    fd = tcp_start_connect(&address, NULL, &in_progress);
    assert_true(fd >= 0);
    return fd;
}

static void connect_tls(struct fixture *fixture)
{
    struct tls_peer peer = {.host = "127.0.0.1"};
    uint64_t end_ns = clock_now_ns() + LIMIT_MS * CLOCK_NS_PER_MS;
    enum io_status status = IO_WANT_READ;
    int fd = connect_plain(fixture);

    assert_int_equal(tls_transport_init_client(&fixture->client, fixture->client_tls, fd, &peer),
                     0);
    do {
        status = transport_handshake(&fixture->client);
        assert_int_not_equal(status, IO_FAILED);
        turn(fixture);
        assert_true(clock_now_ns() < end_ns);
    } while (status != IO_OK);
    buf_clear(&fixture->got);
    fixture->status = IO_WANT_READ;
}

static int start(void **state)
{
    static const struct http_server_handlers handlers = {on_request, on_gone};
    static const char *const names[] = {"127.0.0.1"};
    struct fixture *fixture = x_calloc(1, sizeof *fixture);
    struct tls_client_config config = {0};
    struct buf cert = {0}, key = {0};
    struct address address;
    struct err err = {0};

    assert_int_equal(tls_certificate_make(names, 1, &cert, &key, &err), 0);
    config.ca_pem = buf_text(&cert);
    fixture->client_tls = tls_context_new_client(&config, &err);
    fixture->server_tls = tls_context_new_server(buf_text(&cert), buf_text(&key), &err);
    assert_true(fixture->client_tls && fixture->server_tls);
    buf_fini(&cert);
    buf_fini(&key);
    assert_int_equal(address_parse("127.0.0.1", 0, &address), 0);
    fixture->loop = loop_new(&err);
    fixture->server = http_server_new(fixture->loop, &address, false, &handlers, fixture, &err);
    assert_non_null(fixture->server);
    http_server_use_tls(fixture->server, fixture->server_tls);
    *state = fixture;
    return 0;
}

static int stop(void **state)
{
    struct fixture *fixture = *state;

    transport_close(&fixture->client, false);
    http_server_free(fixture->server);
    loop_free(fixture->loop);
    tls_context_free(fixture->client_tls);
    tls_context_free(fixture->server_tls);
    buf_fini(&fixture->got);
    free(fixture);
    return 0;
}

static void send_text(struct fixture *fixture, const char *text)
{
    struct iovec part = {.iov_len = strlen(text)};
    size_t len = 0;

    (void)memcpy(&part.iov_base, &text, sizeof text);
    assert_int_equal(transport_write(&fixture->client, &part, 1, &len), IO_OK);
    assert_int_equal(len, strlen(text));
}

static void read_client(struct fixture *fixture)
{
    uint8_t *at = buf_reserve(&fixture->got, TRANSPORT_READ_MIN_BYTES);
    size_t len = 0;

    fixture->status = transport_read(&fixture->client, at, TRANSPORT_READ_MIN_BYTES, &len);
    if (fixture->status == IO_OK)
        buf_grew(&fixture->got, len);
}

static bool has_ended(const struct fixture *fixture)
{
    return fixture->status == IO_CLOSED || fixture->status == IO_FAILED;
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
    uint64_t end_ns = clock_now_ns() + LIMIT_MS * CLOCK_NS_PER_MS;

    while (count_of(fixture, text) < count && clock_now_ns() < end_ns && !has_ended(fixture)) {
        turn(fixture);
        read_client(fixture);
    }
    if (count_of(fixture, text) != count)
        fail_msg("'%s' came %zu times, not %zu, in: %.2000s", text, count_of(fixture, text), count,
                 buf_text(&fixture->got));
}

static void await_end(struct fixture *fixture)
{
    uint64_t end_ns = clock_now_ns() + LIMIT_MS * CLOCK_NS_PER_MS;

    while (!has_ended(fixture) && clock_now_ns() < end_ns) {
        turn(fixture);
        read_client(fixture);
    }
    if (!has_ended(fixture))
        fail_msg("the connection is still open after: %.2000s", buf_text(&fixture->got));
}

/* With TLS's goodbye, so that the client knows that it has everything. */
static void await_clean_end(struct fixture *fixture)
{
    char text[TRANSPORT_TEXT_BYTES];

    await_end(fixture);
    if (fixture->status == IO_FAILED) {
        (void)transport_describe(&fixture->client, text);
        fail_msg("%s, after %zu bytes", text, fixture->got.len);
    }
    assert_false(fixture->client.is_cut);
}

static void await_connections(struct fixture *fixture, size_t count)
{
    uint64_t end_ns = clock_now_ns() + LIMIT_MS * CLOCK_NS_PER_MS;

    while (http_server_connection_count(fixture->server) != count && clock_now_ns() < end_ns)
        turn(fixture);
    assert_int_equal(http_server_connection_count(fixture->server), count);
}

static void a_request_is_answered_and_the_connection_stays(void **state)
{
    struct fixture *fixture = *state;

    connect_tls(fixture);
    send_text(fixture, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    await(fixture, "X-Path: seen\r\n", 1);
    send_text(fixture, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo");
    turn(fixture);
    send_text(fixture, "dy");
    await(fixture, "\r\n\r\nbody", 1);
    send_text(fixture, "GET /c HTTP/1.1\r\nHost: h\r\n\r\nGET /d HTTP/1.1\r\nHost: h\r\n\r\n");
    await(fixture, "X-Path: seen\r\n", 4);
    assert_int_equal(fixture->status, IO_OK);
    assert_int_equal(http_server_connection_count(fixture->server), 1);
}

/* The last words of the handshake and the request are one piece for the server. */
static void a_request_may_come_with_the_handshake(void **state)
{
    struct fixture *fixture = *state;
    struct tls_peer peer = {.host = "127.0.0.1"};
    uint64_t end_ns = clock_now_ns() + LIMIT_MS * CLOCK_NS_PER_MS;

    assert_int_equal(tls_transport_init_client(&fixture->client, fixture->client_tls,
                                               connect_plain(fixture), &peer),
                     0);
    while (transport_handshake(&fixture->client) != IO_OK && clock_now_ns() < end_ns)
        turn(fixture);
    send_text(fixture, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    await(fixture, "X-Path: seen\r\n", 1);
}

static void a_refused_request_ends_with_a_goodbye(void **state)
{
    struct fixture *fixture = *state;

    connect_tls(fixture);
    send_text(fixture, "HELO example\r\n\r\n");
    await_clean_end(fixture);
    assert_int_equal(count_of(fixture, "HTTP/1.1 501 "), 1);
    transport_close(&fixture->client, false);
    await_connections(fixture, 0);
}

static void a_large_answer_arrives_whole(void **state)
{
    struct fixture *fixture = *state;

    connect_tls(fixture);
    send_text(fixture, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n"
                       "GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    await_clean_end(fixture);
    assert_int_equal(count_of(fixture, "HTTP/1.1 200"), 2);
    assert_true(fixture->got.len > 2 * (size_t)BIG_BYTES);
}

/* What is left of the answer is the kernel's when the server has waited long enough. */
static void a_late_reader_gets_the_whole_last_answer(void **state)
{
    struct fixture *fixture = *state;
    struct buf text = {0};

    (void)buf_appendf(&text,
                      "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                      "Content-Length: %d\r\n\r\n",
                      ECHO_BYTES);
    (void)memset(buf_reserve(&text, ECHO_BYTES), 'p', ECHO_BYTES);
    buf_grew(&text, ECHO_BYTES);
    connect_tls(fixture);
    send_text(fixture, buf_text(&text));
    await_connections(fixture, 0);
    await_clean_end(fixture);
    assert_true(fixture->got.len > ECHO_BYTES);
    buf_fini(&text);
}

static void a_stream_is_chunked_and_can_end(void **state)
{
    struct fixture *fixture = *state;
    struct http_chunk chunk;
    struct buf framed = {0};

    connect_tls(fixture);
    send_text(fixture, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    await(fixture, "6\r\nfirst\n\r\n", 1);
    http_send(fixture->kept, "second\n", 7);
    await(fixture, "7\r\nsecond\n\r\n", 1);
    http_frame_chunk(&framed, "0123456789abcdef", 16, &chunk);
    http_send_chunk(fixture->kept, &chunk);
    await(fixture, "10\r\n0123456789abcdef\r\n", 1);
    http_end_stream(fixture->kept);
    await(fixture, "\r\n0\r\n\r\n", 1);
    send_text(fixture, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    await(fixture, "X-Path: seen\r\n", 1);
    assert_int_equal(fixture->gone, 0);
    buf_fini(&framed);
}

/* Lines of 10 kB until the socket takes nothing, then what was queued. */
static void a_slow_reader_gets_every_byte(void **state)
{
    static char line[10001];
    struct fixture *fixture = *state;

    (void)memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\n';
    connect_tls(fixture);
    send_text(fixture, "GET /stream HTTP/1.0\r\n\r\n");
    await(fixture, "first", 1);
    for (int i = 0; i < 600; i++) {
        http_send(fixture->kept, line, sizeof line);
        for (int reads = 0; i % 20 == 19 && reads < 3; reads++) {
            read_client(fixture);
            turn(fixture);
        }
    }
    assert_int_equal(fixture->gone, 0);
    http_end_stream(fixture->kept);
    await_clean_end(fixture);
    assert_int_equal(count_of(fixture, "x\n"), 600);
    assert_int_equal(fixture->got.len, strstr(buf_text(&fixture->got), "first\n") + 6 -
                                           buf_text(&fixture->got) + 600 * (ptrdiff_t)sizeof line);
}

static void a_reader_that_stands_still_is_cut(void **state)
{
    static char block[65536];
    struct fixture *fixture = *state;

    connect_tls(fixture);
    send_text(fixture, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    await(fixture, "first", 1);
    for (int i = 0; i < 1000 && fixture->gone == 0; i++) {
        http_send(fixture->kept, block, sizeof block);
        turn(fixture);
    }
    assert_int_equal(fixture->gone, 1);
    await_connections(fixture, 0);
}

/* By our reset, by an end without goodbye, by a goodbye alone, by both. */
static void a_handler_hears_of_a_client_that_left(void **state)
{
    struct fixture *fixture = *state;

    for (int way = 0; way < 4; way++) {
        connect_tls(fixture);
        send_text(fixture, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
        await(fixture, "first", 1);
        if (way == 1)
            (void)shutdown(fixture->client.fd, SHUT_WR);
        else if (way == 2)
            transport_end_write(&fixture->client);
        else
            transport_close(&fixture->client, way == 0);
        await_connections(fixture, 0);
        assert_int_equal(fixture->gone, way + 1);
        transport_close(&fixture->client, false);
    }
}

static void a_client_that_left_between_requests_is_forgotten(void **state)
{
    struct fixture *fixture = *state;

    connect_tls(fixture);
    send_text(fixture, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    await(fixture, "X-Path: seen\r\n", 1);
    (void)shutdown(fixture->client.fd, SHUT_WR);
    await_connections(fixture, 0);
    assert_int_equal(fixture->gone, 0);
}

static void plain_http_ends_its_own_connection_only(void **state)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    struct fixture *fixture = *state;
    int fd = connect_plain(fixture);
    uint64_t end_ns = clock_now_ns() + LIMIT_MS * CLOCK_NS_PER_MS;
    char byte;
    ssize_t got;

    connect_tls(fixture);
    assert_int_equal(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    await_connections(fixture, 1);
    do
        got = recv(fd, &byte, 1, 0); /* an alert, or nothing */
    while (got > 0 || (got < 0 && errno == EAGAIN && clock_now_ns() < end_ns));
    assert_true(got == 0 || errno == ECONNRESET);
    (void)close(fd);
    send_text(fixture, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    await(fixture, "X-Path: seen\r\n", 1);
    assert_int_equal(fixture->requests, 1);
}

static void a_handshake_that_is_half_done_is_a_connection(void **state)
{
    static const char *const words[] = {"", "\x16\x03\x01\x02\x00\x01"};
    struct fixture *fixture = *state;

    for (int i = 0; i < 2; i++) {
        size_t len = i == 0 ? 0 : 6;
        int fd = connect_plain(fixture);

        await_connections(fixture, 1);
        if (len > 0)
            assert_int_equal(send(fd, words[i], len, MSG_NOSIGNAL), len);
        for (int turns = 0; turns < 10; turns++)
            turn(fixture);
        assert_int_equal(http_server_connection_count(fixture->server), 1);
        assert_true(loop_next_deadline_ns(fixture->loop) != CLOCK_NEVER_NS);
        (void)close(fd);
        await_connections(fixture, 0);
    }
    assert_int_equal(fixture->requests + fixture->gone, 0);
}

static void a_server_may_end_with_connections_open(void **state)
{
    struct fixture *fixture = *state;
    int fd = connect_plain(fixture);

    connect_tls(fixture);
    send_text(fixture, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    await(fixture, "first", 1);
    await_connections(fixture, 2);
    http_server_free(fixture->server);
    fixture->server = NULL;
    await_clean_end(fixture);
    (void)close(fd);
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_request_is_answered_and_the_connection_stays),
        SERVER_TEST(a_request_may_come_with_the_handshake),
        SERVER_TEST(a_refused_request_ends_with_a_goodbye),
        SERVER_TEST(a_large_answer_arrives_whole),
        SERVER_TEST(a_late_reader_gets_the_whole_last_answer),
        SERVER_TEST(a_stream_is_chunked_and_can_end),
        SERVER_TEST(a_slow_reader_gets_every_byte),
        SERVER_TEST(a_reader_that_stands_still_is_cut),
        SERVER_TEST(a_handler_hears_of_a_client_that_left),
        SERVER_TEST(a_client_that_left_between_requests_is_forgotten),
        SERVER_TEST(plain_http_ends_its_own_connection_only),
        SERVER_TEST(a_handshake_that_is_half_done_is_a_connection),
        SERVER_TEST(a_server_may_end_with_connections_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

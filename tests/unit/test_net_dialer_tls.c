/* net/dialer with TLS: a dial is done when the handshake is, or when that has failed. */
#include "net/dialer.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "dial_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A listener, the one connection it accepts, and a dialer that is to speak TLS with it. */
struct scene {
    struct buf cert, key;
    struct tls_context *server_context;
    struct tls_client_config config;
    struct dialer *dialer;
    struct tls_tickets *tickets;
    int listener, fd; /* fd: -1 before the accept, and once `server` owns it */
    struct transport server;
    uint16_t port;
    struct call call;
    struct dial_result result; /* of the last dial, without its message */
};

static unsigned seen_ready;

static void note_ready(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    (void)watch;
    (void)now_ns;
    seen_ready |= ready;
}

static void note_result(struct watch *watch, const struct dial_result *result, uint64_t now_ns)
{
    struct call *call = CONTAINER_OF(watch, struct call, watch);
    struct scene *scene = CONTAINER_OF(call, struct scene, call);

    scene->result = *result;
    on_done(watch, result, now_ns);
    if (result->error_class == CLASS_NONE)
        watch->on_ready = note_ready;
}

static void remake_dialer(struct scene *scene, uint64_t timeout_ns)
{
    struct dialer_config config = {.loop = loop,
                                   .resolver = resolver,
                                   .routes = routes,
                                   .tls = &scene->config,
                                   .timeout_ns = timeout_ns};
    struct err err = {0};

    dialer_free(scene->dialer);
    scene->dialer = dialer_new(&config, &err);
    assert_non_null(scene->dialer);
}

static int open_scene(void **state)
{
    static const char *const names[] = {"127.0.0.1", "localhost"};
    struct scene *scene = x_calloc(1, sizeof *scene);
    struct err err = {0};

    if (open_loop(state) < 0 || tls_certificate_make(names, 2, &scene->cert, &scene->key, &err) < 0)
        return -1;
    scene->server_context =
        tls_context_new_server(buf_text(&scene->cert), buf_text(&scene->key), &err);
    scene->config.ca_pem = buf_text(&scene->cert);
    remake_dialer(scene, 10 * CLOCK_NS_PER_S);
    scene->listener = listen_on("127.0.0.1", 0, &scene->port);
    scene->fd = -1;
    *state = scene;
    return scene->server_context && scene->listener >= 0 ? 0 : -1;
}

static int close_scene(void **state)
{
    struct scene *scene = *state;

    dialer_free(scene->dialer);
    transport_close(&scene->server, false);
    if (scene->fd >= 0)
        (void)close(scene->fd);
    (void)close(scene->listener);
    tls_context_free(scene->server_context);
    tls_tickets_free(scene->tickets);
    buf_fini(&scene->cert);
    buf_fini(&scene->key);
    free(scene);
    return close_loop(state);
}

static struct dial *begin(struct scene *scene)
{
    struct dial_target target = {
        .host = "127.0.0.1", .port = scene->port, .is_tls = true, .tickets = scene->tickets};

    scene->call = (struct call){.done_count = 0};
    seen_ready = 0;
    (void)loop_refresh_ns(loop); /* what came before took time outside the loop */
    return dialer_start(scene->dialer, &target, &scene->call.watch, note_result);
}

/* Turns until the listener has the connection and the client's first words. */
static void accept_one(struct scene *scene)
{
    uint64_t until_ns = clock_now_ns() + 10 * CLOCK_NS_PER_S;
    struct address peer;
    char first;

    while (clock_now_ns() < until_ns) {
        (void)loop_turn(loop, CLOCK_NS_PER_MS, 0);
        if (scene->fd < 0)
            scene->fd = tcp_accept(scene->listener, &peer);
        if (scene->fd >= 0 && recv(scene->fd, &first, 1, MSG_PEEK) == 1)
            return;
    }
    fail_msg("no client hello within 10 s");
}

static void serve_tls(struct scene *scene)
{
    assert_int_equal(tls_transport_init_server(&scene->server, scene->server_context, scene->fd),
                     0);
    scene->fd = -1;
}

/* Both ends in turn until the dial is done; the server's part may be over before. */
static void finish_handshake(struct scene *scene)
{
    uint64_t until_ns = clock_now_ns() + 10 * CLOCK_NS_PER_S;
    enum io_status status = IO_WANT_READ;

    while ((scene->call.done_count == 0 || status == IO_WANT_READ) && clock_now_ns() < until_ns) {
        if (status == IO_WANT_READ)
            status = transport_handshake(&scene->server);
        (void)loop_turn(loop, CLOCK_NS_PER_MS, 0);
    }
    assert_int_equal(scene->call.done_count, 1);
}

static void expect_end(const struct scene *scene, enum error_class error_class, const char *words)
{
    wait_for(&scene->call);
    assert_int_equal(scene->call.error_class, error_class);
    if (!strstr(scene->call.message, words))
        fail_msg("'%s' does not say '%s'", scene->call.message, words);
    assert_int_equal(scene->result.tls_ns, 0);
    assert_null(scene->call.watch.on_ready);
}

static void a_dial_is_done_when_the_handshake_is(void **state)
{
    struct scene *scene = *state;

    for (int i = 0; i < 2; i++) {
        struct buf none = {0};
        uint8_t *at = buf_reserve(&none, TRANSPORT_READ_MIN_BYTES);
        size_t len;

        assert_non_null(begin(scene));
        accept_one(scene);
        assert_int_equal(scene->call.done_count, 0);
        serve_tls(scene);
        finish_handshake(scene);
        assert_int_equal(scene->call.error_class, CLASS_NONE);
        assert_string_equal(scene->call.transport.ops->name, "tls");
        assert_int_equal(scene->call.watch.fd, scene->call.fd);
        assert_true(scene->result.connect_ns > 0 && scene->result.tls_ns > 0);
        assert_true(scene->result.is_tls);
        assert_int_equal(scene->result.is_resumed, i == 1);
        /* The tickets. */
        assert_int_equal(transport_read(&scene->call.transport, at, TRANSPORT_READ_MIN_BYTES, &len),
                         IO_WANT_READ);
        buf_fini(&none);
        tls_tickets_keep(&scene->tickets, 0, &scene->call.transport);
        hang_up(&scene->call);
        transport_close(&scene->server, false);
    }
}

static void a_plain_dial_has_no_handshake(void **state)
{
    struct scene *scene = *state;

    (void)start_dial(scene->dialer, "127.0.0.1", scene->port, &scene->call.watch, note_result);
    wait_for(&scene->call);
    assert_string_equal(scene->call.transport.ops->name, "tcp");
    assert_false(scene->result.is_tls);
    assert_int_equal(scene->result.tls_ns, 0);
    hang_up(&scene->call);
}

/*
 * The edge of what came with the last bytes of the handshake was the dialer's. A server of ours
 * does not speak so early, so what comes is no record: it is only to be noticed.
 */
static void what_comes_right_behind_the_handshake_is_reported(void **state)
{
    struct scene *scene = *state;
    uint8_t *bytes = x_malloc(TRANSPORT_READ_MIN_BYTES);
    size_t len = 0;

    (void)begin(scene);
    accept_one(scene);
    serve_tls(scene);
    assert_int_equal(transport_handshake(&scene->server), IO_WANT_READ);
    assert_int_equal(write(scene->server.fd, "no record", 9), 9);
    wait_for(&scene->call);
    assert_int_equal(scene->call.error_class, CLASS_NONE);
    (void)loop_turn(loop, CLOCK_NS_PER_S, 0);
    assert_true(seen_ready & LOOP_READABLE);
    assert_int_equal(transport_read(&scene->call.transport, bytes, TRANSPORT_READ_MIN_BYTES, &len),
                     IO_FAILED);
    free(bytes);
    hang_up(&scene->call);
}

static void a_handshake_without_answer_ends_by_the_deadline(void **state)
{
    struct scene *scene = *state;
    uint64_t began_ns = clock_now_ns();

    remake_dialer(scene, 150 * CLOCK_NS_PER_MS);
    assert_non_null(begin(scene));
    accept_one(scene);
    expect_end(scene, CLASS_CONNECT_TIMEOUT, "no TLS handshake within the connect timeout");
    assert_true(clock_now_ns() - began_ns >= 150 * CLOCK_NS_PER_MS);
    assert_true(scene->result.connect_ns > 0);
}

static void a_server_that_leaves_in_the_handshake_is_a_tls_failure(void **state)
{
    struct scene *scene = *state;
    char taken[4096];

    (void)begin(scene);
    accept_one(scene);
    assert_true(recv(scene->fd, taken, sizeof taken, 0) > 0); /* or the close would be a reset */
    (void)close(scene->fd);
    scene->fd = -1;
    expect_end(scene, CLASS_TLS, "the peer closed during the handshake");
}

static void a_reset_in_the_handshake_is_a_reset(void **state)
{
    struct scene *scene = *state;

    (void)begin(scene);
    accept_one(scene);
    tcp_close_descriptor(scene->fd, true);
    scene->fd = -1;
    expect_end(scene, CLASS_RESET, "reset");
}

static void a_plain_server_is_recognised(void **state)
{
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    struct scene *scene = *state;

    (void)begin(scene);
    accept_one(scene);
    assert_int_equal(write(scene->fd, answer, sizeof answer - 1), sizeof answer - 1);
    expect_end(scene, CLASS_TLS, "not TLS");
}

/* Its words are there before the dialer has said its own. */
static void a_server_that_speaks_first_is_recognised(void **state)
{
    static const char banner[] = "220 mail.example ESMTP\r\n";
    struct scene *scene = *state;
    struct address peer;

    (void)begin(scene);
    scene->fd = tcp_accept(scene->listener, &peer);
    assert_true(scene->fd >= 0);
    assert_int_equal(write(scene->fd, banner, sizeof banner - 1), sizeof banner - 1);
    expect_end(scene, CLASS_TLS, "not TLS");
}

static void an_untrusted_server_is_refused(void **state)
{
    struct scene *scene = *state;

    scene->config.ca_pem = NULL;
    remake_dialer(scene, 10 * CLOCK_NS_PER_S);
    (void)begin(scene);
    accept_one(scene);
    serve_tls(scene);
    (void)transport_handshake(&scene->server);
    expect_end(scene, CLASS_TLS, "the certificate is not accepted: ");
}

static void a_configuration_that_is_wrong_is_told_by_the_dial(void **state)
{
    struct scene *scene = *state;

    scene->config.ca_pem = "no certificate";
    remake_dialer(scene, 10 * CLOCK_NS_PER_S);
    for (int i = 0; i < 2; i++) {
        (void)begin(scene);
        expect_end(scene, CLASS_TLS, "the certificates of the authorities: ");
    }
}

static void a_dial_may_be_cancelled_in_the_handshake(void **state)
{
    struct scene *scene = *state;
    struct dial *dial = begin(scene);
    char rest[4096];

    accept_one(scene);
    assert_non_null(dial);
    dialer_cancel(scene->dialer, dial);
    assert_null(scene->call.watch.on_ready);
    assert_int_equal(fcntl(scene->fd, F_SETFL, 0), 0); /* from here on reads wait */
    while (recv(scene->fd, rest, sizeof rest, 0) > 0)
        continue;
    (void)loop_turn(loop, 0, 0);
    assert_int_equal(scene->call.done_count, 0);
}

#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(a_dial_is_done_when_the_handshake_is),
        TLS_TEST(a_plain_dial_has_no_handshake),
        TLS_TEST(what_comes_right_behind_the_handshake_is_reported),
        TLS_TEST(a_handshake_without_answer_ends_by_the_deadline),
        TLS_TEST(a_server_that_leaves_in_the_handshake_is_a_tls_failure),
        TLS_TEST(a_reset_in_the_handshake_is_a_reset),
        TLS_TEST(a_plain_server_is_recognised),
        TLS_TEST(a_server_that_speaks_first_is_recognised),
        TLS_TEST(an_untrusted_server_is_refused),
        TLS_TEST(a_configuration_that_is_wrong_is_told_by_the_dial),
        TLS_TEST(a_dial_may_be_cancelled_in_the_handshake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

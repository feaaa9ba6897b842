#include "net/dialer.h"

#include "base/clock.h"
#include "dial_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void a_connection_is_handed_over_with_its_watch(void **state)
{
    struct dialer *dialer = make_dialer(CLOCK_NS_PER_S, NULL, NULL);
    struct call call = {0};
    uint16_t port = 0;
    int listener = listen_on("127.0.0.1", 0, &port);

    (void)state;
    assert_non_null(start_dial(dialer, "127.0.0.1", port, &call.watch, on_done));
    wait_for(&call);
    assert_int_equal(call.error_class, CLASS_NONE);
    assert_int_equal(call.watch.fd, call.fd);
    hang_up(&call);
    (void)close(listener);
    dialer_free(dialer);
    dialer_free(NULL);
}

static void a_refusal_names_the_address(void **state)
{
    struct dialer *dialer = make_dialer(CLOCK_NS_PER_S, NULL, NULL);
    struct call call = {0};
    char text[32];
    uint16_t port = hold_port();

    (void)state;
    (void)start_dial(dialer, "127.0.0.1", port, &call.watch, on_done);
    wait_for(&call);
    assert_int_equal(call.error_class, CLASS_CONNECT_REFUSED);
    (void)snprintf(text, sizeof text, "127.0.0.1:%u", port);
    assert_non_null(strstr(call.message, text));
    dialer_free(dialer);
}

/* Where localhost is both ::1 and 127.0.0.1, each of four dials finds the one that listens. */
static void every_address_of_a_name_is_tried(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};
    struct dialer *dialer = make_dialer(CLOCK_NS_PER_S, NULL, NULL);
    struct err err = {0};
    struct address_list *list = resolver_resolve_now("localhost", 1, CLOCK_NS_PER_S, &err);
    bool has_both = list && list->count > 1;

    (void)state;
    address_list_drop(list);
    for (int i = 0; i < 4; i++) {
        struct call call = {0};
        uint16_t port = 0;
        int listener = listen_on(hosts[i / 2], 0, &port);

        if (listener < 0 || (!has_both && i / 2 == 1)) {
            if (listener >= 0)
                (void)close(listener);
            continue;
        }
        (void)start_dial(dialer, "localhost", port, &call.watch, on_done);
        wait_for(&call);
        assert_int_equal(call.error_class, CLASS_NONE);
        hang_up(&call);
        (void)close(listener);
    }
    dialer_free(dialer);
}

static void no_answer_is_a_timeout(void **state)
{
    struct dialer *dialer = make_dialer(150 * CLOCK_NS_PER_MS, NULL, NULL);
    struct call call = {0};
    uint64_t began_ns = clock_now_ns();
    uint16_t port = 0;
    struct silent silent = open_silent("127.0.0.1", &port);

    (void)state;
    assert_non_null(start_dial(dialer, "127.0.0.1", port, &call.watch, on_done));
    wait_for(&call);
    assert_int_equal(call.error_class, CLASS_CONNECT_TIMEOUT);
    assert_true(clock_now_ns() - began_ns >= 150 * CLOCK_NS_PER_MS);
    close_silent(&silent);
    dialer_free(dialer);
}

static void a_cancelled_dial_says_nothing(void **state)
{
    struct dialer *dialer = make_dialer(20 * CLOCK_NS_PER_MS, NULL, NULL);
    struct call calls[2] = {{.done_count = 0}};
    uint16_t port = 0;
    int listener = listen_on("127.0.0.1", 0, &port);
    struct dial *dial;

    (void)state;
    dial = start_dial(dialer, "127.0.0.1", port, &calls[0].watch, on_done);
    assert_non_null(dial);
    dialer_cancel(dialer, dial);
    dial = start_dial(dialer, "no-such-name.invalid", port, &calls[1].watch, on_done);
    if (dial)
        dialer_cancel(dialer, dial);
    for (int i = 0; i < 5; i++)
        (void)loop_turn(loop, 10 * CLOCK_NS_PER_MS, 0);
    assert_int_equal(calls[0].done_count, 0);
    assert_int_equal(calls[1].done_count, dial ? 0 : 1);
    (void)close(listener);
    dialer_free(dialer);
}

static void an_unknown_name_is_a_dns_failure(void **state)
{
    struct dialer *dialer = make_dialer(300 * CLOCK_NS_PER_MS, NULL, NULL);
    struct call call = {0};

    (void)state;
    (void)start_dial(dialer, "no-such-name.invalid", 80, &call.watch, on_done);
    wait_for(&call);
    assert_int_equal(call.error_class, CLASS_DNS);
    assert_true(call.message[0] != '\0');
    dialer_free(dialer);
}

static void a_unix_socket_takes_every_dial(void **state)
{
    char path[64];
    struct dialer *dialer;
    struct address address;
    struct err err = {0};
    struct call calls[2] = {{.done_count = 0}};
    int listener;

    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/cicada-dial-%d.sock", (int)getpid());
    dialer = make_dialer(CLOCK_NS_PER_S, path, NULL);
    assert_null(start_dial(dialer, "example.com", 80, &calls[0].watch, on_done));
    assert_int_equal(calls[0].error_class, CLASS_CONNECT_REFUSED);
    assert_int_equal(address_set_unix(path, &address, &err), 0);
    listener = tcp_listen(&address, false, &err);
    assert_null(start_dial(dialer, "example.com", 80, &calls[1].watch, on_done));
    assert_int_equal(calls[1].error_class, CLASS_NONE);
    hang_up(&calls[1]);
    (void)close(listener);
    (void)unlink(path);
    dialer_free(dialer);
}

static void a_source_that_is_not_ours_is_a_local_limit(void **state)
{
    struct err err = {0};
    struct source_pool *sources = source_pool_new("192.0.2.1", &err);
    struct dialer *dialer = make_dialer(CLOCK_NS_PER_S, NULL, sources);
    struct call call = {0};

    (void)state;
    assert_null(start_dial(dialer, "127.0.0.1", 80, &call.watch, on_done));
    assert_int_equal(call.error_class, CLASS_LOCAL_LIMIT);
    dialer_free(dialer);
    source_pool_free(sources);
}

static unsigned seen_ready;

static void note_ready(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    (void)watch;
    (void)now_ns;
    seen_ready |= ready;
}

/* What the peer said before the connection was noticed is reported to the next owner too. */
static void an_early_word_is_not_lost(void **state)
{
    struct dialer *dialer = make_dialer(CLOCK_NS_PER_S, NULL, NULL);
    struct call call = {0};
    struct address peer;
    uint16_t port = 0;
    int listener = listen_on("127.0.0.1", 0, &port), server;

    (void)state;
    assert_non_null(start_dial(dialer, "127.0.0.1", port, &call.watch, on_done));
    server = tcp_accept(listener, &peer);
    assert_true(server >= 0);
    assert_int_equal(write(server, "hi", 2), 2);
    wait_for(&call);
    assert_int_equal(call.error_class, CLASS_NONE);
    call.watch.on_ready = note_ready;
    seen_ready = 0;
    (void)loop_turn(loop, 100 * CLOCK_NS_PER_MS, 0);
    assert_true(seen_ready & LOOP_READABLE);
    hang_up(&call);
    (void)close(server);
    (void)close(listener);
    dialer_free(dialer);
}

static void connect_to_comes_before_resolve_and_both_before_the_resolver(void **state)
{
    struct dialer *dialer = make_dialer(CLOCK_NS_PER_S, NULL, NULL);
    struct call calls[2] = {{.done_count = 0}};
    struct err err = {0};
    char text[64];
    uint16_t port = 0;
    int listener = listen_on("127.0.0.1", 0, &port);

    (void)state;
    route_many(port, "127.0.0.1");
    (void)snprintf(text, sizeof text, "x.invalid:80:many:%u", port);
    assert_int_equal(route_add_connect_to(routes, text, &err), 0);
    assert_int_equal(route_add_resolve(routes, "x.invalid:80:127.0.0.9", &err), 0);
    (void)snprintf(text, sizeof text, "y.invalid:80:127.0.0.1:%u", port);
    assert_int_equal(route_add_connect_to(routes, text, &err), 0);
    (void)start_dial(dialer, "X.invalid", 80, &calls[0].watch, on_done);
    (void)start_dial(dialer, "y.invalid", 80, &calls[1].watch, on_done);
    for (int i = 0; i < 2; i++) {
        wait_for(&calls[i]);
        assert_int_equal(calls[i].error_class, CLASS_NONE);
        hang_up(&calls[i]);
    }
    (void)close(listener);
    dialer_free(dialer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOOP(a_connection_is_handed_over_with_its_watch),
        WITH_LOOP(a_refusal_names_the_address),
        WITH_LOOP(every_address_of_a_name_is_tried),
        WITH_LOOP(no_answer_is_a_timeout),
        WITH_LOOP(a_cancelled_dial_says_nothing),
        WITH_LOOP(an_unknown_name_is_a_dns_failure),
        WITH_LOOP(a_unix_socket_takes_every_dial),
        WITH_LOOP(a_source_that_is_not_ours_is_a_local_limit),
        WITH_LOOP(an_early_word_is_not_lost),
        WITH_LOOP(connect_to_comes_before_resolve_and_both_before_the_resolver),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

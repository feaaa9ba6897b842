/* net/dialer with several addresses: who is tried when, who wins, what is left of the others. */
#include "base/clock.h"
#include "dial_fixture.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static unsigned seen_ready;

static void note_ready(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    (void)watch;
    (void)now_ns;
    seen_ready |= ready;
}

static struct dial *dial_many(struct dialer *dialer, uint16_t port, struct call *call)
{
    (void)loop_refresh_ns(loop);
    return start_dial(dialer, "many", port, &call->watch, on_done);
}

/* The address connected to: x for 127.0.0.x, 6 for IPv6. */
static int peer_of(const struct call *call)
{
    struct address peer = {.len = sizeof peer.as};

    assert_int_equal(getpeername(call->fd, &peer.as.any, &peer.len), 0);
    return peer.as.any.sa_family == AF_INET6 ? 6 : (int)(ntohl(peer.as.v4.sin_addr.s_addr) & 0xff);
}

static void turn_for(uint64_t span_ms)
{
    uint64_t until_ns = clock_now_ns() + span_ms * CLOCK_NS_PER_MS;

    while (clock_now_ns() < until_ns)
        (void)loop_turn(loop, 5 * CLOCK_NS_PER_MS, 0);
}

static const uint64_t DELAY_NS = DIAL_ATTEMPT_DELAY_MS * (uint64_t)1000000;

static void a_refusal_gives_way_to_the_next_address_at_once(void **state)
{
    static const char *const addresses[] = {"127.0.0.2,127.0.0.1", "::1,127.0.0.1",
                                            "127.0.0.2,127.0.0.3,127.0.0.4,127.0.0.5,127.0.0.1"};
    struct dialer *dialer = make_dialer(2 * CLOCK_NS_PER_S, NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct call call = {0};
        uint16_t port = 0;
        int listener = listen_on("127.0.0.1", 0, &port);
        uint64_t began_ns = clock_now_ns();

        route_many(port, addresses[i]);
        (void)dial_many(dialer, port, &call);
        wait_for(&call);
        assert_int_equal(call.error_class, CLASS_NONE);
        assert_int_equal(peer_of(&call), 1);
        assert_int_equal(call.watch.fd, call.fd);
        assert_true(clock_now_ns() - began_ns < DELAY_NS);
        hang_up(&call);
        (void)close(listener);
    }
    dialer_free(dialer);
}

/* The second connects, is moved to the owner's watch, and what the peer said by then is reported
 * there; what it says later too. */
static void silence_is_overtaken_after_the_delay(void **state)
{
    struct dialer *dialer = make_dialer(2 * CLOCK_NS_PER_S, NULL, NULL);
    struct call call = {0};
    struct address peer;
    uint16_t port = hold_port();
    struct silent silent = open_silent("127.0.0.2", &port);
    int listener = listen_on("127.0.0.1", port, &port), server = -1;
    uint64_t began_ns = clock_now_ns();
    char bytes[2];

    (void)state;
    route_many(port, "127.0.0.2,127.0.0.1");
    assert_non_null(dial_many(dialer, port, &call));
    while (server < 0 && clock_now_ns() < began_ns + 2 * CLOCK_NS_PER_S) {
        (void)loop_turn(loop, 5 * CLOCK_NS_PER_MS, 0);
        server = tcp_accept(listener, &peer);
    }
    assert_int_equal(call.done_count, 0); /* the attempt began at the end of that turn */
    assert_int_equal(write(server, "hi", 2), 2);
    wait_for(&call);
    assert_true(clock_now_ns() - began_ns >= DELAY_NS);
    assert_true(clock_now_ns() - began_ns < 3 * DELAY_NS);
    assert_int_equal(call.error_class, CLASS_NONE);
    assert_int_equal(peer_of(&call), 1);
    assert_int_equal(call.watch.fd, call.fd);
    assert_true(call.connect_ns < DELAY_NS); /* its own, without the wait before */
    for (int i = 0; i < 2; i++) {
        call.watch.on_ready = note_ready;
        seen_ready = 0;
        (void)loop_turn(loop, 100 * CLOCK_NS_PER_MS, 0);
        assert_true(seen_ready & LOOP_READABLE);
        assert_int_equal(read(call.fd, bytes, 2), 2);
        assert_int_equal(write(server, "ho", 2), 2);
    }
    hang_up(&call);
    (void)close(server);
    (void)close(listener);
    close_silent(&silent);
    dialer_free(dialer);
}

/* Its SYN is sent again after a second: by then there is room for it, while the second waits. */
static void the_first_can_still_win_beside_a_second(void **state)
{
    struct dialer *dialer = make_dialer(5 * CLOCK_NS_PER_S, NULL, NULL);
    struct call call = {0};
    uint16_t port = hold_port();
    struct silent first = open_silent("127.0.0.2", &port);
    struct silent second = open_silent("127.0.0.3", &port);
    int before = count_descriptors();

    (void)state;
    route_many(port, "127.0.0.2,127.0.0.3");
    assert_non_null(dial_many(dialer, port, &call));
    turn_for(DIAL_ATTEMPT_DELAY_MS + 50);
    assert_int_equal(count_descriptors(), before + 2);
    for (int i = 1; i < SILENT_FILLERS; i++)
        (void)shutdown(first.fillers[i], SHUT_RDWR);
    (void)close(accept(first.listener, NULL, NULL));
    wait_for(&call);
    assert_int_equal(call.error_class, CLASS_NONE);
    assert_int_equal(peer_of(&call), 2);
    assert_int_equal(count_descriptors(), before + 1);
    assert_true(call.connect_ns > DELAY_NS);
    hang_up(&call);
    close_silent(&first);
    close_silent(&second);
    dialer_free(dialer);
}

static void a_refusal_beside_silence_brings_the_next_at_once(void **state)
{
    struct dialer *dialer = make_dialer(5 * CLOCK_NS_PER_S, NULL, NULL);
    struct call call = {0};
    uint16_t port = hold_port();
    struct silent silent = open_silent("127.0.0.2", &port);
    int listener = listen_on("127.0.0.1", port, &port);
    uint64_t began_ns = clock_now_ns();

    (void)state;
    route_many(port, "127.0.0.2,127.0.0.3,127.0.0.1");
    assert_non_null(dial_many(dialer, port, &call));
    wait_for(&call);
    assert_int_equal(call.error_class, CLASS_NONE);
    assert_int_equal(peer_of(&call), 1);
    assert_true(clock_now_ns() - began_ns < 2 * DELAY_NS);
    hang_up(&call);
    (void)close(listener);
    close_silent(&silent);
    dialer_free(dialer);
}

static void a_refusal_beside_silence_does_not_end_the_dial(void **state)
{
    struct dialer *dialer = make_dialer(2 * DELAY_NS, NULL, NULL);
    struct call call = {0};
    uint16_t port = hold_port();
    struct silent silent = open_silent("127.0.0.2", &port);

    (void)state;
    route_many(port, "127.0.0.2,127.0.0.3");
    assert_non_null(dial_many(dialer, port, &call));
    wait_for(&call);
    assert_int_equal(call.error_class, CLASS_CONNECT_TIMEOUT);
    close_silent(&silent);
    dialer_free(dialer);
}

static void when_all_refuse_the_last_is_named(void **state)
{
    struct dialer *dialer = make_dialer(2 * CLOCK_NS_PER_S, NULL, NULL);
    struct call call = {0};
    uint16_t port = hold_port();
    uint64_t began_ns = clock_now_ns();
    char text[32];

    (void)state;
    route_many(port, "127.0.0.2,127.0.0.3,::1,127.0.0.1,127.0.0.4");
    (void)dial_many(dialer, port, &call);
    wait_for(&call);
    assert_int_equal(call.error_class, CLASS_CONNECT_REFUSED);
    (void)snprintf(text, sizeof text, "127.0.0.4:%u", port);
    assert_non_null(strstr(call.message, text));
    assert_true(clock_now_ns() - began_ns < DELAY_NS);
    dialer_free(dialer);
}

static void the_deadline_ends_all_attempts_and_there_are_few(void **state)
{
    struct dialer *dialer = make_dialer(4 * DELAY_NS, NULL, NULL);
    struct call call = {0};
    uint16_t port = hold_port();
    struct silent silent[5];
    int before;

    (void)state;
    silent[0] = open_silent("127.0.0.2", &port);
    silent[1] = open_silent("127.0.0.3", &port);
    silent[2] = open_silent("127.0.0.4", &port);
    silent[3] = open_silent("127.0.0.5", &port);
    silent[4] = open_silent("127.0.0.6", &port);
    before = count_descriptors();
    route_many(port, "127.0.0.2,127.0.0.3,127.0.0.4,127.0.0.5,127.0.0.6");
    assert_non_null(dial_many(dialer, port, &call));
    assert_int_equal(count_descriptors(), before + 1);
    turn_for(DIAL_ATTEMPT_DELAY_MS + 50);
    assert_int_equal(count_descriptors(), before + 2);
    turn_for((DIAL_ATTEMPTS_AT_ONCE - 1) * DIAL_ATTEMPT_DELAY_MS);
    assert_int_equal(count_descriptors(), before + DIAL_ATTEMPTS_AT_ONCE);
    wait_for(&call);
    assert_int_equal(call.error_class, CLASS_CONNECT_TIMEOUT);
    assert_int_equal(count_descriptors(), before);
    for (int i = 0; i < 5; i++)
        close_silent(&silent[i]);
    dialer_free(dialer);
}

static void a_dial_cancelled_between_attempts_leaves_nothing(void **state)
{
    struct dialer *dialer = make_dialer(2 * DELAY_NS, NULL, NULL);
    struct call call = {0};
    uint16_t port = hold_port();
    struct silent first = open_silent("127.0.0.2", &port);
    struct silent second = open_silent("127.0.0.3", &port);
    int before = count_descriptors();
    struct dial *dial;

    (void)state;
    route_many(port, "127.0.0.2,127.0.0.3,127.0.0.1");
    for (int i = 0; i < 2; i++) {
        dial = dial_many(dialer, port, &call);
        assert_non_null(dial);
        turn_for((uint64_t)i * (DIAL_ATTEMPT_DELAY_MS + 50));
        assert_true(count_descriptors() > before);
        dialer_cancel(dialer, dial);
        assert_int_equal(count_descriptors(), before);
    }
    turn_for(2 * DIAL_ATTEMPT_DELAY_MS + 50);
    assert_int_equal(call.done_count, 0);
    close_silent(&first);
    close_silent(&second);
    dialer_free(dialer);
}

static void dials_spread_over_the_addresses_of_a_name(void **state)
{
    struct dialer *dialer = make_dialer(CLOCK_NS_PER_S, NULL, NULL);
    uint16_t port = hold_port();
    int listeners[3], seen[5] = {0};

    (void)state;
    listeners[0] = listen_on("127.0.0.2", port, &port);
    listeners[1] = listen_on("127.0.0.3", port, &port);
    listeners[2] = listen_on("127.0.0.4", port, &port);
    route_many(port, "127.0.0.2,127.0.0.3,127.0.0.4,::1");
    for (int i = 0; i < 6; i++) {
        struct call call = {0};

        (void)dial_many(dialer, port, &call);
        wait_for(&call);
        assert_int_equal(call.error_class, CLASS_NONE);
        seen[peer_of(&call)]++;
        hang_up(&call);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(seen[i + 2], 2);
        (void)close(listeners[i]);
    }
    dialer_free(dialer);
}

static void a_later_attempt_leaves_from_the_sources_too(void **state)
{
    struct err err = {0};
    struct source_pool *sources = source_pool_new("127.0.0.77", &err);
    struct dialer *dialer = make_dialer(2 * CLOCK_NS_PER_S, NULL, sources);
    struct call call = {0};
    struct address local = {.len = sizeof local.as};
    char text[TCP_ADDRESS_TEXT_BYTES];
    uint16_t port = hold_port();
    struct silent silent = open_silent("127.0.0.2", &port);
    int listener = listen_on("127.0.0.1", port, &port);

    (void)state;
    route_many(port, "127.0.0.2,127.0.0.1");
    assert_non_null(dial_many(dialer, port, &call));
    wait_for(&call);
    assert_int_equal(call.error_class, CLASS_NONE);
    assert_int_equal(getsockname(call.fd, &local.as.any, &local.len), 0);
    assert_non_null(strstr(address_format(&local, text), "127.0.0.77:"));
    hang_up(&call);
    (void)close(listener);
    close_silent(&silent);
    dialer_free(dialer);
    source_pool_free(sources);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOOP(a_refusal_gives_way_to_the_next_address_at_once),
        WITH_LOOP(silence_is_overtaken_after_the_delay),
        WITH_LOOP(the_first_can_still_win_beside_a_second),
        WITH_LOOP(a_refusal_beside_silence_brings_the_next_at_once),
        WITH_LOOP(a_refusal_beside_silence_does_not_end_the_dial),
        WITH_LOOP(when_all_refuse_the_last_is_named),
        WITH_LOOP(the_deadline_ends_all_attempts_and_there_are_few),
        WITH_LOOP(a_dial_cancelled_between_attempts_leaves_nothing),
        WITH_LOOP(dials_spread_over_the_addresses_of_a_name),
        WITH_LOOP(a_later_attempt_leaves_from_the_sources_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* net/tls: how connections end, well and badly. */
#include "net/tls.h"
#include "tls_fixture.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { RECORD_HEAD_BYTES = 5 };

static void a_goodbye_is_a_clean_end(void **state)
{
    struct ends ends = join(*state, &usual_peer);
    struct buf got = {0};

    assert_true(shake_hands(&ends));
    write_all(&ends.server, "last words", 10);
    transport_close(&ends.server, false);
    assert_int_equal(read_once(&ends.client, &got), IO_OK);
    assert_string_equal(buf_text(&got), "last words");
    assert_true(ends.client.may_hold_more);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(read_once(&ends.client, &got), IO_CLOSED);
        assert_false(ends.client.is_cut);
    }
    buf_fini(&got);
    close_ends(&ends);
}

static void an_end_without_goodbye_is_cut(void **state)
{
    static const size_t kept[] = {0, 3, RECORD_HEAD_BYTES, 20};

    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        struct ends ends = join_and_settle(*state);
        struct buf wire = {0}, got = {0};

        write_all(&ends.server, "cut in the middle", 17);
        take_from_wire(&ends, true, &wire);
        put_on_wire(&ends, true, wire.bytes, kept[i]);
        (void)shutdown(ends.client_wire, SHUT_WR);
        assert_int_equal(read_all(&ends.client, &got), IO_CLOSED);
        assert_true(ends.client.is_cut);
        assert_int_equal(got.len, 0);
        buf_fini(&got);
        buf_fini(&wire);
        close_ends(&ends);
    }
}

/* Both have come by one edge. */
static void an_end_behind_tickets_is_seen(void **state)
{
    struct ends ends = join_by_wire(*state, &usual_peer);
    struct buf got = {0};

    assert_true(shake_hands(&ends));
    (void)shutdown(ends.client_wire, SHUT_WR);
    assert_int_equal(read_once(&ends.client, &got), IO_CLOSED);
    assert_true(ends.client.is_cut);
    buf_fini(&got);
    close_ends(&ends);
}

static void a_side_that_is_shut_still_reads(void **state)
{
    struct ends ends = join(*state, &usual_peer);
    struct buf got = {0};

    assert_true(shake_hands(&ends));
    write_all(&ends.server, "answer", 6);
    transport_end_write(&ends.server);
    assert_int_equal(read_all(&ends.client, &got), IO_CLOSED);
    assert_false(ends.client.is_cut);
    write_all(&ends.client, "more", 4);
    buf_clear(&got);
    assert_int_equal(read_all(&ends.server, &got), IO_WANT_READ);
    assert_string_equal(buf_text(&got), "more");
    transport_close(&ends.client, false);
    assert_int_equal(read_all(&ends.server, &got), IO_CLOSED);
    assert_false(ends.server.is_cut);
    buf_fini(&got);
    close_ends(&ends);
}

static void a_corrupt_record_fails_behind_the_whole_ones(void **state)
{
    struct ends ends = join_and_settle(*state);
    struct iovec part = {&ends, 1};
    struct buf wire = {0}, got = {0};
    size_t taken = 0;

    write_all(&ends.server, "whole", 5);
    write_all(&ends.server, "broken", 6);
    take_from_wire(&ends, true, &wire);
    wire.bytes[wire.len - 1] ^= 1;
    put_on_wire(&ends, true, wire.bytes, wire.len);
    assert_int_equal(read_once(&ends.client, &got), IO_OK);
    assert_string_equal(buf_text(&got), "whole");
    assert_true(ends.client.may_hold_more);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(read_once(&ends.client, &got), IO_FAILED);
        expect_failure(&ends.client, CLASS_TLS, "bad record mac");
    }
    assert_int_equal(transport_write(&ends.client, &part, 1, &taken), IO_FAILED);
    assert_int_equal(got.len, 5);
    buf_fini(&wire);
    buf_fini(&got);
    close_ends(&ends);
}

/* The peer's alert, in the same segment as its data. */
static void an_alert_fails_behind_the_data(void **state)
{
    struct ends ends = join_and_settle(*state);
    struct buf got = {0}, none = {0};

    write_all(&ends.server, "data", 4);
    put_on_wire(&ends, false, (const uint8_t *)"\x17\x03\x03\x00\x13no record of anyone", 24);
    assert_int_equal(read_once(&ends.server, &none), IO_FAILED);
    expect_failure(&ends.server, CLASS_TLS, "bad record mac");
    run_wire(&ends);
    assert_int_equal(read_once(&ends.client, &got), IO_OK);
    assert_string_equal(buf_text(&got), "data");
    assert_true(ends.client.may_hold_more);
    assert_int_equal(read_once(&ends.client, &got), IO_FAILED);
    expect_failure(&ends.client, CLASS_TLS, "alert bad record mac");
    buf_fini(&none);
    buf_fini(&got);
    close_ends(&ends);
}

static void a_client_names_what_is_no_tls(void **state)
{
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    struct ends ends = join_by_wire(*state, &usual_peer);

    assert_int_equal(transport_handshake(&ends.client), IO_WANT_READ);
    put_on_wire(&ends, true, (const uint8_t *)answer, sizeof answer - 1);
    assert_int_equal(transport_handshake(&ends.client), IO_FAILED);
    expect_failure(&ends.client, CLASS_TLS, "not TLS, as from a port that speaks plain HTTP");
    close_ends(&ends);
}

static void a_server_refuses_what_is_no_tls(void **state)
{
    static const char *const openings[] = {
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n",
        "\x16\x03\x01\x00\x05\x02\x01\x01\x01\x01", "\x17\x03\x03\x7f\x7f and no end"};

    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
        struct ends ends = join_by_wire(*state, &usual_peer);
        struct buf none = {0};
        size_t len = i == 2 ? 10 : strlen(openings[i]);

        put_on_wire(&ends, false, (const uint8_t *)openings[i], len);
        assert_int_equal(read_once(&ends.server, &none), IO_FAILED);
        expect_failure(&ends.server, CLASS_TLS, i == 0 ? "http request" : "");
        assert_int_equal(read_once(&ends.server, &none), IO_FAILED);
        buf_fini(&none);
        close_ends(&ends);
    }
}

static void a_peer_that_leaves_in_the_handshake_is_named(void **state)
{
    static const size_t kept[] = {0, 2, 90};

    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        struct ends ends = join_by_wire(*state, &usual_peer);
        struct buf wire = {0};

        assert_int_equal(transport_handshake(&ends.client), IO_WANT_READ);
        run_wire(&ends);
        assert_int_equal(transport_handshake(&ends.server), IO_WANT_READ);
        take_from_wire(&ends, true, &wire);
        assert_true(wire.len > kept[i]);
        put_on_wire(&ends, true, wire.bytes, kept[i]);
        (void)shutdown(ends.client_wire, SHUT_WR);
        assert_int_equal(transport_handshake(&ends.client), IO_FAILED);
        expect_failure(&ends.client, CLASS_TLS, "the peer closed during the handshake");
        buf_fini(&wire);
        close_ends(&ends);
    }
}

static void await_readable(const struct transport *transport)
{
    struct pollfd one = {.fd = transport->fd, .events = POLLIN};

    assert_int_equal(poll(&one, 1, 5000), 1);
}

static void a_reset_is_a_reset_at_any_time(void **state)
{
    for (int is_early = 0; is_early < 2; is_early++) {
        struct ends ends = join_over_tcp(*state, &usual_peer);
        struct buf got = {0};

        if (is_early)
            assert_int_equal(transport_handshake(&ends.client), IO_WANT_READ);
        else
            assert_true(shake_hands(&ends));
        /* The server's tickets; a reset would drop them. */
        if (!is_early) {
            await_readable(&ends.client);
            assert_int_equal(read_once(&ends.client, &got), IO_WANT_READ);
        }
        transport_close(&ends.server, true);
        await_readable(&ends.client);
        assert_int_equal(is_early ? transport_handshake(&ends.client)
                                  : read_once(&ends.client, &got),
                         IO_FAILED);
        expect_failure(&ends.client, CLASS_RESET, "reset");
        buf_fini(&got);
        close_ends(&ends);
    }
}

static void writing_to_a_peer_that_left_fails_with_its_errno(void **state)
{
    struct ends ends = join(*state, &usual_peer);
    struct iovec part = {&ends, 1};
    size_t taken = 0;

    assert_true(shake_hands(&ends));
    transport_close(&ends.server, false);
    assert_int_equal(transport_write(&ends.client, &part, 1, &taken), IO_FAILED);
    expect_failure(&ends.client, CLASS_RESET, "pipe");
    assert_int_equal(transport_write(&ends.client, &part, 1, &taken), IO_FAILED);
    close_ends(&ends);
}

#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, make_contexts, free_contexts)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(a_goodbye_is_a_clean_end),
        TLS_TEST(an_end_without_goodbye_is_cut),
        TLS_TEST(an_end_behind_tickets_is_seen),
        TLS_TEST(a_side_that_is_shut_still_reads),
        TLS_TEST(a_corrupt_record_fails_behind_the_whole_ones),
        TLS_TEST(an_alert_fails_behind_the_data),
        TLS_TEST(a_client_names_what_is_no_tls),
        TLS_TEST(a_server_refuses_what_is_no_tls),
        TLS_TEST(a_peer_that_leaves_in_the_handshake_is_named),
        TLS_TEST(a_reset_is_a_reset_at_any_time),
        TLS_TEST(writing_to_a_peer_that_left_fails_with_its_errno),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

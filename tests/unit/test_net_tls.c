#include "net/tls.h"

#include "base/mem.h"
#include "net/tcp.h"
#include "net/tls_internal.h"
#include "tls_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { RECORD_HEAD_BYTES = 5, RECORD_BYTES = 16 * 1024, DAY_S = 86400 };

/* Bytes that tell where they stand, so that a lost or repeated piece shows. */
static uint8_t *make_pattern(size_t len)
{
    uint8_t *bytes = x_malloc(len);
    uint32_t state = 1;

    for (size_t i = 0; i < len; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(state >> 24);
    }
    return bytes;
}

/* How many records stand in what went over the wire, all of them whole. */
static size_t count_records(const struct buf *bytes)
{
    size_t count = 0, at = 0;

    while (at + RECORD_HEAD_BYTES <= bytes->len) {
        at += RECORD_HEAD_BYTES + ((size_t)bytes->bytes[at + 3] << 8 | bytes->bytes[at + 4]);
        count++;
    }
    assert_int_equal(at, bytes->len);
    return count;
}

static void a_handshake_is_driven_from_both_ends(void **state)
{
    struct ends ends = join(*state, &usual_peer);
    struct transport plain;
    struct tls_facts facts;
    bool is_tls = true;
    int fds[2];

    assert_string_equal(ends.client.ops->name, "tls");
    assert_int_equal(transport_handshake(&ends.server), IO_WANT_READ);
    assert_int_equal(transport_handshake(&ends.client), IO_WANT_READ);
    assert_false(tls_get_facts(&ends.client, &facts));
    assert_false(tls_is_resumed(&ends.client, &is_tls));
    assert_false(is_tls);
    assert_int_equal(transport_handshake(&ends.server), IO_WANT_READ);
    assert_int_equal(transport_handshake(&ends.client), IO_OK);
    assert_int_equal(transport_handshake(&ends.server), IO_OK);
    assert_false(tls_is_resumed(&ends.client, &is_tls));
    assert_true(is_tls);
    open_sockets(fds);
    tcp_transport_init(&plain, fds[0]);
    assert_false(tls_get_facts(&plain, &facts));
    assert_false(tls_is_resumed(&plain, &is_tls));
    assert_false(is_tls);
    transport_close(&plain, false);
    (void)close(fds[1]);
    close_ends(&ends);
}

static void the_facts_tell_what_was_agreed_on(void **state)
{
    struct ends ends = join(*state, &usual_peer);
    int64_t now_s = (int64_t)time(NULL);
    struct tls_facts facts;

    assert_true(shake_hands(&ends));
    assert_true(tls_get_facts(&ends.client, &facts));
    assert_string_equal(facts.version, "TLSv1.3");
    assert_non_null(strstr(facts.cipher, "TLS_"));
    assert_string_equal(facts.subject, "CN=localhost");
    assert_string_equal(facts.issuer, "CN=localhost");
    assert_true(facts.is_verified && !facts.is_resumed);
    assert_in_range(facts.expires_unix_s, now_s + 29 * DAY_S, now_s + 30 * DAY_S + 60);
    assert_true(tls_get_facts(&ends.server, &facts));
    assert_string_equal(facts.version, "TLSv1.3");
    assert_string_equal(facts.subject, "");
    assert_int_equal(facts.expires_unix_s, 0);
    close_ends(&ends);
}

static void reading_drives_the_handshake_of_a_server(void **state)
{
    struct ends ends = join(*state, &usual_peer);
    struct buf got = {0};

    assert_int_equal(transport_handshake(&ends.client), IO_WANT_READ);
    assert_int_equal(read_once(&ends.server, &got), IO_WANT_READ);
    assert_int_equal(transport_handshake(&ends.client), IO_OK);
    write_all(&ends.client, "GET", 3);
    assert_int_equal(read_once(&ends.server, &got), IO_OK);
    assert_string_equal(buf_text(&got), "GET");
    buf_fini(&got);
    close_ends(&ends);
}

static void writing_drives_the_handshake_too(void **state)
{
    struct ends ends = join(*state, &usual_peer);
    struct iovec part = {&ends, 1};
    struct buf got = {0};
    size_t taken = 0;

    assert_int_equal(transport_write(&ends.client, &part, 1, &taken), IO_WANT_READ);
    assert_int_equal(transport_write(&ends.server, &part, 1, &taken), IO_WANT_READ);
    assert_int_equal(taken, 0);
    write_all(&ends.client, "now", 3);
    assert_int_equal(read_once(&ends.server, &got), IO_OK);
    assert_string_equal(buf_text(&got), "now");
    buf_fini(&got);
    close_ends(&ends);
    ends = join(*state, &usual_peer);
    transport_close(&ends.client, false);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(transport_write(&ends.server, &part, 1, &taken), IO_FAILED);
        expect_failure(&ends.server, CLASS_TLS, "the peer closed during the handshake");
    }
    close_ends(&ends);
}

/* Everything from one end to the other, which reads whenever the socket is full. */
static void transfer(struct transport *from, struct transport *to, size_t len)
{
    uint8_t *bytes = make_pattern(len);
    struct buf got = {0};
    size_t at = 0;

    while (at < len) {
        struct iovec part = {bytes + at, len - at};
        size_t taken = 0;
        enum io_status status = transport_write(from, &part, 1, &taken);

        assert_true(status == IO_WANT_WRITE || (status == IO_OK && taken > 0));
        at += taken;
        assert_int_equal(read_all(to, &got), IO_WANT_READ);
    }
    assert_int_equal(got.len, len);
    assert_memory_equal(got.bytes, bytes, len);
    buf_fini(&got);
    free(bytes);
}

static void bytes_of_every_size_go_both_ways(void **state)
{
    static const size_t sizes[] = {1, 100, RECORD_BYTES, RECORD_BYTES + 1, 200 * 1024};
    struct ends ends = join(*state, &usual_peer);

    assert_true(shake_hands(&ends));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        transfer(&ends.client, &ends.server, sizes[i]);
        transfer(&ends.server, &ends.client, sizes[i]);
    }
    close_ends(&ends);
}

/* The bytes from `at` on, in a place of their own and cut into `count` parts. */
static enum io_status offer_copy(struct transport *transport, const struct buf *all, size_t at,
                                 int count, size_t *taken)
{
    size_t len = all->len - at, step = len / (size_t)count;
    uint8_t *copy = x_malloc(len);
    struct iovec parts[3];
    enum io_status status;

    (void)memcpy(copy, all->bytes + at, len);
    for (int i = 0; i < count; i++)
        parts[i] =
            (struct iovec){copy + (size_t)i * step, i + 1 < count ? step : len - (size_t)i * step};
    status = transport_write(transport, parts, count, taken);
    free(copy);
    return status;
}

static void what_a_full_socket_did_not_take_is_offered_again(void **state)
{
    struct ends ends = join(*state, &usual_peer);
    struct buf all = {.bytes = make_pattern(700000), .len = 700000, .cap = 700000}, got = {0};
    size_t at = 0, full = 0;
    int small = 20000;

    assert_true(shake_hands(&ends));
    (void)setsockopt(ends.server.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    for (int i = 0; at < all.len; i++) {
        size_t taken = 0;
        enum io_status status = offer_copy(&ends.server, &all, at, 1 + i % 3, &taken);

        at += taken;
        if (status == IO_OK)
            continue;
        assert_int_equal(status, IO_WANT_WRITE);
        assert_int_equal(taken, 0);
        full++;
        assert_int_equal(read_once(&ends.client, &got), IO_OK);
    }
    assert_true(full > 10);
    assert_int_equal(read_all(&ends.client, &got), IO_WANT_READ);
    assert_int_equal(got.len, all.len);
    assert_memory_equal(got.bytes, all.bytes, all.len);
    buf_fini(&got);
    buf_fini(&all);
    close_ends(&ends);
}

static void small_parts_leave_in_one_record(void **state)
{
    struct ends ends = join_and_settle(*state);
    uint8_t *bytes = make_pattern(40000);
    struct iovec small[] = {{bytes, 4}, {bytes + 4, 0}, {bytes + 4, 200}, {bytes + 204, 2}};
    struct iovec large[] = {{bytes, 1}, {bytes + 1, 39998}, {bytes + 39999, 1}};
    struct buf wire = {0}, got = {0};
    size_t taken = 0;

    assert_int_equal(transport_write(&ends.server, small, 4, &taken), IO_OK);
    assert_int_equal(taken, 206);
    take_from_wire(&ends, true, &wire);
    assert_int_equal(count_records(&wire), 1);
    put_on_wire(&ends, true, wire.bytes, wire.len);
    buf_clear(&wire);
    assert_int_equal(transport_write(&ends.server, large, 3, &taken), IO_OK);
    assert_int_equal(taken, 40000);
    take_from_wire(&ends, true, &wire);
    assert_int_equal(count_records(&wire), 3);
    put_on_wire(&ends, true, wire.bytes, wire.len);
    assert_int_equal(read_all(&ends.client, &got), IO_WANT_READ);
    assert_int_equal(got.len, 40206);
    assert_memory_equal(got.bytes, bytes, 206);
    assert_memory_equal(got.bytes + 206, bytes, 40000);
    buf_fini(&wire);
    buf_fini(&got);
    free(bytes);
    close_ends(&ends);
}

static void many_records_come_out_of_one_read(void **state)
{
    struct ends ends = join_and_settle(*state);
    struct buf wire = {0}, got = {0};

    for (int i = 0; i < 50; i++)
        write_all(&ends.server, "0123456789", 10);
    take_from_wire(&ends, true, &wire);
    assert_int_equal(count_records(&wire), 50);
    put_on_wire(&ends, true, wire.bytes, wire.len);
    assert_int_equal(read_once(&ends.client, &got), IO_OK);
    assert_int_equal(got.len, 500);
    assert_false(ends.client.may_hold_more);
    assert_int_equal(read_once(&ends.client, &got), IO_WANT_READ);
    buf_fini(&wire);
    buf_fini(&got);
    close_ends(&ends);
}

/* No edge tells of what a read has left in the socket, so it has to say so itself. */
static void a_read_that_left_something_says_so(void **state)
{
    struct ends ends = join_and_settle(*state);
    uint8_t *bytes = make_pattern(100000);
    struct buf got = {0};

    write_all(&ends.server, bytes, 100000);
    run_wire(&ends);
    assert_int_equal(read_once(&ends.client, &got), IO_OK);
    assert_true(got.len < TLS_INCOMING_BYTES);
    assert_true(ends.client.may_hold_more);
    assert_int_equal(read_once(&ends.client, &got), IO_OK);
    assert_int_equal(got.len, 100000);
    assert_false(ends.client.may_hold_more);
    assert_memory_equal(got.bytes, bytes, 100000);
    buf_fini(&got);
    free(bytes);
    close_ends(&ends);
}

static void a_record_may_be_cut_anywhere(void **state)
{
    struct ends ends = join_and_settle(*state);
    struct buf wire = {0}, got = {0};
    size_t record_len = RECORD_HEAD_BYTES;

    for (size_t cut = 1; cut < record_len; cut++) {
        write_all(&ends.server, "data: an event\n\n", 16);
        take_from_wire(&ends, true, &wire);
        record_len = wire.len;
        put_on_wire(&ends, true, wire.bytes, cut);
        assert_int_equal(read_once(&ends.client, &got), IO_WANT_READ);
        put_on_wire(&ends, true, wire.bytes + cut, wire.len - cut);
        assert_int_equal(read_once(&ends.client, &got), IO_OK);
        assert_string_equal(buf_text(&got), "data: an event\n\n");
        buf_clear(&wire);
        buf_clear(&got);
    }
    assert_true(record_len > 16 + RECORD_HEAD_BYTES);
    buf_fini(&wire);
    buf_fini(&got);
    close_ends(&ends);
}

/* The two connections share the buffer for bytes in transit; neither may see the other's. */
static void halves_of_two_connections_are_kept_apart(void **state)
{
    struct ends ends[] = {join_and_settle(*state), join_and_settle(*state)};
    struct buf wires[] = {{.len = 0}, {.len = 0}}, got = {0};

    for (int i = 0; i < 2; i++) {
        write_all(&ends[i].server, i == 0 ? "first" : "other", 5);
        take_from_wire(&ends[i], true, &wires[i]);
        put_on_wire(&ends[i], true, wires[i].bytes, 11);
        assert_int_equal(read_once(&ends[i].client, &got), IO_WANT_READ);
    }
    for (int i = 0; i < 2; i++) {
        put_on_wire(&ends[i], true, wires[i].bytes + 11, wires[i].len - 11);
        assert_int_equal(read_once(&ends[i].client, &got), IO_OK);
        buf_fini(&wires[i]);
        close_ends(&ends[i]);
    }
    assert_string_equal(buf_text(&got), "firstother");
    buf_fini(&got);
}

static void a_handshake_may_come_byte_by_byte(void **state)
{
    struct ends ends = join_by_wire(*state, &usual_peer);
    enum io_status status[2] = {IO_WANT_READ, IO_WANT_READ};
    struct transport *sides[] = {&ends.server, &ends.client};

    status[1] = transport_handshake(&ends.client);
    for (int i = 0; i < 3; i++) {
        struct buf wire = {0};
        int side = i % 2;

        take_from_wire(&ends, side == 1, &wire);
        for (size_t at = 0; at < wire.len; at++) {
            assert_int_equal(status[side], IO_WANT_READ);
            put_on_wire(&ends, side == 1, wire.bytes + at, 1);
            status[side] = transport_handshake(sides[side]);
        }
        buf_fini(&wire);
    }
    assert_int_equal(status[0], IO_OK);
    assert_int_equal(status[1], IO_OK);
    close_ends(&ends);
}

#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, make_contexts, free_contexts)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(a_handshake_is_driven_from_both_ends),
        TLS_TEST(the_facts_tell_what_was_agreed_on),
        TLS_TEST(reading_drives_the_handshake_of_a_server),
        TLS_TEST(writing_drives_the_handshake_too),
        TLS_TEST(bytes_of_every_size_go_both_ways),
        TLS_TEST(what_a_full_socket_did_not_take_is_offered_again),
        TLS_TEST(small_parts_leave_in_one_record),
        TLS_TEST(many_records_come_out_of_one_read),
        TLS_TEST(a_read_that_left_something_says_so),
        TLS_TEST(a_record_may_be_cut_anywhere),
        TLS_TEST(halves_of_two_connections_are_kept_apart),
        TLS_TEST(a_handshake_may_come_byte_by_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

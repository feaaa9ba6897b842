/* net/tls: which sessions are taken up again. */
#include "net/tls.h"
#include "tls_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What becomes of a connection before it is closed. */
enum course {
    COURSE_READ = 0, /* one answer is read, and the tickets with it */
    COURSE_RESET,    /* our reset, with everything unread */
    COURSE_CUT,      /* the peer's end, without goodbye */
    COURSE_BROKEN    /* a record that is none */
};

static void follow(struct ends *ends, enum course course)
{
    struct buf got = {0};

    switch (course) {
    case COURSE_READ:
        write_all(&ends->server, "x", 1);
        assert_int_equal(read_all(&ends->client, &got), IO_WANT_READ);
        assert_int_equal(got.len, 1);
        break;
    case COURSE_RESET:
        break;
    case COURSE_CUT:
        transport_close(&ends->server, true);
        assert_int_equal(read_all(&ends->client, &got), IO_CLOSED);
        assert_true(ends->client.is_cut);
        break;
    case COURSE_BROKEN:
        assert_int_equal(write(ends->server.fd, "\x17\x03\x03\x00\x13no record of anyone", 24), 24);
        assert_int_equal(read_all(&ends->client, &got), IO_FAILED);
        break;
    }
    buf_fini(&got);
}

/* One connection from its handshake to its close; whether it took up an earlier session. */
static bool connect_once(const struct contexts *contexts, struct tls_tickets **tickets,
                         uint64_t peer_key, enum course course)
{
    struct tls_peer peer = {.host = "localhost", .tickets = *tickets, .peer_key = peer_key};
    struct ends ends = join(contexts, &peer);
    bool is_resumed, is_tls = false;
    struct tls_facts facts;

    assert_true(shake_hands(&ends));
    is_resumed = tls_is_resumed(&ends.client, &is_tls);
    assert_true(is_tls);
    assert_int_equal(tls_is_resumed(&ends.server, &is_tls), is_resumed);
    assert_true(tls_get_facts(&ends.client, &facts));
    assert_int_equal(facts.is_resumed, is_resumed);
    assert_string_equal(facts.subject, "CN=localhost");
    follow(&ends, course);
    tls_tickets_keep(tickets, peer_key, &ends.client);
    if (course == COURSE_RESET)
        transport_close(&ends.client, true);
    close_ends(&ends);
    return is_resumed;
}

static void every_connection_but_the_first_is_resumed(void **state)
{
    struct tls_tickets *tickets = NULL;

    assert_false(connect_once(*state, &tickets, 1, COURSE_READ));
    for (int i = 0; i < 4; i++)
        assert_true(connect_once(*state, &tickets, 1, COURSE_READ));
    tls_tickets_free(tickets);
    tls_tickets_free(NULL);
}

static void without_tickets_nothing_is_resumed(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct tls_tickets *tickets = NULL;

        assert_false(connect_once(*state, &tickets, 1, COURSE_READ));
        assert_non_null(tickets);
        tls_tickets_free(tickets);
    }
}

static void tickets_are_kept_for_one_user_and_peer(void **state)
{
    struct tls_tickets *tickets = NULL, *of_another = NULL;

    assert_false(connect_once(*state, &tickets, 1, COURSE_READ));
    assert_false(connect_once(*state, &of_another, 1, COURSE_READ));
    assert_false(connect_once(*state, &tickets, 2, COURSE_READ));
    assert_true(connect_once(*state, &tickets, 1, COURSE_READ));
    tls_tickets_free(tickets);
    tls_tickets_free(of_another);
}

static void the_oldest_of_six_peers_are_forgotten(void **state)
{
    struct tls_tickets *tickets = NULL;

    for (uint64_t key = 1; key <= 6; key++)
        assert_false(connect_once(*state, &tickets, key, COURSE_READ));
    for (uint64_t key = 3; key <= 6; key++)
        assert_true(connect_once(*state, &tickets, key, COURSE_READ));
    for (uint64_t key = 1; key <= 2; key++)
        assert_false(connect_once(*state, &tickets, key, COURSE_READ));
    tls_tickets_free(tickets);
}

static void a_rough_end_does_not_spoil_the_ticket(void **state)
{
    static const enum course courses[] = {COURSE_RESET, COURSE_CUT, COURSE_BROKEN, COURSE_READ};
    struct tls_tickets *tickets = NULL;

    assert_false(connect_once(*state, &tickets, 1, COURSE_READ));
    for (int i = 0; i < 8; i++)
        assert_true(connect_once(*state, &tickets, 1, courses[i % 4]));
    tls_tickets_free(tickets);
}

static void a_handshake_that_was_given_up_does_not_spoil_the_ticket(void **state)
{
    struct tls_tickets *tickets = NULL;
    struct tls_peer peer = {.host = "localhost", .peer_key = 1};
    struct ends ends;

    assert_false(connect_once(*state, &tickets, 1, COURSE_READ));
    peer.tickets = tickets;
    ends = join(*state, &peer);
    assert_int_equal(transport_handshake(&ends.client), IO_WANT_READ);
    tls_tickets_keep(&tickets, 1, &ends.client);
    close_ends(&ends);
    assert_true(connect_once(*state, &tickets, 1, COURSE_READ));
    tls_tickets_free(tickets);
}

/* In the handshake, and right behind it in place of new tickets: OpenSSL takes the session that was
 * in use for spent. */
static void nonsense_of_the_peer_does_not_spoil_the_ticket(void **state)
{
    static const uint8_t nonsense[] = "HTTP/1.1 502 Bad Gateway\r\n\r\n";
    struct tls_tickets *tickets = NULL;

    assert_false(connect_once(*state, &tickets, 1, COURSE_READ));
    for (int is_behind = 0; is_behind < 2; is_behind++) {
        struct tls_peer peer = {.host = "localhost", .tickets = tickets, .peer_key = 1};
        struct ends ends = join_by_wire(*state, &peer);
        struct buf none = {0};

        if (is_behind) {
            assert_int_equal(transport_handshake(&ends.client), IO_WANT_READ);
            run_wire(&ends);
            assert_int_equal(transport_handshake(&ends.server), IO_WANT_READ);
            run_wire(&ends);
            assert_int_equal(transport_handshake(&ends.client), IO_OK);
        }
        put_on_wire(&ends, true, nonsense, sizeof nonsense - 1);
        assert_int_equal(read_once(&ends.client, &none), IO_FAILED);
        buf_fini(&none);
        tls_tickets_keep(&tickets, 1, &ends.client);
        close_ends(&ends);
        assert_true(connect_once(*state, &tickets, 1, COURSE_READ));
    }
    tls_tickets_free(tickets);
}

static void never_resumes_keeps_no_tickets(void **state)
{
    struct contexts contexts = *(struct contexts *)*state;
    struct tls_client_config config = {.ca_pem = buf_text(&contexts.identity.cert),
                                       .never_resumes = true};
    struct tls_tickets *tickets = NULL;
    struct err err = {0};

    contexts.client = tls_context_new_client(&config, &err);
    assert_non_null(contexts.client);
    for (int i = 0; i < 2; i++)
        assert_false(connect_once(&contexts, &tickets, 1, COURSE_READ));
    assert_null(tickets);
    tls_context_free(contexts.client);
}

/* As after the server's restart. */
static void a_ticket_of_another_server_leads_to_a_full_handshake(void **state)
{
    struct contexts contexts = *(struct contexts *)*state;
    struct tls_tickets *tickets = NULL;
    struct err err = {0};

    assert_false(connect_once(&contexts, &tickets, 1, COURSE_READ));
    contexts.server = tls_context_new_server(buf_text(&contexts.identity.cert),
                                             buf_text(&contexts.identity.key), &err);
    assert_non_null(contexts.server);
    assert_false(connect_once(&contexts, &tickets, 1, COURSE_READ));
    assert_true(connect_once(&contexts, &tickets, 1, COURSE_READ));
    tls_context_free(contexts.server);
    tls_tickets_free(tickets);
}

#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, make_contexts, free_contexts)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(every_connection_but_the_first_is_resumed),
        TLS_TEST(without_tickets_nothing_is_resumed),
        TLS_TEST(tickets_are_kept_for_one_user_and_peer),
        TLS_TEST(the_oldest_of_six_peers_are_forgotten),
        TLS_TEST(a_rough_end_does_not_spoil_the_ticket),
        TLS_TEST(a_handshake_that_was_given_up_does_not_spoil_the_ticket),
        TLS_TEST(nonsense_of_the_peer_does_not_spoil_the_ticket),
        TLS_TEST(never_resumes_keeps_no_tickets),
        TLS_TEST(a_ticket_of_another_server_leads_to_a_full_handshake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "http/client.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD  "HTTP/1.1 200 OK\r\n"
#define WHOLE HEAD "Content-Length: 2\r\n\r\nok"

enum { PEER_LIMIT = 16, TIMEOUT_MS = 150 };

enum then { THEN_STAY = 0, THEN_CLOSE, THEN_RESET };

/* What the server does for one request, in the order the requests come. */
struct step {
    const char *text; /* NULL: nothing */
    enum then then;
};

struct peer {
    struct watch watch;
    int fd; /* -1: closed */
};

static struct loop *loop;
static struct resolver *resolver;
static struct dialer *dialer;
static struct http_client *client;
static struct http_session session;
static struct http_origin origin;
static struct watch listener;
static struct peer peers[PEER_LIMIT];
static int peer_count, request_count;
static const struct step *script;

/* --- the server --- */

static void peer_close(struct peer *peer, bool with_reset)
{
    struct transport transport;

    if (peer->fd < 0)
        return;
    loop_remove(loop, &peer->watch);
    tcp_transport_init(&transport, peer->fd);
    transport_close(&transport, with_reset);
    peer->fd = -1;
}

static void peer_do(struct peer *peer, const struct step *step)
{
    if (step->text)
        assert_int_equal(write(peer->fd, step->text, strlen(step->text)), strlen(step->text));
    if (step->then != THEN_STAY)
        peer_close(peer, step->then == THEN_RESET);
}

static void on_peer_ready(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct peer *peer = CONTAINER_OF(watch, struct peer, watch);
    char bytes[4096];
    ssize_t count = read(peer->fd, bytes, sizeof bytes - 1);

    (void)ready;
    (void)now_ns;
    if (count <= 0) {
        peer_close(peer, false);
        return;
    }
    bytes[count] = '\0';
    assert_non_null(strstr(bytes, "\r\n\r\n"));
    peer_do(peer, &script[request_count++]);
}

static void on_accept(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct address address;
    int fd;

    (void)ready;
    (void)now_ns;
    for (fd = tcp_accept(watch->fd, &address); fd >= 0; fd = tcp_accept(watch->fd, &address)) {
        struct peer *peer = &peers[peer_count++];

        assert_true(peer_count <= PEER_LIMIT);
        peer->fd = fd;
        assert_int_equal(loop_add(loop, &peer->watch, fd, LOOP_READABLE, on_peer_ready), 0);
    }
}

static int open_all(void **state)
{
    struct err err = {0};
    struct address address;
    int fd;

    (void)state;
    peer_count = request_count = 0;
    (void)memset(peers, 0, sizeof peers);
    session = (struct http_session){0};
    loop = loop_new(&err);
    resolver = resolver_new(loop, &err);
    dialer = dialer_new(
        &(struct dialer_config){.loop = loop, .resolver = resolver, .timeout_ns = CLOCK_NS_PER_S},
        &err);
    client = http_client_new(
        &(struct http_client_config){.loop = loop,
                                     .dialer = dialer,
                                     .headers_timeout_ns = TIMEOUT_MS * CLOCK_NS_PER_MS,
                                     .read_timeout_ns = TIMEOUT_MS * CLOCK_NS_PER_MS});
    (void)address_parse("127.0.0.1", 0, &address);
    fd = tcp_listen(&address, false, &err);
    origin = (struct http_origin){.host = "127.0.0.1", .port = tcp_local_port(fd)};
    return loop_add(loop, &listener, fd, LOOP_READABLE, on_accept);
}

static int close_all(void **state)
{
    int fd = listener.fd;

    (void)state;
    http_session_close(&session, true);
    for (int i = 0; i < peer_count; i++)
        peer_close(&peers[i], true);
    loop_remove(loop, &listener);
    (void)close(fd);
    http_client_free(client);
    dialer_free(dialer);
    resolver_free(resolver);
    loop_free(loop);
    return 0;
}

/* --- the client --- */

enum at { AT_NOTHING = 0, AT_HEAD, AT_BODY, AT_END };

struct fetch {
    struct http_exchange exchange;
    struct buf body;
    int connected_count, head_count, end_count;
    int status;
    struct http_end end;
    uint64_t seen_ns;                /* time of the last bytes: the end is not before it */
    enum at cancels_at, restarts_at; /* once */
};

static const struct http_exchange_handlers handlers;

static void fetch_start(struct fetch *fetch)
{
    http_exchange_start(client, &fetch->exchange, &session, &origin, &handlers);
}

static void act(struct fetch *fetch, enum at at)
{
    if (fetch->cancels_at == at)
        http_exchange_cancel(&fetch->exchange, true);
    if (fetch->restarts_at != at)
        return;
    fetch->restarts_at = AT_NOTHING;
    fetch->cancels_at = AT_NOTHING;
    fetch_start(fetch);
}

static void on_connected(struct http_exchange *exchange, struct buf *out,
                         const struct http_body **body, uint64_t now_ns)
{
    struct fetch *fetch = CONTAINER_OF(exchange, struct fetch, exchange);

    (void)now_ns;
    assert_null(*body);
    fetch->connected_count++;
    (void)buf_append_text(out, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
}

static void on_head(struct http_exchange *exchange, const struct http_head *head, uint64_t now_ns)
{
    struct fetch *fetch = CONTAINER_OF(exchange, struct fetch, exchange);

    assert_true(now_ns >= exchange->sent_ns);
    fetch->head_count++;
    fetch->seen_ns = now_ns;
    fetch->status = head->status;
    act(fetch, AT_HEAD);
}

static void on_body(struct http_exchange *exchange, const uint8_t *bytes, size_t len,
                    uint64_t now_ns)
{
    struct fetch *fetch = CONTAINER_OF(exchange, struct fetch, exchange);

    assert_true(now_ns >= exchange->sent_ns);
    fetch->seen_ns = now_ns;
    (void)buf_append(&fetch->body, bytes, len);
    act(fetch, AT_BODY);
}

static void on_end(struct http_exchange *exchange, const struct http_end *end, uint64_t now_ns)
{
    struct fetch *fetch = CONTAINER_OF(exchange, struct fetch, exchange);

    assert_true(now_ns >= exchange->started_ns && now_ns >= fetch->seen_ns);
    assert_false(http_exchange_is_under_way(exchange));
    assert_non_null(end->message);
    fetch->end_count++;
    fetch->end = *end;
    act(fetch, AT_END);
}

static const struct http_exchange_handlers handlers = {
    .on_connected = on_connected, .on_head = on_head, .on_body = on_body, .on_end = on_end};

static void turn_for(uint64_t span_ms)
{
    uint64_t until_ns = clock_now_ns() + span_ms * CLOCK_NS_PER_MS;

    while (clock_now_ns() < until_ns)
        (void)loop_turn(loop, CLOCK_NS_PER_MS, 0);
}

/* Turns until the fetch has ended `count` times. */
static void wait_for(const struct fetch *fetch, int count)
{
    uint64_t until_ns = clock_now_ns() + 5 * CLOCK_NS_PER_S;

    while (fetch->end_count < count && clock_now_ns() < until_ns)
        (void)loop_turn(loop, 5 * CLOCK_NS_PER_MS, 0);
    assert_int_equal(fetch->end_count, count);
}

static void run(struct fetch *fetch, const struct step *steps)
{
    script = steps;
    fetch_start(fetch);
    wait_for(fetch, 1);
}

static void check_body(const struct fetch *fetch, const char *expected)
{
    assert_int_equal(fetch->body.len, strlen(expected));
    if (fetch->body.len > 0)
        assert_memory_equal(fetch->body.bytes, expected, fetch->body.len);
}

static void a_session_uses_its_connection_again(void **state)
{
    static const struct step steps[] = {{.text = WHOLE}, {.text = WHOLE}, {.text = WHOLE}};
    struct fetch fetch = {.restarts_at = AT_END};

    (void)state;
    script = steps;
    fetch_start(&fetch);
    wait_for(&fetch, 2); /* the second one was started inside on_end */
    assert_true(fetch.exchange.is_reused);
    fetch_start(&fetch);
    wait_for(&fetch, 3);
    assert_int_equal(fetch.end.error_class, CLASS_NONE);
    assert_int_equal(peer_count, 1);
    check_body(&fetch, "okokok");
    buf_fini(&fetch.body);
}

static void a_connection_that_closes_is_not_kept(void **state)
{
    static const struct step steps[] = {
        {.text = HEAD "Connection: close\r\nContent-Length: 2\r\n\r\nok"},
        {.text = WHOLE, .then = THEN_CLOSE},
        {.text = HEAD "\r\nall of it", .then = THEN_CLOSE},
        {.text = WHOLE "surplus"},
    };

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct fetch fetch = {0};

        script = steps;
        fetch_start(&fetch);
        wait_for(&fetch, 1);
        assert_int_equal(fetch.end.error_class, CLASS_NONE);
        assert_false(fetch.exchange.is_reused);
        check_body(&fetch, i == 2 ? "all of it" : "ok");
        turn_for(2);
        buf_fini(&fetch.body);
    }
    assert_int_equal(peer_count, 4);
    assert_null(session.idle);
}

static void a_stale_connection_is_replaced_once(void **state)
{
    static const struct step steps[] = {
        {.text = WHOLE},      {.then = THEN_CLOSE}, /* on the kept connection */
        {.text = WHOLE},      {.then = THEN_RESET},
        {.then = THEN_CLOSE}, /* on a new one: that is a failure */
    };
    struct fetch fetch = {0};

    (void)state;
    run(&fetch, steps);
    fetch_start(&fetch);
    wait_for(&fetch, 2);
    assert_int_equal(fetch.end.error_class, CLASS_NONE);
    assert_false(fetch.exchange.is_reused);
    assert_int_equal(peer_count, 2);
    assert_int_equal(fetch.connected_count, 3);
    fetch_start(&fetch);
    wait_for(&fetch, 3);
    assert_int_equal(fetch.end.error_class, CLASS_CLOSED_EARLY);
    assert_int_equal(request_count, 5);
    buf_fini(&fetch.body);
}

static void an_idle_connection_that_goes_is_forgotten(void **state)
{
    static const struct step steps[] = {{.text = WHOLE}, {.text = WHOLE}};
    struct fetch fetch = {0};

    (void)state;
    run(&fetch, steps);
    assert_non_null(session.idle);
    peer_close(&peers[0], false);
    turn_for(5);
    assert_null(session.idle);
    fetch_start(&fetch);
    wait_for(&fetch, 2);
    assert_int_equal(fetch.connected_count, 2);
    buf_fini(&fetch.body);
}

static void failures_have_their_class(void **state)
{
    static const struct {
        struct step step;
        enum error_class error_class;
        bool has_head;
    } table[] = {
        {{.text = NULL}, CLASS_TIMEOUT_HEADERS, false},
        {{.text = HEAD "Content-"}, CLASS_TIMEOUT_HEADERS, false},
        {{.text = HEAD "Content-Length: 5\r\n\r\nhel"}, CLASS_TIMEOUT_READ, true},
        {{.text = HEAD "Content-Length: 5\r\n\r\nhel", .then = THEN_CLOSE},
         CLASS_CLOSED_EARLY,
         true},
        {{.then = THEN_CLOSE}, CLASS_CLOSED_EARLY, false},
        {{.then = THEN_RESET}, CLASS_RESET, false},
        {{.text = "SSH-2.0\r\n"}, CLASS_HTTP_PROTOCOL, false},
        {{.text = HEAD "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"}, CLASS_HTTP_PROTOCOL, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct fetch fetch = {0};

        request_count = 0;
        run(&fetch, &table[i].step);
        if (fetch.end.error_class != table[i].error_class)
            fail_msg("case %zu: %s", i, error_class_name(fetch.end.error_class));
        assert_int_equal(fetch.end.has_head, table[i].has_head);
        assert_int_equal(fetch.head_count, table[i].has_head);
        buf_fini(&fetch.body);
    }
}

static void a_reset_inside_the_body_is_told(void **state)
{
    static const struct step steps[] = {{.text = HEAD "\r\ndata: 1\n\n"}};
    struct fetch fetch = {0};

    (void)state;
    script = steps;
    fetch_start(&fetch);
    turn_for(10);
    check_body(&fetch, "data: 1\n\n");
    peer_close(&peers[0], true);
    wait_for(&fetch, 1);
    assert_int_equal(fetch.end.error_class, CLASS_RESET);
    assert_true(fetch.end.has_head);
    buf_fini(&fetch.body);
}

static void bytes_put_off_the_read_timeout(void **state)
{
    static const struct step steps[] = {{.text = HEAD "\r\n."}};
    struct fetch fetch = {0};

    (void)state;
    script = steps;
    fetch_start(&fetch);
    for (int i = 0; i < 12; i++) {
        turn_for(TIMEOUT_MS / 6);
        peer_do(&peers[0], &(struct step){.text = "."});
    }
    assert_int_equal(fetch.end_count, 0);
    wait_for(&fetch, 1);
    assert_int_equal(fetch.end.error_class, CLASS_TIMEOUT_READ);
    check_body(&fetch, ".............");
    buf_fini(&fetch.body);
}

static void a_paused_exchange_reads_on_when_it_is_resumed(void **state)
{
    static const struct step steps[] = {{.text = HEAD "\r\n1"}};
    struct fetch fetch = {0};

    (void)state;
    script = steps;
    fetch_start(&fetch);
    turn_for(10);
    http_exchange_pause(&fetch.exchange);
    peer_do(&peers[0], &(struct step){.text = "2", .then = THEN_CLOSE});
    turn_for(2 * TIMEOUT_MS); /* its silence is no failure of the peer */
    check_body(&fetch, "1");
    assert_int_equal(fetch.end_count, 0);
    http_exchange_resume(&fetch.exchange);
    wait_for(&fetch, 1);
    check_body(&fetch, "12");
    assert_int_equal(fetch.end.error_class, CLASS_NONE);
    http_exchange_pause(&fetch.exchange); /* nothing is under way */
    http_exchange_resume(&fetch.exchange);
    buf_fini(&fetch.body);
}

static void a_handler_may_cancel_and_start_anew(void **state)
{
    static const struct step steps[] = {{.text = WHOLE}, {.text = WHOLE}};

    (void)state;
    for (enum at at = AT_HEAD; at <= AT_BODY; at++) {
        struct fetch stopped = {.cancels_at = at}, again = {.cancels_at = at, .restarts_at = at};

        request_count = 0;
        script = steps;
        fetch_start(&stopped);
        turn_for(10);
        assert_int_equal(stopped.head_count, 1);
        assert_int_equal(stopped.end_count, 0);
        assert_false(http_exchange_is_under_way(&stopped.exchange));
        check_body(&stopped, at == AT_HEAD ? "" : "ok");
        buf_fini(&stopped.body);
        request_count = 0;
        run(&again, steps);
        assert_int_equal(again.head_count, 2);
        assert_int_equal(again.end.error_class, CLASS_NONE);
        check_body(&again, at == AT_HEAD ? "ok" : "okok");
        buf_fini(&again.body);
        http_session_close(&session, false);
    }
}

static void an_exchange_may_be_cancelled_at_any_time(void **state)
{
    static const struct step steps[] = {{.text = NULL}};
    struct fetch fetch = {0};

    (void)state;
    script = steps;
    for (uint64_t wait_ms = 0; wait_ms < 6; wait_ms += 2) {
        request_count = 0;
        fetch_start(&fetch);
        turn_for(wait_ms);
        http_exchange_cancel(&fetch.exchange, wait_ms > 0);
        http_exchange_cancel(&fetch.exchange, true); /* no-op */
    }
    turn_for(TIMEOUT_MS + 10);
    assert_int_equal(fetch.end_count, 0);
}

static void a_refused_connection_may_be_tried_anew_from_its_end(void **state)
{
    struct fetch fetch = {.restarts_at = AT_END};

    (void)state;
    origin.host = "127.7.7.7"; /* the server listens elsewhere */
    fetch_start(&fetch);
    wait_for(&fetch, 2);
    assert_int_equal(fetch.end.error_class, CLASS_CONNECT_REFUSED);
    assert_false(fetch.end.has_head);
    assert_int_equal(fetch.connected_count, 0);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(a_session_uses_its_connection_again),
        WITH_SERVER(a_connection_that_closes_is_not_kept),
        WITH_SERVER(a_stale_connection_is_replaced_once),
        WITH_SERVER(an_idle_connection_that_goes_is_forgotten),
        WITH_SERVER(failures_have_their_class),
        WITH_SERVER(a_reset_inside_the_body_is_told),
        WITH_SERVER(bytes_put_off_the_read_timeout),
        WITH_SERVER(a_paused_exchange_reads_on_when_it_is_resumed),
        WITH_SERVER(a_handler_may_cancel_and_start_anew),
        WITH_SERVER(an_exchange_may_be_cancelled_at_any_time),
        WITH_SERVER(a_refused_connection_may_be_tried_anew_from_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "load/plan.h"
#include "script/exchange.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"
#include "server_fixture.h"
#include "sse/peer_digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OK     "HTTP/1.1 200 OK\r\n"
#define WHOLE  OK "Content-Length: 2\r\n\r\nok"
#define STREAM OK "Content-Type: text/event-stream\r\n\r\n"
#define EVENT  "id: 7\ndata: 1\n\n"

static struct stats *stats;
static struct plan *plan;
static struct exchange_host host;
static struct exchange_user user;
static struct exchange exchange;
static int progress_count;

static void on_progress(struct exchange *told)
{
    assert_ptr_equal(told, &exchange);
    progress_count++;
}

static int open_all(void **state)
{
    struct err err = {0};

    (void)open_server(state);
    stats = stats_new();
    plan = plan_new();
    assert_int_equal(exchange_host_init(&host, server.loop, stats, plan, &err), 0);
    user = (struct exchange_user){0};
    exchange = (struct exchange){0};
    return 0;
}

static int close_all(void **state)
{
    exchange_fini(&exchange);
    exchange_user_fini(&user);
    assert_int_equal(host.open_count, 0);
    assert_int_equal(host.asking_count, 0);
    exchange_host_fini(&host);
    stats_free(stats);
    plan_free(plan);
    return close_server(state);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)

/* A GET of /a under the name "/a". */
static struct exchange_order order(const char *headers)
{
    char *text = x_asprintf("http://127.0.0.1:%u/a", server.port);
    struct exchange_order made;
    struct err err = {0};

    exchange_order_init(&made);
    made.client = server.client;
    made.place = stat_place_of(stats, host.delivery, "GET", "/a");
    made.method = x_strdup("GET");
    made.message->headers = x_strdup(headers);
    made.message->headers_bytes = strlen(headers);
    made.message->connect_timeout_ns = CLOCK_NEVER_NS;
    made.read_timeout_ns = CLOCK_NEVER_NS;
    made.redirect_limit = 5;
    assert_int_equal(url_parse(text, strlen(text), &made.url, &err), 0);
    free(text);
    return made;
}

static void start(struct exchange_order made)
{
    exchange_fini(&exchange);
    exchange = (struct exchange){.on_progress = on_progress};
    progress_count = 0;
    exchange_start(&exchange, &host, &user, &made);
    assert_null(made.method); /* taken over */
}

static bool is_answered(const void *ctx)
{
    (void)ctx;
    return exchange_is_answered(&exchange);
}

static bool is_done(const void *ctx)
{
    (void)ctx;
    return exchange_is_done(&exchange);
}

static bool has_bytes(const void *ctx)
{
    return exchange_buffered(&exchange) >= *(const size_t *)ctx;
}

static void wait_for_bytes(size_t len)
{
    wait_until(has_bytes, &len);
}

static struct stat_set *figures(void)
{
    return stats_endpoint_set(stats, 0);
}

static uint64_t count(enum metric metric, const char *tag)
{
    return stat_get_count(figures(), metric, tag);
}

static void check_rate(enum metric metric, uint64_t passes, uint64_t fails)
{
    uint64_t passed, failed;

    stat_get_rate(figures(), metric, NULL, &passed, &failed);
    assert_int_equal(passed, passes);
    assert_int_equal(failed, fails);
}

static void a_whole_answer_is_kept_until_it_is_taken(void **state)
{
    static const struct step steps[] = {{.text = WHOLE}};

    (void)state;
    SCRIPT(steps);
    start(order("X-Own: 1\r\n"));
    wait_until(is_done, NULL);
    assert_int_equal(exchange.status, 200);
    assert_int_equal(exchange.error_class, CLASS_NONE);
    assert_int_equal(exchange_buffered(&exchange), 2);
    assert_memory_equal(exchange_bytes(&exchange), "ok", 2);
    assert_memory_equal(exchange.headers, "Content-Length: 2\r\n", exchange.headers_bytes);
    exchange_take(&exchange, 2);
    assert_true(request_has(0, "GET /a HTTP/1.1\r\nHost: 127.0.0.1"));
    assert_true(request_has(0, "X-Own: 1\r\n"));
    assert_int_equal(count(METRIC_HTTP_REQS, NULL), 1);
    assert_int_equal(count(METRIC_SSE_ATTEMPTS, NULL), 0);
}

static void a_body_goes_out_with_its_length(void **state)
{
    static const struct step steps[] = {{.text = WHOLE}, {.text = WHOLE}};
    struct exchange_order made;
    const uint8_t *bytes;
    size_t len;

    (void)state;
    SCRIPT(steps);
    made = order("A: b\r\n");
    free(made.method);
    made.method = x_strdup("POST");
    made.message->body = "{}";
    made.message->body_bytes = 2;
    made.message->cookies = x_strdup("c=d");
    start(made);
    wait_until(is_done, NULL);
    assert_true(request_has(0, "A: b\r\nCookie: c=d\r\nContent-Length: 2\r\n\r\n"));
    bytes = request_body_at(0, &len);
    assert_int_equal(len, 2);
    assert_memory_equal(bytes, "{}", 2);
    made = order("");
    free(made.method);
    made.method = x_strdup("PUT"); /* without a body: says so */
    start(made);
    wait_until(is_done, NULL);
    assert_true(request_has(1, "Content-Length: 0\r\n"));
    assert_int_equal(request_connection(1), 0);
}

/* As http.client does it: who writes the header by hand means it. */
static void a_cookie_header_of_the_script_stands_alone(void **state)
{
    static const struct step steps[] = {
        {.text = OK "Set-Cookie: kept=1\r\nContent-Length: 0\r\n\r\n"},
        {.text = "HTTP/1.1 200 All is well\r\nContent-Length: 0\r\n\r\n"},
        {.text = "HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n"}};
    struct exchange_order made;

    (void)state;
    SCRIPT(steps);
    start(order(""));
    wait_until(is_done, NULL);
    assert_null(exchange.reason); /* the usual one is not kept */
    made = order("Cookie: own=2\r\n");
    made.message->has_cookie = true;
    start(made);
    wait_until(is_done, NULL);
    assert_true(request_has(1, "Cookie: own=2\r\n"));
    assert_false(request_has(1, "kept=1"));
    assert_string_equal(exchange.reason, "All is well");
    start(order(""));
    wait_until(is_done, NULL);
    assert_true(request_has(2, "Cookie: kept=1\r\n"));
    assert_null(exchange.reason);
}

static void redirects_are_history(void **state)
{
    static const struct step steps[] = {
        {.text = "HTTP/1.1 302 Found\r\nLocation: /b\r\nX: 1\r\nContent-Length: 0\r\n\r\n"},
        {.text = WHOLE}};

    (void)state;
    SCRIPT(steps);
    start(order("Host: own\r\n"));
    wait_until(is_done, NULL);
    assert_int_equal(exchange.status, 200);
    assert_int_equal(exchange.hop_count, 1);
    assert_int_equal(exchange.hops[0].status, 302);
    assert_non_null(strstr(exchange.hops[0].url, "/a"));
    assert_non_null(strstr(exchange.final_url, "/b"));
    assert_true(request_has(0, "Host: own\r\n"));
    assert_false(request_has(1, "Host: own\r\n"));
}

static void an_event_stream_is_counted_whether_asked_for_or_not(void **state)
{
    static const struct step steps[] = {{.text = STREAM EVENT}, {.text = STREAM EVENT EVENT}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct exchange_order made = order("");

        if (i == 0)
            SCRIPT(steps);
        made.is_streamed = true;
        made.asks_for_stream = i == 1;
        start(made);
        wait_for_bytes(strlen(EVENT) * (size_t)(i + 1));
        assert_int_equal(host.open_count, 1);
        exchange_close(&exchange, true);
    }
    assert_int_equal(count(METRIC_SSE_ATTEMPTS, NULL), 2);
    assert_int_equal(count(METRIC_SSE_ATTEMPTS, "phase:first"), 2);
    assert_int_equal(count(METRIC_SSE_EVENTS, NULL), 3);
    assert_int_equal(count(METRIC_SSE_CLOSED_BY_US, NULL), 2);
    assert_int_equal(count(METRIC_HTTP_REQS, NULL), 2);
    assert_int_equal(hist_count(stat_get_trend(figures(), METRIC_SSE_TTFE, NULL)), 2);
    assert_int_equal(hist_count(stat_get_trend(figures(), METRIC_SSE_DURATION, NULL)), 2);
    check_rate(METRIC_SSE_STREAM_SUCCESS, 2, 0);
    check_rate(METRIC_SSE_CONNECT_SUCCESS, 2, 0);
}

/* By user, endpoint and Last-Event-ID. */
static void a_resumed_stream_is_linked_to_the_one_before(void **state)
{
    static const struct step steps[] = {{.text = STREAM EVENT}, {.text = STREAM EVENT}};

    (void)state;
    SCRIPT(steps);
    for (int i = 0; i < 2; i++) {
        struct exchange_order made = order(i == 0 ? "" : "Last-Event-ID: 7\r\n");

        made.is_streamed = true;
        made.asks_for_stream = true;
        made.is_resuming = i == 1;
        start(made);
        wait_for_bytes(strlen(EVENT));
        exchange_close(&exchange, true);
    }
    assert_int_equal(count(METRIC_SSE_ATTEMPTS, "phase:first"), 1);
    assert_int_equal(count(METRIC_SSE_ATTEMPTS, "phase:resume"), 1);
    assert_int_equal(count(METRIC_SSE_RECONNECTS, NULL), 1);
    check_rate(METRIC_SSE_RECONNECT_SUCCESS, 1, 0);
    assert_int_equal(hist_count(stat_get_trend(figures(), METRIC_SSE_RECOVERY, NULL)), 1);
}

/* It is kept for one that resumes it; the run's end decides what is open about its events. */
static void what_a_stream_missed_is_told_and_decided_at_the_end(void **state)
{
    static const struct step steps[] = {{.text = STREAM "data: 1\n\ndata: 2\n\ndata: 5\n\n"}};
    struct exchange_order made = order("");
    const struct peer_digest *digest;
    struct delivery_view view;

    (void)state;
    SCRIPT(steps);
    delivery_free(host.delivery);
    plan->checks.event_seq = x_strdup(""); /* the number is all there is in the data */
    host.delivery = delivery_new(&plan->checks, true);
    made.place = stat_place_of(stats, host.delivery, "GET", "/a");
    made.is_streamed = true;
    assert_false(exchange_audit(&exchange, &view));
    start(made);
    wait_for_bytes(strlen("data: 1\n\n") * 3);
    assert_true(exchange_audit(&exchange, &view));
    assert_int_equal(view.tally.received, 3);
    exchange_close(&exchange, true);
    assert_true(exchange_audit(&exchange, &view));
    assert_int_equal(view.tally.missed[AUDIT_STREAM], 2);
    delivery_flush(host.delivery, false);
    assert_int_equal(count(METRIC_SSE_MISSED, NULL), 0);
    exchange_host_end(&host);
    delivery_flush(host.delivery, true);
    /* Whether others got them, or anybody could have, is for the controller to say. */
    assert_int_equal(count(METRIC_SSE_MISSED, NULL), 0);
    digest = delivery_digest(host.delivery, true, loop_now_ns(host.loop));
    assert_int_equal(digest->count, 1);
    assert_int_equal(digest->reports[0]->hole_count, 2);
    assert_true(digest->reports[0]->holes[0].alone == 1 && digest->reports[0]->holes[1].alone == 1);
    delivery_told(host.delivery);
}

static void a_stream_that_the_server_ends_is_a_disconnect(void **state)
{
    static const struct step steps[] = {{.text = STREAM EVENT, .then = THEN_CLOSE}};
    struct exchange_order made = order("");

    (void)state;
    SCRIPT(steps);
    made.is_streamed = true;
    start(made);
    wait_until(is_done, NULL);
    assert_int_equal(exchange.error_class, CLASS_NONE); /* its body ended as it should */
    assert_int_equal(exchange_buffered(&exchange), strlen(EVENT));
    assert_int_equal(count(METRIC_SSE_DISCONNECTS, "cause:closed"), 1);
    assert_int_equal(ends_count(stats_ends(stats)), 1);
    assert_int_equal(ends_at(stats_ends(stats), 0).event_count, 1);
    check_rate(METRIC_SSE_STREAM_SUCCESS, 0, 1);
}

static void an_answer_that_is_no_stream_is_refused(void **state)
{
    static const struct step steps[] = {{.text = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"},
                                        {.text = WHOLE}};
    const struct stats_error *error;

    (void)state;
    SCRIPT(steps);
    for (int i = 0; i < 2; i++) {
        struct exchange_order made = order("");

        made.asks_for_stream = made.is_streamed = true;
        start(made);
        wait_until(is_done, NULL);
    }
    check_rate(METRIC_SSE_CONNECT_SUCCESS, 0, 2);
    assert_int_equal(stats_error_count(stats), 2);
    error = stats_error_at(stats, 0);
    assert_int_equal(error->error_class, CLASS_STATUS_5XX);
    assert_int_equal(stats_error_at(stats, 1)->error_class, CLASS_CONTENT_TYPE);
}

/* Whoever asks for a stream and reads an answer that is none as a whole has made one exchange. */
static void an_exchange_is_timed_once(void **state)
{
    static const struct step steps[] = {{.text = WHOLE}};
    struct exchange_order made = order("");

    (void)state;
    SCRIPT(steps);
    made.asks_for_stream = true;
    start(made);
    wait_until(is_done, NULL);
    assert_int_equal(count(METRIC_HTTP_REQS, NULL), 1);
    assert_int_equal(hist_count(stat_get_trend(figures(), METRIC_HTTP_REQ_DURATION, NULL)), 1);
}

static void open_streams_are_sampled_every_ten_seconds(void **state)
{
    static const struct step steps[] = {{.text = STREAM EVENT EVENT}};
    struct exchange_order made = order("");
    uint64_t now_ns;
    const struct hist *rates;

    (void)state;
    SCRIPT(steps);
    made.is_streamed = true;
    start(made);
    wait_for_bytes(2 * strlen(EVENT));
    now_ns = loop_refresh_ns(server.loop);
    exchange_host_sample(&host, now_ns + 9 * CLOCK_NS_PER_S);
    assert_null(stat_get_trend(figures(), METRIC_SSE_EVENTS_PER_STREAM_S, NULL));
    exchange_host_sample(&host, now_ns + 10 * CLOCK_NS_PER_S);
    exchange_host_sample(&host, now_ns + 11 * CLOCK_NS_PER_S);
    rates = stat_get_trend(figures(), METRIC_SSE_EVENTS_PER_STREAM_S, NULL);
    assert_int_equal(hist_count(rates), 1);
    assert_in_range(hist_max(rates), 190, 200); /* thousandths */
}

static void bytes_of_different_reads_are_told_apart(void **state)
{
    static const struct step steps[] = {{.text = STREAM "1"}};
    struct exchange_order made = order("");
    uint64_t first_ns;

    (void)state;
    SCRIPT(steps);
    made.is_streamed = true;
    start(made);
    wait_for_bytes(1);
    first_ns = exchange.came_ns;
    for (size_t i = 0; i < 5; i++) {
        turn_for(2);
        server_send(0, "23", 2);
        wait_for_bytes(1 + 2 * (i + 1));
    }
    assert_int_equal(exchange_piece(&exchange), 1);
    assert_true(exchange.came_ns == first_ns);
    exchange_take(&exchange, 1);
    assert_int_equal(exchange_piece(&exchange), 2);
    assert_true(exchange.came_ns > first_ns);
    exchange_take(&exchange, 1); /* within a piece */
    assert_int_equal(exchange_piece(&exchange), 1);
    exchange_take(&exchange, 2); /* over a border */
    assert_int_equal(exchange_piece(&exchange), 1);
    server_send(0, "4", 1);
    wait_for_bytes(8);
    assert_int_equal(exchange_piece(&exchange), 1);
    exchange_take(&exchange, 7);
    assert_int_equal(exchange_piece(&exchange), 1);
    exchange_take(&exchange, 1);
    assert_int_equal(exchange_piece(&exchange), 0);
}

static void streams_open_at_the_end_count_their_age(void **state)
{
    static const struct step steps[] = {{.text = STREAM EVENT}};
    struct exchange_order made = order("");

    (void)state;
    SCRIPT(steps);
    made.is_streamed = true;
    start(made);
    wait_for_bytes(1);
    host.is_ending = true;
    exchange_close(&exchange, false);
    assert_int_equal(hist_count(stat_get_trend(figures(), METRIC_SSE_OPEN_AGE, NULL)), 1);
    assert_null(stat_get_trend(figures(), METRIC_SSE_DURATION, NULL));
}

static void silence_before_the_head_is_timeout_headers(void **state)
{
    static const struct step steps[] = {{.text = NULL}};
    struct exchange_order made = order("");

    (void)state;
    SCRIPT(steps);
    made.read_timeout_ns = 50 * CLOCK_NS_PER_MS;
    start(made);
    wait_until(is_done, NULL);
    assert_int_equal(exchange.error_class, CLASS_TIMEOUT_HEADERS);
    assert_int_equal(exchange.status, 0);
    assert_int_equal(stats_error_count(stats), 1);
}

/* Silence counts only while somebody waits, as in a blocking read. */
static void silence_in_a_stream_counts_while_somebody_waits(void **state)
{
    static const struct step steps[] = {{.text = STREAM EVENT}};
    struct exchange_order made = order("");

    (void)state;
    SCRIPT(steps);
    made.is_streamed = true;
    made.read_timeout_ns = 50 * CLOCK_NS_PER_MS;
    start(made);
    wait_for_bytes(strlen(EVENT));
    turn_for(120);
    assert_false(exchange_is_done(&exchange));
    exchange_take(&exchange, strlen(EVENT));
    exchange_await(&exchange);
    wait_until(is_done, NULL);
    assert_int_equal(exchange.error_class, CLASS_TIMEOUT_READ);
}

static void a_stream_that_nobody_reads_waits_in_the_kernel(void **state)
{
    static const struct step steps[] = {{.text = STREAM}};
    static uint8_t bytes[4 * EXCHANGE_PAUSE_BYTES];
    struct exchange_order made = order("");
    size_t taken = 0;

    (void)state;
    (void)memset(bytes, ':', sizeof bytes);
    SCRIPT(steps);
    made.is_streamed = true;
    start(made);
    wait_until(is_answered, NULL);
    server_send(0, bytes, sizeof bytes);
    turn_for(50);
    assert_true(exchange.is_paused);
    assert_true(exchange_buffered(&exchange) < 3 * (size_t)EXCHANGE_PAUSE_BYTES);
    while (taken < sizeof bytes) {
        size_t len = exchange_buffered(&exchange);

        exchange_take(&exchange, len);
        taken += len;
        (void)loop_turn(server.loop, CLOCK_NS_PER_MS, 0);
    }
    assert_int_equal(taken, sizeof bytes);
}

static void a_refused_connection_ends_it(void **state)
{
    struct exchange_order made = order("");

    (void)state;
    made.url.port = 1;
    start(made);
    wait_until(is_done, NULL);
    assert_int_equal(exchange.error_class, CLASS_CONNECT_REFUSED);
    assert_non_null(exchange.message);
    assert_true(progress_count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOST(a_whole_answer_is_kept_until_it_is_taken),
        WITH_HOST(a_body_goes_out_with_its_length),
        WITH_HOST(a_cookie_header_of_the_script_stands_alone),
        WITH_HOST(redirects_are_history),
        WITH_HOST(an_event_stream_is_counted_whether_asked_for_or_not),
        WITH_HOST(a_resumed_stream_is_linked_to_the_one_before),
        WITH_HOST(what_a_stream_missed_is_told_and_decided_at_the_end),
        WITH_HOST(a_stream_that_the_server_ends_is_a_disconnect),
        WITH_HOST(an_answer_that_is_no_stream_is_refused),
        WITH_HOST(an_exchange_is_timed_once),
        WITH_HOST(open_streams_are_sampled_every_ten_seconds),
        WITH_HOST(bytes_of_different_reads_are_told_apart),
        WITH_HOST(streams_open_at_the_end_count_their_age),
        WITH_HOST(silence_before_the_head_is_timeout_headers),
        WITH_HOST(silence_in_a_stream_counts_while_somebody_waits),
        WITH_HOST(a_stream_that_nobody_reads_waits_in_the_kernel),
        WITH_HOST(a_refused_connection_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "load/stream.h"

#include "base/clock.h"
#include "base/mem.h"
#include "compressor.h"
#include "server_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OK     "HTTP/1.1 200 OK\r\n"
#define EMPTY  "Content-Length: 0\r\n\r\n"
#define STREAM OK "Content-Type: text/event-stream\r\n"
#define GONE   "HTTP/1.1 302 Found\r\nLocation: http://127.7.7.7:1/\r\n" EMPTY

enum { TARGET_COUNT = 2 };

static struct plan *plan;
static struct stats *stats;
static struct stream_engine *engine;
static struct stream_target targets[TARGET_COUNT];
static struct request *requests[TARGET_COUNT];
static char *urls[TARGET_COUNT];
static struct login *login;
static struct request *login_request;
static struct stream stream;

static int ended_count, failure_count, restarts_left;
static enum stream_ending ending;
static enum error_class failed_as;
static uint64_t retry_ns;

static void on_failure(struct stream *owner, enum error_class error_class, const char *message,
                       uint64_t wait_ns, uint64_t now_ns)
{
    (void)owner;
    (void)message;
    (void)now_ns;
    failure_count++;
    failed_as = error_class;
    retry_ns = wait_ns;
}

static void on_ended(struct stream *owner, enum stream_ending how, uint64_t now_ns)
{
    ended_count++;
    ending = how;
    if (restarts_left == 0)
        return;
    restarts_left--;
    stream_start(owner, owner->target, 0, now_ns);
}

static const struct stream_observer observer = {.on_failure = on_failure, .on_ended = on_ended};

static int open_all(void **state)
{
    int result = open_server(state);

    plan = plan_new();
    plan->request.scheme = AUTH_BASIC;
    stats = stats_new();
    ended_count = failure_count = restarts_left = 0;
    return result;
}

static int close_all(void **state)
{
    stream_fini(&stream);
    stream_engine_free(engine);
    login_free(login);
    login = NULL;
    request_free(login_request);
    login_request = NULL;
    for (int i = 0; i < TARGET_COUNT; i++) {
        request_free(requests[i]);
        requests[i] = NULL;
        free(urls[i]);
        urls[i] = NULL;
    }
    stats_free(stats);
    plan_free(plan);
    return close_server(state);
}

static struct request *make_request(const char *url, const struct plan_message *message)
{
    struct request_spec spec = {.url = url, .message = message, .is_for_stream = true};
    struct err err = {0};
    struct request *request = request_new(&spec, &err);

    if (!request)
        fail_msg("%s", err.text);
    return request;
}

static void make_engine(void)
{
    engine = stream_engine_new(&(struct stream_engine_config){
        .loop = server.loop, .stats = stats, .plan = plan, .login = login, .observer = &observer});
    stream_init(&stream, engine);
}

/* After make_engine: the target at `http://USERINFO127.0.0.1:PORT/`. */
static void make_target(int index, const char *userinfo, uint16_t port)
{
    struct stream_target *target = &targets[index];

    target->engine = engine;
    urls[index] = x_asprintf("http://%s127.0.0.1:%u/", userinfo, port);
    requests[index] = make_request(urls[index], &plan->request);
    stream_target_init(target, requests[index], server.client, server.loop,
                       stream_engine_rng(engine));
    target->place = stat_place_of(stats, NULL, "GET", urls[index]);
}

static void make_login(void)
{
    urls[1] = x_asprintf("http://127.0.0.1:%u/login", server.port);
    login_request = make_request(urls[1], &plan->login);
    login = login_new(&(struct login_config){.client = server.client,
                                             .loop = server.loop,
                                             .stats = stats,
                                             .request = login_request,
                                             .name = urls[1],
                                             .patience_ns = CLOCK_NS_PER_S,
                                             .token_pointer = "/t"});
}

static bool has_ended(const void *ctx)
{
    return ended_count >= *(const int *)ctx;
}

static bool has_failed(const void *ctx)
{
    return failure_count >= *(const int *)ctx;
}

static void wait_for_ends(int count)
{
    wait_until(has_ended, &count);
    assert_int_equal(ended_count, count);
}

static void wait_for_failures(int count)
{
    wait_until(has_failed, &count);
}

static void start(int index)
{
    stream_start(&stream, &targets[index], 0, loop_now_ns(server.loop));
}

static void credentials_of_one_target_do_not_go_to_another(void **state)
{
    static const struct step steps[] = {{.text = "HTTP/1.1 204 No\r\n\r\n"},
                                        {.text = "HTTP/1.1 204 No\r\n\r\n"}};

    (void)state;
    SCRIPT(steps);
    make_engine();
    make_target(0, "me:secret@", server.port);
    make_target(1, "", server.other_port);
    start(0);
    wait_for_ends(1);
    assert_true(request_has(0, "Authorization: Basic bWU6c2VjcmV0\r\n"));
    start(1);
    wait_for_ends(2);
    assert_false(request_has(1, "Authorization:"));
}

/* The hop behind a redirect is an exchange of its own, and its failure one of the network. */
static void a_hop_that_cannot_be_reached_is_counted_and_tried_again(void **state)
{
    static const struct step steps[] = {{.text = GONE}};

    (void)state;
    SCRIPT(steps);
    make_engine();
    make_target(0, "", server.port);
    start(0);
    wait_for_failures(1);
    assert_int_equal(failed_as, CLASS_CONNECT_REFUSED);
    assert_true(retry_ns != CLOCK_NEVER_NS);
    assert_int_equal(stat_get_count(targets[0].place.set, METRIC_HTTP_REQS, NULL), 2);
}

static void a_login_whose_hop_cannot_be_reached_is_tried_again(void **state)
{
    static const struct step steps[] = {{.text = GONE}};

    (void)state;
    SCRIPT(steps);
    make_login();
    make_engine();
    make_target(0, "", server.port);
    start(0);
    wait_for_failures(1);
    assert_int_equal(failed_as, CLASS_CONNECT_REFUSED);
    assert_true(retry_ns != CLOCK_NEVER_NS);
    assert_int_equal(ended_count, 0);
}

static void a_login_that_was_refused_is_final(void **state)
{
    static const struct step steps[] = {{.text = "HTTP/1.1 403 No\r\n" EMPTY}};

    (void)state;
    SCRIPT(steps);
    make_login();
    make_engine();
    make_target(0, "", server.port);
    start(0);
    wait_for_ends(1);
    assert_int_equal(ending, STREAM_FAILED);
    assert_int_equal(failed_as, CLASS_STATUS_4XX);
    assert_true(retry_ns == CLOCK_NEVER_NS);
}

static void a_refused_token_is_renewed_once_an_attempt(void **state)
{
    static const struct step steps[] = {
        {.text = OK "Content-Length: 9\r\n\r\n{\"t\":\"a\"}"},
        {.text = "HTTP/1.1 401 Expired\r\nContent-Length: 4\r\n\r\nnot."},
        {.text = OK "Content-Length: 9\r\n\r\n{\"t\":\"b\"}"},
        {.text = "HTTP/1.1 401 Expired\r\nContent-Length: 4\r\n\r\nnot."}};

    (void)state;
    SCRIPT(steps);
    make_login();
    make_engine();
    make_target(0, "", server.port);
    start(0);
    wait_for_ends(1);
    assert_int_equal(ending, STREAM_FAILED);
    assert_int_equal(failed_as, CLASS_STATUS_4XX);
    assert_int_equal(server.request_count, 4);
    assert_false(request_has(0, "Authorization:"));
    assert_true(request_has(1, "Authorization: Bearer a\r\n"));
    assert_false(request_has(2, "Authorization:"));
    assert_true(request_has(3, "Authorization: Bearer b\r\n"));
}

/* The end by count comes in the middle of a piece, inside the decoder, and the next stream starts
 * before that returns. */
static void a_stream_may_follow_from_inside_a_compressed_event(void **state)
{
    struct buf bytes = {0}, text = {0};
    struct step steps[3];
    struct compressor *compressor = compressor_new(COMPRESSOR_GZIP);

    (void)state;
    for (int i = 0; i < 3000; i++)
        compressor_add(compressor, "data: 1\n\n", 9, &bytes);
    compressor_free(compressor);
    (void)buf_appendf(&text, STREAM "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
                      bytes.len);
    (void)buf_append(&text, bytes.bytes, bytes.len);
    for (int i = 0; i < 3; i++)
        steps[i] = (struct step){.text = (const char *)text.bytes, .text_bytes = text.len};
    SCRIPT(steps);
    plan->request.wants_compressed = true;
    plan->events_per_stream = 2;
    make_engine();
    make_target(0, "", server.port);
    restarts_left = 2;
    start(0);
    wait_for_ends(3);
    assert_int_equal(ending, STREAM_ENDED_BY_US);
    assert_int_equal(failure_count, 0);
    assert_int_equal(stat_get_count(targets[0].place.set, METRIC_SSE_EVENTS, NULL), 6);
    buf_fini(&bytes);
    buf_fini(&text);
}

#define CHUNKED STREAM "Transfer-Encoding: chunked\r\n\r\n"
#define MARKED  "b\r\ndata: bye\n\n\r\n"

static uint64_t counted(enum metric metric)
{
    return stat_get_count(targets[0].place.set, metric, NULL);
}

/* --- storms --- */

static bool has_event(const void *ctx)
{
    return counted(METRIC_SSE_EVENTS) >= *(const uint64_t *)ctx;
}

static void wait_for_events(uint64_t count)
{
    wait_until(has_event, &count);
}

static bool cut(uint64_t away_ns, bool at_once)
{
    struct stream_storm storm = {.index = 1, .away_ns = away_ns, .returns_at_once = at_once};

    return stream_cut(&stream, &storm, loop_now_ns(server.loop));
}

/* Also where the rule for reconnects is never. */
static void a_cut_stream_comes_back_behind_its_last_event(void **state)
{
    static const struct step steps[] = {{.text = CHUNKED "f\r\nid: 1\ndata: a\n\n\r\n"},
                                        {.text = CHUNKED "f\r\nid: 2\ndata: b\n\n\r\n"}};

    (void)state;
    SCRIPT(steps);
    plan->reconnect = PLAN_RECONNECT_NEVER;
    make_engine();
    make_target(0, "", server.port);
    start(0);
    wait_for_events(1);
    assert_true(cut(CLOCK_NS_PER_MS, true));
    assert_int_equal(stream.state, STREAM_WAITING);
    wait_for_events(2);
    assert_true(request_has(1, "Last-Event-ID: 1\r\n"));
    assert_int_equal(ended_count + failure_count, 0);
    assert_int_equal(counted(METRIC_SSE_CLOSED_BY_US), 1);
    assert_int_equal(counted(METRIC_SSE_DISCONNECTS), 0);
    assert_int_equal(counted(METRIC_SSE_RECONNECTS), 1);
    assert_int_equal(hist_count(stat_get_trend(targets[0].place.set, METRIC_SSE_RECOVERY, NULL)),
                     1);
}

static void a_stream_that_is_not_open_is_not_cut(void **state)
{
    static const struct step steps[] = {{.text = CHUNKED MARKED}};

    (void)state;
    SCRIPT(steps);
    plan->end_data = x_strdup("bye");
    make_engine();
    make_target(0, "", server.port);
    assert_false(cut(0, true));
    start(0);
    assert_false(cut(0, true));
    wait_for_events(1); /* behind its end mark it waits for the end of the response alone */
    assert_false(cut(0, true));
    wait_for_ends(1);
}

static void a_cut_stream_waits_for_its_retry_time(void **state)
{
    static const struct step steps[] = {{.text = CHUNKED "16\r\nretry: 20000\ndata: a\n\n\r\n"}};
    uint64_t now_ns;

    (void)state;
    SCRIPT(steps);
    make_engine();
    make_target(0, "", server.port);
    start(0);
    wait_for_events(1);
    now_ns = loop_now_ns(server.loop);
    assert_true(cut(5 * CLOCK_NS_PER_S, false));
    assert_true(stream.timer.deadline_ns == now_ns + 25 * CLOCK_NS_PER_S);
}

static void a_stream_whose_time_is_over_while_it_is_away_asks_no_more(void **state)
{
    static const struct step steps[] = {{.text = CHUNKED "f\r\nid: 1\ndata: a\n\n\r\n"}};

    (void)state;
    SCRIPT(steps);
    plan->stream_time_ns = 200 * CLOCK_NS_PER_MS;
    make_engine();
    make_target(0, "", server.port);
    start(0);
    wait_for_events(1);
    assert_true(cut(250 * CLOCK_NS_PER_MS, true));
    wait_for_ends(1);
    assert_int_equal(ending, STREAM_ENDED_BY_US);
    assert_int_equal(counted(METRIC_SSE_ATTEMPTS), 1);
    assert_int_equal(counted(METRIC_SSE_CLOSED_BY_US), 1);
}

/* --- end marks --- */

static void open_marked(const struct step *steps, size_t count)
{
    server_script(steps, count);
    plan->end_data = x_strdup("bye");
    plan->reconnect = PLAN_RECONNECT_NEVER;
    make_engine();
    make_target(0, "", server.port);
    start(0);
}

static void behind_an_end_mark_the_connection_is_used_again(void **state)
{
    static const struct step steps[] = {{.text = CHUNKED MARKED "0\r\n\r\n"},
                                        {.text = CHUNKED MARKED "0\r\n\r\n"}};

    (void)state;
    restarts_left = 1;
    open_marked(steps, 2);
    wait_for_ends(2);
    assert_int_equal(ending, STREAM_COMPLETED);
    assert_int_equal(failure_count, 0);
    assert_int_equal(request_connection(1), 0);
    assert_int_equal(counted(METRIC_SSE_COMPLETED), 2);
    assert_int_equal(counted(METRIC_SSE_DISCONNECTS), 0);
    assert_int_equal(counted(METRIC_SSE_CLOSED_BY_US), 0);
}

static void a_response_that_goes_on_behind_its_end_mark_is_left(void **state)
{
    static const struct step steps[] = {{.text = CHUNKED MARKED MARKED}};

    (void)state;
    open_marked(steps, 1);
    wait_for_ends(1);
    assert_int_equal(ending, STREAM_COMPLETED);
    assert_int_equal(counted(METRIC_SSE_COMPLETED), 1);
    assert_int_equal(counted(METRIC_SSE_EVENTS), 1);
}

static bool has_completed(const void *ctx)
{
    (void)ctx;
    return counted(METRIC_SSE_COMPLETED) > 0;
}

static void a_stream_closed_behind_its_end_mark_is_counted_once(void **state)
{
    static const struct step steps[] = {{.text = CHUNKED MARKED}};

    (void)state;
    open_marked(steps, 1);
    wait_until(has_completed, NULL);
    assert_int_equal(stream.state, STREAM_OPEN);
    stream_close(&stream, true, loop_now_ns(server.loop));
    assert_int_equal(stream.state, STREAM_IDLE);
    assert_int_equal(counted(METRIC_SSE_COMPLETED), 1);
    assert_int_equal(counted(METRIC_SSE_CLOSED_BY_US), 0);
    assert_null(stat_get_trend(targets[0].place.set, METRIC_SSE_OPEN_AGE, NULL));
}

static void a_whole_response_without_its_end_mark_has_ended_early(void **state)
{
    static const struct step steps[] = {{.text = CHUNKED "9\r\ndata: 1\n\n\r\n0\r\n\r\n"}};

    (void)state;
    open_marked(steps, 1);
    wait_for_ends(1);
    assert_int_equal(ending, STREAM_FAILED);
    assert_int_equal(failed_as, CLASS_CLOSED_EARLY);
    assert_int_equal(counted(METRIC_SSE_INCOMPLETE), 1);
    assert_int_equal(counted(METRIC_SSE_GAVE_UP), 0);
    assert_string_equal(stats_error_at(stats, 0)->message, "ended without bye");
}

#define WITH_STREAM(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STREAM(credentials_of_one_target_do_not_go_to_another),
        WITH_STREAM(a_hop_that_cannot_be_reached_is_counted_and_tried_again),
        WITH_STREAM(a_login_whose_hop_cannot_be_reached_is_tried_again),
        WITH_STREAM(a_login_that_was_refused_is_final),
        WITH_STREAM(a_refused_token_is_renewed_once_an_attempt),
        WITH_STREAM(a_stream_may_follow_from_inside_a_compressed_event),
        WITH_STREAM(a_cut_stream_comes_back_behind_its_last_event),
        WITH_STREAM(a_stream_that_is_not_open_is_not_cut),
        WITH_STREAM(a_cut_stream_waits_for_its_retry_time),
        WITH_STREAM(a_stream_whose_time_is_over_while_it_is_away_asks_no_more),
        WITH_STREAM(behind_an_end_mark_the_connection_is_used_again),
        WITH_STREAM(a_response_that_goes_on_behind_its_end_mark_is_left),
        WITH_STREAM(a_stream_closed_behind_its_end_mark_is_counted_once),
        WITH_STREAM(a_whole_response_without_its_end_mark_has_ended_early),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

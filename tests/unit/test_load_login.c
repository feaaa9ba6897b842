#include "load/login.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "compressor.h"
#include "http/auth.h"
#include "http/cookie.h"
#include "load/feed.h"
#include "load/plan.h"
#include "server_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OK    "HTTP/1.1 200 OK\r\n"
#define EMPTY "Content-Length: 0\r\n\r\n"

enum { PATIENCE_MS = 300, TEXT_BYTES = 256 };

/* How a login ended. */
struct outcome {
    int count;
    enum error_class error_class;
    char message[TEXT_BYTES];
    int status;
    uint64_t retry_after_ns;
};

static struct plan_message message;
static struct request *request;
static struct stats *stats;
static struct stat_set *set;
static struct rng rng;
static struct login *login;
static char *url;

static int open_all(void **state)
{
    int result = open_server(state);

    message = (struct plan_message){.method = x_strdup("POST"), .scheme = AUTH_BASIC};
    url = x_asprintf("http://127.0.0.1:%u/login", server.port);
    stats = stats_new();
    rng_init(&rng, 1);
    return result;
}

static int close_all(void **state)
{
    login_free(login);
    login = NULL;
    request_free(request);
    request = NULL;
    stats_free(stats);
    free(url);
    free(message.auth);
    free(message.method);
    free(message.body);
    free(message.content_type);
    return close_server(state);
}

/* After `message` and `url` are as the test wants them. */
static void make_login(const char *pointer, const struct feed *feed)
{
    struct request_spec spec = {.url = url, .message = &message, .feed = feed};
    struct err err = {0};

    request = request_new(&spec, &err);
    if (!request)
        fail_msg("%s", err.text);
    login = login_new(&(struct login_config){.client = server.client,
                                             .loop = server.loop,
                                             .rng = &rng,
                                             .stats = stats,
                                             .request = request,
                                             .name = url,
                                             .patience_ns = PATIENCE_MS * CLOCK_NS_PER_MS,
                                             .token_pointer = pointer});
    set = stats_endpoint_set(stats, 0);
}

static void on_done(void *ctx, const struct login_result *result, uint64_t now_ns)
{
    struct outcome *outcome = ctx;

    (void)now_ns;
    outcome->count++;
    outcome->error_class = result->error_class;
    (void)snprintf(outcome->message, sizeof outcome->message, "%s", result->message);
    outcome->status = result->status;
    outcome->retry_after_ns = result->retry_after_ns;
}

static bool is_done(const void *ctx)
{
    return ((const struct outcome *)ctx)->count > 0;
}

static struct outcome log_in(uint32_t row, bool is_renewal)
{
    struct outcome outcome = {0};

    (void)login_start(login, &server.session, row, is_renewal, on_done, &outcome);
    wait_until(is_done, &outcome);
    assert_int_equal(outcome.count, 1);
    return outcome;
}

static void check(const struct outcome *outcome, enum error_class error_class, const char *part)
{
    assert_string_equal(error_class_name(outcome->error_class), error_class_name(error_class));
    if (!strstr(outcome->message, part))
        fail_msg("'%s' does not say '%s'", outcome->message, part);
}

static const char *token_now(void)
{
    const char *token = server.session.own ? server.session.own->bearer : NULL;

    return token ? token : "(none)";
}

/* A 200 with `json`; the caller frees it. */
static char *answer_with(const char *json)
{
    return x_asprintf(OK "Content-Length: %zu\r\n\r\n%s", strlen(json), json);
}

static void a_pointer_says_where_the_token_stands(void **state)
{
    static const struct {
        const char *pointer, *json, *token;
    } table[] = {
        {"/access_token", "{\"access_token\":\"abc.DEF-1_2~3+/=\",\"b\":1}", "abc.DEF-1_2~3+/="},
        {"/data/0/token", "{\"data\":[{\"token\":\"x\"},{\"token\":\"y\"}]}", "x"},
        {"", "\"bare\"", "bare"},
        {"/a~1b", "{\"a/b\":\"slash\"}", "slash"},
        {"/t", "{\"t\":\"\\u0041\\u00e9\"}", "A\xc3\xa9"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char *text = answer_with(table[i].json);
        const struct step steps[] = {{.text = text}};
        struct outcome outcome;

        SCRIPT(steps);
        make_login(table[i].pointer, NULL);
        outcome = log_in(0, false);
        check(&outcome, CLASS_NONE, "");
        assert_int_equal(outcome.status, 200);
        assert_string_equal(token_now(), table[i].token);
        login_free(login);
        login = NULL;
        request_free(request);
        request = NULL;
        free(text);
    }
}

static void an_answer_without_a_token_is_decode_and_the_old_one_stays(void **state)
{
    static const struct {
        const char *json, *named;
    } table[] = {
        {"{\"other\":1}", "no token at '/token'"},
        {"{\"token\":7}", "no token at '/token'"},
        {"{\"token\":null}", "no token"},
        {"{\"token\":{\"a\":\"b\"}}", "no token"},
        {"{\"token\":\"\"}", "no token"},
        {"{\"token\":\"a b\"}", "no token"},
        {"{\"token\":\"a\\r\\nX: y\"}", "no token"},
        {"{\"token\":\"a\\u0000b\"}", "no token"},
        {"{\"token\":\"a\\u007f\"}", "no token"},
        {"<html>hello</html>", "the login's answer is no JSON"},
        {"{\"token\":\"a\"", "the login's answer is no JSON"},
        {"", "the login's answer is no JSON"},
    };

    (void)state;
    make_login("/token", NULL);
    http_session_set_bearer(&server.session, "old", 3);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char *text = answer_with(table[i].json);
        const struct step steps[] = {{.text = text}};
        struct outcome outcome;

        SCRIPT(steps);
        outcome = log_in(0, false);
        check(&outcome, CLASS_DECODE, table[i].named);
        assert_int_equal(outcome.status, 200);
        assert_string_equal(token_now(), "old");
        free(text);
    }
}

static void a_token_may_be_as_long_as_the_limit_and_no_longer(void **state)
{
    (void)state;
    make_login("/t", NULL);
    for (int more = 0; more <= 1; more++) {
        char *json = x_asprintf("{\"t\":\"%0*d\"}", SESSION_BEARER_LIMIT_BYTES + more, 7);
        char *text = answer_with(json);
        const struct step steps[] = {{.text = text}};
        struct outcome outcome;

        SCRIPT(steps);
        outcome = log_in(0, false);
        check(&outcome, more ? CLASS_DECODE : CLASS_NONE, more ? "no token" : "");
        assert_int_equal(strlen(token_now()), SESSION_BEARER_LIMIT_BYTES);
        free(text);
        free(json);
    }
}

static void each_status_has_its_class(void **state)
{
    static const struct {
        const char *text;
        int status;
        enum error_class error_class;
        uint64_t retry_after_s;
    } table[] = {
        {"HTTP/1.1 401 No\r\n" EMPTY, 401, CLASS_STATUS_4XX, 0},
        {"HTTP/1.1 429 Slowly\r\nRetry-After: 7\r\n" EMPTY, 429, CLASS_STATUS_4XX, 7},
        {"HTTP/1.1 503 Later\r\nRetry-After: soon\r\nContent-Length: 99\r\n\r\n.", 503,
         CLASS_STATUS_5XX, 0},
        {"HTTP/1.1 304 Same\r\n\r\n", 304, CLASS_STATUS_3XX, 0},
        {"HTTP/1.1 302 Away\r\n" EMPTY, 302, CLASS_STATUS_3XX, 0},
    };

    (void)state;
    make_login(NULL, NULL);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct step steps[] = {{.text = table[i].text}};
        struct outcome outcome;
        char named[32];

        (void)snprintf(named, sizeof named, "status %d", table[i].status);
        SCRIPT(steps);
        outcome = log_in(0, false);
        check(&outcome, table[i].error_class, named);
        assert_int_equal(outcome.status, table[i].status);
        assert_int_equal(outcome.retry_after_ns, table[i].retry_after_s * CLOCK_NS_PER_S);
    }
}

static void without_a_pointer_the_cookies_are_all(void **state)
{
    static const struct step steps[] = {
        {.text = "HTTP/1.1 302 Found\r\nLocation: /home\r\nSet-Cookie: a=1\r\n" EMPTY},
        {.text = OK "Set-Cookie: session=2\r\nContent-Length: 5\r\n\r\nhello"},
        {.text = "HTTP/1.1 204 No Content\r\n\r\n"}};
    struct outcome outcome;

    (void)state;
    SCRIPT(steps);
    make_login(NULL, NULL);
    outcome = log_in(0, false);
    check(&outcome, CLASS_NONE, "");
    assert_true(request_has(1, "GET /home HTTP"));
    assert_true(request_has(1, "Cookie: a=1\r\n"));
    assert_int_equal(cookie_jar_count(server.session.own->jar), 2);
    assert_string_equal(token_now(), "(none)");
    outcome = log_in(0, true);
    check(&outcome, CLASS_NONE, "");
    assert_int_equal(outcome.status, 204);
}

static void an_answer_over_a_mebibyte_is_too_large(void **state)
{
    static char whole[LOGIN_ANSWER_LIMIT_BYTES];

    (void)state;
    (void)memset(whole, ' ', sizeof whole);
    (void)memcpy(whole, "{\"t\":\"x\"}", 9);
    make_login("/t", NULL);
    for (int more = 0; more <= 1; more++) {
        struct buf text = {0};
        struct step steps[1] = {{0}};
        struct outcome outcome;

        (void)buf_appendf(&text, OK "Content-Length: %zu\r\n\r\n", sizeof whole + (size_t)more);
        (void)buf_append(&text, whole, sizeof whole);
        (void)buf_append(&text, " ", (size_t)more);
        steps[0] = (struct step){.text = (const char *)text.bytes, .text_bytes = text.len};
        SCRIPT(steps);
        outcome = log_in(0, false);
        check(&outcome, more ? CLASS_TOO_LARGE : CLASS_NONE, more ? "over 1 MiB" : "");
        buf_fini(&text);
    }
    assert_null(server.session.idle);
}

/* The limit is met inside the decoder's callback. */
static void a_compressed_answer_over_a_mebibyte_is_too_large(void **state)
{
    static uint8_t whole[2 * LOGIN_ANSWER_LIMIT_BYTES];
    struct buf bytes = {0}, text = {0};
    struct step steps[1] = {{0}};
    struct outcome outcome;
    uint32_t noise = 1;

    (void)state;
    for (size_t i = 0; i < sizeof whole; i++) {
        noise = noise * 1664525u + 1013904223u;
        whole[i] = (uint8_t)("0123456789abcdef"[noise >> 28]);
    }
    compress_whole(COMPRESSOR_GZIP, whole, sizeof whole, &bytes);
    (void)buf_appendf(&text, OK "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", bytes.len);
    (void)buf_append(&text, bytes.bytes, bytes.len);
    steps[0] = (struct step){.text = (const char *)text.bytes, .text_bytes = text.len};
    SCRIPT(steps);
    message.wants_compressed = true;
    make_login("/t", NULL);
    outcome = log_in(0, false);
    assert_true(request_has(0, "Accept-Encoding: gzip"));
    check(&outcome, CLASS_TOO_LARGE, "over 1 MiB");
    buf_fini(&bytes);
    buf_fini(&text);
}

static void an_answer_that_never_ends_is_timeout_read(void **state)
{
    static const struct step steps[] = {{.text = OK "\r\n{"}};
    struct outcome outcome = {0};
    uint64_t began_ns = clock_now_ns();

    (void)state;
    SCRIPT(steps);
    make_login("/t", NULL);
    (void)login_start(login, &server.session, 0, false, on_done, &outcome);
    wait_for_requests(1);
    /* It drips, so that no silence of the client's own limit comes. */
    while (outcome.count == 0 && clock_now_ns() - began_ns < 2 * CLOCK_NS_PER_S) {
        turn_for(PATIENCE_MS / 10);
        if (outcome.count == 0)
            server_send(0, " ", 1);
    }
    check(&outcome, CLASS_TIMEOUT_READ, "does not end");
    assert_int_equal(outcome.status, 0); /* a broken answer says nothing of the service */
    assert_true(clock_now_ns() - began_ns >= PATIENCE_MS * CLOCK_NS_PER_MS);
}

static void failures_of_the_connection_have_their_class(void **state)
{
    static const struct step steps[] = {
        {.then = THEN_CLOSE},
        {.text = OK "Content-Length: 9\r\n\r\n{", .then = THEN_CLOSE},
        {.text = NULL}};
    static const struct {
        enum error_class error_class;
        int status;
    } expected[] = {{CLASS_CLOSED_EARLY, 0}, {CLASS_CLOSED_EARLY, 0}, {CLASS_TIMEOUT_HEADERS, 0}};

    (void)state;
    SCRIPT(steps);
    make_login("/t", NULL);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct outcome outcome = log_in(0, false);

        check(&outcome, expected[i].error_class, "");
        assert_int_equal(outcome.status, expected[i].status);
    }
}

static void every_login_is_counted_in_its_own_row(void **state)
{
    static const struct step steps[] = {{.text = OK "Content-Length: 9\r\n\r\n{\"t\":\"a\"}"},
                                        {.text = OK "Content-Length: 9\r\n\r\n{\"t\":\"b\"}"},
                                        {.text = "HTTP/1.1 403 No\r\n" EMPTY},
                                        {.text = "HTTP/1.1 403 No\r\n" EMPTY},
                                        {.then = THEN_CLOSE}};
    uint64_t passes, fails;
    const struct stats_error *error;

    (void)state;
    SCRIPT(steps);
    make_login("/t", NULL);
    (void)log_in(0, false);
    for (int i = 0; i < 3; i++)
        (void)log_in(0, true);
    (void)log_in(0, false);
    assert_string_equal(stats_endpoint_name(stats, 0), url);
    assert_string_equal(stats_endpoint_method(stats, 0), "POST");
    stat_get_rate(set, METRIC_LOGIN_SUCCESS, NULL, &passes, &fails);
    assert_true(passes == 2 && fails == 3);
    stat_get_rate(set, METRIC_LOGIN_SUCCESS, "cause:first", &passes, &fails);
    assert_true(passes == 1 && fails == 1);
    stat_get_rate(set, METRIC_LOGIN_SUCCESS, "cause:expired", &passes, &fails);
    assert_true(passes == 1 && fails == 2);
    assert_int_equal(stat_get_count(set, METRIC_HTTP_REQS, NULL), 5);
    stat_get_rate(set, METRIC_HTTP_REQ_FAILED, NULL, &passes, &fails);
    assert_int_equal(passes + fails, 5);
    assert_int_equal(stat_get_count(set, METRIC_HTTP_STATUS, "code:200"), 2);
    assert_int_equal(stat_get_count(set, METRIC_HTTP_STATUS, "code:403"), 2);
    assert_int_equal(stats_error_count(stats), 2);
    error = stats_error_at(stats, 0);
    assert_int_equal(error->count, 2);
    assert_int_equal(error->error_class, CLASS_STATUS_4XX);
    assert_string_equal(error->message, "status 403");
    assert_int_equal(stats_error_at(stats, 1)->error_class, CLASS_CLOSED_EARLY);
}

static void the_row_is_named_without_user_and_password(void **state)
{
    static const struct step steps[] = {{.text = OK EMPTY}};
    char *named = x_asprintf("http://127.0.0.1:%u/login", server.port);
    struct outcome outcome;

    (void)state;
    SCRIPT(steps);
    free(url);
    url = x_asprintf("http://me:secret@127.0.0.1:%u/login", server.port);
    make_login(NULL, NULL);
    outcome = log_in(0, false);
    check(&outcome, CLASS_NONE, "");
    assert_string_equal(stats_endpoint_name(stats, 0), named);
    /* Base64 of "me:secret". */
    assert_true(request_has(0, "Authorization: Basic bWU6c2VjcmV0\r\n"));
    free(named);
}

/* Each hop and each challenge is an exchange of its own. */
static void a_login_by_digest_behind_a_redirect_counts_each_exchange(void **state)
{
    static const struct step steps[] = {
        {.text = "HTTP/1.1 307 Moved\r\nLocation: /in\r\n" EMPTY},
        {.text = "HTTP/1.1 401 Who\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n" EMPTY},
        {.text = OK "Content-Length: 9\r\n\r\n{\"t\":\"a\"}"}};
    struct outcome outcome;

    (void)state;
    SCRIPT(steps);
    message.auth = x_strdup("user:password");
    message.scheme = AUTH_DIGEST;
    make_login("/t", NULL);
    http_session_set_bearer(&server.session, "old", 3);
    outcome = log_in(0, true);
    check(&outcome, CLASS_NONE, "");
    assert_string_equal(token_now(), "a");
    assert_false(request_has(0, "old"));
    assert_true(request_has(2, "Authorization: Digest username=\"user\""));
    assert_int_equal(stat_get_count(set, METRIC_HTTP_REQS, NULL), 3);
}

static void a_hop_that_cannot_be_reached_leaves_no_status(void **state)
{
    static const struct step steps[] = {
        {.text = "HTTP/1.1 307 Moved\r\nLocation: http://127.7.7.7:1/\r\n" EMPTY}};
    struct outcome outcome;

    (void)state;
    SCRIPT(steps);
    make_login("/t", NULL);
    outcome = log_in(0, false);
    check(&outcome, CLASS_CONNECT_REFUSED, "");
    assert_int_equal(outcome.status, 0);
    assert_int_equal(stat_get_count(set, METRIC_HTTP_REQS, NULL), 2);
}

static void each_row_of_the_feed_logs_in_as_itself(void **state)
{
    static const struct step steps[] = {{.text = OK EMPTY}, {.text = OK EMPTY}};
    static const char csv[] = "name,word\nann,a+b\nbob,c&d=e\n";
    struct err err = {0};
    struct feed *feed = feed_parse(csv, sizeof csv - 1, &err);
    static const char *const bodies[] = {"user=ann&pass=a%2Bb", "user=bob&pass=c%26d%3De"};

    (void)state;
    SCRIPT(steps);
    message.body = (uint8_t *)x_strdup("user={{name}}&pass={{word}}");
    message.body_bytes = strlen((const char *)message.body);
    message.content_type = x_strdup("application/x-www-form-urlencoded");
    message.auth = x_strdup("{{name}}:x");
    make_login(NULL, feed);
    for (uint32_t row = 0; row < 2; row++) {
        size_t len;
        const uint8_t *body;

        (void)log_in(row, false);
        body = request_body_at((int)row, &len);
        assert_int_equal(len, strlen(bodies[row]));
        assert_memory_equal(body, bodies[row], len);
    }
    assert_true(request_has(0, "Basic YW5uOng=\r\n")); /* ann:x */
    assert_true(request_has(1, "Basic Ym9iOng=\r\n"));
    feed_free(feed);
}

static void a_login_may_be_cancelled_at_any_time(void **state)
{
    static const struct step steps[] = {{.text = NULL},
                                        {.text = OK "Content-Length: 9\r\n\r\n{"},
                                        {.text = "HTTP/1.1 302 Found\r\nLocation: /b\r\n"
                                                 "Content-Length: 9\r\n\r\n."},
                                        {.text = OK "Content-Length: 9\r\n\r\n{\"t\":\"a\"}"}};
    struct outcome outcome = {0};
    struct login_attempt *attempt;
    uint64_t passes, fails;

    (void)state;
    SCRIPT(steps);
    make_login("/t", NULL);
    attempt = login_start(login, &server.session, 0, false, on_done, &outcome);
    login_cancel(attempt); /* before it is connected */
    for (int i = 1; i <= 3; i++) {
        attempt = login_start(login, &server.session, 0, false, on_done, &outcome);
        wait_for_requests(i);
        turn_for(5);
        login_cancel(attempt);
    }
    turn_for(PATIENCE_MS + SERVER_TIMEOUT_MS);
    assert_int_equal(outcome.count, 0);
    assert_int_equal(stats_error_count(stats), 0);
    stat_get_rate(set, METRIC_LOGIN_SUCCESS, NULL, &passes, &fails);
    assert_int_equal(passes + fails, 0);
    outcome = log_in(0, false);
    check(&outcome, CLASS_NONE, "");
}

/* Nothing is sent there: the kernel refuses the address at once. */
static void an_end_before_the_start_returns_gives_no_attempt(void **state)
{
    struct outcome outcome = {0};
    uint64_t passes, fails;

    (void)state;
    free(url);
    url = x_strdup("http://255.255.255.255:1/login");
    make_login("/t", NULL);
    assert_null(login_start(login, &server.session, 0, false, on_done, &outcome));
    assert_int_equal(outcome.count, 1);
    assert_int_equal(outcome.status, 0);
    check(&outcome, CLASS_UNREACHABLE, "");
    assert_int_equal(stat_get_count(set, METRIC_HTTP_REQS, NULL), 1);
    stat_get_rate(set, METRIC_LOGIN_SUCCESS, NULL, &passes, &fails);
    assert_true(passes == 0 && fails == 1);
}

#define WITH_LOGIN(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOGIN(a_pointer_says_where_the_token_stands),
        WITH_LOGIN(an_answer_without_a_token_is_decode_and_the_old_one_stays),
        WITH_LOGIN(a_token_may_be_as_long_as_the_limit_and_no_longer),
        WITH_LOGIN(each_status_has_its_class),
        WITH_LOGIN(without_a_pointer_the_cookies_are_all),
        WITH_LOGIN(an_answer_over_a_mebibyte_is_too_large),
        WITH_LOGIN(a_compressed_answer_over_a_mebibyte_is_too_large),
        WITH_LOGIN(an_answer_that_never_ends_is_timeout_read),
        WITH_LOGIN(failures_of_the_connection_have_their_class),
        WITH_LOGIN(every_login_is_counted_in_its_own_row),
        WITH_LOGIN(the_row_is_named_without_user_and_password),
        WITH_LOGIN(a_login_by_digest_behind_a_redirect_counts_each_exchange),
        WITH_LOGIN(a_hop_that_cannot_be_reached_leaves_no_status),
        WITH_LOGIN(each_row_of_the_feed_logs_in_as_itself),
        WITH_LOGIN(a_login_may_be_cancelled_at_any_time),
        WITH_LOGIN(an_end_before_the_start_returns_gives_no_attempt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "http/fetch.h"

#include "base/clock.h"
#include "base/mem.h"
#include "fetch_fixture.h"
#include "http/cookie.h"

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
#define WHOLE  OK "Content-Length: 2\r\n\r\nok"
#define MOVED  "HTTP/1.1 302 Found\r\n"
#define TO(at) MOVED "Location: " at "\r\n" EMPTY

static void a_plain_answer_comes_as_it_is(void **state)
{
    static const struct step steps[] = {{.text = WHOLE}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    asker_init(&asker, "/a?b");
    assert_false(fetch_is_under_way(&asker.fetch));
    asker_start(&asker);
    assert_true(fetch_is_under_way(&asker.fetch));
    asker_wait(&asker, 1);
    check_whole(&asker, 200, "ok");
    assert_int_equal(asker.answer_count, 1);
    assert_true(request_has(0, "GET /a?b HTTP/1.1\r\n"));
    assert_null(server.session.own); /* nobody gave anything to keep */
    asker_fini(&asker);
}

/* Fetch Standard, HTTP-redirect fetch, step 12. */
static void each_redirect_treats_the_method_as_its_status_says(void **state)
{
    static const struct {
        int status;
        const char *method, *then;
    } table[] = {
        {301, "GET", "GET"},   {302, "GET", "GET"},   {303, "GET", "GET"},
        {307, "GET", "GET"},   {308, "GET", "GET"},   {301, "POST", "GET"},
        {302, "POST", "GET"},  {303, "POST", "GET"},  {307, "POST", "POST"},
        {308, "POST", "POST"}, {301, "PUT", "PUT"},   {303, "PUT", "GET"},
        {303, "HEAD", "HEAD"}, {302, "HEAD", "HEAD"}, {302, "DELETE", "DELETE"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        bool is_for_head = strcmp(table[i].method, "HEAD") == 0;
        char redirect[128], line[64];
        const struct step steps[] = {
            {.text = redirect}, {.text = is_for_head ? OK "Content-Length: 2\r\n\r\n" : WHOLE}};
        struct asker asker;

        (void)snprintf(redirect, sizeof redirect, "HTTP/1.1 %d Moved\r\nLocation: /b\r\n" EMPTY,
                       table[i].status);
        (void)snprintf(line, sizeof line, "%s /b HTTP/1.1\r\n", table[i].then);
        SCRIPT(steps);
        asker_init(&asker, "/a");
        asker.order.method = table[i].method;
        asker_run(&asker);
        check_whole(&asker, 200, is_for_head ? "" : "ok");
        if (strncmp(request_head(1), line, strlen(line)) != 0)
            fail_msg("after %d: %s", table[i].status, request_head(1));
        assert_int_equal(asker.answer_count, 2);
        assert_int_equal(asker.answers[0], table[i].status);
        asker_fini(&asker);
    }
}

static void other_statuses_of_300_are_for_the_owner(void **state)
{
    static const int statuses[] = {300, 304, 305, 306};

    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        char text[128];
        const struct step steps[] = {{.text = text}};
        struct asker asker;

        (void)snprintf(text, sizeof text, "HTTP/1.1 %d X\r\nLocation: /b\r\n" EMPTY, statuses[i]);
        SCRIPT(steps);
        asker_init(&asker, "/a");
        asker_run(&asker);
        check_whole(&asker, statuses[i], "");
        asker_fini(&asker);
    }
}

static void a_chain_is_followed_each_hop_from_the_one_before(void **state)
{
    static const struct step steps[] = {{.text = TO("c/d?x=1")}, {.text = TO("e")},
                                        {.text = TO("?only")},   {.text = TO("../f#part")},
                                        {.text = TO("/")},       {.text = WHOLE}};
    static const char *const lines[] = {"GET /a/b HTTP",   "GET /a/c/d?x=1 HTTP",
                                        "GET /a/c/e HTTP", "GET /a/c/e?only HTTP",
                                        "GET /a/f HTTP",   "GET / HTTP"};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    asker_init(&asker, "/a/b");
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    for (int i = 0; i < 6; i++) {
        if (!request_has(i, lines[i]))
            fail_msg("request %d: %s", i, request_head(i));
    }
    assert_int_equal(asker.answer_count, 6);
    assert_int_equal(server.connection_count, 1);
    asker_fini(&asker);
}

/* Twenty are followed, the one after them is a failure. */
static void a_loop_ends_at_the_limit_as_status_3xx(void **state)
{
    struct step steps[REDIRECT_LIMIT + 1];
    struct asker asker;

    (void)state;
    for (int i = 0; i <= REDIRECT_LIMIT; i++)
        steps[i] = (struct step){.text = TO("/a")};
    SCRIPT(steps);
    asker_init(&asker, "/a");
    asker_run(&asker);
    check_failed(&asker, CLASS_STATUS_3XX, "20 redirects");
    assert_int_equal(server.request_count, REDIRECT_LIMIT + 1);
    assert_int_equal(asker.head_count, 0);
    assert_true(asker.has_head);
    asker_fini(&asker);

    steps[REDIRECT_LIMIT].text = WHOLE;
    SCRIPT(steps);
    asker_init(&asker, "/a");
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    assert_int_equal(server.request_count, REDIRECT_LIMIT + 1);
    asker_fini(&asker);
}

static void without_a_limit_a_redirect_is_an_answer(void **state)
{
    static const struct step steps[] = {{.text = TO("/b")}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    asker_init(&asker, "/a");
    asker.order.redirect_limit = 0;
    asker_run(&asker);
    check_whole(&asker, 302, "");
    assert_int_equal(server.request_count, 1);
    assert_false(asker.is_at_hop);
    asker_fini(&asker);
}

static void a_redirect_that_leads_nowhere_is_status_3xx(void **state)
{
    static const struct {
        const char *text, *named;
    } table[] = {
        {MOVED EMPTY, "302 without a Location"},
        {MOVED "Location: ftp://127.0.0.1/\r\n" EMPTY, "ftp://"},
        {MOVED "Location: javascript:alert(1)\r\n" EMPTY, "javascript:"},
        {MOVED "Location: http://\r\n" EMPTY, "302"},
        {MOVED "Location: http://127.0.0.1:99999/\r\n" EMPTY, "302"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct step steps[] = {{.text = table[i].text}};
        struct asker asker;

        SCRIPT(steps);
        asker_init(&asker, "/a");
        asker_run(&asker);
        check_failed(&asker, CLASS_STATUS_3XX, table[i].named);
        assert_int_equal(asker.head_count, 0);
        asker_fini(&asker);
    }
}

static void the_body_of_a_redirect_is_drained_and_its_connection_used_again(void **state)
{
    static const struct step steps[] = {
        {.text = MOVED "Location: /b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nmoved\r\n"},
        {.text = WHOLE}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    asker_init(&asker, "/a");
    asker_start(&asker);
    wait_for_requests(1);
    turn_for(5);
    assert_int_equal(server.request_count, 1); /* not before the body's end */
    server_send(0, "3\r\n...\r\n0\r\n\r\n", 13);
    asker_wait(&asker, 1);
    check_whole(&asker, 200, "ok");
    assert_int_equal(server.connection_count, 1);
    assert_true(asker.fetch.exchange.is_reused);
    asker_fini(&asker);
}

static void a_redirect_whose_body_breaks_off_is_followed_all_the_same(void **state)
{
    static const struct step steps[] = {
        {.text = MOVED "Location: /b\r\nContent-Length: 9\r\n\r\nmov", .then = THEN_RESET},
        {.text = MOVED "Location: /c\r\nContent-Length: 9\r\n\r\nmov", .then = THEN_CLOSE},
        {.text = WHOLE}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    asker_init(&asker, "/a");
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    assert_int_equal(server.connection_count, 3);
    asker_fini(&asker);
}

/* Starts it, and sends on so that no read timeout ends it, until the second request comes. */
static void drip_until_followed(struct asker *asker)
{
    uint64_t began_ns = clock_now_ns();

    asker_start(asker);
    wait_for_requests(1);
    while (server.request_count < 2 && clock_now_ns() - began_ns < 3 * CLOCK_NS_PER_S) {
        turn_for(SERVER_TIMEOUT_MS / 10);
        if (server.request_count < 2 && !server_is_left(0))
            server_send(0, ".", 1);
    }
    assert_int_equal(server.request_count, 2);
}

/* A body of 100 MB, of which a little more than the limit is sent: waiting for it would not end. */
static void a_long_body_of_a_redirect_is_cut_at_the_limit(void **state)
{
    static const char head[] = MOVED "Location: /b\r\nContent-Length: 100000000\r\n\r\n";
    struct step steps[] = {{0}, {.text = WHOLE}};
    struct asker asker;
    struct buf text = {0};
    uint64_t began_ns;

    (void)state;
    (void)buf_append_text(&text, head);
    for (int i = 0; i < 65; i++)
        (void)buf_appendf(&text, "%1024d", i);
    steps[0] = (struct step){.text = (const char *)text.bytes, .text_bytes = text.len};
    SCRIPT(steps);
    asker_init(&asker, "/a");
    began_ns = clock_now_ns();
    drip_until_followed(&asker);
    assert_true(clock_now_ns() - began_ns < CLOCK_NS_PER_S); /* it was not the patience */
    asker_wait(&asker, 1);
    check_whole(&asker, 200, "ok");
    assert_int_equal(server.connection_count, 2);
    assert_true(server_is_left(0));
    buf_fini(&text);
    asker_fini(&asker);
}

static void an_endless_body_of_a_redirect_is_cut_after_a_second(void **state)
{
    static const struct step steps[] = {
        {.text = MOVED "Location: /b\r\nContent-Length: 100000\r\n\r\n."}, {.text = WHOLE}};
    struct asker asker;
    uint64_t began_ns = clock_now_ns(), took_ns;

    (void)state;
    SCRIPT(steps);
    asker_init(&asker, "/a");
    drip_until_followed(&asker);
    took_ns = clock_now_ns() - began_ns;
    asker_wait(&asker, 1);
    check_whole(&asker, 200, "ok");
    assert_in_range(took_ns, CLOCK_NS_PER_S, 2 * CLOCK_NS_PER_S);
    assert_int_equal(server.connection_count, 2);
    asker_fini(&asker);
}

static void a_fetch_may_be_cancelled_while_it_drains(void **state)
{
    static const struct step steps[] = {
        {.text = MOVED "Location: /b\r\nContent-Length: 10\r\n\r\n."},
        {.text = MOVED "Location: /b\r\nContent-Length: 10\r\n\r\n."},
        {.text = WHOLE}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    asker_init(&asker, "/a");
    for (int i = 1; i <= 2; i++) {
        asker_start(&asker);
        asker_wait_for_answers(&asker, i);
        fetch_cancel(&asker.fetch, i == 1);
        assert_false(fetch_is_under_way(&asker.fetch));
        fetch_cancel(&asker.fetch, true); /* no-op */
    }
    turn_for(1100); /* the drain's patience would be over */
    assert_int_equal(server.request_count, 2);
    assert_int_equal(asker.end_count, 0);
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    asker_fini(&asker);
}

/* The server's own port stands in `format` for %u. */
static char *redirect_to(const char *path, uint16_t port, const char *fields)
{
    return x_asprintf(MOVED "Location: http://127.0.0.1:%u%s\r\n%s" EMPTY, port, path, fields);
}

static void another_origin_gets_no_credentials_but_its_own_cookies(void **state)
{
    static const char *const headers[] = {"Authorization: Bearer secret", "Cookie: user=secret",
                                          "Proxy-Authorization: secret", "X-Kept: yes", NULL};
    char *away = redirect_to("/b", server.other_port, "Set-Cookie: jar=1\r\n");
    char *back = redirect_to("/c", server.port, "");
    const struct step steps[] = {{.text = away}, {.text = back}, {.text = WHOLE}};
    struct asker asker;
    char host[64];

    (void)state;
    SCRIPT(steps);
    asker_init(&asker, "/a");
    asker.headers = headers;
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    assert_true(request_has(0, "Authorization: Bearer secret\r\n"));
    assert_true(request_has(0, "Cookie: user=secret\r\n"));
    (void)snprintf(host, sizeof host, "Host: 127.0.0.1:%u\r\n", server.other_port);
    assert_true(request_has(1, host));
    assert_false(request_has(1, "secret"));
    assert_true(request_has(1, "Cookie: jar=1\r\n")); /* a port is no border for cookies */
    assert_true(request_has(1, "X-Kept: yes\r\n"));
    (void)snprintf(host, sizeof host, "Host: 127.0.0.1:%u\r\n", server.port);
    assert_true(request_has(2, host));
    assert_true(request_has(2, "Authorization: Bearer secret\r\n")); /* home again */
    asker_fini(&asker);
    free(away);
    free(back);
}

/* 127.0.0.2 is the same server under another name, and so another jar. */
static void cookies_go_only_to_the_host_that_set_them(void **state)
{
    static const struct step first[] = {{.text = OK "Set-Cookie: mine=1\r\n" EMPTY}};
    struct asker asker;
    struct url other;
    struct err err = {0};
    struct buf text = {0};
    static const char elsewhere[] = "http://127.0.0.2/";

    (void)state;
    SCRIPT(first);
    asker_init(&asker, "/a");
    asker_run(&asker);
    assert_int_equal(url_parse(elsewhere, strlen(elsewhere), &other, &err), 0);
    assert_int_equal(cookie_jar_append(server.session.own->jar, &other, 1, &text), 0);
    assert_int_equal(cookie_jar_append(server.session.own->jar, &asker.url, 1, &text), 1);
    assert_string_equal(buf_text(&text), "mine=1");
    buf_fini(&text);
    url_fini(&other);
    asker_fini(&asker);
}

static void cookies_of_a_redirect_go_out_with_the_next_hop(void **state)
{
    static const struct step steps[] = {
        {.text = MOVED "Location: /b/c\r\nSet-Cookie: a=1\r\nSet-Cookie: deep=2; Path=/b\r\n"
                       "Set-Cookie: far=3; Path=/far\r\n" EMPTY},
        {.text = MOVED "Location: /d\r\nSet-Cookie: a=; Path=/; Max-Age=0\r\n" EMPTY},
        {.text = OK "Set-Cookie: last=4\r\n" EMPTY},
        {.text = WHOLE}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    asker_init(&asker, "/a");
    asker.restarts_at = AT_END;
    asker_start(&asker);
    asker_wait(&asker, 2);
    assert_false(request_has(0, "Cookie:"));
    assert_true(request_has(1, "Cookie: deep=2; a=1\r\n")); /* the longest path first */
    assert_false(request_has(2, "Cookie:"));
    assert_true(request_has(3, "Cookie: last=4\r\n"));
    asker_fini(&asker);
}

static void a_flood_of_cookies_is_bounded(void **state)
{
    struct buf text = {0};
    struct step steps[2] = {{0}, {.text = WHOLE}};
    struct asker asker;

    (void)state;
    (void)buf_append_text(&text, OK);
    for (int i = 0; i < 150; i++)
        (void)buf_appendf(&text, "Set-Cookie: c%03d=x\r\n", i);
    (void)buf_append_text(&text, EMPTY);
    steps[0].text = buf_text(&text);
    SCRIPT(steps);
    asker_init(&asker, "/a");
    asker.restarts_at = AT_END;
    asker_start(&asker);
    asker_wait(&asker, 2);
    assert_int_equal(cookie_jar_count(server.session.own->jar), 50);
    assert_true(request_has(1, "c000=x") && request_has(1, "c049=x"));
    assert_false(request_has(1, "c050=x"));
    buf_fini(&text);
    asker_fini(&asker);
}

static void a_refused_cookie_leaves_no_jar_behind(void **state)
{
    static const struct step steps[] = {
        {.text = OK "Set-Cookie: a=1; Domain=example.com\r\nSet-Cookie: b=1; Max-Age=0\r\n"
                    "Set-Cookie: none\r\n" EMPTY}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    asker_init(&asker, "/a");
    asker_run(&asker);
    assert_true(!server.session.own || !server.session.own->jar);
    asker_fini(&asker);
}

static void a_session_that_closes_forgets_all(void **state)
{
    static const struct step steps[] = {{.text = OK "Set-Cookie: a=1\r\n" EMPTY}, {.text = WHOLE}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    asker_init(&asker, "/a");
    asker_run(&asker);
    http_session_set_bearer(&server.session, "token", 3);
    assert_string_equal(server.session.own->bearer, "tok");
    http_session_set_bearer(&server.session, "new", 3);
    assert_string_equal(server.session.own->bearer, "new");
    http_session_close(&server.session, false);
    asker_start(&asker);
    asker_wait(&asker, 2);
    assert_false(request_has(1, "Cookie:"));
    assert_false(request_has(1, "Authorization:"));
    assert_int_equal(server.connection_count, 2);
    asker_fini(&asker);
}

static void a_kept_connection_that_died_is_replaced_once(void **state)
{
    static const struct step steps[] = {{.text = TO("/b")},
                                        {.then = THEN_CLOSE},
                                        {.text = WHOLE},
                                        {.then = THEN_RESET},
                                        {.then = THEN_CLOSE}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    asker_init(&asker, "/a");
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    assert_int_equal(asker.write_count, 3);
    assert_true(request_has(2, "GET /b HTTP/1.1\r\n")); /* the hop, not the first request */
    assert_false(asker.fetch.exchange.is_reused);
    asker.end_count = 0;
    asker_run(&asker);
    check_failed(&asker, CLASS_CLOSED_EARLY, "");
    assert_int_equal(server.request_count, 5);
    asker_fini(&asker);
}

static void a_hop_that_cannot_be_reached_ends_the_fetch(void **state)
{
    static const struct step steps[] = {{.text = MOVED "Location: http://127.7.7.7:1/\r\n" EMPTY}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    asker_init(&asker, "/a");
    asker_run(&asker);
    check_failed(&asker, CLASS_CONNECT_REFUSED, "");
    assert_false(asker.has_head);
    asker_fini(&asker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(a_plain_answer_comes_as_it_is),
        WITH_SERVER(each_redirect_treats_the_method_as_its_status_says),
        WITH_SERVER(other_statuses_of_300_are_for_the_owner),
        WITH_SERVER(a_chain_is_followed_each_hop_from_the_one_before),
        WITH_SERVER(a_loop_ends_at_the_limit_as_status_3xx),
        WITH_SERVER(without_a_limit_a_redirect_is_an_answer),
        WITH_SERVER(a_redirect_that_leads_nowhere_is_status_3xx),
        WITH_SERVER(the_body_of_a_redirect_is_drained_and_its_connection_used_again),
        WITH_SERVER(a_redirect_whose_body_breaks_off_is_followed_all_the_same),
        WITH_SERVER(a_long_body_of_a_redirect_is_cut_at_the_limit),
        WITH_SERVER(an_endless_body_of_a_redirect_is_cut_after_a_second),
        WITH_SERVER(a_fetch_may_be_cancelled_while_it_drains),
        WITH_SERVER(another_origin_gets_no_credentials_but_its_own_cookies),
        WITH_SERVER(cookies_go_only_to_the_host_that_set_them),
        WITH_SERVER(cookies_of_a_redirect_go_out_with_the_next_hop),
        WITH_SERVER(a_flood_of_cookies_is_bounded),
        WITH_SERVER(a_refused_cookie_leaves_no_jar_behind),
        WITH_SERVER(a_session_that_closes_forgets_all),
        WITH_SERVER(a_kept_connection_that_died_is_replaced_once),
        WITH_SERVER(a_hop_that_cannot_be_reached_ends_the_fetch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

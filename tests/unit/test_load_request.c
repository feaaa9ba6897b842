#include "load/request.h"

#include "base/mem.h"
#include "http/auth.h"
#include "http/body.h"
#include "load/feed.h"
#include "load/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define AGENT    "User-Agent: cicada/" CICADA_VERSION "\r\n"
#define DEFAULTS AGENT "Accept: text/event-stream\r\nCache-Control: no-cache\r\n"

static struct plan *make_plan(const char *url)
{
    struct plan *plan = plan_new();

    plan->targets = x_calloc(1, sizeof *plan->targets);
    plan->targets[0] = (struct plan_target){.url = x_strdup(url), .weight = 1};
    plan->target_count = 1;
    return plan;
}

static void add_header(struct plan *plan, const char *line)
{
    plan_list_add(&plan->request.headers, line);
}

static void set_method(struct plan *plan, const char *method)
{
    free(plan->request.method);
    plan->request.method = x_strdup(method);
}

static void set_body(struct plan *plan, const char *text, const char *content_type)
{
    set_method(plan, "POST");
    plan->request.body = (uint8_t *)x_strdup(text);
    plan->request.body_bytes = strlen(text);
    plan->request.content_type = content_type ? x_strdup(content_type) : NULL;
}

static struct request *make_request(const struct plan *plan, const struct feed *feed,
                                    struct err *err)
{
    struct request_spec spec = {.url = plan->targets[0].url,
                                .message = &plan->request,
                                .feed = feed,
                                .is_for_stream = true};

    return request_new(&spec, err);
}

/* Frees the plan. */
static void check(struct plan *plan, const struct feed *feed, struct request_variant variant,
                  const char *expected)
{
    static const struct fetch_hop plain = {0};
    struct err err = {0};
    struct request *request = make_request(plan, feed, &err);
    const struct http_body *body = NULL;
    struct buf out = {0};

    if (!request)
        fail_msg("%s", err.text);
    if (!variant.hop)
        variant.hop = &plain;
    request_write(request, &variant, &out, &body);
    assert_null(body);
    assert_string_equal(buf_text(&out), expected);
    buf_fini(&out);
    request_free(request);
    plan_free(plan);
}

static void a_plain_request_has_the_defaults(void **state)
{
    (void)state;
    check(make_plan("http://example.com/a?b=c#d"), NULL, (struct request_variant){0},
          "GET /a?b=c HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS "\r\n");
    check(make_plan("http://[::1]:8080"), NULL, (struct request_variant){0},
          "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n" DEFAULTS "\r\n");
}

static void headers_of_the_user_replace_the_defaults(void **state)
{
    struct plan *plan = make_plan("http://example.com/");

    (void)state;
    add_header(plan, "host: other");
    add_header(plan, "ACCEPT: */*");
    add_header(plan, "User-agent: me");
    add_header(plan, "X-Empty:");
    check(plan, NULL, (struct request_variant){0},
          "GET / HTTP/1.1\r\nCache-Control: no-cache\r\nhost: other\r\nACCEPT: */*\r\n"
          "User-agent: me\r\nX-Empty:\r\n\r\n");
}

static void a_body_has_length_and_type(void **state)
{
    struct plan *plan = make_plan("http://example.com/");

    (void)state;
    set_body(plan, "{\"a\":1}", "application/json");
    add_header(plan, "Content-Length: 99"); /* only the right one goes out */
    check(plan, NULL, (struct request_variant){0},
          "POST / HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS
          "Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}");
    plan = make_plan("http://example.com/");
    set_body(plan, "", "text/plain");
    add_header(plan, "Content-Type: text/csv");
    check(plan, NULL, (struct request_variant){0},
          "POST / HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS
          "Content-Type: text/csv\r\nContent-Length: 0\r\n\r\n");
}

static void columns_of_the_feed_are_filled_in(void **state)
{
    static const char text[] = "user,token\na b,t1\nc&d,t2\n";
    struct err err = {0};
    struct feed *feed = feed_parse(text, sizeof text - 1, &err);
    static const char *const expected[] = {
        "POST /u/a%20b?t=t1 HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS
        "X-User: a b\r\nContent-Length: 8\r\n\r\nuser=a b",
        "POST /u/c%26d?t=t2 HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS
        "X-User: c&d\r\nContent-Length: 8\r\n\r\nuser=c&d",
    };

    (void)state;
    for (size_t row = 0; row < 4; row++) {
        struct plan *plan = make_plan("http://example.com/u/{{user}}?t={{token}}");

        set_body(plan, "user={{user}}", NULL);
        add_header(plan, "X-User: {{user}}");
        check(plan, feed, (struct request_variant){.row = row}, expected[row % 2]);
    }
    feed_free(feed);
}

static void the_last_event_id_goes_out(void **state)
{
    struct request_variant variant = {.last_id = "é 7", .last_id_bytes = strlen("é 7")};
    struct plan *plan = make_plan("http://example.com/");

    (void)state;
    add_header(plan, "Last-Event-ID: of the user"); /* until the stream has one of its own */
    check(plan, NULL, variant,
          "GET / HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS "Last-Event-ID: é 7\r\n\r\n");
    plan = make_plan("http://example.com/");
    add_header(plan, "Last-Event-ID: of the user");
    check(plan, NULL, (struct request_variant){0},
          "GET / HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS "Last-Event-ID: of the user\r\n\r\n");
}

static struct plan *make_secret_plan(void)
{
    struct plan *plan = make_plan("http://example.com/a");

    set_body(plan, "body", "text/plain");
    add_header(plan, "Authorization: Bearer x");
    add_header(plan, "COOKIE: a=b");
    add_header(plan, "Host: virtual");
    add_header(plan, "X-Kept: 1");
    return plan;
}

static void a_redirect_keeps_secrets_from_other_origins(void **state)
{
    struct url same, other;
    struct err err = {0};
    static const char near[] = "http://example.com/b?c", far[] = "http://example.com:81/b";
    struct fetch_hop near_hop = {.url = &same, .effect = {.is_redirected = true}};
    struct fetch_hop far_hop = {.url = &other,
                                .effect = {.is_redirected = true, .is_elsewhere = true}};
    struct fetch_hop get_hop = far_hop;

    (void)state;
    get_hop.effect.is_turned_to_get = true;
    assert_int_equal(url_parse(near, strlen(near), &same, &err), 0);
    assert_int_equal(url_parse(far, strlen(far), &other, &err), 0);
    check(make_secret_plan(), NULL, (struct request_variant){.hop = &near_hop},
          "POST /b?c HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS
          "Content-Type: text/plain\r\nAuthorization: Bearer x\r\nCOOKIE: a=b\r\nX-Kept: 1\r\n"
          "Content-Length: 4\r\n\r\nbody");
    check(make_secret_plan(), NULL, (struct request_variant){.hop = &far_hop},
          "POST /b HTTP/1.1\r\nHost: example.com:81\r\n" DEFAULTS
          "Content-Type: text/plain\r\nX-Kept: 1\r\nContent-Length: 4\r\n\r\nbody");
    check(make_secret_plan(), NULL, (struct request_variant){.hop = &get_hop},
          "GET /b HTTP/1.1\r\nHost: example.com:81\r\n" DEFAULTS "X-Kept: 1\r\n\r\n");
    url_fini(&same);
    url_fini(&other);
}

/* Fetch Standard, HTTP-redirect fetch, step 12: the headers that describe the body go with it. */
static void a_post_turned_to_get_loses_what_described_its_body(void **state)
{
    struct url url;
    struct fetch_hop hop = {.url = &url,
                            .effect = {.is_redirected = true, .is_turned_to_get = true}};
    struct err err = {0};
    struct plan *plan = make_plan("http://example.com/a");
    static const char text[] = "http://example.com/b";

    (void)state;
    assert_int_equal(url_parse(text, strlen(text), &url, &err), 0);
    set_body(plan, "body", NULL);
    add_header(plan, "Content-Type: text/csv");
    add_header(plan, "Content-Language: de");
    add_header(plan, "Content-Length: 4");
    check(plan, NULL, (struct request_variant){.hop = &hop},
          "GET /b HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS "\r\n");
    url_fini(&url);
}

static void what_cannot_be_sent_is_named(void **state)
{
    static const struct {
        const char *url, *method, *header, *named;
    } table[] = {
        {"ftp://example.com/", "GET", NULL, "ftp://example.com/"},
        {"http://", "GET", NULL, "http://"},
        {"http://a%3Ab:secret@example.com/", "GET", NULL, "colon"},
        {"http://a%0Ab:secret@example.com/", "GET", NULL, "user"},
        {"http://user:secret@example.com/", "GET", "Authorization: Bearer x", "exclude"},
        {"http://example.com/", "G T", NULL, "G T"},
        {"http://example.com/", "", NULL, "method"},
        {"http://example.com/", "GET", "no colon", "no colon"},
        {"http://example.com/", "GET", "a b: c", "a b"},
        {"http://example.com/", "GET", ": c", "Name: value"},
        {"http://example.com/", "GET", "A: b\r\nC: d", "'A'"},
        {"http://example.com/{{x}}", "GET", NULL, "x"},
        {"http://example.com/", "GET", "A: {{x}}", "x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct plan *plan = make_plan(table[i].url);
        struct err err = {0};

        plan->request.scheme = AUTH_BASIC;
        set_method(plan, table[i].method);
        if (table[i].header)
            add_header(plan, table[i].header);
        assert_null(make_request(plan, NULL, &err));
        if (!strstr(err.text, table[i].named))
            fail_msg("'%s' does not name '%s'", err.text, table[i].named);
        plan_free(plan);
    }
    request_free(NULL);
}

/* One Cookie field for all (RFC 6265, section 5.4). */
static void cookies_join_a_header_of_the_user(void **state)
{
    static const struct fetch_hop hop = {.cookies = "a=1; b=2"};
    struct url other;
    struct err err = {0};
    static const char far[] = "http://example.com:81/b";
    struct fetch_hop far_hop = {.url = &other,
                                .effect = {.is_redirected = true, .is_elsewhere = true},
                                .cookies = "theirs=3"};
    struct plan *plan = make_plan("http://example.com/");

    (void)state;
    check(plan, NULL, (struct request_variant){.hop = &hop},
          "GET / HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS "Cookie: a=1; b=2\r\n\r\n");
    plan = make_plan("http://example.com/");
    add_header(plan, "cookie: mine=0");
    add_header(plan, "X: y");
    add_header(plan, "Cookie: second=0");
    check(plan, NULL, (struct request_variant){.hop = &hop},
          "GET / HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS
          "cookie: mine=0; a=1; b=2\r\nX: y\r\nCookie: second=0\r\n\r\n");
    plan = make_plan("http://example.com/");
    add_header(plan, "Cookie: mine=0");
    assert_int_equal(url_parse(far, strlen(far), &other, &err), 0);
    check(plan, NULL, (struct request_variant){.hop = &far_hop},
          "GET /b HTTP/1.1\r\nHost: example.com:81\r\n" DEFAULTS "Cookie: theirs=3\r\n\r\n");
    url_fini(&other);
}

static void the_authorization_of_the_hop_replaces_a_header(void **state)
{
    static const struct fetch_hop hop = {.authorization = "Authorization: Bearer new\r\n"};
    struct plan *plan = make_plan("http://example.com/");

    (void)state;
    add_header(plan, "authorization: Bearer old");
    add_header(plan, "X: y");
    check(plan, NULL, (struct request_variant){.hop = &hop},
          "GET / HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS
          "X: y\r\nAuthorization: Bearer new\r\n\r\n");
}

static void compression_is_asked_for_where_it_is_wanted(void **state)
{
    struct plan *plan = make_plan("http://example.com/");
    struct err err = {0};
    struct request *request = make_request(plan, NULL, &err);

    (void)state;
    assert_false(request_wants_decoding(request));
    request_free(request);
    plan->request.wants_compressed = true;
    request = make_request(plan, NULL, &err);
    assert_true(request_wants_decoding(request));
    request_free(request);
    check(plan, NULL, (struct request_variant){0},
          "GET / HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS
          "Accept-Encoding: gzip, deflate, br\r\n\r\n");
    plan = make_plan("http://example.com/"); /* a header says it, too */
    plan->request.wants_compressed = true;
    add_header(plan, "accept-encoding: gzip");
    request = make_request(plan, NULL, &err);
    assert_true(request_wants_decoding(request));
    request_free(request);
    check(plan, NULL, (struct request_variant){0},
          "GET / HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS "accept-encoding: gzip\r\n\r\n");
}

static void values_of_the_feed_are_encoded_in_a_form_of_ours_alone(void **state)
{
    static const char text[] = "word\na+b&c=%\xc3\xa4\n";
    struct err err = {0};
    struct feed *feed = feed_parse(text, sizeof text - 1, &err);
    struct plan *plan = make_plan("http://example.com/");

    (void)state;
    set_body(plan, "x=1+2&y={{word}}", "application/x-www-form-urlencoded");
    check(plan, feed, (struct request_variant){0},
          "POST / HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS
          "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 29\r\n\r\n"
          "x=1+2&y=a%2Bb%26c%3D%25%C3%A4");
    plan = make_plan("http://example.com/");
    set_body(plan, "{{word}}", "application/x-www-form-urlencoded");
    add_header(plan, "Content-Type: text/plain"); /* then it is whatever the user says */
    check(plan, feed, (struct request_variant){0},
          "POST / HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS
          "Content-Type: text/plain\r\nContent-Length: 9\r\n\r\na+b&c=%\xc3\xa4");
    feed_free(feed);
}

static void a_stored_body_is_left_to_the_connection(void **state)
{
    static const char far[] = "http://example.com/b";
    struct url url;
    struct fetch_hop plain = {0};
    struct fetch_hop turned = {.url = &url,
                               .effect = {.is_redirected = true, .is_turned_to_get = true}};
    struct plan *plan = make_plan("http://example.com/");
    struct request_body stored = {.body = http_body_new(),
                                  .content_type = x_strdup("multipart/form-data")};
    struct request_spec spec = {.url = plan->targets[0].url,
                                .message = &plan->request,
                                .body = &stored,
                                .is_for_stream = false};
    const struct http_body *body = NULL;
    struct err err = {0};
    struct request *request;
    struct buf out = {0};

    (void)state;
    set_method(plan, "PUT");
    http_body_add_bytes(stored.body, "12345", 5);
    assert_int_equal(url_parse(far, strlen(far), &url, &err), 0);
    request = request_new(&spec, &err);
    for (int i = 0; i < 2; i++) { /* each time anew */
        buf_clear(&out);
        body = NULL;
        request_write(request, &(struct request_variant){.hop = &plain}, &out, &body);
        assert_string_equal(buf_text(&out), "PUT / HTTP/1.1\r\nHost: example.com\r\n" AGENT
                                            "Accept: */*\r\nContent-Type: multipart/form-data\r\n"
                                            "Content-Length: 5\r\n\r\n");
        assert_ptr_equal(body, stored.body);
    }
    buf_clear(&out);
    body = NULL;
    request_write(request, &(struct request_variant){.hop = &turned}, &out, &body);
    assert_string_equal(buf_text(&out),
                        "GET /b HTTP/1.1\r\nHost: example.com\r\n" AGENT "Accept: */*\r\n\r\n");
    assert_null(body);
    buf_fini(&out);
    url_fini(&url);
    request_free(request);
    request_body_fini(&stored);
    plan_free(plan);
}

/* The line that a fetch would send, from the URL, else from the message. */
static void check_auth_line(const char *url, const char *auth_text, size_t row,
                            const struct feed *feed, const char *expected)
{
    struct plan *plan = make_plan(url);
    struct err err = {0};
    struct request *request;
    struct auth *auth;
    struct buf line = {0};

    plan->request.scheme = AUTH_BASIC;
    plan->request.auth = auth_text ? x_strdup(auth_text) : NULL;
    request = make_request(plan, feed, &err);
    assert_non_null(request);
    auth = request_make_auth(request, row);
    assert_int_equal(auth != NULL, expected != NULL);
    if (auth) {
        auth_append_with_cnonce(auth, "GET", "/", "c", &line);
        assert_string_equal(buf_text(&line), expected);
    }
    auth_free(auth);
    buf_fini(&line);
    request_free(request);
    plan_free(plan);
}

static void credentials_come_from_the_url_else_from_the_option(void **state)
{
    static const char text[] = "user,word\nann,one\nbob,two\n";
    struct err err = {0};
    struct feed *feed = feed_parse(text, sizeof text - 1, &err);

    (void)state;
    check_auth_line("http://h/", NULL, 0, NULL, NULL);
    check_auth_line("http://h/", "a:b:c", 0, NULL, "Authorization: Basic YTpiOmM=\r\n");
    check_auth_line("http://h/", "a", 0, NULL, "Authorization: Basic YTo=\r\n");
    check_auth_line("http://x:y%3A%20@h/", "a:b", 0, NULL, "Authorization: Basic eDp5OiA=\r\n");
    check_auth_line("http://h/", "{{user}}:{{word}}", 0, feed,
                    "Authorization: Basic YW5uOm9uZQ==\r\n");
    check_auth_line("http://h/", "{{user}}:{{word}}", 3, feed,
                    "Authorization: Basic Ym9iOnR3bw==\r\n");
    feed_free(feed);
}

static void a_row_with_credentials_that_cannot_be_sent_is_named_before_the_start(void **state)
{
    static const char text[] = "user\nann\nb:ob\n";
    struct err err = {0};
    struct feed *feed = feed_parse(text, sizeof text - 1, &err);
    struct plan *plan = make_plan("http://h/");

    (void)state;
    plan->request.scheme = AUTH_BASIC;
    plan->request.auth = x_strdup("{{user}}:secret");
    assert_null(make_request(plan, feed, &err));
    assert_non_null(strstr(err.text, "b:ob"));
    assert_null(strstr(err.text, "secret"));
    plan_free(plan);
    feed_free(feed);
}

static uint64_t key_of(const char *text)
{
    return request_key((const uint8_t *)text, strlen(text));
}

static void a_key_tells_requests_apart_but_not_their_last_event_id(void **state)
{
    static const char *const others[] = {
        "GET /b HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: b\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nCookie: id=1\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\n\r\nLast-Event-ID: 7\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\n\r\nbody",
        "",
    };
    uint64_t key = key_of("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");

    (void)state;
    assert_true(key != 0 && key_of("") != 0);
    assert_true(key_of("GET /a HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 7\r\n\r\n") == key);
    assert_true(key_of("GET /a HTTP/1.1\r\nlast-event-id: 8\r\nHost: a\r\n\r\n") == key);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_true(key_of(others[i]) != key);
        for (size_t k = 0; k < i; k++)
            assert_true(key_of(others[i]) != key_of(others[k]));
    }
}

static void of_a_digest_only_who_asks_is_in_the_key(void **state)
{
    (void)state;
    assert_true(key_of("GET /a HTTP/1.1\r\nAuthorization: Digest username=\"a,b\", nc=1\r\n\r\n") ==
                key_of("GET /a HTTP/1.1\r\nAuthorization: Digest username=\"a,b\", nc=2\r\n\r\n"));
    assert_true(key_of("GET /a HTTP/1.1\r\nAuthorization: Digest username=\"a,b\", nc=1\r\n\r\n") !=
                key_of("GET /a HTTP/1.1\r\nAuthorization: Digest username=\"a,c\", nc=1\r\n\r\n"));
    assert_true(key_of("GET /a HTTP/1.1\r\nAuthorization: Digest") != 0);
}

static void a_key_is_that_of_the_request_as_sent(void **state)
{
    static const struct fetch_hop plain = {0};
    struct plan *plan = make_plan("http://example.test/a");
    struct err err;
    struct request *request = make_request(plan, NULL, &err);
    struct request_variant first = {.hop = &plain};
    struct request_variant resumed = {.hop = &plain, .last_id = "17", .last_id_bytes = 2};
    const struct http_body *body;
    struct buf one = {0}, two = {0};

    (void)state;
    request_write(request, &first, &one, &body);
    request_write(request, &resumed, &two, &body);
    assert_true(one.len != two.len);
    assert_true(request_key(one.bytes, one.len) == request_key(two.bytes, two.len));
    buf_fini(&one);
    buf_fini(&two);
    request_free(request);
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_request_has_the_defaults),
        cmocka_unit_test(headers_of_the_user_replace_the_defaults),
        cmocka_unit_test(a_body_has_length_and_type),
        cmocka_unit_test(columns_of_the_feed_are_filled_in),
        cmocka_unit_test(the_last_event_id_goes_out),
        cmocka_unit_test(a_redirect_keeps_secrets_from_other_origins),
        cmocka_unit_test(a_post_turned_to_get_loses_what_described_its_body),
        cmocka_unit_test(what_cannot_be_sent_is_named),
        cmocka_unit_test(cookies_join_a_header_of_the_user),
        cmocka_unit_test(the_authorization_of_the_hop_replaces_a_header),
        cmocka_unit_test(compression_is_asked_for_where_it_is_wanted),
        cmocka_unit_test(values_of_the_feed_are_encoded_in_a_form_of_ours_alone),
        cmocka_unit_test(a_stored_body_is_left_to_the_connection),
        cmocka_unit_test(credentials_come_from_the_url_else_from_the_option),
        cmocka_unit_test(a_key_tells_requests_apart_but_not_their_last_event_id),
        cmocka_unit_test(of_a_digest_only_who_asks_is_in_the_key),
        cmocka_unit_test(a_key_is_that_of_the_request_as_sent),
        cmocka_unit_test(a_row_with_credentials_that_cannot_be_sent_is_named_before_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

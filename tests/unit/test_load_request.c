#include "load/request.h"

#include "base/mem.h"
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
    plan->headers = x_realloc(plan->headers, (plan->header_count + 1) * sizeof *plan->headers);
    plan->headers[plan->header_count++] = x_strdup(line);
}

static void set_method(struct plan *plan, const char *method)
{
    free(plan->method);
    plan->method = x_strdup(method);
}

static void set_body(struct plan *plan, const char *text, const char *content_type)
{
    set_method(plan, "POST");
    plan->body = (uint8_t *)x_strdup(text);
    plan->body_bytes = strlen(text);
    plan->content_type = content_type ? x_strdup(content_type) : NULL;
}

/* Frees the plan. */
static void check(struct plan *plan, const struct feed *feed, struct request_variant variant,
                  const char *expected)
{
    struct err err = {0};
    struct request *request = request_new(plan, 0, feed, &err);
    struct buf out = {0};

    if (!request)
        fail_msg("%s", err.text);
    request_write(request, &variant, &out);
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

    (void)state;
    assert_int_equal(url_parse(near, strlen(near), &same, &err), 0);
    assert_int_equal(url_parse(far, strlen(far), &other, &err), 0);
    check(make_secret_plan(), NULL, (struct request_variant){.redirect = &same},
          "POST /b?c HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS
          "Content-Type: text/plain\r\nAuthorization: Bearer x\r\nCOOKIE: a=b\r\nX-Kept: 1\r\n"
          "Content-Length: 4\r\n\r\nbody");
    check(make_secret_plan(), NULL, (struct request_variant){.redirect = &other},
          "POST /b HTTP/1.1\r\nHost: example.com:81\r\n" DEFAULTS
          "Content-Type: text/plain\r\nX-Kept: 1\r\nContent-Length: 4\r\n\r\nbody");
    check(make_secret_plan(), NULL,
          (struct request_variant){.redirect = &other, .is_turned_to_get = true},
          "GET /b HTTP/1.1\r\nHost: example.com:81\r\n" DEFAULTS "X-Kept: 1\r\n\r\n");
    url_fini(&same);
    url_fini(&other);
}

/* Fetch Standard, HTTP-redirect fetch, step 12: the headers that describe the body go with it. */
static void a_post_turned_to_get_loses_what_described_its_body(void **state)
{
    struct url url;
    struct err err = {0};
    struct plan *plan = make_plan("http://example.com/a");
    static const char text[] = "http://example.com/b";

    (void)state;
    assert_int_equal(url_parse(text, strlen(text), &url, &err), 0);
    set_body(plan, "body", NULL);
    add_header(plan, "Content-Type: text/csv");
    add_header(plan, "Content-Language: de");
    add_header(plan, "Content-Length: 4");
    check(plan, NULL, (struct request_variant){.redirect = &url, .is_turned_to_get = true},
          "GET /b HTTP/1.1\r\nHost: example.com\r\n" DEFAULTS "\r\n");
    url_fini(&url);
}

static void what_cannot_be_sent_is_named(void **state)
{
    static const struct {
        const char *url, *method, *header, *named;
    } table[] = {
        {"https://example.com/", "GET", NULL, "TLS"},
        {"ftp://example.com/", "GET", NULL, "ftp://example.com/"},
        {"http://", "GET", NULL, "http://"},
        {"http://user:secret@example.com/", "GET", NULL, "--header"},
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

        set_method(plan, table[i].method);
        if (table[i].header)
            add_header(plan, table[i].header);
        assert_null(request_new(plan, 0, NULL, &err));
        if (!strstr(err.text, table[i].named))
            fail_msg("'%s' does not name '%s'", err.text, table[i].named);
        plan_free(plan);
    }
    request_free(NULL);
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "http/redirect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool is_redirect(enum redirect_rules rules, int status, bool has_location)
{
    struct http_head head;
    bool result;

    http_head_init(&head);
    head.status = (uint16_t)status;
    if (has_location) {
        assert_int_equal(http_head_add_name(&head, "location", 8), 0);
        assert_int_equal(http_head_add_value(&head, "/", 1), 0);
    }
    result = redirect_is_one(rules, &head);
    http_head_fini(&head);
    return result;
}

static void five_statuses_are_redirects(void **state)
{
    static const int statuses[] = {301, 302, 303, 307, 308};
    int count = 0;

    (void)state;
    for (int status = 100; status < 1000; status++)
        count += is_redirect(REDIRECT_AS_BROWSER, status, false) +
                 is_redirect(REDIRECT_AS_REQUESTS, status, true);
    assert_int_equal(count, 10);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        assert_true(is_redirect(REDIRECT_AS_BROWSER, statuses[i], false));
        assert_true(is_redirect(REDIRECT_AS_REQUESTS, statuses[i], true));
        assert_false(is_redirect(REDIRECT_AS_REQUESTS, statuses[i], false));
    }
}

/* The table of requests 2.28, Session.rebuild_method. */
static void every_method_turns_to_get_behind_a_302_of_requests(void **state)
{
    static const struct {
        int status;
        const char *method;
        bool is_turned;
    } table[] = {
        {301, "POST", true}, {301, "PUT", false},    {302, "PUT", true},   {302, "DELETE", true},
        {302, "GET", true},  {302, "HEAD", false},   {303, "PATCH", true}, {303, "HEAD", false},
        {307, "PUT", false}, {308, "DELETE", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(
            redirect_turns_to_get(REDIRECT_AS_REQUESTS, table[i].status, table[i].method),
            table[i].is_turned);
}

static void a_post_turns_to_get_as_in_a_browser(void **state)
{
    (void)state;
    assert_true(redirect_turns_to_get(REDIRECT_AS_BROWSER, 301, "POST"));
    assert_true(redirect_turns_to_get(REDIRECT_AS_BROWSER, 302, "POST"));
    assert_true(redirect_turns_to_get(REDIRECT_AS_BROWSER, 303, "POST"));
    assert_true(redirect_turns_to_get(REDIRECT_AS_BROWSER, 303, "PUT"));
    assert_false(redirect_turns_to_get(REDIRECT_AS_BROWSER, 303, "HEAD"));
    assert_false(redirect_turns_to_get(REDIRECT_AS_BROWSER, 301, "PUT"));
    assert_false(redirect_turns_to_get(REDIRECT_AS_BROWSER, 302, "HEAD"));
    assert_false(redirect_turns_to_get(REDIRECT_AS_BROWSER, 307, "POST"));
    assert_false(redirect_turns_to_get(REDIRECT_AS_BROWSER, 308, "POST"));
}

static int read_location(const char *location, struct url *url, struct err *err)
{
    static const char text[] = "https://example.com:444/a/b?c";
    struct http_head head;
    struct url base;
    int result;

    http_head_init(&head);
    head.status = 302;
    if (location) {
        assert_int_equal(http_head_add_name(&head, "Location", 8), 0);
        assert_int_equal(http_head_add_value(&head, location, strlen(location)), 0);
    }
    assert_int_equal(url_parse(text, strlen(text), &base, err), 0);
    result = redirect_read_location(&head, &base, url, err);
    url_fini(&base);
    http_head_fini(&head);
    return result;
}

static void a_location_is_resolved_against_the_url_that_sent_it(void **state)
{
    static const struct {
        const char *location, *host, *target;
        enum url_scheme scheme;
        uint16_t port;
    } table[] = {
        {"d", "example.com", "/a/d", URL_SCHEME_HTTPS, 444},
        {"/d?e", "example.com", "/d?e", URL_SCHEME_HTTPS, 444},
        {"//other/", "other", "/", URL_SCHEME_HTTPS, 443},
        {"http://other/x", "other", "/x", URL_SCHEME_HTTP, 80},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct err err = {0};
        struct url url;

        assert_int_equal(read_location(table[i].location, &url, &err), 0);
        assert_string_equal(url.host, table[i].host);
        assert_string_equal(url.target, table[i].target);
        assert_int_equal(url.scheme, table[i].scheme);
        assert_int_equal(url.port, table[i].port);
        url_fini(&url);
    }
}

static void a_location_that_leads_nowhere_is_said_with_the_status(void **state)
{
    static const char *const bad[] = {
        NULL,      "ftp://example.com/", "javascript:alert(1)", "file:///etc/passwd",
        "http://", "http://a b/"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err err = {0};
        struct url url;

        assert_int_equal(read_location(bad[i], &url, &err), -1);
        assert_non_null(strstr(err.text, "status 302"));
        url_fini(&url);
    }
}

static void what_goes_along_depends_on_where_it_leads(void **state)
{
    static const struct redirect_effect none = {0}, same = {.is_redirected = true},
                                        get = {.is_redirected = true, .is_turned_to_get = true},
                                        far = {.is_redirected = true, .is_elsewhere = true};
    static const struct {
        const char *line;
        bool none, same, get, far;
    } table[] = {
        {"AUTHORIZATION: x", true, true, true, false},
        {"Cookie: a=b", true, true, true, false},
        {"Proxy-Authorization: x", true, true, true, false},
        {"Host: virtual", true, false, false, false},
        {"Content-type: x", true, true, false, true},
        {"Content-Length: 1", true, true, false, true},
        {"X-Cookie: a", true, true, true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(redirect_keeps(&none, table[i].line), table[i].none);
        assert_int_equal(redirect_keeps(&same, table[i].line), table[i].same);
        assert_int_equal(redirect_keeps(&get, table[i].line), table[i].get);
        assert_int_equal(redirect_keeps(&far, table[i].line), table[i].far);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_statuses_are_redirects),
        cmocka_unit_test(a_post_turns_to_get_as_in_a_browser),
        cmocka_unit_test(every_method_turns_to_get_behind_a_302_of_requests),
        cmocka_unit_test(a_location_is_resolved_against_the_url_that_sent_it),
        cmocka_unit_test(a_location_that_leads_nowhere_is_said_with_the_status),
        cmocka_unit_test(what_goes_along_depends_on_where_it_leads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

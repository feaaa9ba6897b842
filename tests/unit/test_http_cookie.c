#include "http/cookie.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double NOW_UNIX_MS = 1700000000000.0;

static struct url url_of(const char *text)
{
    struct url url;
    struct err err;

    if (url_parse(text, strlen(text), &url, &err) < 0)
        fail_msg("%s", err.text);
    return url;
}

static enum cookie_status take(struct cookie_jar *jar, const char *from, const char *value,
                               double unix_ms)
{
    struct url url = url_of(from);
    enum cookie_status status = cookie_jar_take(jar, &url, value, strlen(value), unix_ms);

    url_fini(&url);
    return status;
}

/* The caller frees it. */
static char *ask(struct cookie_jar *jar, const char *to, double unix_ms)
{
    struct url url = url_of(to);
    struct buf out = {0};
    char *text;

    (void)cookie_jar_append(jar, &url, unix_ms, &out);
    text = x_strdup(buf_text(&out));
    buf_fini(&out);
    url_fini(&url);
    return text;
}

static void assert_sent(struct cookie_jar *jar, const char *to, double unix_ms, const char *wanted)
{
    char *text = ask(jar, to, unix_ms);
    bool is_wanted = strcmp(text, wanted) == 0;

    if (!is_wanted)
        print_error("%s got '%s' instead of '%s'\n", to, text, wanted);
    free(text);
    assert_true(is_wanted);
}

struct cookie_case {
    struct {
        const char *from, *value;
        enum cookie_status status;
    } set[4]; /* ends at NULL, or full */
    struct {
        const char *to, *cookie;
    } ask[5];
};

static void run_cases(const struct cookie_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct cookie_jar *jar = cookie_jar_new();

        for (size_t j = 0; j < 4 && cases[i].set[j].from; j++) {
            if (take(jar, cases[i].set[j].from, cases[i].set[j].value, NOW_UNIX_MS) !=
                cases[i].set[j].status)
                fail_msg("another status for '%s'", cases[i].set[j].value);
        }
        for (size_t j = 0; j < 5 && cases[i].ask[j].to; j++)
            assert_sent(jar, cases[i].ask[j].to, NOW_UNIX_MS, cases[i].ask[j].cookie);
        cookie_jar_free(jar);
    }
}

#define RUN_CASES(cases) run_cases(cases, sizeof(cases) / sizeof((cases)[0]))

static void a_domain_decides_which_hosts_get_the_cookie(void **state)
{
    static const struct cookie_case cases[] = {
        {{{"http://a.com/", "x=1", COOKIE_OK}},
         {{"http://a.com/", "x=1"},
          {"https://a.com:8443/b?c", "x=1"},
          {"http://A.COM:80/", "x=1"},
          {"http://w.a.com/", ""},
          {"http://b.com/", ""}}},
        {{{"http://w.a.com/", "x=1; Domain=A.com", COOKIE_OK}},
         {{"http://a.com/", "x=1"},
          {"http://v.w.a.com/", "x=1"},
          {"http://ba.com/", ""},
          {"http://a.com.b.com/", ""},
          {"http://a.com./", ""}}},
        {{{"http://a.com/", "x=1; Domain=b.com", COOKIE_REFUSED},
          {"http://a.com/", "x=1; Domain=w.a.com", COOKIE_REFUSED},
          {"http://a.com/", "x=1; Domain=..a.com", COOKIE_REFUSED},
          {"http://ba.com/", "x=1; Domain=a.com", COOKIE_REFUSED}},
         {{"http://a.com/", ""}, {"http://w.a.com/", ""}, {"http://ba.com/", ""}}},
        {{{"http://a.com/", "x=1; Domain=m\xc3\xbcller.de", COOKIE_REFUSED},
          {"http://a.com/", "x=1; Domain=a.com.", COOKIE_REFUSED},
          {"http://a.com/", "x=1; Domain=a .com", COOKIE_REFUSED},
          {"http://a.com/", "x=1; Domain=.", COOKIE_OK}},
         {{"http://a.com/", "x=1"}, {"http://w.a.com/", ""}}},
        {{{"http://xn--mller-kva.de/", "x=1; Domain=xn--mller-kva.de", COOKIE_OK}},
         {{"http://w.xn--mller-kva.de/", "x=1"}}},
        {{{"http://a.com./", "x=1; Domain=a.com.", COOKIE_OK},
          {"http://w.a.com./", "y=1; Domain=a.com.", COOKIE_REFUSED},
          {"http://a.com./", "z=1; Domain=com.", COOKIE_REFUSED}},
         {{"http://a.com./", "x=1"}, {"http://w.a.com./", ""}, {"http://a.com/", ""}}},
    };

    (void)state;
    RUN_CASES(cases);
}

static void a_public_suffix_is_refused_or_alone(void **state)
{
    static const struct cookie_case cases[] = {
        {{{"http://a.co.uk/", "x=1; Domain=co.uk", COOKIE_REFUSED},
          {"http://a.com/", "x=1; Domain=com", COOKIE_REFUSED},
          {"http://a.b.internal/", "x=1; Domain=.internal", COOKIE_REFUSED},
          {"http://a.github.io/", "x=1; Domain=GitHub.io", COOKIE_REFUSED}},
         {{"http://b.co.uk/", ""}, {"http://a.com/", ""}, {"http://a.github.io/", ""}}},
        {{{"http://github.io/", "x=1; Domain=github.io", COOKIE_OK},
          {"http://localhost/", "y=1; Domain=localhost", COOKIE_OK},
          {"http://a.b.internal/", "z=1; Domain=b.internal", COOKIE_OK}},
         {{"http://github.io/", "x=1"},
          {"http://a.github.io/", ""},
          {"http://localhost/", "y=1"},
          {"http://a.localhost/", ""},
          {"http://b.internal/", "z=1"}}},
    };

    (void)state;
    RUN_CASES(cases);
}

static void an_address_is_compared_as_a_whole(void **state)
{
    static const struct cookie_case cases[] = {
        {{{"http://10.0.0.1/", "x=1; Domain=0.0.1", COOKIE_REFUSED},
          {"http://10.0.0.1/", "x=1; Domain=1", COOKIE_REFUSED},
          {"http://10.0.0.1/", "x=1", COOKIE_OK},
          {"http://10.0.0.1/", "y=1; Domain=10.0.0.1", COOKIE_OK}},
         {{"http://10.0.0.1/", "x=1; y=1"}, {"http://9.10.0.0.1/", ""}, {"http://0.0.1/", ""}}},
        {{{"http://10.0.0.1/", "x=1", COOKIE_OK},
          {"http://10.0.0.1/", "x=2; Domain=10.0.0.1", COOKIE_OK},
          {"https://10.0.0.1/", "y=1; Secure", COOKIE_OK},
          {"http://0.0.1/", "y=2", COOKIE_OK}},
         {{"https://10.0.0.1/", "x=2; y=1"}, {"http://0.0.1/", "y=2"}}},
        {{{"http://[::1]/", "x=1", COOKIE_OK},
          {"http://[::1]/", "y=1; Domain=::1", COOKIE_OK},
          {"http://[::1]/", "z=1; Domain=:1", COOKIE_REFUSED},
          {"http://[fe80::1.2.3.4]/", "z=1; Domain=3.4", COOKIE_REFUSED}},
         {{"http://[::1]:8080/", "x=1; y=1"}, {"http://[::2]/", ""}}},
    };

    (void)state;
    RUN_CASES(cases);
}

static void a_path_decides_which_requests_carry_the_cookie(void **state)
{
    static const struct cookie_case cases[] = {
        {{{"http://a.com/", "x=1; Path=/foo", COOKIE_OK}},
         {{"http://a.com/foo", "x=1"},
          {"http://a.com/foo/bar", "x=1"},
          {"http://a.com/foo?bar", "x=1"},
          {"http://a.com/foobar", ""},
          {"http://a.com/FOO", ""}}},
        {{{"http://a.com/", "x=1; Path=/foo/", COOKIE_OK}},
         {{"http://a.com/foo/", "x=1"}, {"http://a.com/foo/bar", "x=1"}, {"http://a.com/foo", ""}}},
        {{{"http://a.com/a/b?/c/d", "x=1", COOKIE_OK}},
         {{"http://a.com/a", "x=1"}, {"http://a.com/a/c", "x=1"}, {"http://a.com/", ""}}},
        {{{"http://a.com/a/b/", "x=1; Path=b", COOKIE_OK}},
         {{"http://a.com/a/b", "x=1"}, {"http://a.com/a", ""}}},
        {{{"http://a.com?/a/b", "x=1", COOKIE_OK}}, {{"http://a.com", "x=1"}}},
        {{{"http://a.com/f", "x=1", COOKIE_OK}}, {{"http://a.com/g/h", "x=1"}}},
        {{{"http://a.com//f", "x=1", COOKIE_OK}}, {{"http://a.com//", "x=1"}}},
    };

    (void)state;
    RUN_CASES(cases);
}

static void secure_cookies_stay_with_secure_origins(void **state)
{
    static const struct cookie_case cases[] = {
        {{{"https://a.com/", "x=1; Secure", COOKIE_OK},
          {"http://a.com/", "y=1; Secure", COOKIE_REFUSED}},
         {{"https://a.com/", "x=1"}, {"http://a.com/", ""}}},
        {{{"http://localhost/", "x=1; Secure", COOKIE_OK},
          {"http://127.0.0.1/", "y=1; Secure", COOKIE_OK},
          {"http://[::1]/", "z=1; Secure", COOKIE_OK},
          {"http://127.0.0.2/", "z=1; Secure", COOKIE_REFUSED}},
         {{"http://localhost/", "x=1"}, {"http://127.0.0.1/", "y=1"}, {"http://[::1]/", "z=1"}}},
        {{{"https://w.a.com/", "x=1; Secure; Path=/p", COOKIE_OK},
          {"http://w.a.com/", "x=2; Path=/p/q", COOKIE_REFUSED},
          {"http://w.a.com/", "x=2; Path=/p; Domain=a.com", COOKIE_REFUSED},
          {"http://w.a.com/", "x=; Path=/p; Max-Age=0", COOKIE_REFUSED}},
         {{"https://w.a.com/p/q", "x=1"}}},
        {{{"https://w.a.com/", "x=1; Secure; Domain=a.com", COOKIE_OK},
          {"http://v.a.com/", "x=2", COOKIE_REFUSED},
          {"http://a.com/", "X=3", COOKIE_OK}},
         {{"https://v.a.com/", "x=1"}, {"https://a.com/", "x=1; X=3"}}},
        {{{"https://a.com/", "x=1; Secure; Path=/p", COOKIE_OK},
          {"http://a.com/", "x=2; Path=/", COOKIE_OK},
          {"http://a.com/", "x=3; Path=/pq", COOKIE_OK}},
         {{"https://a.com/p", "x=1; x=2"}, {"https://a.com/pq", "x=3; x=2"}}},
        {{{"https://a.com/", "x=1; Secure", COOKIE_OK}, {"https://a.com/", "x=2", COOKIE_OK}},
         {{"http://a.com/", "x=2"}}},
    };

    (void)state;
    RUN_CASES(cases);
}

static void prefixes_are_promises(void **state)
{
    static const struct cookie_case cases[] = {
        {{{"https://a.com/", "__Secure-x=1", COOKIE_REFUSED},
          {"https://a.com/", "__sEcUrE-x=1", COOKIE_REFUSED},
          {"https://w.a.com/b/", "__Secure-x=1; Secure; Domain=a.com", COOKIE_OK}},
         {{"https://a.com/b", "__Secure-x=1"}}},
        {{{"https://a.com/", "__Host-x=1; Path=/", COOKIE_REFUSED},
          {"https://a.com/", "__Host-x=1; Path=/; Secure; Domain=a.com", COOKIE_REFUSED},
          {"https://a.com/b/", "__Host-x=1; Secure", COOKIE_REFUSED},
          {"https://a.com/", "__host-x=1; Path=/b; Secure", COOKIE_REFUSED}},
         {{"https://a.com/b/", ""}}},
        {{{"https://a.com/", "__Host-x=1; Secure", COOKIE_OK},
          {"https://a.com/b/", "__Host-y=1; Secure; Path=/", COOKIE_OK},
          {"http://a.com/", "__Host-z=1; Secure; Path=/", COOKIE_REFUSED},
          {"https://localhost/", "__Host-z=1; Secure; Domain=localhost", COOKIE_REFUSED}},
         {{"https://a.com/", "__Host-x=1; __Host-y=1"}}},
        {{{"http://a.com/", "__Host=1", COOKIE_OK}, {"http://a.com/", "_Secure-=1", COOKIE_OK}},
         {{"http://a.com/", "__Host=1; _Secure-=1"}}},
    };

    (void)state;
    RUN_CASES(cases);
}

static void a_cookie_is_known_by_name_domain_and_path(void **state)
{
    static const struct cookie_case cases[] = {
        {{{"http://a.com/", "x=1", COOKIE_OK},
          {"http://a.com/", "y=1", COOKIE_OK},
          {"http://a.com/", "x=2", COOKIE_OK}},
         {{"http://a.com/", "x=2; y=1"}}},
        {{{"http://a.com/", "x=1", COOKIE_OK},
          {"http://a.com/", "X=2", COOKIE_OK},
          {"http://a.com/", "x=3; Path=/p", COOKIE_OK},
          {"http://a.com/", "x=4; Domain=a.com", COOKIE_OK}},
         {{"http://a.com/p", "x=3; x=1; X=2; x=4"}}},
        {{{"http://a.com/", "x=1", COOKIE_OK},
          {"http://a.com/", "x=; Max-Age=0; Path=/p", COOKIE_REMOVED},
          {"http://a.com/", "x=; Max-Age=0; Domain=a.com", COOKIE_REMOVED},
          {"http://a.com/", "=; Max-Age=0", COOKIE_REFUSED}},
         {{"http://a.com/", "x=1"}}},
        {{{"http://a.com/", "x=1", COOKIE_OK},
          {"http://a.com/", "y=1", COOKIE_OK},
          {"http://a.com/", "x=2; Expires=Thu, 01 Jan 1970 00:00:00 GMT", COOKIE_REMOVED},
          {"http://a.com/", "x=3", COOKIE_OK}},
         {{"http://a.com/", "y=1; x=3"}}},
    };

    (void)state;
    RUN_CASES(cases);
}

static void a_cookie_ends_with_its_time(void **state)
{
    struct cookie_jar *jar = cookie_jar_new();

    (void)state;
    assert_int_equal(take(jar, "http://a.com/", "x=1; Max-Age=10", NOW_UNIX_MS), COOKIE_OK);
    assert_int_equal(take(jar, "http://a.com/", "y=1", NOW_UNIX_MS), COOKIE_OK);
    assert_sent(jar, "http://a.com/", NOW_UNIX_MS + 9999.0, "x=1; y=1");
    assert_int_equal(cookie_jar_count(jar), 2);
    assert_sent(jar, "http://a.com/", NOW_UNIX_MS + 10000.0, "y=1");
    assert_int_equal(cookie_jar_count(jar), 1);
    assert_int_equal(take(jar, "https://a.com/", "z=1; Secure; Max-Age=10", NOW_UNIX_MS),
                     COOKIE_OK);
    assert_int_equal(take(jar, "http://a.com/", "z=2", NOW_UNIX_MS), COOKIE_REFUSED);
    assert_int_equal(take(jar, "http://a.com/", "z=2", NOW_UNIX_MS + 10000.0), COOKIE_OK);
    assert_sent(jar, "http://a.com/", NOW_UNIX_MS + 1e12, "y=1; z=2");
    cookie_jar_free(jar);
}

static void fill(struct cookie_jar *jar, size_t count, const char *attributes)
{
    for (size_t i = 0; i < count; i++) {
        char text[64];

        (void)snprintf(text, sizeof text, "n%zu=1; Path=/%zu%s", i, i, attributes);
        assert_int_equal(take(jar, "http://a.com/", text, NOW_UNIX_MS), COOKIE_OK);
    }
}

static void a_full_jar_loses_the_least_recently_used(void **state)
{
    struct cookie_jar *jar = cookie_jar_new();

    (void)state;
    fill(jar, COOKIE_JAR_LIMIT, "");
    assert_int_equal(take(jar, "http://a.com/", "n1=2; Path=/1", NOW_UNIX_MS), COOKIE_OK);
    assert_sent(jar, "http://a.com/0", NOW_UNIX_MS, "n0=1");
    assert_int_equal(take(jar, "http://a.com/", "new=1", NOW_UNIX_MS), COOKIE_OK);
    assert_int_equal(cookie_jar_count(jar), COOKIE_JAR_LIMIT);
    assert_sent(jar, "http://a.com/0", NOW_UNIX_MS, "n0=1; new=1");
    assert_sent(jar, "http://a.com/1", NOW_UNIX_MS, "n1=2; new=1");
    assert_sent(jar, "http://a.com/2", NOW_UNIX_MS, "new=1");
    assert_sent(jar, "http://a.com/3", NOW_UNIX_MS, "n3=1; new=1");
    cookie_jar_free(jar);
}

static void a_full_jar_loses_expired_cookies_first(void **state)
{
    struct cookie_jar *jar = cookie_jar_new();

    (void)state;
    fill(jar, COOKIE_JAR_LIMIT - 1, "");
    assert_int_equal(take(jar, "http://a.com/", "x=1; Max-Age=1", NOW_UNIX_MS), COOKIE_OK);
    assert_int_equal(take(jar, "http://a.com/", "new=1", NOW_UNIX_MS + 1000.0), COOKIE_OK);
    assert_int_equal(cookie_jar_count(jar), COOKIE_JAR_LIMIT);
    assert_sent(jar, "http://a.com/0", NOW_UNIX_MS, "n0=1; new=1");
    cookie_jar_free(jar);
}

static void a_refused_or_replaced_cookie_displaces_none(void **state)
{
    struct cookie_jar *jar = cookie_jar_new();

    (void)state;
    fill(jar, COOKIE_JAR_LIMIT, "");
    assert_int_equal(take(jar, "http://a.com/", "x", NOW_UNIX_MS), COOKIE_REFUSED);
    assert_int_equal(take(jar, "http://a.com/", "x=; Max-Age=0", NOW_UNIX_MS), COOKIE_REMOVED);
    assert_int_equal(take(jar, "http://a.com/", "n5=2; Path=/5", NOW_UNIX_MS), COOKIE_OK);
    assert_int_equal(cookie_jar_count(jar), COOKIE_JAR_LIMIT);
    assert_sent(jar, "http://a.com/0", NOW_UNIX_MS, "n0=1");
    cookie_jar_free(jar);
}

/* "<name>=vv...", the caller frees it. */
static char *pair_of(char name, size_t len)
{
    char *text = x_malloc(len + 1);

    memset(text, 'v', len);
    text[0] = name;
    text[1] = '=';
    text[len] = '\0';
    return text;
}

static void a_cookie_field_stops_at_its_limit(void **state)
{
    struct cookie_jar *jar = cookie_jar_new();
    char *first = pair_of('a', 4096), *fits = pair_of('b', 8192 - 4096 - 2);
    char *over = pair_of('b', 8192 - 4096 - 1), *text;

    (void)state;
    assert_int_equal(take(jar, "http://a.com/", first, NOW_UNIX_MS), COOKIE_OK);
    assert_int_equal(take(jar, "http://a.com/", fits, NOW_UNIX_MS), COOKIE_OK);
    assert_int_equal(take(jar, "http://a.com/", "c=1", NOW_UNIX_MS), COOKIE_OK);
    text = ask(jar, "http://a.com/", NOW_UNIX_MS);
    assert_int_equal(strlen(text), COOKIE_FIELD_LIMIT_BYTES);
    free(text);
    assert_int_equal(take(jar, "http://a.com/", over, NOW_UNIX_MS), COOKIE_OK);
    assert_sent(jar, "http://a.com/", NOW_UNIX_MS, first);
    cookie_jar_free(jar);
    free(first);
    free(fits);
    free(over);
}

static void append_leaves_what_stands_there_and_keeps_to_its_limit(void **state)
{
    struct cookie_jar *jar = cookie_jar_new();
    struct url url = url_of("http://a.com/");
    struct buf out;

    (void)state;
    buf_init(&out, 12);
    assert_int_equal(take(jar, "http://a.com/", "a=1", NOW_UNIX_MS), COOKIE_OK);
    assert_int_equal(take(jar, "http://a.com/", "b=1", NOW_UNIX_MS), COOKIE_OK);
    assert_int_equal(buf_append_text(&out, "Cookie:"), 0);
    assert_int_equal(cookie_jar_append(jar, &url, NOW_UNIX_MS, &out), 1);
    assert_string_equal(buf_text(&out), "Cookie:a=1");
    assert_int_equal(cookie_jar_append(NULL, &url, NOW_UNIX_MS, &out), 0);
    assert_int_equal(out.len, 10);
    buf_fini(&out);
    url_fini(&url);
    cookie_jar_free(jar);
}

static void a_default_path_over_the_limit_is_refused(void **state)
{
    struct cookie_jar *jar = cookie_jar_new();
    char path[1027], *url;

    (void)state;
    memset(path, 'p', sizeof path);
    path[1023] = '/';
    path[1024] = '\0';
    url = x_asprintf("http://a.com/%s", path);
    assert_int_equal(take(jar, url, "a=1", NOW_UNIX_MS), COOKIE_OK);
    free(url);
    path[1023] = 'p';
    path[1024] = '/';
    path[1025] = '\0';
    url = x_asprintf("http://a.com/%s", path);
    assert_int_equal(take(jar, url, "a=1", NOW_UNIX_MS), COOKIE_REFUSED);
    assert_int_equal(take(jar, url, "a=1; Path=/", NOW_UNIX_MS), COOKIE_OK);
    free(url);
    cookie_jar_free(jar);
}

static void cookies_are_shown_in_order_of_creation(void **state)
{
    struct cookie_jar *jar = cookie_jar_new();
    struct cookie cookie;

    (void)state;
    (void)take(jar, "https://w.A.com/p/", "x=1; Domain=A.com; Secure; Max-Age=5", NOW_UNIX_MS);
    (void)take(jar, "http://b.com/", "y=; HttpOnly; Path=/long/path", NOW_UNIX_MS);
    (void)take(jar, "https://w.A.com/p/", "x=2; Domain=a.com; Secure; Max-Age=9", NOW_UNIX_MS);
    assert_true(cookie_jar_at(jar, 0, &cookie));
    assert_string_equal(cookie.name, "x");
    assert_string_equal(cookie.value, "2");
    assert_string_equal(cookie.domain, "a.com");
    assert_string_equal(cookie.path, "/p");
    assert_true(cookie.expires_unix_ms == NOW_UNIX_MS + 9000.0);
    assert_true(cookie.is_secure && !cookie.is_http_only && !cookie.is_host_only);
    assert_true(cookie_jar_at(jar, 1, &cookie));
    assert_string_equal(cookie.name, "y");
    assert_string_equal(cookie.value, "");
    assert_string_equal(cookie.domain, "b.com");
    assert_string_equal(cookie.path, "/long/path");
    assert_true(cookie.expires_unix_ms == 0.0);
    assert_true(!cookie.is_secure && cookie.is_http_only && cookie.is_host_only);
    assert_false(cookie_jar_at(jar, 2, &cookie));
    cookie_jar_drop_expired(jar, NOW_UNIX_MS + 9000.0);
    assert_int_equal(cookie_jar_count(jar), 1);
    cookie_jar_free(jar);
}

static void a_jar_that_is_cleared_or_missing_holds_nothing(void **state)
{
    struct cookie_jar *jar = cookie_jar_new();
    struct cookie cookie;

    (void)state;
    fill(jar, 3, "");
    cookie_jar_clear(jar);
    assert_int_equal(cookie_jar_count(jar), 0);
    assert_false(cookie_jar_at(jar, 0, &cookie));
    fill(jar, 1, "");
    assert_sent(jar, "http://a.com/0", NOW_UNIX_MS, "n0=1");
    cookie_jar_free(jar);
    cookie_jar_clear(NULL);
    cookie_jar_free(NULL);
    cookie_jar_drop_expired(NULL, NOW_UNIX_MS);
    assert_int_equal(cookie_jar_count(NULL), 0);
    assert_false(cookie_jar_at(NULL, 0, &cookie));
}

static void a_script_sets_cookies_for_any_site(void **state)
{
    static const struct cookie cases[] = {
        {.name = "a", .value = "1", .domain = ".B.com"},
        {.name = "b", .value = "1", .domain = "b.com", .path = "/p", .is_host_only = true},
        {.name = "c", .value = "", .domain = "co.uk"},
        {.name = "d", .value = "1", .domain = "10.0.0.1", .is_secure = true},
        {.name = "a", .value = "2", .domain = "b.com", .path = "/"},
    };
    struct cookie_jar *jar = cookie_jar_new();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(cookie_jar_put(jar, &cases[i], NOW_UNIX_MS), COOKIE_OK);
    assert_sent(jar, "http://w.b.com/p", NOW_UNIX_MS, "a=2");
    assert_sent(jar, "http://b.com/p", NOW_UNIX_MS, "b=1; a=2");
    assert_sent(jar, "http://co.uk/", NOW_UNIX_MS, "c=");
    assert_sent(jar, "http://a.co.uk/", NOW_UNIX_MS, "");
    assert_sent(jar, "http://10.0.0.1/", NOW_UNIX_MS, "");
    assert_sent(jar, "https://10.0.0.1/", NOW_UNIX_MS, "d=1");
    assert_int_equal(cookie_jar_put(jar,
                                    &(struct cookie){.name = "a",
                                                     .value = "",
                                                     .domain = "b.com",
                                                     .expires_unix_ms = NOW_UNIX_MS},
                                    NOW_UNIX_MS),
                     COOKIE_REMOVED);
    assert_sent(jar, "http://w.b.com/p", NOW_UNIX_MS, "");
    cookie_jar_free(jar);
}

static void what_no_server_could_set_no_script_can(void **state)
{
    static const struct cookie cases[] = {
        {.name = "", .value = "1", .domain = "b.com"},
        {.name = "a=", .value = "1", .domain = "b.com"},
        {.name = "a;", .value = "1", .domain = "b.com"},
        {.name = "a", .value = "1; b=2", .domain = "b.com"},
        {.name = "a", .value = "1\r\nX: y", .domain = "b.com"},
        {.name = "a\n", .value = "1", .domain = "b.com"},
        {.name = "a", .value = "1", .domain = NULL},
        {.name = "a", .value = "1", .domain = ""},
        {.name = "a", .value = "1", .domain = "."},
        {.name = "a", .value = "1", .domain = "b c.com"},
        {.name = "a", .value = "1", .domain = "b\xc3\xa4.com"},
        {.name = "a", .value = "1", .domain = "b.com", .path = ""},
        {.name = "a", .value = "1", .domain = "b.com", .path = "p"},
        {.name = "a", .value = "1", .domain = "b.com", .path = "/\n"},
        {.name = "__Secure-a", .value = "1", .domain = "b.com"},
        {.name = "__Host-a", .value = "1", .domain = "b.com", .is_secure = true},
    };
    struct cookie_jar *jar = cookie_jar_new();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cookie_jar_put(jar, &cases[i], NOW_UNIX_MS) != COOKIE_REFUSED)
            fail_msg("case %zu was taken", i);
    }
    assert_int_equal(cookie_jar_count(jar), 0);
    cookie_jar_free(jar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_domain_decides_which_hosts_get_the_cookie),
        cmocka_unit_test(a_public_suffix_is_refused_or_alone),
        cmocka_unit_test(an_address_is_compared_as_a_whole),
        cmocka_unit_test(a_path_decides_which_requests_carry_the_cookie),
        cmocka_unit_test(secure_cookies_stay_with_secure_origins),
        cmocka_unit_test(prefixes_are_promises),
        cmocka_unit_test(a_cookie_is_known_by_name_domain_and_path),
        cmocka_unit_test(a_cookie_ends_with_its_time),
        cmocka_unit_test(a_full_jar_loses_the_least_recently_used),
        cmocka_unit_test(a_full_jar_loses_expired_cookies_first),
        cmocka_unit_test(a_refused_or_replaced_cookie_displaces_none),
        cmocka_unit_test(a_cookie_field_stops_at_its_limit),
        cmocka_unit_test(append_leaves_what_stands_there_and_keeps_to_its_limit),
        cmocka_unit_test(a_default_path_over_the_limit_is_refused),
        cmocka_unit_test(cookies_are_shown_in_order_of_creation),
        cmocka_unit_test(a_jar_that_is_cleared_or_missing_holds_nothing),
        cmocka_unit_test(a_script_sets_cookies_for_any_site),
        cmocka_unit_test(what_no_server_could_set_no_script_can),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void parts_are_found(void **state)
{
    static const struct {
        const char *text, *authority, *target;
        enum url_scheme scheme;
        uint16_t port;
    } cases[] = {
        {"http://example.com", "example.com", "/", URL_SCHEME_HTTP, 80},
        {"http://example.com/", "example.com", "/", URL_SCHEME_HTTP, 80},
        {"HTTP://EXAMPLE.com:80/A", "example.com", "/A", URL_SCHEME_HTTP, 80},
        {"https://example.com", "example.com", "/", URL_SCHEME_HTTPS, 443},
        {"https://example.com:80", "example.com:80", "/", URL_SCHEME_HTTPS, 80},
        {"http://a:8080?x=1", "a:8080", "/?x=1", URL_SCHEME_HTTP, 8080},
        {"http://a:/", "a", "/", URL_SCHEME_HTTP, 80},
        {"http://a/b?c?d#e?f", "a", "/b?c?d", URL_SCHEME_HTTP, 80},
        {"http://a#f", "a", "/", URL_SCHEME_HTTP, 80},
        {"http://[::1]/x", "[::1]", "/x", URL_SCHEME_HTTP, 80},
        {"http://[FE80::A]:8080", "[fe80::a]:8080", "/", URL_SCHEME_HTTP, 8080},
        {"http://127.0.0.1:65535/", "127.0.0.1:65535", "/", URL_SCHEME_HTTP, 65535},
        {"http://a/b c\xc3\xa4\x7f?d e", "a", "/b%20c%C3%A4%7F?d%20e", URL_SCHEME_HTTP, 80},
        {"http://a/%41%zz%", "a", "/%41%zz%", URL_SCHEME_HTTP, 80},
        {"http://a/{{id}}?u={{u}}", "a", "/{{id}}?u={{u}}", URL_SCHEME_HTTP, 80},
        {"http://a/b/../c/./d/..", "a", "/c/", URL_SCHEME_HTTP, 80},
        {"http://a/../../x", "a", "/x", URL_SCHEME_HTTP, 80},
        {"http://a//b//c", "a", "//b//c", URL_SCHEME_HTTP, 80},
        {"http://a/?q=/../x", "a", "/?q=/../x", URL_SCHEME_HTTP, 80},
        {"http://a/?", "a", "/?", URL_SCHEME_HTTP, 80},
        {" \t http://a/b \r\n", "a", "/b", URL_SCHEME_HTTP, 80},
        {"http://u:p@a/b", "a", "/b", URL_SCHEME_HTTP, 80},
        {"http://under_score.example./", "under_score.example.", "/", URL_SCHEME_HTTP, 80},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct url url;
        struct err err = {0};
        char *authority;

        if (url_parse(cases[i].text, strlen(cases[i].text), &url, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.text);
        authority = url_authority(&url);
        assert_string_equal(authority, cases[i].authority);
        assert_string_equal(url.target, cases[i].target);
        assert_int_equal(url.scheme, cases[i].scheme);
        assert_int_equal(url.port, cases[i].port);
        free(authority);
        url_fini(&url);
    }
}

static void credentials_stay_as_written(void **state)
{
    static const char text[] = "http://us%40er:p@ss:w@host/";
    struct url url;
    struct err err = {0};

    (void)state;
    assert_int_equal(url_parse(text, strlen(text), &url, &err), 0);
    assert_string_equal(url.userinfo, "us%40er:p@ss:w");
    assert_string_equal(url.host, "host");
    url_fini(&url);
}

static void malformed_urls_get_a_sentence(void **state)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"", "empty"},
        {"   ", "empty"},
        {"example.com/x", "http://"},
        {"localhost:8080/x", "http://"},
        {"/path", "http://"},
        {"ftp://a/", "neither http nor https"},
        {"ws://a/", "neither http nor https"},
        {"http:a", "two slashes"},
        {"http:/a", "two slashes"},
        {"http://", "no host"},
        {"http:///x", "no host"},
        {"http://:80/", "no host"},
        {"http://u@/", "no host"},
        {"http://a:b/", "not a number"},
        {"http://a:-1/", "not a number"},
        {"http://a:1 2/", "not a number"},
        {"http://a:65536/", "over 65535"},
        {"http://a:99999999999999999999/", "over 65535"},
        {"http://a:0/", "port is 0"},
        {"http://a b/", "no host name has"},
        {"http://a%2e/", "no host name has"},
        {"http://a\\b/", "no host name has"},
        {"http://<a>/", "no host name has"},
        {"http://\xc3\xa4.example/", "not ASCII"},
        {"http://a..b/", "empty label"},
        {"http://.a/", "empty label"},
        {"http://[::1/", "no ']'"},
        {"http://[x]/", "no IPv6 address"},
        {"http://[127.0.0.1]/", "no IPv6 address"},
        {"http://[::1]x/", "only a port"},
        {"http://a\r\nb@c/", "control character"},
    };
    char big[URL_LIMIT_BYTES + 2], name[URL_HOST_LIMIT_BYTES + 20] = "http://";
    struct url url;
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(url_parse(cases[i].text, strlen(cases[i].text), &url, &err), -1);
        url_fini(&url);
        if (!strstr(err.text, cases[i].reason))
            fail_msg("'%s' got: %s", cases[i].text, err.text);
        assert_int_equal(err.kind, ERR_USAGE);
    }
    (void)memset(big, 'a', sizeof big);
    (void)memcpy(big, "http://a/", 9);
    assert_int_equal(url_parse(big, URL_LIMIT_BYTES + 1, &url, &err), -1);
    url_fini(&url);
    (void)memset(name + 7, 'a', URL_HOST_LIMIT_BYTES + 1);
    assert_int_equal(url_parse(name, strlen(name), &url, &err), -1);
    url_fini(&url);
    assert_int_equal(url_parse("http://a\0b/", 11, &url, &err), -1);
    url_fini(&url);
}

/* RFC 3986, sections 5.4.1 and 5.4.2, without fragments; the host needs no dot for that. */
static void references_resolve_as_rfc_3986_shows(void **state)
{
    static const struct {
        const char *reference, *authority, *target;
    } cases[] = {
        {"g", "a", "/b/c/g"},
        {"./g", "a", "/b/c/g"},
        {"g/", "a", "/b/c/g/"},
        {"/g", "a", "/g"},
        {"//g", "g", "/"},
        {"?y", "a", "/b/c/d;p?y"},
        {"g?y", "a", "/b/c/g?y"},
        {"#s", "a", "/b/c/d;p?q"},
        {"g#s", "a", "/b/c/g"},
        {"g?y#s", "a", "/b/c/g?y"},
        {";x", "a", "/b/c/;x"},
        {"g;x", "a", "/b/c/g;x"},
        {"g;x?y#s", "a", "/b/c/g;x?y"},
        {"", "a", "/b/c/d;p?q"},
        {".", "a", "/b/c/"},
        {"./", "a", "/b/c/"},
        {"..", "a", "/b/"},
        {"../", "a", "/b/"},
        {"../g", "a", "/b/g"},
        {"../..", "a", "/"},
        {"../../", "a", "/"},
        {"../../g", "a", "/g"},
        {"../../../g", "a", "/g"},
        {"../../../../g", "a", "/g"},
        {"/./g", "a", "/g"},
        {"/../g", "a", "/g"},
        {"g.", "a", "/b/c/g."},
        {".g", "a", "/b/c/.g"},
        {"g..", "a", "/b/c/g.."},
        {"..g", "a", "/b/c/..g"},
        {"./../g", "a", "/b/g"},
        {"./g/.", "a", "/b/c/g/"},
        {"g/./h", "a", "/b/c/g/h"},
        {"g/../h", "a", "/b/c/h"},
        {"g;x=1/./y", "a", "/b/c/g;x=1/y"},
        {"g;x=1/../y", "a", "/b/c/y"},
        {"g?y/./x", "a", "/b/c/g?y/./x"},
        {"g?y/../x", "a", "/b/c/g?y/../x"},
        {"g#s/../x", "a", "/b/c/g"},
        {"http://other:81/x", "other:81", "/x"},
        {"//other:81/x", "other:81", "/x"},
        {"sp ace", "a", "/b/c/sp%20ace"},
    };
    struct url base, url;
    struct err err = {0};

    (void)state;
    assert_int_equal(url_parse("http://a/b/c/d;p?q", 18, &base, &err), 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *reference = cases[i].reference;
        char *authority;

        if (url_resolve(&base, reference, strlen(reference), &url, &err) < 0)
            fail_msg("%s: %s", reference, err.text);
        authority = url_authority(&url);
        assert_string_equal(authority, cases[i].authority);
        assert_string_equal(url.target, cases[i].target);
        free(authority);
        url_fini(&url);
    }
    assert_int_equal(url_resolve(&base, "g:h", 3, &url, &err), -1);
    url_fini(&url);
    assert_int_equal(url_resolve(&base, "http:g", 6, &url, &err), -1);
    url_fini(&url);
    url_fini(&base);
}

static void a_reference_keeps_scheme_port_and_credentials(void **state)
{
    struct url base, url;
    struct err err = {0};

    (void)state;
    assert_int_equal(url_parse("https://u:p@h:8443/x", 20, &base, &err), 0);
    assert_int_equal(url_resolve(&base, "/y", 2, &url, &err), 0);
    assert_int_equal(url.scheme, URL_SCHEME_HTTPS);
    assert_int_equal(url.port, 8443);
    assert_string_equal(url.userinfo, "u:p");
    assert_true(url_same_origin(&base, &url));
    url_fini(&url);
    assert_int_equal(url_resolve(&base, "//h/y", 5, &url, &err), 0);
    assert_int_equal(url.scheme, URL_SCHEME_HTTPS);
    assert_null(url.userinfo);
    assert_false(url_same_origin(&base, &url));
    url_fini(&url);
    url_fini(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found),
        cmocka_unit_test(credentials_stay_as_written),
        cmocka_unit_test(malformed_urls_get_a_sentence),
        cmocka_unit_test(references_resolve_as_rfc_3986_shows),
        cmocka_unit_test(a_reference_keeps_scheme_port_and_credentials),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/buf.h"
#include "http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
        {"http://[0:0::0:0001]/", "[::1]", "/", URL_SCHEME_HTTP, 80},
        {"http://[2001:0db8:0:0:0:0:0:1]/", "[2001:db8::1]", "/", URL_SCHEME_HTTP, 80},
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

/* Each as curl 7.88 sends it in Host. */
static void hosts_beyond_ascii_get_their_xn_form(void **state)
{
    static const struct {
        const char *host, *ascii;
    } cases[] = {
        {"b\xc3\xbc"
         "cher.example",
         "xn--bcher-kva.example"},
        {"B%C3%9Ccher.example", "xn--bcher-kva.example"},
        {"XN--bcher-kva.example", "xn--bcher-kva.example"},
        {"bu\xcc\x88"
         "cher.example",
         "xn--bcher-kva.example"},
        {"fa\xc3\x9f.de", "xn--fa-hia.de"},
        {"\xcf\x82.gr", "xn--3xa.gr"},
        {"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e.jp", "xn--wgv71a119e.jp"},
        {"\xe2\x98\x83.net", "xn--n3h.net"}, /* by the transitional way alone */
        {"a\xe2\x80\x8d"
         "b.example",
         "ab.example"}, /* and this */
        {"a\xe3\x80\x82"
         "b",
         "a.b"},                                                     /* an ideographic full stop */
        {"\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1", "127.0.0.1"}, /* wide digits */
        {"\xc3\xbc.", "xn--tda."},
        {"\xc3\xbc_b.example", "xn--_b-wka.example"},
        {"%41%2e%42", "a.b"},
        {"xn--zzzzzz99999.example", "xn--zzzzzz99999.example"}, /* ASCII is not looked into */
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[200];
        struct url url;
        struct err err = {0};

        (void)snprintf(text, sizeof text, "http://%s:81/", cases[i].host);
        if (url_parse(text, strlen(text), &url, &err) < 0)
            fail_msg("%s: %s", text, err.text);
        assert_string_equal(url.host, cases[i].ascii);
        assert_int_equal(url.port, 81);
        url_fini(&url);
    }
}

static void hosts_that_idna_refuses_get_its_reason(void **state)
{
    static const struct {
        const char *host, *reason;
    } cases[] = {
        {"-\xc3\xbc.example", "no internationalized name: string start/ends with forbidden hyphen"},
        {"\xe2\x80\xa8.example",
         "no internationalized name: string contains a disallowed character"},
        {"\xcc\x81"
         "a.example",
         "no internationalized name: string contains a forbidden leading combining character"},
        {"%ff.example", "no internationalized name: string encoding error"},
        {"%c3", "no internationalized name: string encoding error"},
        {"%ed%a0%80", "no internationalized name: string encoding error"},
        {"xn--\xc3\xbc", "no internationalized name: string contains invalid punycode data"},
        {"\xc3\xbc%2fb", "no host name has"},
        {"\xc3\xbc%00b", "no host name has"},
        {"\xc3\xbc b", "no host name has"},
        {"a\xef\xbc\x8f"
         "b",
         "no host name has"},                         /* a wide slash, which becomes a plain one */
        {"\xe2\x84\x80.example", "no host name has"}, /* "a/c" in one character */
        {"\xc2\xad", "no host"},                      /* a soft hyphen, which becomes nothing */
        {"\xc2\xad.example", "empty label"},
        {"\xc3\xbc..b", "empty label"},
    };
    char text[3 * URL_HOST_LIMIT_BYTES] = "http://";

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct url url;
        struct err err = {0};

        (void)snprintf(text + 7, sizeof text - 7, "%s/", cases[i].host);
        assert_int_equal(url_parse(text, strlen(text), &url, &err), -1);
        url_fini(&url);
        if (!strstr(err.text, cases[i].reason))
            fail_msg("'%s' got: %s", text, err.text);
    }
}

/* `count` times u with its dots: "xn--", three letters for the first, one for each other. */
static void add_umlauts(struct buf *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(buf_append_text(text, "\xc3\xbc"), 0);
}

static void expect_host(struct buf *text, bool is_taken)
{
    struct url url;
    struct err err = {0};

    if (url_parse(buf_text(text), text->len, &url, &err) != (is_taken ? 0 : -1))
        fail_msg("%s: %s", buf_text(text), err.text);
    url_fini(&url);
}

static void labels_over_63_bytes_are_refused(void **state)
{
    (void)state;
    for (size_t count = 1; count < 1000; count++) {
        struct buf text = {0};

        assert_int_equal(buf_append_text(&text, "http://"), 0);
        add_umlauts(&text, count);
        expect_host(&text, 4 + 3 + count - 1 <= 63);
        buf_fini(&text);
    }
}

static void hosts_are_measured_in_their_xn_form(void **state)
{
    (void)state;
    for (size_t labels = 1; labels < 100; labels++) {
        struct buf text = {0};

        assert_int_equal(buf_append_text(&text, "http://"), 0);
        for (size_t i = 0; i < labels; i++) {
            add_umlauts(&text, 20);
            assert_int_equal(buf_append_byte(&text, '.'), 0);
        }
        expect_host(&text, labels * (4 + 3 + 19 + 1) <= URL_HOST_LIMIT_BYTES);
        buf_fini(&text);
    }
}

static void references_resolve_to_hosts_beyond_ascii(void **state)
{
    struct url base, url;
    struct err err = {0};

    (void)state;
    assert_int_equal(url_parse("https://a/", 10, &base, &err), 0);
    assert_int_equal(url_resolve(&base, "//\xc3\xbc/x", 6, &url, &err), 0);
    assert_string_equal(url.host, "xn--tda");
    url_fini(&url);
    assert_int_equal(url_resolve(&base, "//%ff/x", 7, &url, &err), -1);
    assert_non_null(strstr(err.text, "string encoding error"));
    url_fini(&url);
    url_fini(&base);
}

static void urls_are_written_whole_but_for_credentials(void **state)
{
    static const struct {
        const char *text, *written;
    } cases[] = {
        {"HTTP://u:p@EXAMPLE.com", "http://example.com/"},
        {"https://[::1]:8443/a b?c#d", "https://[::1]:8443/a%20b?c"},
        {"https://b%C3%BCcher.example:443/", "https://xn--bcher-kva.example/"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out = {0};
        struct url url;
        struct err err = {0};

        assert_int_equal(url_parse(cases[i].text, strlen(cases[i].text), &url, &err), 0);
        assert_int_equal(buf_append_text(&out, "<"), 0);
        assert_int_equal(url_append(&out, &url), 0);
        assert_string_equal(buf_text(&out) + 1, cases[i].written);
        buf_fini(&out);
        buf_init(&out, strlen(cases[i].written) - 1);
        assert_int_equal(url_append(&out, &url), -1);
        assert_int_equal(out.len, 0);
        buf_fini(&out);
        url_fini(&url);
    }
}

static void credentials_are_decoded(void **state)
{
    static const struct {
        const char *userinfo, *user, *password;
    } cases[] = {
        {"user", "user", ""},
        {"user:", "user", ""},
        {":secret", "", "secret"},
        {":", "", ""},
        {"", "", ""},
        {"a%40b:c%3Ad", "a@b", "c:d"},
        {"a%3ab:c", "a:b", "c"},
        {"us@er:p@ss:w", "us@er", "p@ss:w"},
        {"a+b:c+d", "a+b", "c+d"},
        {"%c3%BC:\xc3\xbc", "\xc3\xbc", "\xc3\xbc"},
        {"a%:b%4", "a%", "b%4"},
        {"%zz:%%41", "%zz", "%A"},
        {"a%09:b%20", "a\t", "b "},
        {"%2541:x", "%41", "x"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[100], *user = NULL, *password = NULL;
        struct url url;
        struct err err = {0};

        (void)snprintf(text, sizeof text, "http://%s@h/", cases[i].userinfo);
        assert_int_equal(url_parse(text, strlen(text), &url, &err), 0);
        assert_int_equal(url_credentials(&url, &user, &password, &err), 0);
        assert_string_equal(user, cases[i].user);
        assert_string_equal(password, cases[i].password);
        free(user);
        free(password);
        url_fini(&url);
    }
}

static void a_url_without_credentials_gives_none(void **state)
{
    char mark, *user = &mark, *password = &mark;
    struct url url;
    struct err err = {0};

    (void)state;
    assert_int_equal(url_parse("http://h/", 9, &url, &err), 0);
    assert_int_equal(url_credentials(&url, &user, &password, &err), 0);
    assert_null(user);
    assert_null(password);
    url_fini(&url);
}

static void credentials_with_a_line_end_are_refused(void **state)
{
    static const struct {
        const char *userinfo, *which;
    } cases[] = {
        {"a%00", "user name"},   {"a%0a:b", "user name"}, {"%0D:b", "user name"},
        {"a:b%00c", "password"}, {"a:%0Ab", "password"},  {"a:b%0d", "password"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[100], *user = NULL, *password = NULL;
        struct url url;
        struct err err = {0};

        (void)snprintf(text, sizeof text, "http://%s@h/", cases[i].userinfo);
        assert_int_equal(url_parse(text, strlen(text), &url, &err), 0);
        assert_int_equal(url_credentials(&url, &user, &password, &err), -1);
        assert_int_equal(err.kind, ERR_USAGE);
        if (!strstr(err.text, cases[i].which))
            fail_msg("'%s' got: %s", text, err.text);
        assert_null(user);
        assert_null(password);
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
        {"http://a%2f/", "no host name has"},
        {"http://a%00b/", "no host name has"},
        {"http://a%0d%0ab/", "no host name has"},
        {"http://a%25b/", "no host name has"},
        {"http://a%zzb/", "no host name has"},
        {"http://a%/", "no host name has"},
        {"http://a%3a80/", "no host name has"},
        {"http://a%40b/", "no host name has"},
        {"http://%5b::1%5d/", "no host name has"},
        {"http://a%7f/", "no host name has"},
        {"http://a%2e%2eb/", "empty label"},
        {"http://a{{b}}/", "no host name has"},
        {"http://a\\b/", "no host name has"},
        {"http://<a>/", "no host name has"},
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

static void user_and_password_are_hidden_from_people(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"http://h/a?b={{c}}", "http://h/a?b={{c}}"},
        {"http://me:secret@h:81/a", "http://h:81/a"},
        {"https://secret@[::1]/", "https://[::1]/"},
        {"http://{{user}}:{{word}}@h/", "http://h/"},
        {"http://me:se@cret@h/", "http://h/"},
        {"http://h/a@b?c=d@e#f@g", "http://h/a@b?c=d@e#f@g"},
        {"http://me:secret@h?a=b@c", "http://h?a=b@c"},
        {"http://me@h", "http://h"},
        {"no URL @ all", "no URL @ all"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *shown = url_hide_userinfo(cases[i].text, strlen(cases[i].text));

        assert_string_equal(shown, cases[i].shown);
        free(shown);
    }
}

static void a_sentence_about_a_url_shows_no_password(void **state)
{
    static const char *const cases[] = {
        "http://me:s3cret@h:99999/",
        "http://me:s3cret@/",
        "ftp://me:s3cret@h/",
        "http://me:s3cret@[::/",
        "http://me:s3cret#x@h/",
        "http://me:x/s3cret@h/",
        "me:s3cret@h/x",
        "http://me:s3cret@h h/",
        "http://me:s3cret%0a@a_%/",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        struct url url;

        assert_int_equal(url_parse(cases[i], strlen(cases[i]), &url, &err), -1);
        url_fini(&url);
        if (strstr(err.text, "s3cret") != NULL)
            fail_msg("%s: %s", cases[i], err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found),
        cmocka_unit_test(hosts_beyond_ascii_get_their_xn_form),
        cmocka_unit_test(hosts_that_idna_refuses_get_its_reason),
        cmocka_unit_test(labels_over_63_bytes_are_refused),
        cmocka_unit_test(hosts_are_measured_in_their_xn_form),
        cmocka_unit_test(references_resolve_to_hosts_beyond_ascii),
        cmocka_unit_test(urls_are_written_whole_but_for_credentials),
        cmocka_unit_test(user_and_password_are_hidden_from_people),
        cmocka_unit_test(a_sentence_about_a_url_shows_no_password),
        cmocka_unit_test(credentials_are_decoded),
        cmocka_unit_test(a_url_without_credentials_gives_none),
        cmocka_unit_test(credentials_with_a_line_end_are_refused),
        cmocka_unit_test(credentials_stay_as_written),
        cmocka_unit_test(malformed_urls_get_a_sentence),
        cmocka_unit_test(references_resolve_as_rfc_3986_shows),
        cmocka_unit_test(a_reference_keeps_scheme_port_and_credentials),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

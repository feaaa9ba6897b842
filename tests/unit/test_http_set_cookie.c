#include "http/set_cookie.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double NOW_UNIX_MS = 1700000000000.0;

static void assert_text(struct cookie_text text, const char *wanted)
{
    if (text.len != strlen(wanted) || strncmp(text.len > 0 ? text.at : "", wanted, text.len) != 0)
        fail_msg("'%.*s' is not '%s'", (int)text.len, text.at, wanted);
}

static void name_and_value_are_trimmed_and_nothing_else(void **state)
{
    static const struct {
        const char *text, *name, *value;
    } cases[] = {
        {"a=1", "a", "1"},           {"a=", "a", ""},
        {"a=b=c=", "a", "b=c="},     {" \ta \t=\t b c \t", "a", "b c"},
        {"a b=1", "a b", "1"},       {"a=\"x y\"", "a", "\"x y\""},
        {"a=1;", "a", "1"},          {"a=1;;;b=2", "a", "1"},
        {"a=1, b=2", "a", "1, b=2"}, {"a=\xc3\xa4", "a", "\xc3\xa4"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct set_cookie cookie;

        assert_true(set_cookie_parse(cases[i].text, strlen(cases[i].text), NOW_UNIX_MS, &cookie));
        assert_text(cookie.name, cases[i].name);
        assert_text(cookie.value, cases[i].value);
        assert_true(cookie.expires_unix_ms == 0.0);
        assert_false(cookie.is_secure || cookie.is_http_only);
    }
}

static void malformed_pairs_and_control_characters_are_refused(void **state)
{
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {
#define TEXT(literal) {literal, sizeof(literal) - 1}
        TEXT(""),        TEXT(" "),      TEXT("a"),         TEXT("=1"),
        TEXT(" \t =1"),  TEXT(";a=1"),   TEXT("a;b=1"),     TEXT("Secure; a=1"),
        TEXT("a\t=1\0"), TEXT("a\0=1"),  TEXT("a=1\r"),     TEXT("a=1\nb=2"),
        TEXT("a=1\x7f"), TEXT("a=1\t2"), TEXT("a\tb=1"),    TEXT("a=1; Path=/\x01"),
        TEXT("a=1;\0"),  TEXT("\x1f=1"), TEXT("a=1; x\ry"), TEXT("a=1; Path=/x\ty"),
#undef TEXT
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct set_cookie cookie;

        if (set_cookie_parse(cases[i].text, cases[i].len, NOW_UNIX_MS, &cookie))
            fail_msg("'%s' was taken", cases[i].text);
    }
    assert_false(set_cookie_parse(NULL, 0, NOW_UNIX_MS, &(struct set_cookie){0}));
}

static void the_last_attribute_of_a_name_counts(void **state)
{
    static const struct {
        const char *text, *domain, *path;
        double expires_unix_ms;
    } cases[] = {
        {"a=1; Domain=x.com; Path=/p", "x.com", "/p", 0.0},
        {"a=1;domain = .x.com ;PATH\t=\t/p", "x.com", "/p", 0.0},
        {"a=1; Domain=x.com; Domain=y.com", "y.com", "", 0.0},
        {"a=1; Domain=x.com; Domain=", "x.com", "", 0.0},
        {"a=1; Domain=x.com; Domain=.", "", "", 0.0},
        {"a=1; Domain", "", "", 0.0},
        {"a=1; Path=/p; Path=/q", "", "/q", 0.0},
        {"a=1; Path=/p; Path=", "", "", 0.0},
        {"a=1; Path=/p; Path=q", "", "", 0.0},
        {"a=1; Path=\"/\"", "", "", 0.0},
        {"a=1; Path=/a=b", "", "/a=b", 0.0},
        {"a=1; Max-Age=10", "", "", 1700000010000.0},
        {"a=1; Max-Age=10; Max-Age=20", "", "", 1700000020000.0},
        {"a=1; Max-Age=010", "", "", 1700000010000.0},
        {"a=1; Max-Age=0", "", "", -1.0},
        {"a=1; Max-Age=-0", "", "", -1.0},
        {"a=1; Max-Age=-99999999999999999999999999999", "", "", -1.0},
        {"a=1; Max-Age=99999999999999999999999999999", "", "", 253402300799000.0},
        {"a=1; Max-Age=253402300799", "", "", 253402300799000.0},
        {"a=1; Max-Age=", "", "", 0.0},
        {"a=1; Max-Age", "", "", 0.0},
        {"a=1; Max-Age=+5", "", "", 0.0},
        {"a=1; Max-Age=5s", "", "", 0.0},
        {"a=1; Max-Age=\"5\"", "", "", 0.0},
        {"a=1; Max-Age=1.5", "", "", 0.0},
        {"a=1; Max-Age=10; Max-Age=x", "", "", 1700000010000.0},
        {"a=1; Expires=Sun, 06 Nov 1994 08:49:37 GMT", "", "", 784111777000.0},
        {"a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "", "", -1.0},
        {"a=1; Expires=never", "", "", 0.0},
        {"a=1; Expires=06 Nov 1994 08:49:37; Expires=never", "", "", 784111777000.0},
        {"a=1; Expires=06 Nov 1994 08:49:37; Expires=07 Nov 1994 08:49:37", "", "", 784198177000.0},
        {"a=1; Expires=06 Nov 1994 08:49:37; Max-Age=10", "", "", 1700000010000.0},
        {"a=1; Max-Age=10; Expires=06 Nov 1994 08:49:37", "", "", 1700000010000.0},
        {"a=1; Max-Age=x; Expires=06 Nov 1994 08:49:37", "", "", 784111777000.0},
        {"a=1; Pathx=/p; xPath=/p; Pat=/p", "", "", 0.0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct set_cookie cookie;

        assert_true(set_cookie_parse(cases[i].text, strlen(cases[i].text), NOW_UNIX_MS, &cookie));
        assert_text(cookie.domain, cases[i].domain);
        assert_text(cookie.path, cases[i].path);
        if (cookie.expires_unix_ms != cases[i].expires_unix_ms)
            fail_msg("'%s' expires %.0f", cases[i].text, cookie.expires_unix_ms);
    }
}

static void flags_are_read_whatever_their_value(void **state)
{
    struct set_cookie cookie;

    (void)state;
    assert_true(set_cookie_parse("a=1; SECURE", 11, NOW_UNIX_MS, &cookie));
    assert_true(cookie.is_secure && !cookie.is_http_only);
    assert_true(set_cookie_parse("a=1;httponly=no", 15, NOW_UNIX_MS, &cookie));
    assert_true(!cookie.is_secure && cookie.is_http_only);
    assert_true(set_cookie_parse("a=1;xsecure;httponl", 19, NOW_UNIX_MS, &cookie));
    assert_false(cookie.is_secure || cookie.is_http_only);
}

/* "n=vv...; Path=/pp...", with as many bytes as asked for. */
static char *make_text(size_t value_bytes, size_t path_bytes)
{
    char *text = x_malloc(2 + value_bytes + 7 + path_bytes + 1);

    memcpy(text, "n=", 2);
    memset(text + 2, 'v', value_bytes);
    memcpy(text + 2 + value_bytes, "; Path=/", 8);
    memset(text + 2 + value_bytes + 8, 'p', path_bytes - 1);
    text[2 + value_bytes + 7 + path_bytes] = '\0';
    return text;
}

static bool parses(size_t value_bytes, size_t path_bytes, struct set_cookie *cookie)
{
    char *text = make_text(value_bytes, path_bytes);
    bool taken = set_cookie_parse(text, strlen(text), NOW_UNIX_MS, cookie);

    free(text);
    return taken;
}

static void sizes_are_limited(void **state)
{
    struct set_cookie cookie;

    (void)state;
    assert_true(parses(4095, 1, &cookie));
    assert_false(parses(4096, 1, &cookie));
    assert_true(parses(1, 1024, &cookie));
    assert_int_equal(cookie.path.len, 1024);
    assert_true(parses(1, 1025, &cookie));
    assert_int_equal(cookie.path.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_and_value_are_trimmed_and_nothing_else),
        cmocka_unit_test(malformed_pairs_and_control_characters_are_refused),
        cmocka_unit_test(the_last_attribute_of_a_name_counts),
        cmocka_unit_test(flags_are_read_whatever_their_value),
        cmocka_unit_test(sizes_are_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

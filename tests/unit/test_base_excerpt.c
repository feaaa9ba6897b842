#include "base/excerpt.h"
#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check_bytes(const char *bytes, size_t len, const char *expected)
{
    char text[EXCERPT_CAP_BYTES];

    excerpt_write(text, (const uint8_t *)bytes, len);
    assert_string_equal(text, expected);
}

static void check(const char *bytes, const char *expected)
{
    check_bytes(bytes, strlen(bytes), expected);
}

static void harmless_text_stays(void **state)
{
    static const char *const texts[] = {
        "",
        "hello, world",
        "{\"seq\":17,\"author\":\"Ana\",\"at\":\"2026-01-01T00:00:00.250Z\",\"key\":1.5e-3}",
        "http://127.0.0.1:8080/api/v1/events?topics=a,b",
        "grüße 🦗 a\\b",
        "mail ana@example.com",
        "bearer",
        "0.12345678901234567890123",
        "the token",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check(texts[i], texts[i]);
}

static void what_does_not_print_is_escaped(void **state)
{
    (void)state;
    check("a\nb\tc\rd\x1b[31m\x7f", "a\\nb\\tc\\x0dd\\x1b[31m\\x7f");
    check_bytes("a\0b", 3, "a\\x00b");
    check("\xff\xc0\x80 \xe2\x82 \xed\xa0\x80", "\\xff\\xc0\\x80 \\xe2\\x82 \\xed\\xa0\\x80");
    check("\xc2\x9b\x80\xc3\xa4\x80", "\\x9b\\x80\xc3\xa4\\x80");
}

static void values_behind_secret_names_are_hidden(void **state)
{
    (void)state;
    check("{\"password\":\"hunter2\",\"a\":1}", "{\"password\":\"***\",\"a\":1}");
    check("{\"accessToken\" : \"x\\\"y\" , \"a\":1}", "{\"accessToken\" : \"***\" , \"a\":1}");
    check("{\"secret\":12345,\"a\":1}", "{\"secret\":***,\"a\":1}");
    check("{\"session\":{\"id\":\"hunter2\"},\"a\":1}", "{\"session\":***");
    check("{\"cookies\":[\"hunter2\"]}", "{\"cookies\":***");
    check("{\n  \"api_key\":\n    \"hunter2\"\n}", "{\\n  \"api_key\":\\n    \"***\"\\n}");
    check("{'password': 'hunter2', 'a': 1}", "{'password': '***', 'a': 1}");
    check("{\"body\":\"{\\\"password\\\":\\\"hun\\\\\\\"ter2\\\",\\\"a\\\":1}\",\"b\":2}",
          "{\"body\":\"{\\\"password\\\":\\\"***\\\",\\\"a\\\":1}\",\"b\":2}");
    check("user=ana&password=hunter2&x=1", "user=ana&password=***&x=1");
    check("Authorization: Basic YTpi\nHost: x", "Authorization: ***\\nHost: x");
    check("X-Api-Key: hunter2", "X-Api-Key: ***");
    check("{\"password\":\"hunter2", "{\"password\":\"***");
    check("{\"password\":", "{\"password\":***");
}

static void tokens_are_known_by_their_looks(void **state)
{
    (void)state;
    check("x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r y", "x *** y");
    check("[\"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\"]", "[\"***\"]");
    check("authorized by Bearer abc.def here", "authorized by Bearer *** here");
    check("https://ana:hunter2@example.com/x", "https://***@example.com/x");
    check("abcdefghijklmnopqrstuvw1", "***");
    check("abcdefghijklmnopqrstuvw", "abcdefghijklmnopqrstuvw");
    check("abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz");
    check("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", "***");
}

/* Blanks, so that nothing looks like a token. */
static void fill(char *text, size_t len, const char *end)
{
    memset(text, ' ', len);
    memcpy(text + len - strlen(end), end, strlen(end));
    text[len] = '\0';
}

static void a_long_text_is_cut_at_a_character(void **state)
{
    char bytes[2 * EXCERPT_LIMIT_BYTES], expected[EXCERPT_CAP_BYTES];

    (void)state;
    fill(bytes, EXCERPT_LIMIT_BYTES, "x");
    check(bytes, bytes);
    fill(bytes, EXCERPT_LIMIT_BYTES + 1, "xy");
    fill(expected, EXCERPT_LIMIT_BYTES, "…");
    check(bytes, expected);
    fill(bytes, EXCERPT_LIMIT_BYTES, "äx"); /* the last byte that may stay is a whole one */
    check(bytes, bytes);
    fill(bytes, EXCERPT_LIMIT_BYTES + 2, "ä1234"); /* the character would end one byte too late */
    fill(expected, EXCERPT_LIMIT_BYTES - 1, "…");
    check(bytes, expected);
}

static void a_secret_at_the_cut_stays_hidden(void **state)
{
    static const char planted[] = "\"password\":\"hunter2 hunter2 hunter2\"";
    char bytes[4 * EXCERPT_LIMIT_BYTES], text[EXCERPT_CAP_BYTES];

    (void)state;
    for (size_t before = 0; before < EXCERPT_LIMIT_BYTES + 20; before++) {
        memset(bytes, ' ', before);
        memcpy(bytes + before, planted, sizeof planted);
        excerpt_write(text, (const uint8_t *)bytes, strlen(bytes));
        assert_null(strstr(text, "hun"));
    }
}

static void names_of_secrets(void **state)
{
    static const char *const secret[] = {"Authorization", "X-Auth", "authority",   "Set-Cookie",
                                         "access_token",  "apiKey", "private_key", "SESSIONID"};
    static const char *const open[] = {"author", "co-authors", "Author", "key", "monkey", ""};

    (void)state;
    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++)
        assert_true(secret_is_name(secret[i], strlen(secret[i])));
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
        assert_false(secret_is_name(open[i], strlen(open[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(harmless_text_stays),
        cmocka_unit_test(what_does_not_print_is_escaped),
        cmocka_unit_test(values_behind_secret_names_are_hidden),
        cmocka_unit_test(tokens_are_known_by_their_looks),
        cmocka_unit_test(a_long_text_is_cut_at_a_character),
        cmocka_unit_test(a_secret_at_the_cut_stays_hidden),
        cmocka_unit_test(names_of_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

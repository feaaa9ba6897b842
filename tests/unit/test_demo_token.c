#include "demo/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct token_key KEY = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};

/* "SipHash: a fast short-input PRF", appendix A: fifteen bytes 00 to 0e under the key 00 to 0f. */
static void siphash_gives_the_published_value(void **state)
{
    uint8_t input[15];

    (void)state;
    for (uint8_t i = 0; i < sizeof input; i++)
        input[i] = i;
    assert_true(token_siphash(&KEY, input, sizeof input) == 0xa129ca6149be45e5u);
}

static void a_token_is_good_until_it_expires(void **state)
{
    char text[TOKEN_TEXT_BYTES];

    (void)state;
    (void)token_issue(&KEY, TOKEN_USER, 1000, 1, text);
    assert_int_equal(token_check(&KEY, text, strlen(text), 999), TOKEN_USER);
    assert_int_equal(token_check(&KEY, text, strlen(text), 1000), TOKEN_NONE);
    (void)token_issue(&KEY, TOKEN_CLIENT, UINT64_MAX, UINT64_MAX, text);
    assert_int_equal(token_check(&KEY, text, strlen(text), 1000), TOKEN_CLIENT);
}

static void any_changed_byte_spoils_a_token(void **state)
{
    char text[TOKEN_TEXT_BYTES];
    size_t len;

    (void)state;
    (void)token_issue(&KEY, TOKEN_USER, 0xabcdef, 0xabcdef, text);
    len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            text[i] = (char)(text[i] ^ 1 << bit);
            assert_int_equal(token_check(&KEY, text, len, 0), TOKEN_NONE);
            text[i] = (char)(text[i] ^ 1 << bit);
        }
    }
    assert_int_equal(token_check(&KEY, text, len, 0), TOKEN_USER);
    assert_int_equal(token_check(&KEY, text, len - 1, 0), TOKEN_NONE);
    assert_int_equal(token_check(&KEY, "", 0, 0), TOKEN_NONE);
}

static void another_key_spoils_a_token(void **state)
{
    struct token_key other = KEY;
    char text[TOKEN_TEXT_BYTES];

    (void)state;
    other.bytes[0] ^= 1;
    (void)token_issue(&KEY, TOKEN_USER, 1000, 1, text);
    assert_int_equal(token_check(&other, text, strlen(text), 0), TOKEN_NONE);
}

static void made_keys_differ(void **state)
{
    struct token_key one, two;
    struct err err;

    (void)state;
    assert_int_equal(token_key_make(&one, &err), 0);
    assert_int_equal(token_key_make(&two, &err), 0);
    assert_memory_not_equal(&one, &two, sizeof one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_gives_the_published_value),
        cmocka_unit_test(a_token_is_good_until_it_expires),
        cmocka_unit_test(any_changed_byte_spoils_a_token),
        cmocka_unit_test(another_key_spoils_a_token),
        cmocka_unit_test(made_keys_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(const void *bytes, size_t len, const char *expected)
{
    struct buf out = {0};

    assert_int_equal(base64_append(&out, bytes, len), 0);
    assert_string_equal(buf_text(&out), expected);
    buf_fini(&out);
}

/* RFC 4648, section 10. */
static void vectors_of_the_rfc_come_out(void **state)
{
    static const struct {
        const char *plain, *encoded;
    } vectors[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        check(vectors[i].plain, strlen(vectors[i].plain), vectors[i].encoded);
}

static void all_64_digits_come_in_their_order(void **state)
{
    static const uint8_t bytes[] = {
        0x00, 0x10, 0x83, 0x10, 0x51, 0x87, 0x20, 0x92, 0x8b, 0x30, 0xd3, 0x8f,
        0x41, 0x14, 0x93, 0x51, 0x55, 0x97, 0x61, 0x96, 0x9b, 0x71, 0xd7, 0x9f,
        0x82, 0x18, 0xa3, 0x92, 0x59, 0xa7, 0xa2, 0x9a, 0xab, 0xb2, 0xdb, 0xaf,
        0xc3, 0x1c, 0xb3, 0xd3, 0x5d, 0xb7, 0xe3, 0x9e, 0xbb, 0xf3, 0xdf, 0xbf,
    };

    (void)state;
    check(bytes, sizeof bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
}

static void zeros_and_high_bytes_are_bytes_like_others(void **state)
{
    (void)state;
    check("\0", 1, "AA==");
    check("\0\0\0", 3, "AAAA");
    check("\xff\xff", 2, "//8=");
    check("a\0\xff", 3, "YQD/");
}

static void text_is_appended_whole_or_not_at_all(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 9);
    assert_int_equal(base64_append(&out, "foo", 3), 0);
    assert_int_equal(base64_append(&out, "foob", 4), -1);
    assert_int_equal(base64_append(&out, "f", 1), 0);
    assert_int_equal(base64_append(&out, "f", 1), -1);
    assert_int_equal(base64_append(&out, "", 0), 0);
    assert_string_equal(buf_text(&out), "Zm9vZg==");
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_the_rfc_come_out),
        cmocka_unit_test(all_64_digits_come_in_their_order),
        cmocka_unit_test(zeros_and_high_bytes_are_bytes_like_others),
        cmocka_unit_test(text_is_appended_whole_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FFFD "\xef\xbf\xbd"

struct repair {
    const char *input, *output;
};

static const struct repair repairs[] = {
    {"", ""},
    {"plain text of more than eight bytes", "plain text of more than eight bytes"},
    {"\xc2\x80\xdf\xbf", "\xc2\x80\xdf\xbf"},
    {"\xe0\xa0\x80\xef\xbf\xbf\xed\x9f\xbf\xee\x80\x80",
     "\xe0\xa0\x80\xef\xbf\xbf\xed\x9f\xbf\xee\x80\x80"},
    {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
    {"\x80", FFFD},
    {"\xff\xfe", FFFD FFFD},
    {"\xc0\x80\xc1\xbf", FFFD FFFD FFFD FFFD},
    {"\xe0\x80\x80", FFFD FFFD FFFD},
    {"\xed\xa0\x80", FFFD FFFD FFFD},
    {"\xf0\x80\x80\x80", FFFD FFFD FFFD FFFD},
    {"\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD},
    {"\xf5\x80", FFFD FFFD},
    {"\xc3", FFFD},
    {"\xe2\x82", FFFD},
    {"\xf0\x9f\xa6", FFFD},
    {"a\xe2\x82z", "a" FFFD "z"},
    {"\xf0\x9f\xa6z", FFFD "z"},
    {"\xf0\x9f\xe2\x82\xac", FFFD "\xe2\x82\xac"},
    {"12345678\xc3\xa4"
     "12345678\xff"
     "12345678",
     "12345678\xc3\xa4"
     "12345678" FFFD "12345678"},
    /* Unicode 15, section 3.9, tables 3-8 to 3-11. */
    {"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A"},
    {"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A"},
    {"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", FFFD FFFD FFFD FFFD FFFD "A" FFFD FFFD "B"},
    {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", FFFD FFFD FFFD FFFD "A"},
};

static void each_maximal_invalid_part_becomes_one_sign(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof repairs / sizeof repairs[0]; i++) {
        const uint8_t *input = (const uint8_t *)repairs[i].input;
        size_t len = strlen(repairs[i].input);
        struct buf out = {0};

        assert_int_equal(utf8_append_lossy(&out, input, len), 0);
        assert_string_equal(buf_text(&out), repairs[i].output);
        assert_int_equal(utf8_valid(input, len), strcmp(repairs[i].input, repairs[i].output) == 0);
        assert_true(utf8_valid(out.bytes, out.len));
        buf_fini(&out);
    }
}

static void the_valid_prefix_ends_between_characters(void **state)
{
    static const struct {
        const char *input;
        size_t prefix;
    } cases[] = {
        {"abc", 3}, {"ab\xff", 2}, {"\xe2\x82\xac\xe2\x82", 3}, {"123456789\x80", 9}, {"\x80", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(utf8_valid_prefix((const uint8_t *)cases[i].input, strlen(cases[i].input)),
                         cases[i].prefix);
}

/* Writes `code` in UTF-8 without any check. */
static size_t encode(uint32_t code, uint8_t bytes[4])
{
    size_t total = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = total; i > 1; i--) {
        bytes[i - 1] = (uint8_t)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    bytes[0] = (uint8_t)(marks[total] | code);
    return total;
}

static void every_code_point_but_surrogates_is_valid(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 0x110400; code++) {
        uint8_t bytes[4];
        size_t len = encode(code, bytes);
        bool is_surrogate = code >= 0xd800 && code <= 0xdfff;

        if (utf8_valid(bytes, len) != (!is_surrogate && code <= 0x10ffff))
            fail_msg("U+%04X is judged wrong", code);
    }
}

static void a_full_buffer_keeps_what_it_had(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 6);
    assert_int_equal(buf_append_text(&out, "abc"), 0);
    assert_int_equal(utf8_append_lossy(&out, (const uint8_t *)"z\xff", 2), -1);
    assert_string_equal(buf_text(&out), "abc");
    assert_int_equal(utf8_append_lossy(&out, (const uint8_t *)"\xff", 1), 0);
    assert_string_equal(buf_text(&out), "abc" FFFD);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_maximal_invalid_part_becomes_one_sign),
        cmocka_unit_test(the_valid_prefix_ends_between_characters),
        cmocka_unit_test(every_code_point_but_surrogates_is_valid),
        cmocka_unit_test(a_full_buffer_keeps_what_it_had),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

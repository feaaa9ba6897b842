#include "base/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Clears `out` for the next use. */
static void expect_text(struct buf *out, const char *expected)
{
    assert_string_equal(buf_text(out), expected);
    buf_clear(out);
}

static void write_sample(struct json *json)
{
    json_begin_object(json);
    json_key(json, "a");
    json_uint(json, UINT64_MAX);
    json_key(json, "b");
    json_begin_array(json);
    json_int(json, INT64_MIN);
    json_bool(json, true);
    json_null(json);
    json_begin_object(json);
    json_end_object(json);
    json_end_array(json);
    json_key(json, "c");
    json_begin_array(json);
    json_end_array(json);
    json_end_object(json);
}

static void commas_and_colons_come_by_themselves(void **state)
{
    struct buf out = {0};
    struct json json;

    (void)state;
    json_init(&json, &out, 0);
    write_sample(&json);
    expect_text(&out, "{\"a\":18446744073709551615,\"b\":[-9223372036854775808,true,null,{}],"
                      "\"c\":[]}");
    buf_fini(&out);
}

static void indentation_gives_a_line_to_each_member(void **state)
{
    struct buf out = {0};
    struct json json;

    (void)state;
    json_init(&json, &out, 2);
    write_sample(&json);
    expect_text(&out, "{\n  \"a\": 18446744073709551615,\n  \"b\": [\n    -9223372036854775808,\n"
                      "    true,\n    null,\n    {}\n  ],\n  \"c\": []\n}");
    buf_fini(&out);
}

static void a_value_alone_is_a_document(void **state)
{
    struct buf out = {0};
    struct json json;

    (void)state;
    json_init(&json, &out, 2);
    json_text(&json, "x");
    expect_text(&out, "\"x\"");
    buf_fini(&out);
}

static void strings_are_escaped(void **state)
{
    struct buf out = {0};
    struct json json;

    (void)state;
    json_init(&json, &out, 0);
    json_bytes(&json, (const uint8_t *)"\"\\/\n\r\t\b\f\0\x1f\x7f", 11);
    expect_text(&out, "\"\\\"\\\\/\\n\\r\\t\\b\\f\\u0000\\u001f\x7f\"");
    json_begin_object(&json);
    json_key(&json, "a\"b");
    json_text(&json, "\xc3\xa4\xf0\x9f\xa6\x97");
    json_end_object(&json);
    expect_text(&out, "{\"a\\\"b\":\"\xc3\xa4\xf0\x9f\xa6\x97\"}");
    buf_fini(&out);
}

static void broken_utf8_is_repaired(void **state)
{
    struct buf out = {0};

    (void)state;
    json_append_string(&out, (const uint8_t *)"a\xff\n\xe2\x82", 5);
    expect_text(&out, "\"a\xef\xbf\xbd\\n\xef\xbf\xbd\"");
    json_append_string(&out, (const uint8_t *)"\xe2\n\x82\xac", 4);
    expect_text(&out, "\"\xef\xbf\xbd\\n\xef\xbf\xbd\xef\xbf\xbd\"");
    json_append_string(&out, (const uint8_t *)"", 0);
    expect_text(&out, "\"\"");
    buf_fini(&out);
}

static void numbers_are_short_and_exact(void **state)
{
    static const struct {
        double value;
        int decimals;
        const char *text;
    } cases[] = {
        {0.0, 3, "0"},
        {-0.0, 3, "0"},
        {-0.0001, 3, "0"},
        {1.0, 3, "1"},
        {-1.5, 3, "-1.5"},
        {0.1, 17, "0.1"},
        {0.30000001, 3, "0.3"},
        {2.0 / 3.0, 3, "0.667"},
        {99.9996, 3, "100"},
        {1234567.875, 6, "1234567.875"},
        {0.5, 0, "0"},
        {100.0, 0, "100"},
        {9007199254740993.0, 3, "9007199254740992"},
        {1e300, 3, "1e+300"},
        {-1e300, 3, "-1e+300"},
        {INFINITY, 3, "null"},
        {-INFINITY, 3, "null"},
        {NAN, 3, "null"},
        {5e-324, 3, "0"},
    };
    struct buf out = {0};
    struct json json;

    (void)state;
    json_init(&json, &out, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_number(&json, cases[i].value, cases[i].decimals);
        expect_text(&out, cases[i].text);
    }
    buf_fini(&out);
}

static void a_member_is_a_key_and_its_value(void **state)
{
    struct buf out = {0};
    struct json json;

    (void)state;
    json_init(&json, &out, 0);
    json_begin_object(&json);
    json_put_text(&json, "a", "x");
    json_put_text(&json, "b", NULL);
    json_put_uint(&json, "c", 7);
    json_put_number(&json, "d", 1.25, 1);
    json_end_object(&json);
    expect_text(&out, "{\"a\":\"x\",\"b\":\"\",\"c\":7,\"d\":1.2}");
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_colons_come_by_themselves),
        cmocka_unit_test(indentation_gives_a_line_to_each_member),
        cmocka_unit_test(a_value_alone_is_a_document),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(broken_utf8_is_repaired),
        cmocka_unit_test(numbers_are_short_and_exact),
        cmocka_unit_test(a_member_is_a_key_and_its_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

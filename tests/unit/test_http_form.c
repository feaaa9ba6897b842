#include "http/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void fields_are_found_and_decoded(void **state)
{
    static const struct {
        const char *text, *name, *value; /* NULL: absent */
    } cases[] = {
        {"a=1&b=2", "a", "1"},         {"a=1&b=2", "b", "2"}, {"a=1&b=2", "c", NULL},
        {"a=1&a=2", "a", "1"},         {"a=", "a", ""},       {"a", "a", ""},
        {"&&a=1&", "a", "1"},          {"=1", "a", NULL},     {"ab=1", "a", NULL},
        {"a=1", "ab", NULL},           {"a=b=c", "a", "b=c"}, {"a=x+y%20z%2Bw", "a", "x y z+w"},
        {"%61%2e=1", "a.", "1"},       {"a=%4", "a", "%4"},   {"a=%zz%", "a", "%zz%"},
        {"a=%c3%A4", "a", "\xc3\xa4"}, {"", "a", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out = {0};
        bool found = form_find(cases[i].text, strlen(cases[i].text), cases[i].name, &out);

        assert_int_equal(found, cases[i].value != NULL);
        assert_string_equal(buf_text(&out), cases[i].value ? cases[i].value : "");
        buf_fini(&out);
    }
}

static void fields_are_written_encoded(void **state)
{
    static const struct {
        const char *name, *value, *text;
    } cases[] = {
        {"a", "b", "a=b"},
        {"", "", "="},
        {"a b", "c+d", "a+b=c%2Bd"},
        {"a&b", "c=d%", "a%26b=c%3Dd%25"},
        {"*-._", "*-._", "*-._=*-._"},
        {"~!'()", "/?#", "%7E%21%27%28%29=%2F%3F%23"},
        {"az", "AZ09", "az=AZ09"},
        {"@[`{", "\r\n\t", "%40%5B%60%7B=%0D%0A%09"},
        {"\xc3\xa4", "\x7f\xff\x01", "%C3%A4=%7F%FF%01"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out = {0}, value = {0};

        assert_int_equal(form_append(&out, cases[i].name, cases[i].value), 0);
        assert_string_equal(buf_text(&out), cases[i].text);
        assert_true(form_find(buf_text(&out), out.len, cases[i].name, &value));
        assert_string_equal(buf_text(&value), cases[i].value);
        buf_fini(&out);
        buf_fini(&value);
    }
}

static void written_fields_are_joined(void **state)
{
    struct buf out = {0};

    (void)state;
    assert_int_equal(form_append(&out, "a", "1"), 0);
    assert_int_equal(form_append(&out, "", ""), 0);
    assert_int_equal(form_append(&out, "b", "2"), 0);
    assert_string_equal(buf_text(&out), "a=1&=&b=2");
    buf_fini(&out);
}

static void a_field_past_the_limit_is_not_begun(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 8);
    assert_int_equal(form_append(&out, "a", "1"), 0);
    assert_int_equal(form_append(&out, "b", "%"), -1);
    assert_string_equal(buf_text(&out), "a=1");
    assert_int_equal(form_append(&out, "b", "22"), 0);
    assert_string_equal(buf_text(&out), "a=1&b=22");
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found_and_decoded),
        cmocka_unit_test(fields_are_written_encoded),
        cmocka_unit_test(written_fields_are_joined),
        cmocka_unit_test(a_field_past_the_limit_is_not_begun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found_and_decoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

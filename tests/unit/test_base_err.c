#include "base/err.h"
#include "base/error_class.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void the_message_is_formatted(void **state)
{
    struct err err = {0};

    (void)state;
    err_set(&err, ERR_USAGE, "'%s' is not %d", "x", 7);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_string_equal(err.text, "'x' is not 7");
    err_set(&err, ERR_SYSTEM, "other");
    assert_int_equal(err.kind, ERR_SYSTEM);
    assert_string_equal(err.text, "other");
}

static void context_goes_in_front(void **state)
{
    struct err err;

    (void)state;
    err_set(&err, ERR_LIMIT, "too many");
    err_prefix(&err, "line %d", 3);
    err_prefix(&err, "plan '%s'", "p");
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_string_equal(err.text, "plan 'p': line 3: too many");
}

static void what_is_too_long_is_cut_at_its_end(void **state)
{
    char text[2 * ERR_TEXT_BYTES];
    struct err err;

    (void)state;
    (void)memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    err_set(&err, ERR_USAGE, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
    err_prefix(&err, "front");
    assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
    assert_memory_equal(err.text, "front: xxx", 10);
    for (size_t len = ERR_TEXT_BYTES - 5; len < ERR_TEXT_BYTES + 2; len++) {
        err_set(&err, ERR_USAGE, "tail");
        err_prefix(&err, "%.*s", (int)len, text);
        assert_in_range(strlen(err.text), len < ERR_TEXT_BYTES ? len : 0, ERR_TEXT_BYTES - 1);
    }
}

static void every_class_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < CLASS_COUNT; i++) {
        const char *name = error_class_name((enum error_class)i);

        assert_non_null(name);
        assert_int_equal(error_class_find(name), i);
    }
    assert_string_equal(error_class_name(CLASS_CONNECT_REFUSED), "connect_refused");
    assert_string_equal(error_class_name(CLASS_NONE), "none");
    assert_int_equal(error_class_find("other"), CLASS_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_is_formatted),
        cmocka_unit_test(context_goes_in_front),
        cmocka_unit_test(what_is_too_long_is_cut_at_its_end),
        cmocka_unit_test(every_class_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/near.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static size_t distance(const char *left, const char *right)
{
    return near_distance(left, strlen(left), right, strlen(right));
}

static void distances_count_edits(void **state)
{
    (void)state;
    assert_int_equal(distance("", ""), 0);
    assert_int_equal(distance("run", "RUN"), 0);
    assert_int_equal(distance("rnu", "run"), 1);
    assert_int_equal(distance("user", "users"), 1);
    assert_int_equal(distance("", "abc"), 3);
    assert_int_equal(distance("kitten", "sitting"), 3);
    assert_int_equal(distance("ca", "abc"), 3);
}

static void long_texts_are_far_apart(void **state)
{
    char text[NEAR_NAME_LIMIT_BYTES + 2];

    (void)state;
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_int_equal(distance(text, "a"), NEAR_NAME_LIMIT_BYTES + 1);
    text[NEAR_NAME_LIMIT_BYTES] = '\0';
    assert_int_equal(distance(text, text), 0);
}

static const char *nearest(const char *wanted, const char *first, const char *second)
{
    struct near near = {.wanted = wanted, .wanted_len = strlen(wanted)};

    near_offer(&near, first);
    near_offer(&near, second);
    return near.best;
}

static void the_nearest_name_is_kept_when_it_is_the_only_one(void **state)
{
    (void)state;
    assert_string_equal(nearest("user", "events", "users"), "users");
    assert_string_equal(nearest("head", "headless", "wait"), "headless");
    assert_null(nearest("retry", "retry-wait", "retry-max"));
    assert_null(nearest("xyz", "users", "wait"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_count_edits),
        cmocka_unit_test(long_texts_are_far_apart),
        cmocka_unit_test(the_nearest_name_is_kept_when_it_is_the_only_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

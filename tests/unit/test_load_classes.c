#include "load/classes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { KIND_MAX = 4 };

/* What Locust 2.12.1's dispatcher answered to the same classes, one user after the other. */
static const struct {
    struct class_spec specs[KIND_MAX];
    size_t count;
    const char *sequence;
} cases[] = {
    {{{"A", 1, 0}, {"B", 1, 0}}, 2, "ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB"},
    {{{"A", 5, 0}, {"B", 1, 0}}, 2, "AAABAAAAABAAAAABAAAAABAAAAABAAAAABAAAAABAAAAABAAAAABAAAAABAA"},
    {{{"A", 1, 0}, {"B", 2, 0}, {"C", 3, 0}},
     3,
     "CBACBCCBACBCCBACBCCBACBCCBACBCCBACBCCBACBCCBACBCCBACBCCBACBC"},
    {{{"A", 0.5, 0}, {"B", 1.7, 0}, {"C", 0.3, 0}},
     3,
     "BABBCBBABBBCBABBBABBCBBABBBCBABBBABBCBBABBBCBABBBABBCBBABBBC"},
    {{{"A", 1.5, 0}, {"B", 2, 0}, {"C", 2.4, 0}},
     3,
     "BCABCABCBCABCABCBCABCABCBCABCABCBCABCABCBCABCABCBCABCABCBCAB"},
    {{{"A", 1, 3}, {"B", 1, 0}}, 2, "AAABBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"},
    {{{"A", 1, 1}, {"B", 1, 5}, {"C", 2, 0}, {"D", 1, 0}},
     4,
     "BBABBBCDCCDCCDCCDCCDCCDCCDCCDCCDCCDCCDCCDCCDCCDCCDCCDCCDCCDC"},
    {{{"A", 1, 2}, {"B", 1, 3}}, 2, "BABAB"},
    {{{"A", 1, 10}, {"B", 3, 0}, {"C", 1, 4}, {"D", 7, 0}},
     4,
     "ACAAACAACAAACADBDDDBDDBDDDBDDBDDDBDDBDDDBDDBDDDBDDBDDDBDDBDD"},
    {{{"A", 100, 0}, {"B", 1, 0}, {"C", 33, 0}},
     3,
     "AACAAACAAACAAACAAACAAACAAACAAACAAACAAACAAACAABAACAAACAAACAAA"},
};

/* One letter a user: the class whose count grew. */
static char *sequence_of(struct classes *classes, uint32_t users)
{
    char *text = calloc(1, users + 1);
    uint32_t before[KIND_MAX] = {0};

    assert_non_null(text);
    for (uint32_t k = 0; k < users && classes_set_users(classes, k + 1) == k + 1; k++) {
        const uint32_t *now = classes_on_worker(classes, 0);

        for (size_t i = 0; i < classes_count(classes); i++) {
            if (now[i] > before[i])
                text[k] = (char)('A' + i);
            before[i] = now[i];
        }
    }
    return text;
}

static void classes_come_in_the_order_of_locust(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct classes *classes = classes_new(cases[i].specs, cases[i].count, 1);
        char *got = sequence_of(classes, 60);

        assert_string_equal(got, cases[i].sequence);
        free(got);
        classes_free(classes);
    }
}

static void fewer_users_are_the_first_of_more(void **state)
{
    static const uint32_t walk[] = {60, 13, 0, 1, 59, 6, 7, 60};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct classes *classes = classes_new(cases[i].specs, cases[i].count, 1);

        for (size_t step = 0; step < sizeof walk / sizeof walk[0]; step++) {
            uint32_t users = classes_set_users(classes, walk[step]), expected[KIND_MAX] = {0};

            for (uint32_t k = 0; k < users; k++)
                expected[cases[i].sequence[k] - 'A']++;
            assert_memory_equal(classes_on_worker(classes, 0), expected,
                                cases[i].count * sizeof expected[0]);
        }
        classes_free(classes);
    }
}

static void workers_take_users_in_turn(void **state)
{
    struct classes *classes = classes_new(cases[6].specs, cases[6].count, 3);

    (void)state;
    assert_int_equal(classes_set_users(classes, 50), 50);
    assert_int_equal(classes_set_users(classes, 8), 8); /* BBABBBCD over three workers */
    for (uint32_t worker = 0; worker < 3; worker++) {
        static const uint32_t expected[3][KIND_MAX] = {{0, 2, 1, 0}, {0, 2, 0, 1}, {1, 1, 0, 0}};

        assert_memory_equal(classes_on_worker(classes, worker), expected[worker],
                            sizeof expected[worker]);
    }
    classes_free(classes);
}

static void full_fixed_counts_are_all_there_is(void **state)
{
    struct classes *classes = classes_new(cases[7].specs, cases[7].count, 2);

    (void)state;
    assert_int_equal(classes_set_users(classes, 100), 5);
    assert_int_equal(classes_set_users(classes, 4), 4);
    assert_int_equal(classes_set_users(classes, UINT32_MAX), 5);
    classes_free(classes);
}

static void a_restriction_holds_for_those_that_start_later(void **state)
{
    char *only_b[] = {(char[]){"B"}}, *unknown[] = {(char[]){"B"}, (char[]){"X"}};
    struct classes *classes = classes_new(cases[2].specs, cases[2].count, 1);
    const uint32_t *now = classes_on_worker(classes, 0);
    struct err err = {0};

    (void)state;
    assert_int_equal(classes_set_users(classes, 12), 12);
    assert_int_equal(classes_set_users(classes, 6), 6);
    assert_int_equal(classes_restrict(classes, only_b, 1, &err), 0);
    assert_int_equal(classes_set_users(classes, 10), 10);
    assert_true(now[0] == 1 && now[1] == 6 && now[2] == 3);
    assert_int_equal(classes_restrict(classes, unknown, 2, &err), -1);
    assert_non_null(strstr(err.text, "'X'"));
    assert_int_equal(classes_restrict(classes, NULL, 0, &err), 0);
    assert_int_equal(classes_set_users(classes, 11), 11);
    assert_true(now[2] == 4);
    assert_int_equal(classes_set_users(classes, 0), 0);
    assert_true(now[0] == 0 && now[1] == 0 && now[2] == 0);
    classes_free(classes);
}

static void a_restriction_to_fixed_counts_fills_them_up(void **state)
{
    char *only_a[] = {(char[]){"A"}};
    struct classes *classes = classes_new(cases[7].specs, cases[7].count, 1);
    struct err err = {0};

    (void)state;
    assert_int_equal(classes_set_users(classes, 2), 2); /* B and A */
    assert_int_equal(classes_restrict(classes, only_a, 1, &err), 0);
    assert_int_equal(classes_set_users(classes, 10), 3);
    assert_int_equal(classes_on_worker(classes, 0)[0], 2);
    classes_free(classes);
}

static void very_different_weights_do_no_harm(void **state)
{
    static const struct class_spec specs[] = {{"A", 1e-300, 0}, {"B", 1e300, 0}};
    struct classes *classes = classes_new(specs, 2, 1);

    (void)state;
    assert_int_equal(classes_set_users(classes, 1000), 1000);
    assert_int_equal(classes_on_worker(classes, 0)[1], 1000);
    classes_free(classes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_come_in_the_order_of_locust),
        cmocka_unit_test(fewer_users_are_the_first_of_more),
        cmocka_unit_test(workers_take_users_in_turn),
        cmocka_unit_test(full_fixed_counts_are_all_there_is),
        cmocka_unit_test(a_restriction_holds_for_those_that_start_later),
        cmocka_unit_test(a_restriction_to_fixed_counts_fills_them_up),
        cmocka_unit_test(very_different_weights_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

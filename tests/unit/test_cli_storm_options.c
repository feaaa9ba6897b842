#include "cli/storm_options.h"

#include "base/clock.h"
#include "stats/run.h"
#include "stats/waves.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct option storm_option = {.name = "storm", .is_list = true};

static void storms_stand_in_the_order_of_their_times(void **state)
{
    struct storm_settings settings = {.storm_return = 1};
    struct err err = {0};
    struct run_storm *storms;

    (void)state;
    assert_int_equal(storm_option_parse(&storm_option, "30s:50%:2s", &settings.storms, &err), 0);
    assert_int_equal(storm_option_parse(&storm_option, "500ms", &settings.storms, &err), 0);
    assert_int_equal(storm_option_parse(&storm_option, "20:0.1", &settings.storms, &err), 0);
    storms = storm_settings_make(&settings, CLOCK_NS_PER_S / 2, 31 * CLOCK_NS_PER_S, &err);
    assert_non_null(storms);
    assert_true(storms[0].at_ns == CLOCK_NS_PER_S / 2 && storms[0].ratio == 1 &&
                storms[0].down_ns == 0);
    assert_true(storms[1].at_ns == 20 * CLOCK_NS_PER_S && storms[1].ratio == 0.1);
    assert_true(storms[2].at_ns == 30 * CLOCK_NS_PER_S && storms[2].ratio == 0.5 &&
                storms[2].down_ns == 2 * CLOCK_NS_PER_S && storms[2].is_at_once);
    free(storms);
    text_list_clear(&settings.storms);
}

static void a_storm_whose_streams_cannot_be_back_is_found(void **state)
{
    static const uint64_t s = CLOCK_NS_PER_S;
    struct run_storm storms[] = {{.at_ns = 2 * s, .ratio = 1},
                                 {.at_ns = 4 * s, .ratio = 0.5, .down_ns = 3 * s}};
    uint64_t due_ns = 0;

    (void)state;
    assert_null(storm_find_late(storms, 2, 3 * s, 11 * s, &due_ns));
    assert_null(storm_find_late(storms, 2, 3 * s, CLOCK_NEVER_NS, &due_ns));
    assert_ptr_equal(storm_find_late(storms, 2, 3 * s, 11 * s - 1, &due_ns), &storms[1]);
    assert_true(due_ns == 10 * s);
    storms[1].is_at_once = true; /* then the retry time is no matter */
    assert_null(storm_find_late(storms, 2, 3 * s, 8 * s, &due_ns));
    assert_ptr_equal(storm_find_late(storms, 2, 3 * s, 5 * s, &due_ns), &storms[0]);
    assert_null(storm_find_late(storms, 0, 3 * s, s, &due_ns));
}

static void what_is_no_storm_is_told(void **state)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "AT[:RATIO[:DOWN]]"}, {"soon", "soon"},
        {"none", "AT cannot be"},  {"10s:", "AT[:RATIO[:DOWN]]"},
        {"10s:0", "cuts nobody"},  {"10s:150%", "150%"},
        {"10s:1:never", "never"},  {"10s:1:none", "DOWN cannot be"},
        {"10s:1:2s:3", "2s:3"},    {"-3", "-3"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text_list list = {0};
        struct err err = {0};

        assert_int_equal(storm_option_parse(&storm_option, cases[i].text, &list, &err), -1);
        if (!strstr(err.text, cases[i].part))
            fail_msg("'%s' says '%s'", cases[i].text, err.text);
        assert_int_equal(list.count, 0);
    }
}

static void a_storm_that_would_not_count_is_refused(void **state)
{
    struct storm_settings settings = {0};
    struct err err = {0};

    (void)state;
    assert_int_equal(storm_option_parse(&storm_option, "30s", &settings.storms, &err), 0);
    assert_null(storm_settings_make(&settings, 0, 30 * CLOCK_NS_PER_S, &err));
    assert_non_null(strstr(err.text, "option '--storm'"));
    assert_non_null(strstr(err.text, "after the end of the run"));
    assert_null(storm_settings_make(&settings, 31 * CLOCK_NS_PER_S, 60 * CLOCK_NS_PER_S, &err));
    assert_non_null(strstr(err.text, "before the end of --warm-up"));
    text_list_clear(&settings.storms);
}

static void more_storms_than_are_told_apart_are_refused(void **state)
{
    struct storm_settings settings = {0};
    struct err err = {0};

    (void)state;
    for (int i = 0; i <= WAVES_STORM_LIMIT; i++)
        assert_int_equal(storm_option_parse(&storm_option, "3s", &settings.storms, &err), 0);
    assert_null(storm_settings_make(&settings, 0, 30 * CLOCK_NS_PER_S, &err));
    assert_string_equal(err.text, "option '--storm': more than 256 storms");
    text_list_clear(&settings.storms);
}

static void a_way_back_without_a_storm_is_refused(void **state)
{
    struct storm_settings settings = {.storm_return = 1};
    struct err err = {0};

    (void)state;
    assert_null(storm_settings_make(&settings, 0, 30 * CLOCK_NS_PER_S, &err));
    assert_non_null(strstr(err.text, "--storm-return"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storms_stand_in_the_order_of_their_times),
        cmocka_unit_test(a_storm_whose_streams_cannot_be_back_is_found),
        cmocka_unit_test(what_is_no_storm_is_told),
        cmocka_unit_test(a_storm_that_would_not_count_is_refused),
        cmocka_unit_test(more_storms_than_are_told_apart_are_refused),
        cmocka_unit_test(a_way_back_without_a_storm_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

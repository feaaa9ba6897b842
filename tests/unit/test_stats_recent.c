#include "stats/recent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint64_t MS = 1000000, S = 1000000000;

static void counts_leave_with_their_second(void **state)
{
    struct recent *recent = recent_new(METRIC_SSE_EVENTS, 3);
    struct stat_set *set = stat_set_new();
    const uint64_t expected[] = {1, 3, 6, 9, 12};

    (void)state;
    assert_int_equal(recent_seconds(recent), 0);
    assert_int_equal(stat_get_count(recent_window(recent), METRIC_SSE_EVENTS, NULL), 0);
    for (uint64_t i = 0; i < 5; i++) {
        stat_set_clear(set);
        stat_count(set, METRIC_SSE_EVENTS, NULL, i + 1);
        stat_count(set, METRIC_SSE_BYTES, NULL, 1000); /* nobody asked for it */
        recent_add(recent, set, NULL);
        recent_close_second(recent, S + i);
        assert_int_equal(stat_get_count(recent_window(recent), METRIC_SSE_EVENTS, NULL),
                         expected[i]);
        assert_int_equal(recent_seconds(recent), i < 3 ? i + 1 : 3);
    }
    assert_int_equal(stat_get_count(recent_window(recent), METRIC_SSE_BYTES, NULL), 0);
    assert_int_equal(recent_length_ns(recent), 3 * S + 2 + 3 + 4);
    for (int i = 0; i < 3; i++)
        recent_close_second(recent, S);
    assert_int_equal(stat_get_count(recent_window(recent), METRIC_SSE_EVENTS, NULL), 0);
    stat_set_free(set);
    recent_free(recent);
    recent_free(NULL);
}

/* Compared with a histogram of the same samples that never left. */
static void a_trend_over_the_window_is_that_of_its_samples(void **state)
{
    struct recent *recent = recent_new(METRIC_SSE_TTFE, 2);
    struct stat_set *set = stat_set_new(), *whole = stat_set_new();
    const struct hist *window, *expected;

    (void)state;
    for (uint64_t second = 0; second < 4; second++) {
        stat_set_clear(set);
        for (uint64_t i = 0; second != 1 && i < 1000; i++) {
            uint64_t ns = (1 + second) * 100 * MS + i * i * MS / 10;

            stat_time(set, METRIC_SSE_TTFE, "phase:first", ns);
            if (second >= 2)
                stat_time(whole, METRIC_SSE_TTFE, NULL, ns);
        }
        if (second == 3) {
            stat_time(set, METRIC_SSE_TTFE, "phase:first", 4000 * S); /* beyond the highest */
            stat_time(whole, METRIC_SSE_TTFE, NULL, 4000 * S);
        }
        recent_add(recent, set, "phase:first");
        recent_close_second(recent, S);
    }
    window = stat_get_trend(recent_window(recent), METRIC_SSE_TTFE, NULL);
    expected = stat_get_trend(whole, METRIC_SSE_TTFE, NULL);

    assert_int_equal(hist_count(window), 2001);
    assert_int_equal(hist_overflow(window), 1);
    assert_int_equal(hist_min(window), hist_min(expected));
    assert_int_equal(hist_max(window), hist_max(expected));
    assert_float_equal(hist_mean(window), hist_mean(expected), 1e-6);
    for (int i = 0; i <= 40; i++)
        assert_int_equal(hist_percentile(window, i * 2.5), hist_percentile(expected, i * 2.5));
    recent_close_second(recent, S);
    recent_close_second(recent, S);
    assert_null(stat_get_trend(recent_window(recent), METRIC_SSE_TTFE, NULL));
    stat_set_free(set);
    stat_set_free(whole);
    recent_free(recent);
}

static void rates_add_up_over_several_sets_of_a_second(void **state)
{
    struct recent *recent = recent_new(METRIC_SSE_CONNECT_SUCCESS, 2);
    struct stat_set *set = stat_set_new();
    uint64_t passes, fails;

    (void)state;
    stat_passes(set, METRIC_SSE_CONNECT_SUCCESS, NULL, 3, 1);
    recent_add(recent, set, NULL);
    recent_add(recent, set, NULL);
    recent_close_second(recent, S);
    stat_get_rate(recent_window(recent), METRIC_SSE_CONNECT_SUCCESS, NULL, &passes, &fails);
    assert_int_equal(passes, 6);
    assert_int_equal(fails, 2);
    recent_close_second(recent, S);
    recent_close_second(recent, S);
    stat_get_rate(recent_window(recent), METRIC_SSE_CONNECT_SUCCESS, NULL, &passes, &fails);
    assert_int_equal(passes + fails, 0);
    stat_set_free(set);
    recent_free(recent);
}

static void a_gauge_has_its_last_value_and_the_window_s_ends(void **state)
{
    struct recent *recent = recent_new(METRIC_SSE_OPEN, 3);
    struct stat_set *set = stat_set_new();
    const double values[] = {50, 10, 40, 20};
    double value, min, max;

    (void)state;
    assert_false(stat_get_gauge(recent_window(recent), METRIC_SSE_OPEN, NULL, &value, &min, &max));
    for (size_t i = 0; i < 4; i++) {
        stat_gauge(set, METRIC_SSE_OPEN, NULL, values[i]);
        recent_add(recent, set, NULL);
        recent_close_second(recent, S);
    }
    recent_close_second(recent, S); /* one without a value */
    assert_true(stat_get_gauge(recent_window(recent), METRIC_SSE_OPEN, NULL, &value, &min, &max));
    assert_float_equal(value, 20, 0);
    assert_float_equal(min, 20, 0);
    assert_float_equal(max, 40, 0);
    stat_set_free(set);
    recent_free(recent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_leave_with_their_second),
        cmocka_unit_test(a_trend_over_the_window_is_that_of_its_samples),
        cmocka_unit_test(rates_add_up_over_several_sets_of_a_second),
        cmocka_unit_test(a_gauge_has_its_last_value_and_the_window_s_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

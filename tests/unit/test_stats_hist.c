#include "stats/hist.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint64_t HOUR_US = 3600ULL * 1000000;
static const uint64_t WEEK_US = 7ULL * 24 * 3600 * 1000000;

/* At most one part in 1,000 above the value, and never below it. */
static void assert_three_digits(uint64_t shown, uint64_t value)
{
    assert_true(shown >= value);
    assert_true(shown - value <= value / 1000);
}

static void an_empty_histogram_answers_zero(void **state)
{
    struct hist *hist = hist_new(HOUR_US);

    (void)state;
    assert_int_equal(hist_count(hist), 0);
    assert_int_equal(hist_min(hist), 0);
    assert_int_equal(hist_max(hist), 0);
    assert_int_equal(hist_percentile(hist, 50), 0);
    assert_true(hist_mean(hist) == 0);
    hist_clear(hist);
    hist_free(hist);
    hist_free(NULL);
}

static void three_digits_hold_over_the_whole_range(void **state)
{
    static const uint64_t highest[] = {HOUR_US, WEEK_US};

    (void)state;
    for (size_t i = 0; i < sizeof highest / sizeof highest[0]; i++) {
        struct hist *hist = hist_new(highest[i]);

        for (uint64_t value = 1; value <= highest[i]; value += value / 77 + 1) {
            hist_clear(hist);
            hist_record(hist, value);
            hist_record(hist, highest[i]);
            assert_three_digits(hist_percentile(hist, 50), value);
            assert_int_equal(hist_min(hist), value);
            assert_int_equal(hist_max(hist), highest[i]);
            assert_int_equal(hist_overflow(hist), 0);
        }
        hist_free(hist);
    }
}

static void small_values_are_exact(void **state)
{
    struct hist *hist = hist_new(HOUR_US);

    (void)state;
    for (uint64_t value = 0; value < 2048; value++)
        hist_record(hist, value);
    assert_int_equal(hist_percentile(hist, 0), 0);
    assert_int_equal(hist_percentile(hist, 50), 1023);
    assert_int_equal(hist_percentile(hist, 25), 511);
    assert_int_equal(hist_percentile(hist, 100), 2047);
    assert_true(hist_mean(hist) == 1023.5);
    hist_free(hist);
}

static int compare_values(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

static void percentiles_agree_with_a_sorted_list(void **state)
{
    enum { COUNT = 20000 };
    uint64_t *values = calloc(COUNT, sizeof *values);
    struct hist *hist = hist_new(HOUR_US);
    struct rng rng;

    (void)state;
    assert_non_null(values);
    rng_init(&rng, 7);
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = rng_between(&rng, 0, 1ULL << rng_between(&rng, 1, 31));
        hist_record(hist, values[i]);
    }
    qsort(values, COUNT, sizeof *values, compare_values);
    for (size_t permille = 1; permille <= 1000; permille++) {
        size_t rank = (permille * COUNT + 999) / 1000;

        assert_three_digits(hist_percentile(hist, (double)permille / 10), values[rank - 1]);
    }
    hist_free(hist);
    free(values);
}

static void overflow_is_counted_with_the_true_maximum(void **state)
{
    struct hist *hist = hist_new(HOUR_US);

    (void)state;
    hist_record_many(hist, 1000, 9);
    hist_record(hist, 5 * HOUR_US);
    assert_int_equal(hist_count(hist), 10);
    assert_int_equal(hist_overflow(hist), 1);
    assert_int_equal(hist_max(hist), 5 * HOUR_US);
    assert_int_equal(hist_percentile(hist, 90), 1000);
    assert_int_equal(hist_percentile(hist, 91), 5 * HOUR_US);
    assert_true(hist_mean(hist) == (9000 + 5 * (double)HOUR_US) / 10);
    hist_clear(hist);
    assert_int_equal(hist_overflow(hist), 0);
    hist_free(hist);
}

struct dump {
    uint64_t sum;
    size_t buckets;
    uint32_t last;
    struct hist *copy;
};

static void values_above_a_bound_are_counted_by_bucket(void **state)
{
    struct hist *hist = hist_new(HOUR_US);

    (void)state;
    assert_int_equal(hist_count_above(hist, 0), 0);
    hist_record_many(hist, 5, 3);
    hist_record_many(hist, 100000, 7);
    hist_record(hist, HOUR_US * 2); /* overflow */
    assert_int_equal(hist_count_above(hist, 0), 11);
    assert_int_equal(hist_count_above(hist, 4), 11);
    assert_int_equal(hist_count_above(hist, 5), 8);
    assert_int_equal(hist_count_above(hist, 99000), 8);
    assert_int_equal(hist_count_above(hist, 100000), 1);
    assert_int_equal(hist_count_above(hist, HOUR_US), 1);
    hist_free(hist);
}

static void add_bucket(void *ctx, uint32_t index, uint64_t count)
{
    struct dump *dump = ctx;

    assert_true(dump->buckets == 0 || index > dump->last);
    dump->last = index;
    dump->buckets++;
    dump->sum += count;
    if (dump->copy)
        assert_int_equal(hist_add_bucket(dump->copy, index, count), 0);
}

static void compare_bucket(void *ctx, uint32_t index, uint64_t count)
{
    uint64_t *hash = ctx;

    *hash = (*hash ^ (index * 1000003ULL + count)) * 0x9E3779B97F4A7C15U;
}

static void assert_same(const struct hist *left, const struct hist *right)
{
    uint64_t left_hash = 1, right_hash = 1;

    hist_each(left, compare_bucket, &left_hash);
    hist_each(right, compare_bucket, &right_hash);
    assert_int_equal(left_hash, right_hash);
    assert_int_equal(hist_count(left), hist_count(right));
    assert_int_equal(hist_overflow(left), hist_overflow(right));
    assert_int_equal(hist_min(left), hist_min(right));
    assert_int_equal(hist_max(left), hist_max(right));
    assert_true(hist_sum(left) == hist_sum(right));
}

static void merging_parts_equals_recording_the_whole(void **state)
{
    struct hist *whole = hist_new(HOUR_US), *sum = hist_new(HOUR_US);
    struct hist *parts[3], *empty = hist_new(HOUR_US);
    struct rng rng;

    (void)state;
    rng_init(&rng, 11);
    for (size_t i = 0; i < 3; i++)
        parts[i] = hist_new(HOUR_US);
    for (size_t i = 0; i < 30000; i++) {
        uint64_t value = rng_between(&rng, 0, 1ULL << rng_between(&rng, 0, 33));

        hist_record(whole, value);
        hist_record(parts[i % 3], value);
    }
    for (size_t i = 0; i < 3; i++) {
        hist_merge(sum, parts[i]);
        hist_free(parts[i]);
    }
    hist_merge(sum, empty);
    assert_same(whole, sum);
    hist_free(whole);
    hist_free(sum);
    hist_free(empty);
}

static void buckets_and_summary_carry_everything(void **state)
{
    struct hist *hist = hist_new(WEEK_US);
    struct dump dump = {.copy = hist_new(WEEK_US)};

    (void)state;
    for (uint64_t value = 0; value < 2 * WEEK_US; value = value * 3 / 2 + 1)
        hist_record_many(hist, value, value % 5 + 1);
    hist_each(hist, add_bucket, &dump);
    hist_add_summary(dump.copy, hist_overflow(hist), hist_sum(hist), hist_min(hist),
                     hist_max(hist));
    assert_same(hist, dump.copy);
    assert_int_equal(dump.sum + hist_overflow(hist), hist_count(hist));
    assert_int_equal(hist_add_bucket(dump.copy, UINT32_MAX, 1), -1);
    hist_free(hist);
    hist_free(dump.copy);
}

static void bucket_lows_are_the_bounds(void **state)
{
    struct hist *hist = hist_new(UINT64_MAX);
    struct dump dump = {0};

    (void)state;
    assert_int_equal(hist_bucket_low(0), 0);
    assert_int_equal(hist_bucket_low(2047), 2047);
    assert_int_equal(hist_bucket_low(2048), 2048);
    assert_int_equal(hist_bucket_low(2049), 2050);
    assert_int_equal(hist_bucket_low(3072), 4096);
    assert_int_equal(hist_bucket_low(3073), 4100);
    hist_record(hist, UINT64_MAX);
    hist_each(hist, add_bucket, &dump);
    assert_true(hist_bucket_low(dump.last) > UINT64_MAX - (UINT64_MAX >> 10));
    assert_int_equal(hist_percentile(hist, 100), UINT64_MAX);
    hist_free(hist);
}

static void clear_forgets_values_and_keeps_memory(void **state)
{
    struct hist *hist = hist_new(HOUR_US);
    struct dump dump = {0};
    size_t bytes;

    (void)state;
    assert_true(hist_bytes(hist) < 512);
    for (uint64_t value = 1; value < HOUR_US; value *= 3)
        hist_record(hist, value);
    bytes = hist_bytes(hist);
    hist_clear(hist);
    hist_each(hist, add_bucket, &dump);
    assert_int_equal(dump.buckets, 0);
    assert_int_equal(hist_bytes(hist), bytes);
    hist_record(hist, 42);
    assert_int_equal(hist_percentile(hist, 100), 42);
    assert_int_equal(hist_min(hist), 42);
    hist_free(hist);
}

static void counts_do_not_wrap(void **state)
{
    struct hist *hist = hist_new(HOUR_US), *sum = hist_new(HOUR_US);
    struct dump dump = {0};

    (void)state;
    hist_record_many(hist, 5, UINT32_MAX);
    hist_record(hist, 5);
    hist_record(hist, 5);
    hist_each(hist, add_bucket, &dump);
    assert_int_equal(dump.sum, (uint64_t)UINT32_MAX + 2);
    hist_merge(sum, hist);
    hist_merge(sum, hist);
    assert_int_equal(hist_count(sum), 2 * ((uint64_t)UINT32_MAX + 2));
    hist_record_many(sum, 5, UINT64_MAX - 1);
    assert_int_equal(hist_count(sum), UINT64_MAX);
    assert_int_equal(hist_percentile(sum, 99), 5);
    hist_clear(hist);
    dump = (struct dump){0};
    hist_record(hist, 5);
    hist_each(hist, add_bucket, &dump);
    assert_int_equal(dump.sum, 1);
    hist_free(hist);
    hist_free(sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_histogram_answers_zero),
        cmocka_unit_test(three_digits_hold_over_the_whole_range),
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(percentiles_agree_with_a_sorted_list),
        cmocka_unit_test(overflow_is_counted_with_the_true_maximum),
        cmocka_unit_test(values_above_a_bound_are_counted_by_bucket),
        cmocka_unit_test(merging_parts_equals_recording_the_whole),
        cmocka_unit_test(buckets_and_summary_carry_everything),
        cmocka_unit_test(bucket_lows_are_the_bounds),
        cmocka_unit_test(clear_forgets_values_and_keeps_memory),
        cmocka_unit_test(counts_do_not_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

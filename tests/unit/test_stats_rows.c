#include "stats/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double T0 = 1767225600000.0;

static void record(struct rows *rows, const char *name, double ms)
{
    rows_record(rows, "GET", name, ms, 10, NULL, T0);
}

/* The right-hand sides are what Python's round gives. */
static void times_fall_into_locusts_bins(void **state)
{
    static const struct {
        double ms;
        int64_t bin;
    } cases[] = {
        {0, 0},         {0.4, 0},       {0.5, 0},
        {1.5, 2},       {2.5, 2},       {2.5000000000000004, 3},
        {99.4, 99},     {99.5, 100},    {99.7, 100},
        {100, 100},     {104.9, 100},   {105, 100},
        {115, 120},     {145, 140},     {145.00000000000003, 150},
        {155, 160},     {994, 990},     {995, 1000},
        {999.9, 1000},  {1000, 1000},   {1049, 1000},
        {1050, 1000},   {1150, 1200},   {9949, 9900},
        {9950, 10000},  {10000, 10000}, {10500, 10000},
        {11500, 12000}, {58760, 59000}, {-0.5, 0},
        {-1.5, -2},     {-2.5, -2},     {-250.2, -250},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(row_bin_of(cases[i].ms) == cases[i].bin);
}

static void a_row_keeps_exact_ends_and_mean(void **state)
{
    struct rows *rows = rows_new();
    const struct row *row;

    (void)state;
    record(rows, "/a", 147.25);
    record(rows, "/a", 3432);
    record(rows, "/a", (double)NAN);
    record(rows, "/a", 5.75);
    record(rows, "/a", 151.0);
    assert_int_equal(rows_count(rows), 1);
    row = rows_find(rows, "GET", "/a");
    assert_non_null(row);
    assert_true(row->request_count == 5 && row->none_count == 1 && row->failure_count == 0);
    assert_true(row->min_ms == 5.75 && row->max_ms == 3432);
    assert_true(row_average(row) == (147.25 + 3432 + 5.75 + 151) / 4);
    assert_true(row_content_average(row) == 10);
    assert_int_equal(row->bin_count, 3);
    assert_true(row->bins[1].ms == 150 && row->bins[1].count == 2 && row->bins[1].is_real);
    assert_true(row->bins[2].ms == 3400 && !row->bins[2].is_real);
    assert_null(rows_find(rows, "POST", "/a"));
    rows_free(rows);
}

static void percentiles_follow_locusts_rule(void **state)
{
    struct rows *rows = rows_new();
    const struct row *row;

    (void)state;
    for (int ms = 1; ms <= 10; ms++)
        record(rows, "/a", ms);
    row = rows_at(rows, 0);
    assert_true(row_percentile(row, 0.5) == 6);
    assert_true(row_percentile(row, 0.66) == 7);
    assert_true(row_percentile(row, 0.9) == 10);
    assert_true(row_percentile(row, 1.0) == 10);
    assert_true(row_median(row) == 5);
    record(rows, "/none", (double)NAN);
    assert_true(row_percentile(rows_at(rows, 1), 0.5) == 0);
    assert_true(row_median(rows_at(rows, 1)) == 0 && row_average(rows_at(rows, 1)) == 0);
    /* Requests without a time move the percentiles down, as they do there. */
    for (int i = 0; i < 10; i++)
        record(rows, "/a", (double)NAN);
    assert_true(row_percentile(rows_find(rows, "GET", "/a"), 0.5) == 1);
    rows_free(rows);
}

static void a_median_stays_between_the_ends(void **state)
{
    struct rows *rows = rows_new();

    (void)state;
    record(rows, "/up", 147.5);
    record(rows, "/down", 143.5);
    assert_true(row_median(rows_find(rows, "GET", "/up")) == 147.5);
    assert_true(row_median(rows_find(rows, "GET", "/down")) == 143.5);
    rows_free(rows);
}

static void failures_are_counted_by_text(void **state)
{
    struct rows *rows = rows_new();

    (void)state;
    rows_record(rows, "GET", "/a", 1, 0, "Bad()", T0);
    rows_record(rows, "GET", "/a", 1, 0, "Bad()", T0);
    rows_record(rows, "GET", "/a", 1, 0, "Worse()", T0);
    rows_record(rows, "POST", "/a", 1, 0, "Bad()", T0);
    rows_record_error(rows, "SSE", "/b", "alone", T0);
    assert_int_equal(rows_error_count(rows), 4);
    assert_int_equal(rows_error_at(rows, 0)->count, 2);
    assert_string_equal(rows_error_at(rows, 1)->text, "Worse()");
    assert_true(rows_find(rows, "GET", "/a")->failure_count == 3);
    assert_true(row_fail_ratio(rows_find(rows, "SSE", "/b")) == 1);
    assert_true(rows_find(rows, "SSE", "/b")->request_count == 0);
    rows_free(rows);
}

static void exceptions_are_told_apart_by_traceback(void **state)
{
    struct rows *rows = rows_new();

    (void)state;
    rows_record_exception(rows, "first", "File a, line 1", 1);
    rows_record_exception(rows, "second", "File a, line 1", 2);
    rows_record_exception(rows, "first", "File a, line 2", 1);
    assert_int_equal(rows_exception_count(rows), 2);
    assert_int_equal(rows_exception_at(rows, 0)->count, 3);
    assert_string_equal(rows_exception_at(rows, 0)->message, "first");
    rows_free(rows);
}

static void rates_cover_the_right_seconds(void **state)
{
    struct rows *rows = rows_new();
    const struct row *row;
    struct row_rates rates;

    (void)state;
    /* 1, 2, 3 … 20 requests in seconds 0 to 19, every second one with a failure. */
    for (int second = 0; second < 20; second++) {
        for (int i = 0; i <= second; i++)
            rows_record(rows, "GET", "/a", 1, 0, second % 2 == 0 && i == 0 ? "Bad()" : NULL,
                        T0 + second * 1000 + i);
    }
    row = rows_at(rows, 0);
    rates = row_total_rates(row, T0, T0 + 20000);
    assert_true(rates.requests == 210.0 / 20 && rates.failures == 10.0 / 20);
    /* The last request came in second 19: from second 7 to 16. */
    rates = row_current_rates(row, T0, row->last_unix_ms);
    assert_true(rates.requests == (8 + 17) * 10 / 2.0 / 10 && rates.failures == 0.5);
    rates = row_current_rates(row, T0 + 15000, row->last_unix_ms);
    assert_true(rates.requests == (16 + 17) / 2.0);
    rates = row_current_rates(row, T0 + 18000, row->last_unix_ms);
    assert_true(rates.requests == 0 && rates.failures == 0);
    assert_true(row_total_rates(row, T0, 0).requests == 0);
    rows_free(rows);
}

static void merging_adds_everything(void **state)
{
    struct rows *to = rows_new(), *delta = rows_new();
    struct row *total;

    (void)state;
    record(delta, "/a", 147.25);
    rows_record(delta, "POST", "/b", 5, 7, "Bad()", T0 + 1000);
    rows_record_exception(delta, "first", "File a, line 1", 1);
    rows_merge(to, delta);
    rows_merge(to, delta);
    total = rows_total(to);
    assert_string_equal(total->name, "Aggregated");
    assert_true(total->request_count == 4 && total->failure_count == 2);
    assert_true(total->min_ms == 5 && total->max_ms == 147.25 && total->content_bytes == 34);
    assert_true(total->first_unix_ms == T0 && total->last_unix_ms == T0 + 1000);
    assert_int_equal(total->second_count, 2);
    assert_true(total->seconds[1].requests == 2 && total->seconds[1].failures == 2);
    assert_int_equal(rows_error_at(to, 0)->count, 2);
    assert_int_equal(rows_exception_at(to, 0)->count, 2);
    row_free(total);
    rows_clear(delta);
    assert_true(rows_is_empty(delta));
    assert_int_equal(rows_count(delta), 2);
    rows_merge(to, delta);
    assert_true(rows_at(to, 0)->request_count == 2);
    rows_free(to);
    rows_free(delta);
}

static void a_reset_travels_with_a_delta(void **state)
{
    struct rows *to = rows_new(), *delta = rows_new();

    (void)state;
    record(to, "/a", 1);
    rows_record(to, "GET", "/old", 1, 0, "Bad()", T0);
    rows_record_exception(to, "first", "File a, line 1", 1);
    record(delta, "/a", 1);
    rows_reset(delta, T0 + 500);
    record(delta, "/a", 2);
    assert_false(rows_is_empty(delta));
    rows_merge(to, delta);
    assert_true(rows_find(to, "GET", "/a")->request_count == 1);
    assert_true(rows_find(to, "GET", "/old")->request_count == 0);
    assert_int_equal(rows_error_count(to), 0);
    assert_int_equal(rows_exception_count(to), 1);
    assert_true(rows_start_unix_ms(to) == T0 + 500);
    rows_clear(delta);
    assert_false(rows_was_reset(delta));
    rows_free(to);
    rows_free(delta);
}

static void past_the_limits_one_row_takes_the_rest(void **state)
{
    struct rows *rows = rows_new();
    char text[32];

    (void)state;
    for (int i = 0; i < ROWS_LIMIT + 5; i++) {
        (void)snprintf(text, sizeof text, "/%d", i);
        rows_record(rows, "GET", text, 1, 0, text, T0);
        rows_record_exception(rows, "message", text, 1);
    }
    assert_int_equal(rows_count(rows), ROWS_LIMIT + 1);
    assert_true(rows_find(rows, "", "(other)")->request_count == 5);
    assert_int_equal(rows_error_count(rows), ROWS_ERROR_LIMIT + 1);
    assert_int_equal(rows_error_at(rows, ROWS_ERROR_LIMIT)->count,
                     ROWS_LIMIT + 5 - ROWS_ERROR_LIMIT);
    assert_int_equal(rows_exception_count(rows), ROWS_EXCEPTION_LIMIT + 1);
    for (int i = 0; i < 2 * ROW_BIN_LIMIT; i++)
        record(rows, "/0", i * 1000.0);
    assert_int_equal(rows_find(rows, "GET", "/0")->bin_count, ROW_BIN_LIMIT);
    for (int i = 0; i < 2 * ROW_SECOND_LIMIT; i++)
        rows_record(rows, "GET", "/0", 1, 0, NULL, T0 + i * 1000.0);
    assert_true(rows_find(rows, "GET", "/0")->second_count <= ROW_SECOND_LIMIT);
    assert_true(row_current_rates(rows_find(rows, "GET", "/0"), T0, T0 + 2000.0 * ROW_SECOND_LIMIT)
                    .requests == 1);
    rows_free(rows);
}

static void long_texts_are_cut_between_characters(void **state)
{
    struct rows *rows = rows_new();
    char *name = malloc(2 * ROWS_NAME_BYTES);

    (void)state;
    assert_non_null(name);
    for (size_t i = 0; i < ROWS_NAME_BYTES; i++)
        memcpy(name + 2 * i, "é", 2);
    name[2 * ROWS_NAME_BYTES - 1] = '\0';
    record(rows, name, 1);
    record(rows, name, 1);
    assert_int_equal(rows_count(rows), 1);
    assert_int_equal(strlen(rows_at(rows, 0)->name), ROWS_NAME_BYTES - 2);
    free(name);
    rows_free(rows);
}

static void rows_are_listed_by_name_then_type(void **state)
{
    struct rows *rows = rows_new();
    const struct row **sorted;

    (void)state;
    rows_record(rows, "POST", "/b", 1, 0, NULL, T0);
    rows_record(rows, "GET", "/b", 1, 0, NULL, T0);
    rows_record(rows, "SSE", "/a", 1, 0, NULL, T0);
    sorted = rows_sorted(rows);
    assert_string_equal(sorted[0]->name, "/a");
    assert_string_equal(sorted[1]->type, "GET");
    assert_string_equal(sorted[2]->type, "POST");
    free(sorted);
    rows_free(rows);
}

static void statistics_carry_the_rows(void **state)
{
    struct stats *to = stats_new(), *delta = stats_new();

    (void)state;
    record(stats_rows(delta), "/a", 1);
    stats_merge(to, delta);
    stats_clear(delta);
    stats_merge(to, delta);
    assert_true(rows_find(stats_rows(to), "GET", "/a")->request_count == 1);
    stats_free(to);
    stats_free(delta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_fall_into_locusts_bins),
        cmocka_unit_test(a_row_keeps_exact_ends_and_mean),
        cmocka_unit_test(percentiles_follow_locusts_rule),
        cmocka_unit_test(a_median_stays_between_the_ends),
        cmocka_unit_test(failures_are_counted_by_text),
        cmocka_unit_test(exceptions_are_told_apart_by_traceback),
        cmocka_unit_test(rates_cover_the_right_seconds),
        cmocka_unit_test(merging_adds_everything),
        cmocka_unit_test(a_reset_travels_with_a_delta),
        cmocka_unit_test(past_the_limits_one_row_takes_the_rest),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(rows_are_listed_by_name_then_type),
        cmocka_unit_test(statistics_carry_the_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

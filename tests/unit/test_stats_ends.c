#include "stats/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Ends of one age. */
static void add(struct ends *ends, size_t count, uint32_t age_ms, double weight)
{
    struct end_row row = {.weight = weight, .age_ms = age_ms, .error_class = CLASS_RESET};

    for (size_t i = 0; i < count; i++)
        ends_add(ends, &row);
}

/* How many ends of this age the rows stand for. */
static double weight_of(const struct ends *ends, uint32_t age_ms)
{
    double weight = 0;

    for (size_t i = 0; i < ends_count(ends); i++) {
        struct end_row row = ends_at(ends, i);

        weight += row.age_ms == age_ms ? row.weight : 0;
    }
    return weight;
}

static void assert_near(double value, double expected, double ratio)
{
    if (value < expected * (1 - ratio) || value > expected * (1 + ratio))
        fail_msg("%f is not within %.0f %% of %f", value, ratio * 100, expected);
}

static void few_are_kept_as_they_came(void **state)
{
    struct ends *ends = ends_new();

    (void)state;
    for (uint32_t i = 0; i < ENDS_LIMIT; i++)
        add(ends, 1, i, 1);
    assert_int_equal(ends_count(ends), ENDS_LIMIT);
    for (uint32_t i = 0; i < ENDS_LIMIT; i++)
        assert_true(ends_at(ends, i).age_ms == i && ends_at(ends, i).weight == 1);
    ends_free(ends);
}

static void of_many_a_fair_sample_stays(void **state)
{
    struct ends *ends = ends_new();

    (void)state;
    add(ends, 60000, 1, 1); /* the first and the last have the same chance */
    add(ends, 20000, 2, 1);
    add(ends, 20000, 3, 1);
    assert_int_equal(ends_count(ends), ENDS_LIMIT);
    assert_near(weight_of(ends, 1), 60000, 0.1);
    assert_near(weight_of(ends, 2), 20000, 0.15);
    assert_near(weight_of(ends, 3), 20000, 0.15);
    ends_free(ends);
}

static void what_stands_for_many_weighs_as_much(void **state)
{
    struct ends *ends = ends_new();

    (void)state;
    add(ends, 1000, 1, 50);
    add(ends, 50000, 2, 1);
    assert_near(weight_of(ends, 1), 50000, 0.15);
    assert_near(weight_of(ends, 2), 50000, 0.15);
    ends_free(ends);
}

static void a_cleared_sample_begins_anew(void **state)
{
    struct ends *ends = ends_new();

    (void)state;
    add(ends, 3 * ENDS_LIMIT, 1, 1);
    ends_clear(ends);
    assert_int_equal(ends_count(ends), 0);
    add(ends, 2, 7, 1);
    assert_int_equal(ends_count(ends), 2);
    assert_true(ends_at(ends, 0).weight == 1 && ends_at(ends, 1).age_ms == 7);
    ends_free(ends);
}

static void statistics_merge_samples_by_endpoint(void **state)
{
    struct stats *sum = stats_new(), *delta = stats_new();
    size_t a = stats_add_endpoint(delta, "GET", "/a");
    size_t b = stats_add_endpoint(delta, "GET", "/b");
    struct end_row row = {.weight = 1, .endpoint = b, .error_class = CLASS_RESET};

    (void)state;
    (void)a;
    (void)stats_add_endpoint(sum, "GET", "/b");
    for (int tick = 0; tick < 3; tick++) {
        ends_add(stats_ends(delta), &row);
        stats_merge(sum, delta);
        stats_clear(delta);
    }
    assert_int_equal(ends_count(stats_ends(delta)), 0);
    assert_int_equal(ends_count(stats_ends(sum)), 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(stats_endpoint_name(sum, ends_at(stats_ends(sum), i).endpoint), "/b");
    stats_free(sum);
    stats_free(delta);
}

/* A second in which a worker lost ten thousand, and a minute of ten a second on another one. */
static void merged_samples_stand_for_all(void **state)
{
    struct stats *sum = stats_new(), *delta = stats_new();

    (void)state;
    (void)stats_add_endpoint(delta, "GET", "/");
    add(stats_ends(delta), 10000, 1, 1);
    stats_merge(sum, delta);
    stats_clear(delta);
    for (int tick = 0; tick < 60; tick++) {
        add(stats_ends(delta), 10, 2, 1);
        stats_merge(sum, delta);
        stats_clear(delta);
    }
    assert_int_equal(ends_count(stats_ends(sum)), ENDS_LIMIT);
    assert_near(weight_of(stats_ends(sum), 1), 10000, 0.1);
    assert_near(weight_of(stats_ends(sum), 2), 600, 0.3);
    stats_free(sum);
    stats_free(delta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_are_kept_as_they_came),
        cmocka_unit_test(of_many_a_fair_sample_stays),
        cmocka_unit_test(what_stands_for_many_weighs_as_much),
        cmocka_unit_test(a_cleared_sample_begins_anew),
        cmocka_unit_test(statistics_merge_samples_by_endpoint),
        cmocka_unit_test(merged_samples_stand_for_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

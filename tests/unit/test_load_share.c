#include "load/share.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { USER_COUNT = 1000 };

/* How many of the users that start at `first` and go on by `step` are in the share. */
static uint32_t count(uint64_t seed, uint32_t storm, double ratio, uint32_t first, uint32_t step)
{
    uint32_t result = 0;

    for (uint32_t i = 0; i < USER_COUNT; i++)
        result += share_has(share_storm(share_place(seed, first + i * step), storm), ratio);
    return result;
}

static void a_share_is_met_closely_whatever_the_seed(void **state)
{
    static const double ratios[] = {0.001, 0.1, 0.5, 0.9};

    (void)state;
    for (size_t i = 0; i < sizeof ratios / sizeof ratios[0]; i++) {
        for (uint64_t seed = 1; seed < 50; seed++) {
            double got = count(seed * 0x9e3779b97f4a7c1, 1, ratios[i], 0, 1);

            assert_true(fabs(got - ratios[i] * USER_COUNT) <= 4);
        }
    }
}

static void all_and_nobody_are_exact(void **state)
{
    (void)state;
    assert_int_equal(count(7, 1, 1, 0, 1), USER_COUNT);
    assert_int_equal(count(7, 1, 0, 0, 1), 0);
}

/* User k is on worker k modulo their count. */
static void each_worker_has_its_part_of_the_share(void **state)
{
    (void)state;
    for (uint32_t workers = 2; workers <= 8; workers++) {
        for (uint32_t index = 0; index < workers; index++)
            assert_true(fabs(count(7, 1, 0.5, index, workers) - 500.0) <= 20);
    }
}

static void storms_and_turns_take_others(void **state)
{
    uint32_t both = 0, storm_and_turn = 0;

    (void)state;
    for (uint32_t i = 0; i < USER_COUNT; i++) {
        uint64_t place = share_place(7, i);
        bool is_in_first = share_has(share_storm(place, 1), 0.5);

        both += is_in_first && share_has(share_storm(place, 2), 0.5);
        storm_and_turn += is_in_first && share_has(share_turn(place, 1), 0.5);
    }
    assert_true(both > 0 && both < 450);
    assert_true(storm_and_turn > 0 && storm_and_turn < 450);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_is_met_closely_whatever_the_seed),
        cmocka_unit_test(all_and_nobody_are_exact),
        cmocka_unit_test(each_worker_has_its_part_of_the_share),
        cmocka_unit_test(storms_and_turns_take_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

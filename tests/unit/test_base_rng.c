#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { DRAWS = 100000 };

static void the_same_seed_gives_the_same_numbers(void **state)
{
    struct rng first, second, other;
    int differences = 0;

    (void)state;
    rng_init(&first, 1);
    rng_init(&second, 1);
    rng_init(&other, 2);
    for (int i = 0; i < 100; i++) {
        uint64_t value = rng_next(&first);

        assert_true(value == rng_next(&second));
        differences += value != rng_next(&other);
    }
    assert_int_equal(differences, 100);
}

static void seeding_follows_splitmix64(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 0);
    /* The first outputs of splitmix64 from 0, as its authors publish them. */
    assert_true(rng.state[0] == 0xe220a8397b1dcdafu);
    assert_true(rng.state[1] == 0x6e789e6aa1b965f4u);
    assert_true(rng.state[2] == 0x06c45d188009454fu);
}

static void the_unit_interval_is_even_and_never_one(void **state)
{
    int tenths[10] = {0};
    struct rng rng;

    (void)state;
    rng_init(&rng, 3);
    for (int i = 0; i < DRAWS; i++) {
        double value = rng_unit(&rng);

        assert_true(value >= 0.0 && value < 1.0);
        tenths[(int)(value * 10)]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(tenths[i], DRAWS / 10 - 600, DRAWS / 10 + 600);
}

static void a_range_is_even_and_keeps_its_ends(void **state)
{
    int counts[7] = {0};
    struct rng rng;

    (void)state;
    rng_init(&rng, 4);
    for (int i = 0; i < DRAWS; i++) {
        uint64_t value = rng_between(&rng, 10, 16);

        assert_in_range(value, 10, 16);
        counts[value - 10]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(counts[i], DRAWS / 7 - 700, DRAWS / 7 + 700);
    assert_int_equal(rng_between(&rng, 5, 5), 5);
    assert_true(rng_between(&rng, UINT64_MAX - 1, UINT64_MAX) >= UINT64_MAX - 1);
    (void)rng_between(&rng, 0, UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
        cmocka_unit_test(seeding_follows_splitmix64),
        cmocka_unit_test(the_unit_interval_is_even_and_never_one),
        cmocka_unit_test(a_range_is_even_and_keeps_its_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

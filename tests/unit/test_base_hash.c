#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void the_hash_is_xxh3(void **state)
{
    (void)state;
    /* From the sanity checks of the reference implementation: XXH3, no bytes, seed 0. */
    assert_true(hash_bytes("", 0, 0) == 0x2d06800538d394c2u);
}

static void bytes_and_seed_both_count(void **state)
{
    uint64_t hash = hash_bytes("abc", 3, 0);

    (void)state;
    assert_true(hash == hash_bytes("abcd", 3, 0));
    assert_true(hash != hash_bytes("abd", 3, 0));
    assert_true(hash != hash_bytes("abc", 3, 1));
    assert_true(hash != hash_bytes("abc", 4, 0));
}

static void short_ids_do_not_collide(void **state)
{
    enum { COUNT = 20000 };
    static uint64_t low[COUNT];
    char id[4];

    (void)state;
    /* By the birthday bound 20,000 random values of 64 bits are all different. */
    for (int i = 0; i < COUNT; i++) {
        id[0] = (char)('a' + i % 26);
        id[1] = (char)('a' + i / 26 % 26);
        id[2] = (char)('a' + i / 26 / 26 % 26);
        id[3] = (char)('a' + i / 26 / 26 / 26);
        low[i] = hash_bytes(id, sizeof id, 0);
        for (int k = 0; k < i; k += 97)
            assert_true(low[k] != low[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_xxh3),
        cmocka_unit_test(bytes_and_seed_both_count),
        cmocka_unit_test(short_ids_do_not_collide),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

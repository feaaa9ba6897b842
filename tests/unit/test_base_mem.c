#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 5000 };

struct thing {
    int before;
    int member;
};

static void text_is_copied(void **state)
{
    char *copy = x_strdup("abc"), *part = x_strndup("abcdef", 2),
         *text = x_asprintf("%d%s", 7, "x");
    char *none = x_strndup("", 0);

    (void)state;
    assert_string_equal(copy, "abc");
    assert_string_equal(part, "ab");
    assert_string_equal(text, "7x");
    assert_string_equal(none, "");
    free(copy);
    free(part);
    free(text);
    free(none);
}

static void no_bytes_are_memory_too(void **state)
{
    void *first = x_malloc(0), *second = x_calloc(0, 0), *third = x_realloc(NULL, 0);

    (void)state;
    assert_non_null(first);
    assert_non_null(second);
    assert_non_null(third);
    free(first);
    free(second);
    free(third);
}

static void a_member_leads_to_its_struct(void **state)
{
    struct thing thing = {0};

    (void)state;
    assert_ptr_equal(CONTAINER_OF(&thing.member, struct thing, member), &thing);
}

static void pool_objects_are_zeroed_aligned_and_apart(void **state)
{
    struct pool *pool = pool_new(40, 0);
    unsigned char **objects = x_calloc(MANY, sizeof *objects);
    static const unsigned char zero[40];

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < MANY; i++) {
            objects[i] = pool_take(pool);
            assert_non_null(objects[i]);
            assert_int_equal((uintptr_t)objects[i] % 16, 0);
            assert_memory_equal(objects[i], zero, sizeof zero);
            (void)memset(objects[i], (int)(i % 251) + 1, sizeof zero);
        }
        assert_int_equal(pool_used(pool), MANY);
        for (size_t i = 0; i < MANY; i++) {
            assert_int_equal(objects[i][0], i % 251 + 1);
            assert_int_equal(objects[i][39], i % 251 + 1);
            pool_give(pool, objects[i]);
        }
        assert_int_equal(pool_used(pool), 0);
    }
    free(objects);
    pool_free(pool);
}

static void the_pool_uses_the_last_freed_object_again(void **state)
{
    struct pool *pool = pool_new(1, 0);
    void *first = pool_take(pool), *second = pool_take(pool);

    (void)state;
    assert_ptr_not_equal(first, second);
    pool_give(pool, first);
    assert_ptr_equal(pool_take(pool), first);
    pool_give(pool, NULL);
    assert_int_equal(pool_used(pool), 2);
    pool_free(pool);
}

static void the_pool_refuses_past_its_limit(void **state)
{
    struct pool *pool = pool_new(100000, 2);
    void *first = pool_take(pool);

    (void)state;
    assert_non_null(first);
    assert_non_null(pool_take(pool));
    assert_null(pool_take(pool));
    pool_give(pool, first);
    assert_ptr_equal(pool_take(pool), first);
    assert_null(pool_take(pool));
    pool_free(pool);
    pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_copied),
        cmocka_unit_test(no_bytes_are_memory_too),
        cmocka_unit_test(a_member_leads_to_its_struct),
        cmocka_unit_test(pool_objects_are_zeroed_aligned_and_apart),
        cmocka_unit_test(the_pool_uses_the_last_freed_object_again),
        cmocka_unit_test(the_pool_refuses_past_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "load/mark.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct mark example = {.run = 0xfedcba9876543210,
                                    .number = 123456789012,
                                    .attempt = 7,
                                    .settled = 99,
                                    .first_ns = 5,
                                    .written_ns = UINT64_MAX};

static void a_mark_reads_as_it_was_written(void **state)
{
    static const char expected[] =
        "cicada-mark.fedcba9876543210.123456789012.0007.000000000099.00000000000000000005."
        "18446744073709551615";
    uint8_t text[MARK_BYTES];
    struct mark mark;

    (void)state;
    assert_int_equal(sizeof expected - 1, MARK_BYTES);
    mark_write(&example, text);
    assert_memory_equal(text, expected, MARK_BYTES);
    assert_ptr_equal(mark_find(text, sizeof text, example.run, &mark), text);
    assert_memory_equal(&mark, &example, sizeof mark);
}

/* Exactly as long as it is, so that a sanitizer sees a step too far. */
static const uint8_t *find_copy(const uint8_t *bytes, size_t len, struct mark *mark)
{
    uint8_t *copy = malloc(len + (len == 0));
    const uint8_t *found;

    assert_non_null(copy);
    (void)memcpy(copy, bytes, len);
    found = mark_find(copy, len, example.run, mark);
    if (found)
        found = bytes + (found - copy);
    free(copy);
    return found;
}

static void a_mark_is_found_in_other_text(void **state)
{
    uint8_t text[MARK_BYTES + 64] = "{\"a\":\"cicada-mark.\",\"b\":\"cicada-mark.0";
    size_t at = strlen((const char *)text);
    struct mark mark;

    (void)state;
    mark_write(&example, text + at);
    assert_ptr_equal(find_copy(text, sizeof text, &mark), text + at);
    assert_int_equal(mark.number, example.number);
    assert_ptr_equal(find_copy(text, at + MARK_BYTES, &mark), text + at);
}

static void what_is_not_whole_is_no_mark(void **state)
{
    uint8_t text[MARK_BYTES];
    struct mark mark = {.number = 5};

    (void)state;
    mark_write(&example, text);
    for (size_t len = 0; len < MARK_BYTES; len++)
        assert_null(find_copy(text, len, &mark));
    for (size_t i = 0; i < MARK_BYTES; i++) {
        uint8_t byte = text[i];

        text[i] = 'x';
        assert_null(find_copy(text, MARK_BYTES, &mark));
        text[i] = byte;
    }
    text[MARK_BYTES - 1] = '6'; /* above 64 bits */
    assert_null(find_copy(text, MARK_BYTES, &mark));
    assert_int_equal(mark.number, 5);
}

static void marks_of_other_runs_are_passed_over(void **state)
{
    uint8_t text[2 * MARK_BYTES];
    struct mark other = example, mark;

    (void)state;
    other.run++;
    mark_write(&other, text);
    assert_null(find_copy(text, MARK_BYTES, &mark));
    mark_write(&example, text + MARK_BYTES);
    assert_ptr_equal(find_copy(text, sizeof text, &mark), text + MARK_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_reads_as_it_was_written),
        cmocka_unit_test(a_mark_is_found_in_other_text),
        cmocka_unit_test(what_is_not_whole_is_no_mark),
        cmocka_unit_test(marks_of_other_runs_are_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

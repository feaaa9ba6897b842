#include "sse/event_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct event_id read_id(const char *text)
{
    return event_id_read((const uint8_t *)text, strlen(text));
}

static void check(const char *text, enum event_id_shape shape, uint64_t group, uint64_t number)
{
    struct event_id id = read_id(text);

    assert_int_equal(id.shape, shape);
    assert_true(id.group == group);
    assert_true(id.number == number);
}

static void numbers_are_read_up_to_nineteen_digits(void **state)
{
    (void)state;
    check("0", EVENT_ID_NUMBER, 0, 0);
    check("17", EVENT_ID_NUMBER, 0, 17);
    check("00017", EVENT_ID_NUMBER, 0, 17);
    check("9999999999999999999", EVENT_ID_NUMBER, 0, 9999999999999999999u);
    check("10000000000000000000", EVENT_ID_TEXT, 0, 0);
}

static void pairs_have_two_numbers(void **state)
{
    (void)state;
    check("1700000000000-3", EVENT_ID_PAIR, 1700000000000, 3);
    check("1700000000:12", EVENT_ID_PAIR, 1700000000, 12);
}

static void prefixes_tell_sequences_apart(void **state)
{
    struct event_id first = read_id("order-17"), same = read_id("order-18");
    struct event_id other = read_id("orders-17"), colon = read_id("order:17");

    (void)state;
    assert_int_equal(first.shape, EVENT_ID_PREFIXED);
    assert_true(first.number == 17 && same.number == 18 && first.group == same.group);
    assert_true(first.group != other.group && first.group != colon.group);
    assert_int_equal(read_id("a-b:c-7").shape, EVENT_ID_PREFIXED);
    assert_int_equal(read_id("1-2-3").shape, EVENT_ID_PREFIXED);
    assert_int_equal(read_id("20000000000000000000-3").shape, EVENT_ID_PREFIXED);
}

static void other_texts_have_no_number(void **state)
{
    static const char *const texts[] = {
        "",    "abc",  "17a", "a17", "-5",     ":5",   "5-", "1.5",
        "1e5", "x_17", " 17", "17 ", "a-b-c7", "\xff", "-",  "order-10000000000000000000"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check(texts[i], EVENT_ID_TEXT, 0, 0);
}

/* Else a second without an event would be a loss. */
static void times_of_day_have_no_number(void **state)
{
    (void)state;
    check("2024-11-26T10:00:59", EVENT_ID_TEXT, 0, 0);
    check("10:00:59", EVENT_ID_TEXT, 0, 0);
    assert_int_equal(read_id("shard-1:17").shape, EVENT_ID_PREFIXED);
    assert_int_equal(read_id("a:00:59").shape, EVENT_ID_PREFIXED);
    assert_int_equal(read_id("10:00-59").shape, EVENT_ID_PREFIXED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_up_to_nineteen_digits),
        cmocka_unit_test(pairs_have_two_numbers),
        cmocka_unit_test(prefixes_tell_sequences_apart),
        cmocka_unit_test(other_texts_have_no_number),
        cmocka_unit_test(times_of_day_have_no_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void appends_follow_each_other(void **state)
{
    struct buf buf = {0};

    (void)state;
    assert_string_equal(buf_text(&buf), "");
    assert_int_equal(buf_append(&buf, NULL, 0), 0);
    assert_int_equal(buf_append(&buf, "ab", 2), 0);
    assert_int_equal(buf_append_byte(&buf, 'c'), 0);
    assert_int_equal(buf_append_text(&buf, "de"), 0);
    assert_int_equal(buf_appendf(&buf, "%d-%s", 7, "f"), 0);
    assert_string_equal(buf_text(&buf), "abcde7-f");
    assert_int_equal(buf.len, 8);
    buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    assert_string_equal(buf_text(&buf), "");
    buf_fini(&buf);
    assert_null(buf.bytes);
}

static void long_formats_are_not_cut(void **state)
{
    struct buf buf = {0};

    (void)state;
    assert_int_equal(buf_appendf(&buf, "%0511d|%0512d|%05000d", 1, 2, 3), 0);
    assert_int_equal(buf.len, 511 + 512 + 5000 + 2);
    assert_int_equal(buf.bytes[buf.len - 1], '3');
    buf_fini(&buf);
}

static void the_limit_refuses_and_adds_nothing(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 5);
    assert_int_equal(buf_append_text(&buf, "abc"), 0);
    assert_int_equal(buf_append_text(&buf, "def"), -1);
    assert_int_equal(buf_appendf(&buf, "%d", 123), -1);
    assert_null(buf_reserve(&buf, 3));
    assert_null(buf_reserve(&buf, SIZE_MAX));
    assert_int_equal(buf_append_text(&buf, "de"), 0);
    assert_string_equal(buf_text(&buf), "abcde"); /* the NUL needs no room of the limit */
    assert_int_equal(buf_append_byte(&buf, 'f'), -1);
    buf_fini(&buf);
    assert_int_equal(buf.limit_bytes, 5);
}

static void reserved_room_counts_once_it_grew(void **state)
{
    struct buf buf = {0};
    uint8_t *room;

    (void)state;
    (void)buf_append_text(&buf, "ab");
    room = buf_reserve(&buf, 1000);
    assert_non_null(room);
    assert_true(buf.cap >= 1002);
    (void)memset(room, 'x', 1000);
    assert_int_equal(buf.len, 2);
    buf_grew(&buf, 3);
    assert_string_equal(buf_text(&buf), "abxxx");
    buf_fini(&buf);
}

static void dropping_moves_the_rest_down(void **state)
{
    struct buf buf = {0};

    (void)state;
    (void)buf_append_text(&buf, "abcdef");
    buf_drop(&buf, 0);
    buf_drop(&buf, 2);
    assert_string_equal(buf_text(&buf), "cdef");
    buf_drop(&buf, 4);
    assert_string_equal(buf_text(&buf), "");
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_follow_each_other),
        cmocka_unit_test(long_formats_are_not_cut),
        cmocka_unit_test(the_limit_refuses_and_adds_nothing),
        cmocka_unit_test(reserved_room_counts_once_it_grew),
        cmocka_unit_test(dropping_moves_the_rest_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

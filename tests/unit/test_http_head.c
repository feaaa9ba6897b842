#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void add(struct http_head *head, const char *name, const char *value)
{
    assert_int_equal(http_head_add_name(head, name, strlen(name)), 0);
    assert_int_equal(http_head_add_value(head, value, strlen(value)), 0);
}

static void check_value(const struct http_head *head, const char *name, const char *expected)
{
    size_t len = 0;
    const char *value = http_head_find(head, name, &len);

    assert_non_null(value);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(value, expected, len);
}

static void fields_are_found_in_any_case(void **state)
{
    struct http_head head;
    size_t len;

    (void)state;
    http_head_init(&head);
    add(&head, "Content-Type", "text/plain");
    add(&head, "X-A", "1");
    add(&head, "x-a", "2");
    check_value(&head, "CONTENT-type", "text/plain");
    check_value(&head, "X-A", "1");
    assert_null(http_head_find(&head, "X", &len));
    assert_null(http_head_find(&head, "X-AB", &len));
    assert_int_equal(head.field_count, 3);
    assert_memory_equal(http_head_name_at(&head, 2, &len), "x-a", 3);
    assert_int_equal(len, 3);
    assert_memory_equal(http_head_value_at(&head, 2, &len), "2", 1);
    http_head_fini(&head);
}

static void pieces_join_to_one_field(void **state)
{
    struct http_head head;

    (void)state;
    http_head_init(&head);
    assert_int_equal(http_head_add_target(&head, "/a", 2), 0);
    assert_int_equal(http_head_add_target(&head, "/b", 2), 0);
    assert_int_equal(http_head_add_name(&head, "Ho", 2), 0);
    assert_int_equal(http_head_add_name(&head, "st", 2), 0);
    assert_int_equal(http_head_add_value(&head, "exa", 3), 0);
    assert_int_equal(http_head_add_value(&head, "mple \t", 6), 0);
    add(&head, "Empty", "");
    add(&head, "Next", " \t x y ");
    assert_int_equal(head.target_bytes, 4);
    assert_memory_equal(head.text.bytes + head.target_at, "/a/b", 4);
    check_value(&head, "host", "example");
    check_value(&head, "empty", "");
    check_value(&head, "next", "x y");
    http_head_fini(&head);
}

static void a_cleared_head_starts_anew(void **state)
{
    struct http_head head;
    size_t len;

    (void)state;
    http_head_init(&head);
    add(&head, "A", "1");
    head.status = 200;
    http_head_clear(&head);
    assert_int_equal(head.field_count, 0);
    assert_int_equal(head.status, 0);
    assert_null(http_head_find(&head, "A", &len));
    add(&head, "B", "2");
    check_value(&head, "b", "2");
    http_head_fini(&head);
}

static void names_must_be_tokens(void **state)
{
    static const struct {
        const char *name;
        bool expected;
    } cases[] = {
        {"A", true}, {"x-9_~!", true}, {"", false}, {"A ", false}, {"A:", false}, {"\xc3", false},
    };
    struct http_head head;

    (void)state;
    http_head_init(&head);
    assert_false(http_head_name_is_valid(&head));
    assert_int_equal(http_head_add_value(&head, "v", 1), -1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        http_head_clear(&head);
        add(&head, "Before", "v");
        assert_int_equal(http_head_add_name(&head, cases[i].name, strlen(cases[i].name)), 0);
        assert_int_equal(http_head_name_is_valid(&head), cases[i].expected);
    }
    http_head_clear(&head);
    add(&head, "Before", "v");
    assert_int_equal(http_head_add_name(&head, "", 0), 0);
    assert_int_equal(http_head_add_value(&head, "x", 1), -1);
    check_value(&head, "before", "v");
    http_head_fini(&head);
}

static void too_many_fields_are_refused(void **state)
{
    struct http_head head;

    (void)state;
    http_head_init(&head);
    for (int i = 0; i < HTTP_HEADER_COUNT_LIMIT; i++)
        add(&head, "N", "v");
    assert_false(http_head_is_over_count(&head));
    add(&head, "N", "v");
    assert_true(http_head_is_over_count(&head));
    assert_int_equal(http_head_add_name(&head, "N", 1), -1);
    http_head_fini(&head);
}

static void too_many_bytes_are_refused(void **state)
{
    static char big[HTTP_HEAD_LIMIT_BYTES];
    struct http_head head;

    (void)state;
    (void)memset(big, 'x', sizeof big);
    http_head_init(&head);
    add(&head, "N", "v");
    assert_int_equal(http_head_add_value(&head, big, sizeof big - 2), 0);
    assert_int_equal(http_head_add_value(&head, "x", 1), -1);
    http_head_fini(&head);
}

static void event_streams_are_known_by_their_type(void **state)
{
    static const struct {
        const char *type;
        bool expected;
    } cases[] = {
        {"text/event-stream", true},
        {"Text/Event-Stream", true},
        {"text/event-stream;charset=utf-8", true},
        {"text/event-stream ; charset=utf-8; x=\"y\"", true},
        {"text/event-stream;", true},
        {"text/event-streams", false},
        {"text/event-strea", false},
        {"text/html", false},
        {"text/plain; text/event-stream", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_head head;

        http_head_init(&head);
        assert_false(http_head_is_event_stream(&head));
        add(&head, "Content-Type", cases[i].type);
        assert_int_equal(http_head_is_event_stream(&head), cases[i].expected);
        http_head_fini(&head);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found_in_any_case),
        cmocka_unit_test(pieces_join_to_one_field),
        cmocka_unit_test(a_cleared_head_starts_anew),
        cmocka_unit_test(names_must_be_tokens),
        cmocka_unit_test(too_many_fields_are_refused),
        cmocka_unit_test(too_many_bytes_are_refused),
        cmocka_unit_test(event_streams_are_known_by_their_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

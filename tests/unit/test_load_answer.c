#include "load/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_status_has_the_class_of_its_first_digit(void **state)
{
    (void)state;
    assert_int_equal(answer_class_of_status(206), CLASS_STATUS_2XX);
    assert_int_equal(answer_class_of_status(304), CLASS_STATUS_3XX);
    assert_int_equal(answer_class_of_status(400), CLASS_STATUS_4XX);
    assert_int_equal(answer_class_of_status(499), CLASS_STATUS_4XX);
    assert_int_equal(answer_class_of_status(503), CLASS_STATUS_5XX);
    assert_int_equal(answer_class_of_status(0), CLASS_HTTP_PROTOCOL);
    assert_int_equal(answer_class_of_status(600), CLASS_HTTP_PROTOCOL);
    assert_int_equal(answer_class_of_status(999), CLASS_HTTP_PROTOCOL);
}

static void some_statuses_may_be_retried(void **state)
{
    static const int yes[] = {408, 429, 500, 502, 503, 504, 599}, no[] = {200, 301, 400, 401, 404};

    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        assert_true(answer_may_be_retried(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        assert_false(answer_may_be_retried(no[i]));
}

static void add(struct http_head *head, const char *name, const char *value)
{
    assert_int_equal(http_head_add_name(head, name, strlen(name)), 0);
    assert_int_equal(http_head_add_value(head, value, strlen(value)), 0);
}

static void retry_after_is_seconds_or_a_date(void **state)
{
    static const double now_ms = 784111777000.0; /* Sun, 06 Nov 1994 08:49:37 GMT */
    static const struct {
        const char *value;
        double wait_s;
    } table[] = {
        {"0", 0},
        {"120", 120},
        {" 7 ", 7},
        {"Sun, 06 Nov 1994 08:49:47 GMT", 10},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
        {"Sun, 06 Nov 1994 08:49:00 GMT", 0},
        {"", 0},
        {"-5", 0},
        {"5s", 0},
        {"1.5", 0},
        {"99999999999999999999999", 0},
        {"soon", 0},
        {"Sun, 06 Nov 1994 08:49:47 GMT and more", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct http_head head;

        http_head_init(&head);
        assert_true(answer_retry_after_ns(&head, now_ms) == 0);
        add(&head, "Retry-After", table[i].value);
        assert_true(answer_retry_after_ns(&head, now_ms) == (uint64_t)(table[i].wait_s * 1e9));
        http_head_fini(&head);
    }
}

static void a_header_is_text_cut_when_long(void **state)
{
    struct http_head head;
    char text[ANSWER_TEXT_BYTES], value[300];

    (void)state;
    (void)memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    http_head_init(&head);
    add(&head, "Long", value);
    add(&head, "Empty", "");
    assert_int_equal(strlen(answer_header(&head, "long", text)), ANSWER_TEXT_BYTES - 1);
    assert_string_equal(answer_header(&head, "empty", text), "");
    assert_string_equal(answer_header(&head, "absent", text), "");
    http_head_fini(&head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_has_the_class_of_its_first_digit),
        cmocka_unit_test(some_statuses_may_be_retried),
        cmocka_unit_test(retry_after_is_seconds_or_a_date),
        cmocka_unit_test(a_header_is_text_cut_when_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

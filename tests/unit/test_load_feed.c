#include "load/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct feed *parse(const char *text)
{
    struct err err = {0};
    struct feed *feed = feed_parse(text, strlen(text), &err);

    if (!feed)
        fail_msg("%s", err.text);
    return feed;
}

static void columns_and_values_are_found(void **state)
{
    struct feed *feed = parse("name,key\nann,1\nbob,2\n");

    (void)state;
    assert_int_equal(feed_row_count(feed), 2);
    assert_int_equal(feed_column_count(feed), 2);
    assert_string_equal(feed_column_name(feed, 1), "key");
    assert_int_equal(feed_find_column(feed, "key", 3), 1);
    assert_int_equal(feed_find_column(feed, "keys", 4), -1);
    assert_int_equal(feed_find_column(feed, "ke", 2), -1);
    assert_string_equal(feed_value(feed, 0, 0), "ann");
    assert_string_equal(feed_value(feed, 1, 1), "2");
    assert_int_equal(feed_row_line(feed, 1), 3);
    feed_free(feed);
}

static void quotes_hold_commas_quotes_and_line_ends(void **state)
{
    struct feed *feed =
        parse("\"a\",\"b \"\"x\"\"\"\r\n\"1,2\",\"say \"\"hi\"\"\"\r\n\"two\r\nlines\","
              "\"\"\n");

    (void)state;
    assert_string_equal(feed_column_name(feed, 1), "b \"x\"");
    assert_string_equal(feed_value(feed, 0, 0), "1,2");
    assert_string_equal(feed_value(feed, 0, 1), "say \"hi\"");
    assert_string_equal(feed_value(feed, 1, 0), "two\r\nlines");
    assert_string_equal(feed_value(feed, 1, 1), "");
    feed_free(feed);
}

static void empty_lines_are_skipped_and_lines_still_counted(void **state)
{
    struct feed *feed = parse("\n\r\na\n\n1\n\r\n\n2\n\n");

    (void)state;
    assert_int_equal(feed_row_count(feed), 2);
    assert_string_equal(feed_value(feed, 1, 0), "2");
    assert_int_equal(feed_row_line(feed, 0), 5);
    assert_int_equal(feed_row_line(feed, 1), 8);
    feed_free(feed);
}

static void the_last_line_needs_no_end(void **state)
{
    static const char *const texts[] = {"a,b\n1,", "a,b\n1,\"\"", "\xef\xbb\xbf\x61,b\n1,\n"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct feed *feed = parse(texts[i]);

        assert_int_equal(feed_row_count(feed), 1);
        assert_string_equal(feed_column_name(feed, 0), "a");
        assert_string_equal(feed_value(feed, 0, 1), "");
        feed_free(feed);
    }
}

static void an_empty_value_of_one_column_is_written_in_quotes(void **state)
{
    struct feed *feed = parse("a\n\"\"\n\nx\n");

    (void)state;
    assert_int_equal(feed_row_count(feed), 2);
    assert_string_equal(feed_value(feed, 0, 0), "");
    feed_free(feed);
}

static void wrong_feeds_name_line_and_column(void **state)
{
    static const struct {
        const char *text;
        size_t len; /* 0: up to the NUL */
        const char *message;
    } cases[] = {
        {"", 0, "line 1, column 1: no header"},
        {"\n\n", 0, "line 3, column 1: no header"},
        {"a,b\n", 0, "line 2, column 1: no rows"},
        {"a,b\n1,2\n3,\"4\n5,6\n", 0, "line 3, column 3: this quote is never closed"},
        {"a,b\n1,\"2\"x\n", 0, "line 2, column 6: text behind a closing quote"},
        {"a,b\n1,2\"\n", 0, "line 2, column 4: a quote inside"},
        {"a,b\n1,2\n3\n", 0, "line 3, column 2: the row has 1 field, the header has 2"},
        {"a,b\n1,2,3\n", 0, "line 2, column 6: the row has 3 fields, the header has 2"},
        {"a,b,a\n1,2,3\n", 0, "line 1, column 5: a second column named 'a'"},
        {"a,,b\n1,2,3\n", 0, "line 1, column 3: a column without a name"},
        {"a\n1\0002\n", 6, "line 2, column 2: a NUL byte"},
        {"a\n\"1\0002\"\n", 8, "line 2, column 3: a NUL byte"},
        {"a\n1\r2\n", 0, "line 2, column 2: a CR"},
        {"a\n\"\n\n\" \n", 0, "line 4, column 2: text behind"},
        {"a\r", 0, "line 1, column 2: a CR"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t len = cases[i].len > 0 ? cases[i].len : strlen(cases[i].text);
        struct err err = {0};

        assert_null(feed_parse(cases[i].text, len, &err));
        assert_int_equal(err.kind, ERR_USAGE);
        if (strncmp(err.text, cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("%s\nexpected: %s", err.text, cases[i].message);
    }
}

static void too_many_columns_are_refused(void **state)
{
    size_t len = 0, cap = 6 * (FEED_COLUMN_LIMIT + 2);
    char *text = malloc(cap);
    struct err err = {0};

    (void)state;
    assert_non_null(text);
    for (int i = 0; i <= FEED_COLUMN_LIMIT; i++)
        len += (size_t)snprintf(text + len, cap - len, "%sc%d", i > 0 ? "," : "", i);
    assert_null(feed_parse(text, len, &err));
    assert_non_null(strstr(err.text, "more than 1000 columns"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_and_values_are_found),
        cmocka_unit_test(quotes_hold_commas_quotes_and_line_ends),
        cmocka_unit_test(empty_lines_are_skipped_and_lines_still_counted),
        cmocka_unit_test(the_last_line_needs_no_end),
        cmocka_unit_test(an_empty_value_of_one_column_is_written_in_quotes),
        cmocka_unit_test(wrong_feeds_name_line_and_column),
        cmocka_unit_test(too_many_columns_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "http/cookie_date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_date_is_read_in_whatever_form(void **state)
{
    static const struct {
        const char *text;
        int64_t unix_s;
    } cases[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"1994 NOV 6 8:49:37", 784111777}, /* the 6 is the day: four digits are none */
        {"08:49:37 06 November 94", 784111777},
        {"Sun, 06 Nov 1994 08:49:37 PST", 784111777},    /* zones are not read */
        {"Sun, 6th Nov 1994 08:49:37.123", 784111777},   /* what follows digits is not read */
        {"06Nov1994 Nov 1994x 08:49:37am", 784111777},   /* "06Nov1994" is the day alone */
        {"Nov 06 1994 08:49:37 Dec 07 2005", 784111777}, /* the first of each counts */
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
        {"Mon, 01 Jan 1601 00:00:00 GMT", -11644473600},
        {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
        {"29 Feb 2000 00:00:00", 951782400},
        {"29 Feb 2024 12:00:00", 1709208000},
        {"1 Mar 2100 00:00:00", 4107542400},
        {"1 Jan 69 00:00:00", 3124224000}, /* 2069 */
        {"1 Jan 70 00:00:00", 0},
        {"1 Jan 99 00:00:00", 915148800},
        {"1 Jan 00 00:00:00", 946684800},
        {"1 Jan 000 00:00:00", 946684800},
        {"\t1;Jan<1970=00:00:00~", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double unix_ms = 0.5;

        if (!cookie_date_parse(cases[i].text, strlen(cases[i].text), &unix_ms))
            fail_msg("'%s' was refused", cases[i].text);
        if (unix_ms != (double)cases[i].unix_s * 1000.0)
            fail_msg("'%s' became %.0f", cases[i].text, unix_ms);
    }
}

static void what_is_no_moment_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "GMT",
        "0",
        "06 Nov 1994",
        "06 Nov 08:49:37",
        "Nov 1994 08:49:37",
        "06 1994 08:49:37",
        "00 Nov 1994 08:49:37",
        "31 Nov 1994 08:49:37",
        "32 Dec 1994 08:49:37",
        "30 Feb 2000 08:49:37",
        "29 Feb 1900 08:49:37",
        "29 Feb 2023 08:49:37",
        "06 Nov 1994 24:00:00",
        "06 Nov 1994 08:60:00",
        "06 Nov 1994 08:49:60",
        "06 Nov 1994 08:49",
        "06 Nov 1994 08:49:",
        "06 Nov 1994 08:49:123",
        "06 Nov 1994 008:49:37",
        "06 Nov 1994 08::37",
        "06 Nov 1600 08:49:37",
        "06 Nov 101 08:49:37",
        "06 Nov 19940 08:49:37",
        "06 Nov 99999999999999999999 08:49:37",
        "06 No 1994 08:49:37",
        "2031-01-01T00:00:00Z",
        "784111777",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double unix_ms = 0.5;

        if (cookie_date_parse(cases[i], strlen(cases[i]), &unix_ms) || unix_ms != 0.5)
            fail_msg("'%s' became %.0f", cases[i], unix_ms);
    }
}

static void a_date_ends_where_its_length_says(void **state)
{
    static const char text[] = "06 Nov 1994 08:49:37";
    double unix_ms = 0.0;

    (void)state;
    for (size_t len = 0; len < sizeof text - 2; len++)
        assert_false(cookie_date_parse(text, len, &unix_ms));
    assert_true(cookie_date_parse(text, sizeof text - 2, &unix_ms));
    assert_true(unix_ms == 784111743000.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_date_is_read_in_whatever_form),
        cmocka_unit_test(what_is_no_moment_is_refused),
        cmocka_unit_test(a_date_ends_where_its_length_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

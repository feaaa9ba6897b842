#include "base/units.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void expect_refusal(const char *text, int result, const struct err *err)
{
    assert_int_equal(result, -1);
    assert_int_equal(err->kind, ERR_USAGE);
    assert_non_null(strstr(err->text, text));
}

static void durations_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } cases[] = {
        {"0", 0},
        {"20", 20 * 1000000000ull},
        {"2.5", 2500000000ull},
        {".5s", 500000000ull},
        {"300ms", 300000000ull},
        {"15us", 15000},
        {"7ns", 7},
        {"0.333us", 333},
        {"3m", 180 * 1000000000ull},
        {"1h30m", 5400 * 1000000000ull},
        {"1h30m20s500ms", 5420500000000ull},
        {"2d", 172800 * 1000000000ull},
        {"1.5h", 5400 * 1000000000ull},
        {"0.0000000009999999999999s", 0},
        {"0.123456789s", 123456789},
        {"213503d", 213503 * 86400000000000ull},
        {"none", CLOCK_NEVER_NS},
    };
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t ns = 1;

        assert_int_equal(units_parse_duration(cases[i].text, &ns, &err), 0);
        assert_int_equal(ns, cases[i].ns);
    }
}

static void wrong_durations_are_named(void **state)
{
    static const char *const cases[] = {
        "",
        "s",
        ".",
        "-1s",
        "+1s",
        "1 s",
        " 1",
        "1s ",
        "1x",
        "1S",
        "1h30",
        "30m1h",
        "1s1s",
        "1e3",
        "0x1",
        "inf",
        "1..5s",
        "nones",
        "213504d",
        "20000000000",
        "18446744073709551616",
        "18446744073709551615ns",
    };
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t ns = 42;

        expect_refusal(cases[i], units_parse_duration(cases[i], &ns, &err), &err);
        assert_int_equal(ns, 42);
    }
}

static void sizes_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},           {"512", 512},    {"512B", 512},     {"64k", 65536},
        {"64K", 65536},     {"1M", 1048576}, {"1.5M", 1572864}, {"2G", 2147483648ull},
        {"1T", 1ull << 40}, {"1kB", 1024},   {"1MiB", 1048576},
    };
    static const char *const wrong[] = {"",    "k",   "-1",   "1x",           "1iB",
                                        "1 k", "1kk", "1kb1", "99999999999T", "1KiBs"};
    struct err err = {0};
    uint64_t bytes = 1;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(units_parse_size(cases[i].text, &bytes, &err), 0);
        assert_int_equal(bytes, cases[i].bytes);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        expect_refusal(wrong[i], units_parse_size(wrong[i], &bytes, &err), &err);
}

static void ratios_are_read(void **state)
{
    static const struct {
        const char *text;
        double ratio;
    } cases[] = {{"0", 0}, {"1", 1}, {"0.5", 0.5}, {".25", 0.25}, {"50%", 0.5}, {"100%", 1}};
    static const char *const wrong[] = {"",     "%",   "1.1", "101%", "-0.1", "0.5%%",
                                        "0.5 ", "nan", "inf", "1e-1", "half", "0,5"};
    struct err err = {0};
    double ratio = 9;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(units_parse_ratio(cases[i].text, &ratio, &err), 0);
        assert_true(ratio == cases[i].ratio);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        expect_refusal(wrong[i], units_parse_ratio(wrong[i], &ratio, &err), &err);
}

static void counts_keep_their_range(void **state)
{
    static const char *const wrong[] = {"",   "0",  "11", "5.0", "-1",
                                        "+1", " 5", "5k", "1e1", "99999999999999999999"};
    struct err err = {0};
    uint64_t count = 0;

    (void)state;
    assert_int_equal(units_parse_count("1", 1, 10, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(units_parse_count("010", 1, 10, &count, &err), 0);
    assert_int_equal(count, 10);
    assert_int_equal(units_parse_count("18446744073709551615", 0, UINT64_MAX, &count, &err), 0);
    assert_true(count == UINT64_MAX);
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        expect_refusal(wrong[i], units_parse_count(wrong[i], 1, 10, &count, &err), &err);
    expect_refusal("1 to 10", units_parse_count("11", 1, 10, &count, &err), &err);
    expect_refusal("at least 1", units_parse_count("0", 1, UINT64_MAX, &count, &err), &err);
}

static void numbers_are_not_negative(void **state)
{
    static const char *const wrong[] = {"", "-1", "+1", "1e5", "nan", "inf", "0x10", "1 ", "1.2.3"};
    struct err err = {0};
    double number = 0;

    (void)state;
    assert_int_equal(units_parse_number("2.5", &number, &err), 0);
    assert_true(number == 2.5);
    assert_int_equal(units_parse_number("0", &number, &err), 0);
    assert_true(number == 0.0);
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        expect_refusal(wrong[i], units_parse_number(wrong[i], &number, &err), &err);
}

static void durations_are_written_for_people(void **state)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, "0ns"},
        {999, "999ns"},
        {1000, "1us"},
        {12345, "12.3us"},
        {999499, "999us"},
        {999500, "1ms"},
        {1500000, "1.5ms"},
        {999600000, "1s"},
        {1234567890, "1.23s"},
        {20000000000, "20s"},
        {59400000000, "59.4s"},
        {59990000000, "1m"},
        {90000000000, "1m30s"},
        {3599400000000, "59m59s"},
        {3599600000000, "1h"},
        {5400000000000, "1h30m"},
        {86369000000000, "23h59m"},
        {86380000000000, "1d"},
        {187200000000000, "2d4h"},
        {CLOCK_NEVER_NS - 1, "213504d"},
        {CLOCK_NEVER_NS, "none"},
    };
    char text[UNITS_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(units_format_duration(cases[i].ns, text), cases[i].text);
}

static void byte_counts_are_written_for_people(void **state)
{
    static const struct {
        double bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},           {999, "999 B"},   {999.9, "1 kB"},     {1000, "1 kB"},
        {12345, "12.3 kB"},   {999999, "1 MB"}, {12.3e6, "12.3 MB"}, {5e9, "5 GB"},
        {1.25e12, "1.25 TB"}, {2e15, "2 PB"},   {5e18, "5e+03 PB"},
    };
    char text[UNITS_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(units_format_bytes(cases[i].bytes, text), cases[i].text);
}

static void counts_are_grouped_by_three(void **state)
{
    static const struct {
        uint64_t count;
        const char *text;
    } cases[] = {
        {0, "0"},
        {999, "999"},
        {1000, "1,000"},
        {123456, "123,456"},
        {1234567, "1,234,567"},
        {UINT64_MAX, "18,446,744,073,709,551,615"},
    };
    char text[UNITS_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(units_format_count(cases[i].count, text), cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(wrong_durations_are_named),
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(ratios_are_read),
        cmocka_unit_test(counts_keep_their_range),
        cmocka_unit_test(numbers_are_not_negative),
        cmocka_unit_test(durations_are_written_for_people),
        cmocka_unit_test(byte_counts_are_written_for_people),
        cmocka_unit_test(counts_are_grouped_by_three),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "load/event_time.h"

#include "sse/parser.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { NO = -1 };

static struct sse_event event_of(const char *id, const char *data)
{
    return (struct sse_event){.data = (const uint8_t *)data,
                              .data_bytes = strlen(data),
                              .id = (const uint8_t *)id,
                              .id_bytes = strlen(id),
                              .has_id = *id != '\0'};
}

static void times_are_read_to_the_nanosecond(void **state)
{
    static const struct {
        const char *text;
        enum event_time_unit unit;
        int64_t unix_ns; /* NO: is not taken */
    } rows[] = {
        {"1700000000", EVENT_TIME_S, 1700000000000000000},
        {"1700000000.25", EVENT_TIME_S, 1700000000250000000},
        {"1700000000.123456789", EVENT_TIME_S, 1700000000123456789},
        {"1700000000.1234567894", EVENT_TIME_S, 1700000000123456789},
        {"1700000000.12345678949999999999999999", EVENT_TIME_S, 1700000000123456789},
        {"1700000000.1234567896", EVENT_TIME_S, 1700000000123456790},
        {"1700000000123", EVENT_TIME_MS, 1700000000123000000},
        {"1700000000123.457", EVENT_TIME_MS, 1700000000123457000},
        {"1.7e12", EVENT_TIME_MS, 1700000000000000000},
        {"1.7E+12", EVENT_TIME_MS, 1700000000000000000},
        {"17000000000000e-1", EVENT_TIME_MS, 1700000000000000000},
        {"1700000000123456", EVENT_TIME_US, 1700000000123456000},
        {"1700000000123456789", EVENT_TIME_NS, 1700000000123456789},
        {"1526919030474-0", EVENT_TIME_MS, 1526919030474000000},
        {"1526919030474-55", EVENT_TIME_MS, 1526919030474000000},
        {"1526919030:3", EVENT_TIME_S, 1526919030000000000},
        {"1526919030:3,[4],5", EVENT_TIME_S, 1526919030000000000},
        {"0", EVENT_TIME_NS, 0},
        {"0e399", EVENT_TIME_S, 0},
        {"0000000000000000000000000000000001", EVENT_TIME_S, 1000000000},
        {"", EVENT_TIME_S, NO},
        {"-1", EVENT_TIME_S, NO},
        {"+1", EVENT_TIME_S, NO},
        {".5", EVENT_TIME_S, NO},
        {"1.", EVENT_TIME_S, NO},
        {"1e", EVENT_TIME_S, NO},
        {"1e400", EVENT_TIME_S, NO},
        {"1e4000000000000", EVENT_TIME_S, NO},
        {"9223372036854775808", EVENT_TIME_NS, NO},
        {"99999999999", EVENT_TIME_S, NO},
        {"12345678-1234-4abc-8def-123456789abc", EVENT_TIME_S, NO},
        {"1700000000 s", EVENT_TIME_S, NO},
        {"2023-11-14T22:13:20Z", EVENT_TIME_RFC3339, 1700000000000000000},
        {"2023-11-14T22:13:20.000000001Z", EVENT_TIME_RFC3339, 1700000000000000001},
        {"2023-11-14t22:13:20.5z", EVENT_TIME_RFC3339, 1700000000500000000},
        {"2023-11-15T00:43:20+02:30", EVENT_TIME_RFC3339, 1700000000000000000},
        {"2023-11-14 17:13:20.25-05:00", EVENT_TIME_RFC3339, 1700000000250000000},
        {"1970-01-01T00:00:00Z", EVENT_TIME_RFC3339, 0},
        {"1970-01-01T01:00:00+01:00", EVENT_TIME_RFC3339, 0},
        {"2000-02-29T00:00:00Z", EVENT_TIME_RFC3339, 951782400000000000},
        {"2024-03-01T00:00:00Z", EVENT_TIME_RFC3339, 1709251200000000000},
        {"2261-12-31T23:59:59Z", EVENT_TIME_RFC3339, 9214646399000000000},
        {"2016-12-31T23:59:60Z", EVENT_TIME_RFC3339, 1483228800000000000},
        {"1970-01-01T00:00:00+01:00", EVENT_TIME_RFC3339, NO},
        {"2023-02-29T00:00:00Z", EVENT_TIME_RFC3339, NO},
        {"2100-02-29T00:00:00Z", EVENT_TIME_RFC3339, NO},
        {"2262-01-01T00:00:00Z", EVENT_TIME_RFC3339, NO},
        {"2023-13-01T00:00:00Z", EVENT_TIME_RFC3339, NO},
        {"2023-11-14T24:00:00Z", EVENT_TIME_RFC3339, NO},
        {"2023-11-14T22:13:20", EVENT_TIME_RFC3339, NO},
        {"2023-11-14T22:13:20.Z", EVENT_TIME_RFC3339, NO},
        {"2023-11-14T22:13:20Zx", EVENT_TIME_RFC3339, NO},
        {"2023-11-14T22:13:20+0200", EVENT_TIME_RFC3339, NO},
        {"2023-11-14", EVENT_TIME_RFC3339, NO},
        {"1700000000", EVENT_TIME_RFC3339, NO},
        {"1700000000", EVENT_TIME_GUESSED, NO},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t unix_ns = NO;
        bool is_read = event_time_read(rows[i].text, strlen(rows[i].text), rows[i].unit, &unix_ns);

        if (is_read != (rows[i].unix_ns != NO) || unix_ns != rows[i].unix_ns)
            fail_msg("'%s' in %s: %lld", rows[i].text, event_time_unit_name(rows[i].unit),
                     (long long)unix_ns);
    }
}

static void units_are_guessed_by_size_and_form(void **state)
{
    static const struct {
        const char *text;
        enum event_time_unit unit;
    } rows[] = {
        {"0", EVENT_TIME_GUESSED},
        {"1", EVENT_TIME_GUESSED},
        {"999999999.9", EVENT_TIME_GUESSED},
        {"1000000000", EVENT_TIME_S},
        {"1700000000", EVENT_TIME_S},
        {"1700000000.123456789", EVENT_TIME_S},
        {"99999999999", EVENT_TIME_S},
        {"100000000000", EVENT_TIME_MS},
        {"1700000000123", EVENT_TIME_MS},
        {"1700000000123.5", EVENT_TIME_MS},
        {"1.7000000001235e12", EVENT_TIME_MS},
        {"99999999999999", EVENT_TIME_MS},
        {"100000000000000", EVENT_TIME_US},
        {"99999999999999999", EVENT_TIME_US},
        {"100000000000000000", EVENT_TIME_NS},
        {"1700000000123456789", EVENT_TIME_NS},
        {"1526919030474-0", EVENT_TIME_MS},
        {"1526919030:3", EVENT_TIME_S},
        {"0000001700000000123", EVENT_TIME_MS},
        {"2023-11-14T22:13:20Z", EVENT_TIME_RFC3339},
        {"2023-11-14T22:13:20", EVENT_TIME_GUESSED},
        {"soon", EVENT_TIME_GUESSED},
        {"", EVENT_TIME_GUESSED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum event_time_unit unit = event_time_guess(rows[i].text, strlen(rows[i].text));

        if (unit != rows[i].unit)
            fail_msg("'%s' is taken for '%s'", rows[i].text, event_time_unit_name(unit));
    }
}

static void the_grain_of_a_time_is_its_last_digit(void **state)
{
    static const struct {
        const char *text;
        enum event_time_unit unit;
        uint64_t grain_ns;
    } rows[] = {
        {"1700000000", EVENT_TIME_S, 1000000000},
        {"1700000000.123", EVENT_TIME_S, 1000000},
        {"1700000000123", EVENT_TIME_MS, 1000000},
        {"1700000000123.457", EVENT_TIME_MS, 1000},
        {"1.7e12", EVENT_TIME_MS, 100000000000000000},
        {"1700000000123456789", EVENT_TIME_NS, 1},
        {"2023-11-14T22:13:20Z", EVENT_TIME_RFC3339, 1000000000},
        {"2023-11-14T22:13:20.25Z", EVENT_TIME_RFC3339, 10000000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(event_time_grain_ns(rows[i].text, strlen(rows[i].text), rows[i].unit),
                         rows[i].grain_ns);
}

static void only_a_known_unit_behind_the_last_colon_is_one(void **state)
{
    static const struct {
        const char *text;
        enum event_time_unit unit;
        const char *data; /* in which the pointer finds "7" */
    } rows[] = {
        {"/sent_ms", EVENT_TIME_GUESSED, "{\"sent_ms\":7}"},
        {"/sent:ms", EVENT_TIME_MS, "{\"sent\":7}"},
        {"/a:b", EVENT_TIME_GUESSED, "{\"a:b\":7}"},
        {"/a:b:rfc3339", EVENT_TIME_RFC3339, "{\"a:b\":7}"},
        {"/a:ms:us", EVENT_TIME_US, "{\"a:ms\":7}"},
        {"/a/0:s", EVENT_TIME_S, "{\"a\":[7]}"},
        {"/a:", EVENT_TIME_GUESSED, "{\"a:\":7}"},
        {"/a:MS", EVENT_TIME_GUESSED, "{\"a:MS\":7}"},
        {"/a~1b:ns", EVENT_TIME_NS, "{\"a/b\":\"7\"}"},
        {":ns", EVENT_TIME_NS, "7"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sse_event event = event_of("", rows[i].data);
        struct event_time_source source;
        struct err err = {0};
        const char *text;
        size_t len;

        assert_int_equal(event_time_parse(rows[i].text, &source, &err), 0);
        assert_int_equal(source.unit, rows[i].unit);
        text = event_time_find(&source, &event, &len);
        assert_non_null(text);
        assert_true(len == 1 && *text == '7');
        event_time_source_fini(&source);
    }
}

static void an_id_is_one_of_the_event_itself(void **state)
{
    struct event_time_source source;
    struct sse_event event = event_of("1526919030474-0", "x");
    struct err err = {0};
    size_t len;

    (void)state;
    assert_int_equal(event_time_parse("id:ms", &source, &err), 0);
    assert_int_equal(source.unit, EVENT_TIME_MS);
    assert_ptr_equal(event_time_find(&source, &event, &len), event.id);
    assert_int_equal(len, event.id_bytes);
    event.has_id = false; /* the one of an event before */
    assert_null(event_time_find(&source, &event, &len));
    event_time_source_fini(&source);
    assert_int_equal(event_time_parse("id", &source, &err), 0);
    assert_int_equal(source.unit, EVENT_TIME_GUESSED);
    event_time_source_fini(&source);
}

static void data_without_the_time_gives_none(void **state)
{
    static const char *const data[] = {
        "", "{}", "{\"t\":null}", "{\"t\":true}", "{\"t\":[1]}", "{\"t\":{}}", "not JSON"};
    struct event_time_source source;
    struct err err = {0};
    size_t len;

    (void)state;
    assert_int_equal(event_time_parse("/t", &source, &err), 0);
    for (size_t i = 0; i < sizeof data / sizeof data[0]; i++) {
        struct sse_event event = event_of("", data[i]);

        assert_null(event_time_find(&source, &event, &len));
    }
    event_time_source_fini(&source);
}

static void a_wrong_source_is_named(void **state)
{
    static const char *const texts[] = {"id:hours", "sent_ms", "sent:ms", "/a~2", "ids"};
    struct event_time_source source;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct err err = {0};

        assert_int_equal(event_time_parse(texts[i], &source, &err), -1);
        assert_true(err.text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_to_the_nanosecond),
        cmocka_unit_test(units_are_guessed_by_size_and_form),
        cmocka_unit_test(the_grain_of_a_time_is_its_last_digit),
        cmocka_unit_test(only_a_known_unit_behind_the_last_colon_is_one),
        cmocka_unit_test(an_id_is_one_of_the_event_itself),
        cmocka_unit_test(data_without_the_time_gives_none),
        cmocka_unit_test(a_wrong_source_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

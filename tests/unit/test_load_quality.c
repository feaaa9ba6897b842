#include "load/quality.h"

#include "base/clock.h"
#include "load/expect.h"
#include "load/feed.h"
#include "load/plan.h"
#include "stats/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t MS = CLOCK_NS_PER_MS;

static struct plan *plan;
static struct plan_checks *checks;
static struct stats *stats;
static struct stat_set *set;
static struct feed *feed;
static struct quality *quality;
static struct quality_stream stream;
static size_t endpoint;

static int open_all(void **state)
{
    (void)state;
    plan = plan_new();
    checks = &plan->checks;
    stats = stats_new();
    endpoint = stats_add_endpoint(stats, "GET", "/a");
    set = stats_endpoint_set(stats, endpoint);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    quality_free(quality);
    quality = NULL;
    feed_free(feed);
    feed = NULL;
    stats_free(stats);
    plan_free(plan);
    return 0;
}

static void make(void)
{
    struct err err = {0};

    quality = quality_new(checks, stats, feed, &err);
    if (!quality)
        fail_msg("%s", err.text);
    quality_open(&stream, 0, 0);
}

static void make_feed(const char *text)
{
    struct err err = {0};

    feed = feed_parse(text, strlen(text), &err);
    assert_non_null(feed);
}

static void give(const char *name, const char *data)
{
    struct sse_event event = {.data = (const uint8_t *)data,
                              .data_bytes = strlen(data),
                              .name = (const uint8_t *)name,
                              .name_bytes = strlen(name)};

    quality_event(quality, endpoint, &stream, &event);
}

static uint64_t count_of(enum malformed kind)
{
    return stat_get_count(set, METRIC_SSE_MALFORMED, malformed_tag(kind));
}

static void check_refused(const char *sentence)
{
    struct err err = {0};

    assert_null(quality_new(checks, stats, feed, &err));
    assert_string_equal(err.text, sentence);
}

static void without_options_only_bytes_are_judged(void **state)
{
    (void)state;
    make();
    give("", "no JSON");
    give("tick", "gr\xc3\xbc\xc3\x9f");
    assert_int_equal(stat_get_count(set, METRIC_SSE_MALFORMED, NULL), 0);
    give("", "\xff");
    give("\xff", "");
    give("\xff", "\xff");
    assert_int_equal(count_of(MALFORMED_INVALID_UTF8), 3);
    quality_fault(quality, endpoint, SSE_UNKNOWN_FIELD, (const uint8_t *)"x: 1", 4);
    quality_fault(quality, endpoint, SSE_OVERSIZE, (const uint8_t *)"data: x", 7);
    assert_int_equal(count_of(MALFORMED_UNKNOWN_FIELD), 1);
    assert_int_equal(count_of(MALFORMED_TOO_LARGE), 1);
    assert_int_equal(stat_get_count(set, METRIC_SSE_MALFORMED, NULL), 5);
    assert_true(quality_is_met(quality, &stream));
}

static void an_event_counts_once_for_each_fault(void **state)
{
    (void)state;
    checks->expects_json = true;
    plan_list_add(&checks->expect_data, "/a=1");
    make();
    give("", "\xff");
    assert_int_equal(count_of(MALFORMED_INVALID_UTF8), 1);
    assert_int_equal(count_of(MALFORMED_JSON), 1);
    assert_int_equal(count_of(MALFORMED_DATA), 1);
    give("", "{\"a\":1}");
    assert_int_equal(stat_get_count(set, METRIC_SSE_MALFORMED, NULL), 3);
    assert_int_equal(examples_count(stats_examples(stats)), 3);
}

static void data_is_compared_by_the_row_of_its_user(void **state)
{
    (void)state;
    make_feed("t,n\n\"a \"\"b\"\"\",1\nred,2\n");
    plan_list_add(&checks->expect_data, "/t={{t}}");
    plan_list_add(&checks->expect_data, "/n={{n}}");
    make();
    give("", "{\"t\":\"a \\\"b\\\"\",\"n\":1}");
    give("", "{\"n\":\"1\",\"t\":\"\\u0061 \\\"b\\\"\"}");
    assert_int_equal(count_of(MALFORMED_DATA), 0);
    give("", "{\"t\":\"red\",\"n\":2}");
    assert_int_equal(count_of(MALFORMED_DATA), 1);
    quality_open(&stream, 3, 0); /* goes round: the second row */
    give("", "{\"t\":\"red\",\"n\":2}");
    assert_int_equal(count_of(MALFORMED_DATA), 1);
}

static void what_is_not_there_or_no_scalar_is_a_mismatch(void **state)
{
    static const char *const wrong[] = {
        "{}", "{\"a\":\"\"}",     "{\"a\":{}}", "{\"a\":1.0}", "{\"a\":10}", "[1]", "1",
        "",   "{\"b\":{\"a\":1}}"};

    (void)state;
    plan_list_add(&checks->expect_data, "/a=1");
    make();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        give("", wrong[i]);
        assert_int_equal(count_of(MALFORMED_DATA), i + 1);
    }
}

static void an_equals_sign_may_stand_in_the_value(void **state)
{
    (void)state;
    plan_list_add(&checks->expect_data, "/a=b=c");
    plan_list_add(&checks->expect_data, "/e=");
    make();
    give("", "{\"a\":\"b=c\",\"e\":\"\"}");
    assert_int_equal(count_of(MALFORMED_DATA), 0);
}

static void every_expected_event_must_come_on_each_connection(void **state)
{
    (void)state;
    plan_list_add(&checks->expect_events, "message");
    plan_list_add(&checks->expect_events, "done");
    make();
    give("donee", "");
    give("don", "");
    assert_false(quality_is_met(quality, &stream));
    quality_close(quality, endpoint, &stream, true, 0);
    assert_string_equal(examples_at(stats_examples(stats), 0)->text, "no 'message', no 'done'");
    give("", "");
    give("done", "");
    assert_true(quality_is_met(quality, &stream));
    quality_close(quality, endpoint, &stream, true, 0);
    assert_int_equal(count_of(MALFORMED_MISSING_EVENT), 1);
    quality_open(&stream, 0, 0);
    give("message", "");
    quality_close(quality, endpoint, &stream, false, 0); /* had no time for it */
    assert_int_equal(count_of(MALFORMED_MISSING_EVENT), 1);
    quality_close(quality, endpoint, &stream, true, 0);
    assert_int_equal(count_of(MALFORMED_MISSING_EVENT), 2);
    assert_string_equal(examples_at(stats_examples(stats), 1)->text, "no 'done'");
}

static void as_many_events_as_bits_can_be_expected(void **state)
{
    char name[16];

    (void)state;
    for (int i = 0; i < EXPECT_EVENT_LIMIT; i++) {
        (void)snprintf(name, sizeof name, "e%d", i);
        plan_list_add(&checks->expect_events, name);
    }
    make();
    for (int i = 0; i < EXPECT_EVENT_LIMIT; i++) {
        assert_false(quality_is_met(quality, &stream));
        (void)snprintf(name, sizeof name, "e%d", i);
        give(name, "");
    }
    assert_true(quality_is_met(quality, &stream));
    plan_list_add(&checks->expect_events, "more");
    check_refused("option '--expect-event': more than 32 times");
}

static void wrong_expectations_are_named(void **state)
{
    (void)state;
    plan_list_add(&checks->expect_data, "/a={{b}}");
    check_refused("option '--expect-data': '{{b}}' needs a feed: give --feed FILE");
    make_feed("a\n1\n");
    check_refused("option '--expect-data': the feed has no column 'b' (its first one is 'a')");
    for (int i = 0; i < EXPECT_DATA_LIMIT; i++)
        plan_list_add(&checks->expect_data, "/a=b");
    check_refused("option '--expect-data': more than 32 times");
}

static uint64_t silences(void)
{
    return stat_get_count(set, METRIC_SSE_MISSED_HEARTBEATS, NULL);
}

static void a_silence_is_counted_once_however_it_is_found(void **state)
{
    (void)state;
    checks->heartbeat_ns = 100 * MS;
    make();
    quality_bytes(quality, endpoint, &stream, 100 * MS); /* as long as that is no longer */
    assert_int_equal(silences(), 0);
    quality_bytes(quality, endpoint, &stream, 201 * MS);
    assert_int_equal(silences(), 1); /* found by the next byte */
    quality_look(quality, endpoint, &stream, 300 * MS);
    assert_int_equal(silences(), 1);
    quality_look(quality, endpoint, &stream, 302 * MS);
    quality_look(quality, endpoint, &stream, 900 * MS);
    assert_int_equal(silences(), 2); /* by a look */
    quality_bytes(quality, endpoint, &stream, 901 * MS);
    quality_bytes(quality, endpoint, &stream, 950 * MS);
    assert_int_equal(silences(), 2);
    quality_close(quality, endpoint, &stream, true, 2000 * MS);
    assert_int_equal(silences(), 3);     /* by the end */
    quality_open(&stream, 0, 5000 * MS); /* what lay between two connections was no silence */
    quality_bytes(quality, endpoint, &stream, 5001 * MS);
    assert_int_equal(silences(), 3);
}

static void nobody_waits_for_a_heartbeat_unasked(void **state)
{
    (void)state;
    make();
    quality_look(quality, endpoint, &stream, UINT64_MAX);
    quality_bytes(quality, endpoint, &stream, UINT64_MAX);
    assert_int_equal(silences(), 0);
}

static void no_more_examples_are_made_than_are_kept(void **state)
{
    (void)state;
    make();
    for (int i = 0; i < 10; i++) {
        give("", "\xff");
        stats_clear(stats);
    }
    give("", "\xff");
    assert_int_equal(examples_count(stats_examples(stats)), 0);
    assert_int_equal(count_of(MALFORMED_INVALID_UTF8), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_options_only_bytes_are_judged),
        TEST(an_event_counts_once_for_each_fault),
        TEST(data_is_compared_by_the_row_of_its_user),
        TEST(what_is_not_there_or_no_scalar_is_a_mismatch),
        TEST(an_equals_sign_may_stand_in_the_value),
        TEST(every_expected_event_must_come_on_each_connection),
        TEST(as_many_events_as_bits_can_be_expected),
        TEST(wrong_expectations_are_named),
        TEST(a_silence_is_counted_once_however_it_is_found),
        TEST(nobody_waits_for_a_heartbeat_unasked),
        TEST(no_more_examples_are_made_than_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

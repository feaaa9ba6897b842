#include "stats/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t MS = 1000000;

static void every_metric_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int metric = METRIC_NONE + 1; metric < METRIC_COUNT; metric++) {
        const struct metric_info *info = metric_info((enum metric)metric);

        assert_non_null(info->name);
        assert_non_null(info->meaning);
        assert_int_not_equal(info->kind, METRIC_KIND_NONE);
        assert_int_not_equal(info->unit, METRIC_UNIT_NONE);
        assert_int_equal(metric_find(info->name), metric);
    }
    assert_int_equal(metric_find("sse_nothing"), METRIC_NONE);
}

static void nothing_recorded_reads_as_nothing(void **state)
{
    struct stat_set *set = stat_set_new();
    uint64_t passes = 1, fails = 1;

    (void)state;
    assert_int_equal(stat_get_count(set, METRIC_SSE_EVENTS, NULL), 0);
    assert_int_equal(stat_get_count(set, METRIC_SSE_EVENTS, "event:a"), 0);
    stat_get_rate(set, METRIC_SSE_CONNECT_SUCCESS, NULL, &passes, &fails);
    assert_int_equal(passes + fails, 0);
    assert_null(stat_get_trend(set, METRIC_SSE_TTFE, NULL));
    assert_false(stat_get_gauge(set, METRIC_USERS, NULL, NULL, NULL, NULL));
    stat_set_free(set);
    stat_set_free(NULL);
}

static void wholes_and_tags_are_kept_apart(void **state)
{
    struct stat_set *set = stat_set_new();
    uint64_t passes, fails;

    (void)state;
    stat_count(set, METRIC_SSE_ATTEMPTS, NULL, 3);
    stat_count(set, METRIC_SSE_ATTEMPTS, "phase:first", 2);
    stat_count(set, METRIC_SSE_ATTEMPTS, "phase:resume", 1);
    stat_count(set, METRIC_HTTP_STATUS, "phase:first", 7);
    stat_pass(set, METRIC_SSE_CONNECT_SUCCESS, "phase:first", true);
    stat_pass(set, METRIC_SSE_CONNECT_SUCCESS, "phase:first", false);
    assert_int_equal(stat_get_count(set, METRIC_SSE_ATTEMPTS, NULL), 3);
    assert_int_equal(stat_get_count(set, METRIC_SSE_ATTEMPTS, "phase:first"), 2);
    assert_int_equal(stat_get_count(set, METRIC_SSE_ATTEMPTS, "phase:resume"), 1);
    assert_int_equal(stat_get_count(set, METRIC_HTTP_STATUS, "phase:first"), 7);
    assert_int_equal(stat_get_count(set, METRIC_HTTP_STATUS, "phase:f"), 0);
    stat_get_rate(set, METRIC_SSE_CONNECT_SUCCESS, "phase:first", &passes, &fails);
    assert_int_equal(passes, 1);
    assert_int_equal(fails, 1);
    stat_set_free(set);
}

static void a_tag_is_known_by_its_text_not_its_address(void **state)
{
    struct stat_set *set = stat_set_new();
    char tag[32];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(tag, sizeof tag, "event:name%d", i % 10);
        stat_count(set, METRIC_SSE_EVENTS, tag, 1);
    }
    for (int i = 0; i < 10; i++) {
        (void)snprintf(tag, sizeof tag, "event:name%d", i);
        assert_int_equal(stat_get_count(set, METRIC_SSE_EVENTS, tag), 100);
    }
    stat_set_free(set);
}

static void times_are_kept_in_microseconds(void **state)
{
    struct stat_set *set = stat_set_new();
    const uint64_t two_hours = 7200 * 1000 * MS;

    (void)state;
    stat_time(set, METRIC_SSE_TTFE, NULL, 499);
    stat_time(set, METRIC_SSE_TTFE, NULL, 1500);
    assert_int_equal(hist_min(stat_get_trend(set, METRIC_SSE_TTFE, NULL)), 0);
    assert_int_equal(hist_max(stat_get_trend(set, METRIC_SSE_TTFE, NULL)), 2);
    stat_time(set, METRIC_SSE_TTFE, NULL, two_hours);
    assert_int_equal(hist_overflow(stat_get_trend(set, METRIC_SSE_TTFE, NULL)), 1);
    stat_time(set, METRIC_SSE_OPEN_AGE, NULL, two_hours);
    stat_time(set, METRIC_SSE_DURATION, NULL, two_hours);
    assert_int_equal(hist_overflow(stat_get_trend(set, METRIC_SSE_OPEN_AGE, NULL)), 0);
    assert_int_equal(hist_overflow(stat_get_trend(set, METRIC_SSE_DURATION, NULL)), 0);
    stat_rate(set, METRIC_SSE_EVENTS_PER_STREAM_S, NULL, 2500);
    stat_rate(set, METRIC_SSE_EVENTS_PER_STREAM_S, NULL, 1000000001);
    assert_int_equal(hist_overflow(stat_get_trend(set, METRIC_SSE_EVENTS_PER_STREAM_S, NULL)), 1);
    stat_set_free(set);
}

static void gauges_keep_value_min_and_max(void **state)
{
    struct stat_set *set = stat_set_new(), *other = stat_set_new();
    double value, min, max;

    (void)state;
    stat_gauge(set, METRIC_USERS, NULL, 5);
    stat_gauge(set, METRIC_USERS, NULL, -1);
    stat_gauge(set, METRIC_USERS, NULL, 3);
    assert_true(stat_get_gauge(set, METRIC_USERS, NULL, &value, &min, &max));
    assert_true(value == 3 && min == -1 && max == 5);
    stat_set_merge(other, set);
    assert_false(stat_get_gauge(other, METRIC_USERS, NULL, &value, &min, &max));
    stat_set_clear(set);
    assert_false(stat_get_gauge(set, METRIC_USERS, NULL, &value, &min, &max));
    stat_set_free(set);
    stat_set_free(other);
}

static void event_names_past_the_limit_share_one(void **state)
{
    struct stat_set *set = stat_set_new();
    char tag[32];

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < STATS_NAME_LIMIT + 30; i++) {
            (void)snprintf(tag, sizeof tag, "event:%d", i);
            stat_count(set, METRIC_SSE_EVENTS, tag, 1);
        }
    }
    assert_int_equal(stat_get_count(set, METRIC_SSE_EVENTS, "event:49"), 2);
    assert_int_equal(stat_get_count(set, METRIC_SSE_EVENTS, "event:50"), 0);
    assert_int_equal(stat_get_count(set, METRIC_SSE_EVENTS, "event:(other)"), 60);
    stat_set_free(set);
}

static void servers_past_the_limit_share_a_tag_for_each_metric(void **state)
{
    struct stat_set *set = stat_set_new();
    char tag[32];

    (void)state;
    for (int i = 0; i < STATS_NAME_LIMIT + 5; i++) {
        (void)snprintf(tag, sizeof tag, "server:%d", i);
        stat_count(set, METRIC_SSE_ATTEMPTS, tag, 1);
        stat_count(set, METRIC_SSE_ATTEMPTS, "phase:first", 1);
        (void)snprintf(tag, sizeof tag, "server:%d", STATS_NAME_LIMIT + 4 - i);
        stat_pass(set, METRIC_SSE_CONNECT_SUCCESS, tag, true);
    }
    assert_int_equal(stat_get_count(set, METRIC_SSE_ATTEMPTS, "server:49"), 1);
    assert_int_equal(stat_get_count(set, METRIC_SSE_ATTEMPTS, "server:50"), 0);
    assert_int_equal(stat_get_count(set, METRIC_SSE_ATTEMPTS, "server:(other)"), 5);
    assert_int_equal(stat_get_count(set, METRIC_SSE_ATTEMPTS, "phase:first"), 55);
    assert_int_equal(stat_get_count(set, METRIC_SSE_EVENTS, "server:(other)"), 0);
    stat_set_free(set);
}

static void count_tags(void *ctx, const struct stat_set *set, enum metric metric, const char *tag)
{
    (void)set;
    (void)metric;
    if (tag)
        ++*(size_t *)ctx;
}

static void tags_past_the_limit_are_dropped(void **state)
{
    struct stat_set *set = stat_set_new();
    size_t count = 0;
    char tag[32];

    (void)state;
    for (int i = 0; i < STATS_TAG_LIMIT + 50; i++) {
        (void)snprintf(tag, sizeof tag, "code:%d", i);
        stat_count(set, METRIC_HTTP_STATUS, tag, 1);
    }
    stat_count(set, METRIC_SSE_EVENTS, "event:a", 1);
    stat_time(set, METRIC_SSE_TTFE, "phase:late", MS);
    assert_null(stat_trend(set, METRIC_SSE_TTFE, "phase:late"));
    stat_each(set, count_tags, &count);
    assert_int_equal(count, STATS_TAG_LIMIT);
    stat_set_free(set);
}

static void overlong_tags_are_cut(void **state)
{
    struct stat_set *set = stat_set_new();
    char tag[3 * STATS_TAG_BYTES] = "event:";

    (void)state;
    memset(tag + 6, 'x', sizeof tag - 7);
    stat_count(set, METRIC_SSE_EVENTS, tag, 1);
    tag[2 * STATS_TAG_BYTES] = '\0';
    stat_count(set, METRIC_SSE_EVENTS, tag, 1);
    assert_int_equal(stat_get_count(set, METRIC_SSE_EVENTS, tag), 2);
    stat_set_free(set);
}

struct order {
    char text[512];
};

static void note_order(void *ctx, const struct stat_set *set, enum metric metric, const char *tag)
{
    struct order *order = ctx;
    size_t len = strlen(order->text);

    (void)set;
    (void)snprintf(order->text + len, sizeof order->text - len, "%s%s%s ",
                   metric_info(metric)->name, tag ? "/" : "", tag ? tag : "");
}

static void each_visits_wholes_first_then_tags_in_order(void **state)
{
    struct stat_set *set = stat_set_new();
    struct order order = {{0}};

    (void)state;
    stat_count(set, METRIC_SSE_EVENTS, "event:b", 1);
    stat_count(set, METRIC_SSE_EVENTS, "event:a", 1);
    stat_count(set, METRIC_SSE_EVENTS, "event:ab", 1);
    stat_count(set, METRIC_SSE_EVENTS, NULL, 3);
    stat_count(set, METRIC_SSE_ATTEMPTS, "phase:first", 1);
    stat_count(set, METRIC_SSE_ATTEMPTS, "phase:zero", 0);
    stat_count(set, METRIC_SSE_ATTEMPTS, NULL, 1);
    stat_gauge(set, METRIC_USERS, NULL, 0);
    stat_each(set, note_order, &order);
    assert_string_equal(order.text, "users sse_attempts sse_events sse_attempts/phase:first "
                                    "sse_events/event:a sse_events/event:ab sse_events/event:b ");
    stat_set_free(set);
}

static void deltas_merge_exactly(void **state)
{
    struct stat_set *whole = stat_set_new(), *sum = stat_set_new(), *delta = stat_set_new();
    const struct hist *left, *right;

    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        struct stat_set *sets[] = {whole, delta};

        for (size_t k = 0; k < 2; k++) {
            stat_count(sets[k], METRIC_SSE_EVENTS, i % 3 ? "event:x" : NULL, i);
            stat_time(sets[k], METRIC_SSE_EVENT_GAP, i % 2 ? "phase:first" : NULL, i * i * MS);
        }
        if (i % 100 == 0) {
            stat_set_merge(sum, delta);
            stat_set_clear(delta);
        }
    }
    stat_set_merge(sum, delta);
    assert_int_equal(stat_get_count(sum, METRIC_SSE_EVENTS, NULL),
                     stat_get_count(whole, METRIC_SSE_EVENTS, NULL));
    assert_int_equal(stat_get_count(sum, METRIC_SSE_EVENTS, "event:x"),
                     stat_get_count(whole, METRIC_SSE_EVENTS, "event:x"));
    left = stat_get_trend(whole, METRIC_SSE_EVENT_GAP, "phase:first");
    right = stat_get_trend(sum, METRIC_SSE_EVENT_GAP, "phase:first");
    assert_int_equal(hist_count(left), hist_count(right));
    for (double percentile = 0; percentile <= 100; percentile += 0.5)
        assert_int_equal(hist_percentile(left, percentile), hist_percentile(right, percentile));
    stat_set_free(whole);
    stat_set_free(sum);
    stat_set_free(delta);
}

static void endpoints_are_found_again(void **state)
{
    struct stats *stats = stats_new();
    struct stat_set *first;

    (void)state;
    assert_int_equal(stats_add_endpoint(stats, "GET", "/a"), 0);
    first = stats_endpoint_set(stats, 0);
    assert_int_equal(stats_add_endpoint(stats, "POST", "/a"), 1);
    assert_int_equal(stats_add_endpoint(stats, "GET", "/a"), 0);
    for (int i = 0; i < 100; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "/%d", i);
        (void)stats_add_endpoint(stats, "GET", name);
    }
    assert_ptr_equal(first, stats_endpoint_set(stats, 0));
    assert_string_equal(stats_endpoint_method(stats, 1), "POST");
    assert_string_equal(stats_endpoint_name(stats, 101), "/99");
    stats_free(stats);
}

static void endpoints_past_the_limit_share_a_row(void **state)
{
    struct stats *stats = stats_new(), *sum = stats_new();
    char name[16];

    (void)state;
    for (int i = 0; i < STATS_ENDPOINT_LIMIT; i++) {
        (void)snprintf(name, sizeof name, "/%d", i);
        (void)stats_add_endpoint(stats, "GET", name);
    }
    assert_false(stats_has_other_row(stats));
    assert_int_equal(stats_add_endpoint(stats, "GET", "/more"), STATS_ENDPOINT_LIMIT);
    assert_int_equal(stats_add_endpoint(stats, "GET", "/most"), STATS_ENDPOINT_LIMIT);
    assert_true(stats_has_other_row(stats));
    assert_int_equal(stats_add_endpoint(stats, "GET", "/7"), 7);
    stat_count(stats_endpoint_set(stats, STATS_ENDPOINT_LIMIT), METRIC_SSE_EVENTS, NULL, 4);
    stats_merge(sum, stats);
    stats_merge(sum, stats);
    assert_int_equal(stats_endpoint_count(sum), STATS_ENDPOINT_LIMIT + 1);
    assert_true(stats_has_other_row(sum));
    assert_int_equal(
        stat_get_count(stats_endpoint_set(sum, STATS_ENDPOINT_LIMIT), METRIC_SSE_EVENTS, NULL), 8);
    stats_free(stats);
    stats_free(sum);
}

static void equal_errors_are_one_row(void **state)
{
    struct stats *stats = stats_new();
    size_t a = stats_add_endpoint(stats, "GET", "/a"), b = stats_add_endpoint(stats, "GET", "/b");

    (void)state;
    for (int i = 0; i < 1000; i++)
        stats_add_error(stats, a, CLASS_RESET, "connection reset", 100 + i);
    stats_add_error(stats, b, CLASS_RESET, "connection reset", 5);
    stats_add_error(stats, a, CLASS_CLOSED, "connection reset", 6);
    stats_add_error(stats, a, CLASS_RESET, "connection reset", 50);
    assert_int_equal(stats_error_count(stats), 3);
    assert_int_equal(stats_error_at(stats, 0)->count, 1001);
    assert_true(stats_error_at(stats, 0)->first_unix_ms == 50);
    assert_true(stats_error_at(stats, 0)->last_unix_ms == 1099);
    stats_clear(stats);
    assert_int_equal(stats_error_count(stats), 0);
    stats_add_error(stats, a, CLASS_RESET, "connection reset", 7);
    assert_int_equal(stats_error_at(stats, 0)->count, 1);
    stats_free(stats);
}

static void errors_past_the_limit_are_kept_by_class(void **state)
{
    struct stats *stats = stats_new(), *sum = stats_new();
    size_t endpoint = stats_add_endpoint(stats, "GET", "/a");
    const struct stats_error *other;
    char message[64];
    uint64_t count = 0;

    (void)state;
    for (int i = 0; i < STATS_ERROR_LIMIT + 200; i++) {
        (void)snprintf(message, sizeof message, "message %d", i);
        stats_add_error(stats, endpoint, i % 2 ? CLASS_RESET : CLASS_CLOSED, message, i);
    }
    assert_int_equal(stats_error_count(stats), STATS_ERROR_LIMIT + 2);
    other = stats_error_at(stats, STATS_ERROR_LIMIT);
    assert_string_equal(other->message, "(other messages)");
    assert_int_equal(other->count, 100);
    assert_string_equal(stats_endpoint_name(stats, other->endpoint), "");
    stats_merge(sum, stats);
    stats_merge(sum, stats);
    for (size_t i = 0; i < stats_error_count(sum); i++)
        count += stats_error_at(sum, i)->count;
    assert_int_equal(count, 2 * (STATS_ERROR_LIMIT + 200));
    stats_free(stats);
    stats_free(sum);
}

static void long_messages_are_cut_between_characters(void **state)
{
    struct stats *stats = stats_new();
    size_t endpoint = stats_add_endpoint(stats, "GET", "/a");
    char message[400] = "x";

    (void)state;
    for (size_t i = 1; i + 2 < sizeof message; i += 2)
        memcpy(message + i, "\xc3\xa9", 2);
    stats_add_error(stats, endpoint, CLASS_SCRIPT, message, 1);
    assert_int_equal(strlen(stats_error_at(stats, 0)->message), 159);
    stats_add_error(stats, endpoint, CLASS_SCRIPT, message + 1, 1);
    assert_int_equal(strlen(stats_error_at(stats, 1)->message), 158);
    stats_free(stats);
}

static void merging_matches_by_name_not_by_index(void **state)
{
    struct stats *sum = stats_new(), *delta = stats_new();
    struct stat_set *total = stat_set_new();

    (void)state;
    (void)stats_add_endpoint(sum, "GET", "/a");
    (void)stats_add_endpoint(sum, "GET", "/b");
    stat_count(stats_endpoint_set(sum, 0), METRIC_SSE_EVENTS, NULL, 1);
    (void)stats_add_endpoint(delta, "GET", "/c");
    (void)stats_add_endpoint(delta, "GET", "/a");
    stat_count(stats_endpoint_set(delta, 0), METRIC_SSE_EVENTS, NULL, 10);
    stat_count(stats_endpoint_set(delta, 1), METRIC_SSE_EVENTS, NULL, 100);
    stats_add_error(delta, 1, CLASS_DNS, "no such name", 9);
    stat_time(stats_worker_set(delta), METRIC_WORKER_LAG, NULL, MS);
    stats_merge(sum, delta);
    assert_int_equal(stat_get_count(stats_endpoint_set(sum, 0), METRIC_SSE_EVENTS, NULL), 101);
    assert_int_equal(stat_get_count(stats_endpoint_set(sum, 2), METRIC_SSE_EVENTS, NULL), 10);
    assert_int_equal(stats_error_at(sum, 0)->endpoint, 0);
    assert_int_equal(hist_count(stat_get_trend(stats_worker_set(sum), METRIC_WORKER_LAG, NULL)), 1);
    stats_total(sum, total);
    assert_int_equal(stat_get_count(total, METRIC_SSE_EVENTS, NULL), 111);
    stat_set_free(total);
    stats_free(sum);
    stats_free(delta);
    stats_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_metric_has_a_name_of_its_own),
        cmocka_unit_test(nothing_recorded_reads_as_nothing),
        cmocka_unit_test(wholes_and_tags_are_kept_apart),
        cmocka_unit_test(a_tag_is_known_by_its_text_not_its_address),
        cmocka_unit_test(times_are_kept_in_microseconds),
        cmocka_unit_test(gauges_keep_value_min_and_max),
        cmocka_unit_test(event_names_past_the_limit_share_one),
        cmocka_unit_test(servers_past_the_limit_share_a_tag_for_each_metric),
        cmocka_unit_test(tags_past_the_limit_are_dropped),
        cmocka_unit_test(overlong_tags_are_cut),
        cmocka_unit_test(each_visits_wholes_first_then_tags_in_order),
        cmocka_unit_test(deltas_merge_exactly),
        cmocka_unit_test(endpoints_are_found_again),
        cmocka_unit_test(endpoints_past_the_limit_share_a_row),
        cmocka_unit_test(equal_errors_are_one_row),
        cmocka_unit_test(errors_past_the_limit_are_kept_by_class),
        cmocka_unit_test(long_messages_are_cut_between_characters),
        cmocka_unit_test(merging_matches_by_name_not_by_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

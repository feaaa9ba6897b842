#include "load/lateness.h"

#include "base/clock.h"
#include "load/event_clock.h"
#include "load/reads.h"
#include "sse/parser.h"
#include "stats/set.h"

#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000000ll
#define NS 1000000ull /* of a time of the loop */

/* The monotonic clock's zero, by our wall clock. */
static const int64_t WALL_MS = 1700000000000;

static struct {
    struct event_clock clock;
    struct lateness_rules rules;
    struct lateness lateness;
    struct stat_set *set;
    struct reads reads;
    uint64_t wait_ms; /* from the request to the headers */
} place;

static int open_place(void **state)
{
    struct err err;

    (void)state;
    memset(&place, 0, sizeof place);
    event_clock_init(&place.clock, false);
    (void)event_clock_set_wall(&place.clock, WALL_MS * MS);
    place.rules.clock = &place.clock;
    place.rules.stale_ns = CLOCK_NEVER_NS;
    place.set = stat_set_new();
    return event_time_parse("/t", &place.rules.source, &err);
}

static int close_place(void **state)
{
    (void)state;
    event_time_source_fini(&place.rules.source);
    stat_set_free(place.set);
    return 0;
}

static void judge_data(const char *data, uint64_t opened_ms, uint64_t received_ms,
                       bool is_same_host)
{
    struct sse_event event = {.data = (const uint8_t *)data, .data_bytes = strlen(data)};
    struct lateness_receipt receipt = {.received_ns = received_ms * NS,
                                       .opened_ns = opened_ms * NS,
                                       .wait_ns = place.wait_ms * NS,
                                       .is_same_host = is_same_host,
                                       .reads = &place.reads};

    lateness_judge(&place.lateness, &place.rules, place.set, &event, &receipt);
}

/* An event sent when the server's clock showed `sent_ms` after the zero of ours. */
static void judge(int64_t sent_ms, uint64_t opened_ms, uint64_t received_ms, bool is_same_host)
{
    char data[64];

    (void)snprintf(data, sizeof data, "{\"t\":%" PRId64 "}", WALL_MS + sent_ms);
    judge_data(data, opened_ms, received_ms, is_same_host);
}

static uint64_t samples(const char *tag)
{
    const struct hist *hist = stat_get_trend(place.set, METRIC_SSE_EVENT_LATENCY, tag);

    return hist ? hist_count(hist) : 0;
}

static uint64_t highest_us(enum metric metric, const char *tag)
{
    const struct hist *hist = stat_get_trend(place.set, metric, tag);

    return hist ? hist_max(hist) : 0;
}

static void a_live_event_is_late_by_what_it_took(void **state)
{
    (void)state;
    judge(500, 100, 507, true);
    assert_int_equal(samples(NULL), 1);
    assert_int_equal(highest_us(METRIC_SSE_EVENT_LATENCY, NULL), 7000);
    assert_int_equal(samples("delivery:replay"), 0);
    assert_int_equal(samples("above:fastest"), 0); /* one clock */
}

static void what_is_older_than_its_connection_is_kept_apart(void **state)
{
    (void)state;
    judge(99, 100, 507, true);
    judge(-5000, 100, 507, true);
    assert_int_equal(samples("delivery:replay"), 2);
    assert_int_equal(highest_us(METRIC_SSE_EVENT_LATENCY, "delivery:replay"), 5507000);
    assert_int_equal(samples(NULL), 0);
    judge(100, 100, 507, true); /* just when the headers came */
    assert_int_equal(samples(NULL), 1);
    judge(450, 500, 507, true); /* live then, a replay on the connection after a resume */
    assert_int_equal(samples("delivery:replay"), 3);
}

static void what_was_sent_while_headers_were_awaited_was_held_back(void **state)
{
    (void)state;
    place.wait_ms = 400;
    judge(600, 1000, 1007, true); /* just when the request was sent */
    judge(999, 1000, 1007, true);
    assert_int_equal(samples("delivery:held"), 2);
    assert_int_equal(highest_us(METRIC_SSE_EVENT_LATENCY, "delivery:held"), 407000);
    assert_int_equal(place.reads.sent_count, 2);
    judge(599, 1000, 1007, true); /* before: a replay */
    assert_int_equal(samples("delivery:replay"), 1);
    assert_int_equal(place.reads.sent_count, 2);
    judge(1000, 1000, 1007, true);
    assert_int_equal(samples(NULL), 1);
    assert_int_equal(place.reads.sent_count, 3);
    assert_int_equal(samples("delivery:held"), 2);
}

/* Of a clock that nobody compared, an hour of difference says nothing. */
static void between_clocks_apart_nothing_is_known_to_be_held(void **state)
{
    (void)state;
    place.wait_ms = 400;
    judge(999, 1000, 1007, false);
    assert_int_equal(samples("delivery:held"), 0);
    assert_int_equal(samples("delivery:replay"), 1);
}

static void an_event_from_the_future_is_counted_as_such(void **state)
{
    (void)state;
    judge(5507, 100, 507, true);
    judge(508, 100, 507, true);
    assert_int_equal(samples(NULL), 0);
    assert_int_equal(hist_count(stat_get_trend(place.set, METRIC_SSE_EVENT_LATENCY_NEGATIVE, NULL)),
                     2);
    assert_int_equal(highest_us(METRIC_SSE_EVENT_LATENCY_NEGATIVE, NULL), 5000000);
}

static void without_a_common_clock_the_fastest_is_the_measure(void **state)
{
    (void)state;
    judge(5500, 100, 510, false); /* 5 s ahead, 10 ms on the way: the fastest so far */
    judge(5600, 100, 603, false); /* 3 ms: faster */
    judge(5700, 100, 743, false); /* 43 ms */
    assert_int_equal(samples("above:fastest"), 3);
    assert_int_equal(highest_us(METRIC_SSE_EVENT_LATENCY, "above:fastest"), 40000);
    assert_int_equal(samples(NULL), 0);
    assert_int_equal(hist_count(stat_get_trend(place.set, METRIC_SSE_EVENT_LATENCY_NEGATIVE, NULL)),
                     3);
}

static void only_live_events_are_stale(void **state)
{
    (void)state;
    place.rules.stale_ns = 20 * NS;
    judge(500, 100, 520, true);
    judge(500, 100, 521, true);
    judge(500, 100, 3000, true);
    judge(50, 100, 3000, true);
    judge(4000, 100, 3000, true);
    assert_int_equal(stat_get_count(place.set, METRIC_SSE_STALE, NULL), 2);
}

static void events_without_a_time_are_counted(void **state)
{
    (void)state;
    judge_data("{\"t\":\"soon\"}", 100, 507, true);
    judge_data("{}", 100, 507, true);
    judge_data("{\"t\":0}", 100, 507, true);
    judge_data("{\"t\":9999999999999999999}", 100, 507, true);
    judge(500, 100, 507, true); /* the first that can be read says the unit */
    judge_data("{\"t\":\"2023-11-14T22:13:20Z\"}", 100, 507, true);
    assert_int_equal(stat_get_count(place.set, METRIC_SSE_TIMED, NULL), 0);
    lateness_flush(&place.lateness, place.set);
    lateness_flush(&place.lateness, place.set);
    assert_int_equal(stat_get_count(place.set, METRIC_SSE_TIMED, NULL), 1);
    assert_int_equal(stat_get_count(place.set, METRIC_SSE_TIMED, "unit:ms"), 1);
    assert_int_equal(stat_get_count(place.set, METRIC_SSE_UNTIMED, NULL), 5);
    assert_int_equal(samples(NULL), 1);
}

static void nothing_is_compared_before_the_clock_has_answered(void **state)
{
    const struct event_clock_reading reading = {.unix_ns = (WALL_MS + 5000) * MS, .grain_ns = 1};

    (void)state;
    event_clock_init(&place.clock, true);
    (void)event_clock_set_wall(&place.clock, WALL_MS * MS);
    judge(5500, 100, 507, false);
    assert_int_equal(samples(NULL), 0);
    event_clock_add(&place.clock, &reading);
    judge(5500, 100, 507, false);
    assert_int_equal(highest_us(METRIC_SSE_EVENT_LATENCY, NULL), 7000);
    assert_int_equal(samples("above:fastest"), 0);
    lateness_flush(&place.lateness, place.set);
    assert_int_equal(stat_get_count(place.set, METRIC_SSE_UNTIMED, NULL), 1);
}

#define WITH_PLACE(function) cmocka_unit_test_setup_teardown(function, open_place, close_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(a_live_event_is_late_by_what_it_took),
        WITH_PLACE(what_is_older_than_its_connection_is_kept_apart),
        WITH_PLACE(what_was_sent_while_headers_were_awaited_was_held_back),
        WITH_PLACE(between_clocks_apart_nothing_is_known_to_be_held),
        WITH_PLACE(an_event_from_the_future_is_counted_as_such),
        WITH_PLACE(without_a_common_clock_the_fastest_is_the_measure),
        WITH_PLACE(only_live_events_are_stale),
        WITH_PLACE(events_without_a_time_are_counted),
        WITH_PLACE(nothing_is_compared_before_the_clock_has_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

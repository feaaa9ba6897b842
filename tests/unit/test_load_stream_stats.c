#include "load/stream_stats.h"
#include "load/wave_stats.h"

#include "base/clock.h"
#include "load/plan.h"
#include "load/quality.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t S = CLOCK_NS_PER_S;

static struct plan *plan;
static struct stats *stats;
static struct quality *quality;
static struct delivery *delivery;
static struct stat_place place;
static struct stream_record record;

static int open_all(void **state)
{
    struct err err = {0};

    (void)state;
    plan = plan_new();
    stats = stats_new();
    quality = quality_new(&plan->checks, stats, NULL, &err);
    assert_non_null(quality);
    delivery = delivery_new(&plan->checks, false);
    delivery_use_quality(delivery, quality);
    place = stat_place_of(stats, delivery, "GET", "/a");
    record = (struct stream_record){0};
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    stream_stats_over(&place, &record);
    delivery_free(delivery);
    quality_free(quality);
    stats_free(stats);
    plan_free(plan);
    return 0;
}

static void connect_at(uint64_t now_ns)
{
    struct http_exchange exchange = {0};
    struct delivery_opening opening = {.row = 0};

    stream_stats_attempt(&place, &record, now_ns);
    stream_stats_connected(&place, &record, &exchange, &opening, now_ns);
}

static void give_event(uint64_t now_ns)
{
    struct sse_event event = {.data = (const uint8_t *)"1", .data_bytes = 1};

    stream_stats_body(&place, &record, strlen("data: 1\n\n"), now_ns);
    (void)stream_stats_event(&place, &record, &event, now_ns);
}

static struct end_row only_end(void)
{
    assert_int_equal(ends_count(stats_ends(stats)), 1);
    return ends_at(stats_ends(stats), 0);
}

static void an_end_tells_age_and_silence(void **state)
{
    double before_unix_ms = clock_unix_ms();
    struct end_row end;

    (void)state;
    connect_at(10 * S);
    give_event(11 * S);
    give_event(12 * S);
    stream_stats_body(&place, &record, 2, 13 * S); /* a comment */
    stream_stats_disconnect(&place, &record, CLASS_RESET, "reset", 73 * S);
    end = only_end();
    assert_int_equal(end.age_ms, 63000);
    assert_int_equal(end.silence_ms, 60000);
    assert_int_equal(end.event_count, 2);
    assert_int_equal(end.error_class, CLASS_RESET);
    assert_int_equal(end.endpoint, place.endpoint);
    assert_true(end.weight == 1 && end.at_unix_ms >= before_unix_ms);
}

static void a_resumed_stream_is_told_of_by_itself(void **state)
{
    (void)state;
    connect_at(10 * S);
    give_event(11 * S);
    stream_stats_disconnect(&place, &record, CLASS_CLOSED, "ended", 20 * S);
    ends_clear(stats_ends(stats));
    connect_at(30 * S);
    stream_stats_disconnect(&place, &record, CLASS_CLOSED, "ended", 35 * S);
    assert_int_equal(only_end().age_ms, 5000);
    assert_int_equal(only_end().silence_ms, 5000); /* not a byte: since the headers */
    assert_int_equal(only_end().event_count, 0);
}

static void a_slow_reader_is_told_of_too(void **state)
{
    (void)state;
    delivery_set_slow(place.delivery);
    connect_at(10 * S);
    give_event(14 * S);
    stream_stats_disconnect(&place, &record, CLASS_CLOSED, "ended", 16 * S);
    assert_int_equal(only_end().silence_ms, 2000);
}

static void ends_that_were_chosen_are_not_told(void **state)
{
    (void)state;
    connect_at(10 * S);
    stream_stats_closed_by_us(&place, &record, false, 11 * S);
    connect_at(12 * S);
    stream_stats_completed(&place, &record, 13 * S);
    assert_int_equal(ends_count(stats_ends(stats)), 0);
}

static void count_success(uint64_t *passes, uint64_t *fails)
{
    stat_get_rate(place.set, METRIC_SSE_STREAM_SUCCESS, NULL, passes, fails);
}

static void who_was_cut_short_without_an_event_says_nothing(void **state)
{
    uint64_t passes, fails;

    (void)state;
    connect_at(10 * S);
    stream_stats_closed_by_us(&place, &record, false, 10 * S + S / 2);
    count_success(&passes, &fails);
    assert_true(passes == 0 && fails == 0);
    connect_at(20 * S);
    stream_stats_closed_by_us(&place, &record, false, 22 * S);
    count_success(&passes, &fails);
    assert_true(passes == 0 && fails == 1);
    connect_at(30 * S);
    give_event(30 * S + S / 4);
    stream_stats_closed_by_us(&place, &record, false, 30 * S + S / 2);
    count_success(&passes, &fails);
    assert_true(passes == 1 && fails == 1);
}

static void who_was_cut_by_a_storm_has_passed_or_says_nothing(void **state)
{
    uint64_t passes, fails;

    (void)state;
    connect_at(10 * S);
    stream_stats_cut(&place, &record, 1, 40 * S);
    count_success(&passes, &fails);
    assert_true(passes == 0 && fails == 0);
    connect_at(50 * S);
    give_event(51 * S);
    stream_stats_cut(&place, &record, 2, 52 * S);
    count_success(&passes, &fails);
    assert_true(passes == 1 && fails == 0);
}

static void who_leaves_a_wave_is_not_awaited(void **state)
{
    struct waves *waves = stats_waves(stats);

    (void)state;
    connect_at(10 * S);
    stream_stats_cut(&place, &record, 1, 11 * S);
    stream_stats_attempt(&place, &record, 12 * S);
    connect_at(12 * S);
    stream_stats_cut(&place, &record, 2, 13 * S); /* before an event has come */
    assert_true(waves_find(waves, 1)->left == 1 && wave_away_count(waves_find(waves, 1)) == 0);
    assert_true(waves_find(waves, 2)->left == 0 && wave_away_count(waves_find(waves, 2)) == 1);
    wave_stats_leave(&place, &record);
    wave_stats_leave(&place, &record);
    assert_true(waves_find(waves, 2)->left == 1 && wave_due_count(waves_find(waves, 2)) == 0);
}

static void nothing_is_told_where_streams_are_not_judged(void **state)
{
    (void)state;
    place.delivery = NULL;
    connect_at(10 * S);
    stream_stats_disconnect(&place, &record, CLASS_RESET, "reset", 11 * S);
    assert_int_equal(ends_count(stats_ends(stats)), 0);
}

static void refuse(int status, uint64_t retry_after_ns)
{
    stream_stats_attempt(&place, &record, S);
    stream_stats_turned_away(&place, &record, status, retry_after_ns, false);
    stream_stats_refused(&place, &record, CLASS_STATUS_5XX, "status");
}

static uint64_t fails_by(const char *tag)
{
    return stat_get_count(place.set, METRIC_SSE_CONNECT_FAILS, tag);
}

static void failed_attempts_are_told_by_cause_and_status(void **state)
{
    (void)state;
    refuse(503, 0);
    refuse(503, 2 * S);
    refuse(502, 0);
    stream_stats_attempt(&place, &record, S);
    stream_stats_refused(&place, &record, CLASS_CONNECT_REFUSED, "refused");
    stream_stats_attempt(&place, &record, S);
    stream_stats_stopped(&place, &record); /* a 204 has no cause */
    assert_int_equal(fails_by(NULL), 5);
    assert_int_equal(fails_by("code:503"), 2);
    assert_int_equal(fails_by("code:502"), 1);
    assert_int_equal(fails_by("retry:given"), 1);
    assert_int_equal(fails_by("cause:status_5xx"), 3);
    assert_int_equal(fails_by("cause:connect_refused"), 1);
}

static void a_204_is_told_where_it_stops_a_first_attempt(void **state)
{
    (void)state;
    stream_stats_attempt(&place, &record, S);
    stream_stats_stopped(&place, &record);
    assert_int_equal(fails_by("code:204"), 1);
    stream_stats_attempt(&place, &record, 2 * S);
    stream_stats_stopped(&place, &record);
    assert_int_equal(fails_by("code:204"), 1);
}

static uint64_t gave_up(const char *tag)
{
    return stat_get_count(place.set, METRIC_SSE_GAVE_UP, tag);
}

static void who_gives_up_at_a_status_is_told_by_it(void **state)
{
    (void)state;
    stream_stats_attempt(&place, &record, S);
    stream_stats_turned_away(&place, &record, 502, 0, true); /* who asked once had nothing */
    stream_stats_gave_up(&place, &record);
    assert_int_equal(gave_up(NULL) + gave_up("code:502"), 0);
    stream_stats_attempt(&place, &record, 2 * S);
    stream_stats_turned_away(&place, &record, 502, 0, true);
    stream_stats_gave_up(&place, &record);
    assert_int_equal(gave_up(NULL), 1);
    assert_int_equal(gave_up("code:502"), 1);
}

static void attempts_behind_a_failure_of_the_same_second_are_told_apart(void **state)
{
    uint64_t passes, fails;

    (void)state;
    connect_at(S);
    refuse(503, 0);
    connect_at(S);
    refuse(503, 0);
    stat_get_rate(place.set, METRIC_SSE_CONNECT_SUCCESS, "after:fail", &passes, &fails);
    assert_int_equal(passes, 1);
    assert_int_equal(fails, 1);
    stats_clear(stats); /* the next tick */
    connect_at(2 * S);
    stat_get_rate(place.set, METRIC_SSE_CONNECT_SUCCESS, "after:fail", &passes, &fails);
    assert_int_equal(passes + fails, 0);
}

#define WITH_STREAM(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STREAM(an_end_tells_age_and_silence),
        WITH_STREAM(a_resumed_stream_is_told_of_by_itself),
        WITH_STREAM(a_slow_reader_is_told_of_too),
        WITH_STREAM(ends_that_were_chosen_are_not_told),
        WITH_STREAM(who_was_cut_short_without_an_event_says_nothing),
        WITH_STREAM(who_was_cut_by_a_storm_has_passed_or_says_nothing),
        WITH_STREAM(who_leaves_a_wave_is_not_awaited),
        WITH_STREAM(nothing_is_told_where_streams_are_not_judged),
        WITH_STREAM(failed_attempts_are_told_by_cause_and_status),
        WITH_STREAM(a_204_is_told_where_it_stops_a_first_attempt),
        WITH_STREAM(who_gives_up_at_a_status_is_told_by_it),
        WITH_STREAM(attempts_behind_a_failure_of_the_same_second_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

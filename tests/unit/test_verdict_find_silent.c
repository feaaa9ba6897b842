#include "verdict_probe.h"

#include "base/clock.h"
#include "verdict/findings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct probe probe;

/* A hundred streams that share an event a second. */
static int open_all(void **state)
{
    (void)state;
    probe_init(&probe);
    probe_connected(&probe, 100);
    probe_times(&probe, METRIC_SSE_EVENT_GAP, 5000, 1000);
    stat_count(probe.set, METRIC_SSE_EVENTS, NULL, 5100);
    stat_count(probe.set, METRIC_SSE_BYTES, NULL, 510000);
    stat_passes(probe.set, METRIC_SSE_PEER_COMPLETENESS, NULL, 5000, 0);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    probe_fini(&probe);
    return 0;
}

static void expect_none(void)
{
    probe_close(&probe, 10);
    probe_expect_none(&probe, find_silent_streams);
    probe_expect_none(&probe, find_dead_streams);
    probe_expect_none(&probe, find_no_heartbeat);
}

static void make_late(void)
{
    for (int i = 0; i < 100; i++)
        stat_time(stats_worker_set(probe.delta), METRIC_WORKER_LAG, NULL, 200 * CLOCK_NS_PER_MS);
}

static void lively_streams_give_nothing(void **state)
{
    (void)state;
    probe_times(&probe, METRIC_SSE_OPEN_SILENCE, 100, 900);
    expect_none();
}

static void a_stream_that_never_got_an_event_is_silent(void **state)
{
    (void)state;
    probe_times(&probe, METRIC_SSE_SILENT_AGE, 3, 10100);
    probe_close(&probe, 10);
    probe_expect(&probe, find_silent_streams, CONFIDENCE_LIKELY, "3 streams never got an event");
    probe_expect_none(&probe, find_dead_streams);
}

static void a_young_one_may_still_get_one(void **state)
{
    (void)state;
    probe_times(&probe, METRIC_SSE_SILENT_AGE, 3, 9900);
    expect_none();
}

static void where_events_are_rare_silence_may_be_long(void **state)
{
    (void)state;
    probe_times(&probe, METRIC_SSE_EVENT_GAP, 5200, 4000); /* the median: 20 s are five of them */
    probe_times(&probe, METRIC_SSE_SILENT_AGE, 3, 19000);
    expect_none();
}

static void where_most_are_silent_nobody_is_the_exception(void **state)
{
    (void)state;
    probe_times(&probe, METRIC_SSE_SILENT_AGE, 51, 30000);
    expect_none();
}

static void streams_with_events_of_their_own_may_be_silent(void **state)
{
    (void)state;
    stat_count(probe.set, METRIC_SSE_UNSHARED, NULL, 5001);
    probe_times(&probe, METRIC_SSE_SILENT_AGE, 3, 30000);
    probe_times(&probe, METRIC_SSE_OPEN_SILENCE, 97, 900);
    probe_times(&probe, METRIC_SSE_OPEN_SILENCE, 3, 30000);
    expect_none();
}

static void slow_readers_are_slow_by_our_choice(void **state)
{
    (void)state;
    stat_count(probe.set, METRIC_SSE_SLOW_READERS, NULL, 1);
    probe_times(&probe, METRIC_SSE_SILENT_AGE, 3, 30000);
    expect_none();
}

static void a_late_worker_says_nothing_about_silence(void **state)
{
    (void)state;
    make_late();
    probe_times(&probe, METRIC_SSE_SILENT_AGE, 3, 30000);
    probe_times(&probe, METRIC_SSE_OPEN_SILENCE, 97, 900);
    probe_times(&probe, METRIC_SSE_OPEN_SILENCE, 3, 30000);
    stat_count(probe.set, METRIC_SSE_MISSED_HEARTBEATS, NULL, 9);
    expect_none();
}

static void an_open_stream_that_fell_silent_is_dead(void **state)
{
    (void)state;
    probe_times(&probe, METRIC_SSE_OPEN_SILENCE, 98, 900);
    probe_times(&probe, METRIC_SSE_OPEN_SILENCE, 2, 10100);
    probe_close(&probe, 10);
    probe_expect(&probe, find_dead_streams, CONFIDENCE_LIKELY, "2 open streams get nothing");
    probe_expect_none(&probe, find_silent_streams);
}

static void ten_seconds_are_not_dead(void **state)
{
    (void)state;
    probe_times(&probe, METRIC_SSE_OPEN_SILENCE, 98, 900);
    probe_times(&probe, METRIC_SSE_OPEN_SILENCE, 2, 9900);
    expect_none();
}

static void silences_of_all_lengths_are_not_dead(void **state)
{
    (void)state;
    probe_times(&probe, METRIC_SSE_OPEN_SILENCE, 97, 900);
    probe_times(&probe, METRIC_SSE_OPEN_SILENCE, 1, 7000);
    probe_times(&probe, METRIC_SSE_OPEN_SILENCE, 2, 12000);
    expect_none();
}

static void a_source_that_fell_silent_has_no_dead_streams(void **state)
{
    (void)state;
    probe_times(&probe, METRIC_SSE_OPEN_SILENCE, 49, 900);
    probe_times(&probe, METRIC_SSE_OPEN_SILENCE, 51, 20000);
    expect_none();
}

static void a_missed_heartbeat_is_told(void **state)
{
    (void)state;
    stat_count(probe.set, METRIC_SSE_MISSED_HEARTBEATS, NULL, 1);
    probe_close(&probe, 10);
    probe_expect(&probe, find_no_heartbeat, CONFIDENCE_CERTAIN, "1 silences on 100 streams");
}

/* A hundred streams open in a warm-up, with so many events; nothing comes of them behind it but
 * what is filled then. */
static void warm_up(uint64_t event_count)
{
    (void)close_all(NULL);
    probe_init(&probe);
    probe_connected(&probe, 100);
    stat_count(probe.set, METRIC_SSE_EVENTS, NULL, event_count);
    probe.tick.stage = RUN_STAGE_WARM_UP;
    run_add_tick(probe.run, 0, &probe.tick, probe.delta);
    probe.tick.stage = 0;
    stats_clear(probe.delta);
    run_end_warm_up(probe.run, 5 * CLOCK_NS_PER_S);
}

static void streams_of_a_warm_up_may_be_silent_too(void **state)
{
    (void)state;
    warm_up(0);
    probe_close(&probe, 10);
    assert_true(findings_has_silent_streams(probe.run));
    probe_expect(&probe, find_no_events, CONFIDENCE_CERTAIN, "arrived on any of them");
    warm_up(100);
    probe_close(&probe, 10);
    assert_true(findings_has_silent_streams(probe.run));
    probe_expect(&probe, find_no_events, CONFIDENCE_CERTAIN, "arrived after the warm-up");
    warm_up(100);
    probe.tick.open = 0; /* they had ended before */
    probe_close(&probe, 10);
    assert_false(findings_has_silent_streams(probe.run));
    probe_expect_none(&probe, find_no_events);
    warm_up(100);
    run_finish(probe.run, 5 * CLOCK_NS_PER_S); /* ended within it: nothing was measured */
    assert_false(findings_has_silent_streams(probe.run));
    probe_expect_none(&probe, find_no_events);
    warm_up(100);
    stat_count(probe.set, METRIC_SSE_BYTES, NULL, 100);
    stat_count(probe.set, METRIC_SSE_MISSED_HEARTBEATS, NULL, 2);
    probe_close(&probe, 10);
    probe_expect(&probe, find_no_heartbeat, CONFIDENCE_CERTAIN, "2 silences on 100 streams");
}

/* Attempts without an answer yet, others that waited too long, and some that were refused. */
static void ask(uint64_t unanswered, uint64_t timed_out, uint64_t refused, uint64_t duration_ms)
{
    (void)close_all(NULL);
    probe_init(&probe);
    stat_count(probe.set, METRIC_SSE_ATTEMPTS, NULL, unanswered + timed_out + refused);
    stat_count(probe.set, METRIC_SSE_CONNECT_FAILS, "cause:timeout_headers", timed_out);
    stat_passes(probe.set, METRIC_SSE_CONNECT_SUCCESS, NULL, 0, timed_out + refused);
    probe.run->info.duration_ns = duration_ms * CLOCK_NS_PER_MS;
}

static void a_service_that_answers_nobody_is_told(void **state)
{
    (void)state;
    ask(26, 0, 25, 10000);
    probe_close(&probe, 10);
    probe_expect(&probe, find_unanswered, CONFIDENCE_CERTAIN, "26 of 51 requests");
    ask(10, 16, 25, 3000);
    probe_close(&probe, 3);
    probe_expect(&probe, find_unanswered, CONFIDENCE_CERTAIN,
                 "16 had no answer within --headers-timeout, and 10 none");
}

static void a_service_that_may_still_answer_or_refuses_is_not_mute(void **state)
{
    (void)state;
    ask(50, 0, 0, 9900);
    probe_close(&probe, 9);
    probe_expect_none(&probe, find_unanswered);
    ask(25, 0, 25, 15000);
    probe_close(&probe, 15);
    probe_expect_none(&probe, find_unanswered);
    ask(50, 0, 0, 15000);
    probe_connected(&probe, 1);
    probe_close(&probe, 15);
    probe_expect_none(&probe, find_unanswered);
}

static void a_run_shorter_than_its_ramp_is_told(void **state)
{
    (void)state;
    probe.run->info.users_planned = 101;
    probe.run->info.ramp_ns = 20 * CLOCK_NS_PER_S;
    probe_close(&probe, 10);
    probe_expect(&probe, find_too_short_run, CONFIDENCE_CERTAIN, "100 of 101 users");
}

static void a_ramp_that_just_ended_is_enough(void **state)
{
    (void)state;
    probe.run->info.users_planned = 100;
    probe.run->info.ramp_ns = 20 * CLOCK_NS_PER_S;
    probe_close(&probe, 10);
    probe_expect_none(&probe, find_too_short_run);
}

/* A hundred streams that the run's end cut; `gap_count` second events. */
static void fill_short(uint64_t gap_count)
{
    (void)close_all(NULL);
    probe_init(&probe);
    probe_connected(&probe, 100);
    stat_count(probe.set, METRIC_SSE_EVENTS, NULL, 100 + gap_count);
    probe_times(&probe, METRIC_SSE_EVENT_GAP, gap_count, 1000);
    probe_times(&probe, METRIC_SSE_OPEN_AGE, 100, 1500);
}

static void one_event_a_stream_is_too_few(void **state)
{
    (void)state;
    fill_short(49);
    probe_close(&probe, 2);
    probe_expect(&probe, find_too_short_run, CONFIDENCE_CERTAIN, "149 events on 100 streams");
}

static void two_for_every_other_stream_are_enough(void **state)
{
    (void)state;
    fill_short(50);
    probe_close(&probe, 2);
    probe_expect_none(&probe, find_too_short_run);
}

static void streams_that_ended_by_themselves_are_as_long_as_they_are(void **state)
{
    (void)state;
    fill_short(0);
    probe_connected(&probe, 100);
    probe_close(&probe, 2);
    probe_expect_none(&probe, find_too_short_run);
}

#define WITH_RUN(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RUN(lively_streams_give_nothing),
        WITH_RUN(a_stream_that_never_got_an_event_is_silent),
        WITH_RUN(a_young_one_may_still_get_one),
        WITH_RUN(where_events_are_rare_silence_may_be_long),
        WITH_RUN(where_most_are_silent_nobody_is_the_exception),
        WITH_RUN(streams_with_events_of_their_own_may_be_silent),
        WITH_RUN(slow_readers_are_slow_by_our_choice),
        WITH_RUN(a_late_worker_says_nothing_about_silence),
        WITH_RUN(an_open_stream_that_fell_silent_is_dead),
        WITH_RUN(ten_seconds_are_not_dead),
        WITH_RUN(silences_of_all_lengths_are_not_dead),
        WITH_RUN(a_source_that_fell_silent_has_no_dead_streams),
        WITH_RUN(a_missed_heartbeat_is_told),
        WITH_RUN(streams_of_a_warm_up_may_be_silent_too),
        WITH_RUN(a_service_that_answers_nobody_is_told),
        WITH_RUN(a_service_that_may_still_answer_or_refuses_is_not_mute),
        WITH_RUN(a_run_shorter_than_its_ramp_is_told),
        WITH_RUN(a_ramp_that_just_ended_is_enough),
        WITH_RUN(one_event_a_stream_is_too_few),
        WITH_RUN(two_for_every_other_stream_are_enough),
        WITH_RUN(streams_that_ended_by_themselves_are_as_long_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

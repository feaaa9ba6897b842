#include "base/rng.h"
#include "stats/waves.h"
#include "verdict/end_groups.h"
#include "verdict_probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double START_UNIX_MS = 1767225600000.0;

static struct probe probe;
static struct rng rng;

static int open_all(void **state)
{
    (void)state;
    rng_init(&rng, 1);
    probe_init(&probe);
    probe_connected(&probe, 200);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    probe_fini(&probe);
    return 0;
}

/* Least and most of what each of the ends has, evenly in between. */
struct range {
    uint32_t least, most;
};

struct series {
    uint32_t count;
    struct range at_ms, age_ms, silence_ms, events;
    enum error_class error_class;
    size_t endpoint;
};

static uint32_t pick(const struct range *range)
{
    return (uint32_t)rng_between(&rng, range->least, range->most);
}

static void add(const struct series *series)
{
    for (uint32_t i = 0; i < series->count; i++) {
        struct end_row row = {.at_unix_ms = START_UNIX_MS + pick(&series->at_ms),
                              .weight = 1,
                              .endpoint = series->endpoint,
                              .age_ms = pick(&series->age_ms),
                              .silence_ms = pick(&series->silence_ms),
                              .event_count = pick(&series->events),
                              .error_class = series->error_class};

        ends_add(stats_ends(probe.delta), &row);
        stat_time(stats_endpoint_set(probe.delta, series->endpoint), METRIC_SSE_DURATION, NULL,
                  row.age_ms * 1000000ULL);
    }
}

/* Forty of an idle timeout of a minute, over half an hour. */
static const struct series idle = {.count = 40,
                                   .at_ms = {0, 1800000},
                                   .age_ms = {61000, 900000},
                                   .silence_ms = {59990, 60040},
                                   .error_class = CLASS_CLOSED_EARLY};
/* Forty of a maximum age of half a minute. */
static const struct series aged = {.count = 40,
                                   .at_ms = {0, 1800000},
                                   .age_ms = {30000, 30020},
                                   .silence_ms = {0, 1000},
                                   .error_class = CLASS_CLOSED};
/* Forty of a restart. */
static const struct series restarted = {.count = 40,
                                        .at_ms = {0, 900},
                                        .age_ms = {1000, 600000},
                                        .silence_ms = {0, 1000},
                                        .error_class = CLASS_RESET};

static void expect_none(void)
{
    probe_close(&probe, 10);
    probe_expect_none(&probe, find_idle_timeout);
    probe_expect_none(&probe, find_max_age);
    probe_expect_none(&probe, find_abrupt_disconnects);
}

static void expect_only(probe_rule rule, enum finding_confidence confidence, const char *part)
{
    static const probe_rule all[] = {find_idle_timeout, find_max_age, find_abrupt_disconnects};

    probe_close(&probe, 10);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i] == rule)
            probe_expect(&probe, rule, confidence, part);
        else
            probe_expect_none(&probe, all[i]);
    }
}

static void no_ends_no_finding(void **state)
{
    (void)state;
    expect_none();
}

static void one_silence_and_many_ages_are_an_idle_timeout(void **state)
{
    (void)state;
    add(&idle);
    probe_times(&probe, METRIC_SSE_EVENT_GAP, 1000, 900);
    expect_only(find_idle_timeout, CONFIDENCE_CERTAIN, "cut after 60 s without a byte");
}

static void the_default_of_a_proxy_is_named(void **state)
{
    static const struct {
        uint32_t ms;
        const char *name;
    } cases[] = {{50050, "Debian"},      {55020, "Heroku"},     {60300, "nginx"},
                 {100000, "Cloudflare"}, {240000, "Azure"},     {300100, "Envoy"},
                 {350000, "AWS"},        {75000, "or its own"}, {59000, "or its own"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct series series = idle;
        struct finding finding = {0};

        (void)close_all(NULL);
        (void)open_all(NULL);
        series.silence_ms = (struct range){cases[i].ms, cases[i].ms + 5};
        series.age_ms = (struct range){cases[i].ms + 1000, 3000000};
        add(&series);
        probe_close(&probe, 10);
        assert_true(find_idle_timeout(probe.run, &finding));
        if (!strstr(finding.advice, cases[i].name))
            fail_msg("no '%s' in '%s'", cases[i].name, finding.advice);
        /* A number that is nobody's default names nobody. */
        assert_int_equal(strstr(finding.advice, ". ") == NULL, cases[i].name[0] == 'o');
        free(finding.title);
        free(finding.evidence);
        free(finding.advice);
    }
}

static void few_ends_of_a_kind_are_likely_at_most(void **state)
{
    struct series series = idle;

    (void)state;
    series.count = END_GROUP_ROWS_MIN;
    add(&series);
    expect_only(find_idle_timeout, CONFIDENCE_LIKELY, "5 streams");
}

static void fewer_ends_show_no_cause(void **state)
{
    struct series series = aged;

    (void)state;
    series.count = END_GROUP_ROWS_MIN - 1;
    add(&series);
    expect_none();
}

static void silences_that_streams_survive_are_no_timeout(void **state)
{
    struct series series = idle;

    (void)state;
    series.error_class = CLASS_CLOSED;
    add(&series);
    probe_times(&probe, METRIC_SSE_EVENT_GAP, 1000, 900);
    probe_times(&probe, METRIC_SSE_EVENT_GAP, 3, 70000); /* of 40 ends 5 % are two */
    expect_none();
}

static void a_few_longer_silences_leave_it_likely(void **state)
{
    (void)state;
    add(&idle);
    probe_times(&probe, METRIC_SSE_EVENT_GAP, 1000, 900);
    probe_times(&probe, METRIC_SSE_EVENT_GAP, 2, 70000);
    expect_only(find_idle_timeout, CONFIDENCE_LIKELY, "2 longer silences were survived");
}

static void comments_may_lie_between_events_far_apart(void **state)
{
    (void)state;
    add(&idle);
    stat_count(probe.set, METRIC_SSE_COMMENTS, NULL, 5);
    probe_times(&probe, METRIC_SSE_EVENT_GAP, 1000, 900);
    probe_times(&probe, METRIC_SSE_EVENT_GAP, 100, 70000);
    expect_only(find_idle_timeout, CONFIDENCE_CERTAIN, "60 s");
}

static void streams_that_stay_open_in_silence_are_no_timeout(void **state)
{
    struct series series = idle;

    (void)state;
    series.error_class = CLASS_CLOSED;
    add(&series);
    probe_times(&probe, METRIC_SSE_OPEN_SILENCE, 10, 80000);
    expect_none();
}

static void a_silence_of_the_usual_length_is_none(void **state)
{
    struct series series = idle;

    (void)state;
    series.error_class = CLASS_CLOSED;
    add(&series);
    probe_times(&probe, METRIC_SSE_EVENT_GAP, 1000, 58000);
    expect_none();
}

static void silences_of_many_lengths_are_no_timeout(void **state)
{
    struct series series = idle;

    (void)state;
    series.error_class = CLASS_CLOSED;
    series.silence_ms = (struct range){50000, 60000};
    add(&series);
    expect_none();
}

static void a_short_silence_is_no_timeout(void **state)
{
    struct series series = idle;

    (void)state;
    series.error_class = CLASS_CLOSED;
    series.silence_ms = (struct range){900, 990};
    add(&series);
    expect_none();
}

static void one_age_and_many_silences_are_a_maximum_age(void **state)
{
    (void)state;
    add(&aged);
    probe_times(&probe, METRIC_SSE_EVENT_GAP, 1000, 1000);
    expect_only(find_max_age, CONFIDENCE_CERTAIN, "Google");
}

static void a_maximum_age_may_vary_by_a_tenth(void **state)
{
    struct series series = aged;

    (void)state;
    series.age_ms = (struct range){60000, 66000};
    add(&series);
    expect_only(find_max_age, CONFIDENCE_CERTAIN, "at an age of 65");
}

static void ages_that_vary_by_more_are_many(void **state)
{
    struct series series = aged;

    (void)state;
    series.age_ms = (struct range){60000, 70000};
    add(&series);
    expect_none();
}

static void streams_that_grow_older_have_no_maximum_age(void **state)
{
    (void)state;
    add(&aged);
    probe_times(&probe, METRIC_SSE_OPEN_AGE, 3, 60000);
    expect_none();
}

static void a_response_that_ends_behind_its_last_event_is_planned(void **state)
{
    struct series series = aged;

    (void)state;
    series.silence_ms = (struct range){0, 5};
    add(&series);
    probe_times(&probe, METRIC_SSE_EVENT_GAP, 1000, 100);
    expect_none();
}

/* Where events are fast, any end comes right behind one: their number tells. */
static void a_response_of_so_many_events_is_planned(void **state)
{
    struct series series = aged;

    (void)state;
    series.silence_ms = (struct range){0, 5};
    series.events = (struct range){15000, 15000};
    add(&series);
    probe_times(&probe, METRIC_SSE_EVENT_GAP, 1000, 2);
    expect_none();
}

static void fast_events_may_be_cut_anywhere(void **state)
{
    struct series series = aged;

    (void)state;
    series.silence_ms = (struct range){0, 5};
    series.events = (struct range){14980, 15000};
    add(&series);
    probe_times(&probe, METRIC_SSE_EVENT_GAP, 1000, 2);
    expect_only(find_max_age, CONFIDENCE_CERTAIN, "at an age of 30 s");
}

static void whole_answers_to_a_post_are_planned(void **state)
{
    struct series series = aged;

    (void)state;
    series.endpoint = stats_add_endpoint(probe.delta, "POST", "/chat");
    add(&series);
    expect_none();
}

static void one_age_and_one_silence_cannot_be_told_apart(void **state)
{
    struct series series = idle;

    (void)state;
    series.age_ms = (struct range){60000, 60050};
    add(&series);
    expect_only(find_idle_timeout, CONFIDENCE_SUSPECTED, "A run that would tell");
}

static void endpoints_together_show_what_each_alone_does_not(void **state)
{
    struct series series = idle;

    (void)state;
    for (uint32_t i = 0; i < 5; i++) { /* each falls silent at an age of its own */
        series.endpoint = stats_add_endpoint(probe.delta, "GET",
                                             i == 0   ? "/a"
                                             : i == 1 ? "/b"
                                             : i == 2 ? "/c"
                                             : i == 3 ? "/d"
                                                      : "/e");
        series.age_ms = (struct range){70000 + i * 50000, 70010 + i * 50000};
        add(&series);
    }
    expect_only(find_idle_timeout, CONFIDENCE_CERTAIN, "200 streams of several endpoints");
}

static void endpoints_may_have_causes_of_their_own(void **state)
{
    struct series series = aged;

    (void)state;
    add(&series);
    series = restarted;
    series.error_class = CLASS_CLOSED;
    series.endpoint = stats_add_endpoint(probe.delta, "GET", "/other");
    add(&series);
    expect_only(find_max_age, CONFIDENCE_CERTAIN, "GET /x");
}

static void a_restart_is_neither_and_not_abrupt(void **state)
{
    (void)state;
    add(&restarted);
    expect_none();
}

/* Half an hour after the start all streams are lost to a service that refuses for a while. */
static void lose_all_in_a_restart(void)
{
    double at_unix_ms = START_UNIX_MS + 1800000;
    struct wave *wave = waves_find(stats_waves(probe.delta), (uint32_t)(at_unix_ms / 1000));
    struct series series = restarted;

    series.count = 100;
    series.at_ms = (struct range){1800000, 1800900};
    series.error_class = idle.error_class;
    add(&series);
    for (int i = 0; i < 100; i++)
        wave_lose(wave, idle.error_class, at_unix_ms + 9 * i);
    wave_lose(wave, idle.error_class, at_unix_ms + 900);
    wave->attempts = 200;
    wave->failures[CLASS_CONNECT_REFUSED] = 100;
}

static void what_a_restart_ended_does_not_hide_a_timeout(void **state)
{
    struct series series = idle;

    (void)state;
    series.at_ms.most = 1700000;
    add(&series);
    lose_all_in_a_restart();
    expect_only(find_idle_timeout, CONFIDENCE_CERTAIN, "40 streams of GET /x");
}

static void a_restart_among_other_ends_is_not_abrupt(void **state)
{
    struct series series = restarted;

    (void)state;
    lose_all_in_a_restart();
    series.count = 2;
    series.at_ms = (struct range){0, 600000};
    series.error_class = idle.error_class;
    add(&series);
    expect_none();
}

static void a_silence_that_ended_all_at_once_is_one_of_two_things(void **state)
{
    struct series series = restarted;

    (void)state;
    series.at_ms = (struct range){0, 50}; /* the last byte came to all at once */
    series.silence_ms = (struct range){60000, 60050};
    add(&series);
    probe_times(&probe, METRIC_SSE_EVENT_GAP, 1000, 900);
    expect_only(find_idle_timeout, CONFIDENCE_SUSPECTED, "a restart in the silence");
}

/* Events come to all at once, and now and then after a minute. */
static void a_silence_that_was_usual_is_none_of_them(void **state)
{
    struct series series = restarted;

    (void)state;
    series.at_ms = (struct range){0, 50};
    series.silence_ms = (struct range){60000, 60050};
    add(&series);
    probe_times(&probe, METRIC_SSE_EVENT_GAP, 900, 900);
    probe_times(&probe, METRIC_SSE_EVENT_GAP, 100, 62000);
    expect_none();
}

/* They opened within a second, which a limit on their age would have kept apart. */
static void streams_of_nearly_one_age_may_meet_a_restart_too(void **state)
{
    struct series series = restarted;

    (void)state;
    series.at_ms = (struct range){0, 50};
    series.age_ms = (struct range){4000, 4900};
    add(&series);
    expect_none();
}

/* All opened within 300 ms, all gone within 300 ms: one age, but also one moment. */
static void one_age_at_one_moment_shows_nothing(void **state)
{
    struct series series = aged;

    (void)state;
    series.at_ms = (struct range){0, 300};
    series.age_ms = (struct range){30000, 30300};
    series.error_class = CLASS_CLOSED;
    add(&series);
    expect_none();
}

static void broken_off_at_any_age_is_abrupt(void **state)
{
    struct series series = restarted;

    (void)state;
    series.count = 3;
    series.at_ms = (struct range){0, 600000};
    add(&series);
    expect_only(find_abrupt_disconnects, CONFIDENCE_LIKELY, "3 streams of 200 were broken off");
}

static void two_of_them_are_nothing(void **state)
{
    struct series series = restarted;

    (void)state;
    series.count = 2;
    series.at_ms = (struct range){0, 600000};
    add(&series);
    expect_none();
}

static void one_of_a_hundred_is_nothing(void **state)
{
    struct series series = restarted;

    (void)state;
    probe_connected(&probe, 3800);
    series.at_ms = (struct range){0, 600000};
    add(&series);
    expect_none(); /* 40 of 4,000 */
}

static void clean_ends_are_not_abrupt(void **state)
{
    struct series series = restarted;

    (void)state;
    series.at_ms = (struct range){0, 600000};
    series.error_class = CLASS_CLOSED;
    add(&series);
    expect_none();
}

static void ends_without_their_mark_are_counted_elsewhere(void **state)
{
    struct series series = restarted;

    (void)state;
    series.at_ms = (struct range){0, 600000};
    series.error_class = CLASS_CLOSED_EARLY;
    add(&series);
    stat_count(probe.set, METRIC_SSE_INCOMPLETE, NULL, 38);
    expect_none();
}

static void our_own_read_timeout_is_no_finding(void **state)
{
    struct series series = idle;

    (void)state;
    series.error_class = CLASS_TIMEOUT_READ;
    add(&series);
    expect_none();
}

static void ends_of_a_span_are_put_together(void **state)
{
    struct end_group group;

    (void)state;
    add(&restarted);
    probe_close(&probe, 10);
    assert_false(end_group_between(probe.run, START_UNIX_MS - 9, START_UNIX_MS - 1, &group));
    assert_true(end_group_between(probe.run, START_UNIX_MS, START_UNIX_MS + 2000, &group));
    assert_true(group.count == 40 && group.row_count == 40);
    assert_true(end_group_is_one_moment(&group));
}

#define WITH_RUN(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RUN(no_ends_no_finding),
        WITH_RUN(one_silence_and_many_ages_are_an_idle_timeout),
        WITH_RUN(the_default_of_a_proxy_is_named),
        WITH_RUN(few_ends_of_a_kind_are_likely_at_most),
        WITH_RUN(fewer_ends_show_no_cause),
        WITH_RUN(silences_that_streams_survive_are_no_timeout),
        WITH_RUN(a_few_longer_silences_leave_it_likely),
        WITH_RUN(comments_may_lie_between_events_far_apart),
        WITH_RUN(streams_that_stay_open_in_silence_are_no_timeout),
        WITH_RUN(a_silence_of_the_usual_length_is_none),
        WITH_RUN(silences_of_many_lengths_are_no_timeout),
        WITH_RUN(a_short_silence_is_no_timeout),
        WITH_RUN(one_age_and_many_silences_are_a_maximum_age),
        WITH_RUN(a_maximum_age_may_vary_by_a_tenth),
        WITH_RUN(ages_that_vary_by_more_are_many),
        WITH_RUN(streams_that_grow_older_have_no_maximum_age),
        WITH_RUN(a_response_that_ends_behind_its_last_event_is_planned),
        WITH_RUN(a_response_of_so_many_events_is_planned),
        WITH_RUN(fast_events_may_be_cut_anywhere),
        WITH_RUN(whole_answers_to_a_post_are_planned),
        WITH_RUN(one_age_and_one_silence_cannot_be_told_apart),
        WITH_RUN(endpoints_together_show_what_each_alone_does_not),
        WITH_RUN(endpoints_may_have_causes_of_their_own),
        WITH_RUN(a_restart_is_neither_and_not_abrupt),
        WITH_RUN(streams_of_nearly_one_age_may_meet_a_restart_too),
        WITH_RUN(one_age_at_one_moment_shows_nothing),
        WITH_RUN(what_a_restart_ended_does_not_hide_a_timeout),
        WITH_RUN(a_restart_among_other_ends_is_not_abrupt),
        WITH_RUN(a_silence_that_ended_all_at_once_is_one_of_two_things),
        WITH_RUN(a_silence_that_was_usual_is_none_of_them),
        WITH_RUN(broken_off_at_any_age_is_abrupt),
        WITH_RUN(two_of_them_are_nothing),
        WITH_RUN(one_of_a_hundred_is_nothing),
        WITH_RUN(clean_ends_are_not_abrupt),
        WITH_RUN(ends_without_their_mark_are_counted_elsewhere),
        WITH_RUN(our_own_read_timeout_is_no_finding),
        WITH_RUN(ends_of_a_span_are_put_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

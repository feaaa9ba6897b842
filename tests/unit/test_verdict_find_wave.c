#include "verdict_probe.h"

#include "base/clock.h"
#include "verdict/wave.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND = 1800000000, OPEN = 400, RESTART_S = 20 };

static struct probe probe;

/* A wave of the service: all streams end RESTART_S after the start of the run. */
struct story {
    const char *what;
    uint32_t age_ms[2], silence_ms[2]; /* of the ended streams, spread from one to the other */
    uint32_t gap_ms;                   /* between events; 0: nobody got two */
    enum error_class cause;
    uint32_t refused;          /* attempts, while the service was down */
    uint32_t status, statuses; /* answers to others, and how many */
    uint32_t retry_after;      /* of them that said when to come again */
    uint32_t back_within_ms;   /* of the first end */
    uint32_t attempts_within_ms;
    enum finding_confidence restart;
    bool is_herd;
};

static const struct story stories[] = {
    {"a restart",
     {2000, 19000},
     {10, 900},
     1000,
     CLASS_RESET,
     0,
     200,
     OPEN,
     0,
     4000,
     4000,
     CONFIDENCE_LIKELY,
     false},
    {"a restart, with the service down for a while",
     {2000, 19000},
     {10, 900},
     1000,
     CLASS_RESET,
     800,
     200,
     OPEN,
     0,
     9000,
     8000,
     CONFIDENCE_CERTAIN,
     false},
    {"one stops gracefully",
     {2000, 19000},
     {300, 900},
     1000,
     CLASS_CLOSED,
     0,
     200,
     OPEN,
     0,
     4000,
     4000,
     CONFIDENCE_LIKELY,
     false},
    {"events come to all at once, and the restart between two",
     {2000, 19000},
     {1700, 1720},
     3000,
     CLASS_RESET,
     0,
     200,
     OPEN,
     0,
     4000,
     4000,
     CONFIDENCE_LIKELY,
     false},
    {"all fell silent together: an idle timeout",
     {2000, 19000},
     {6000, 6050},
     1000,
     CLASS_CLOSED,
     0,
     200,
     OPEN,
     0,
     4000,
     4000,
     CONFIDENCE_NONE,
     false},
    {"the same, and nobody ever got two events",
     {2000, 19000},
     {6000, 6050},
     0,
     CLASS_CLOSED,
     0,
     200,
     OPEN,
     0,
     4000,
     4000,
     CONFIDENCE_NONE,
     false},
    {"all began together: a maximum age looks the same",
     {19000, 19500},
     {10, 900},
     1000,
     CLASS_RESET,
     0,
     200,
     OPEN,
     0,
     4000,
     4000,
     CONFIDENCE_NONE,
     false},
    {"the same, but nobody listened behind it",
     {19000, 19500},
     {10, 900},
     1000,
     CLASS_RESET,
     800,
     200,
     OPEN,
     0,
     9000,
     8000,
     CONFIDENCE_LIKELY,
     false},
    {"the same, and a few were refused",
     {19000, 19500},
     {10, 900},
     1000,
     CLASS_RESET,
     39,
     200,
     OPEN,
     0,
     9000,
     8000,
     CONFIDENCE_NONE,
     false},
    {"ends of our own making",
     {2000, 19000},
     {10, 900},
     1000,
     CLASS_TIMEOUT_READ,
     0,
     200,
     OPEN,
     0,
     4000,
     4000,
     CONFIDENCE_NONE,
     false},
    {"all come back at once and are served",
     {2000, 19000},
     {10, 900},
     1000,
     CLASS_RESET,
     0,
     200,
     OPEN,
     0,
     3900,
     500,
     CONFIDENCE_LIKELY,
     false},
    {"at once, and some are put off",
     {2000, 19000},
     {10, 900},
     1000,
     CLASS_RESET,
     0,
     429,
     8,
     0,
     8000,
     500,
     CONFIDENCE_LIKELY,
     true},
    {"at once, and very few are put off",
     {2000, 19000},
     {10, 900},
     1000,
     CLASS_RESET,
     0,
     429,
     7,
     0,
     8000,
     500,
     CONFIDENCE_LIKELY,
     false},
    {"over a while, and some are put off",
     {2000, 19000},
     {10, 900},
     1000,
     CLASS_RESET,
     0,
     429,
     100,
     0,
     8000,
     4000,
     CONFIDENCE_LIKELY,
     false},
    {"the service sheds load",
     {2000, 19000},
     {10, 900},
     1000,
     CLASS_RESET,
     0,
     503,
     100,
     100,
     8000,
     500,
     CONFIDENCE_LIKELY,
     true},
    {"a proxy says that the service is down",
     {2000, 19000},
     {10, 900},
     1000,
     CLASS_RESET,
     0,
     503,
     100,
     0,
     60000,
     500,
     CONFIDENCE_LIKELY,
     false},
    {"all are let in and wait long for their events",
     {2000, 19000},
     {10, 900},
     1000,
     CLASS_RESET,
     0,
     200,
     OPEN,
     0,
     17000,
     500,
     CONFIDENCE_LIKELY,
     true},
    {"long, as the source seldom says anything",
     {2000, 19000},
     {10, 900},
     7500,
     CLASS_RESET,
     0,
     200,
     OPEN,
     0,
     17000,
     500,
     CONFIDENCE_LIKELY,
     false},
    {"long, as the service was down for long",
     {2000, 19000},
     {10, 900},
     1000,
     CLASS_RESET,
     1,
     200,
     OPEN,
     0,
     17000,
     500,
     CONFIDENCE_LIKELY,
     false},
};

static uint32_t spread(const uint32_t span[2], uint32_t at)
{
    return span[0] + (span[1] - span[0]) * at / (OPEN - 1);
}

static void lose(const struct story *story)
{
    double first_ms = (SECOND + RESTART_S) * 1000.0 + 200;
    struct wave *wave = waves_find(stats_waves(probe.delta), SECOND + RESTART_S);

    for (uint32_t i = 0; i < OPEN; i++) {
        double at_ms = first_ms + i / 2;

        ends_add(stats_ends(probe.delta),
                 &(struct end_row){.at_unix_ms = at_ms,
                                   .weight = 1,
                                   .endpoint = probe.endpoint,
                                   .age_ms = spread(story->age_ms, i),
                                   .silence_ms = spread(story->silence_ms, i),
                                   .event_count = 5,
                                   .error_class = story->cause});
        wave_lose(wave, story->cause, at_ms);
        wave_attempt(wave, first_ms + 3000 + story->attempts_within_ms * i / OPEN);
        wave_come_back(wave,
                       (200 + story->back_within_ms * (uint64_t)(i + 1) / OPEN) * CLOCK_NS_PER_MS);
    }
    wave_answers(wave, story->status, story->statuses);
    wave->failures[CLASS_CONNECT_REFUSED] = story->refused;
    wave->retry_after_seen = story->retry_after;
}

static void begin(const struct story *story)
{
    probe_init(&probe);
    probe.run->info.started_unix_ms = SECOND * 1000.0;
    probe.tick.open = OPEN;
    probe_connected(&probe, (uint64_t)2 * OPEN);
    stat_count(probe.set, METRIC_SSE_DISCONNECTS, NULL, OPEN);
    if (story->gap_ms > 0)
        probe_times(&probe, METRIC_SSE_EVENT_GAP, 5000, story->gap_ms);
    lose(story);
}

static void tell(const struct story *story)
{
    begin(story);
    probe_close(&probe, 60);
}

static void expect(const struct story *story, probe_rule rule, enum finding_confidence confidence)
{
    struct finding finding = {0};
    bool is_raised = rule(probe.run, &finding);

    if (is_raised != (confidence != CONFIDENCE_NONE) || finding.confidence != confidence)
        fail_msg("%s: as sure as %d", story->what, (int)finding.confidence);
    free(finding.title);
    free(finding.evidence);
    free(finding.advice);
}

static void a_wave_shows_what_caused_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        const struct story *story = &stories[i];

        tell(story);
        expect(story, find_server_restart, story->restart);
        expect(story, find_thundering_herd, story->is_herd ? CONFIDENCE_LIKELY : CONFIDENCE_NONE);
        probe_fini(&probe);
    }
}

static void the_figures_stand_in_the_finding(void **state)
{
    struct wave *wave;

    (void)state;
    tell(&stories[1]);
    probe_expect(&probe, find_server_restart, CONFIDENCE_CERTAIN,
                 "20.2 s after the start: 400 of 400 streams");
    probe_expect(&probe, find_server_restart, CONFIDENCE_CERTAIN, "ages of 3.7 to 17.3 s");
    probe_expect(&probe, find_server_restart, CONFIDENCE_CERTAIN,
                 "800 attempts to come back were refused");
    assert_true(find_is_restart_at(probe.run, (SECOND + RESTART_S) * 1000.0 + 300));
    assert_false(find_is_restart_at(probe.run, (SECOND + RESTART_S) * 1000.0 + 900));
    probe_fini(&probe);
    begin(&stories[1]); /* now all within one reading of the clock, which is not told as no time */
    wave = waves_find(stats_waves(probe.delta), SECOND + RESTART_S);
    wave->last_unix_ms = wave->first_unix_ms;
    probe_close(&probe, 60);
    probe_expect(&probe, find_server_restart, CONFIDENCE_LIKELY, "They ended within 0.01 s");
    probe_fini(&probe);
}

/* Nobody of the restart's is back; so many gave up, and so many attempts were answered. */
static struct wave *lose_for_good(uint64_t gave_up, uint32_t status, uint64_t answers)
{
    static const struct story gone = {.what = "gone",
                                      .age_ms = {2000, 19000},
                                      .silence_ms = {10, 900},
                                      .gap_ms = 1000,
                                      .cause = CLASS_RESET};
    struct wave *wave;

    begin(&gone);
    wave = waves_find(stats_waves(probe.delta), SECOND + RESTART_S);
    hist_free(wave->back_after);
    wave->back_after = NULL;
    wave->status_count = 0;
    wave_answers(wave, status, answers);
    wave->gave_up = gave_up;
    probe.run->info.duration_ns = 60 * CLOCK_NS_PER_S;
    return wave;
}

static void expect_severity(enum finding_severity severity)
{
    struct finding finding = {0};

    assert_true(find_server_restart(probe.run, &finding));
    assert_int_equal(finding.severity, severity);
    free(finding.title);
    free(finding.evidence);
    free(finding.advice);
}

static void a_service_that_is_not_back_is_critical(void **state)
{
    (void)state;
    lose_for_good(0, 200, 199)->failures[CLASS_CONNECT_REFUSED] = 800;
    probe_close(&probe, 60);
    probe_expect(&probe, find_server_restart, CONFIDENCE_CERTAIN,
                 "went away 20.2 s after the start and was not back 39.8 s later");
    expect_severity(FINDING_CRITICAL);
    assert_int_equal(find_restarts(probe.run).away, OPEN);
    probe_fini(&probe);
    (void)lose_for_good(0, 200, 200); /* let in, without an event yet */
    probe_close(&probe, 60);
    expect_severity(FINDING_WARNING);
    assert_int_equal(find_restarts(probe.run).away, 0);
    probe_fini(&probe);
    lose_for_good(0, 200, 0)->attempts = OPEN - 1; /* not all have asked again */
    probe_close(&probe, 60);
    expect_severity(FINDING_WARNING);
    probe_fini(&probe);
}

static void users_that_gave_up_at_a_status_are_told(void **state)
{
    (void)state;
    (void)lose_for_good(201, 502, 201);
    probe_close(&probe, 60);
    probe_expect(&probe, find_server_restart, CONFIDENCE_CERTAIN,
                 "201 users gave up at status 502");
    probe_expect(&probe, find_server_restart, CONFIDENCE_CERTAIN, "--reconnect always");
    probe_expect(&probe, find_server_restart, CONFIDENCE_CERTAIN, "and 201 answered 502 or 504");
    expect_severity(FINDING_CRITICAL);
    assert_int_equal(find_restarts(probe.run).away, 0);
    probe_fini(&probe);
    lose_for_good(OPEN, 200, 0)->attempts = 0; /* by --reconnect never */
    probe_close(&probe, 60);
    expect_severity(FINDING_WARNING);
    probe_fini(&probe);
}

static void count(enum metric metric, const char *tag, uint64_t number)
{
    stat_count(probe.set, metric, NULL, number);
    stat_count(probe.set, metric, tag, number);
}

/* `repeated` events at resumes, three of them by inclusive replays; 90 behind the restart. */
static void tell_of_repeats(uint64_t repeated)
{
    begin(&stories[1]);
    waves_find(stats_waves(probe.delta), SECOND + RESTART_S)->duplicates = 90;
    count(METRIC_SSE_SEQUENCED, "order:dense", 1000);
    count(METRIC_SSE_DUPLICATES, "where:resume", repeated);
    count(METRIC_SSE_REORDERED, "where:resume", 7);
    stat_count(probe.set, METRIC_SSE_INCLUSIVE_REPLAYS, NULL, 3);
}

static void ids_that_began_anew_are_the_restarts(void **state)
{
    (void)state;
    tell_of_repeats(90);
    probe_close(&probe, 60);
    probe_expect(&probe, find_server_restart, CONFIDENCE_CERTAIN,
                 "90 events had ids that had come before");
    probe_expect_none(&probe, find_replay_duplicates);
    probe_expect_none(&probe, find_event_reordered);
    probe_fini(&probe);
}

/* `missed` events at resumes by their numbers, 90 of them behind the restart. */
static void tell_of_gaps(uint64_t missed, uint64_t resets)
{
    begin(&stories[1]);
    waves_find(stats_waves(probe.delta), SECOND + RESTART_S)->missed = 90;
    count(METRIC_SSE_SEQUENCED, "order:dense", 1000);
    stat_passes(probe.set, METRIC_SSE_LOSS, "where:resume", missed, 1000);
    stat_count(probe.set, METRIC_SSE_SEQUENCE_RESETS, NULL, resets);
    probe_close(&probe, 60);
}

static void gaps_of_ids_that_began_anew_are_the_restarts(void **state)
{
    (void)state;
    tell_of_gaps(90, 1);
    probe_expect(&probe, find_server_restart, CONFIDENCE_CERTAIN, "90 events were missed");
    probe_expect_none(&probe, find_replay_missing);
    probe_fini(&probe);
    tell_of_gaps(95, 1); /* the rest is another thing */
    probe_expect(&probe, find_replay_missing, CONFIDENCE_LIKELY, "5 of 1,");
    probe_fini(&probe);
}

static void gaps_behind_a_restart_may_be_such(void **state)
{
    (void)state;
    tell_of_gaps(179, 0);
    probe_expect(&probe, find_replay_missing, CONFIDENCE_SUSPECTED, "with --publish");
    probe_fini(&probe);
    tell_of_gaps(180, 0); /* most have nothing to do with it */
    probe_expect(&probe, find_replay_missing, CONFIDENCE_LIKELY, "180 of 1,");
    probe_fini(&probe);
}

static void what_came_again_elsewhere_is_not(void **state)
{
    (void)state;
    tell_of_repeats(95);
    stat_count(probe.set, METRIC_SSE_REORDERED, NULL, 4); /* on streams that were open */
    probe_close(&probe, 60);
    probe_expect(&probe, find_server_restart, CONFIDENCE_CERTAIN, "90 events had ids");
    probe_expect(&probe, find_replay_duplicates, CONFIDENCE_CERTAIN, "2 of 1,000");
    probe_expect(&probe, find_event_reordered, CONFIDENCE_CERTAIN, "4 of 1,000");
    probe_fini(&probe);
}

static void what_is_a_restart_is_not_broken_off_too(void **state)
{
    (void)state;
    tell(&stories[7]); /* of one age: only what was refused behind it shows that it is one */
    probe_expect_none(&probe, find_abrupt_disconnects);
    probe_fini(&probe);
    tell(&stories[6]);
    probe_expect(&probe, find_abrupt_disconnects, CONFIDENCE_LIKELY, "400 streams of 800");
    probe_fini(&probe);
}

static const struct story *story_of(const char *what)
{
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        if (strcmp(stories[i].what, what) == 0)
            return &stories[i];
    }
    fail_msg("no story of %s", what);
    return NULL;
}

static void our_own_lag_makes_no_herd(void **state)
{
    (void)state;
    tell(story_of("all are let in and wait long for their events"));
    probe_expect(&probe, find_thundering_herd, CONFIDENCE_LIKELY, "400 attempts within one second");
    probe.run->workers[0].cpu_max_ratio = 0.95;
    probe_expect_none(&probe, find_thundering_herd);
    probe_fini(&probe);
}

static void a_storm_that_was_ordered_is_neither(void **state)
{
    struct run_storm storm = {.at_ns = RESTART_S * CLOCK_NS_PER_S, .ratio = 1};
    struct wave *wave;

    (void)state;
    probe_init(&probe);
    run_add_storm(probe.run, &storm);
    wave = waves_find(stats_waves(probe.delta), 1);
    for (int i = 0; i < OPEN; i++) {
        wave_lose(wave, CLASS_NONE, (SECOND + RESTART_S) * 1000.0);
        wave_attempt(wave, (SECOND + RESTART_S) * 1000.0);
        wave_answer(wave, 429);
    }
    wave->failures[CLASS_CONNECT_REFUSED] = OPEN;
    probe_close(&probe, 60);
    probe_expect_none(&probe, find_server_restart);
    probe_expect_none(&probe, find_thundering_herd);
    probe_fini(&probe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wave_shows_what_caused_it),
        cmocka_unit_test(the_figures_stand_in_the_finding),
        cmocka_unit_test(a_service_that_is_not_back_is_critical),
        cmocka_unit_test(users_that_gave_up_at_a_status_are_told),
        cmocka_unit_test(ids_that_began_anew_are_the_restarts),
        cmocka_unit_test(gaps_of_ids_that_began_anew_are_the_restarts),
        cmocka_unit_test(gaps_behind_a_restart_may_be_such),
        cmocka_unit_test(what_came_again_elsewhere_is_not),
        cmocka_unit_test(what_is_a_restart_is_not_broken_off_too),
        cmocka_unit_test(our_own_lag_makes_no_herd),
        cmocka_unit_test(a_storm_that_was_ordered_is_neither),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

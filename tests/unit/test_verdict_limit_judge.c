#include "verdict/limit_judge.h"

#include "base/clock.h"
#include "base/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A step of 100 users, 25 of them new, that went well: 25 answers and first events in 20 ms. */
struct scene {
    struct limit_rules *rules;
    struct limit *limit;
    struct stat_set *set;
    struct limit_figures figures;
};

static void begin(struct scene *scene, const char *rule)
{
    struct err err = {0};

    *scene = (struct scene){.rules = limit_rules_new(&rule, rule ? 1 : 0, &err),
                            .limit = limit_new(1000),
                            .set = stat_set_new()};
    if (!scene->rules)
        fail_msg("%s", err.text);
    scene->figures = (struct limit_figures){.set = scene->set,
                                            .users = 100,
                                            .fresh = 25,
                                            .open = 100,
                                            .length_ns = 5 * CLOCK_NS_PER_S,
                                            .waited_ns = 3 * CLOCK_NS_PER_S};
}

static void record(struct scene *scene, int passes, int fails, uint64_t ttfe_ms)
{
    for (int i = 0; i < passes + fails; i++) {
        stat_count(scene->set, METRIC_SSE_ATTEMPTS, NULL, 1);
        stat_pass(scene->set, METRIC_SSE_CONNECT_SUCCESS, NULL, i < passes);
        if (i >= passes)
            stat_pass(scene->set, METRIC_SSE_STREAM_SUCCESS, NULL, false);
        else if (ttfe_ms > 0)
            stat_time(scene->set, METRIC_SSE_TTFE, NULL, ttfe_ms * CLOCK_NS_PER_MS);
    }
}

static void end(struct scene *scene)
{
    limit_rules_free(scene->rules);
    limit_free(scene->limit);
    stat_set_free(scene->set);
}

/* `broken` NULL: the step holds. Ends the scene. */
static void expect(struct scene *scene, const char *broken)
{
    struct limit_step step = limit_judge(scene->rules, scene->limit, &scene->figures);

    if (!broken && step.broken)
        fail_msg("does not hold: %s", step.broken);
    assert_true(step.has_held == !broken);
    assert_true(step.is_doubtful == (broken && strncmp(broken, "knee", 4) == 0));
    if (broken)
        assert_string_equal(step.broken, broken);
    free(step.broken);
    end(scene);
}

static void users_who_all_get_their_stream_hold(void **state)
{
    struct scene scene;
    struct limit_step step;

    (void)state;
    begin(&scene, NULL);
    record(&scene, 25, 0, 20);
    stat_count(scene.set, METRIC_SSE_EVENTS, NULL, 500);
    step = limit_judge(scene.rules, scene.limit, &scene.figures);
    assert_true(step.has_held && !step.is_ours);
    assert_int_equal(step.users, 100);
    assert_int_equal(step.attempts, 25);
    assert_int_equal(step.unanswered, 0);
    assert_float_equal(step.connect_success, 1, 1e-9);
    assert_float_equal(step.stream_success, 1, 1e-9);
    assert_float_equal(step.p95_ms[LIMIT_TTFE], 20, 0.1);
    assert_true(isnan(step.p95_ms[LIMIT_LATENCY]));
    assert_float_equal(step.events_per_s, 100, 1e-9);
    assert_float_equal(step.length_s, 5, 1e-9);
    end(&scene);
}

static void refusals_are_named_with_their_cause(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, NULL);
    record(&scene, 24, 1, 20);
    scene.figures.cause = "status_5xx";
    expect(&scene, "sse_connect_success: rate>0.99 is 0.96 (status_5xx)");
}

static void one_in_a_hundred_may_fail(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, NULL);
    scene.figures.fresh = 300;
    record(&scene, 298, 2, 20);
    scene.figures.open = 298;
    expect(&scene, NULL);
    begin(&scene, NULL);
    scene.figures.fresh = 300;
    record(&scene, 297, 3, 20);
    expect(&scene, "sse_connect_success: rate>0.99 is 0.99");
}

static void users_without_an_answer_have_failed(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, NULL);
    record(&scene, 20, 0, 20);
    assert_int_equal(limit_count_unanswered(&scene.figures), 5);
    expect(&scene, "sse_connect_success: rate>0.99 is 0.8 (5 of 25 unanswered after 3 s)");
}

static void nobody_has_waited_in_a_step_that_is_cut_short(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, NULL);
    record(&scene, 10, 2, 20);
    scene.figures.waited_ns = 0;
    assert_true(limit_is_lost(scene.rules, &scene.figures));
    expect(&scene, "sse_connect_success: rate>0.99 is 0.833");
}

static void a_step_is_lost_when_no_success_can_save_it(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, "sse_connect_success: rate>0.9");
    record(&scene, 0, 2, 20);
    assert_false(limit_is_lost(scene.rules, &scene.figures)); /* 23 of 25 may yet pass */
    record(&scene, 0, 1, 20);
    assert_true(limit_is_lost(scene.rules, &scene.figures));
    end(&scene);
    begin(&scene, "sse_connect_success: rate>0");
    record(&scene, 5, 20, 20);
    assert_false(limit_is_lost(scene.rules, &scene.figures)); /* is content with that */
    end(&scene);
}

static void streams_that_end_unasked_count_against_those_that_are_open(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, NULL);
    record(&scene, 25, 0, 20);
    scene.figures.open = 99;
    stat_pass(scene.set, METRIC_SSE_STREAM_SUCCESS, NULL, false);
    scene.figures.cause = "reset";
    expect(&scene, "sse_stream_success: rate>0.99 is 0.99 (reset)");
    begin(&scene, NULL);
    record(&scene, 25, 0, 20);
    scene.figures.open = 120;
    stat_pass(scene.set, METRIC_SSE_STREAM_SUCCESS, NULL, false);
    expect(&scene, NULL);
}

static void thresholds_of_ones_own_judge_too(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, "sse_ttfe: p(95)<500");
    record(&scene, 25, 0, 730);
    expect(&scene, "sse_ttfe: p(95)<500 is 730 ms");
    begin(&scene, "sse_ttfe: p(95) < 1s");
    record(&scene, 25, 0, 730);
    expect(&scene, NULL);
    begin(&scene, "sse_open: value>=100");
    record(&scene, 25, 0, 20);
    expect(&scene, NULL);
    begin(&scene, "sse_disconnects: count==0");
    stat_count(scene.set, METRIC_SSE_DISCONNECTS, NULL, 3);
    expect(&scene, "sse_disconnects: count==0 is 3");
    begin(&scene, "sse_event_latency: p(95)<500");
    expect(&scene, "sse_event_latency: p(95)<500 is not measured");
}

static void who_is_turned_away_is_judged_unless_a_threshold_does(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, "sse_ttfe: p(95)<500");
    record(&scene, 20, 5, 20);
    expect(&scene, "sse_connect_success: rate>0.99 is 0.8");
    begin(&scene, "sse_connect_success: rate>0.5");
    record(&scene, 20, 5, 20);
    expect(&scene, NULL);
    begin(&scene, "sse_stream_success: rate>0.5");
    record(&scene, 20, 5, 20);
    expect(&scene, "sse_connect_success: rate>0.99 is 0.8");
}

static void
streams_are_judged_by_those_that_opened_where_a_threshold_lets_some_be_turned_away(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, "sse_connect_success: rate>0.5");
    record(&scene, 20, 5, 20);
    scene.figures.open = 95;
    stat_passes(scene.set, METRIC_SSE_STREAM_SUCCESS, NULL, 0, 2);
    assert_true(limit_is_lost(scene.rules, &scene.figures));
    expect(&scene, "sse_stream_success: rate>0.99 is 0.979");
    begin(&scene, "sse_connect_success: rate>0.5");
    record(&scene, 10, 15, 20);
    assert_true(limit_is_lost(scene.rules, &scene.figures));
    expect(&scene, "sse_connect_success: rate>0.5 is 0.4");
}

static void where_no_stream_opened_nothing_holds(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, "sse_connect_success: rate>=0");
    record(&scene, 0, 25, 0);
    scene.figures.open = 0;
    scene.figures.cause = "connect_refused";
    expect(&scene, "none of 25 new users got a stream (connect_refused)");
    begin(&scene, "sse_connect_success: rate>=0");
    record(&scene, 1, 24, 20);
    expect(&scene, NULL);
}

static void failures_of_a_time_are_told_from_others(void **state)
{
    static const struct {
        const char *rule;
        int fails;
        bool is_of_time;
    } cases[] = {{"sse_ttfe: p(95)<500", 0, true},
                 {"sse_connect_success: rate>0.99", 5, false},
                 {"sse_event_latency: p(95)<500", 0, false}}; /* not measured */

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        struct limit_step step;

        begin(&scene, cases[i].rule);
        record(&scene, 25 - cases[i].fails, cases[i].fails, 730);
        step = limit_judge(scene.rules, scene.limit, &scene.figures);
        assert_false(step.has_held);
        assert_true(step.is_of_time == cases[i].is_of_time);
        free(step.broken);
        end(&scene);
    }
}

static void who_waits_for_a_first_event_is_no_better_than_who_got_it_late(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, "sse_ttfe: p(95)<500");
    record(&scene, 20, 0, 20);
    record(&scene, 5, 0, 0); /* open, and no event for 3 s */
    expect(&scene, "sse_ttfe: p(95)<500 is 3000 ms");
    begin(&scene, "sse_ttfe{phase:first}: p(95)<500");
    expect(&scene, "sse_ttfe{phase:first}: p(95)<500 is 3000 ms");
    begin(&scene, "sse_connecting: p(95)<500");
    expect(&scene, "sse_connecting: p(95)<500 is 3000 ms");
    begin(&scene, "sse_ttfe: p(95)<500");
    record(&scene, 25, 0, 20);
    expect(&scene, NULL);
}

/* --- the knee --- */

/* Three small steps in which each time was `ms`, but events came every `gap_ms`. */
static void add_ease(struct scene *scene, double ms, double gap_ms)
{
    struct limit_task task;

    for (int i = 0; i < 3 && limit_next(scene->limit, &task); i++)
        limit_add(scene->limit, &(struct limit_step){.users = task.users,
                                                     .has_held = true,
                                                     .attempts = LIMIT_EASE_ATTEMPTS,
                                                     .p95_ms = {ms, ms, gap_ms, ms}});
}

static void check_knee(double ease_ms, double gap_ms, uint64_t ttfe_ms, const char *broken)
{
    struct scene scene;

    begin(&scene, NULL);
    add_ease(&scene, ease_ms, gap_ms);
    record(&scene, 25, 0, ttfe_ms);
    expect(&scene, broken);
}

static void times_far_above_those_of_few_users_are_a_knee(void **state)
{
    (void)state;
    check_knee(20, 10, 130, "knee of sse_ttfe: p(95) is 130 ms, with few users 20 ms");
    check_knee(20, 10, 119, NULL); /* not 100 ms more */
    check_knee(50, 10, 240, NULL); /* not five times */
    check_knee(50, 10, 255, "knee of sse_ttfe: p(95) is 255 ms, with few users 50 ms");
    check_knee((double)NAN, 10, 900, NULL); /* nothing to compare */
}

static void a_first_event_as_late_as_the_next_one_is_no_knee(void **state)
{
    (void)state;
    check_knee(20, 1000, 990, NULL);
    check_knee(20, 1000, 1010, "knee of sse_ttfe: p(95) is 1010 ms, with few users 20 ms");
    check_knee(20, (double)NAN, 1010, NULL); /* who knows how often they come? */
}

static void connecting_and_latency_have_knees_of_their_own(void **state)
{
    static const struct {
        const char *broken;
        enum metric metric;
        uint32_t ms;
    } cases[] = {
        {"knee of sse_connecting: p(95) is 270 ms, with few users 20 ms", METRIC_SSE_CONNECTING,
         270},
        {NULL, METRIC_SSE_CONNECTING, 269},
        {"knee of sse_event_latency: p(95) is 120 ms, with few users 20 ms",
         METRIC_SSE_EVENT_LATENCY, 120},
        {NULL, METRIC_SSE_EVENT_LATENCY, 119},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;

        begin(&scene, NULL);
        add_ease(&scene, 20, 1000);
        record(&scene, 25, 0, 20);
        stat_time(scene.set, cases[i].metric, NULL, cases[i].ms * CLOCK_NS_PER_MS);
        expect(&scene, cases[i].broken);
    }
}

static void a_time_that_a_threshold_judges_has_no_knee(void **state)
{
    static const char *const rules[] = {"sse_ttfe: p(95)<2s", "sse_connecting: p(95)<2s",
                                        "sse_first_byte: p(95)<2s"};
    struct scene scene;

    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        begin(&scene, rules[i]);
        add_ease(&scene, 20, 10);
        record(&scene, 25, 0, 900);
        stat_time(scene.set, METRIC_SSE_CONNECTING, NULL, 900 * CLOCK_NS_PER_MS);
        stat_time(scene.set, METRIC_SSE_FIRST_BYTE, NULL, 900 * CLOCK_NS_PER_MS);
        expect(&scene, NULL);
    }
}

/* --- cicada itself --- */

static void late_figures_of_a_busy_cicada_are_not_the_service_s(void **state)
{
    struct scene scene;
    struct limit_step step;

    (void)state;
    begin(&scene, "sse_ttfe: p(95)<500");
    record(&scene, 25, 0, 730);
    scene.figures.is_saturated = true;
    scene.figures.own_lag_ms = 140;
    step = limit_judge(scene.rules, scene.limit, &scene.figures);
    assert_true(step.is_ours && !step.has_held);
    assert_string_equal(step.broken,
                        "generator-saturated: its own lag is 140 ms at p99, so that sse_ttfe: "
                        "p(95)<500 is 730 ms may be its own doing");
    free(step.broken);
    end(&scene);
}

static void refusals_are_the_service_s_however_busy_cicada_is(void **state)
{
    struct scene scene;
    struct limit_step step;

    (void)state;
    begin(&scene, NULL);
    record(&scene, 20, 5, 20);
    scene.figures.is_saturated = true;
    step = limit_judge(scene.rules, scene.limit, &scene.figures);
    assert_true(!step.is_ours && !step.has_held);
    free(step.broken);
    end(&scene);
    begin(&scene, NULL);
    record(&scene, 20, 0, 20); /* five unanswered may be late here */
    scene.figures.is_saturated = true;
    step = limit_judge(scene.rules, scene.limit, &scene.figures);
    assert_true(step.is_ours);
    free(step.broken);
    end(&scene);
}

static void rules_that_say_more_than_a_step_holds_are_refused(void **state)
{
    static const struct {
        const char *rule, *part;
    } cases[] = {
        {"sse_ttfe: p(95)<500 over 10s", "'over'"},
        {"sse_ttfe: p(95)<500 after 30s", "'after'"},
        {"sse_ttfe: p(95)<500 abort", "'abort'"},
        {"sse_ttfe{endpoint:/a}: p(95)<500", "an endpoint"},
        {"sse_ttfe: p(95)<", "column"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};

        assert_null(limit_rules_new(&cases[i].rule, 1, &err));
        if (!strstr(err.text, cases[i].part))
            fail_msg("%s: %s", cases[i].rule, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_who_all_get_their_stream_hold),
        cmocka_unit_test(refusals_are_named_with_their_cause),
        cmocka_unit_test(one_in_a_hundred_may_fail),
        cmocka_unit_test(users_without_an_answer_have_failed),
        cmocka_unit_test(nobody_has_waited_in_a_step_that_is_cut_short),
        cmocka_unit_test(a_step_is_lost_when_no_success_can_save_it),
        cmocka_unit_test(streams_that_end_unasked_count_against_those_that_are_open),
        cmocka_unit_test(thresholds_of_ones_own_judge_too),
        cmocka_unit_test(who_is_turned_away_is_judged_unless_a_threshold_does),
        cmocka_unit_test(
            streams_are_judged_by_those_that_opened_where_a_threshold_lets_some_be_turned_away),
        cmocka_unit_test(where_no_stream_opened_nothing_holds),
        cmocka_unit_test(failures_of_a_time_are_told_from_others),
        cmocka_unit_test(who_waits_for_a_first_event_is_no_better_than_who_got_it_late),
        cmocka_unit_test(times_far_above_those_of_few_users_are_a_knee),
        cmocka_unit_test(a_first_event_as_late_as_the_next_one_is_no_knee),
        cmocka_unit_test(connecting_and_latency_have_knees_of_their_own),
        cmocka_unit_test(a_time_that_a_threshold_judges_has_no_knee),
        cmocka_unit_test(late_figures_of_a_busy_cicada_are_not_the_service_s),
        cmocka_unit_test(refusals_are_the_service_s_however_busy_cicada_is),
        cmocka_unit_test(rules_that_say_more_than_a_step_holds_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

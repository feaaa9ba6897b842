#include "stats/run.h"

#include "base/clock.h"
#include "base/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint64_t S = 1000000000, MS = 1000000;

static void tick_of_stage(struct run *run, size_t worker, uint32_t stage, uint32_t users,
                          uint64_t events)
{
    struct run_tick head = {.interval_ns = S,
                            .users = users,
                            .open = users,
                            .cpu_ratio = 0.5,
                            .rss_bytes = 1000,
                            .stage = stage};
    struct stats *delta = stats_new();
    size_t endpoint = stats_add_endpoint(delta, "GET", "/a");

    stat_count(stats_endpoint_set(delta, endpoint), METRIC_SSE_EVENTS, NULL, events);
    stat_time(stats_worker_set(delta), METRIC_WORKER_LAG, NULL, 3 * MS);
    run_add_tick(run, worker, &head, delta);
    stats_free(delta);
}

static void tick(struct run *run, size_t worker, uint32_t users, uint64_t events)
{
    tick_of_stage(run, worker, 0, users, events);
}

/* At its end `open` streams are left; `lost` ended unasked, and `back` of them are open again. */
static void tick_of_wave(struct run *run, size_t worker, uint32_t open, int lost, int back)
{
    struct run_tick head = {.interval_ns = S, .users = 100, .open = open};
    struct stats *delta = stats_new();
    struct wave *wave = waves_find(stats_waves(delta), 1700000000);

    for (int i = 0; i < lost; i++)
        wave_lose(wave, CLASS_RESET, 1.7e12);
    for (int i = 0; i < back; i++)
        wave_answer(wave, 200);
    run_add_tick(run, worker, &head, delta);
    stats_free(delta);
}

static void a_wave_knows_how_many_were_open_before(void **state)
{
    static const struct {
        int lost, back;
        bool has_ticked;
    } cases[] = {{60, 0, true}, {60, 60, true}, {100, 0, true}, {60, 0, false}, {100, 100, false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct run *run = run_new(2);
        uint32_t left = (uint32_t)(100 - cases[i].lost + cases[i].back);

        for (size_t worker = 0; worker < 2 && cases[i].has_ticked; worker++)
            tick(run, worker, 100, 0);
        for (size_t worker = 0; worker < 2; worker++)
            tick_of_wave(run, worker, left, cases[i].lost, cases[i].back);
        assert_int_equal(waves_at(stats_waves(run->stats), 0)->open, 200);
        tick_of_wave(run, 0, 100, 0, cases[i].lost - cases[i].back);
        tick_of_wave(run, 1, 100, 0, cases[i].lost - cases[i].back);
        assert_int_equal(waves_at(stats_waves(run->stats), 0)->open, 200);
        run_free(run);
    }
}

static void a_storm_knows_what_each_worker_had_open(void **state)
{
    static const uint32_t open[] = {60, 40};
    struct run *run = run_new(2);

    (void)state;
    for (size_t worker = 0; worker < 2; worker++) {
        struct run_tick head = {.interval_ns = S, .users = 100, .open = 100};
        struct stats *delta = stats_new();

        waves_begin_storm(stats_waves(delta), 3, open[worker], S);
        wave_lose(waves_find(stats_waves(delta), 3), CLASS_NONE, 1e12);
        run_add_tick(run, worker, &head, delta);
        stats_free(delta);
    }
    assert_int_equal(waves_find(stats_waves(run->stats), 3)->open, 100);
    run_free(run);
}

static double gauge_value(const struct stat_set *set, enum metric metric)
{
    double value = NAN;

    (void)stat_get_gauge(set, metric, NULL, &value, NULL, NULL);
    return value;
}

static void a_fresh_run_is_empty(void **state)
{
    struct run *run = run_new(2);

    (void)state;
    assert_int_equal(run->worker_count, 2);
    assert_int_equal(run->series.count, 0);
    assert_string_equal(run->workers[1].host, "local");
    assert_null(run->info.id);
    run->info.id = x_strdup("x");
    run_finish(run, 0);
    run_free(run);
    run_free(NULL);
}

static void seconds_add_up_to_the_total(void **state)
{
    struct run *run = run_new(2);
    uint64_t sum = 0;

    (void)state;
    for (uint64_t second = 1; second <= 100; second++) {
        tick(run, 0, 10, second);
        tick(run, 1, 5, 2 * second);
        run_close_second(run, second * S);
    }
    assert_int_equal(run->series.count, 100);
    for (size_t i = 0; i < run->series.count; i++)
        sum += run->series.events[i];
    assert_int_equal(sum, 3 * 5050);
    assert_int_equal(stat_get_count(run->total, METRIC_SSE_EVENTS, NULL), sum);
    assert_int_equal(stat_get_count(stats_endpoint_set(run->stats, 0), METRIC_SSE_EVENTS, NULL),
                     sum);
    assert_int_equal(run->series.users[99], 15);
    assert_true(run->series.t_s[99] == 100);
    assert_true(isnan(run->series.ttfe_p95_ms[99]));
    assert_true(run->series.lag_p95_ms[99] >= 3 && run->series.lag_p95_ms[99] < 3.01);
    assert_int_equal(run->info.users_max, 15);
    assert_int_equal(run->info.duration_ns, 100 * S);
    run_free(run);
}

static void the_window_holds_the_last_ten_seconds(void **state)
{
    struct run *run = run_new(1);

    (void)state;
    for (uint64_t second = 1; second <= 25; second++) {
        tick(run, 0, 1, second);
        run_close_second(run, second * S);
        if (second == 3) {
            assert_int_equal(stat_get_count(run->window, METRIC_SSE_EVENTS, NULL), 6);
            assert_true(run->window_s == 3);
        }
    }
    assert_int_equal(stat_get_count(run->window, METRIC_SSE_EVENTS, NULL), 205);
    assert_true(run->window_s == 10);
    run_free(run);
}

static void stages_stand_apart_and_in_the_whole(void **state)
{
    struct run *run = run_new(2);

    (void)state;
    tick_of_stage(run, 0, RUN_STAGE_WARM_UP, 5, 1000);
    assert_int_equal(run_begin_stage(run, 10, S), 1);
    tick_of_stage(run, 0, 1, 5, 10);
    tick_of_stage(run, 1, 1, 4, 1);
    assert_int_equal(run_begin_stage(run, 20, 3 * S), 2);
    tick_of_stage(run, 1, 1, 4, 2);   /* late, but measured in the first */
    tick_of_stage(run, 0, 2, 7, 100); /* the other worker is not in it yet */
    assert_int_equal(run->stages[1].open_max, 0);
    tick_of_stage(run, 1, 2, 4, 0);
    tick_of_stage(run, 0, 77, 7, 4); /* a stage there is not */
    run_finish(run, 4 * S);
    assert_int_equal(stat_get_count(run->warm_up, METRIC_SSE_EVENTS, NULL), 1000);
    assert_int_equal(stat_get_count(run->stages[0].set, METRIC_SSE_EVENTS, NULL), 13);
    assert_int_equal(stat_get_count(run->stages[1].set, METRIC_SSE_EVENTS, NULL), 100);
    assert_int_equal(stat_get_count(run->total, METRIC_SSE_EVENTS, NULL), 117);
    assert_int_equal(hist_count(stat_get_trend(run->stages[0].set, METRIC_WORKER_LAG, NULL)), 3);
    assert_true(run->stages[0].began_ns == S && run->stages[0].ended_ns == 3 * S);
    assert_true(run->stages[1].users == 20);
    assert_int_equal(run_stage_end_ns(run, &run->stages[0]), 3 * S);
    assert_int_equal(run_stage_end_ns(run, &run->stages[1]), 4 * S);
    assert_true(gauge_value(run->stages[0].set, METRIC_USERS) == 9);
    assert_true(gauge_value(run->stages[1].set, METRIC_SSE_OPEN) == 11);
    assert_int_equal(run->stages[0].open_max, 9);
    assert_int_equal(run->stages[1].open_max, 11);
    run_free(run);
}

static void a_warm_up_leaves_no_trace(void **state)
{
    struct run *run = run_new(1);
    struct stats *found = stats_new();

    (void)state;
    run->info.is_warming_up = true;
    stat_count(stats_worker_set(found), METRIC_SSE_PEER_MISSED, NULL, 3);
    run_add_found(run, found);
    for (int i = 0; i < 8; i++)
        tick_of_stage(run, 0, RUN_STAGE_WARM_UP, 50, 1000);
    assert_false(run_has_attempts(run));
    run_end_warm_up(run, 8 * S);
    assert_int_equal(run_measured_ns(run), 0);
    assert_int_equal(run_begin_stage(run, 10, 2 * S), 1);
    tick_of_stage(run, 0, 1, 20, 10);
    run_close_second(run, 10 * S);
    assert_int_equal(run->info.users_max, 20);
    assert_int_equal(run->series.count, 1);
    assert_true(run->series.t_s[0] == 10 && run->series.events[0] == 10);
    assert_int_equal(run_measured_ns(run), 2 * S);
    assert_int_equal(run_stage_measured_ns(run, &run->stages[0]), 2 * S);
    assert_true(run->window_s == 2);
    assert_int_equal(stat_get_count(run->total, METRIC_SSE_PEER_MISSED, NULL), 0);
    assert_int_equal(hist_count(stat_get_trend(run->workers[0].own, METRIC_WORKER_LAG, NULL)), 1);
    assert_true(run->workers[0].cpu_max_ratio == 0);
    stats_free(found);
    run_free(run);
}

/* Its streams are those of the run too. */
static void streams_of_the_warm_up_were_connected(void **state)
{
    const struct run_tick warm = {.interval_ns = S, .stage = RUN_STAGE_WARM_UP};
    const struct run_tick later = {.interval_ns = S};
    struct run *run = run_new(1);
    struct stats *delta = stats_new();
    size_t endpoint = stats_add_endpoint(delta, "GET", "/a");
    struct stat_set *set = stats_endpoint_set(delta, endpoint);

    (void)state;
    assert_int_equal(run_count_connected(run), 0);
    stat_passes(set, METRIC_SSE_CONNECT_SUCCESS, NULL, 7, 100);
    stat_count(set, METRIC_SSE_ATTEMPTS, NULL, 107);
    run_add_tick(run, 0, &warm, delta);
    assert_true(run_has_attempts(run));
    stats_clear(delta);
    stat_passes(set, METRIC_SSE_CONNECT_SUCCESS, NULL, 2, 1);
    run_add_tick(run, 0, &later, delta);
    run_close_second(run, S);
    assert_int_equal(run_count_connected(run), 9);
    stats_free(delta);
    run_free(run);
}

static void gauges_are_sums_over_workers(void **state)
{
    struct run *run = run_new(2);
    double value, min, max;

    (void)state;
    tick(run, 0, 10, 0);
    run_close_second(run, S);
    tick(run, 1, 7, 0);
    run_close_second(run, 2 * S);
    tick(run, 0, 2, 0);
    run_close_second(run, 3 * S);
    assert_true(stat_get_gauge(run->total, METRIC_USERS, NULL, &value, &min, &max));
    assert_true(value == 9 && min == 9 && max == 17);
    assert_true(gauge_value(stats_worker_set(run->stats), METRIC_SSE_OPEN) == 9);
    assert_true(gauge_value(run->total, METRIC_WORKER_RSS) == 2000);
    assert_true(gauge_value(run->total, METRIC_WORKER_CPU) == 0.5);
    assert_true(gauge_value(run->workers[1].own, METRIC_WORKER_RSS) == 1000);
    assert_int_equal(hist_count(stat_get_trend(run->workers[0].own, METRIC_WORKER_LAG, NULL)), 2);
    assert_int_equal(hist_count(stat_get_trend(run->total, METRIC_WORKER_LAG, NULL)), 3);
    run_free(run);
}

static void cpu_max_is_the_best_of_five_ticks(void **state)
{
    static const double ratios[] = {0.1, 0.1, 1, 1, 1, 1, 0.5, 0.1};
    struct run *run = run_new(1);
    struct stats *delta = stats_new();

    (void)state;
    for (size_t i = 0; i < sizeof ratios / sizeof ratios[0]; i++) {
        struct run_tick head = {.interval_ns = S, .cpu_ratio = ratios[i]};

        run_add_tick(run, 0, &head, delta);
        if (i == 3)
            assert_true(run->workers[0].cpu_max_ratio == 0);
    }
    assert_true(fabs(run->workers[0].cpu_max_ratio - 0.9) < 1e-9);
    stats_free(delta);
    run_free(run);
}

static void disconnects_are_related_to_open_hours(void **state)
{
    struct run *run = run_new(1);
    struct stats *delta = stats_new();
    struct run_tick head = {.interval_ns = 1800 * S, .open = 10};

    (void)state;
    (void)stats_add_endpoint(delta, "GET", "/a");
    run_add_tick(run, 0, &head, delta); /* from 0 to 10 open: 2.5 hours */
    stat_count(stats_endpoint_set(delta, 0), METRIC_SSE_DISCONNECTS, NULL, 15);
    run_add_tick(run, 0, &head, delta); /* 10 open: 5 hours */
    run_close_second(run, 3600 * S);
    assert_true(fabs(gauge_value(run->total, METRIC_SSE_DISCONNECTS_PER_STREAM_HOUR) - 2) < 1e-9);
    assert_int_equal(run->series.disconnects[0], 15);
    stats_free(delta);
    run_free(run);
}

static void a_lost_worker_leaves_its_streams_as_lost(void **state)
{
    struct run *run = run_new(2);

    (void)state;
    tick(run, 0, 10, 1);
    tick(run, 1, 20, 1);
    run_close_second(run, S);
    run_lose_worker(run, 1);
    run_lose_worker(run, 1);
    run_close_second(run, 2 * S);
    assert_true(run->workers[1].is_lost);
    assert_int_equal(run->workers[1].lost_open, 20);
    assert_int_equal(run->series.users[1], 10);
    assert_int_equal(stat_get_count(run->total, METRIC_SSE_LOST, NULL), 20);
    assert_int_equal(stat_get_count(stats_worker_set(run->stats), METRIC_SSE_LOST, NULL), 20);
    assert_true(gauge_value(run->total, METRIC_SSE_OPEN) == 10);
    run_free(run);
}

static void finish_takes_in_what_came_late(void **state)
{
    struct run *run = run_new(1);

    (void)state;
    tick(run, 0, 1, 5);
    run_close_second(run, S);
    tick(run, 0, 1, 7);
    run_finish(run, S + 100 * MS);
    assert_int_equal(run->series.count, 1);
    assert_int_equal(run->series.events[0], 12);
    assert_int_equal(stat_get_count(run->total, METRIC_SSE_EVENTS, NULL), 12);
    assert_int_equal(stat_get_count(run->window, METRIC_SSE_EVENTS, NULL), 12);
    assert_int_equal(run->info.duration_ns, S + 100 * MS);
    tick(run, 0, 0, 1);
    run_finish(run, 2 * S);
    assert_int_equal(run->series.count, 2);
    assert_int_equal(stat_get_count(run->total, METRIC_SSE_EVENTS, NULL), 13);
    run_finish(run, 2 * S);
    assert_int_equal(stat_get_count(run->total, METRIC_SSE_EVENTS, NULL), 13);
    run_free(run);
}

static void rows_leave_the_window_after_ten_seconds(void **state)
{
    struct run *run = run_new(1);
    struct stats *delta = stats_new();
    struct run_tick tick = {.interval_ns = 1000000000};

    (void)state;
    for (uint64_t second = 1; second <= 12; second++) {
        rows_record(stats_rows(delta), "GET", second <= 2 ? "/early" : "/late", 5, 0, NULL,
                    1767225600000.0 + (double)second * 1000);
        run_add_tick(run, 0, &tick, delta);
        stats_clear(delta);
        run_close_second(run, second * 1000000000);
    }
    assert_true(rows_find(stats_rows(run->stats), "GET", "/early")->request_count == 2);
    assert_true(rows_find(stats_rows(run->stats), "GET", "/late")->request_count == 10);
    assert_true(rows_find(run->rows_window, "GET", "/early")->request_count == 0);
    assert_true(rows_find(run->rows_window, "GET", "/late")->request_count == 10);
    rows_reset(stats_rows(delta), 1767225613000.0);
    run_add_tick(run, 0, &tick, delta);
    run_finish(run, 12100000000);
    assert_true(rows_find(stats_rows(run->stats), "GET", "/late")->request_count == 0);
    assert_true(rows_find(run->rows_window, "GET", "/late")->request_count == 0);
    stats_free(delta);
    run_free(run);
}

/* The count of "/a", in all and in the window. */
static void expect_counts(const struct run *run, uint64_t all, uint64_t recent)
{
    assert_int_equal(rows_find(stats_rows(run->stats), "GET", "/a")->request_count, all);
    assert_int_equal(rows_find(run->rows_window, "GET", "/a")->request_count, recent);
}

static void count_rows(struct run *run, size_t worker, uint64_t count, double reset_unix_ms)
{
    struct run_tick tick = {.interval_ns = S};
    struct stats *delta = stats_new();

    if (reset_unix_ms > 0)
        rows_reset(stats_rows(delta), reset_unix_ms);
    for (uint64_t i = 0; i < count; i++)
        rows_record(stats_rows(delta), "GET", "/a", 5, 0, "no", 1767225600000.0);
    if (worker < run->worker_count)
        run_add_tick(run, worker, &tick, delta);
    else
        run_add_lead_rows(run, stats_rows(delta));
    stats_free(delta);
}

static void a_reset_forgets_the_rows_of_its_worker_alone(void **state)
{
    struct run *run = run_new(2);

    (void)state;
    count_rows(run, 0, 3, 0);
    count_rows(run, 1, 5, 0);
    count_rows(run, 2, 7, 0);
    run_close_second(run, S);
    expect_counts(run, 15, 15);
    count_rows(run, 1, 1, 1767225601000.0);
    run_close_second(run, 2 * S);
    expect_counts(run, 11, 11);
    assert_int_equal(rows_error_at(stats_rows(run->stats), 0)->count, 11);
    assert_true(rows_start_unix_ms(stats_rows(run->stats)) == 0);
    count_rows(run, 0, 2, 1767225602000.0);
    count_rows(run, 1, 4, 0);
    count_rows(run, 2, 0, 1767225603000.0);
    run_finish(run, 2 * S + 100 * MS);
    expect_counts(run, 7, 7);
    assert_true(rows_start_unix_ms(stats_rows(run->stats)) == 1767225601000.0);
    run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_leave_the_window_after_ten_seconds),
        cmocka_unit_test(a_reset_forgets_the_rows_of_its_worker_alone),
        cmocka_unit_test(a_fresh_run_is_empty),
        cmocka_unit_test(a_wave_knows_how_many_were_open_before),
        cmocka_unit_test(a_storm_knows_what_each_worker_had_open),
        cmocka_unit_test(seconds_add_up_to_the_total),
        cmocka_unit_test(the_window_holds_the_last_ten_seconds),
        cmocka_unit_test(stages_stand_apart_and_in_the_whole),
        cmocka_unit_test(a_warm_up_leaves_no_trace),
        cmocka_unit_test(streams_of_the_warm_up_were_connected),
        cmocka_unit_test(gauges_are_sums_over_workers),
        cmocka_unit_test(cpu_max_is_the_best_of_five_ticks),
        cmocka_unit_test(disconnects_are_related_to_open_hours),
        cmocka_unit_test(a_lost_worker_leaves_its_streams_as_lost),
        cmocka_unit_test(finish_takes_in_what_came_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "verdict/wave.h"

#include "base/clock.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND = 1800000000 /* when the runs began */, OPEN = 1000 };

static struct run *run;

static int make_run(void **state)
{
    (void)state;
    run = run_new(1);
    run->info.started_unix_ms = SECOND * 1000.0;
    return 0;
}

static int free_run(void **state)
{
    (void)state;
    run_free(run);
    return 0;
}

/* `count` streams end within second `at` of the run, from 100 ms on, and ask again. */
static struct wave *lose(uint32_t at, uint32_t count, enum error_class error_class)
{
    struct wave *wave = waves_find(stats_waves(run->stats), SECOND + at);

    for (uint32_t i = 0; i < count; i++) {
        wave_lose(wave, error_class, (SECOND + at) * 1000.0 + 100 + i % 800);
        wave_attempt(wave, (SECOND + at) * 1000.0 + 1100 + i % 800);
    }
    if (wave->open == 0)
        wave->open = OPEN;
    return wave;
}

static size_t count_waves(void)
{
    struct wave_list list = wave_list_of(run);
    size_t count = list.count;

    wave_list_fini(&list);
    return count;
}

/* Ends by second of the run; how many waves that is, and the lost streams of the first. */
struct flow {
    const char *what;
    uint32_t lost[16];
    size_t waves;
    uint64_t first_lost;
};

static const struct flow flows[] = {
    {"all at once", {[5] = 1000}, 1, 1000},
    {"a tenth of those open", {[5] = 100}, 1, 100},
    {"less than a tenth", {[5] = 99}, 0, 0},
    {"a tenth over three seconds", {[5] = 40, 40, 20}, 1, 100},
    {"a tenth over four seconds", {[5] = 33, 33, 33, 1}, 0, 0},
    {"over the end of a second", {[5] = 300, 700}, 1, 1000},
    {"stragglers in front are none of it", {[4] = 2, 1000}, 1, 1000},
    {"two waves", {[2] = 500, [9] = 400}, 2, 500},
    {"one every three seconds is a flow", {[0] = 300, [3] = 300, [6] = 300, [9] = 300}, 0, 0},
    {"a steady flow, however strong", {200, 200, 200, 200, 200, 200, 200, 200, 200, 200}, 0, 0},
    {"a wave above a flow", {20, 20, 20, 20, 20, 900, 20, 20, 20, 20, 20}, 1, 940},
    {"a flow that rises is none", {50, 50, 50, 110, 110, 110, 110, 110, 110, 110, 110}, 0, 0},
};

static void a_wave_stands_out_from_the_flow_of_ends(void **state)
{
    for (size_t i = 0; i < sizeof flows / sizeof flows[0]; i++) {
        struct wave_list list;

        (void)make_run(state);
        for (uint32_t at = 0; at < sizeof flows[i].lost / sizeof flows[i].lost[0]; at++) {
            if (flows[i].lost[at] > 0)
                (void)lose(at, flows[i].lost[at], CLASS_RESET);
        }
        list = wave_list_of(run);
        if (list.count != flows[i].waves)
            fail_msg("%s: %zu waves", flows[i].what, list.count);
        if (list.count > 0 && list.items[0].sum.lost != flows[i].first_lost)
            fail_msg("%s: the first lost %u", flows[i].what, (unsigned)list.items[0].sum.lost);
        wave_list_fini(&list);
        (void)free_run(state);
    }
}

static void a_few_streams_are_no_wave(void **state)
{
    struct wave *wave;

    (void)state;
    wave = lose(5, WAVE_LOST_MIN - 1, CLASS_RESET);
    wave->open = WAVE_LOST_MIN - 1;
    assert_int_equal(count_waves(), 0);
    (void)lose(6, 1, CLASS_RESET);
    assert_int_equal(count_waves(), 1);
}

static void streams_that_were_completed_and_left_alone_are_none(void **state)
{
    struct wave *wave;

    (void)state;
    wave = lose(5, 500, CLASS_CLOSED);
    assert_int_equal(count_waves(), 1);
    wave->attempts = 0;
    assert_int_equal(count_waves(), 0);
    wave_lose(wave, CLASS_RESET, (SECOND + 5) * 1000.0 + 900);
    assert_int_equal(count_waves(), 1);
}

static void the_seconds_of_a_wave_are_one(void **state)
{
    struct wave_list list;
    const struct wave *sum;
    struct wave *wave;

    (void)state;
    wave = lose(5, 100, CLASS_RESET);
    wave->missed = 7;
    wave_come_back(wave, 3100 * CLOCK_NS_PER_MS); /* since the beginning of its second */
    wave = lose(6, 100, CLASS_CLOSED);
    wave->duplicates = 3;
    wave->open = 10; /* that many are left by then */
    wave_come_back(wave, 3100 * CLOCK_NS_PER_MS);
    list = wave_list_of(run);
    assert_int_equal(list.count, 1);
    sum = &list.items[0].sum;
    assert_null(list.items[0].storm);
    assert_true(fabs(list.items[0].at_s - 5.1) < 1e-6);
    assert_true(sum->lost == 200 && sum->open == OPEN && sum->missed == 7 && sum->duplicates == 3);
    assert_true(sum->causes[CLASS_RESET] == 100 && sum->causes[CLASS_CLOSED] == 100);
    assert_true(fabs((double)hist_min(sum->back_after) / 1e6 - 3.0) < 0.01);
    assert_true(fabs((double)hist_max(sum->back_after) / 1e6 - 4.0) < 0.01);
    wave_list_fini(&list);
}

static void storms_stand_among_them_by_time(void **state)
{
    struct run_storm storm = {.at_ns = 4 * CLOCK_NS_PER_S, .ratio = 0.5};
    struct wave_list list;
    struct wave *wave;

    (void)state;
    run_add_storm(run, &storm);
    storm.at_ns = 9 * CLOCK_NS_PER_S;
    run_add_storm(run, &storm); /* of which no worker has told yet */
    wave = waves_find(stats_waves(run->stats), 1);
    wave_lose(wave, CLASS_NONE, (SECOND + 4) * 1000.0);
    (void)lose(6, 500, CLASS_RESET);
    list = wave_list_of(run);
    assert_int_equal(list.count, 3);
    assert_true(list.items[0].storm == &run->storms[0] && list.items[0].sum.lost == 1);
    assert_null(list.items[1].storm);
    assert_true(list.items[2].storm == &run->storms[1] && list.items[2].sum.lost == 0);
    assert_true(isnan(wave_back_s(&list.items[2].sum, 0.5)));
    wave_list_fini(&list);
}

static void a_share_is_back_when_so_many_of_the_lost_are(void **state)
{
    struct wave *wave;

    (void)state;
    wave = lose(5, 200, CLASS_RESET);
    for (uint64_t i = 1; i <= 190; i++)
        wave_come_back(wave, i * 10 * CLOCK_NS_PER_MS);
    assert_true(fabs(wave_back_s(wave, 0.5) - 1.0) < 0.002);
    assert_true(fabs(wave_back_s(wave, 0.95) - 1.9) < 0.002);
    assert_true(isnan(wave_back_s(wave, 0.99)));
    assert_true(isnan(wave_back_s(wave, 1)));
    for (uint64_t i = 191; i <= 200; i++)
        wave_come_back(wave, i * 10 * CLOCK_NS_PER_MS);
    assert_true(wave_back_s(wave, 1) == 2.0);
}

static void old_seconds_that_are_no_wave_are_forgotten(void **state)
{
    struct waves *waves = stats_waves(run->stats);
    struct run_storm storm = {.ratio = 1};

    (void)state;
    run_add_storm(run, &storm);
    wave_lose(waves_find(waves, 1), CLASS_NONE, SECOND * 1000.0);
    (void)lose(2, 3, CLASS_RESET);
    (void)lose(10, 500, CLASS_RESET);
    (void)lose(12, 3, CLASS_RESET);
    waves_find(waves, SECOND + 20)->missed++; /* told late, of a second forgotten before */
    (void)lose(200, 3, CLASS_RESET);
    waves_forget(waves, (SECOND + 100) * 1000.0);
    assert_int_equal(waves_count(waves), 6);
    (void)lose(500, 3, CLASS_RESET); /* by a clock that is wrong */
    waves_forget(waves, (SECOND + 200) * 1000.0);
    assert_int_equal(waves_count(waves), 4); /* storm, both seconds of the wave, and the new one */
    assert_int_equal(count_waves(), 2);
}

#define WITH_RUN(test) cmocka_unit_test_setup_teardown(test, make_run, free_run)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wave_stands_out_from_the_flow_of_ends),
        WITH_RUN(a_few_streams_are_no_wave),
        WITH_RUN(streams_that_were_completed_and_left_alone_are_none),
        WITH_RUN(the_seconds_of_a_wave_are_one),
        WITH_RUN(storms_stand_among_them_by_time),
        WITH_RUN(a_share_is_back_when_so_many_of_the_lost_are),
        WITH_RUN(old_seconds_that_are_no_wave_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

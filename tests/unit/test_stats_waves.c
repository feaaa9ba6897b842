#include "stats/waves.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND = 1800000000 };

static const uint64_t NS_PER_MS = 1000000;

static void a_wave_adds_up_what_its_streams_did(void **state)
{
    struct waves *waves = waves_new();
    struct wave *wave = waves_find(waves, SECOND);

    (void)state;
    wave_lose(wave, CLASS_RESET, 2000.5);
    wave_lose(wave, CLASS_CLOSED, 1000.5);
    wave_lose(wave, CLASS_NONE, 1500);
    wave_answer(wave, 503);
    wave_answer(wave, 200);
    wave_answer(wave, 503);
    wave_come_back(wave, 20 * NS_PER_MS);
    assert_int_equal(waves_count(waves), 1);
    assert_ptr_equal(waves_find(waves, SECOND), wave);
    assert_int_equal(wave->lost, 3);
    assert_true(wave->first_unix_ms == 1000.5 && wave->last_unix_ms == 2000.5);
    assert_true(wave->causes[CLASS_RESET] == 1 && wave->causes[CLASS_CLOSED] == 1);
    assert_int_equal(wave->causes[CLASS_NONE], 0);
    assert_int_equal(wave->status_count, 2);
    assert_true(wave->statuses[0].code == 503 && wave->statuses[0].count == 2);
    assert_int_equal(wave_back_count(wave), 1);
    waves_free(waves);
}

static void nothing_happens_to_no_wave(void **state)
{
    struct waves *waves = waves_new();

    (void)state;
    assert_null(waves_find(waves, WAVES_NONE));
    wave_lose(NULL, CLASS_RESET, 1);
    wave_attempt(NULL, 1);
    wave_answer(NULL, 200);
    wave_come_back(NULL, 1);
    assert_int_equal(waves_count(waves), 0);
    waves_free(waves);
}

static void the_peak_is_of_any_whole_second(void **state)
{
    static const double times_ms[] = {900,  1100, 1100, 1800, 1899, /* five in one second */
                                      1900, 2500, 5000, 5100};
    struct waves *waves = waves_new();
    struct wave *wave = waves_find(waves, 1);

    (void)state;
    assert_int_equal(wave_peak_per_s(wave), 0);
    for (size_t i = sizeof times_ms / sizeof times_ms[0]; i-- > 0;) /* in any order */
        wave_attempt(wave, times_ms[i]);
    assert_int_equal(wave->attempts, 9);
    assert_int_equal(wave->bin_count, 5);
    assert_int_equal(wave_peak_per_s(wave), 5);
    waves_free(waves);
}

static void bins_and_statuses_have_limits(void **state)
{
    struct waves *waves = waves_new();
    struct wave *wave = waves_find(waves, 1);
    uint64_t answers = 0;

    (void)state;
    for (int i = 0; i < 2 * WAVES_BIN_LIMIT; i++)
        wave_attempt(wave, i * (double)WAVES_BIN_MS);
    assert_int_equal(wave->attempts, 2 * WAVES_BIN_LIMIT);
    assert_int_equal(wave->bin_count, WAVES_BIN_LIMIT);
    for (int i = 0; i < 100; i++)
        wave_answer(wave, 500 + i);
    assert_int_equal(wave->status_count, WAVES_STATUS_LIMIT);
    for (size_t i = 0; i < wave->status_count; i++)
        answers += wave->statuses[i].count;
    assert_int_equal(answers, 100);
    assert_int_equal(wave->statuses[WAVES_STATUS_LIMIT - 1].code, 0);
    waves_free(waves);
}

static void waves_have_a_limit(void **state)
{
    struct waves *waves = waves_new();

    (void)state;
    for (uint32_t i = 0; i < WAVES_LIMIT; i++)
        assert_non_null(waves_find(waves, SECOND + i));
    assert_null(waves_find(waves, SECOND + WAVES_LIMIT));
    assert_non_null(waves_find(waves, SECOND));
    waves_drop(waves, 0);
    assert_int_equal(waves_count(waves), WAVES_LIMIT - 1);
    assert_non_null(waves_find(waves, SECOND + WAVES_LIMIT));
    waves_free(waves);
}

/* Of 100 streams, lost in two workers. */
static void fill(struct waves *waves, uint32_t key, uint64_t first_ms)
{
    struct wave *wave = waves_find(waves, key);

    for (uint64_t i = 0; i < 50; i++) {
        wave_lose(wave, CLASS_RESET, (double)(first_ms + i));
        wave_attempt(wave, (double)(first_ms + 1000 + i));
        wave_come_back(wave, (1000 + i) * NS_PER_MS);
    }
    wave->missed += 3;
    wave->failures[CLASS_CONNECT_REFUSED] += 2;
    wave_answer(wave, 200);
}

static void deltas_merge_as_if_one_process_had_counted(void **state)
{
    struct waves *sum = waves_new(), *delta = waves_new();
    const struct wave *wave;

    (void)state;
    fill(delta, SECOND, 1000);
    fill(delta, 1, 5000);
    waves_merge(sum, delta);
    waves_clear(delta);
    assert_int_equal(waves_count(delta), 0);
    fill(delta, SECOND, 900);
    waves_merge(sum, delta);
    assert_int_equal(waves_count(sum), 2);
    wave = waves_find(sum, SECOND);
    assert_true(wave->lost == 100 && wave->attempts == 100 && wave->missed == 6);
    assert_true(wave->first_unix_ms == 900 && wave->last_unix_ms == 1049);
    assert_int_equal(wave->failures[CLASS_CONNECT_REFUSED], 4);
    assert_int_equal(wave->statuses[0].count, 2);
    assert_int_equal(wave_back_count(wave), 100);
    assert_int_equal(wave_peak_per_s(wave), 100);
    assert_int_equal(waves_find(sum, 1)->lost, 50);
    waves_free(sum);
    waves_free(delta);
}

static void times_of_another_second_are_shifted(void **state)
{
    struct waves *waves = waves_new();
    struct wave sum = {0};
    const struct wave *wave;

    (void)state;
    fill(waves, SECOND, 1000);
    wave = waves_find(waves, SECOND);
    wave_merge(&sum, wave, -400000);
    wave_merge(&sum, wave, 1000000);
    wave_merge(&sum, wave, -5000000); /* never before the first end */
    assert_int_equal(wave_back_count(&sum), 150);
    assert_int_equal(hist_min(sum.back_after), 0);
    assert_true(hist_max(sum.back_after) >= 2045000 && hist_max(sum.back_after) <= 2049000);
    wave_fini(&sum);
    waves_free(waves);
}

static void a_way_back_begins_where_it_could(void **state)
{
    struct waves *waves = waves_new();

    (void)state;
    waves_begin_storm(waves, 2, 30, 7000);
    waves_clear(waves);
    assert_int_equal(waves_after_ns(waves, 2, 7500, 0), 500);
    assert_int_equal(waves_after_ns(waves, 2, 6999, 0), 0);
    assert_int_equal(waves_after_ns(waves, 3, 6999, 0), 0);
    assert_int_equal(waves_after_ns(waves, SECOND, 1, SECOND * 1000.0 + 1500), 1500 * NS_PER_MS);
    assert_int_equal(waves_after_ns(waves, SECOND, 1, SECOND * 1000.0 - 1), 0);
    waves_free(waves);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wave_adds_up_what_its_streams_did),
        cmocka_unit_test(nothing_happens_to_no_wave),
        cmocka_unit_test(the_peak_is_of_any_whole_second),
        cmocka_unit_test(bins_and_statuses_have_limits),
        cmocka_unit_test(waves_have_a_limit),
        cmocka_unit_test(deltas_merge_as_if_one_process_had_counted),
        cmocka_unit_test(times_of_another_second_are_shifted),
        cmocka_unit_test(a_way_back_begins_where_it_could),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

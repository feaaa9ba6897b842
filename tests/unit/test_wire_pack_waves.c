#include "wire/pack_waves.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND = 1800000000, STORM = 3 };

/* NULL: refused. */
static struct waves *read_back(const uint8_t *bytes, size_t len)
{
    struct waves *waves = waves_new();
    struct unpack unpack;

    unpack_init(&unpack, bytes, len);
    unpack_waves(&unpack, waves);
    if (unpack_finished(&unpack))
        return waves;
    waves_free(waves);
    return NULL;
}

static struct waves *sample(void)
{
    struct waves *waves = waves_new();
    struct wave *wave = waves_find(waves, SECOND);

    wave_lose(wave, CLASS_RESET, SECOND * 1000.0 + 250.5);
    wave_lose(wave, CLASS_CLOSED, SECOND * 1000.0 + 900);
    for (int i = 0; i < 50; i++) {
        wave_attempt(wave, SECOND * 1000.0 + i * 100.0);
        wave_answer(wave, i % 2 > 0 ? 503 : 429);
        wave_come_back(wave, (uint64_t)i * 1000000);
    }
    wave->failures[CLASS_CONNECT_REFUSED] = 7;
    wave->gave_up = 1;
    wave->left = 3;
    wave->open = 60;
    wave->retry_after_seen = 9;
    wave->retry_after_honoured = 8;
    wave->missed = 70;
    wave->duplicates = 5;
    wave = waves_find(waves, STORM); /* nobody is back, and nobody was lost since the last tick */
    wave->missed = 1;
    return waves;
}

static void waves_come_back_whole(void **state)
{
    struct waves *waves = sample(), *came;
    struct buf out = {0}, again = {0};
    const struct wave *wave;

    (void)state;
    pack_waves(&out, waves);
    came = read_back(out.bytes, out.len);
    assert_non_null(came);
    assert_int_equal(waves_count(came), 2);
    wave = waves_find(came, SECOND);
    assert_true(wave->lost == 2 && wave->first_unix_ms == SECOND * 1000.0 + 250.5);
    assert_true(wave->missed == 70 && wave->duplicates == 5 && wave->gave_up == 1 &&
                wave->left == 3 && wave->open == 60);
    assert_true(wave->retry_after_seen == 9 && wave->retry_after_honoured == 8);
    assert_int_equal(wave_back_count(wave), 50);
    pack_waves(&again, came);
    assert_int_equal(again.len, out.len);
    assert_memory_equal(again.bytes, out.bytes, out.len);
    waves_free(came);
    waves_free(waves);
    buf_fini(&out);
    buf_fini(&again);
}

static void cut_or_changed_bytes_never_harm(void **state)
{
    struct waves *waves = sample();
    struct buf out = {0};
    struct rng rng;

    (void)state;
    rng_init(&rng, 11);
    pack_waves(&out, waves);
    for (size_t len = 0; len < out.len; len++) {
        uint8_t *exact = malloc(len > 0 ? len : 1); /* so that ASan sees a read past the end */

        assert_non_null(exact);
        memcpy(exact, out.bytes, len);
        assert_null(read_back(exact, len));
        free(exact);
    }
    for (int i = 0; i < 20000; i++) {
        uint8_t *at = out.bytes + rng_between(&rng, 0, out.len - 1), before = *at;

        *at = (uint8_t)rng_next(&rng);
        waves_free(read_back(out.bytes, out.len));
        *at = before;
    }
    waves_free(waves);
    buf_fini(&out);
}

/* One wave, and what is wrong with it. */
struct claim {
    uint64_t key, lost;
    double first_ms, last_ms;
    uint64_t cause, status, bin_step;
    bool is_taken;
};

static void pack_claim(struct buf *out, const struct claim *claim)
{
    pack_array(out, 17);
    pack_uint(out, claim->key);
    pack_uint(out, 1);
    pack_uint(out, claim->lost);
    pack_double(out, claim->first_ms);
    pack_double(out, claim->last_ms);
    for (int i = 0; i < 7; i++)
        pack_uint(out, 1);
    pack_array(out, 4);
    pack_uint(out, CLASS_DNS);
    pack_uint(out, 1);
    pack_uint(out, claim->cause);
    pack_uint(out, 1);
    pack_array(out, 0);
    pack_array(out, 4);
    pack_uint(out, 503);
    pack_uint(out, 1);
    pack_uint(out, claim->status);
    pack_uint(out, 1);
    pack_array(out, 4);
    pack_uint(out, 4);
    pack_uint(out, 1);
    pack_uint(out, claim->bin_step);
    pack_uint(out, 1);
    pack_text(out, NULL);
}

static void unsound_waves_are_refused(void **state)
{
    static const struct claim claims[] = {
        {SECOND, 2, 5, 6, CLASS_RESET, 200, 1, true},
        {STORM, 0, 0, 0, CLASS_RESET, 200, 1, true},
        {0, 2, 5, 6, CLASS_RESET, 200, 1, false},      /* no key */
        {1, 2, 5, 6, CLASS_RESET, 200, 1, false},      /* the same key twice */
        {SECOND, 2, 6, 5, CLASS_RESET, 200, 1, false}, /* ends before it began */
        {SECOND, 2, 0, 5, CLASS_RESET, 200, 1, false}, /* no beginning */
        {SECOND, 0, 5, 6, CLASS_RESET, 200, 1, false}, /* of nothing */
        {SECOND, 2, 5, (double)INFINITY, CLASS_RESET, 200, 1, false},
        {SECOND, 2, (double)NAN, 6, CLASS_RESET, 200, 1, false},
        {SECOND, 2, 5, 6, CLASS_DNS, 200, 1, false}, /* a class twice */
        {SECOND, 2, 5, 6, CLASS_NONE, 200, 1, false},
        {SECOND, 2, 5, 6, CLASS_COUNT, 200, 1, false},
        {SECOND, 2, 5, 6, CLASS_RESET, 503, 1, false}, /* a status twice */
        {SECOND, 2, 5, 6, CLASS_RESET, 1000, 1, false},
        {SECOND, 2, 5, 6, CLASS_RESET, 200, 0, false},          /* a bin twice */
        {SECOND, 2, 5, 6, CLASS_RESET, 200, UINT64_MAX, false}, /* beyond all time */
    };

    (void)state;
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        struct claim first = claims[0];
        struct buf out = {0};
        struct waves *came;

        first.key = 1;
        pack_array(&out, 2);
        pack_claim(&out, &first);
        pack_claim(&out, &claims[i]);
        came = read_back(out.bytes, out.len);
        if ((came != NULL) != claims[i].is_taken)
            fail_msg("claim %zu", i);
        waves_free(came);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waves_come_back_whole),
        cmocka_unit_test(cut_or_changed_bytes_never_harm),
        cmocka_unit_test(unsound_waves_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

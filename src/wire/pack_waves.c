#include "wire/pack_waves.h"

#include "wire/pack_trend.h"

enum { WAVE_FIELDS = 17, STATUS_MAX = 999 };

/* Far behind any true time, and far enough from where doubles are not whole. */
static const double UNIX_MS_MAX = 1e15;

/* --- writing --- */

static void pack_classes(struct buf *out, const uint64_t counts[CLASS_COUNT])
{
    size_t used = 0;

    for (int i = 0; i < CLASS_COUNT; i++)
        used += counts[i] > 0;
    pack_array(out, 2 * used);
    for (int i = 0; i < CLASS_COUNT; i++) {
        if (counts[i] == 0)
            continue;
        pack_uint(out, (uint64_t)i);
        pack_uint(out, counts[i]);
    }
}

static void pack_lists(struct buf *out, const struct wave *wave)
{
    uint64_t before = 0;

    pack_classes(out, wave->causes);
    pack_classes(out, wave->failures);
    pack_array(out, 2 * wave->status_count);
    for (size_t i = 0; i < wave->status_count; i++) {
        pack_uint(out, wave->statuses[i].code);
        pack_uint(out, wave->statuses[i].count);
    }
    pack_array(out, 2 * wave->bin_count);
    for (size_t i = 0; i < wave->bin_count; i++) {
        pack_uint(out, wave->bins[i].at - before);
        pack_uint(out, wave->bins[i].count);
        before = wave->bins[i].at;
    }
}

static void pack_wave(struct buf *out, const struct wave *wave)
{
    pack_array(out, WAVE_FIELDS);
    pack_uint(out, wave->key);
    pack_uint(out, wave->open);
    pack_uint(out, wave->lost);
    pack_double(out, wave->first_unix_ms);
    pack_double(out, wave->last_unix_ms);
    pack_uint(out, wave->attempts);
    pack_uint(out, wave->gave_up);
    pack_uint(out, wave->left);
    pack_uint(out, wave->retry_after_seen);
    pack_uint(out, wave->retry_after_honoured);
    pack_uint(out, wave->missed);
    pack_uint(out, wave->duplicates);
    pack_lists(out, wave);
    if (wave_back_count(wave) == 0) {
        pack_text(out, NULL);
        return;
    }
    pack_array(out, PACK_TREND_VALUES);
    pack_trend(out, wave->back_after);
}

void pack_waves(struct buf *out, const struct waves *waves)
{
    pack_array(out, waves_count(waves));
    for (size_t i = 0; i < waves_count(waves); i++)
        pack_wave(out, waves_at(waves, i));
}

/* --- reading --- */

static void expect(struct unpack *unpack, bool holds)
{
    if (!holds)
        unpack->failed = true;
}

/* How many pairs an array has. */
static size_t unpack_pairs(struct unpack *unpack, size_t limit)
{
    size_t fields = unpack_array(unpack);

    expect(unpack, fields % 2 == 0 && fields / 2 <= limit);
    return fields / 2;
}

static uint64_t unpack_positive(struct unpack *unpack)
{
    uint64_t count = unpack_uint(unpack);

    expect(unpack, count > 0);
    return count;
}

static void unpack_classes(struct unpack *unpack, uint64_t counts[CLASS_COUNT])
{
    size_t count = unpack_pairs(unpack, CLASS_COUNT);
    uint64_t next = CLASS_NONE + 1;

    for (size_t i = 0; i < count && !unpack->failed; i++) {
        uint64_t index = unpack_uint_max(unpack, CLASS_COUNT - 1);

        expect(unpack, index >= next);
        next = index + 1;
        counts[index] = unpack_positive(unpack);
    }
}

static void unpack_statuses(struct unpack *unpack, struct wave *wave)
{
    size_t count = unpack_pairs(unpack, WAVES_STATUS_LIMIT);

    for (size_t i = 0; i < count && !unpack->failed; i++) {
        uint32_t code = (uint32_t)unpack_uint_max(unpack, STATUS_MAX);

        wave_answers(wave, code, unpack_positive(unpack));
    }
    expect(unpack, wave->status_count == count); /* each stands there once */
}

static void unpack_bins(struct unpack *unpack, struct wave *wave)
{
    size_t count = unpack_pairs(unpack, WAVES_BIN_LIMIT);
    struct wave_bin bin = {0};

    for (size_t i = 0; i < count && !unpack->failed; i++) {
        uint64_t step = unpack_uint_max(unpack, UINT64_MAX - bin.at);

        expect(unpack, i == 0 || step > 0);
        bin.at += step;
        bin.count = unpack_positive(unpack);
        if (!unpack->failed)
            wave_add_bin(wave, &bin);
    }
}

static void unpack_back(struct unpack *unpack, struct wave *wave)
{
    if (unpack_null(unpack))
        return;
    expect(unpack, unpack_array(unpack) == PACK_TREND_VALUES);
    if (!unpack->failed)
        unpack_trend(unpack, wave_back_hist(wave));
}

static double unpack_time(struct unpack *unpack, bool is_set)
{
    double unix_ms = unpack_double(unpack);

    expect(unpack, is_set ? unix_ms > 0 && unix_ms < UNIX_MS_MAX : unix_ms == 0);
    return unix_ms;
}

static void unpack_wave(struct unpack *unpack, struct waves *waves)
{
    size_t fields = unpack_array(unpack), count = waves_count(waves);
    uint32_t key = (uint32_t)unpack_uint_max(unpack, UINT32_MAX);
    struct wave *wave = unpack->failed ? NULL : waves_find(waves, key);

    expect(unpack, fields == WAVE_FIELDS && wave && waves_count(waves) > count);
    if (unpack->failed)
        return;
    wave->open = (uint32_t)unpack_uint_max(unpack, UINT32_MAX);
    wave->lost = unpack_uint(unpack);
    wave->first_unix_ms = unpack_time(unpack, wave->lost > 0);
    wave->last_unix_ms = unpack_time(unpack, wave->lost > 0);
    expect(unpack, wave->first_unix_ms <= wave->last_unix_ms);
    wave->attempts = unpack_uint(unpack);
    wave->gave_up = unpack_uint(unpack);
    wave->left = unpack_uint(unpack);
    wave->retry_after_seen = unpack_uint(unpack);
    wave->retry_after_honoured = unpack_uint(unpack);
    wave->missed = unpack_uint(unpack);
    wave->duplicates = unpack_uint(unpack);
    unpack_classes(unpack, wave->causes);
    unpack_classes(unpack, wave->failures);
    unpack_statuses(unpack, wave);
    unpack_bins(unpack, wave);
    unpack_back(unpack, wave);
}

void unpack_waves(struct unpack *unpack, struct waves *waves)
{
    size_t count = unpack_array(unpack);

    expect(unpack, count <= WAVES_LIMIT);
    for (size_t i = 0; i < count && !unpack->failed; i++)
        unpack_wave(unpack, waves);
}

#include "stats/waves.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CAP_FIRST = 8, BINS_A_SECOND = 1000 / WAVES_BIN_MS };

/* An hour, as of every trend of times. */
static const uint64_t HIGHEST_US = 3600000000;

struct waves {
    struct wave *waves;
    size_t count, cap;
    size_t latest;       /* where the latest one asked for is: the next is the same, in a storm */
    uint64_t *return_ns; /* by number of the storm, less 1 */
    size_t storm_count;
};

bool wave_is_storm(uint32_t key)
{
    return key != WAVES_NONE && key <= WAVES_STORM_LIMIT;
}

/* --- one wave --- */

static void add_span(struct wave *wave, double first_unix_ms, double last_unix_ms)
{
    if (wave->first_unix_ms == 0 || first_unix_ms < wave->first_unix_ms)
        wave->first_unix_ms = first_unix_ms;
    if (last_unix_ms > wave->last_unix_ms)
        wave->last_unix_ms = last_unix_ms;
}

void wave_lose(struct wave *wave, enum error_class error_class, double unix_ms)
{
    if (!wave)
        return;
    add_span(wave, unix_ms, unix_ms);
    wave->lost++;
    if (error_class != CLASS_NONE)
        wave->causes[error_class]++;
}

void wave_add_bin(struct wave *wave, const struct wave_bin *bin)
{
    size_t at = wave->bin_count;

    while (at > 0 && wave->bins[at - 1].at > bin->at)
        at--;
    if (at > 0 && wave->bins[at - 1].at == bin->at) {
        wave->bins[at - 1].count += bin->count;
        return;
    }
    if (wave->bin_count == WAVES_BIN_LIMIT)
        return;
    if (wave->bin_count == wave->bin_cap) {
        wave->bin_cap = wave->bin_cap > 0 ? 2 * wave->bin_cap : CAP_FIRST;
        wave->bins = x_realloc(wave->bins, wave->bin_cap * sizeof *wave->bins);
    }
    memmove(&wave->bins[at + 1], &wave->bins[at], (wave->bin_count - at) * sizeof *wave->bins);
    wave->bins[at] = *bin;
    wave->bin_count++;
}

void wave_attempt(struct wave *wave, double unix_ms)
{
    if (!wave)
        return;
    wave->attempts++;
    wave_add_bin(wave, &(struct wave_bin){.at = (uint64_t)(unix_ms / WAVES_BIN_MS), .count = 1});
}

void wave_answers(struct wave *wave, uint32_t status, uint64_t count)
{
    size_t at = 0;

    while (at < wave->status_count && wave->statuses[at].code != status)
        at++;
    if (at == WAVES_STATUS_LIMIT) {
        at--; /* the last one stands for the rest from now on */
        wave->statuses[at].code = 0;
    } else if (at == wave->status_count) {
        wave->statuses[wave->status_count++] = (struct wave_status){.code = status};
    }
    wave->statuses[at].count += count;
}

void wave_answer(struct wave *wave, int status)
{
    if (wave)
        wave_answers(wave, (uint32_t)status, 1);
}

struct hist *wave_back_hist(struct wave *wave)
{
    if (!wave->back_after)
        wave->back_after = hist_new(HIGHEST_US);
    return wave->back_after;
}

void wave_come_back(struct wave *wave, uint64_t after_ns)
{
    if (wave)
        hist_record(wave_back_hist(wave), after_ns / 1000);
}

struct shifted {
    struct hist *to;
    int64_t shift_us;
};

static void add_shifted(void *ctx, uint32_t index, uint64_t count)
{
    const struct shifted *shifted = ctx;
    int64_t value_us = (int64_t)hist_bucket_low(index) + shifted->shift_us;

    hist_record_many(shifted->to, value_us > 0 ? (uint64_t)value_us : 0, count);
}

static void merge_back(struct wave *wave, const struct wave *from, int64_t shift_us)
{
    struct shifted shifted = {.shift_us = shift_us};

    if (!from->back_after)
        return;
    shifted.to = wave_back_hist(wave);
    if (shift_us == 0) {
        hist_merge(shifted.to, from->back_after);
        return;
    }
    hist_each(from->back_after, add_shifted, &shifted);
    hist_record_many(shifted.to, HIGHEST_US + 1, hist_overflow(from->back_after));
}

void wave_merge(struct wave *wave, const struct wave *from, int64_t shift_us)
{
    if (from->open > wave->open)
        wave->open = from->open;
    if (from->lost > 0)
        add_span(wave, from->first_unix_ms, from->last_unix_ms);
    wave->lost += from->lost;
    wave->attempts += from->attempts;
    wave->gave_up += from->gave_up;
    wave->left += from->left;
    wave->retry_after_seen += from->retry_after_seen;
    wave->retry_after_honoured += from->retry_after_honoured;
    wave->missed += from->missed;
    wave->duplicates += from->duplicates;
    for (int i = 0; i < CLASS_COUNT; i++) {
        wave->causes[i] += from->causes[i];
        wave->failures[i] += from->failures[i];
    }
    for (size_t i = 0; i < from->status_count; i++)
        wave_answers(wave, from->statuses[i].code, from->statuses[i].count);
    for (size_t i = 0; i < from->bin_count; i++)
        wave_add_bin(wave, &from->bins[i]);
    merge_back(wave, from, shift_us);
}

void wave_fini(struct wave *wave)
{
    free(wave->bins);
    hist_free(wave->back_after);
    *wave = (struct wave){0};
}

uint64_t wave_back_count(const struct wave *wave)
{
    return wave->back_after ? hist_count(wave->back_after) : 0;
}

uint64_t wave_due_count(const struct wave *wave)
{
    return wave->lost > wave->left ? wave->lost - wave->left : 0;
}

uint64_t wave_away_count(const struct wave *wave)
{
    uint64_t due = wave_due_count(wave), back = wave_back_count(wave);

    return due > back ? due - back : 0;
}

uint64_t wave_status_count(const struct wave *wave, uint32_t status)
{
    for (size_t i = 0; i < wave->status_count; i++) {
        if (wave->statuses[i].code == status)
            return wave->statuses[i].count;
    }
    return 0;
}

uint64_t wave_peak_per_s(const struct wave *wave)
{
    uint64_t peak = 0, within = 0;
    size_t first = 0;

    for (size_t i = 0; i < wave->bin_count; i++) {
        within += wave->bins[i].count;
        while (wave->bins[i].at - wave->bins[first].at >= BINS_A_SECOND)
            within -= wave->bins[first++].count;
        peak = within > peak ? within : peak;
    }
    return peak;
}

/* --- all of them --- */

struct waves *waves_new(void)
{
    return x_calloc(1, sizeof(struct waves));
}

void waves_clear(struct waves *waves)
{
    for (size_t i = 0; i < waves->count; i++)
        wave_fini(&waves->waves[i]);
    waves->count = 0;
}

void waves_free(struct waves *waves)
{
    if (!waves)
        return;
    waves_clear(waves);
    free(waves->waves);
    free(waves->return_ns);
    free(waves);
}

static size_t place_of(const struct waves *waves, uint32_t key)
{
    size_t at = 0;

    if (waves->latest < waves->count && waves->waves[waves->latest].key == key)
        return waves->latest;
    while (at < waves->count && waves->waves[at].key != key)
        at++;
    return at;
}

struct wave *waves_find(struct waves *waves, uint32_t key)
{
    size_t at = place_of(waves, key);

    if (key == WAVES_NONE || at == WAVES_LIMIT)
        return NULL;
    if (at == waves->count) {
        if (waves->count == waves->cap) {
            waves->cap = waves->cap > 0 ? 2 * waves->cap : CAP_FIRST;
            waves->waves = x_realloc(waves->waves, waves->cap * sizeof *waves->waves);
        }
        assert(waves->waves);
        waves->waves[waves->count++] = (struct wave){.key = key};
    }
    waves->latest = at;
    return &waves->waves[at];
}

size_t waves_count(const struct waves *waves)
{
    return waves->count;
}

struct wave *waves_at(const struct waves *waves, size_t index)
{
    assert(index < waves->count);
    return &waves->waves[index];
}

void waves_drop(struct waves *waves, size_t index)
{
    assert(index < waves->count);
    wave_fini(&waves->waves[index]);
    waves->waves[index] = waves->waves[--waves->count];
}

void waves_merge(struct waves *to, const struct waves *delta)
{
    for (size_t i = 0; i < delta->count; i++) {
        const struct wave *from = &delta->waves[i];
        struct wave *wave = waves_find(to, from->key);
        uint32_t open;

        if (!wave)
            continue;
        /* Each process has said once how many it had. */
        open = wave_is_storm(from->key) ? wave->open + from->open : wave->open;
        wave_merge(wave, from, 0);
        wave->open = open;
    }
}

void waves_begin_storm(struct waves *waves, uint32_t storm, uint32_t open, uint64_t return_ns)
{
    struct wave *wave = waves_find(waves, storm);

    assert(wave_is_storm(storm));
    if (storm > waves->storm_count) {
        waves->return_ns = x_realloc(waves->return_ns, storm * sizeof *waves->return_ns);
        while (waves->storm_count < storm)
            waves->return_ns[waves->storm_count++] = 0;
    }
    waves->return_ns[storm - 1] = return_ns;
    if (wave)
        wave->open = open;
}

uint64_t waves_after_ns(const struct waves *waves, uint32_t key, uint64_t now_ns, double unix_ms)
{
    double after_ms = unix_ms - (double)key * 1000;

    if (!wave_is_storm(key))
        return after_ms > 0 ? (uint64_t)(after_ms * 1e6) : 0;
    if (key > waves->storm_count || now_ns < waves->return_ns[key - 1])
        return 0;
    return now_ns - waves->return_ns[key - 1];
}

#include "verdict/wave.h"

#include "base/clock.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

/* --- waves of the service --- */

/* The seconds in which streams ended unasked, in their order. */
struct seconds {
    const struct wave **items; /* borrowed; the array is owned */
    size_t count;
};

static int compare_keys(const void *left, const void *right)
{
    const struct wave *a = *(const struct wave *const *)left;
    const struct wave *b = *(const struct wave *const *)right;

    return (a->key > b->key) - (a->key < b->key);
}

static struct seconds seconds_of(const struct waves *waves)
{
    struct seconds seconds = {0};

    seconds.items = x_calloc(waves_count(waves) + 1, sizeof(struct wave *));
    for (size_t i = 0; i < waves_count(waves); i++) {
        const struct wave *wave = waves_at(waves, i);

        if (!wave_is_storm(wave->key) && wave->lost > 0)
            seconds.items[seconds.count++] = wave;
    }
    qsort(seconds.items, seconds.count, sizeof(struct wave *), compare_keys);
    return seconds;
}

/* Streams that ended from second `from` up to `to`. */
static uint64_t lost_within(const struct seconds *seconds, uint64_t from, uint64_t to)
{
    uint64_t lost = 0;

    for (size_t i = 0; i < seconds->count; i++) {
        if (seconds->items[i]->key >= from && seconds->items[i]->key < to)
            lost += seconds->items[i]->lost;
    }
    return lost;
}

/* How many seconds from index `at` on belong to one wave; 0: none begins there. */
static size_t wave_at(const struct seconds *seconds, size_t at)
{
    const struct wave *first = seconds->items[at];
    uint64_t key = first->key, lost = lost_within(seconds, key, key + WAVE_SPAN_S);
    uint64_t attempts = 0, completed = 0;
    size_t count = 0;

    if (lost < WAVE_LOST_MIN || 10 * lost < first->open || 10 * first->lost < lost ||
        3 * lost_within(seconds, key - WAVE_SPAN_S, key) > lost ||
        2 * lost_within(seconds, key + WAVE_SPAN_S, key + 2 * (uint64_t)WAVE_SPAN_S) > lost)
        return 0;
    for (; at + count < seconds->count && seconds->items[at + count]->key < key + WAVE_SPAN_S;
         count++) {
        attempts += seconds->items[at + count]->attempts;
        completed += seconds->items[at + count]->causes[CLASS_CLOSED];
    }
    return attempts == 0 && completed == lost ? 0 : count;
}

static void add_seconds(struct wave_seen *seen, const struct seconds *seconds, size_t at,
                        size_t count)
{
    double first_ms = seconds->items[at]->first_unix_ms;

    for (size_t i = at; i < at + count; i++) {
        double shift_ms = (double)seconds->items[i]->key * 1000 - first_ms;

        wave_merge(&seen->sum, seconds->items[i], (int64_t)(shift_ms * 1000));
    }
    seen->sum.key = seconds->items[at]->key;
    seen->sum.open = seconds->items[at]->open;
}

/* --- all of them --- */

static struct wave_seen *append(struct wave_list *list)
{
    list->items = x_realloc(list->items, (list->count + 1) * sizeof *list->items);
    list->items[list->count] = (struct wave_seen){0};
    return &list->items[list->count++];
}

static void append_service(struct wave_list *list, const struct run *run)
{
    struct seconds seconds = seconds_of(stats_waves(run->stats));
    size_t count;

    for (size_t at = 0; at<seconds.count; at += count> 0 ? count : 1) {
        struct wave_seen *seen;

        count = wave_at(&seconds, at);
        if (count == 0)
            continue;
        seen = append(list);
        add_seconds(seen, &seconds, at, count);
        seen->is_told = true;
        seen->at_s = (seen->sum.first_unix_ms - run->info.started_unix_ms) / 1000;
    }
    free(seconds.items);
}

static const struct wave *find(const struct waves *waves, uint32_t key)
{
    for (size_t i = 0; i < waves_count(waves); i++) {
        if (waves_at(waves, i)->key == key)
            return waves_at(waves, i);
    }
    return NULL;
}

static void append_storms(struct wave_list *list, const struct run *run)
{
    for (size_t i = 0; i < run->storm_count; i++) {
        const struct wave *wave = find(stats_waves(run->stats), (uint32_t)i + 1);
        struct wave_seen *seen = append(list);

        seen->storm = &run->storms[i];
        seen->at_s = (double)run->storms[i].at_ns / (double)CLOCK_NS_PER_S;
        seen->sum.key = (uint32_t)i + 1;
        seen->is_told = wave != NULL;
        if (wave)
            wave_merge(&seen->sum, wave, 0);
    }
}

static int compare_times(const void *left, const void *right)
{
    const struct wave_seen *a = left, *b = right;

    return (a->at_s > b->at_s) - (a->at_s < b->at_s);
}

struct wave_list wave_list_of(const struct run *run)
{
    struct wave_list list = {0};

    append_storms(&list, run);
    append_service(&list, run);
    if (list.count > 0)
        qsort(list.items, list.count, sizeof *list.items, compare_times);
    return list;
}

void wave_list_fini(struct wave_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        wave_fini(&list->items[i].sum);
    free(list->items);
    *list = (struct wave_list){0};
}

bool wave_misses_are_known(const struct run *run)
{
    return stat_get_count(run->total, METRIC_SSE_SEQUENCED, "order:dense") > 0 ||
           stat_get_count(run->total, METRIC_SSE_SEQUENCED, "order:declared") > 0;
}

bool wave_repeats_are_known(const struct run *run)
{
    return stat_get_count(run->total, METRIC_SSE_SEQUENCED, NULL) > 0;
}

double wave_back_s(const struct wave *wave, double share)
{
    double due = (double)wave_due_count(wave), back = (double)wave_back_count(wave);
    double wanted = ceil(share * due);

    if (due == 0 || back < wanted)
        return (double)NAN;
    return (double)hist_percentile(wave->back_after, 100 * wanted / back) / 1e6;
}

static bool has_key(const uint32_t *keys, size_t count, uint32_t key)
{
    for (size_t i = 0; i < count; i++) {
        if (keys[i] == key)
            return true;
    }
    return false;
}

void waves_forget(struct waves *waves, double now_unix_ms)
{
    struct seconds seconds = seconds_of(waves);
    uint32_t *kept = x_calloc(seconds.count + 1, sizeof *kept);
    double now_s = now_unix_ms / 1000;
    size_t kept_count = 0, count;

    for (size_t at = 0; at<seconds.count; at += count> 0 ? count : 1) {
        count = wave_at(&seconds, at);
        for (size_t i = at; i < at + count; i++)
            kept[kept_count++] = seconds.items[i]->key;
    }
    for (size_t i = waves_count(waves); i-- > 0;) {
        uint32_t key = waves_at(waves, i)->key;

        if (!wave_is_storm(key) && fabs(key - now_s) > WAVE_KEPT_S &&
            !has_key(kept, kept_count, key))
            waves_drop(waves, i);
    }
    free(kept);
    free(seconds.items);
}

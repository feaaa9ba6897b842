#include "stats/set.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Highest values of the sorts of trends, in their own units. */
static const uint64_t TIME_HIGHEST_US = 3600ULL * 1000000;
static const uint64_t LIFE_HIGHEST_US = 7ULL * 24 * 3600 * 1000000;
static const uint64_t RATE_HIGHEST_THOUSANDTHS = 1000000000;
static const uint64_t SIZE_HIGHEST_THOUSANDTHS = 1000000000000;

/* Tags whose names come from outside: past STATS_NAME_LIMIT they share the one behind. */
static const struct named {
    const char *prefix, *other;
    const char *behind; /* sorts right behind all tags with the prefix */
} nameds[] = {{"event:", "event:(other)", "event;"}, {"server:", "server:(other)", "server;"}};

struct gauge {
    double value, min, max;
    bool is_set;
};

/* Which member holds follows from the metric's kind. */
union value {
    uint64_t count;
    struct {
        uint64_t passes, fails;
    } rate;
    struct gauge *gauge; /* NULL until first set */
    struct hist *trend;  /* NULL until first recorded */
};

struct tagged {
    union value value;
    enum metric metric;
    uint32_t tag_bytes;
    char tag[];
};

enum { SLOT_BITS = 7, SLOT_COUNT = 1 << SLOT_BITS };

struct stat_set {
    union value whole[METRIC_COUNT];
    struct tagged **tagged; /* sorted by metric and tag */
    size_t tagged_count, tagged_cap;
    /* Where a (metric, tag) was found last, by a hash of both: most look-ups end here. NULL until
     * the first tag. */
    struct tagged **slots;
};

static uint64_t add_saturated(uint64_t left, uint64_t right)
{
    uint64_t sum;

    return __builtin_add_overflow(left, right, &sum) ? UINT64_MAX : sum;
}

/* The two ends of a tag tell nearly all apart; a collision costs a search, never a wrong answer. */
static unsigned slot_of(enum metric metric, const char *tag, size_t len)
{
    size_t part = len < sizeof(uint64_t) ? len : sizeof(uint64_t);
    uint64_t start = 0, end = 0;

    memcpy(&start, tag, part);
    memcpy(&end, tag + len - part, part);
    start = (start + len) * 0x9E3779B97F4A7C15U ^ end ^ ((uint64_t)metric << 56);
    start ^= start >> 29;
    return (unsigned)((start * 0xBF58476D1CE4E5B9U) >> (64 - SLOT_BITS));
}

static bool entry_matches(const struct tagged *entry, enum metric metric, const char *tag,
                          size_t len)
{
    return entry->metric == metric && entry->tag_bytes == len && memcmp(entry->tag, tag, len) == 0;
}

static int compare_entry(const struct tagged *entry, enum metric metric, const char *tag,
                         size_t len)
{
    size_t common = entry->tag_bytes < len ? entry->tag_bytes : len;
    int order;

    if (entry->metric != metric)
        return entry->metric < metric ? -1 : 1;
    order = memcmp(entry->tag, tag, common);
    if (order != 0 || entry->tag_bytes == len)
        return order;
    return entry->tag_bytes < len ? -1 : 1;
}

/* The place of the first entry that is not before (metric, tag). */
static size_t lower_bound(const struct stat_set *set, enum metric metric, const char *tag,
                          size_t len)
{
    size_t low = 0, high = set->tagged_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_entry(set->tagged[middle], metric, tag, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct tagged *find_entry(const struct stat_set *set, enum metric metric, const char *tag,
                                 size_t len)
{
    size_t place = lower_bound(set, metric, tag, len);

    if (place < set->tagged_count && entry_matches(set->tagged[place], metric, tag, len))
        return set->tagged[place];
    return NULL;
}

static struct tagged *insert_entry(struct stat_set *set, enum metric metric, const char *tag,
                                   size_t len)
{
    struct tagged *entry = x_calloc(1, sizeof *entry + len + 1);
    size_t place = lower_bound(set, metric, tag, len);

    entry->metric = metric;
    entry->tag_bytes = (uint32_t)len;
    memcpy(entry->tag, tag, len);
    if (set->tagged_count == set->tagged_cap) {
        set->tagged_cap = set->tagged_cap > 0 ? 2 * set->tagged_cap : 8;
        set->tagged = x_realloc(set->tagged, set->tagged_cap * sizeof(struct tagged *));
    }
    memmove(set->tagged + place + 1, set->tagged + place,
            (set->tagged_count - place) * sizeof(struct tagged *));
    set->tagged[place] = entry;
    set->tagged_count++;
    if (!set->slots)
        set->slots = x_calloc(SLOT_COUNT, sizeof(struct tagged *));
    return entry;
}

static const struct named *find_named(const char *tag)
{
    for (size_t i = 0; i < sizeof nameds / sizeof nameds[0]; i++) {
        if (strncmp(tag, nameds[i].prefix, strlen(nameds[i].prefix)) == 0)
            return &nameds[i];
    }
    return NULL;
}

/* How many tags of the metric have the prefix, the one for others left out. */
static size_t count_names(const struct stat_set *set, enum metric metric, const struct named *named)
{
    size_t first = lower_bound(set, metric, named->prefix, strlen(named->prefix));
    size_t behind = lower_bound(set, metric, named->behind, strlen(named->behind));

    return behind - first - (find_entry(set, metric, named->other, strlen(named->other)) ? 1 : 0);
}

/* NULL when the set may hold no more tags. */
static struct tagged *add_entry(struct stat_set *set, enum metric metric, const char *tag,
                                size_t len)
{
    const struct named *named = find_named(tag);
    struct tagged *other;

    if (named && strcmp(tag, named->other) != 0 &&
        (count_names(set, metric, named) >= STATS_NAME_LIMIT ||
         set->tagged_count >= STATS_TAG_LIMIT)) {
        tag = named->other;
        len = strlen(tag);
        other = find_entry(set, metric, tag, len);
        if (other)
            return other;
    }
    return set->tagged_count < STATS_TAG_LIMIT ? insert_entry(set, metric, tag, len) : NULL;
}

static struct tagged *tagged_entry(struct stat_set *set, enum metric metric, const char *tag)
{
    size_t len = strnlen(tag, STATS_TAG_BYTES - 1);
    unsigned slot = slot_of(metric, tag, len);
    struct tagged *entry = set->slots ? set->slots[slot] : NULL;

    if (entry && entry_matches(entry, metric, tag, len))
        return entry;
    entry = find_entry(set, metric, tag, len);
    if (!entry)
        entry = add_entry(set, metric, tag, len);
    if (entry) {
        assert(set->slots); /* made with the first entry */
        set->slots[slot] = entry;
    }
    return entry;
}

/* Where to record; NULL past STATS_TAG_LIMIT. */
static union value *value_at(struct stat_set *set, enum metric metric, const char *tag)
{
    struct tagged *entry;

    if (!tag)
        return &set->whole[metric];
    entry = tagged_entry(set, metric, tag);
    return entry ? &entry->value : NULL;
}

static const union value *value_find(const struct stat_set *set, enum metric metric,
                                     const char *tag)
{
    const struct tagged *entry;

    if (!tag)
        return &set->whole[metric];
    entry = find_entry(set, metric, tag, strnlen(tag, STATS_TAG_BYTES - 1));
    return entry ? &entry->value : NULL;
}

static bool holds_something(const union value *value, enum metric metric)
{
    switch (metric_info(metric)->kind) {
    case METRIC_KIND_NONE:
        return false;
    case METRIC_COUNTER:
        return value->count > 0;
    case METRIC_GAUGE:
        return value->gauge && value->gauge->is_set;
    case METRIC_RATE:
        return value->rate.passes > 0 || value->rate.fails > 0;
    case METRIC_TREND:
        return value->trend && hist_count(value->trend) > 0;
    }
    return false;
}

static void free_value(union value *value, enum metric metric)
{
    if (metric_info(metric)->kind == METRIC_TREND)
        hist_free(value->trend);
    else if (metric_info(metric)->kind == METRIC_GAUGE)
        free(value->gauge);
}

static void clear_value(union value *value, enum metric metric)
{
    switch (metric_info(metric)->kind) {
    case METRIC_KIND_NONE:
        break;
    case METRIC_COUNTER:
        value->count = 0;
        break;
    case METRIC_GAUGE:
        if (value->gauge)
            value->gauge->is_set = false;
        break;
    case METRIC_RATE:
        value->rate.passes = value->rate.fails = 0;
        break;
    case METRIC_TREND:
        if (value->trend && hist_count(value->trend) > 0)
            hist_clear(value->trend);
        break;
    }
}

static void merge_value(struct stat_set *to, enum metric metric, const char *tag,
                        const union value *from)
{
    struct hist *trend;

    if (!holds_something(from, metric))
        return;
    switch (metric_info(metric)->kind) {
    case METRIC_KIND_NONE:
    case METRIC_GAUGE:
        break;
    case METRIC_COUNTER:
        stat_count(to, metric, tag, from->count);
        break;
    case METRIC_RATE:
        stat_passes(to, metric, tag, from->rate.passes, from->rate.fails);
        break;
    case METRIC_TREND:
        trend = stat_trend(to, metric, tag);
        if (trend)
            hist_merge(trend, from->trend);
        break;
    }
}

struct stat_set *stat_set_new(void)
{
    return x_calloc(1, sizeof(struct stat_set));
}

void stat_set_free(struct stat_set *set)
{
    if (!set)
        return;
    for (int metric = METRIC_NONE + 1; metric < METRIC_COUNT; metric++)
        free_value(&set->whole[metric], (enum metric)metric);
    for (size_t i = 0; i < set->tagged_count; i++) {
        free_value(&set->tagged[i]->value, set->tagged[i]->metric);
        free(set->tagged[i]);
    }
    free(set->tagged);
    free(set->slots);
    free(set);
}

void stat_set_merge(struct stat_set *to, const struct stat_set *from)
{
    for (int metric = METRIC_NONE + 1; metric < METRIC_COUNT; metric++)
        merge_value(to, (enum metric)metric, NULL, &from->whole[metric]);
    for (size_t i = 0; i < from->tagged_count; i++)
        merge_value(to, from->tagged[i]->metric, from->tagged[i]->tag, &from->tagged[i]->value);
}

void stat_set_clear(struct stat_set *set)
{
    for (int metric = METRIC_NONE + 1; metric < METRIC_COUNT; metric++)
        clear_value(&set->whole[metric], (enum metric)metric);
    for (size_t i = 0; i < set->tagged_count; i++)
        clear_value(&set->tagged[i]->value, set->tagged[i]->metric);
}

void stat_count(struct stat_set *set, enum metric metric, const char *tag, uint64_t count)
{
    union value *value = value_at(set, metric, tag);

    assert(metric_info(metric)->kind == METRIC_COUNTER);
    if (value)
        value->count = add_saturated(value->count, count);
}

void stat_pass(struct stat_set *set, enum metric metric, const char *tag, bool passed)
{
    stat_passes(set, metric, tag, passed ? 1 : 0, passed ? 0 : 1);
}

void stat_passes(struct stat_set *set, enum metric metric, const char *tag, uint64_t passes,
                 uint64_t fails)
{
    union value *value = value_at(set, metric, tag);

    assert(metric_info(metric)->kind == METRIC_RATE);
    if (!value)
        return;
    value->rate.passes = add_saturated(value->rate.passes, passes);
    value->rate.fails = add_saturated(value->rate.fails, fails);
}

uint64_t stat_trend_highest(enum metric metric)
{
    enum metric_unit unit = metric_info(metric)->unit;

    if (unit == METRIC_UNIT_PER_S)
        return RATE_HIGHEST_THOUSANDTHS;
    if (unit == METRIC_UNIT_COUNT || unit == METRIC_UNIT_BYTES)
        return SIZE_HIGHEST_THOUSANDTHS;
    if (metric == METRIC_SSE_DURATION || metric == METRIC_SSE_OPEN_AGE)
        return LIFE_HIGHEST_US;
    return TIME_HIGHEST_US;
}

void stat_time(struct stat_set *set, enum metric metric, const char *tag, uint64_t ns)
{
    struct hist *trend = stat_trend(set, metric, tag);

    if (trend)
        hist_record(trend, (ns < UINT64_MAX - 500 ? ns + 500 : ns) / 1000);
}

void stat_rate(struct stat_set *set, enum metric metric, const char *tag, uint64_t per_1000_s)
{
    struct hist *trend = stat_trend(set, metric, tag);

    if (trend)
        hist_record(trend, per_1000_s);
}

void stat_size(struct stat_set *set, enum metric metric, const char *tag, uint64_t size)
{
    struct hist *trend = stat_trend(set, metric, tag);

    if (trend)
        hist_record(trend, size < UINT64_MAX / 1000 ? size * 1000 : UINT64_MAX);
}

void stat_gauge(struct stat_set *set, enum metric metric, const char *tag, double value)
{
    union value *at = value_at(set, metric, tag);
    struct gauge *gauge;

    assert(metric_info(metric)->kind == METRIC_GAUGE);
    if (!at)
        return;
    if (!at->gauge)
        at->gauge = x_calloc(1, sizeof *at->gauge);
    gauge = at->gauge;
    if (!gauge->is_set)
        *gauge = (struct gauge){.value = value, .min = value, .max = value, .is_set = true};
    gauge->value = value;
    gauge->min = value < gauge->min ? value : gauge->min;
    gauge->max = value > gauge->max ? value : gauge->max;
}

struct hist *stat_trend(struct stat_set *set, enum metric metric, const char *tag)
{
    union value *value = value_at(set, metric, tag);

    assert(metric_info(metric)->kind == METRIC_TREND);
    if (!value)
        return NULL;
    if (!value->trend)
        value->trend = hist_new(stat_trend_highest(metric));
    return value->trend;
}

void stat_tag_write(char *tag, size_t cap, const char *key, const void *name, size_t len)
{
    const uint8_t *bytes = name;
    size_t at = strlen(key);

    assert(at < cap);
    memcpy(tag, key, at);
    for (size_t i = 0; i < len && at < cap - 1; i++) {
        uint8_t byte = bytes[i];

        tag[at++] = byte < ' ' || byte == '{' || byte == '}' || byte > '~' ? '?' : (char)byte;
    }
    tag[at] = '\0';
}

uint64_t stat_get_count(const struct stat_set *set, enum metric metric, const char *tag)
{
    const union value *value = value_find(set, metric, tag);

    assert(metric_info(metric)->kind == METRIC_COUNTER);
    return value ? value->count : 0;
}

void stat_get_rate(const struct stat_set *set, enum metric metric, const char *tag,
                   uint64_t *passes, uint64_t *fails)
{
    const union value *value = value_find(set, metric, tag);

    assert(metric_info(metric)->kind == METRIC_RATE);
    *passes = value ? value->rate.passes : 0;
    *fails = value ? value->rate.fails : 0;
}

const struct hist *stat_get_trend(const struct stat_set *set, enum metric metric, const char *tag)
{
    const union value *value = value_find(set, metric, tag);

    assert(metric_info(metric)->kind == METRIC_TREND);
    return value && holds_something(value, metric) ? value->trend : NULL;
}

bool stat_get_gauge(const struct stat_set *set, enum metric metric, const char *tag, double *value,
                    double *min, double *max)
{
    const union value *at = value_find(set, metric, tag);

    assert(metric_info(metric)->kind == METRIC_GAUGE);
    if (!at || !at->gauge || !at->gauge->is_set)
        return false;
    if (value)
        *value = at->gauge->value;
    if (min)
        *min = at->gauge->min;
    if (max)
        *max = at->gauge->max;
    return true;
}

void stat_each(const struct stat_set *set, stat_each_fn each, void *ctx)
{
    for (int metric = METRIC_NONE + 1; metric < METRIC_COUNT; metric++) {
        if (holds_something(&set->whole[metric], (enum metric)metric))
            each(ctx, set, (enum metric)metric, NULL);
    }
    for (size_t i = 0; i < set->tagged_count; i++) {
        const struct tagged *entry = set->tagged[i];

        if (holds_something(&entry->value, entry->metric))
            each(ctx, set, entry->metric, entry->tag);
    }
}

#include "stats/recent.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

struct bucket {
    uint32_t index;
    uint64_t count;
};

/* What a closed second had; which members hold follows from the metric's kind. */
struct second {
    uint64_t length_ns;
    uint64_t count;
    uint64_t passes, fails;
    double value, min, max; /* of a gauge */
    bool has_value;
    struct bucket *buckets; /* owned, of a trend; the memory stays for the next second here */
    size_t bucket_count, bucket_cap;
    uint64_t overflow, lowest, highest;
    double sum;
};

struct recent {
    enum metric metric;
    uint32_t limit;  /* seconds of the window */
    uint64_t closed; /* seconds so far */
    struct stat_set *now, *window;
    struct second ring[];
};

struct recent *recent_new(enum metric metric, uint32_t seconds)
{
    struct recent *recent;

    assert(seconds > 0);
    recent = x_calloc(1, sizeof *recent + seconds * sizeof recent->ring[0]);
    recent->metric = metric;
    recent->limit = seconds;
    recent->now = stat_set_new();
    recent->window = stat_set_new();
    return recent;
}

void recent_free(struct recent *recent)
{
    if (!recent)
        return;
    for (uint32_t i = 0; i < recent->limit; i++)
        free(recent->ring[i].buckets);
    stat_set_free(recent->now);
    stat_set_free(recent->window);
    free(recent);
}

void recent_add(struct recent *recent, const struct stat_set *set, const char *tag)
{
    enum metric metric = recent->metric;
    const struct hist *trend;
    uint64_t passes, fails;
    double value;

    switch (metric_info(metric)->kind) {
    case METRIC_KIND_NONE:
        break;
    case METRIC_COUNTER:
        stat_count(recent->now, metric, NULL, stat_get_count(set, metric, tag));
        break;
    case METRIC_GAUGE:
        if (stat_get_gauge(set, metric, tag, &value, NULL, NULL))
            stat_gauge(recent->now, metric, NULL, value);
        break;
    case METRIC_RATE:
        stat_get_rate(set, metric, tag, &passes, &fails);
        stat_passes(recent->now, metric, NULL, passes, fails);
        break;
    case METRIC_TREND:
        trend = stat_get_trend(set, metric, tag);
        if (trend)
            hist_merge(stat_trend(recent->now, metric, NULL), trend);
        break;
    }
}

static void keep_bucket(void *ctx, uint32_t index, uint64_t count)
{
    struct second *second = ctx;

    if (second->bucket_count == second->bucket_cap) {
        second->bucket_cap = second->bucket_cap > 0 ? 2 * second->bucket_cap : 16;
        second->buckets = x_realloc(second->buckets, second->bucket_cap * sizeof *second->buckets);
    }
    second->buckets[second->bucket_count++] = (struct bucket){.index = index, .count = count};
}

static void keep_trend(struct second *second, const struct hist *trend)
{
    if (!trend)
        return;
    hist_each(trend, keep_bucket, second);
    second->overflow = hist_overflow(trend);
    second->lowest = hist_min(trend);
    second->highest = hist_max(trend);
    second->sum = hist_sum(trend);
}

/* The second under way, into the place of the oldest. */
static void keep(struct second *second, const struct stat_set *now, enum metric metric)
{
    *second = (struct second){.buckets = second->buckets, .bucket_cap = second->bucket_cap};
    switch (metric_info(metric)->kind) {
    case METRIC_KIND_NONE:
        break;
    case METRIC_COUNTER:
        second->count = stat_get_count(now, metric, NULL);
        break;
    case METRIC_GAUGE:
        second->has_value =
            stat_get_gauge(now, metric, NULL, &second->value, &second->min, &second->max);
        break;
    case METRIC_RATE:
        stat_get_rate(now, metric, NULL, &second->passes, &second->fails);
        break;
    case METRIC_TREND:
        keep_trend(second, stat_get_trend(now, metric, NULL));
        break;
    }
}

static bool has_samples(const struct second *second)
{
    return second->bucket_count > 0 || second->overflow > 0;
}

static void add_to_window(struct stat_set *window, enum metric metric, const struct second *second)
{
    struct hist *trend;

    switch (metric_info(metric)->kind) {
    case METRIC_KIND_NONE:
        break;
    case METRIC_COUNTER:
        stat_count(window, metric, NULL, second->count);
        break;
    case METRIC_GAUGE:
        if (!second->has_value)
            break;
        stat_gauge(window, metric, NULL, second->min);
        stat_gauge(window, metric, NULL, second->max);
        stat_gauge(window, metric, NULL, second->value);
        break;
    case METRIC_RATE:
        stat_passes(window, metric, NULL, second->passes, second->fails);
        break;
    case METRIC_TREND:
        if (!has_samples(second))
            break;
        trend = stat_trend(window, metric, NULL);
        for (size_t i = 0; i < second->bucket_count; i++)
            (void)hist_add_bucket(trend, second->buckets[i].index, second->buckets[i].count);
        hist_add_summary(trend, second->overflow, second->sum, second->lowest, second->highest);
        break;
    }
}

/* Seconds of the window, the oldest first. */
static const struct second *second_at(const struct recent *recent, uint32_t index)
{
    return &recent->ring[(recent->closed - recent_seconds(recent) + index) % recent->limit];
}

void recent_close_second(struct recent *recent, uint64_t length_ns)
{
    struct second *oldest = &recent->ring[recent->closed % recent->limit];

    keep(oldest, recent->now, recent->metric);
    oldest->length_ns = length_ns;
    recent->closed++;
    stat_set_clear(recent->now);
    stat_set_clear(recent->window);
    for (uint32_t i = 0; i < recent_seconds(recent); i++)
        add_to_window(recent->window, recent->metric, second_at(recent, i));
}

uint32_t recent_seconds(const struct recent *recent)
{
    return recent->closed < recent->limit ? (uint32_t)recent->closed : recent->limit;
}

uint64_t recent_length_ns(const struct recent *recent)
{
    uint64_t length_ns = 0;

    for (uint32_t i = 0; i < recent_seconds(recent); i++)
        length_ns += second_at(recent, i)->length_ns;
    return length_ns;
}

const struct stat_set *recent_window(const struct recent *recent)
{
    return recent->window;
}

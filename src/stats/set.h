/*
 * stats/set.h - one set of metrics: of an endpoint, of a worker, of a whole run.
 *
 * A metric stands as a whole and, beside it, by tag ("phase:first"). Hot paths keep the set's
 * pointer and call the stat_ functions: a whole costs one array access, a tag 10 to 30 ns more.
 * Times are kept in microseconds, rates in thousandths a second, sizes in thousandths. Counts never
 * wrap.
 */
#ifndef CICADA_STATS_SET_H
#define CICADA_STATS_SET_H

#include "stats/hist.h"
#include "stats/metric.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STATS_NAME_LIMIT = 50,  /* different {event:NAME} tags of a metric in a set, and {server:NAME}
                               ones; the rest as event:(other), server:(other) */
    STATS_TAG_LIMIT = 1000, /* different tags a set; more are dropped into the untagged whole */
    STATS_TAG_BYTES = 128   /* a longer tag is cut; with its NUL */
};

struct stat_set; /* about 600 bytes while empty */

/* The caller owns the result. */
struct stat_set *stat_set_new(void);
void stat_set_free(struct stat_set *set);
/* Counters, rates, trends add up; gauges are left alone: they belong to one worker each. */
void stat_set_merge(struct stat_set *to, const struct stat_set *from);
/* Everything zero, gauges unset; tags and memory kept. */
void stat_set_clear(struct stat_set *set);

/* --- recording --- */
/*
 * `tag` is NULL or "key:value", copied by the set; it is counted beside the whole, so a caller that
 * records a tagged value also records the untagged one. The function must fit the metric's kind.
 */
void stat_count(struct stat_set *set, enum metric metric, const char *tag, uint64_t count);
void stat_pass(struct stat_set *set, enum metric metric, const char *tag, bool passed);
/* Many passes and fails at once. */
void stat_passes(struct stat_set *set, enum metric metric, const char *tag, uint64_t passes,
                 uint64_t fails);
/* A trend in ns (METRIC_UNIT_NS), rounded to the nearest microsecond; above 1 h (stream lives:
 * 7 days) it is overflow. */
void stat_time(struct stat_set *set, enum metric metric, const char *tag, uint64_t ns);
/* A trend in thousandths a second (METRIC_UNIT_PER_S); above 1e6 a second it is overflow. */
void stat_rate(struct stat_set *set, enum metric metric, const char *tag, uint64_t per_1000_s);
/* A trend of counts or bytes (METRIC_UNIT_COUNT, METRIC_UNIT_BYTES); above 1e9 it is overflow. */
void stat_size(struct stat_set *set, enum metric metric, const char *tag, uint64_t size);
/* A gauge is the current value; min and max are kept since the last clear. */
void stat_gauge(struct stat_set *set, enum metric metric, const char *tag, double value);
/* Highest value of the metric's histograms, in their unit; what lies above is overflow. */
uint64_t stat_trend_highest(enum metric metric);
/* The histogram of a trend, made when new, to fill from elsewhere; NULL past STATS_TAG_LIMIT. */
struct hist *stat_trend(struct stat_set *set, enum metric metric, const char *tag);

/* "event:NAME" into `tag`, cut to `cap` with its NUL; `key` holds its colon. Bytes of `name` that
 * cannot stand in a tag are replaced. */
void stat_tag_write(char *tag, size_t cap, const char *key, const void *name, size_t len);

/* --- reading --- */
/* Each gives 0, NULL or an empty answer where nothing was recorded. */
uint64_t stat_get_count(const struct stat_set *set, enum metric metric, const char *tag);
void stat_get_rate(const struct stat_set *set, enum metric metric, const char *tag,
                   uint64_t *passes, uint64_t *fails);
/* Borrowed until the next clear or merge. */
const struct hist *stat_get_trend(const struct stat_set *set, enum metric metric, const char *tag);
/* Any of the outputs may be NULL. */
bool stat_get_gauge(const struct stat_set *set, enum metric metric, const char *tag, double *value,
                    double *min, double *max);
/* Every (metric, tag) that holds something: whole metrics first, in the order of the enum, then
 * tagged ones sorted by metric and tag. `tag` is NULL for a whole. */
typedef void (*stat_each_fn)(void *ctx, const struct stat_set *set, enum metric metric,
                             const char *tag);
void stat_each(const struct stat_set *set, stat_each_fn each, void *ctx);

#endif

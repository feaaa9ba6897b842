/*
 * stats/hist.h - a log-linear histogram: 1,024 buckets an octave, three significant digits.
 *
 * Values are unsigned integers in the histogram's unit: microseconds for times, thousandths for
 * rates a second. Memory grows by 4 KB an octave that is really used. The bucket layout is that of
 * HdrHistogram with lowest value 1 and three digits (Tene), so counts export exactly. Counts never
 * wrap: past 2^32 a bucket gets an upper half, at 2^64 it stays.
 */
#ifndef CICADA_STATS_HIST_H
#define CICADA_STATS_HIST_H

#include <stddef.h>
#include <stdint.h>

struct hist;

/* Values above `highest` are overflow, with the true maximum kept. The caller owns the result. */
struct hist *hist_new(uint64_t highest);
void hist_free(struct hist *hist);
/* About 4 ns once its octave is in use. 0 is a value like any other. */
void hist_record(struct hist *hist, uint64_t value);
void hist_record_many(struct hist *hist, uint64_t value, uint64_t count);
/* Adds all of `from`; both have the same `highest`. */
void hist_merge(struct hist *hist, const struct hist *from);
/* Empty again, memory kept. */
void hist_clear(struct hist *hist);

uint64_t hist_count(const struct hist *hist); /* overflow included */
uint64_t hist_overflow(const struct hist *hist);
/* Exact; 0 when empty. */
uint64_t hist_min(const struct hist *hist);
uint64_t hist_max(const struct hist *hist);
/* Overflow included; exact but for rounding to a double. 0 when empty. */
double hist_mean(const struct hist *hist);
/*
 * The highest value of the bucket that `percentile` (0 to 100) falls in, as HdrHistogram's
 * getValueAtPercentile, but never above the true maximum; the minimum for 0, the maximum where it
 * falls among the overflow. 0 when empty.
 */
uint64_t hist_percentile(const struct hist *hist, double percentile);

/* Values above `value`, overflow included; those in its own bucket are not. */
uint64_t hist_count_above(const struct hist *hist, uint64_t value);

/* Non-zero buckets in rising order, for frames and exports. */
typedef void (*hist_bucket_fn)(void *ctx, uint32_t index, uint64_t count);
void hist_each(const struct hist *hist, hist_bucket_fn each, void *ctx);
/* The reverse of hist_each, for what came over a channel: -1 when `index` is beyond `highest`. */
int hist_add_bucket(struct hist *hist, uint32_t index, uint64_t count);
/* What buckets do not carry, of a histogram that is not empty: overflow count, sum, min, max. */
void hist_add_summary(struct hist *hist, uint64_t overflow, double sum, uint64_t min, uint64_t max);
double hist_sum(const struct hist *hist);
/* Lowest value of bucket `index`. */
uint64_t hist_bucket_low(uint32_t index);
/* Bytes this histogram holds. */
size_t hist_bytes(const struct hist *hist);

#endif

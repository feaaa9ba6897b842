#include "stats/hist.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * Block 0 holds 0 to 1023 one by one; block k > 0 holds [1024 << (k-1), 2048 << (k-1)) in 1,024
 * steps of 1 << (k-1). The index of a bucket is its block times 1,024 plus its place there, which
 * is HdrHistogram's own numbering for three digits and a lowest value of 1.
 */
enum { BLOCK_BITS = 10, BLOCK_BUCKETS = 1 << BLOCK_BITS, BLOCK_MASK = BLOCK_BUCKETS - 1 };
enum { BLOCK_LIMIT = 64 - BLOCK_BITS + 1 };

static const double TWO_TO_64 = 18446744073709551616.0;

struct hist {
    uint64_t highest;
    uint64_t count;
    uint64_t overflow;
    uint64_t min; /* UINT64_MAX while nothing was recorded */
    uint64_t max;
    /* Together the sum. Whole numbers, because an addition to them in memory takes half the time of
     * one to a double; what has no room there is in `far_sum`. */
    uint64_t near_sum;
    double far_sum;
    /* Every bucket that may be other than zero lies in [first, last]; first > last when none. */
    uint32_t first, last;
    uint32_t block_count;
    uint32_t **high; /* upper halves of counts past 2^32, by block; NULL until one is needed */
    uint32_t *low[]; /* lower halves, by block; NULL until a value falls there */
};

static uint32_t index_of(uint64_t value)
{
    /* 0 up to 2,047, then one more an octave. */
    uint32_t shift = (uint32_t)(64 - BLOCK_BITS - 1) -
                     (uint32_t)__builtin_clzll(value | (2 * BLOCK_BUCKETS - 1));

    return (shift << BLOCK_BITS) + (uint32_t)(value >> shift);
}

static uint64_t add_saturated(uint64_t left, uint64_t right)
{
    uint64_t sum;

    return __builtin_add_overflow(left, right, &sum) ? UINT64_MAX : sum;
}

static uint32_t *add_block(struct hist *hist, uint32_t block)
{
    hist->low[block] = x_calloc(BLOCK_BUCKETS, sizeof *hist->low[block]);
    return hist->low[block];
}

static uint64_t bucket_count(const struct hist *hist, uint32_t index)
{
    uint32_t block = index >> BLOCK_BITS, place = index & BLOCK_MASK;
    uint64_t count = hist->low[block] ? hist->low[block][place] : 0;

    if (hist->high && hist->high[block])
        count |= (uint64_t)hist->high[block][place] << 32;
    return count;
}

static void set_upper_half(struct hist *hist, uint32_t index, uint32_t upper)
{
    uint32_t block = index >> BLOCK_BITS;

    if (!hist->high)
        hist->high = x_calloc(hist->block_count, sizeof(uint32_t *));
    if (!hist->high[block])
        hist->high[block] = x_calloc(BLOCK_BUCKETS, sizeof *hist->high[block]);
    hist->high[block][index & BLOCK_MASK] = upper;
}

static void widen_range(struct hist *hist, uint32_t index)
{
    if (index < hist->first)
        hist->first = index;
    if (index > hist->last)
        hist->last = index;
}

static void add_to_bucket(struct hist *hist, uint32_t index, uint64_t count)
{
    uint32_t *block = hist->low[index >> BLOCK_BITS];
    uint64_t sum = add_saturated(bucket_count(hist, index), count);

    if (!block)
        block = add_block(hist, index >> BLOCK_BITS);
    block[index & BLOCK_MASK] = (uint32_t)sum;
    if (sum > UINT32_MAX)
        set_upper_half(hist, index, (uint32_t)(sum >> 32));
    widen_range(hist, index);
    hist->count = add_saturated(hist->count, count);
}

static void reset(struct hist *hist)
{
    hist->count = 0;
    hist->overflow = 0;
    hist->min = UINT64_MAX;
    hist->max = 0;
    hist->near_sum = 0;
    hist->far_sum = 0;
    hist->first = UINT32_MAX;
    hist->last = 0;
}

static bool has_buckets(const struct hist *hist)
{
    return hist->first <= hist->last;
}

static void add_near(struct hist *hist, uint64_t sum)
{
    if (__builtin_add_overflow(hist->near_sum, sum, &hist->near_sum))
        hist->far_sum += TWO_TO_64;
}

static void add_product(struct hist *hist, uint64_t value, uint64_t count)
{
    uint64_t product;

    if (__builtin_mul_overflow(value, count, &product))
        hist->far_sum += (double)value * (double)count;
    else
        add_near(hist, product);
}

/*
 * The first bucket from `index` on that is not zero. False when there is none; a caller starts at
 * `first` and goes on at the index it got, plus one.
 */
static bool next_bucket(const struct hist *hist, uint32_t *index, uint64_t *count)
{
    for (uint64_t at = *index; at <= hist->last; at = (at | BLOCK_MASK) + 1) {
        uint32_t block = (uint32_t)at >> BLOCK_BITS, place = (uint32_t)at & BLOCK_MASK;
        const uint32_t *low = hist->low[block];
        bool is_narrow = !hist->high || !hist->high[block];

        if (!low)
            continue;
        while (is_narrow && place < BLOCK_BUCKETS && low[place] == 0)
            place++;
        for (; place < BLOCK_BUCKETS; place++) {
            *index = block << BLOCK_BITS | place;
            *count = bucket_count(hist, *index);
            if (*count > 0)
                return true;
        }
    }
    return false;
}

struct hist *hist_new(uint64_t highest)
{
    uint32_t block_count = (index_of(highest) >> BLOCK_BITS) + 1;
    struct hist *hist = x_calloc(1, sizeof *hist + block_count * sizeof hist->low[0]);

    hist->highest = highest;
    hist->block_count = block_count;
    reset(hist);
    return hist;
}

void hist_free(struct hist *hist)
{
    if (!hist)
        return;
    for (uint32_t block = 0; block < hist->block_count; block++) {
        free(hist->low[block]);
        if (hist->high)
            free(hist->high[block]);
    }
    free(hist->high);
    free(hist);
}

void hist_record(struct hist *hist, uint64_t value)
{
    uint32_t index, *block;

    if (__builtin_expect(value > hist->highest, 0)) {
        hist_record_many(hist, value, 1);
        return;
    }
    index = index_of(value);
    block = hist->low[index >> BLOCK_BITS];
    if (__builtin_expect(!block || block[index & BLOCK_MASK] == UINT32_MAX, 0)) {
        hist_record_many(hist, value, 1);
        return;
    }
    block[index & BLOCK_MASK]++;
    hist->count++;
    if (__builtin_add_overflow(hist->near_sum, value, &hist->near_sum))
        hist->far_sum += TWO_TO_64;
    if (value < hist->min)
        hist->min = value;
    if (value > hist->max)
        hist->max = value;
    if (index < hist->first)
        hist->first = index;
    if (index > hist->last)
        hist->last = index;
}

void hist_record_many(struct hist *hist, uint64_t value, uint64_t count)
{
    if (count == 0)
        return;
    if (value > hist->highest) {
        hist->overflow = add_saturated(hist->overflow, count);
        hist->count = add_saturated(hist->count, count);
    } else {
        add_to_bucket(hist, index_of(value), count);
    }
    add_product(hist, value, count);
    if (value < hist->min)
        hist->min = value;
    if (value > hist->max)
        hist->max = value;
}

void hist_merge(struct hist *hist, const struct hist *from)
{
    uint64_t count;

    assert(hist->highest == from->highest);
    if (from->count == 0)
        return;
    for (uint32_t index = from->first; next_bucket(from, &index, &count); index++)
        add_to_bucket(hist, index, count);
    add_near(hist, from->near_sum);
    hist_add_summary(hist, from->overflow, from->far_sum, from->min, from->max);
}

void hist_clear(struct hist *hist)
{
    uint32_t last_block = hist->last >> BLOCK_BITS;

    for (uint32_t block = hist->first >> BLOCK_BITS; has_buckets(hist) && block <= last_block;
         block++) {
        uint32_t from = block == hist->first >> BLOCK_BITS ? hist->first & BLOCK_MASK : 0;
        uint32_t to = block == last_block ? hist->last & BLOCK_MASK : BLOCK_MASK;

        if (hist->low[block])
            memset(hist->low[block] + from, 0, (to - from + 1) * sizeof(uint32_t));
        if (hist->high && hist->high[block])
            memset(hist->high[block] + from, 0, (to - from + 1) * sizeof(uint32_t));
    }
    reset(hist);
}

uint64_t hist_count(const struct hist *hist)
{
    return hist->count;
}

uint64_t hist_overflow(const struct hist *hist)
{
    return hist->overflow;
}

uint64_t hist_min(const struct hist *hist)
{
    return hist->count > 0 && hist->min != UINT64_MAX ? hist->min : 0;
}

uint64_t hist_max(const struct hist *hist)
{
    return hist->max;
}

double hist_mean(const struct hist *hist)
{
    return hist->count > 0 ? hist_sum(hist) / (double)hist->count : 0;
}

/*
 * How many values, counted from the lowest, the percentile takes in: HdrHistogram's rule, which
 * rounds up after stepping down by one bit, so that 50 % of 2 is 1 whatever the division rounds to.
 */
static uint64_t count_at(const struct hist *hist, double percentile)
{
    double share = fmin(fmax(nextafter(percentile, -INFINITY), 0), 100);
    double count = ceil(share * (double)hist->count / 100);

    if (count >= (double)hist->count)
        return hist->count;
    return count < 1 ? 1 : (uint64_t)count;
}

uint64_t hist_percentile(const struct hist *hist, double percentile)
{
    uint64_t wanted, count, seen = 0;

    if (hist->count == 0)
        return 0;
    if (percentile <= 0)
        return hist_min(hist);
    wanted = count_at(hist, percentile);
    for (uint32_t index = hist->first; next_bucket(hist, &index, &count); index++) {
        seen = add_saturated(seen, count);
        if (seen >= wanted) {
            uint64_t highest = hist_bucket_low(index + 1) - 1;

            return highest < hist->max ? highest : hist->max;
        }
    }
    return hist->max; /* among the overflow */
}

uint64_t hist_count_above(const struct hist *hist, uint64_t value)
{
    uint64_t count, above = hist->overflow;

    for (uint32_t index = hist->first; next_bucket(hist, &index, &count); index++)
        above = add_saturated(above, hist_bucket_low(index) > value ? count : 0);
    return above;
}

void hist_each(const struct hist *hist, hist_bucket_fn each, void *ctx)
{
    uint64_t count;

    for (uint32_t index = hist->first; next_bucket(hist, &index, &count); index++)
        each(ctx, index, count);
}

int hist_add_bucket(struct hist *hist, uint32_t index, uint64_t count)
{
    if (index > index_of(hist->highest))
        return -1;
    if (count > 0)
        add_to_bucket(hist, index, count);
    return 0;
}

void hist_add_summary(struct hist *hist, uint64_t overflow, double sum, uint64_t min, uint64_t max)
{
    hist->overflow = add_saturated(hist->overflow, overflow);
    hist->count = add_saturated(hist->count, overflow);
    if (sum < TWO_TO_64 / 2)
        add_near(hist, (uint64_t)sum);
    else
        hist->far_sum += sum;
    if (min < hist->min)
        hist->min = min;
    if (max > hist->max)
        hist->max = max;
}

double hist_sum(const struct hist *hist)
{
    return hist->far_sum + (double)hist->near_sum;
}

uint64_t hist_bucket_low(uint32_t index)
{
    uint32_t block = index >> BLOCK_BITS, shift = block > 0 ? block - 1 : 0;

    assert(block <= BLOCK_LIMIT);
    if (block == BLOCK_LIMIT)
        return 0; /* one past the last bucket wraps, so that "low of the next, less one" holds */
    return ((uint64_t)index - ((uint64_t)shift << BLOCK_BITS)) << shift;
}

size_t hist_bytes(const struct hist *hist)
{
    size_t bytes = sizeof *hist + hist->block_count * sizeof hist->low[0];

    for (uint32_t block = 0; block < hist->block_count; block++) {
        if (hist->low[block])
            bytes += BLOCK_BUCKETS * sizeof(uint32_t);
        if (hist->high && hist->high[block])
            bytes += BLOCK_BUCKETS * sizeof(uint32_t);
    }
    if (hist->high)
        bytes += hist->block_count * sizeof(uint32_t *);
    return bytes;
}

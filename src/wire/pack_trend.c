#include "wire/pack_trend.h"

/* Far above any true sum, and far enough below infinity to be added up. */
static const double SUM_LIMIT = 1e40;

static void count_bucket(void *ctx, uint32_t index, uint64_t count)
{
    size_t *buckets = ctx;

    (void)index;
    (void)count;
    ++*buckets;
}

struct bucket_writer {
    struct buf *out;
    uint32_t before; /* index of the bucket before */
};

static void pack_bucket(void *ctx, uint32_t index, uint64_t count)
{
    struct bucket_writer *writer = ctx;

    pack_uint(writer->out, index - writer->before);
    pack_uint(writer->out, count);
    writer->before = index;
}

void pack_trend(struct buf *out, const struct hist *trend)
{
    struct bucket_writer writer = {.out = out};
    size_t buckets = 0;

    pack_uint(out, hist_overflow(trend));
    pack_double(out, hist_sum(trend));
    pack_uint(out, hist_min(trend));
    pack_uint(out, hist_max(trend));
    hist_each(trend, count_bucket, &buckets);
    pack_array(out, 2 * buckets);
    hist_each(trend, pack_bucket, &writer);
}

static void expect(struct unpack *unpack, bool holds)
{
    if (!holds)
        unpack->failed = true;
}

static void unpack_buckets(struct unpack *unpack, struct hist *trend)
{
    size_t fields = unpack_array(unpack);
    uint64_t index = 0;

    expect(unpack, fields % 2 == 0);
    for (size_t i = 0; i < fields / 2 && !unpack->failed; i++) {
        uint64_t step = unpack_uint_max(unpack, UINT32_MAX), count = unpack_uint(unpack);

        index += step;
        expect(unpack, (i == 0 || step > 0) && count > 0 && index <= UINT32_MAX);
        if (!unpack->failed)
            expect(unpack, hist_add_bucket(trend, (uint32_t)index, count) == 0);
    }
}

void unpack_trend(struct unpack *unpack, struct hist *trend)
{
    uint64_t overflow = unpack_uint(unpack);
    double sum = unpack_double(unpack);
    uint64_t min = unpack_uint(unpack), max = unpack_uint(unpack);

    expect(unpack, trend && sum >= 0 && sum <= SUM_LIMIT && min <= max);
    if (unpack->failed)
        return;
    unpack_buckets(unpack, trend);
    expect(unpack, hist_count(trend) > 0 || overflow > 0);
    if (!unpack->failed)
        hist_add_summary(trend, overflow, sum, min, max);
}

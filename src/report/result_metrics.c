#include "report/result_metrics.h"

#include "base/buf.h"
#include "base/json.h"
#include "report/figures.h"
#include "report/hdr.h"
#include "stats/set.h"

enum { PLACES = 3, RATIO_PLACES = 6 };

/* Of a trend's values, as they are shown. */
static const char *trend_unit(enum metric metric)
{
    switch (metric_info(metric)->unit) {
    case METRIC_UNIT_PER_S:
        return "1/s";
    case METRIC_UNIT_COUNT:
        return "count";
    case METRIC_UNIT_BYTES:
        return "bytes";
    case METRIC_UNIT_NONE:
    case METRIC_UNIT_NS:
    case METRIC_UNIT_RATIO:
    case METRIC_UNIT_PER_HOUR:
        break;
    }
    return "ms";
}

static void put_counter(struct json *json, uint64_t count, double seconds)
{
    json_put_uint(json, "count", count);
    json_put_number(json, "rate", figures_per_s(count, seconds), PLACES);
}

static void put_rate(struct json *json, uint64_t passes, uint64_t fails)
{
    uint64_t all = passes + fails;

    json_put_number(json, "rate", all > 0 ? (double)passes / (double)all : 0, RATIO_PLACES);
    json_put_uint(json, "passes", passes);
    json_put_uint(json, "fails", fails);
}

static void put_trend(struct json *json, enum metric metric, const struct hist *hist)
{
    static const struct {
        const char *key;
        double percentile;
    } percentiles[] = {{"p50", 50}, {"p90", 90}, {"p95", 95}, {"p99", 99}, {"p99_9", 99.9}};
    struct buf hdr = {0};

    json_put_uint(json, "count", hist_count(hist));
    json_put_number(json, "min", figures_trend(hist_min(hist)), PLACES);
    json_put_number(json, "max", figures_trend(hist_max(hist)), PLACES);
    json_put_number(json, "mean", hist_mean(hist) / 1000.0, PLACES);
    for (size_t i = 0; i < sizeof percentiles / sizeof percentiles[0]; i++)
        json_put_number(json, percentiles[i].key,
                        figures_trend(hist_percentile(hist, percentiles[i].percentile)), PLACES);
    json_put_text(json, "unit", trend_unit(metric));
    json_put_uint(json, "overflow", hist_overflow(hist));
    hdr_append_base64(&hdr, hist, stat_trend_highest(metric));
    json_put_text(json, "hdr", buf_text(&hdr));
    buf_fini(&hdr);
}

struct metrics_writer {
    struct json *json;
    double seconds;
    bool has_all_counters; /* also those that are 0 */
};

static void put_gauge(struct json *json, double value, double min, double max)
{
    json_put_number(json, "value", value, RATIO_PLACES);
    json_put_number(json, "min", min, RATIO_PLACES);
    json_put_number(json, "max", max, RATIO_PLACES);
}

static void begin_metric(struct json *json, enum metric metric, const char *tag, const char *kind)
{
    const char *name = metric_info(metric)->name;
    struct buf key = {0};

    if (tag)
        (void)buf_appendf(&key, "%s{%s}", name, tag);
    json_key(json, tag ? buf_text(&key) : name);
    json_begin_object(json);
    json_put_text(json, "kind", kind);
    buf_fini(&key);
}

/* Writes nothing for a metric without samples, which is not the same as one of value 0. */
static void put_metric(const struct metrics_writer *writer, const struct stat_set *set,
                       enum metric metric, const char *tag)
{
    struct json *json = writer->json;
    uint64_t passes = 0, fails = 0, count;
    const struct hist *hist;
    double value, min, max;

    switch (metric_info(metric)->kind) {
    case METRIC_KIND_NONE:
        return;
    case METRIC_COUNTER:
        count = stat_get_count(set, metric, tag);
        if (count == 0 && !writer->has_all_counters)
            return;
        begin_metric(json, metric, tag, "counter");
        put_counter(json, count, writer->seconds);
        break;
    case METRIC_GAUGE:
        if (!stat_get_gauge(set, metric, tag, &value, &min, &max))
            return;
        begin_metric(json, metric, tag, "gauge");
        put_gauge(json, value, min, max);
        break;
    case METRIC_RATE:
        stat_get_rate(set, metric, tag, &passes, &fails);
        if (passes + fails == 0)
            return;
        begin_metric(json, metric, tag, "rate");
        put_rate(json, passes, fails);
        break;
    case METRIC_TREND:
        hist = stat_get_trend(set, metric, tag);
        if (!hist || hist_count(hist) == 0)
            return;
        begin_metric(json, metric, tag, "trend");
        put_trend(json, metric, hist);
        break;
    }
    json_end_object(json);
}

static void put_tagged(void *ctx, const struct stat_set *set, enum metric metric, const char *tag)
{
    if (tag)
        put_metric(ctx, set, metric, tag);
}

void result_metrics_write(struct json *json, const struct stat_set *set, double seconds,
                          bool has_all_counters)
{
    struct metrics_writer writer = {json, seconds, has_all_counters};

    json_key(json, "metrics");
    json_begin_object(json);
    for (int i = METRIC_NONE + 1; i < METRIC_COUNT; i++)
        put_metric(&writer, set, (enum metric)i, NULL);
    stat_each(set, put_tagged, &writer);
    json_end_object(json);
}

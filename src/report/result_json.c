#include "report/result_json.h"

#include "base/json.h"
#include "report/figures.h"
#include "report/hdr.h"
#include "report/result_rows.h"
#include "report/result_save.h"
#include "report/result_thresholds.h"

#include <math.h>

enum { RESULT_FORMAT = 1, INDENT = 1, PLACES = 3, RATIO_PLACES = 6 };

/* Highest values of the trends, in the histograms' units: 1 h, 7 days, 1e6 a second. */
static const uint64_t HOUR_US = 3600000000, WEEK_US = 604800000000,
                      RATE_MAX_PER_1000_S = 1000000000;

static uint64_t highest_of(enum metric metric)
{
    if (metric == METRIC_SSE_DURATION || metric == METRIC_SSE_OPEN_AGE)
        return WEEK_US;
    return metric_info(metric)->unit == METRIC_UNIT_PER_S ? RATE_MAX_PER_1000_S : HOUR_US;
}

static void put_number(struct json *json, const char *key, double value, int places)
{
    json_key(json, key);
    json_number(json, value, places);
}

static void put_count(struct json *json, const char *key, uint64_t value)
{
    json_key(json, key);
    json_uint(json, value);
}

static void put_text(struct json *json, const char *key, const char *text)
{
    json_key(json, key);
    json_text(json, text ? text : "");
}

static void put_counter(struct json *json, uint64_t count, double seconds)
{
    put_count(json, "count", count);
    put_number(json, "rate", figures_per_s(count, seconds), PLACES);
}

static void put_rate(struct json *json, uint64_t passes, uint64_t fails)
{
    uint64_t all = passes + fails;

    put_number(json, "rate", all > 0 ? (double)passes / (double)all : 0, RATIO_PLACES);
    put_count(json, "passes", passes);
    put_count(json, "fails", fails);
}

static void put_trend(struct json *json, enum metric metric, const struct hist *hist)
{
    static const struct {
        const char *key;
        double percentile;
    } percentiles[] = {{"p50", 50}, {"p90", 90}, {"p95", 95}, {"p99", 99}, {"p99_9", 99.9}};
    struct buf hdr = {0};

    put_count(json, "count", hist_count(hist));
    put_number(json, "min", figures_trend(hist_min(hist)), PLACES);
    put_number(json, "max", figures_trend(hist_max(hist)), PLACES);
    put_number(json, "mean", hist_mean(hist) / 1000.0, PLACES);
    for (size_t i = 0; i < sizeof percentiles / sizeof percentiles[0]; i++)
        put_number(json, percentiles[i].key,
                   figures_trend(hist_percentile(hist, percentiles[i].percentile)), PLACES);
    put_text(json, "unit", metric_info(metric)->unit == METRIC_UNIT_PER_S ? "1/s" : "ms");
    put_count(json, "overflow", hist_overflow(hist));
    hdr_append_base64(&hdr, hist, highest_of(metric));
    put_text(json, "hdr", buf_text(&hdr));
    buf_fini(&hdr);
}

struct metrics_writer {
    struct json *json;
    double seconds;
    bool has_all_counters; /* also those that are 0 */
};

static void put_gauge(struct json *json, double value, double min, double max)
{
    put_number(json, "value", value, RATIO_PLACES);
    put_number(json, "min", min, RATIO_PLACES);
    put_number(json, "max", max, RATIO_PLACES);
}

static void begin_metric(struct json *json, enum metric metric, const char *tag, const char *kind)
{
    const char *name = metric_info(metric)->name;
    struct buf key = {0};

    if (tag)
        (void)buf_appendf(&key, "%s{%s}", name, tag);
    json_key(json, tag ? buf_text(&key) : name);
    json_begin_object(json);
    put_text(json, "kind", kind);
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

static void put_metrics(struct json *json, const struct stat_set *set, double seconds,
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

static double seconds_of(const struct run *run)
{
    return (double)run->info.duration_ns / 1e9;
}

static void put_run(struct json *json, const struct run *run, const struct outcome *outcome)
{
    char text[UNITS_TEXT_BYTES];

    json_key(json, "run");
    json_begin_object(json);
    put_text(json, "id", run->info.id);
    put_text(json, "target", run->info.target);
    put_text(json, "started", figures_utc(run->info.started_unix_ms, text));
    put_text(json, "ended", figures_utc(run->info.ended_unix_ms, text));
    put_number(json, "duration_s", seconds_of(run), PLACES);
    put_count(json, "users_max", run->info.users_max);
    put_text(json, "command", run->info.command);
    put_text(json, "verdict", verdict_name(outcome->verdict));
    json_end_object(json);
}

static void put_endpoints(struct json *json, const struct run *run)
{
    json_key(json, "endpoints");
    json_begin_array(json);
    for (size_t i = 0; i < stats_endpoint_count(run->stats); i++) {
        json_begin_object(json);
        put_text(json, "method", stats_endpoint_method(run->stats, i));
        put_text(json, "name", stats_endpoint_name(run->stats, i));
        put_metrics(json, stats_endpoint_set(run->stats, i), seconds_of(run), false);
        json_end_object(json);
    }
    json_end_array(json);
}

static void put_errors(struct json *json, const struct run *run)
{
    char text[UNITS_TEXT_BYTES];

    json_key(json, "errors");
    json_begin_array(json);
    for (size_t i = 0; i < stats_error_count(run->stats); i++) {
        const struct stats_error *error = stats_error_at(run->stats, i);
        bool is_known = error->endpoint < stats_endpoint_count(run->stats);

        json_begin_object(json);
        put_text(json, "class", error_class_name(error->error_class));
        put_text(json, "message", error->message);
        put_text(json, "endpoint",
                 is_known ? stats_endpoint_name(run->stats, error->endpoint) : "");
        put_count(json, "count", error->count);
        put_text(json, "first", figures_utc(error->first_unix_ms, text));
        put_text(json, "last", figures_utc(error->last_unix_ms, text));
        json_end_object(json);
    }
    json_end_array(json);
}

static void put_examples(struct json *json, const struct run *run)
{
    const struct examples *examples = stats_examples(run->stats);
    char text[UNITS_TEXT_BYTES];

    json_key(json, "examples");
    json_begin_array(json);
    for (size_t i = 0; i < examples_count(examples); i++) {
        const struct example *example = examples_at(examples, i);

        json_begin_object(json);
        put_text(json, "kind", malformed_name(example->kind));
        put_text(json, "endpoint", stats_endpoint_name(run->stats, example->endpoint));
        put_text(json, "text", example->text);
        put_text(json, "at", figures_utc(example->unix_ms, text));
        json_end_object(json);
    }
    json_end_array(json);
}

static void put_empty_array(struct json *json, const char *key)
{
    json_key(json, key);
    json_begin_array(json);
    json_end_array(json);
}

static void put_null(struct json *json, const char *key)
{
    json_key(json, key);
    json_null(json);
}

/* Nulls where no event carried a time; without a common clock only that is known. */
static void put_clock(struct json *json, const struct run *run)
{
    struct clock_state clock = run_clock(run);
    bool is_known = clock.source == CLOCK_SAME_HOST || clock.source == CLOCK_ASKED;

    json_key(json, "clock");
    json_begin_object(json);
    put_number(json, "offset_ms", is_known ? (double)clock.offset_ns / 1e6 : NAN, PLACES);
    put_number(json, "error_ms", is_known ? (double)clock.error_ns / 1e6 : NAN, PLACES);
    if (clock.source == CLOCK_UNUSED)
        put_null(json, "source");
    else
        put_text(json, "source", figures_clock_source(run, clock.source));
    json_end_object(json);
}

static void put_findings(struct json *json, const struct outcome *outcome)
{
    json_key(json, "findings");
    json_begin_array(json);
    for (size_t i = 0; i < outcome->finding_count; i++) {
        const struct finding *finding = &outcome->findings[i];

        json_begin_object(json);
        put_text(json, "code", finding->code);
        put_text(json, "severity", finding_severity_name(finding->severity));
        put_text(json, "confidence", finding_confidence_name(finding->confidence));
        put_text(json, "title", finding->title);
        put_text(json, "evidence", finding->evidence);
        put_text(json, "advice", finding->advice);
        json_end_object(json);
    }
    json_end_array(json);
}

static void put_series_32(struct json *json, const char *key, const uint32_t *values, size_t count)
{
    json_key(json, key);
    json_begin_array(json);
    for (size_t i = 0; i < count; i++)
        json_uint(json, values[i]);
    json_end_array(json);
}

static void put_series_64(struct json *json, const char *key, const uint64_t *values, size_t count)
{
    json_key(json, key);
    json_begin_array(json);
    for (size_t i = 0; i < count; i++)
        json_uint(json, values[i]);
    json_end_array(json);
}

static void put_series_real(struct json *json, const char *key, const double *values, size_t count)
{
    json_key(json, key);
    json_begin_array(json);
    for (size_t i = 0; i < count; i++)
        json_number(json, values[i], PLACES);
    json_end_array(json);
}

static void put_series(struct json *json, const struct run_series *series)
{
    size_t count = series->count;

    json_key(json, "series");
    json_begin_object(json);
    put_count(json, "interval_s", 1);
    put_series_real(json, "t", series->t_s, count);
    put_series_32(json, "users", series->users, count);
    put_series_32(json, "sse_open", series->open, count);
    put_series_64(json, "sse_events", series->events, count);
    put_series_64(json, "sse_bytes", series->bytes, count);
    put_series_64(json, "sse_attempts", series->attempts, count);
    put_series_64(json, "sse_connect_fails", series->connect_fails, count);
    put_series_64(json, "sse_disconnects", series->disconnects, count);
    put_series_real(json, "sse_ttfe_p95", series->ttfe_p95_ms, count);
    put_series_real(json, "sse_event_gap_p95", series->gap_p95_ms, count);
    put_series_real(json, "worker_lag_p95", series->lag_p95_ms, count);
    json_end_object(json);
}

static void put_worker(struct json *json, const struct run_worker *worker)
{
    const struct hist *lag =
        worker->own ? stat_get_trend(worker->own, METRIC_WORKER_LAG, NULL) : NULL;

    json_begin_object(json);
    put_count(json, "id", worker->id);
    put_null(json, "region");
    put_text(json, "host", worker->host);
    put_count(json, "pid", worker->pid);
    put_number(json, "lag",
               lag && hist_count(lag) > 0 ? figures_trend(hist_percentile(lag, 99)) : NAN, PLACES);
    put_number(json, "cpu", figures_worker_cpu(worker), PLACES);
    put_count(json, "rss", worker->rss_bytes);
    json_key(json, "lost");
    json_bool(json, worker->is_lost);
    json_end_object(json);
}

static void put_workers(struct json *json, const struct run *run)
{
    json_key(json, "workers");
    json_begin_array(json);
    for (size_t i = 0; i < run->worker_count; i++)
        put_worker(json, &run->workers[i]);
    json_end_array(json);
}

void result_json_write(struct buf *out, const struct run *run, const struct outcome *outcome)
{
    struct json json;

    json_init(&json, out, INDENT);
    json_begin_object(&json);
    put_text(&json, "cicada", CICADA_VERSION);
    put_count(&json, "format", RESULT_FORMAT);
    put_run(&json, run, outcome);
    put_metrics(&json, run->total, seconds_of(run), true);
    put_endpoints(&json, run);
    result_rows_write(&json, run);
    put_errors(&json, run);
    put_examples(&json, run);
    result_thresholds_write(&json, outcome->thresholds);
    put_empty_array(&json, "storms");
    put_null(&json, "limit");
    put_clock(&json, run);
    put_findings(&json, outcome);
    put_series(&json, &run->series);
    put_workers(&json, run);
    json_end_object(&json);
    (void)buf_append_byte(out, '\n');
}

int result_json_check_path(const char *path, struct err *err)
{
    return result_save_check(path, err);
}

int result_json_save(const char *path, const struct run *run, const struct outcome *outcome,
                     struct err *err)
{
    struct buf text = {0};
    int result;

    result_json_write(&text, run, outcome);
    result = result_save(path, buf_text(&text), text.len, err);
    buf_fini(&text);
    return result;
}

#include "report/result_json.h"

#include "base/json.h"
#include "report/figures.h"
#include "report/result_ends.h"
#include "report/result_limit.h"
#include "report/result_machine.h"
#include "report/result_metrics.h"
#include "report/result_rows.h"
#include "report/result_save.h"
#include "report/result_stages.h"
#include "report/result_storms.h"
#include "report/result_thresholds.h"

#include <math.h>

enum { RESULT_FORMAT = 1, INDENT = 1, PLACES = 3 };

static double seconds_of(const struct run *run)
{
    return (double)run_measured_ns(run) / 1e9;
}

static void put_run(struct json *json, const struct run *run, const struct outcome *outcome)
{
    char text[UNITS_TEXT_BYTES];

    json_key(json, "run");
    json_begin_object(json);
    json_put_text(json, "id", run->info.id);
    json_put_text(json, "target", run->info.target);
    json_put_text(json, "started", figures_utc(run->info.started_unix_ms, text));
    json_put_text(json, "ended", figures_utc(run->info.ended_unix_ms, text));
    json_put_number(json, "duration_s", (double)run->info.duration_ns / 1e9, PLACES);
    json_put_number(json, "warm_up_s", (double)run->info.warm_up_ns / 1e9, PLACES);
    json_put_uint(json, "users_max", run->info.users_max);
    json_put_text(json, "command", run->info.command);
    json_put_text(json, "verdict", verdict_name(outcome->verdict));
    json_end_object(json);
}

static void put_endpoints(struct json *json, const struct run *run)
{
    json_key(json, "endpoints");
    json_begin_array(json);
    for (size_t i = 0; i < stats_endpoint_count(run->stats); i++) {
        json_begin_object(json);
        json_put_text(json, "method", stats_endpoint_method(run->stats, i));
        json_put_text(json, "name", stats_endpoint_name(run->stats, i));
        result_metrics_write(json, stats_endpoint_set(run->stats, i), seconds_of(run), false);
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
        json_put_text(json, "class", error_class_name(error->error_class));
        json_put_text(json, "message", error->message);
        json_put_text(json, "endpoint",
                      is_known ? stats_endpoint_name(run->stats, error->endpoint) : "");
        json_put_uint(json, "count", error->count);
        json_put_text(json, "first", figures_utc(error->first_unix_ms, text));
        json_put_text(json, "last", figures_utc(error->last_unix_ms, text));
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
        json_put_text(json, "kind", malformed_name(example->kind));
        json_put_text(json, "endpoint", stats_endpoint_name(run->stats, example->endpoint));
        json_put_text(json, "text", example->text);
        json_put_text(json, "at", figures_utc(example->unix_ms, text));
        json_end_object(json);
    }
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
    json_put_number(json, "offset_ms", is_known ? (double)clock.offset_ns / 1e6 : NAN, PLACES);
    json_put_number(json, "error_ms", is_known ? (double)clock.error_ns / 1e6 : NAN, PLACES);
    if (clock.source == CLOCK_UNUSED)
        put_null(json, "source");
    else
        json_put_text(json, "source", figures_clock_source(run, clock.source));
    json_end_object(json);
}

static void put_findings(struct json *json, const struct outcome *outcome)
{
    json_key(json, "findings");
    json_begin_array(json);
    for (size_t i = 0; i < outcome->finding_count; i++) {
        const struct finding *finding = &outcome->findings[i];

        json_begin_object(json);
        json_put_text(json, "code", finding->code);
        json_put_text(json, "severity", finding_severity_name(finding->severity));
        json_put_text(json, "confidence", finding_confidence_name(finding->confidence));
        json_put_text(json, "title", finding->title);
        json_put_text(json, "evidence", finding->evidence);
        json_put_text(json, "advice", finding->advice);
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
    json_put_uint(json, "interval_s", 1);
    put_series_real(json, "t", series->t_s, count);
    put_series_32(json, "users", series->users, count);
    put_series_32(json, "sse_open", series->open, count);
    put_series_64(json, "sse_events", series->events, count);
    put_series_64(json, "sse_bytes", series->bytes, count);
    put_series_64(json, "sse_attempts", series->attempts, count);
    put_series_64(json, "sse_connects", series->connects, count);
    put_series_64(json, "sse_connect_fails", series->connect_fails, count);
    put_series_64(json, "sse_disconnects", series->disconnects, count);
    put_series_real(json, "sse_ttfe_p95", series->ttfe_p95_ms, count);
    put_series_real(json, "sse_event_gap_p95", series->gap_p95_ms, count);
    put_series_real(json, "sse_event_latency_p95", series->latency_p95_ms, count);
    put_series_real(json, "worker_lag_p95", series->lag_p95_ms, count);
    json_end_object(json);
}

static void put_worker(struct json *json, const struct run_worker *worker)
{
    const struct hist *lag =
        worker->own ? stat_get_trend(worker->own, METRIC_WORKER_LAG, NULL) : NULL;

    json_begin_object(json);
    json_put_uint(json, "id", worker->id);
    put_null(json, "region");
    json_put_text(json, "host", worker->host);
    json_put_uint(json, "pid", worker->pid);
    json_put_number(json, "lag",
                    lag && hist_count(lag) > 0 ? figures_trend(hist_percentile(lag, 99)) : NAN,
                    PLACES);
    json_put_number(json, "cpu", figures_worker_cpu(worker), PLACES);
    json_put_uint(json, "rss", worker->rss_bytes);
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
    json_put_text(&json, "cicada", CICADA_VERSION);
    json_put_uint(&json, "format", RESULT_FORMAT);
    put_run(&json, run, outcome);
    result_metrics_write(&json, run->total, seconds_of(run), true);
    put_endpoints(&json, run);
    result_rows_write(&json, run);
    put_errors(&json, run);
    put_examples(&json, run);
    result_ends_write(&json, run);
    result_thresholds_write(&json, outcome->thresholds);
    result_stages_write(&json, run);
    result_onset_write(&json, run);
    result_storms_write(&json, run);
    result_limit_write(&json, outcome);
    put_clock(&json, run);
    put_findings(&json, outcome);
    put_series(&json, &run->series);
    put_workers(&json, run);
    result_machine_write(&json, run);
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

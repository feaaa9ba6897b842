#include "report/summary_tables.h"

#include "base/mem.h"
#include "report/figures.h"
#include "report/locust_tables.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENDPOINT_METHOD_COLUMNS = 8,
    CLASS_COLUMNS = 16,
    MESSAGE_INDENT = 29 /* what an error says, and where */
};

void summary_title(struct buf *out, const char *title, bool has_colour)
{
    (void)buf_appendf(out, has_colour ? "\n\x1b[1m%s\x1b[0m\n" : "\n%s\n", title);
}

void summary_row(struct buf *out, const char *label, const char *value, const char *note)
{
    struct buf line = {0};

    (void)buf_appendf(&line, "  %-23s %13s", label, value);
    if (*note)
        (void)buf_appendf(&line, "   %s", note);
    (void)figures_append_clean(out, buf_text(&line), SUMMARY_COLUMNS);
    (void)buf_append_byte(out, '\n');
    buf_fini(&line);
}

/* Bytes of the first `columns` characters. */
static size_t bytes_of(const char *text, size_t columns)
{
    size_t len = 0;

    for (size_t used = 0; text[len] != '\0'; len++) {
        bool is_start = ((unsigned char)text[len] & 0xc0) != 0x80;

        if (is_start && used == columns)
            break;
        used += is_start;
    }
    return len;
}

static size_t columns_of(const char *text)
{
    size_t columns = 0;

    for (; *text != '\0'; text++)
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

void summary_wrapped(struct buf *out, const char *text, size_t column, size_t indent)
{
    struct buf clean = {0};
    char *word, *rest = NULL;
    bool is_first = true;

    (void)figures_append_clean(&clean, text, SIZE_MAX);
    (void)buf_text(&clean);
    for (word = strtok_r((char *)clean.bytes, " ", &rest); word;
         word = strtok_r(NULL, " ", &rest)) {
        size_t left = columns_of(word);

        if (!is_first && column + 1 + left > SUMMARY_COLUMNS) {
            (void)buf_appendf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!is_first) {
            (void)buf_append_byte(out, ' ');
            column++;
        }
        for (; column + left > SUMMARY_COLUMNS; column = indent) {
            size_t len = bytes_of(word, SUMMARY_COLUMNS - column);

            (void)buf_append(out, word, len);
            (void)buf_appendf(out, "\n%*s", (int)indent, "");
            left -= SUMMARY_COLUMNS - column;
            word += len;
        }
        (void)buf_append_text(out, word);
        column += left;
        is_first = false;
    }
    (void)buf_append_byte(out, '\n');
    buf_fini(&clean);
}

void summary_endpoint_name(struct buf *out, const char *method, const char *name)
{
    size_t used = figures_append_clean(out, method, ENDPOINT_METHOD_COLUMNS);

    (void)buf_append_byte(out, ' ');
    used += 1 + figures_append_clean_end(out, name, SUMMARY_ENDPOINT_COLUMNS - used - 1);
    for (; used < SUMMARY_ENDPOINT_COLUMNS; used++)
        (void)buf_append_byte(out, ' ');
}

void summary_more(struct buf *out, size_t all)
{
    if (all > SUMMARY_ROWS_MAX)
        (void)buf_appendf(out, "  and %zu more, see the result of --json\n",
                          all - SUMMARY_ROWS_MAX);
}

struct time_row {
    const char *label;
    enum metric metric;
    const char *tag;
};

static const struct time_row time_rows[] = {
    {"connecting", METRIC_SSE_CONNECTING, NULL},
    {"  dns", METRIC_SSE_CONNECTING, "part:dns"},
    {"  connect", METRIC_SSE_CONNECTING, "part:connect"},
    {"  tls", METRIC_SSE_CONNECTING, "part:tls"},
    {"  wait for headers", METRIC_SSE_CONNECTING, "part:wait"},
    {"first byte", METRIC_SSE_FIRST_BYTE, NULL},
    {"first event", METRIC_SSE_TTFE, "phase:first"},
    {"first event, resumed", METRIC_SSE_TTFE, "phase:resume"},
    {"event gap", METRIC_SSE_EVENT_GAP, NULL},
    {"event latency", METRIC_SSE_EVENT_LATENCY, NULL},
    {"  above the fastest", METRIC_SSE_EVENT_LATENCY, "above:fastest"},
    {"  below zero by", METRIC_SSE_EVENT_LATENCY_NEGATIVE, NULL},
    {"  of replayed events", METRIC_SSE_EVENT_LATENCY, "delivery:replay"},
    {"  held with headers", METRIC_SSE_EVENT_LATENCY, "delivery:held"},
    {"our delay in reading", METRIC_WORKER_RECEIVE_DELAY, NULL},
    {"published to received", METRIC_SSE_PUBLISH_LATENCY, NULL},
    {"recovery", METRIC_SSE_RECOVERY, NULL},
    {"life of ended streams", METRIC_SSE_DURATION, NULL},
    {"age of open streams", METRIC_SSE_OPEN_AGE, NULL},
    {NULL, METRIC_NONE, NULL},
};

static const struct time_row token_rows[] = {
    {"first token", METRIC_SSE_TTFT, NULL},
    {"between tokens", METRIC_SSE_INTER_TOKEN, NULL},
    {"tokens/s of an answer", METRIC_SSE_TOKENS_PER_S, NULL},
    {NULL, METRIC_NONE, NULL},
};

static const struct hist *samples_of(const struct stat_set *set, enum metric metric,
                                     const char *tag)
{
    const struct hist *hist = stat_get_trend(set, metric, tag);

    return hist && hist_count(hist) > 0 ? hist : NULL;
}

static void put_value(struct buf *out, uint64_t value)
{
    char text[UNITS_TEXT_BYTES];

    (void)buf_appendf(out, " %11s", figures_number(figures_trend(value), text));
}

static void put_time_row(struct buf *out, const char *label, const struct hist *hist)
{
    char count[UNITS_TEXT_BYTES];

    (void)buf_appendf(out, "  %-23s %13s", label, units_format_count(hist_count(hist), count));
    put_value(out, hist_min(hist));
    put_value(out, hist_percentile(hist, 50));
    put_value(out, hist_percentile(hist, 95));
    put_value(out, hist_percentile(hist, 99));
    put_value(out, hist_max(hist));
    (void)buf_append_byte(out, '\n');
}

/* The rows that have samples, under a title that stands there once one has. False: none had. */
static bool put_time_table(struct buf *out, const struct run *run, const char *name,
                           const struct time_row *rows, bool has_colour)
{
    bool has_title = false;

    for (; rows->label; rows++) {
        const struct hist *hist = samples_of(run->total, rows->metric, rows->tag);

        if (!hist)
            continue;
        if (!has_title) {
            struct buf title = {0};

            (void)buf_appendf(&title, "%-25s %13s %11s %11s %11s %11s %11s", name, "count", "min",
                              "p50", "p95", "p99", "max");
            summary_title(out, buf_text(&title), has_colour);
            buf_fini(&title);
            has_title = true;
        }
        put_time_row(out, rows->label, hist);
    }
    return has_title;
}

void summary_times(struct buf *out, const struct run *run, bool has_colour)
{
    (void)put_time_table(out, run, "Times in ms", time_rows, has_colour);
}

void summary_tokens(struct buf *out, const struct run *run, bool has_colour)
{
    uint64_t all = stat_get_count(run->total, METRIC_SSE_TOKENS, NULL);
    uint64_t by_usage = stat_get_count(run->total, METRIC_SSE_TOKENS, "counted:usage");
    uint64_t by_chunks = stat_get_count(run->total, METRIC_SSE_TOKENS, "counted:chunks");
    char text[UNITS_TEXT_BYTES], usage[UNITS_TEXT_BYTES], chunks[UNITS_TEXT_BYTES];

    if (!put_time_table(out, run, "Tokens, times in ms", token_rows, has_colour))
        return;
    (void)buf_appendf(out, "  %-23s %13s   %s by usage, %s by chunks\n", "tokens",
                      units_format_count(all, text), units_format_count(by_usage, usage),
                      units_format_count(by_chunks, chunks));
}

static void put_percentile(struct buf *out, const struct stat_set *set, enum metric metric)
{
    const struct hist *hist = samples_of(set, metric, NULL);
    char text[UNITS_TEXT_BYTES];

    (void)buf_appendf(out, " %9s",
                      hist ? figures_number(figures_trend(hist_percentile(hist, 95)), text) : "-");
}

static void put_endpoint(struct buf *out, const struct run *run, size_t index)
{
    const struct stat_set *set = stats_endpoint_set(run->stats, index);
    char attempts[UNITS_TEXT_BYTES], connected[UNITS_TEXT_BYTES], events[UNITS_TEXT_BYTES];
    uint64_t passes, fails;

    stat_get_rate(set, METRIC_SSE_CONNECT_SUCCESS, NULL, &passes, &fails);
    (void)buf_append_text(out, "  ");
    summary_endpoint_name(out, stats_endpoint_method(run->stats, index),
                          stats_endpoint_name(run->stats, index));
    (void)buf_appendf(out, " %9s %9s %12s",
                      units_format_count(stat_get_count(set, METRIC_SSE_ATTEMPTS, NULL), attempts),
                      figures_share(passes, fails, connected),
                      units_format_count(stat_get_count(set, METRIC_SSE_EVENTS, NULL), events));
    put_percentile(out, set, METRIC_SSE_TTFE);
    put_percentile(out, set, METRIC_SSE_EVENT_GAP);
    (void)buf_append_byte(out, '\n');
}

/* Requests that are no streams, such as logins, have a table of their own. */
static bool is_request(const struct run *run, size_t index)
{
    const struct stat_set *set = stats_endpoint_set(run->stats, index);

    return stat_get_count(set, METRIC_SSE_ATTEMPTS, NULL) == 0 &&
           stat_get_count(set, METRIC_HTTP_REQS, NULL) > 0;
}

static size_t count_endpoints(const struct run *run, bool of_requests)
{
    size_t count = 0;

    for (size_t i = 0; i < stats_endpoint_count(run->stats); i++)
        count += is_request(run, i) == of_requests;
    return count;
}

/* The first SUMMARY_ROWS_MAX of the one kind or the other. */
static void put_rows(struct buf *out, const struct run *run, bool of_requests,
                     void (*put)(struct buf *out, const struct run *run, size_t index))
{
    size_t shown = 0;

    for (size_t i = 0; i < stats_endpoint_count(run->stats) && shown < SUMMARY_ROWS_MAX; i++) {
        if (is_request(run, i) != of_requests)
            continue;
        put(out, run, i);
        shown++;
    }
    summary_more(out, count_endpoints(run, of_requests));
}

void summary_endpoints(struct buf *out, const struct run *run, bool has_colour)
{
    struct buf title = {0};

    if (count_endpoints(run, false) < 2)
        return;
    (void)buf_appendf(&title, "%-*s %9s %9s %12s %9s %9s", SUMMARY_ENDPOINT_COLUMNS + 2,
                      "Endpoints", "attempts", "connected", "events", "first p95", "gap p95");
    summary_title(out, buf_text(&title), has_colour);
    buf_fini(&title);
    put_rows(out, run, false, put_endpoint);
}

static void put_request(struct buf *out, const struct run *run, size_t index)
{
    const struct stat_set *set = stats_endpoint_set(run->stats, index);
    const struct hist *times = samples_of(set, METRIC_HTTP_REQ_DURATION, NULL);
    static const double percentiles[] = {50, 95, 99};
    char text[UNITS_TEXT_BYTES], failed[UNITS_TEXT_BYTES];
    uint64_t passes, fails;

    /* A rate "passes" when what it names is the case: here, that the request failed. */
    stat_get_rate(set, METRIC_HTTP_REQ_FAILED, NULL, &passes, &fails);
    (void)buf_append_text(out, "  ");
    summary_endpoint_name(out, stats_endpoint_method(run->stats, index),
                          stats_endpoint_name(run->stats, index));
    (void)buf_appendf(out, " %9s %9s",
                      units_format_count(stat_get_count(set, METRIC_HTTP_REQS, NULL), text),
                      units_format_count(passes, failed));
    for (size_t i = 0; i < sizeof percentiles / sizeof percentiles[0]; i++)
        (void)buf_appendf(
            out, " %10s",
            times ? figures_number(figures_trend(hist_percentile(times, percentiles[i])), text)
                  : "-");
    (void)buf_append_byte(out, '\n');
}

void summary_requests(struct buf *out, const struct run *run, bool has_colour)
{
    struct buf title = {0};

    if (count_endpoints(run, true) == 0)
        return;
    (void)buf_appendf(&title, "%-*s %9s %9s %10s %10s %10s", SUMMARY_ENDPOINT_COLUMNS + 2,
                      "Requests, times in ms", "count", "failed", "p50", "p95", "p99");
    summary_title(out, buf_text(&title), has_colour);
    buf_fini(&title);
    put_rows(out, run, true, put_request);
}

void summary_rows(struct buf *out, const struct run *run, bool has_colour)
{
    const struct rows *rows = stats_rows(run->stats);
    size_t width = locust_tables_fit(run);

    if (rows_count(rows) > 0) {
        summary_title(out, "Requests of the script, times in ms", has_colour);
        locust_tables_requests(out, run, width, false);
        (void)buf_append_byte(out, '\n');
        locust_tables_percentiles(out, run, width);
    }
    if (rows_error_count(rows) > 0) {
        (void)buf_append_byte(out, '\n');
        locust_tables_errors(out, run, width);
    }
    if (rows_exception_count(rows) > 0) {
        (void)buf_append_byte(out, '\n');
        locust_tables_exceptions(out, run);
    }
}

/* Where there are several endpoints: that of an error, in a line of its own. */
static void put_origin(struct buf *out, const struct run *run, size_t endpoint)
{
    if (stats_endpoint_count(run->stats) < 2 || endpoint >= stats_endpoint_count(run->stats))
        return;
    (void)buf_appendf(out, "%*sat ", MESSAGE_INDENT, "");
    (void)figures_append_clean_end(out, stats_endpoint_name(run->stats, endpoint),
                                   SUMMARY_COLUMNS - MESSAGE_INDENT - 3);
    (void)buf_append_byte(out, '\n');
}

/* More often first; equally often in order of sighting, which is that of the addresses. */
static int compare_errors(const void *left, const void *right)
{
    const struct stats_error *a = *(const struct stats_error *const *)left;
    const struct stats_error *b = *(const struct stats_error *const *)right;

    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    if (a->first_unix_ms < b->first_unix_ms || a->first_unix_ms > b->first_unix_ms)
        return a->first_unix_ms < b->first_unix_ms ? -1 : 1;
    return (a->error_class > b->error_class) - (a->error_class < b->error_class);
}

void summary_errors(struct buf *out, const struct run *run, bool has_colour)
{
    size_t count = stats_error_count(run->stats);
    const struct stats_error **errors;
    struct buf title = {0};

    if (count == 0)
        return;
    errors = x_calloc(count, sizeof(const struct stats_error *));
    for (size_t i = 0; i < count; i++)
        errors[i] = stats_error_at(run->stats, i);
    qsort(errors, count, sizeof(const struct stats_error *), compare_errors);
    (void)buf_appendf(&title, "%-11s %-*s %s", "Errors", CLASS_COLUMNS, "class", "message");
    summary_title(out, buf_text(&title), has_colour);
    buf_fini(&title);
    for (size_t i = 0; i < count && i < SUMMARY_ROWS_MAX; i++) {
        char text[UNITS_TEXT_BYTES];

        (void)buf_appendf(out, "  %9s %-*s ", units_format_count(errors[i]->count, text),
                          CLASS_COLUMNS, error_class_name(errors[i]->error_class));
        summary_wrapped(out, errors[i]->message, MESSAGE_INDENT, MESSAGE_INDENT);
        put_origin(out, run, errors[i]->endpoint);
    }
    summary_more(out, count);
    free(errors);
}

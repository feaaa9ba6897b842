#include "report/result_rows.h"

#include "report/figures.h"
#include "report/row_list.h"

#include <inttypes.h>
#include <stdio.h>

enum { PLACES = 3, KEY_BYTES = 32 };

static void put_text(struct json *json, const char *key, const char *text)
{
    json_key(json, key);
    json_text(json, text);
}

static void put_number(struct json *json, const char *key, double value)
{
    json_key(json, key);
    json_number(json, value, PLACES);
}

/* null: there was no request. */
static void put_moment(struct json *json, const char *key, double unix_ms)
{
    char text[UNITS_TEXT_BYTES];

    json_key(json, key);
    if (unix_ms > 0)
        json_text(json, figures_utc(unix_ms, text));
    else
        json_null(json);
}

static void put_percentiles(struct json *json, const struct row *row)
{
    json_key(json, "percentiles");
    json_begin_object(json);
    for (size_t i = 0; i < ROW_LIST_PERCENTILES; i++)
        put_number(json, row_list_percentile_names[i],
                   row_percentile(row, row_list_percentiles[i]));
    json_end_object(json);
}

static void put_bins(struct json *json, const struct row *row)
{
    char key[KEY_BYTES];

    json_key(json, "response_times");
    json_begin_object(json);
    for (size_t i = 0; i < row->bin_count; i++) {
        (void)snprintf(key, sizeof key, "%" PRId64, row->bins[i].ms);
        json_put_uint(json, key, row->bins[i].count);
    }
    json_end_object(json);
}

static void put_row(struct json *json, const struct row_list *list, const struct row *row)
{
    struct row_rates rates = row_list_rates(list, row, false);

    json_begin_object(json);
    put_text(json, "type", row->type);
    put_text(json, "name", row->name);
    json_put_uint(json, "num_requests", row->request_count);
    json_put_uint(json, "num_none_requests", row->none_count);
    json_put_uint(json, "num_failures", row->failure_count);
    put_number(json, "avg", row_average(row));
    put_number(json, "min", row->min_ms);
    put_number(json, "max", row->max_ms);
    put_number(json, "med", row_median(row));
    put_percentiles(json, row);
    put_number(json, "rps", rates.requests);
    put_number(json, "failures_per_s", rates.failures);
    put_number(json, "avg_content_size", row_content_average(row));
    put_moment(json, "first", row->first_unix_ms);
    put_moment(json, "last", row->last_unix_ms);
    put_bins(json, row);
    json_end_object(json);
}

static void put_requests(struct json *json, const struct run *run)
{
    struct row_list list;

    row_list_init(&list, run);
    json_key(json, "requests");
    json_begin_array(json);
    for (size_t i = 0; i < list.count; i++)
        put_row(json, &list, list.rows[i]);
    json_end_array(json);
    row_list_fini(&list);
}

static void put_failures(struct json *json, const struct rows *rows)
{
    json_key(json, "failures");
    json_begin_array(json);
    for (size_t i = 0; i < rows_error_count(rows); i++) {
        const struct row_error *error = rows_error_at(rows, i);

        json_begin_object(json);
        put_text(json, "type", error->type);
        put_text(json, "name", error->name);
        put_text(json, "error", error->text);
        json_put_uint(json, "occurrences", error->count);
        json_end_object(json);
    }
    json_end_array(json);
}

static void put_exceptions(struct json *json, const struct rows *rows)
{
    json_key(json, "exceptions");
    json_begin_array(json);
    for (size_t i = 0; i < rows_exception_count(rows); i++) {
        const struct row_exception *exception = rows_exception_at(rows, i);

        json_begin_object(json);
        put_text(json, "message", exception->message);
        put_text(json, "traceback", exception->traceback);
        json_put_uint(json, "count", exception->count);
        json_end_object(json);
    }
    json_end_array(json);
}

void result_rows_write(struct json *json, const struct run *run)
{
    put_requests(json, run);
    put_failures(json, stats_rows(run->stats));
    put_exceptions(json, stats_rows(run->stats));
}

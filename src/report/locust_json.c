#include "report/locust_json.h"

#include "base/json.h"
#include "report/python_text.h"

#include <inttypes.h>
#include <math.h>

enum { INDENT = 4, PLACES = 12 };
static const double MS_PER_S = 1000;

static void put_number(struct json *json, const char *key, double value)
{
    json_key(json, key);
    json_number(json, value, PLACES);
}

static void put_bins(struct json *json, const struct row *row)
{
    struct buf key = {0};

    json_key(json, "response_times");
    json_begin_object(json);
    for (size_t i = 0; i < row->bin_count; i++) {
        buf_clear(&key);
        python_append_number(&key, (double)row->bins[i].ms, row->bins[i].is_real);
        json_put_uint(json, buf_text(&key), row->bins[i].count);
    }
    json_end_object(json);
    buf_fini(&key);
}

static void put_seconds(struct json *json, const struct row *row, bool of_failures)
{
    struct buf key = {0};

    json_key(json, of_failures ? "num_fail_per_sec" : "num_reqs_per_sec");
    json_begin_object(json);
    for (size_t i = 0; i < row->second_count; i++) {
        const struct row_second *second = &row->seconds[i];
        uint64_t count = of_failures ? second->failures : second->requests;

        if (count == 0)
            continue;
        buf_clear(&key);
        (void)buf_appendf(&key, "%" PRId64, second->unix_s);
        json_put_uint(json, buf_text(&key), count);
    }
    json_end_object(json);
    buf_fini(&key);
}

static void put_row(struct json *json, const struct row *row)
{
    json_begin_object(json);
    json_key(json, "name");
    json_text(json, row->name);
    json_key(json, "method");
    json_text(json, row->type);
    put_number(json, "last_request_timestamp",
               row->last_unix_ms > 0 ? row->last_unix_ms / MS_PER_S : (double)NAN);
    put_number(json, "start_time", row->first_unix_ms / MS_PER_S);
    json_put_uint(json, "num_requests", row->request_count);
    json_put_uint(json, "num_none_requests", row->none_count);
    json_put_uint(json, "num_failures", row->failure_count);
    put_number(json, "total_response_time", row->total_ms);
    put_number(json, "max_response_time", row->max_ms);
    put_number(json, "min_response_time", row->min_ms);
    put_number(json, "total_content_length", row->content_bytes);
    put_bins(json, row);
    put_seconds(json, row, false);
    put_seconds(json, row, true);
    json_end_object(json);
}

void locust_json_write(struct buf *out, const struct run *run)
{
    const struct rows *rows = stats_rows(run->stats);
    struct json json;

    json_init(&json, out, INDENT);
    json_begin_array(&json);
    for (size_t i = 0; i < rows_count(rows); i++) {
        if (!row_is_empty(rows_at(rows, i)))
            put_row(&json, rows_at(rows, i));
    }
    json_end_array(&json);
    (void)buf_append_byte(out, '\n');
}

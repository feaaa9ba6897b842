#include "report/csv_lines.h"

#include "base/mem.h"
#include "report/figures.h"
#include "report/python_text.h"
#include "report/row_list.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char LINE_END[] = "\r\n"; /* as Python's csv writer ends lines, on every system */
static const double MS_PER_S = 1000;

static const char *const NOT_THERE = "N/A";
/* Locust names the process an exception came from; all of ours are on this machine. */
static const char NODES[] = "local";

/* A comma before every field but the first of a line. */
static void put_separator(struct buf *out)
{
    if (out->len > 0 && out->bytes[out->len - 1] != '\n')
        (void)buf_append_byte(out, ',');
}

static void put_text(struct buf *out, const char *text)
{
    put_separator(out);
    python_append_field(out, text);
}

static void put_count(struct buf *out, uint64_t count)
{
    put_separator(out);
    (void)buf_appendf(out, "%" PRIu64, count);
}

static void put_number(struct buf *out, double value, bool is_float)
{
    put_separator(out);
    python_append_number(out, value, is_float);
}

/* "12.300000", as Locust formats the rates of its history. */
static void put_rate(struct buf *out, double rate)
{
    put_separator(out);
    (void)buf_appendf(out, "%f", rate);
}

/* A median is a bin, which may be a float though it is whole, or an exact end. */
static void put_median(struct buf *out, const struct row *row)
{
    double median = row_median(row);
    bool is_float = false;

    for (size_t i = 0; i < row->bin_count; i++)
        is_float |= (double)row->bins[i].ms == median && row->bins[i].is_real;
    put_number(out, median, is_float);
}

static void put_counts(struct buf *out, const struct row *row)
{
    put_count(out, row->request_count);
    put_count(out, row->failure_count);
    put_median(out, row);
    put_number(out, row_average(row), true);
    put_number(out, isnan(row->min_ms) ? 0 : row->min_ms, false);
    put_number(out, row->max_ms, false);
    put_number(out, row_content_average(row), row->request_count > 0);
}

/* `counted` is the row whose requests decide whether there are percentiles; `row` may be NULL. */
static void put_percentiles(struct buf *out, const struct row *counted, const struct row *row)
{
    for (size_t i = 0; i < ROW_LIST_PERCENTILES; i++) {
        if (counted->request_count == 0)
            put_text(out, NOT_THERE);
        else
            put_number(out, row ? row_percentile(row, row_list_percentiles[i]) : 0, false);
    }
}

/* Headings, with those of the percentiles where NULL stands. */
static void put_headings(struct buf *out, const char *const *headings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t p = 0; !headings[i] && p < ROW_LIST_PERCENTILES; p++)
            put_text(out, row_list_percentile_names[p]);
        if (headings[i])
            put_text(out, headings[i]);
    }
    (void)buf_append_text(out, LINE_END);
}

static void put_stats_line(struct buf *out, const struct row_list *list, const struct row *row)
{
    struct row_rates rates = row_list_rates(list, row, false);

    /* The type of the sum is empty: no separator would tell that a field stands there. */
    python_append_field(out, row->type);
    (void)buf_append_byte(out, ',');
    python_append_field(out, row->name);
    put_counts(out, row);
    put_number(out, rates.requests, true);
    put_number(out, rates.failures, true);
    put_percentiles(out, row, row);
    (void)buf_append_text(out, LINE_END);
}

void csv_lines_stats(struct buf *out, const struct run *run)
{
    static const char *const headings[] = {"Type",
                                           "Name",
                                           "Request Count",
                                           "Failure Count",
                                           "Median Response Time",
                                           "Average Response Time",
                                           "Min Response Time",
                                           "Max Response Time",
                                           "Average Content Size",
                                           "Requests/s",
                                           "Failures/s",
                                           NULL};
    struct row_list list;

    row_list_init(&list, run);
    put_headings(out, headings, sizeof headings / sizeof headings[0]);
    for (size_t i = 0; i < list.count; i++)
        put_stats_line(out, &list, list.rows[i]);
    put_stats_line(out, &list, list.total);
    row_list_fini(&list);
}

static int compare_errors(const void *left, const void *right)
{
    const struct row_error *a = *(const struct row_error *const *)left;
    const struct row_error *b = *(const struct row_error *const *)right;
    int order = strcmp(a->name, b->name);

    order = order != 0 ? order : strcmp(a->type, b->type);
    return order != 0 ? order : strcmp(a->text, b->text);
}

void csv_lines_failures(struct buf *out, const struct run *run)
{
    static const char *const headings[] = {"Method", "Name", "Error", "Occurrences"};
    const struct rows *rows = stats_rows(run->stats);
    size_t count = rows_error_count(rows);
    const struct row_error **errors = x_calloc(count + 1, sizeof(const struct row_error *));

    put_headings(out, headings, sizeof headings / sizeof headings[0]);
    for (size_t i = 0; i < count; i++)
        errors[i] = rows_error_at(rows, i);
    qsort(errors, count, sizeof(const struct row_error *), compare_errors);
    for (size_t i = 0; i < count; i++) {
        python_append_field(out, errors[i]->type);
        (void)buf_append_byte(out, ',');
        python_append_field(out, errors[i]->name);
        (void)buf_append_byte(out, ',');
        python_append_field(out, errors[i]->text);
        put_count(out, errors[i]->count);
        (void)buf_append_text(out, LINE_END);
    }
    free(errors);
}

void csv_lines_exceptions(struct buf *out, const struct run *run)
{
    static const char *const headings[] = {"Count", "Message", "Traceback", "Nodes"};
    const struct rows *rows = stats_rows(run->stats);

    put_headings(out, headings, sizeof headings / sizeof headings[0]);
    for (size_t i = 0; i < rows_exception_count(rows); i++) {
        const struct row_exception *exception = rows_exception_at(rows, i);

        put_count(out, exception->count);
        put_text(out, exception->message);
        put_text(out, exception->traceback);
        put_text(out, NODES);
        (void)buf_append_text(out, LINE_END);
    }
}

void csv_lines_history_head(struct buf *out)
{
    static const char *const headings[] = {"Timestamp",
                                           "User Count",
                                           "Type",
                                           "Name",
                                           "Requests/s",
                                           "Failures/s",
                                           NULL,
                                           "Total Request Count",
                                           "Total Failure Count",
                                           "Total Median Response Time",
                                           "Total Average Response Time",
                                           "Total Min Response Time",
                                           "Total Max Response Time",
                                           "Total Average Content Size"};

    put_headings(out, headings, sizeof headings / sizeof headings[0]);
}

struct moment {
    int64_t unix_s;
    uint32_t users;
};

/* `timed` is the row that the percentiles are those of; NULL: there is none. */
static void put_history_line(struct buf *out, const struct row_list *list, const struct row *row,
                             const struct row *timed, const struct moment *moment)
{
    struct row_rates rates = row_list_rates(list, row, true);

    (void)buf_appendf(out, "%" PRId64, moment->unix_s);
    put_count(out, moment->users);
    put_text(out, row->type);
    put_text(out, row->name);
    put_rate(out, rates.requests);
    put_rate(out, rates.failures);
    put_percentiles(out, row, timed);
    put_counts(out, row);
    (void)buf_append_text(out, LINE_END);
}

void csv_lines_history(struct buf *out, const struct run *run, bool is_full, double unix_ms)
{
    struct moment moment = {.unix_s = (int64_t)(unix_ms / MS_PER_S), .users = figures_users(run)};
    struct row_list list;
    struct row *window_total;

    row_list_init(&list, run);
    if (!is_full) {
        put_history_line(out, &list, list.total, list.total, &moment);
        row_list_fini(&list);
        return;
    }
    for (size_t i = 0; i < list.count; i++) {
        const struct row *row = list.rows[i];

        put_history_line(out, &list, row, rows_find(run->rows_window, row->type, row->name),
                         &moment);
    }
    window_total = rows_total(run->rows_window);
    put_history_line(out, &list, list.total, window_total, &moment);
    row_free(window_total);
    row_list_fini(&list);
}

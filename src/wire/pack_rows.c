#include "wire/pack_rows.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS_FIELDS = 4, ROW_FIELDS = 13, ERROR_FIELDS = 4, EXCEPTION_FIELDS = 3, PART_FIELDS = 3 };

/* Far above anything true, and far enough below the type's end to be added up. */
static const uint64_t COUNT_LIMIT = 1ULL << 48;
static const uint64_t STEP_LIMIT = 1ULL << 53;
static const double SUM_LIMIT = 1e40;
enum { REAL_BIN_MIN_MS = 100 }; /* below, Python's round gives whole numbers */

/* --- writing --- */

/* 0, -1, 1, -2 … as 0, 1, 2, 3 … */
static uint64_t fold(int64_t number)
{
    return number < 0 ? 2 * (uint64_t)(-(number + 1)) + 1 : 2 * (uint64_t)number;
}

static int64_t unfold(uint64_t number)
{
    return number % 2 == 1 ? -(int64_t)(number / 2) - 1 : (int64_t)(number / 2);
}

static void pack_bins(struct buf *out, const struct row *row)
{
    pack_array(out, PART_FIELDS * row->bin_count);
    for (size_t i = 0; i < row->bin_count; i++) {
        const struct row_bin *bin = &row->bins[i];

        pack_uint(out, i == 0 ? fold(bin->ms) : (uint64_t)(bin->ms - row->bins[i - 1].ms));
        pack_uint(out, bin->count);
        pack_bool(out, bin->is_real);
    }
}

static void pack_seconds(struct buf *out, const struct row *row)
{
    int64_t before = 0;

    pack_array(out, PART_FIELDS * row->second_count);
    for (size_t i = 0; i < row->second_count; i++) {
        pack_uint(out, (uint64_t)(row->seconds[i].unix_s - before));
        pack_uint(out, row->seconds[i].requests);
        pack_uint(out, row->seconds[i].failures);
        before = row->seconds[i].unix_s;
    }
}

static void pack_row(struct buf *out, const struct row *row)
{
    pack_array(out, ROW_FIELDS);
    pack_text(out, row->type);
    pack_text(out, row->name);
    pack_uint(out, row->request_count);
    pack_uint(out, row->none_count);
    pack_uint(out, row->failure_count);
    pack_double(out, row->total_ms);
    if (isnan(row->min_ms))
        pack_text(out, NULL);
    else
        pack_double(out, row->min_ms);
    pack_double(out, row->max_ms);
    pack_double(out, row->content_bytes);
    pack_double(out, row->first_unix_ms);
    pack_double(out, row->last_unix_ms);
    pack_bins(out, row);
    pack_seconds(out, row);
}

static void pack_all_rows(struct buf *out, const struct rows *rows)
{
    size_t filled = 0;

    for (size_t i = 0; i < rows_count(rows); i++)
        filled += !row_is_empty(rows_at(rows, i));
    pack_array(out, filled);
    for (size_t i = 0; i < rows_count(rows); i++) {
        if (!row_is_empty(rows_at(rows, i)))
            pack_row(out, rows_at(rows, i));
    }
}

void pack_rows(struct buf *out, const struct rows *rows)
{
    pack_array(out, ROWS_FIELDS);
    if (rows_was_reset(rows))
        pack_double(out, rows_start_unix_ms(rows));
    else
        pack_text(out, NULL);
    pack_all_rows(out, rows);
    pack_array(out, rows_error_count(rows));
    for (size_t i = 0; i < rows_error_count(rows); i++) {
        const struct row_error *error = rows_error_at(rows, i);

        pack_array(out, ERROR_FIELDS);
        pack_text(out, error->type);
        pack_text(out, error->name);
        pack_text(out, error->text);
        pack_uint(out, error->count);
    }
    pack_array(out, rows_exception_count(rows));
    for (size_t i = 0; i < rows_exception_count(rows); i++) {
        const struct row_exception *exception = rows_exception_at(rows, i);

        pack_array(out, EXCEPTION_FIELDS);
        pack_text(out, exception->message);
        pack_text(out, exception->traceback);
        pack_uint(out, exception->count);
    }
}

/* --- reading --- */

static void expect(struct unpack *unpack, bool holds)
{
    if (!holds)
        unpack->failed = true;
}

static double unpack_amount(struct unpack *unpack)
{
    double number = unpack_double(unpack);

    expect(unpack, isfinite(number) && fabs(number) <= SUM_LIMIT);
    return number;
}

static double unpack_moment(struct unpack *unpack)
{
    double number = unpack_amount(unpack);

    expect(unpack, number >= 0);
    return number;
}

/* A text that is there and shorter than `cap`; the caller frees it. NULL on failure. */
static char *unpack_short(struct unpack *unpack, size_t cap)
{
    size_t len;
    const char *view = unpack_text_view(unpack, &len);

    expect(unpack, view && len < cap);
    return unpack->failed ? NULL : x_strndup(view, len);
}

/* Triples; how many. */
static size_t unpack_parts(struct unpack *unpack, size_t limit)
{
    size_t fields = unpack_array(unpack);

    expect(unpack, fields % PART_FIELDS == 0 && fields / PART_FIELDS <= limit);
    return unpack->failed ? 0 : fields / PART_FIELDS;
}

/* The sum of the bins' counts. */
static uint64_t unpack_bins(struct unpack *unpack, struct row *row)
{
    size_t count = unpack_parts(unpack, ROW_BIN_LIMIT);
    uint64_t sum = 0;
    int64_t ms = 0;

    for (size_t i = 0; i < count && !unpack->failed; i++) {
        uint64_t step = unpack_uint_max(unpack, STEP_LIMIT);
        uint64_t times = unpack_uint_max(unpack, COUNT_LIMIT);
        bool is_real = unpack_bool(unpack);

        ms = i == 0 ? unfold(step) : ms + (int64_t)step;
        expect(unpack, (i == 0 || step > 0) && times > 0 && ms <= (int64_t)STEP_LIMIT);
        expect(unpack, !is_real || ms >= REAL_BIN_MIN_MS);
        if (!unpack->failed)
            row_add_bin(row, ms, times, is_real);
        sum += times;
    }
    return sum;
}

static void unpack_seconds(struct unpack *unpack, struct row *row)
{
    size_t count = unpack_parts(unpack, ROW_SECOND_LIMIT);
    int64_t unix_s = 0;

    for (size_t i = 0; i < count && !unpack->failed; i++) {
        uint64_t step = unpack_uint_max(unpack, STEP_LIMIT);
        uint64_t requests = unpack_uint_max(unpack, COUNT_LIMIT);
        uint64_t failures = unpack_uint_max(unpack, COUNT_LIMIT);

        unix_s += (int64_t)step;
        expect(unpack, (i == 0 || step > 0) && requests + failures > 0);
        expect(unpack, unix_s <= (int64_t)STEP_LIMIT);
        if (!unpack->failed)
            row_add_second(row, unix_s, requests, failures);
    }
}

static void unpack_row_values(struct unpack *unpack, struct row *row)
{
    uint64_t timed;

    row->request_count = unpack_uint_max(unpack, COUNT_LIMIT);
    row->none_count = unpack_uint_max(unpack, COUNT_LIMIT);
    row->failure_count = unpack_uint_max(unpack, COUNT_LIMIT);
    row->total_ms = unpack_amount(unpack);
    if (!unpack_null(unpack))
        row->min_ms = unpack_amount(unpack);
    row->max_ms = unpack_moment(unpack);
    row->content_bytes = unpack_amount(unpack);
    row->first_unix_ms = unpack_moment(unpack);
    row->last_unix_ms = unpack_moment(unpack);
    timed = unpack_bins(unpack, row);
    unpack_seconds(unpack, row);
    expect(unpack, !row_is_empty(row) && timed + row->none_count == row->request_count);
    expect(unpack, isnan(row->min_ms) == (timed == 0) && !(row->min_ms > row->max_ms));
    expect(unpack, row->first_unix_ms <= row->last_unix_ms);
}

static void unpack_row(struct unpack *unpack, struct rows *rows)
{
    size_t known = rows_count(rows);
    char *type, *name;
    struct row *row;

    expect(unpack, unpack_array(unpack) == ROW_FIELDS);
    type = unpack_short(unpack, ROWS_NAME_BYTES);
    name = unpack_short(unpack, ROWS_NAME_BYTES);
    if (type && name) {
        row = rows_add(rows, type, name);
        expect(unpack, rows_count(rows) > known);
        if (!unpack->failed)
            unpack_row_values(unpack, row);
    }
    free(type);
    free(name);
}

static void unpack_error(struct unpack *unpack, struct rows *rows)
{
    size_t known = rows_error_count(rows);
    char *type, *name, *text;
    uint64_t count;

    expect(unpack, unpack_array(unpack) == ERROR_FIELDS);
    type = unpack_short(unpack, ROWS_NAME_BYTES);
    name = unpack_short(unpack, ROWS_NAME_BYTES);
    text = unpack_short(unpack, ROWS_TEXT_BYTES);
    count = unpack_uint_max(unpack, COUNT_LIMIT);
    expect(unpack, count > 0);
    if (!unpack->failed) {
        rows_add_error(rows, type, name, text, count);
        expect(unpack, rows_error_count(rows) > known);
    }
    free(type);
    free(name);
    free(text);
}

static void unpack_exception(struct unpack *unpack, struct rows *rows)
{
    size_t known = rows_exception_count(rows);
    char *message, *traceback;
    uint64_t count;

    expect(unpack, unpack_array(unpack) == EXCEPTION_FIELDS);
    message = unpack_short(unpack, ROWS_TEXT_BYTES);
    traceback = unpack_short(unpack, ROWS_TRACEBACK_BYTES);
    count = unpack_uint_max(unpack, COUNT_LIMIT);
    expect(unpack, count > 0);
    if (!unpack->failed) {
        rows_record_exception(rows, message, traceback, count);
        expect(unpack, rows_exception_count(rows) > known);
    }
    free(message);
    free(traceback);
}

static void unpack_each(struct unpack *unpack, struct rows *rows, size_t limit,
                        void (*unpack_one)(struct unpack *unpack, struct rows *rows))
{
    size_t count = unpack_array(unpack);

    expect(unpack, count <= limit);
    for (size_t i = 0; i < count && !unpack->failed; i++)
        unpack_one(unpack, rows);
}

void unpack_rows(struct unpack *unpack, struct rows *rows)
{
    expect(unpack, unpack_array(unpack) == ROWS_FIELDS);
    if (!unpack_null(unpack))
        rows_reset(rows, unpack_moment(unpack));
    unpack_each(unpack, rows, ROWS_LIMIT + 1, unpack_row);
    unpack_each(unpack, rows, ROWS_ERROR_LIMIT + 1, unpack_error);
    unpack_each(unpack, rows, ROWS_EXCEPTION_LIMIT + 1, unpack_exception);
    expect(unpack, !rows_is_empty(rows));
}

#include "stats/row.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double TIME_HIGHEST_MS = 1e15; /* 30,000 years: bins stay whole numbers */
static const double MS_PER_S = 1000;
/* How many of the oldest seconds are forgotten at once. */
enum { SECONDS_DROPPED = ROW_SECOND_LIMIT / 10 };

static void add(uint64_t *to, uint64_t count)
{
    if (__builtin_add_overflow(*to, count, to))
        *to = UINT64_MAX;
}

void row_init(struct row *row, const char *type, size_t type_len, const char *name, size_t name_len)
{
    *row = (struct row){
        .type = x_strndup(type, type_len),
        .name = x_strndup(name, name_len),
        .min_ms = (double)NAN,
    };
}

void row_fini(struct row *row)
{
    free(row->type);
    free(row->name);
    free(row->bins);
    free(row->seconds);
}

void row_free(struct row *row)
{
    if (!row)
        return;
    row_fini(row);
    free(row);
}

void row_clear(struct row *row)
{
    *row = (struct row){
        .type = row->type,
        .name = row->name,
        .min_ms = (double)NAN,
        .bins = row->bins,
        .bin_cap = row->bin_cap,
        .seconds = row->seconds,
        .second_cap = row->second_cap,
    };
}

bool row_is_empty(const struct row *row)
{
    return row->request_count == 0 && row->failure_count == 0;
}

int64_t row_bin_of(double response_time_ms)
{
    double step = response_time_ms < 100     ? 1
                  : response_time_ms < 1000  ? 10
                  : response_time_ms < 10000 ? 100
                                             : 1000;
    /* Both exact, so a tie is a tie. */
    double rest = fmod(response_time_ms, step), bin = response_time_ms - rest;
    bool is_odd = fmod(bin / step, 2) != 0;
    double half = step / 2, distance = fabs(rest);

    if (distance > half || (!(distance < half) && is_odd))
        bin += rest < 0 ? -step : step;
    return (int64_t)bin;
}

/* Where `ms` is or belongs. */
static size_t find_bin(const struct row *row, int64_t ms)
{
    size_t low = 0, high = row->bin_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (row->bins[middle].ms < ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void row_add_bin(struct row *row, int64_t ms, uint64_t count, bool is_real)
{
    size_t at = find_bin(row, ms);

    if (at < row->bin_count && row->bins[at].ms == ms) {
        add(&row->bins[at].count, count);
        return;
    }
    if (row->bin_count == ROW_BIN_LIMIT) {
        add(&row->bins[at > 0 ? at - 1 : 0].count, count);
        return;
    }
    if (row->bin_count == row->bin_cap) {
        row->bin_cap = row->bin_cap > 0 ? 2 * row->bin_cap : 8;
        row->bins = x_realloc(row->bins, row->bin_cap * sizeof *row->bins);
    }
    memmove(&row->bins[at + 1], &row->bins[at], (row->bin_count - at) * sizeof *row->bins);
    row->bins[at] = (struct row_bin){.ms = ms, .count = count, .is_real = is_real};
    row->bin_count++;
}

static void insert_second(struct row *row, size_t at, const struct row_second *second)
{
    if (row->second_count == row->second_cap) {
        row->second_cap = row->second_cap > 0 ? 2 * row->second_cap : 4;
        row->seconds = x_realloc(row->seconds, row->second_cap * sizeof *row->seconds);
    }
    memmove(&row->seconds[at + 1], &row->seconds[at],
            (row->second_count - at) * sizeof *row->seconds);
    row->seconds[at] = *second;
    row->second_count++;
}

static void drop_oldest_seconds(struct row *row)
{
    row->second_count -= SECONDS_DROPPED;
    memmove(row->seconds, row->seconds + SECONDS_DROPPED, row->second_count * sizeof *row->seconds);
}

void row_add_second(struct row *row, int64_t unix_s, uint64_t requests, uint64_t failures)
{
    struct row_second second = {.unix_s = unix_s, .requests = requests, .failures = failures};
    size_t at;

    if (row->second_count == ROW_SECOND_LIMIT)
        drop_oldest_seconds(row);
    /* Nearly always the last one or a new one behind it. */
    for (at = row->second_count; at > 0 && row->seconds[at - 1].unix_s > unix_s; at--)
        continue;
    if (at > 0 && row->seconds[at - 1].unix_s == unix_s) {
        add(&row->seconds[at - 1].requests, requests);
        add(&row->seconds[at - 1].failures, failures);
        return;
    }
    insert_second(row, at, &second);
}

static void record_time(struct row *row, double ms)
{
    double clamped = fmax(-TIME_HIGHEST_MS, fmin(TIME_HIGHEST_MS, ms));
    int64_t bin = row_bin_of(clamped);
    bool is_real = clamped >= 100 && fmod(clamped, 1) != 0;

    row->total_ms += clamped;
    if (!(row->min_ms <= clamped)) /* also NaN */
        row->min_ms = clamped;
    if (clamped > row->max_ms)
        row->max_ms = clamped;
    row_add_bin(row, bin, 1, is_real);
}

void row_record(struct row *row, double response_time_ms, int64_t response_length, double unix_ms)
{
    add(&row->request_count, 1);
    row->content_bytes += (double)response_length;
    if (row->first_unix_ms <= 0 || unix_ms < row->first_unix_ms)
        row->first_unix_ms = unix_ms;
    if (unix_ms > row->last_unix_ms)
        row->last_unix_ms = unix_ms;
    row_add_second(row, (int64_t)(unix_ms / MS_PER_S), 1, 0);
    if (isfinite(response_time_ms))
        record_time(row, response_time_ms);
    else
        add(&row->none_count, 1);
}

void row_record_failure(struct row *row, double unix_ms)
{
    add(&row->failure_count, 1);
    row_add_second(row, (int64_t)(unix_ms / MS_PER_S), 0, 1);
}

void row_merge(struct row *to, const struct row *from)
{
    add(&to->request_count, from->request_count);
    add(&to->none_count, from->none_count);
    add(&to->failure_count, from->failure_count);
    to->total_ms += from->total_ms;
    to->min_ms = fmin(to->min_ms, from->min_ms); /* the other one where one is NaN */
    to->max_ms = fmax(to->max_ms, from->max_ms);
    to->content_bytes += from->content_bytes;
    if (from->first_unix_ms > 0 &&
        (to->first_unix_ms <= 0 || from->first_unix_ms < to->first_unix_ms))
        to->first_unix_ms = from->first_unix_ms;
    to->last_unix_ms = fmax(to->last_unix_ms, from->last_unix_ms);
    for (size_t i = 0; i < from->bin_count; i++)
        row_add_bin(to, from->bins[i].ms, from->bins[i].count, from->bins[i].is_real);
    for (size_t i = 0; i < from->second_count; i++)
        row_add_second(to, from->seconds[i].unix_s, from->seconds[i].requests,
                       from->seconds[i].failures);
}

double row_percentile(const struct row *row, double ratio)
{
    uint64_t below = (uint64_t)((double)row->request_count * ratio), seen = 0;

    for (size_t i = row->bin_count; i > 0; i--) {
        add(&seen, row->bins[i - 1].count);
        if (seen >= row->request_count || row->request_count - seen <= below)
            return (double)row->bins[i - 1].ms;
    }
    return 0;
}

double row_median(const struct row *row)
{
    double place = ((double)row->request_count - (double)row->none_count - 1) / 2, median = 0;

    for (size_t i = 0; i < row->bin_count; i++) {
        median = (double)row->bins[i].ms;
        if (place < (double)row->bins[i].count)
            break;
        place -= (double)row->bins[i].count;
    }
    if (row->bin_count == 0)
        return 0;
    if (median > row->max_ms)
        return row->max_ms;
    return median < row->min_ms ? row->min_ms : median;
}

double row_average(const struct row *row)
{
    uint64_t timed = row->request_count - row->none_count;

    return timed > 0 ? row->total_ms / (double)timed : 0;
}

double row_content_average(const struct row *row)
{
    return row->request_count > 0 ? row->content_bytes / (double)row->request_count : 0;
}

double row_fail_ratio(const struct row *row)
{
    if (row->request_count == 0)
        return row->failure_count > 0 ? 1 : 0;
    return (double)row->failure_count / (double)row->request_count;
}

struct row_rates row_total_rates(const struct row *row, double start_unix_ms, double last_unix_ms)
{
    double seconds = (last_unix_ms - start_unix_ms) / MS_PER_S;

    if (last_unix_ms <= 0 || start_unix_ms <= 0 || seconds <= 0)
        return (struct row_rates){0};
    return (struct row_rates){.requests = (double)row->request_count / seconds,
                              .failures = (double)row->failure_count / seconds};
}

struct row_rates row_current_rates(const struct row *row, double start_unix_ms, double last_unix_ms)
{
    int64_t last = (int64_t)(last_unix_ms / MS_PER_S), end = last - ROW_CURRENT_TO_S;
    int64_t start = (int64_t)(start_unix_ms / MS_PER_S), from = last - ROW_CURRENT_FROM_S;
    struct row_rates sum = {0};

    from = from > start ? from : start;
    if (last_unix_ms <= 0 || end <= from)
        return sum;
    for (size_t i = row->second_count; i > 0 && row->seconds[i - 1].unix_s >= from; i--) {
        if (row->seconds[i - 1].unix_s >= end)
            continue;
        sum.requests += (double)row->seconds[i - 1].requests;
        sum.failures += (double)row->seconds[i - 1].failures;
    }
    sum.requests /= (double)(end - from);
    sum.failures /= (double)(end - from);
    return sum;
}

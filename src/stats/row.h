/*
 * stats/row.h - one row of Locust's table: a request's type and name, how often, how long.
 *
 * Response times are counted in Locust's bins: below 100 ms of 1 ms, below 1 s of 10 ms, below 10 s
 * of 100 ms, above of 1 s, ties to the even bin. Smallest, largest and mean are exact.
 */
#ifndef CICADA_STATS_ROW_H
#define CICADA_STATS_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROW_BIN_LIMIT = 2000,    /* different bins; past it a time goes to the next lower one */
    ROW_SECOND_LIMIT = 7200, /* seconds kept; past it the oldest are forgotten */
    ROW_CURRENT_FROM_S = 12, /* "current" rates are those from 12 s before the last request … */
    ROW_CURRENT_TO_S = 2     /* … to 2 s before it */
};

struct row_bin {
    int64_t ms;
    uint64_t count;
    bool is_real; /* Python would print "150.0": the first time in it had a fraction */
};

struct row_second {
    int64_t unix_s;
    uint64_t requests, failures;
};

/* Readers only read; texts and arrays are owned by the row. */
struct row {
    char *type, *name;
    uint64_t request_count;
    uint64_t none_count; /* of them without a response time */
    uint64_t failure_count;
    double total_ms;
    double min_ms; /* NaN: no response time yet */
    double max_ms; /* 0 at first, as in Locust */
    double content_bytes;
    double first_unix_ms, last_unix_ms; /* of requests; 0: none yet */
    struct row_bin *bins;               /* rising */
    size_t bin_count, bin_cap;
    struct row_second *seconds; /* rising; those in which something happened */
    size_t second_count, second_cap;
};

/* Texts are copied, `len` bytes each. */
void row_init(struct row *row, const char *type, size_t type_len, const char *name,
              size_t name_len);
void row_fini(struct row *row);
/* What rows_total gave: row_fini and the memory itself. NULL does nothing. */
void row_free(struct row *row);
/* Everything zero; texts and memory kept. */
void row_clear(struct row *row);
/* No request and no failure: nothing to send. */
bool row_is_empty(const struct row *row);
/* `response_time_ms` not finite: counted without a time. */
void row_record(struct row *row, double response_time_ms, int64_t response_length, double unix_ms);
void row_record_failure(struct row *row, double unix_ms);
/* Adds everything but the texts. */
void row_merge(struct row *to, const struct row *from);
/* Parts of a row that came from elsewhere. */
void row_add_bin(struct row *row, int64_t ms, uint64_t count, bool is_real);
void row_add_second(struct row *row, int64_t unix_s, uint64_t requests, uint64_t failures);
/* The bin of a response time, as Python's round gives it. */
int64_t row_bin_of(double response_time_ms);

/* --- figures, by Locust's rules; 0 where nothing was counted --- */
/*
 * The bin, from the largest down, at which no more than `ratio` of all requests remain below.
 * Requests without a time count among all.
 */
double row_percentile(const struct row *row, double ratio);
/* The bin in the middle, but never outside smallest and largest. */
double row_median(const struct row *row);
double row_average(const struct row *row);
double row_content_average(const struct row *row);
/* Failures by requests; 1 for failures without requests. */
double row_fail_ratio(const struct row *row);

/* Per second. */
struct row_rates {
    double requests, failures;
};
/*
 * Both between `start_unix_ms`, when counting began, and `last_unix_ms`, the last request of the
 * whole table.
 */
struct row_rates row_total_rates(const struct row *row, double start_unix_ms, double last_unix_ms);
struct row_rates row_current_rates(const struct row *row, double start_unix_ms,
                                   double last_unix_ms);

#endif

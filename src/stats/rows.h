/*
 * stats/rows.h - Locust's statistics: a row for each type and name of request, the errors of rows,
 * and the exceptions of user code. A part of `struct stats`; merges and travels with it.
 *
 * What a script counts is counted here alone; the metrics of stats/set.h are what the engine saw.
 */
#ifndef CICADA_STATS_ROWS_H
#define CICADA_STATS_ROWS_H

#include "stats/row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROWS_LIMIT = 2000,           /* rows; the rest share one more, "(other)" */
    ROWS_ERROR_LIMIT = 1000,     /* different (type, name, text); the rest share one more */
    ROWS_EXCEPTION_LIMIT = 200,  /* different tracebacks; the rest share one more */
    ROWS_NAME_BYTES = 2048,      /* a longer type or name is cut; with its NUL */
    ROWS_TEXT_BYTES = 4096,      /* likewise an error's text, an exception's message */
    ROWS_TRACEBACK_BYTES = 16384 /* likewise a traceback */
};

struct rows;

/* Owned by the table, borrowed until its next change. */
struct row_error {
    char *type, *name, *text;
    uint64_t count;
};
struct row_exception {
    char *message, *traceback;
    uint64_t count;
};

/* The caller owns the result. */
struct rows *rows_new(void);
void rows_free(struct rows *rows);

/* --- recording --- `unix_ms` is the wall clock, above 0; texts are copied */
/*
 * One request. `response_time_ms` NaN: counted without a time. `error` NULL: a success, else a
 * failure too, with that text.
 */
void rows_record(struct rows *rows, const char *type, const char *name, double response_time_ms,
                 int64_t response_length, const char *error, double unix_ms);
/* A failure without a request of its own. */
void rows_record_error(struct rows *rows, const char *type, const char *name, const char *error,
                       double unix_ms);
/* Exceptions are told apart by their traceback alone; the first one's message stays. */
void rows_record_exception(struct rows *rows, const char *message, const char *traceback,
                           uint64_t count);
/* What came from elsewhere: the row, made when new; `count` failures of that text. */
struct row *rows_add(struct rows *rows, const char *type, const char *name);
void rows_add_error(struct rows *rows, const char *type, const char *name, const char *error,
                    uint64_t count);

/* --- reading --- all in order of first sight */
size_t rows_count(const struct rows *rows);
const struct row *rows_at(const struct rows *rows, size_t index);
/* NULL: none. */
const struct row *rows_find(const struct rows *rows, const char *type, const char *name);
/* All rows together, type "" and name "Aggregated"; the caller frees it with row_free. */
struct row *rows_total(const struct rows *rows);
/* A new array of the rows by name, then type, as Locust lists them; the caller frees the array. */
const struct row **rows_sorted(const struct rows *rows);
size_t rows_error_count(const struct rows *rows);
const struct row_error *rows_error_at(const struct rows *rows, size_t index);
size_t rows_exception_count(const struct rows *rows);
const struct row_exception *rows_exception_at(const struct rows *rows, size_t index);
/* Nothing counted, no reset: nothing to send. Rows may be there all the same. */
bool rows_is_empty(const struct rows *rows);
/* More names than ROWS_LIMIT came: the rest stand in the shared row. */
bool rows_has_other(const struct rows *rows);

/* --- time --- */
/* When counting began, for the rates over the whole time; rows_reset sets it too. 0: not known. */
void rows_start(struct rows *rows, double unix_ms);
double rows_start_unix_ms(const struct rows *rows);

/* --- merging and forgetting --- */
/* Adds `from`; if that was reset, `to` is reset before. */
void rows_merge(struct rows *to, const struct rows *from);
/* Adds `from`, and forgets nothing. */
void rows_add_counts(struct rows *to, const struct rows *from);
/*
 * Every count zero, rows and memory kept; no errors, no exceptions, no reset: the next delta
 * starts.
 */
void rows_clear(struct rows *rows);
/*
 * What a script asks for in the middle of a run: counts and errors go, exceptions stay. In a delta
 * it is remembered, so that the table the delta is merged into forgets as well.
 */
void rows_reset(struct rows *rows, double unix_ms);
bool rows_was_reset(const struct rows *rows);

#endif

/*
 * report/csv.h - Locust's four CSV files of a run: PREFIX_stats.csv, PREFIX_stats_history.csv,
 * PREFIX_failures.csv and PREFIX_exceptions.csv, with its columns, numbers and line ends.
 *
 * The history grows by a line a second. The other three are written beside their places and then
 * renamed: at the start, every 10 s and at the end, so that each is whole whenever it is read.
 */
#ifndef CICADA_REPORT_CSV_H
#define CICADA_REPORT_CSV_H

#include "base/err.h"
#include "stats/run.h"

#include <stdbool.h>

enum { CSV_REWRITE_S = 10 };

struct csv;

/* Before a run: can the four files be written later? 0 or -1. Leaves nothing behind. */
int csv_check(const char *prefix, struct err *err);
/*
 * Begins all four files, whatever stood there before. `is_full`: the history has a line for each
 * row, with percentiles of the last 10 s, not only the sum with those of the whole run. The caller
 * owns the result; NULL on an error.
 */
struct csv *csv_open(const char *prefix, bool is_full, struct err *err);
/* At the start and after each run_close_second; `unix_ms` is the wall clock. Errors wait for
 * csv_close. */
void csv_second(struct csv *csv, const struct run *run, double unix_ms);
/* After run_finish: the final files. Frees `csv`, also on an error. 0 or -1; NULL does nothing. */
int csv_close(struct csv *csv, const struct run *run, struct err *err);
/* Gives up: what stands there stays. NULL does nothing. */
void csv_free(struct csv *csv);

#endif

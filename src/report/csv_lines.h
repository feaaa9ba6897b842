/*
 * report/csv_lines.h - the content of Locust's CSV files. Each appends whole lines.
 */
#ifndef CICADA_REPORT_CSV_LINES_H
#define CICADA_REPORT_CSV_LINES_H

#include "base/buf.h"
#include "stats/run.h"

#include <stdbool.h>

/* The whole of PREFIX_stats.csv, PREFIX_failures.csv and PREFIX_exceptions.csv. */
void csv_lines_stats(struct buf *out, const struct run *run);
void csv_lines_failures(struct buf *out, const struct run *run);
void csv_lines_exceptions(struct buf *out, const struct run *run);
/* The first line of PREFIX_stats_history.csv, and what a second adds to it. */
void csv_lines_history_head(struct buf *out);
void csv_lines_history(struct buf *out, const struct run *run, bool is_full, double unix_ms);

#endif

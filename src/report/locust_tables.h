/*
 * report/locust_tables.h - the tables that Locust prints: requests, percentiles, errors; and one
 * of the exceptions of user code. Text from scripts is cleaned of control characters, never cut.
 *
 * `width` is what Locust calls the width of a name: locust_tables_width gives Locust's own for a
 * terminal, locust_tables_fit the narrowest that holds every name.
 */
#ifndef CICADA_REPORT_LOCUST_TABLES_H
#define CICADA_REPORT_LOCUST_TABLES_H

#include "base/buf.h"
#include "stats/run.h"

#include <stdbool.h>
#include <stddef.h>

/* `terminal_columns` 0: not a terminal. */
size_t locust_tables_width(size_t terminal_columns);
size_t locust_tables_fit(const struct run *run);
/*
 * Each appends whole lines. `is_current`: the rates of the last seconds, as Locust shows while it
 * runs; else those of the whole run.
 */
void locust_tables_requests(struct buf *out, const struct run *run, size_t width, bool is_current);
void locust_tables_percentiles(struct buf *out, const struct run *run, size_t width);
/* Nothing where there are none. */
void locust_tables_errors(struct buf *out, const struct run *run, size_t width);
void locust_tables_exceptions(struct buf *out, const struct run *run);

/* What Locust prints every 2 s while it runs, empty line included. */
void locust_tables_live(struct buf *out, const struct run *run, size_t width);
/* What it prints at the end: requests, percentiles, errors, empty lines included. */
void locust_tables_final(struct buf *out, const struct run *run, size_t width);

#endif

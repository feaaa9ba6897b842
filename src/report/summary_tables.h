/*
 * report/summary_tables.h - the tables of the final summary. Each appends whole lines of at most
 * SUMMARY_COLUMNS columns (summary_rows: as wide as names and errors are), or nothing when there is
 * nothing to show.
 */
#ifndef CICADA_REPORT_SUMMARY_TABLES_H
#define CICADA_REPORT_SUMMARY_TABLES_H

#include "base/buf.h"
#include "stats/run.h"

#include <stdbool.h>

enum { SUMMARY_COLUMNS = 100, SUMMARY_ROWS_MAX = 20, SUMMARY_ENDPOINT_COLUMNS = 42 };

/* An empty line, then the title (bold with colour). */
void summary_title(struct buf *out, const char *title, bool has_colour);
/* "  label   value   note"; the note may be empty. */
void summary_row(struct buf *out, const char *label, const char *value, const char *note);
/*
 * Words of `text`, without control characters, in lines of SUMMARY_COLUMNS that begin at column
 * `indent`, and a line end. The first line has `column` columns already; a longer word is broken.
 */
void summary_wrapped(struct buf *out, const char *text, size_t column, size_t indent);
/* "GET http://127.0.0.1/x", padded to SUMMARY_ENDPOINT_COLUMNS. */
void summary_endpoint_name(struct buf *out, const char *method, const char *name);
/* A line that says how many of `all` rows are not shown, if any. */
void summary_more(struct buf *out, size_t all);
/* count, min, p50, p95, p99 and max of every time that has samples. */
void summary_times(struct buf *out, const struct run *run, bool has_colour);
/* What arrived of what was sent, by the audits; nothing when nothing was judged. */
void summary_delivery(struct buf *out, const struct run *run, bool has_colour);
/* One row for each endpoint with streams, when there is more than one. */
void summary_endpoints(struct buf *out, const struct run *run, bool has_colour);
/* One row for each endpoint that is no stream: logins. */
void summary_requests(struct buf *out, const struct run *run, bool has_colour);
/* What a script counted: Locust's tables. */
void summary_rows(struct buf *out, const struct run *run, bool has_colour);
/* The most frequent errors first. */
void summary_errors(struct buf *out, const struct run *run, bool has_colour);
/* Where all cores were busy for a while. */
void summary_machine(struct buf *out, const struct run *run);

/* First tokens, the time between them, their rate and number; nothing without any. */
void summary_tokens(struct buf *out, const struct run *run, bool has_colour);

#endif

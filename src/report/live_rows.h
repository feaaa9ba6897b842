/*
 * report/live_rows.h - the part of the live view that shows what a script counts: all requests, and
 * the rows with the most of them in the last 10 s. Nothing where no script counted anything.
 */
#ifndef CICADA_REPORT_LIVE_ROWS_H
#define CICADA_REPORT_LIVE_ROWS_H

#include "base/buf.h"
#include "report/live_view.h"
#include "stats/run.h"

enum { LIVE_ROWS_SHOWN = 5 };

/* Appends at most LIVE_ROWS_SHOWN + 2 lines. */
void live_rows_render(struct buf *out, const struct run *run, const struct live_view *view);
/* Appends ", 120 requests, 3 failed, 12/s" to a line. */
void live_rows_render_line(struct buf *out, const struct run *run);

#endif

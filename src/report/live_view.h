/*
 * report/live_view.h - the live view as text. Pure: a run and a width in, lines out.
 */
#ifndef CICADA_REPORT_LIVE_VIEW_H
#define CICADA_REPORT_LIVE_VIEW_H

#include "base/buf.h"
#include "stats/run.h"

#include <stdbool.h>
#include <stddef.h>

struct limit;
struct thresholds;

struct live_view {
    size_t columns; /* no line is wider */
    bool has_colour;
    const struct thresholds *thresholds; /* borrowed; NULL: none */
    const struct limit *limit;           /* the same: the search under way */
};

/* Appends the picture for a terminal: a dozen lines, a few more where a script counts requests. */
void live_view_render(struct buf *out, const struct run *run, const struct live_view *view);
/* Appends one line of key figures, for logs, as wide as it is. */
void live_view_render_line(struct buf *out, const struct run *run, const struct live_view *view);

#endif

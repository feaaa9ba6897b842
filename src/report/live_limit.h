/*
 * report/live_limit.h - where the search for the limit is, for the live view.
 */
#ifndef CICADA_REPORT_LIVE_LIMIT_H
#define CICADA_REPORT_LIVE_LIMIT_H

#include "base/buf.h"
#include "report/live_view.h"

struct limit;

/* A line: which step, what it does, what is known so far. */
void live_limit_render(struct buf *out, const struct live_view *view);
/* The same as a part of a line. */
void live_limit_render_line(struct buf *out, const struct limit *limit);

#endif

/*
 * report/live_stages.h - the line of the live view that says which stage is under way.
 */
#ifndef CICADA_REPORT_LIVE_STAGES_H
#define CICADA_REPORT_LIVE_STAGES_H

#include "base/buf.h"
#include "report/live_view.h"

/* One line, or none for a run without stages. */
void live_stages_render(struct buf *out, const struct run *run, const struct live_view *view);
/* ", stage 2 of 3" for the line of an output that is no terminal; nothing without stages. */
void live_stages_render_line(struct buf *out, const struct run *run);

#endif

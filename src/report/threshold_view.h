/*
 * report/threshold_view.h - thresholds as people read them: a table in the summary, lights in the
 * live view.
 */
#ifndef CICADA_REPORT_THRESHOLD_VIEW_H
#define CICADA_REPORT_THRESHOLD_VIEW_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct outcome;
struct thresholds;

/* The table, or nothing without thresholds. Lines of SUMMARY_COLUMNS at most. */
void summary_thresholds(struct buf *out, const struct outcome *outcome, bool has_colour);
/*
 * One line without its end: a sign for each ("+" holds, "x" crossed, "?" not measured so far), then
 * the first that is crossed with its value.
 */
void threshold_view_lights(struct buf *out, const struct thresholds *thresholds);

#endif

/*
 * report/summary.h - the final summary: fits 100 columns but for a script's table, reads well
 * without colour.
 */
#ifndef CICADA_REPORT_SUMMARY_H
#define CICADA_REPORT_SUMMARY_H

#include "base/buf.h"
#include "stats/run.h"
#include "verdict/outcome.h"

#include <stdbool.h>

/* Appends the summary text. `json_path` is where the full result stands; NULL: nowhere. */
void summary_write(struct buf *out, const struct run *run, const struct outcome *outcome,
                   const char *json_path, bool has_colour);

#endif

/*
 * report/summary_stages.h - the stages of a run in the summary.
 */
#ifndef CICADA_REPORT_SUMMARY_STAGES_H
#define CICADA_REPORT_SUMMARY_STAGES_H

#include "base/buf.h"
#include "stats/run.h"

#include <stdbool.h>

/* A row a stage, SUMMARY_ROWS_MAX at most; nothing for a run without stages. */
void summary_stages(struct buf *out, const struct run *run, bool has_colour);

#endif

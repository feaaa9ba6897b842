/*
 * report/summary_storms.h - what the final summary says of storms, and of waves that the service
 * caused.
 */
#ifndef CICADA_REPORT_SUMMARY_STORMS_H
#define CICADA_REPORT_SUMMARY_STORMS_H

#include "base/buf.h"
#include "stats/run.h"

#include <stdbool.h>

/* Whole lines of at most SUMMARY_COLUMNS columns, or nothing when there was neither. */
void summary_storms(struct buf *out, const struct run *run, bool has_colour);

#endif

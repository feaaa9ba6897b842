/*
 * report/summary_quality.h - what the final summary says of malformed events, and of the servers
 * that answered. Each appends whole lines of at most SUMMARY_COLUMNS columns, or nothing.
 */
#ifndef CICADA_REPORT_SUMMARY_QUALITY_H
#define CICADA_REPORT_SUMMARY_QUALITY_H

#include "base/buf.h"
#include "stats/run.h"

#include <stdbool.h>

/* Malformed events by kind, a line for each example, and missed heartbeats. */
void summary_quality(struct buf *out, const struct run *run);
/* With --server-id: attempts, events and disconnects by server, and whether they are spread
 * evenly. */
void summary_servers(struct buf *out, const struct run *run, bool has_colour);

#endif

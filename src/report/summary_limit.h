/*
 * report/summary_limit.h - the search for the limit in the final summary.
 */
#ifndef CICADA_REPORT_SUMMARY_LIMIT_H
#define CICADA_REPORT_SUMMARY_LIMIT_H

#include "base/buf.h"

#include <stdbool.h>

struct outcome;

/* What holds, what gave way first, and each number tried, in their order; nothing without a search.
 */
void summary_limit(struct buf *out, const struct outcome *outcome, bool has_colour);

#endif

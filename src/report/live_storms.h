/*
 * report/live_storms.h - how far the streams of the latest storm or wave are back, for the live
 * view.
 */
#ifndef CICADA_REPORT_LIVE_STORMS_H
#define CICADA_REPORT_LIVE_STORMS_H

#include "base/buf.h"
#include "stats/run.h"

#include <stdbool.h>

/* Appends words without an end of line; false, and nothing, before the first one.
 * `*result_is_over`: all are back. */
bool live_storms_append(struct buf *out, const struct run *run, bool *result_is_over);

#endif

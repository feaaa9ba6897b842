/*
 * report/figures.h - numbers and foreign text as people read them in the live view and the
 * summary.
 */
#ifndef CICADA_REPORT_FIGURES_H
#define CICADA_REPORT_FIGURES_H

#include "base/buf.h"
#include "base/units.h"
#include "stats/run.h"

#include <stdint.h>

enum { FIGURES_DISCONNECTS_BYTES = 256 };

/* Three digits and no more places than three: "0.123" "1.23" "12.3" "123" "12,345". */
const char *figures_number(double value, char text[static UNITS_TEXT_BYTES]);
/* "98.05%"; "100%" only when all passed; "-" when nothing was counted. */
const char *figures_share(uint64_t passes, uint64_t fails, char text[static UNITS_TEXT_BYTES]);
/* A count over a time in seconds, as a number a second; 0 for no time. */
double figures_per_s(uint64_t count, double seconds);
/*
 * A value of a trend as it is shown: ms for times, a number a second for rates, counts and bytes.
 * Histograms hold thousandths of all.
 */
double figures_trend(uint64_t value);
/* UTC with milliseconds: "2026-01-31T23:59:59.123Z". */
const char *figures_utc(double unix_ms, char text[static UNITS_TEXT_BYTES]);
/*
 * Appends at most `columns` columns of text from outside. Control characters, which could change
 * the terminal, become "?", what is not UTF-8 becomes U+FFFD, and a cut is marked "...". Returns
 * the columns used.
 */
size_t figures_append_clean(struct buf *out, const char *text, size_t columns);
/* The same, cut at the front: of a long URL the end tells it from others of its host. */
size_t figures_append_clean_end(struct buf *out, const char *text, size_t columns);
/* Over all workers, by their last ticks. */
uint32_t figures_users(const struct run *run);
uint32_t figures_open(const struct run *run);
/*
 * Share of a core at the worker's busiest: the highest average over 5 s, in a run too short for one
 * the highest tick.
 */
double figures_worker_cpu(const struct run_worker *worker);
/* "reset 2, closed 1" from sse_disconnects{cause:...}; empty without any. */
const char *figures_causes(const struct stat_set *set, char text[static FIGURES_DISCONNECTS_BYTES]);

/* "same-host", the URL that was asked, "none"; "" of CLOCK_UNUSED. Borrowed. */
const char *figures_clock_source(const struct run *run, enum clock_source source);

#endif

/*
 * verdict/find_figures.h - figures as the rules behind findings read and write them.
 */
#ifndef CICADA_VERDICT_FIND_FIGURES_H
#define CICADA_VERDICT_FIND_FIGURES_H

#include "base/units.h"
#include "stats/run.h"

#include <stdint.h>

/* Of a trend, as it is shown: in ms, as a number a second, as a number; 0 for NULL. */
double find_percentile(const struct hist *trend, double percentile);
double find_sum(const struct hist *trend);
uint64_t find_count(const struct hist *trend);
/* "190ms"; returns `text`. */
const char *find_duration(double ms, char text[static UNITS_TEXT_BYTES]);
/* The 99th percentile of the lag of the worker that was latest, in ms. */
double find_lag_ms(const struct run *run);

#endif

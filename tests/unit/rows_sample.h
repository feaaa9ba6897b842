/*
 * rows_sample.h - a run whose script counted requests for 16 s, with known figures: what Locust
 * 2.12.1 prints and writes for the same requests at the same times stands in tests/golden.
 */
#ifndef CICADA_TESTS_ROWS_SAMPLE_H
#define CICADA_TESTS_ROWS_SAMPLE_H

#include "stats/run.h"

#include <stdint.h>

/* Called at the start and after each second. */
typedef void (*rows_sample_fn)(void *ctx, const struct run *run, double unix_ms);

/* Two workers with three users, four rows, two errors, an exception. The caller frees. */
struct run *sample_rows(rows_sample_fn on_second, void *ctx);

#endif

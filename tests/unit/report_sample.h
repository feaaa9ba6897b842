/*
 * report_sample.h - runs with known figures for the tests of verdict and report.
 */
#ifndef CICADA_TESTS_REPORT_SAMPLE_H
#define CICADA_TESTS_REPORT_SAMPLE_H

#include "stats/run.h"

/* Two workers, 40 users, one endpoint, stopped after 12 s of 20 s: a pass. The caller frees. */
struct run *sample_pass(void);
/* Two endpoints, failed attempts, disconnects, a saturated and a lost worker, hostile messages. */
struct run *sample_trouble(void);
/* Workers started, nothing measured. */
struct run *sample_empty(void);

#endif

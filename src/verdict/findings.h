/*
 * verdict/findings.h - sentences for a person about what the figures of a run show.
 *
 * Each finding is one pure function and one row of a table; codes are stable for ever.
 */
#ifndef CICADA_VERDICT_FINDINGS_H
#define CICADA_VERDICT_FINDINGS_H

#include "stats/run.h"
#include "verdict/outcome.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Everything the run shows, in the order of the table. The caller frees with findings_free; NULL
 * and 0 when there is nothing to say.
 */
struct finding *findings_collect(const struct run *run, size_t *result_count);
void findings_free(struct finding *findings, size_t count);

/*
 * Did this worker run out of CPU (RUN_SATURATED_PCT) or fall behind (RUN_LAG_LIMIT_MS at p99)? Then
 * times that it measured contain its own delay.
 */
bool findings_is_saturated(const struct run_worker *worker);
/* Streams are open or asked for, and not one event ever came. */
bool findings_has_silent_streams(const struct run *run);
/* The 99th percentile of the worker's lag in ms, 0 without samples. */
double findings_lag_p99_ms(const struct run_worker *worker);
/* Was one of the workers? Then what rests on times says nothing of the service. */
bool findings_reads_late(const struct run *run);

#endif

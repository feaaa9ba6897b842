/*
 * verdict/threshold.h - thresholds judged on merged figures: over the whole run so far, or over a
 * window of the last seconds, once a second and at the end.
 *
 * Over the whole run the last judgement counts, but a crossing that ends the run (`abort`) is
 * final. Of windows the worst one counts. What has no samples is not measured, and does not hold; a
 * counter that was never added to is 0, and that 0 holds nothing where nothing could have counted
 * (threshold_basis.h): not measured, as one of an endpoint that was never seen.
 *
 * Runs on: the controller.
 */
#ifndef CICADA_VERDICT_THRESHOLD_H
#define CICADA_VERDICT_THRESHOLD_H

#include "stats/run.h"
#include "verdict/threshold_parse.h"

#include <stdbool.h>
#include <stddef.h>

/* A script or a search makes them while it runs. */
static const uint32_t THRESHOLD_STAGES_UNKNOWN = UINT32_MAX;

enum threshold_state { THRESHOLD_NOT_MEASURED = 0, THRESHOLD_HELD, THRESHOLD_CROSSED };

struct recent;

struct threshold {
    struct threshold_spec spec;
    enum threshold_state state;
    double value;        /* in the spec's unit; of windows the worst; 0 while not measured */
    uint64_t crossed_ns; /* since the start: a window's first crossing, or when it ended the run */
    bool has_ended_run;
    struct recent *recent; /* private; owned; NULL: judged over the whole run */
};

/*
 * Judges one on figures that stand by themselves, of all endpoints together, over `length_ns`; what
 * it says of windows and endpoints is left alone. `value` is 0 where it is not measured; a counter
 * that was never added to is 0 and measured.
 */
enum threshold_state threshold_judge_set(const struct threshold_spec *spec,
                                         const struct stat_set *set, uint64_t length_ns,
                                         double *value);

struct thresholds;

/* -1 of threshold_parse in `err` gives NULL. The caller owns the result; none are a valid list. */
struct thresholds *thresholds_new(const char *const *texts, size_t count, struct err *err);
void thresholds_free(struct thresholds *thresholds);
/* 0 for NULL. */
size_t thresholds_count(const struct thresholds *thresholds);
/* Borrowed. */
const struct threshold *thresholds_at(const struct thresholds *thresholds, size_t index);
/* How many are in `state`; 0 for NULL. */
size_t thresholds_count_in(const struct thresholds *thresholds, enum threshold_state state);
/* The one that ended the run, NULL: none did. */
const struct threshold *thresholds_find_end(const struct thresholds *thresholds);
/* -1 with a sentence when a run of that length has no window for one of them behind its warm-up. */
int thresholds_check_time(const struct thresholds *thresholds, uint64_t warm_up_ns,
                          uint64_t run_time_ns, struct err *err);

/*
 * -1 with a sentence that names the column when one is of a stage beyond the last, or of a stage
 * where there are none.
 */
int thresholds_check_stages(const struct thresholds *thresholds, uint32_t stage_count,
                            struct err *err);

/* A worker's delta, for the windows of single endpoints; each delta once. NULL does nothing. */
void thresholds_add(struct thresholds *thresholds, const struct stats *delta);
/* After each closed second of the run. True when one of them ends the run now; false for NULL. */
bool thresholds_judge_second(struct thresholds *thresholds, const struct run *run);
/*
 * At the end, after run_finish. Windows end with the last closed second; its gauges, taken while
 * streams are closed, are left out of them. NULL does nothing.
 */
void thresholds_finish(struct thresholds *thresholds, const struct run *run);

#endif

/*
 * verdict/wave.h - the storms and waves of a run: those that were ordered, and those that the
 * service caused, found in what is known of each second (stats/waves.h).
 *
 * A wave of the service is what ended unasked within three seconds, at least WAVE_LOST_MIN streams
 * and a tenth of those open, and stands out: a third of it at most ended in the three seconds
 * before, half of it in those behind. A steady flow of ends is no wave, nor are streams that the
 * server has completed and nobody asked for again.
 */
#ifndef CICADA_VERDICT_WAVE_H
#define CICADA_VERDICT_WAVE_H

#include "stats/run.h"
#include "stats/waves.h"

#include <stdbool.h>
#include <stddef.h>

enum { WAVE_SPAN_S = 3, WAVE_LOST_MIN = 5, WAVE_KEPT_S = 120 };

struct wave_seen {
    const struct run_storm *storm; /* borrowed from the run; NULL: caused by the service */
    double at_s;                   /* since the start: when it was ordered, or the first end */
    bool is_told;                  /* a worker has said what it cut; false: none has as yet */
    /* Owned. Streams are back since the end of the storm's time away, or since the first end;
     * `open` streams were open before. */
    struct wave sum;
};

struct wave_list {
    struct wave_seen *items;
    size_t count;
};

/* All of a run, in the order of their times; wave_list_fini frees. `run` outlives it. */
struct wave_list wave_list_of(const struct run *run);
void wave_list_fini(struct wave_list *list);
/* Can events be missed, as far as the ids of the run show; are repeated ones looked for? Else the
 * figures of its waves say nothing of them. */
bool wave_misses_are_known(const struct run *run);
bool wave_repeats_are_known(const struct run *run);
/* Seconds until this share (0 to 1) of the streams that were to come back had; NaN: they never did.
 */
double wave_back_s(const struct wave *wave, double share);
/* Forgets seconds that are no part of a wave once nothing more is to come of them, and those that
 * no clock can have reached, so that a long run does not keep them all. To be called now and then.
 */
void waves_forget(struct waves *waves, double now_unix_ms);

#endif

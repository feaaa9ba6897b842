/*
 * verdict/onset.h - the concurrency at which a service started to fail, from the seconds of a run
 * with any kind of ramp. Pure.
 */
#ifndef CICADA_VERDICT_ONSET_H
#define CICADA_VERDICT_ONSET_H

#include "base/error_class.h"
#include "stats/run.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    ONSET_WINDOW_MIN_S = 3, /* a single bad second is none */
    ONSET_WINDOW_MAX_S = 10,
    ONSET_FAILS_MIN = 5,
    ONSET_FAILS_PCT = 1 /* more than this share of the attempts */
};

struct onset {
    double at_s;           /* end of the first second with failures, since the start */
    uint32_t users, open;  /* then; streams before or behind that second, whichever were more */
    enum error_class what; /* why most attempts failed; CLASS_NONE: they were never answered, */
    bool is_stopped;       /* or by a 204 */
};

/*
 * The first moment from which attempts to open a stream fail: within 3 to 10 s at least 5, and more
 * than 1 % of those made. False: the run has no such moment, or no number of streams has to do with
 * it: none was open then, no attempt ever succeeded, or most failed by a 4xx other than 429.
 */
bool onset_find(const struct run *run, struct onset *onset);
/* "status_5xx", "status_204" or "unanswered". */
const char *onset_what(const struct onset *onset);

#endif

/*
 * verdict/threshold_unit.h - the units in which thresholds stand, and bounds written in them.
 */
#ifndef CICADA_VERDICT_THRESHOLD_UNIT_H
#define CICADA_VERDICT_THRESHOLD_UNIT_H

#include <stddef.h>

/* Of value and bound. */
enum threshold_unit {
    THRESHOLD_UNIT_NONE = 0,
    THRESHOLD_UNIT_COUNT,
    THRESHOLD_UNIT_MS,
    THRESHOLD_UNIT_PER_S,
    THRESHOLD_UNIT_PER_HOUR,
    THRESHOLD_UNIT_SHARE, /* 0 to 1 */
    THRESHOLD_UNIT_BYTES,
    THRESHOLD_UNIT_BYTES_PER_S
};

/* As the result names it: "ms", "1/s". */
const char *threshold_unit_name(enum threshold_unit unit);
/* What a bound may be: "in ms, or has one of ns us ms s m h d". */
const char *threshold_unit_rule(enum threshold_unit unit);

enum threshold_bound {
    THRESHOLD_BOUND_READ = 0,
    THRESHOLD_BOUND_NO_NUMBER,
    THRESHOLD_BOUND_WRONG_UNIT, /* behind the number */
    THRESHOLD_BOUND_TOO_LARGE
};

/*
 * A bound as it is written: a number, and perhaps a unit that fits; without one it stands in
 * `unit`. `number_len` is how much of `word` is the number; `bound` is set where it was read.
 */
enum threshold_bound threshold_unit_read(const char *word, enum threshold_unit unit, double *bound,
                                         size_t *number_len);

#endif

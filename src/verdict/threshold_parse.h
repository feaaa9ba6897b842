/*
 * verdict/threshold_parse.h - the grammar of a threshold: text in, a struct or the column of what
 * is wrong out. Pure.
 *
 *     METRIC[{TAG:VALUE}]: AGGREGATE COMPARISON BOUND [over D] [abort] [after D]
 *
 * The expression is k6's. AGGREGATE follows from the metric's kind: a counter has count and rate (a
 * second), a gauge value, min and max, a rate rate, a trend avg (mean), min, max, med, p(N) and
 * count (of samples). COMPARISON is one of < <= > >= == === != !==. BOUND stands in the unit in
 * which the metric is shown (ms, bytes, a share from 0 to 1, a number) or has a unit of its own:
 * 500ms, 2s, 64k, 1%.
 */
#ifndef CICADA_VERDICT_THRESHOLD_PARSE_H
#define CICADA_VERDICT_THRESHOLD_PARSE_H

#include "base/err.h"
#include "stats/metric.h"
#include "verdict/threshold_unit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest window, in seconds: each keeps a part of its metric a second. */
enum { THRESHOLD_OVER_MAX_S = 600 };
/* As many parts as a run may have. */
enum { THRESHOLD_STAGE_MAX = 1000 };

enum threshold_aggregate {
    THRESHOLD_AGGREGATE_NONE = 0,
    THRESHOLD_COUNT,
    THRESHOLD_RATE,
    THRESHOLD_VALUE,
    THRESHOLD_MEAN,
    THRESHOLD_MIN,
    THRESHOLD_MAX,
    THRESHOLD_PERCENTILE /* med is p(50) */
};

enum threshold_comparison {
    THRESHOLD_COMPARISON_NONE = 0,
    THRESHOLD_LESS,
    THRESHOLD_LESS_EQUAL,
    THRESHOLD_GREATER,
    THRESHOLD_GREATER_EQUAL,
    THRESHOLD_EQUAL,
    THRESHOLD_NOT_EQUAL
};

struct threshold_spec {
    char *name;       /* owned; "sse_ttfe{phase:first}" */
    char *expression; /* owned; what stands behind the colon, as written */
    enum metric metric;
    char *tag;           /* owned; "phase:first"; NULL: the whole, or of an endpoint */
    char *endpoint;      /* owned; of the tag `endpoint` or `name`; NULL: of all */
    uint32_t stage;      /* of the tag `stage`: judged on that part of the run, from 1; 0: on all */
    size_t stage_column; /* where that stands in the text */
    enum threshold_aggregate aggregate;
    double percentile; /* 0 to 100 */
    enum threshold_comparison comparison;
    enum threshold_unit unit;
    double bound;    /* in `unit` */
    uint32_t over_s; /* a window of so many seconds; 0: the whole run */
    bool aborts;
    uint64_t after_ns; /* since the start */
};

/*
 * 0, and the caller ends `spec` with threshold_spec_fini; or -1 with a sentence that names the
 * column, counted in characters from 1, and nothing to free.
 */
int threshold_parse(const char *text, struct threshold_spec *spec, struct err *err);
void threshold_spec_fini(struct threshold_spec *spec);

/* "<=". */
const char *threshold_comparison_name(enum threshold_comparison comparison);

#endif

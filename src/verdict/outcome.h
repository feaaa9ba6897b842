/*
 * verdict/outcome.h - pass or fail, exit status and findings, from the merged picture of a run
 * alone.
 */
#ifndef CICADA_VERDICT_OUTCOME_H
#define CICADA_VERDICT_OUTCOME_H

#include "base/buf.h"
#include "stats/run.h"

#include <stddef.h>

struct limit;
struct limit_rules;
struct thresholds;

enum verdict { VERDICT_NONE = 0, VERDICT_PASS, VERDICT_FAIL, VERDICT_ABORTED };
enum {
    EXIT_PASS = 0,
    EXIT_FAILURES = 1,
    EXIT_BAD_USAGE = 2,
    EXIT_THRESHOLDS = 99, /* as in k6 */
    EXIT_SIGNAL_BASE = 128
};

enum finding_severity { FINDING_NONE = 0, FINDING_INFO, FINDING_WARNING, FINDING_CRITICAL };

/* How sure a finding is: other causes were ruled out; none other is likely; one of several. */
enum finding_confidence {
    CONFIDENCE_NONE = 0,
    CONFIDENCE_SUSPECTED,
    CONFIDENCE_LIKELY,
    CONFIDENCE_CERTAIN
};

struct finding {
    const char *code; /* "generator-saturated" */
    enum finding_severity severity;
    enum finding_confidence confidence;
    char *title;    /* one sentence */
    char *evidence; /* figures that the result holds */
    char *advice;
};

struct outcome {
    enum verdict verdict;
    int exit_status;
    char *reason; /* why, one sentence; NULL for a pass that needs none */
    struct finding *findings;
    size_t finding_count;
    const struct thresholds *thresholds;   /* borrowed; judged. NULL: none were given */
    const struct limit *limit;             /* borrowed; NULL: nobody searched */
    const struct limit_rules *limit_rules; /* of that search; borrowed */
};

/* `exit_code_on_error` is what --exit-code-on-error says (1). The caller owns the result. */
struct outcome *outcome_judge(const struct run *run, int exit_code_on_error);
/*
 * Where thresholds were given they alone say whether the service failed, as in k6. What stays as it
 * was: an interrupted run, an exit status that a script set, a script with errors of its own, and
 * that a run of which a part died, its figures being those of less load, is no pass. `thresholds`
 * has been judged to the end and outlives the outcome; NULL or none change nothing.
 */
void outcome_add_thresholds(struct outcome *outcome, const struct run *run,
                            const struct thresholds *thresholds, int exit_code_on_error);
/*
 * A search for the limit alone says whether the run passed: it did when an edge was found, or the
 * ceiling holds. Failures are what it looks for. What stays: an interrupted run, and that one of
 * which a part died is no pass. Both are borrowed and outlive the outcome; NULL changes nothing.
 */
void outcome_add_limit(struct outcome *outcome, const struct run *run, const struct limit *limit,
                       const struct limit_rules *rules, int exit_code_on_error);
void outcome_free(struct outcome *outcome);
const char *verdict_name(enum verdict verdict);
const char *finding_severity_name(enum finding_severity severity);
const char *finding_confidence_name(enum finding_confidence confidence);

#endif

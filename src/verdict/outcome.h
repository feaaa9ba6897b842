/*
 * verdict/outcome.h - pass or fail, exit status and findings, from the merged picture of a run
 * alone.
 */
#ifndef CICADA_VERDICT_OUTCOME_H
#define CICADA_VERDICT_OUTCOME_H

#include "base/buf.h"
#include "stats/run.h"

#include <stddef.h>

enum verdict { VERDICT_NONE = 0, VERDICT_PASS, VERDICT_FAIL, VERDICT_ABORTED };
enum { EXIT_PASS = 0, EXIT_FAILURES = 1, EXIT_BAD_USAGE = 2, EXIT_SIGNAL_BASE = 128 };

enum finding_severity { FINDING_NONE = 0, FINDING_INFO, FINDING_WARNING, FINDING_CRITICAL };

struct finding {
    const char *code; /* "generator-saturated" */
    enum finding_severity severity;
    char *title;    /* one sentence */
    char *evidence; /* figures that the result holds */
    char *advice;
};

struct outcome {
    enum verdict verdict;
    int exit_status;
    char *reason; /* why it failed or was aborted, one sentence; NULL for a pass */
    struct finding *findings;
    size_t finding_count;
};

/* `exit_code_on_error` is what --exit-code-on-error says (1). The caller owns the result. */
struct outcome *outcome_judge(const struct run *run, int exit_code_on_error);
void outcome_free(struct outcome *outcome);
const char *verdict_name(enum verdict verdict);
const char *finding_severity_name(enum finding_severity severity);

#endif

/*
 * verdict/limit_judge.h - did the service hold a number of users? What was measured in one step of
 * a search, against the thresholds that were given, or else two of its own, and against the service
 * at ease.
 *
 * A user that had no answer when the step is judged has failed, and one without a first event waits
 * for it at least since the ramp ended: both are added to what was measured. Streams that are open
 * count as successful for sse_stream_success, which otherwise looks at ended ones alone.
 *
 * Runs on: the controller. Pure.
 */
#ifndef CICADA_VERDICT_LIMIT_JUDGE_H
#define CICADA_VERDICT_LIMIT_JUDGE_H

#include "base/err.h"
#include "stats/set.h"
#include "verdict/limit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LIMIT_KNEE_TIMES = 5, /* a time at p95 is past its knee when it is that much longer than ... */
    LIMIT_KNEE_MS = 100,  /* ... with few users, and by no less than this; ... */
    LIMIT_KNEE_CONNECTING_MS =
        250,             /* ... of what hangs on two seconds alone, by no less than this */
    LIMIT_PATIENCE_S = 3 /* an answer may take so long behind the ramp */
};

struct limit_rules;

/*
 * Thresholds as they were given; sse_connect_success and sse_stream_success must be above 99 % too,
 * each unless one of them is about it: users who are turned away break no bound of a time. Where
 * only the first is given, attempts that did not become a stream are none for the second. NULL with
 * a sentence for one that says more than a step can be judged by: a window, a time, the end of the
 * run, a stage, an endpoint. The caller owns the result.
 */
struct limit_rules *limit_rules_new(const char *const *texts, size_t count, struct err *err);
void limit_rules_free(struct limit_rules *rules);
size_t limit_rules_count(const struct limit_rules *rules);
/* "sse_ttfe: p(95)<500". Borrowed. */
const char *limit_rules_at(const struct limit_rules *rules, size_t index);

/* A step so far. */
struct limit_figures {
    const struct stat_set *set; /* measured since the ramp began */
    uint32_t users;             /* asked for */
    uint32_t fresh;             /* those of them that are new in this step */
    uint32_t open;              /* streams now */
    uint64_t length_ns;         /* since the ramp began */
    uint64_t waited_ns;         /* since it ended; 0: it has not */
    double at_s;                /* when it began */
    const char *cause;          /* the most frequent error class in it; NULL: none */
    double own_lag_ms;          /* at p99 */
    bool is_saturated;          /* cicada had no CPU left, or was late */
};

/* New users that have neither succeeded nor failed. */
uint32_t limit_count_unanswered(const struct limit_figures *figures);
/* So much has failed that no success to come would make up for it. */
bool limit_is_lost(const struct limit_rules *rules, const struct limit_figures *figures);
/* What came of it, for limit_add; `limit` is asked for the service at ease. */
struct limit_step limit_judge(const struct limit_rules *rules, const struct limit *limit,
                              const struct limit_figures *figures);

#endif

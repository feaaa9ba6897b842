/*
 * course.h - a run of one worker and one endpoint, second by second, for tests of findings.
 */
#ifndef CICADA_TEST_COURSE_H
#define CICADA_TEST_COURSE_H

#include "stats/run.h"
#include "verdict/outcome.h"

#include <stdbool.h>
#include <stdint.h>

struct course {
    struct run *run;
    struct stats *delta; /* of the second under way */
    int code;            /* of failed attempts; 0: `cause` */
    const char *cause;   /* "cause:reset" */
    uint64_t second;
};

/* What happens in a second, and how many streams are open at its end. */
struct course_second {
    uint32_t open, attempts, connects, fails, events;
};

/* Failed attempts get status 503 until the test says otherwise. */
void course_begin(struct course *course, uint32_t users_planned);
void course_end(struct course *course);
/* Of GET /x, to add what the second under way has beside. */
struct stat_set *course_set(struct course *course);
void course_add(struct course *course, const struct course_second *second);
/* The same second so many times. */
void course_repeat(struct course *course, const struct course_second *second, unsigned count);
/* One of attempts: how long it waited for its headers, of which the connection took a part. */
void course_wait(struct course *course, uint64_t wait_ms, uint64_t connect_ms);
/* The order within a second: attempts behind the first failure. */
void course_order(struct course *course, uint64_t passes, uint64_t fails);

typedef bool (*course_find_fn)(const struct run *run, struct finding *finding);
/*
 * Raised as sure as `confidence` (CONFIDENCE_NONE: not raised), with `part` in title, evidence or
 * advice (NULL: whatever they say)?
 */
void course_check(const struct course *course, course_find_fn find,
                  enum finding_confidence confidence, const char *part);

#endif

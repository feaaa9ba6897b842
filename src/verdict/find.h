/*
 * verdict/find.h - the rules behind findings, for the table in findings.c: each a pure function
 * over the merged figures of a run, in a file named for what it looks at.
 *
 * A rule fills title, evidence (figures that the result holds) and advice, all on the heap, and
 * says how sure it is, and how severe where that hangs on the figures; it gives false, and fills
 * nothing, where the run does not show the thing. A healthy service gives none: a rule that is not
 * sure enough stays silent.
 */
#ifndef CICADA_VERDICT_FIND_H
#define CICADA_VERDICT_FIND_H

#include "stats/run.h"
#include "verdict/outcome.h"

#include <stdbool.h>

/* --- find_delivery.c: what arrived of what was sent --- */
bool find_event_loss(const struct run *run, struct finding *finding);
bool find_event_duplicates(const struct run *run, struct finding *finding);
bool find_event_reordered(const struct run *run, struct finding *finding);
bool find_malformed_events(const struct run *run, struct finding *finding);
bool find_replay_missing(const struct run *run, struct finding *finding);
bool find_replay_duplicates(const struct run *run, struct finding *finding);

/* --- find_generator.c: cicada itself --- */
bool find_generator_saturated(const struct run *run, struct finding *finding);

/* --- find_silent.c: streams without events --- */
bool find_no_events(const struct run *run, struct finding *finding);
/* Of a Locust file: its own table shows nothing of a request without an answer. */
bool find_unanswered(const struct run *run, struct finding *finding);

#endif

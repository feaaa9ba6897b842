/*
 * load/event_clock.h - the clock that stamps events, seen from ours: what a worker knows of it, and
 * how one of our times is turned into one of its own. Pure: readings of clocks are given to it.
 *
 * Where the service runs on this machine, its wall clock is ours. Where it was asked for its time,
 * the answer with the least error among the last ones counts (Cristian's algorithm): the time lies
 * in the middle of the round trip, give or take half of it. Else its clock is taken to be ours, and
 * nobody knows by how much that is wrong.
 */
#ifndef CICADA_LOAD_EVENT_CLOCK_H
#define CICADA_LOAD_EVENT_CLOCK_H

#include "stats/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EVENT_CLOCK_ANSWERS = 8 };

/* A wall clock less the monotonic one, and by how much that may be wrong. */
struct event_clock_answer {
    int64_t base_ns;
    uint64_t error_ns;
};

/* Callers read nothing of it. Zero is a clock that is not asked, before event_clock_set_wall. */
struct event_clock {
    int64_t wall_base_ns; /* of our own wall clock */
    bool has_wall;
    bool is_asked; /* there is a --clock */
    uint32_t step_count;
    enum clock_source used; /* by the events so far */
    size_t answer_count;    /* ever */
    struct event_clock_answer answers[EVENT_CLOCK_ANSWERS];
};

void event_clock_init(struct event_clock *clock, bool is_asked);
/*
 * Our wall clock less the monotonic one, read anew. Returns by how much the wall clock was set
 * since the last time, 0 where it was not: adjtime and NTP's slewing move both clocks alike, so
 * that any change beyond a millisecond, which a disturbed reading might be, is a step.
 */
int64_t event_clock_set_wall(struct event_clock *clock, int64_t base_ns);

/* What a clock answered: `unix_ns`, written with steps of `grain_ns`, to a question that left at
 * `asked_ns` and whose answer was there at `answered_ns`, both monotonic. */
struct event_clock_reading {
    uint64_t asked_ns, answered_ns;
    int64_t unix_ns;
    uint64_t grain_ns;
};
void event_clock_add(struct event_clock *clock, const struct event_clock_reading *reading);
/*
 * Reads the time out of the body of an answer: a bare number or a timestamp of RFC 3339, in quotes
 * or not, or the first value of a JSON object that is a time of the years 2001 to 2096, written to
 * the second at least, in the unit that its size suggests. False, and nothing set, where there is
 * none.
 */
bool event_clock_read_answer(const char *text, size_t len, int64_t *unix_ns, uint64_t *grain_ns);

/* What added to one of our monotonic times gives the wall time of the service. Notes that an event
 * made use of it. False as long as a clock that is asked has not answered. */
bool event_clock_use(struct event_clock *clock, bool is_same_host, int64_t *base_ns);
/* Is the service's clock known, for a server on this host or another? */
bool event_clock_is_common(const struct event_clock *clock, bool is_same_host);
/* As it stands now. */
struct clock_state event_clock_state(const struct event_clock *clock);

#endif

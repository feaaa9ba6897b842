/*
 * verdict/limit.h - the search for the most users that a service holds: from what was measured at
 * the numbers tried so far, the number to try next, or the end.
 *
 * Doubles from a share of the ceiling until a number fails or the ceiling holds; where the first
 * number fails, goes down to one user, or where a time was too long to LIMIT_SAMPLES, as fewer say
 * nothing about a share of them. Halves the gap between the highest that holds and the lowest
 * that does not until it is LIMIT_GAP_PCT, then tries both of them again, LIMIT_CONFIRMATIONS
 * times. A number that does not do the same again is neither: the edge lies between the highest
 * that only ever held and the lowest that only ever failed. After LIMIT_REVERSALS of these the edge
 * stands as it is, unconfirmed. Pure.
 */
#ifndef CICADA_VERDICT_LIMIT_H
#define CICADA_VERDICT_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LIMIT_CEILING_USERS = 10000, /* unless the user gives one */
    LIMIT_START_SHARE = 64,      /* the first number is the ceiling divided by it */
    LIMIT_GAP_PCT = 2,           /* of the number that holds */
    LIMIT_UNSTEADY_GAP_PCT = 5,  /* the same, where a number in between did both, or few samples
                                    of a time decide */
    LIMIT_ALL_NEW = 200,         /* up to here every user of a step is new: a sample each */
    LIMIT_SAMPLES = 20,          /* the fewest users that a search for a time goes down to */
    LIMIT_CONFIRMATIONS = 2,
    LIMIT_REVERSALS = 4,
    LIMIT_STEPS = 100,
    LIMIT_EASE_ATTEMPTS = 20
};

enum limit_end {
    LIMIT_UNDER_WAY = 0, /* or ended from outside: too little is known */
    LIMIT_EDGE,          /* between two numbers close together */
    LIMIT_CEILING,       /* as many as were allowed hold */
    LIMIT_NOTHING_HOLDS, /* not even the fewest users that say something */
    LIMIT_GENERATOR      /* cicada itself was at its limit, twice in a row */
};

/* Times of which a step keeps the 95th percentile. */
enum limit_time {
    LIMIT_CONNECTING = 0,
    LIMIT_TTFE,
    LIMIT_GAP, /* between two events: the source's own, at ease */
    LIMIT_LATENCY,
    LIMIT_TIME_COUNT
};

/* What was measured at one number of users. */
struct limit_step {
    uint32_t users;
    uint32_t open; /* streams, at the judgement */
    bool has_held;
    bool is_ours;      /* a failure that may be that of cicada: says nothing about the service */
    bool is_doubtful;  /* a failure that one bad moment can make: counts when it comes twice */
    bool is_of_time;   /* a failure of a time, which few samples say little about */
    bool is_disproved; /* set by limit_add: a failure, but the same held when tried again */
    char *broken;      /* owned; which rule did not hold, with its value; NULL: all held */
    double at_s;       /* when its ramp began, since the start */
    double length_s;   /* from there to the judgement */
    uint64_t attempts, unanswered;
    double connect_success, stream_success; /* shares; NaN without any */
    double p95_ms[LIMIT_TIME_COUNT];        /* NaN without any */
    double events_per_s;
};

/* What to do next: from `base` users, so many of which are known to hold, go up to `users`; with 0
 * all that are there leave first. */
struct limit_task {
    uint32_t users, base;
};

/* What is being done, for those who watch. */
enum limit_phase { LIMIT_PREPARING = 0, LIMIT_RAMPING, LIMIT_HOLDING };

struct limit;

/* `ceiling` >= 1. The caller owns the result. */
struct limit *limit_new(uint32_t ceiling);
void limit_free(struct limit *limit);

/* False: there is nothing more to try, see limit_end. */
bool limit_next(const struct limit *limit, struct limit_task *task);
/* The task that limit_next gave was done: `step` is what came of it; its text moves. */
void limit_add(struct limit *limit, const struct limit_step *step);

enum limit_end limit_end(const struct limit *limit);
uint32_t limit_ceiling(const struct limit *limit);
/* The highest number that holds, 0: none so far. */
uint32_t limit_holds(const struct limit *limit);
/* The lowest number above it that does not, 0: none so far. */
uint32_t limit_fails(const struct limit *limit);
/* How often both did the same again, up to LIMIT_CONFIRMATIONS. */
uint32_t limit_confirmed(const struct limit *limit);
/* What did not hold at limit_fails, the last time; when cicada was the limit, what it said then.
 * NULL: nothing failed. Borrowed. */
const char *limit_first_broken(const struct limit *limit);
/* Every step, in the order they were done. Borrowed until the next is added. */
size_t limit_step_count(const struct limit *limit);
const struct limit_step *limit_step_at(const struct limit *limit, size_t index);
/*
 * A measure of the service at ease: the median of a time over the smallest different numbers that
 * held, three of them at most, with LIMIT_EASE_ATTEMPTS new streams each. NaN without any.
 */
double limit_ease_ms(const struct limit *limit, enum limit_time time);

void limit_set_phase(struct limit *limit, enum limit_phase phase);
enum limit_phase limit_phase(const struct limit *limit);

#endif

/*
 * verdict/plateau.h - a run whose open streams stopped at some number while more were wanted.
 *
 * Looks at the seconds in which about as many streams were open as ever, and at what became of the
 * attempts made in them: turned away, left without an answer, or let in as others left. A limit has
 * an edge: below it attempts succeed, at it they do not. Failures that come below it too are no
 * sign of one.
 */
#ifndef CICADA_VERDICT_PLATEAU_H
#define CICADA_VERDICT_PLATEAU_H

#include "base/error_class.h"
#include "stats/run.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PLATEAU_OPEN_MIN = 3,       /* fewer streams open are no plateau */
    PLATEAU_FAILS_MIN = 5,      /* attempts turned away at it */
    PLATEAU_WAITING_MIN = 3,    /* attempts unanswered at once */
    PLATEAU_PATIENCE_S = 3,     /* an attempt that waits longer is not just slow */
    PLATEAU_SLOW_FACTOR = 10,   /* nor is one that waits longer than so many times the usual */
    PLATEAU_STRAY_PCT = 5,      /* of the attempts below it that may fail all the same */
    PLATEAU_ALL_SHARE = 50,     /* all but so small a part of the users open: nobody is kept out */
    PLATEAU_WAIT_LATE_MS = 1000 /* p95 from which answers come late */
};

enum plateau_kind {
    PLATEAU_NONE = 0,
    PLATEAU_TURNED_AWAY, /* further attempts fail */
    PLATEAU_UNANSWERED,  /* further attempts get no answer */
    PLATEAU_QUEUED       /* further attempts are let in when others leave */
};

struct plateau {
    enum plateau_kind kind;
    uint32_t open;        /* streams open at it: the upper quartile of its seconds */
    uint32_t span_s;      /* how long it was held; 0: no more than the second it was reached in */
    uint64_t turned_away; /* attempts that failed at it */
    uint64_t below;       /* attempts before it and around it that became a stream */
    uint64_t below_fails; /* attempts before it that failed */
    uint64_t let_in;      /* attempts that became a stream at it, others having left */
    uint64_t waiting;     /* most attempts unanswered at once at it */
    bool has_lasted;      /* attempts failed on for some time, or each time it was reached */
    bool is_full;         /* of PLATEAU_QUEUED: as many were open as ever whenever some waited */
    /* Of PLATEAU_TURNED_AWAY, the commonest cause: a status, or 0 and a class. */
    int code;
    enum error_class error_class;
};

/* False, with kind PLATEAU_NONE, where the run shows none, or where we ourselves set the limit. */
bool plateau_find(const struct run *run, struct plateau *plateau);

#endif

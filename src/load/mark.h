/*
 * load/mark.h - the mark that a message of ours carries, by which it is known when a stream brings
 * it: `cicada-mark.RUN.NUMBER.ATTEMPT.SETTLED.FIRST_NS.NS`, of one length
 * always. Nothing in it is changed
 * by JSON, forms or URLs. Pure.
 */
#ifndef CICADA_LOAD_MARK_H
#define CICADA_LOAD_MARK_H

#include <stddef.h>
#include <stdint.h>

enum { MARK_BYTES = 101, MARK_ATTEMPT_MAX = 9999 };

struct mark {
    uint64_t run;
    uint64_t number;   /* from 1 on, without gaps, in the order in which they were first written */
    uint64_t attempt;  /* from 1 on; stays at MARK_ATTEMPT_MAX */
    uint64_t settled;  /* when this was written, all numbers below had been accepted */
    uint64_t first_ns; /* when this number was first written; monotonic clock of this machine */
    uint64_t written_ns; /* this attempt */
};

/* MARK_BYTES, no NUL behind them. */
void mark_write(const struct mark *mark, uint8_t text[static MARK_BYTES]);
/* The first sound mark of `run` in the bytes into `*mark`. Returns where it stands, or NULL. */
const uint8_t *mark_find(const uint8_t *bytes, size_t len, uint64_t run, struct mark *mark);

#endif

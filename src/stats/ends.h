/*
 * stats/ends.h - open streams that ended though nobody asked for it, one row each: a sample that
 * stays fair however many there are. How many ended in all is METRIC_SSE_DISCONNECTS.
 *
 * Priority sampling (Duffield, Lund, Thorup: "Priority sampling for estimation of arbitrary subset
 * sums", 2007): a row's priority is its weight over a random number in (0, 1], the highest stay,
 * and of these each stands for as many ends as the highest priority that went, or its own weight if
 * that is more. So samples of workers and seconds merge into a sample of the run, of one size. The
 * random numbers begin the same in each new sample: the same rows in the same order leave the same
 * sample.
 */
#ifndef CICADA_STATS_ENDS_H
#define CICADA_STATS_ENDS_H

#include "base/error_class.h"

#include <stddef.h>
#include <stdint.h>

enum { ENDS_LIMIT = 2048 }; /* rows of a sample; about 100 kB */

struct end_row {
    double at_unix_ms; /* wall clock of the machine that held the stream */
    double weight;     /* ends that it stands for, at least 1 */
    size_t endpoint;   /* index in the same struct stats */
    uint32_t age_ms;   /* from its headers; stays at the largest */
    /* Since the last byte of the body, comments too; without one since the headers. */
    uint32_t silence_ms;
    uint32_t event_count; /* on this connection */
    enum error_class error_class;
};

struct ends;

/* The caller owns the result. */
struct ends *ends_new(void);
void ends_free(struct ends *ends);
/* Copies `row`, which may take the place of another or be left out. */
void ends_add(struct ends *ends, const struct end_row *row);
size_t ends_count(const struct ends *ends);
/* In no order; `weight` is what it stands for now. */
struct end_row ends_at(const struct ends *ends, size_t index);
/* No rows; memory is kept. */
void ends_clear(struct ends *ends);

#endif

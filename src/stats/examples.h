/*
 * stats/examples.h - what was wrong with events, and the first few of each kind as they came: fit
 * to be shown, a few kilobytes at most.
 */
#ifndef CICADA_STATS_EXAMPLES_H
#define CICADA_STATS_EXAMPLES_H

#include "base/excerpt.h"

#include <stdbool.h>
#include <stddef.h>

enum malformed {
    MALFORMED_NONE = 0,
    MALFORMED_UNKNOWN_FIELD, /* a block with a line that is no comment and no field */
    MALFORMED_INVALID_UTF8,  /* data or name */
    MALFORMED_JSON,          /* data that is none, though it should be (--expect-json) */
    MALFORMED_DATA,          /* without a value it should hold (--expect-data) */
    MALFORMED_TOO_LARGE,     /* a line or an event over the limit */
    MALFORMED_MISSING_EVENT, /* a stream that ended without an event it should bring */
    MALFORMED_COUNT
};

/* "kind:json": the tag of METRIC_SSE_MALFORMED. */
const char *malformed_tag(enum malformed kind);
/* "json". */
const char *malformed_name(enum malformed kind);

enum { EXAMPLES_A_KIND = 3 };

struct example {
    enum malformed kind;
    size_t endpoint; /* index in the same struct stats */
    double unix_ms;  /* wall clock */
    char text[EXCERPT_CAP_BYTES];
};

struct examples;

/* The caller owns the result. */
struct examples *examples_new(void);
void examples_free(struct examples *examples);
/* Have fewer than EXAMPLES_A_KIND of this kind ever been added, cleared ones included? */
bool examples_wants(const struct examples *examples, enum malformed kind);
/* Copies `row`; of one kind the earliest stay. */
void examples_add(struct examples *examples, const struct example *row);
size_t examples_count(const struct examples *examples);
/* By kind, then by time. Borrowed until the next change. */
const struct example *examples_at(const struct examples *examples, size_t index);
/* The rows go; kinds that had all of theirs want no more. */
void examples_clear(struct examples *examples);

#endif

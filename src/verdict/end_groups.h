/*
 * verdict/end_groups.h - streams that ended though nobody asked for it, put together by how they
 * ended, and what may have ended them: their silence, their age, or neither.
 *
 * From the sample of stats/ends.h. Whole answers to requests other than GET are left out, and so
 * are ends of our own making, such as --read-timeout.
 */
#ifndef CICADA_VERDICT_END_GROUPS_H
#define CICADA_VERDICT_END_GROUPS_H

#include "base/error_class.h"
#include "stats/run.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    END_GROUP_ROWS_MIN = 5,      /* fewer show no cause */
    END_GROUP_OUTLIVED_PCT = 5,  /* so many may have lived on, of those that ended */
    END_GROUP_SHORTEST_MS = 1000 /* no proxy's timeout is shorter */
};

enum end_cause {
    /* No age and no silence explains them, or the service planned them: whole answers that end
     * right behind an event. */
    END_CAUSE_NONE = 0,
    END_CAUSE_IDLE,   /* one silence, many ages, and hardly any stream outlived it */
    END_CAUSE_AGE,    /* one age, many silences, likewise */
    END_CAUSE_EITHER, /* one age and one silence */
    END_CAUSE_ONCE    /* one silence and many ages, but all at one moment, as in a restart */
};

/* p10 to p90 is what the middle eight of ten have. */
struct end_spread {
    double p10, p50, p90;
};

struct end_group {
    size_t endpoint; /* STATS_NO_ENDPOINT: several */
    enum error_class error_class;
    size_t row_count; /* of the sample */
    double count;     /* streams that these stand for */
    struct end_spread at_unix_ms, age_ms, silence_ms, event_count;
    uint64_t older_count;   /* streams that lived longer than these */
    uint64_t quieter_count; /* event gaps and streams still open that were silent for longer */
    enum end_cause cause;
};

struct end_span {
    double from_unix_ms, to_unix_ms;
};

struct end_spans {
    const struct end_span *items;
    size_t count;
};

/*
 * Without the ends within `left_out`. One group an error class where all endpoints together show a
 * cause, else one an endpoint and class; the largest first. The caller frees the result, which is
 * NULL when there are none.
 */
struct end_group *end_groups_new(const struct run *run, const struct end_spans *left_out,
                                 size_t *result_count);
/*
 * Ends of all classes and endpoints within a span of the wall clock, without a cause. False: the
 * sample has none.
 */
bool end_group_between(const struct run *run, double from_unix_ms, double to_unix_ms,
                       struct end_group *group);
/* Within 10 % of their median, or within a second where that is no more than a quarter of it. */
bool end_spread_is_one(const struct end_spread *spread);
/* Did streams end at one moment, as in a restart, whose ages differ by far more than that took? */
bool end_group_is_one_moment(const struct end_group *group);

#endif

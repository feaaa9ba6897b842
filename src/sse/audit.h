/*
 * sse/audit.h - the sequence audit of one stream: which events were missed, came twice or out of
 * order, by their ids. Fixed memory, no clock, no I/O.
 *
 * How ids are judged follows the endpoint's order (sse/order.h). Dense: gaps, inside a window of 64
 * numbers whose late ones are reorders. Sparse: order, and repeats among the last 8. None: repeats
 * among the last 8. Where the order is still unknown, numbers are judged as if they were dense; who
 * asks decides what that is worth once it is known.
 *
 * An id that comes again with something else in its event is no repeat where that can be told: a
 * time, the number of a transaction or of a thing may stand on several events.
 *
 * The first and the last event of a stream are not missed: nothing shows that there were others
 * before or behind them. A stream that reconnects with Last-Event-ID goes on; what went wrong
 * between its last number before and its first new one behind counts as AUDIT_RESUME.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_SSE_AUDIT_H
#define CICADA_SSE_AUDIT_H

#include "sse/event_id.h"
#include "sse/order.h"
#include "sse/window.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AUDIT_RECENT_COUNT = 8 };

enum audit_where { AUDIT_STREAM = 0, AUDIT_RESUME, AUDIT_WHERE_COUNT };

/* What was found; of a stream, or added up over those of an endpoint. */
struct audit_tally {
    uint64_t received; /* ids judged, repeated ones too */
    uint64_t missed[AUDIT_WHERE_COUNT];
    uint64_t duplicates[AUDIT_WHERE_COUNT];
    uint64_t doubtful; /* of the duplicates on the stream: an old number came again while nothing
                          showed that numbers are given once */
    uint64_t reordered[AUDIT_WHERE_COUNT];
    uint64_t resets;    /* the numbers began anew */
    uint64_t resumes;   /* with Last-Event-ID, behind which a new event came */
    uint64_t inclusive; /* of the resumes: those that repeated exactly the event of that ID */
};

/* The numbers from `from` to `to` did not come and will not come any more. */
typedef void (*audit_hole_fn)(void *ctx, uint64_t from, uint64_t to, enum audit_where where);

/* Where the findings go. All is borrowed for the call. */
struct audit_sink {
    struct order *order;
    struct audit_tally *tally; /* its `missed` is left alone: that is for `on_hole` */
    audit_hole_fn on_hole;
    void *ctx;
};

struct audit_numbers {
    struct window window;
    uint64_t group;                    /* of the ids (struct event_id) */
    uint64_t run_first, run_last;      /* a run of numbers from before: repeats, or a new start */
    uint64_t seam_before, seam_behind; /* last number before a resume, first new one behind it */
    struct order_evidence evidence;
    uint32_t run_count; /* 0: no such run is on */
    uint32_t content;   /* of the latest event with the highest number: a part of its hash; 0: it
                           had none */
};

struct audit_recent {
    uint64_t group, number;              /* the highest id, where there is an order */
    uint64_t hashes[AUDIT_RECENT_COUNT]; /* of whole ids, a ring */
};

/* Embedded by value; zero has seen nothing. Callers do not touch the fields. */
struct audit {
    union {
        struct audit_numbers numbers;
        struct audit_recent recent;
    };
    uint8_t mode;          /* enum audit_mode in audit.c */
    uint8_t shape;         /* enum event_id_shape */
    uint8_t recent_filled; /* of the ring */
    uint8_t recent_at;
    uint8_t repeat_count;    /* since the last resume, up to 2 */
    bool is_behind_seam : 1; /* no new event since the last resume */
    bool has_seam : 1;       /* the seam's numbers count */
    bool has_hole : 1;       /* something was missed */
    bool repeats_last : 1;   /* the latest repeat was the last event before the resume */
};

_Static_assert(sizeof(struct audit) <= 96, "exists once a stream");

struct audit_id {
    const uint8_t *text; /* not empty, borrowed for the call */
    size_t len;
    uint64_t content; /* a hash of the rest of its event */
    bool is_settled;  /* the connection is too old for numbers from before it to be a replay: they
                         mean that the sequence began anew */
};

/* The next event of the stream. False, and nothing is judged, for an id without a number where the
 * endpoint's ids have numbers. */
bool audit_add(struct audit *audit, const struct audit_sink *sink, const struct audit_id *id);
/* An id without an event: the stream goes on behind it, and what it passes over was not to come. */
void audit_move(struct audit *audit, const struct audit_sink *sink, const uint8_t *text,
                size_t len);
/* The stream reconnected: with Last-Event-ID it goes on, else it begins anew. */
void audit_reconnect(struct audit *audit, const struct audit_sink *sink, bool is_resumed);
/* The stream is over for good: all that is open is decided, and `audit` has seen nothing. On a copy
 * it tells what would be found if the stream ended now. */
void audit_end(struct audit *audit, const struct audit_sink *sink);
/* Within `on_hole`: the group of the ids with those numbers (struct event_id). */
uint64_t audit_group(const struct audit *audit);

#endif

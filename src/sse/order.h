/*
 * sse/order.h - which order the ids of an endpoint have, learned from what its streams see. Pure.
 *
 * Dense ids count every event, so that a gap is a loss; sparse ones rise and leave out numbers
 * (times, snowflakes, the ids of a filtered feed); the rest has no order. A wrong "dense" would
 * report losses that are none, so it takes proof: on one stream, more numbers must follow on their
 * predecessor than a filter that lets half of a dense sequence pass would bring about in one of a
 * million runs, and on all streams together four in five must. One stream alone counts as proof
 * because streams of one feed are copies of each other: a thousand of them prove no more than one.
 */
#ifndef CICADA_SSE_ORDER_H
#define CICADA_SSE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

enum order_kind {
    ORDER_UNKNOWN = 0,
    ORDER_DENSE,
    ORDER_DECLARED, /* dense, because the user says so */
    ORDER_SPARSE,
    ORDER_NONE
};

/* Different numbers seen, but for the first; of them, those whose predecessor was seen too. */
struct order_evidence {
    uint32_t steps, linked;
};

/* Of an endpoint; zero is unknown, else `kind` is set to ORDER_DECLARED at the start. */
struct order {
    enum order_kind kind;
    struct order_evidence frontier; /* of numbers above all before them */
    uint64_t highest;               /* the frontier */
    uint64_t steps, linked;         /* of all streams */
    uint64_t backward;              /* of the steps */
    uint64_t times;                 /* ids with a time in front: sparse by their look */
    uint64_t texts;                 /* ids without a number, or with a prefix of their own */
};

/* "dense", "declared", "sparse", "none", "unknown". */
const char *order_name(enum order_kind kind);
/* Dense or declared: gaps are losses. */
bool order_is_dense(enum order_kind kind);

/* A number that its stream has not seen before, and that is not its first. */
struct order_step {
    uint64_t number;
    bool is_linked;   /* its predecessor was seen */
    bool is_backward; /* higher ones were */
};
/* `stream` is the evidence of one stream. Decides when it can; a decision is never changed. */
void order_add(struct order *order, struct order_evidence *stream, const struct order_step *step);
/* A number that came late turned out to be the predecessor of one counted before. */
void order_link(struct order *order, struct order_evidence *stream);
void order_add_text(struct order *order);
/* `is_backward`: higher ones have come, and this one has not. */
void order_add_time(struct order *order, bool is_backward);
/* The run is over: decides on less, but never for losses that less cannot prove. */
void order_conclude(struct order *order);

#endif

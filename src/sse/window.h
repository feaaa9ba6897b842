/*
 * sse/window.h - which numbers of a sequence without gaps one stream has seen: all below a window
 * of 64 are decided, those in it may still come late. Pure, fixed memory, no clock.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_SSE_WINDOW_H
#define CICADA_SSE_WINDOW_H

#include <stdint.h>

enum { WINDOW_SPAN = 64, WINDOW_JUMP_LIMIT = 1000000 };

enum window_finding {
    WINDOW_NONE = 0,
    WINDOW_FIRST,    /* the first number of an empty window */
    WINDOW_NEXT,     /* one above the highest */
    WINDOW_GAP,      /* above that; what lies between is open until it leaves the window */
    WINDOW_LATE,     /* inside the window, not seen before: out of order */
    WINDOW_REPEATED, /* inside the window, seen before */
    WINDOW_BEHIND,   /* older than the window; nothing changed */
    WINDOW_JUMP      /* more than WINDOW_JUMP_LIMIT above the highest; nothing changed */
};

/* Embedded by value, zero is empty; callers read it and leave changes to the functions below. */
struct window {
    uint64_t first;   /* where it began; what lies below is never missed */
    uint64_t highest; /* seen so far */
    uint64_t seen;    /* bit i: `highest` - i was seen; 0 while the window is empty */
};

_Static_assert(sizeof(struct window) <= 32, "exists several times a stream");

/* The numbers from `from` to `to`, both included, were not seen and have left the window. Ranges
 * come in rising order, each number once; neighbouring ones may come apart. */
typedef void (*window_hole_fn)(void *ctx, uint64_t from, uint64_t to);

/* `on_hole` may be NULL. */
enum window_finding window_add(struct window *window, uint64_t number, window_hole_fn on_hole,
                               void *ctx);
/* All that is still unseen between the first and the highest number are holes, told now; none of
 * them can come late any more. */
void window_settle(struct window *window, window_hole_fn on_hole, void *ctx);
/* The same, and then it is empty. */
void window_close(struct window *window, window_hole_fn on_hole, void *ctx);

#endif

/*
 * load/mark_audit.h - which of the messages that cicada itself published one stream got: missed
 * ones, repeated ones, and how long each took.
 *
 * A stream is held to what was accepted between the first message that was published while it was
 * open and the last one that it got, so one that gets none at all (another topic) misses none. What
 * was published before it opened is history that a service may send or not. Nobody is excused: the
 * publisher knows that each of these numbers was accepted. Those that were still under way when the
 * last mark was written are spared at the stream's end.
 *
 * Another attempt at the same number is no repetition, as the one before may have been taken though
 * its answer was lost. Of attempts past the second, and of messages older than WINDOW_SPAN others,
 * repetitions are counted only where there is no doubt.
 */
#ifndef CICADA_LOAD_MARK_AUDIT_H
#define CICADA_LOAD_MARK_AUDIT_H

#include "load/mark.h"
#include "sse/window.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stat_set;

enum { MARK_AUDIT_ATTEMPTS = 2 }; /* told apart */

/* Embedded; zero is a stream that has got nothing. Only for streams of a run that publishes. */
struct mark_audit {
    struct window window;
    uint64_t attempts[MARK_AUDIT_ATTEMPTS]; /* bit i: `window.highest` - i came by this attempt */
    uint64_t across;      /* bit i: `window.highest` - i lies between two connections */
    uint64_t settled;     /* the largest that a mark stated */
    bool is_resuming : 1; /* nothing new has come on this connection yet */
    bool has_holes : 1;
    bool has_retries : 1;
};

_Static_assert(sizeof(struct mark_audit) <= 64, "exists once a stream of a run that publishes");

/* A connection of the stream is open. Without `is_resumed`, what passed while it was away is
 * nobody's loss. */
void mark_audit_open(struct mark_audit *audit, bool is_resumed, struct stat_set *set);
/* An event's data, with any number of marks of `run`; `opened_ns` is when the connection opened. */
void mark_audit_event(struct mark_audit *audit, uint64_t run, const uint8_t *data, size_t len,
                      uint64_t opened_ns, uint64_t now_ns, struct stat_set *set);
/* The stream is over for good; it may begin anew. */
void mark_audit_close(struct mark_audit *audit, struct stat_set *set);

#endif

/*
 * sse/peer_log.h - events that several parties should all get, in the order in which the first of
 * them got each: every event has a position, and who goes from one position to a later one has been
 * given everything between, or has missed it. Parties are streams (sse/peers) or worker processes
 * (fleet/peers). Positions instead of times: ADR 8.
 *
 * Who may say that an event is new? Somebody *in sync*, whose events so far stand in the log; and
 * anybody while no one is. The rest are told nothing and accused of nothing:
 * - a newcomer gets in sync with the first event of its own that entered after it came. What stood
 *   in the log before is history to it;
 * - the newcomer that gets an event before all others cannot enter it, and is remembered to have
 *   got it: once another one has entered it, both are in sync;
 * - who was given history, or several events that nobody knows while others know later ones, begins
 *   in doubt: for PEER_LOG_DOUBT_NS what enters is expected of others alone. Snapshots leave gaps;
 * - who falls behind the oldest event of the log is a newcomer again;
 * - when PEER_LOG_REFUSED_LIMIT events in a row came to newcomers alone, those in sync are dead or
 *   silent, and everybody begins anew.
 * So replays of old history never look new to anyone.
 *
 * Pure: no clock, no I/O. Memory grows to what is in use, up to a limit.
 */
#ifndef CICADA_SSE_PEER_LOG_H
#define CICADA_SSE_PEER_LOG_H

#include "sse/peer_digest.h"
#include "sse/window.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PEER_LOG_KEPT = 1024,   /* events kept for those that lag, whatever becomes of them */
    PEER_LOG_LIMIT = 32768, /* events that are still wanted beyond that; the oldest leaves then */
    PEER_LOG_REFUSED_LIMIT = 1024
};

static const uint64_t PEER_LOG_DOUBT_NS = 5000000000;

struct peer_seat;
struct peer_share;

struct peer_event {
    uint64_t hash;
    uint64_t number; /* in a sequence without gaps; PEER_NO_NUMBER: none */
    uint64_t first_ns, last_ns;
    uint64_t changed_ns;              /* the latest change of a count */
    uint32_t kind;                    /* events that look alike */
    uint32_t got;                     /* parties that got it */
    uint32_t missing, missing_resume; /* that did not: while open; while they were away */
    uint32_t started, resumed; /* of those that got it: it was their first; the first since */
    /* What its owner has passed on or judged already, and taken out of the counts above. */
    uint32_t got_before, missing_before, missing_resume_before;
    uint32_t present; /* its owner's: parties that may have got it, whatever became of them */
    uint32_t next;    /* private: in the chain of its hash */
    struct peer_seat *entered_by; /* its owner's: who has it beyond its window */
    struct peer_share *shares;    /* its owner's, who frees it when the event leaves; NULL: none */
    bool is_told;                 /* its owner's: it has been passed on or judged once */
    bool is_repeated;             /* its owner's: somebody got it twice, apart */
    bool is_replay;               /* its owner's: its first receipt may have been one */
};

/* What a party is to a log. Zero is one that has not come. */
struct peer_seat {
    struct window window; /* in sync: positions it got; else `highest` is where the log stood */
    uint64_t mark; /* newcomer: how many of its events nobody knows yet; else, when it began in
                      doubt, until when, and its owner's when not */
    uint32_t epoch;
    uint16_t owed; /* its owner's; 0 when it begins anew and when it gets in sync */
    bool is_synced;
    bool is_doubtful : 1; /* newcomer: it was given history; else: it began in doubt */
    bool is_away : 1;     /* its owner's */
    bool is_strange : 1;  /* its owner's; stays when it gets in sync */
    bool has_entered : 1; /* its owner's, likewise: some event is `entered_by` it */
};

_Static_assert(sizeof(struct peer_seat) <= 40, "exists once a stream");

struct peer_log;

/* `is_wanted` says whether an event must not leave yet, `on_leave` is told of each that leaves. */
struct peer_log_config {
    bool (*is_wanted)(void *ctx, const struct peer_event *event, uint64_t now_ns);
    void (*on_leave)(void *ctx, struct peer_event *event, uint64_t position);
    void *ctx;
};

/* The caller owns the result. */
struct peer_log *peer_log_new(const struct peer_log_config *config);
/* Tells nobody. */
void peer_log_free(struct peer_log *log);
/* Positions from `first` to `end` - 1 are there. */
uint64_t peer_log_first(const struct peer_log *log);
uint64_t peer_log_end(const struct peer_log *log);
/* NULL: gone. Borrowed until the next peer_log_place. */
struct peer_event *peer_log_at(const struct peer_log *log, uint64_t position);

/* False: no event with this hash is there. */
bool peer_log_find(const struct peer_log *log, uint64_t hash, uint64_t *position);

/* A party comes: a newcomer, whatever it was before. */
void peer_log_sit(struct peer_log *log, struct peer_seat *seat);
/* Its window counts. */
bool peer_log_has(const struct peer_log *log, const struct peer_seat *seat);
/* The event is expected of a party in sync. */
static inline bool peer_seat_expects(const struct peer_seat *seat, const struct peer_event *event)
{
    return !seat->is_doubtful || event->first_ns >= seat->mark;
}
/* Parties that may have got the event, and neither did nor are known to have missed it. */
uint32_t peer_event_unknown(const struct peer_event *event);
/* It goes. */
void peer_log_rise(struct peer_log *log, struct peer_seat *seat);

enum peer_place {
    PEER_NOWHERE = 0, /* from a newcomer, or of no meaning to it */
    PEER_STARTS,      /* `position` is where the party's part in the log begins */
    PEER_GOES_ON
};

/*
 * A party got the event with this hash. A new one enters with its hash, times of `now_ns`, no
 * number and nothing counted. The caller moves the window of a party that goes on; that of one
 * that starts holds the start already.
 */
enum peer_place peer_log_place(struct peer_log *log, struct peer_seat *seat, uint64_t hash,
                               uint64_t now_ns, uint64_t *position);
/*
 * A party that had got the event before it entered, as a newcomer: call it behind peer_log_place,
 * until it gives NULL. It is in sync now, and starts there when its window holds nothing else; else
 * the caller moves its window. The event's first receipt becomes the earlier one.
 */
struct peer_seat *peer_log_take_waiting(struct peer_log *log, uint64_t position);

#endif

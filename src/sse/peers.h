/*
 * sse/peers.h - what streams with the same request got, within one process: which of them got an
 * event that others did not, whatever ids look like. The streams of one key stand in a peer_log;
 * an event left unset behind a stream's window of positions is missed by it, and so is one unset
 * when the stream ends, unless it first came to anyone within the last PEERS_PATIENCE_NS: order
 * among servers is not the same. Before its first and behind its last event a stream misses
 * nothing.
 *
 * - Resumed with Last-Event-ID, a stream goes on: what is unset between its last event before and
 *   the first new one after is missed on resume. Without that header it comes anew.
 * - An event that comes behind the window takes the accusation back, while that is not told yet:
 *   it is told once nothing about the event has changed for PEERS_QUIET_NS.
 * - How long an event took from its first receipt to its last is told of live ones: not of those
 *   that first came to a stream opened less than PEERS_PATIENCE_NS before, nor of receipts of what
 *   others had before the connection was opened.
 * - An event without an id that a stream gets twice, apart, is marked: its like may be made for
 *   each stream anew.
 * - Of more than PEER_KEY_LIMIT keys those with the smallest values are followed, in every process
 *   alike.
 *
 * Nothing is judged here. Each report tells, event by event, how many streams got it and how many
 * should have; the controller adds the processes up (fleet/peers).
 *
 * Pure: no I/O, the clock is a parameter. Runs on: the worker's loop.
 */
#ifndef CICADA_SSE_PEERS_H
#define CICADA_SSE_PEERS_H

#include "sse/peer_digest.h"
#include "sse/peer_log.h"

#include <stdbool.h>
#include <stdint.h>

enum { PEERS_STRANGE_MIN = 64, PEERS_ASK_LIMIT = 4096 };

static const uint64_t PEERS_QUIET_NS = 5000000000, PEERS_PATIENCE_NS = 1000000000,
                      PEERS_LAG_NS = 20000000000; /* an event is kept for streams that lag */

struct peers;
struct peers_key;
struct sse_event;

/* Embedded once a stream; zero is one that is in no key. */
struct peers_stream {
    struct peers_key *key; /* NULL: its events are compared with nobody's */
    struct peer_seat seat;
};

_Static_assert(sizeof(struct peers_stream) <= 48, "exists once a stream");

/* The caller owns the result. */
struct peers *peers_new(void);
/* The whole run is in this process: a stream alone in its key is nobody's peer, and costs next to
 * nothing. */
void peers_set_only(struct peers *peers);
/* After the last stream has left. */
void peers_free(struct peers *peers);

/* The request of a stream and its endpoint, whose texts are borrowed for the life of `peers`. */
struct peers_request {
    uint64_t key;
    const char *method, *name;
};
/*
 * A connection of the stream was opened; `is_resumed`: it asked to go on behind its last event.
 * False: it is compared with nobody, because too many different requests are open. A stream that
 * goes on keeps its key: cookies and tokens that it was given meanwhile make no other one of it.
 */
bool peers_open(struct peers *peers, struct peers_stream *stream,
                const struct peers_request *request, bool is_resumed, uint64_t now_ns);
/* The stream is over for good, at the time last heard of. No-op for one that is in no key. False:
 * it got PEERS_STRANGE_MIN events or more, and none that others of its key got at the same time. */
bool peers_end(struct peers *peers, struct peers_stream *stream);

/* One event of a stream whose connection was opened at `opened_ns`; `number` is its place in a
 * sequence without gaps, PEER_NO_NUMBER without one. */
void peers_event(struct peers *peers, struct peers_stream *stream, const struct sse_event *event,
                 uint64_t number, uint64_t opened_ns, uint64_t now_ns);

/* The key of a stream; 0: it is in none. */
uint64_t peers_key_of(const struct peers_stream *stream);
/* No other stream of this process has its key now. */
bool peers_is_alone(const struct peers_stream *stream);

/* Numbers of a sequence without gaps that a stream did not get. */
struct peers_numbers {
    uint64_t key; /* of the stream */
    uint64_t from, count;
    bool on_resume; /* it was away */
    uint32_t wave;  /* since when, as told with the number (struct peer_hole) */
    bool is_alone;  /* as peers_is_alone said when they were found */
    /* Filled in. */
    uint64_t missed;  /* another stream got it, or no other could have */
    uint64_t skipped; /* nobody here got it, and there is no room to ask */
};
/*
 * Decides what can be decided here. The other numbers are told with the next report, and counted by
 * the controller; PEERS_ASK_LIMIT at most of one call.
 */
void peers_ask(struct peers *peers, struct peers_numbers *numbers);

/* What is to be told now; borrowed until the next call of peers_told, which must follow once it
 * has been sent. `is_last`: all there is. */
const struct peer_digest *peers_digest(struct peers *peers, bool is_last, uint64_t now_ns);
void peers_told(struct peers *peers);

#endif

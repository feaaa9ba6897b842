/*
 * demo/disturb.h - what faults do to open streams: events lost, doubled, swapped and broken,
 * streams that clump, stall and end. State exists only for streams that a fault looks at.
 *
 * Counters say what a client can see, so that an audit of the client's side can be held against
 * them to the last event:
 * - An event has one fault at most. Spared are a stream's first event (or the first after faults
 *   were switched on: what is lost in front of it nobody could know) and the last one of a stream
 *   with a count. An event is held back only when another follows, and that one is spared too.
 * - A loss counts once a later event of its stream has gone out: what is lost at the very end of a
 *   stream is no gap, and comes when the client resumes. So do events that no-replay withholds.
 * - An event held back when its stream ends is forgotten: a resume brings it. A stream does not end
 *   right behind a swap, whose later number a resume would bring twice: the event that follows the
 *   swap is spared then.
 * - Before a stream is cut, what it holds back goes out. A drop falls silent 50 ms before the reset
 *   (half its age where that is shorter), which would take along what the client has not read.
 * - A stream that resumes is another stream: replayed events have fates of their own.
 * - Clumps and stalls hold at most DISTURB_HELD_LIMIT_BYTES a stream; past that they let go early.
 */
#ifndef CICADA_DEMO_DISTURB_H
#define CICADA_DEMO_DISTURB_H

#include "http/server.h"

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct feeds;
struct pool;
struct subscriber;

enum { DISTURB_HELD_LIMIT_BYTES = 512 * 1024 };

/* For the state of streams; the caller owns it. */
struct pool *disturb_pool_new(void);
/* Takes up faults that were changed, for every open stream. One comparison when none were. */
void disturb_sync(struct feeds *feeds, uint64_t now_ns);
/* A stream begins: gives it its state when some fault asks for it. */
void disturb_begin(struct subscriber *subscriber, uint64_t serial, uint64_t now_ns);
/* The stream is gone: frees its state. Does nothing without one. */
void disturb_end(struct subscriber *subscriber);

/* `count` events that the client asked for are not replayed. */
void disturb_withhold(struct subscriber *subscriber, uint64_t count);
/* Event `seq` as the stream gets it, to the end of `out`; `is_spared`: as it is. How many blocks.
 */
uint64_t disturb_append(struct subscriber *subscriber, struct buf *out, uint64_t seq,
                        bool is_spared);
/* What disturb_append made was written. */
void disturb_commit(struct subscriber *subscriber, uint64_t now_ns);
/* Event `seq`, formatted in `chunk`, happens: sends what the stream gets, now or later. */
void disturb_event(struct subscriber *subscriber, const struct http_chunk *chunk, uint64_t seq,
                   uint64_t now_ns);
/* False while the stream stalls. Otherwise the heartbeat counts as something sent. */
bool disturb_heartbeat(struct subscriber *subscriber, uint64_t now_ns);

#endif

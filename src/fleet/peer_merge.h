/*
 * fleet/peer_merge.h - what streams with the same request got, over all worker processes: their
 * reports (sse/peer_digest.h) are put together, and here it is judged which event was missed.
 *
 * A process is to the log of a key what a stream is to that of its process (sse/peer_log.h): what
 * it passed by without telling of it was missed by all of its streams that were in sync before and
 * behind. An event is judged once every process with the key has told all that it got until
 * PEERS_QUIET_NS after the event's last receipt, or with the last digests, or when it leaves the
 * log.
 *
 * No false alarm:
 * - An event counts as meant for all when at least two streams got it, and more than all others
 *   that were there when it came, but those known to have been away. It is `sse_unshared`, made for
 *   some or not passed on among servers, when that cannot become true any more. Until either is
 *   certain nothing is counted; at the end the rest is `sse_peer_undecided`.
 * - A process that told nothing of an event passed it by once it has told of a later one that is
 *   meant for all, and PEERS_QUIET_NS of its own time have gone by.
 * - Events of a kind (the same name, all with ids; or without, and alike in how their data begins)
 *   are judged once PEER_MERGE_KIND_MIN different ones of the kind are known, and while few of them
 *   are odd, which is unshared, or come to a stream again. Heartbeats and clocks of each connection
 *   are of such kinds. Few is one event in PEER_MERGE_ODD_SHARE. Where they have ids, which are
 *   hardly ever made for each connection, it is one receipt in PEER_MERGE_ODD_ID_SHARE: an event
 *   that reached one stream broken is another event to all, and odd.
 * - A number of a sequence without gaps that a stream did not get (sse/audit) was missed if any
 *   stream got it. If none is known to: skipped, when two streams or more were open through it, or
 *   the sequence is known to leave numbers out; else missed (peer_asked.h).
 *
 * Pure: no clock, no I/O. Runs on: the controller.
 */
#ifndef CICADA_FLEET_PEER_MERGE_H
#define CICADA_FLEET_PEER_MERGE_H

#include "sse/peer_digest.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    PEER_MERGE_KEY_LIMIT = 1024, /* keys of all processes together; others are not looked at */
    PEER_MERGE_KIND_LIMIT = 16,  /* kinds of a key; the rest are one */
    PEER_MERGE_KIND_MIN = 8,
    PEER_MERGE_ODD_SHARE = 32,
    PEER_MERGE_ODD_ID_SHARE = 4,
    PEER_MERGE_ASKED_LIMIT =
        65536 /* numbers of a key that wait for judgement; others are dropped */
};

struct peer_merge;
struct stats;

/* The caller owns the result. */
struct peer_merge *peer_merge_new(size_t worker_count);
void peer_merge_free(struct peer_merge *merge);
/* Nothing is counted of events that came first before `from_ns`. */
void peer_merge_begin(struct peer_merge *merge, uint64_t from_ns);
/* A worker's next digest. Keys that it had before and that are not in it are gone. */
void peer_merge_add(struct peer_merge *merge, size_t worker, const struct peer_digest *digest);
/* Nothing more comes from this worker. */
void peer_merge_lose(struct peer_merge *merge, size_t worker);
/* Judges what can be judged, at the end (`is_last`) all that is left. Gives what was found since
 * the caller last cleared it: merge it, then stats_clear. Borrowed. */
struct stats *peer_merge_judge(struct peer_merge *merge, bool is_last);

#endif

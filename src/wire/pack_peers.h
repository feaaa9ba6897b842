/*
 * wire/pack_peers.h - what a process tells of events that its streams had in common, as msgpack.
 *
 *     two fields: now, [report…]
 *     report:     [key, method, name, since, told, streams, missed, is gone, has gap, [row…],
 * [hole…]] row:        hash, number + 1 or 0, age, spread, kind, got, missing, missing on resume,
 *                 started, resumed, marks             each a member of the one array
 *     hole:       number, steady, alone, resume       likewise
 *
 * `age` is from the first receipt to now, `spread` from the first to the last; both in ns.
 */
#ifndef CICADA_WIRE_PACK_PEERS_H
#define CICADA_WIRE_PACK_PEERS_H

#include "sse/peer_digest.h"
#include "wire/pack.h"

void pack_peers(struct buf *out, const struct peer_digest *digest);
/* Fills `digest`, which is empty and the caller's to end in any case; `unpack` failed when the
 * bytes break any rule. */
void unpack_peers(struct unpack *unpack, struct peer_digest *digest);

#endif

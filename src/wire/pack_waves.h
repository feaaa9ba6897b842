/*
 * wire/pack_waves.h - waves (stats/waves.h) as msgpack.
 *
 *     waves: [wave…]
 *     wave:  [key, lost, first, last, attempts, gave up, asked to wait, waited, missed, duplicates,
 *             [class, count…] causes, [class, count…] failures, [status, count…],
 *             [bin, count…], null or [trend]]
 *
 * `first` and `last` are 0 where nothing was lost; bins come in rising order, each as the step from
 * the one before; a trend is as wire/pack_trend.h says. What the run sets does not travel.
 */
#ifndef CICADA_WIRE_PACK_WAVES_H
#define CICADA_WIRE_PACK_WAVES_H

#include "stats/waves.h"
#include "wire/pack.h"

void pack_waves(struct buf *out, const struct waves *waves);
/* Adds to `waves`, which are empty; `unpack` fails when the bytes break any rule above. */
void unpack_waves(struct unpack *unpack, struct waves *waves);

#endif

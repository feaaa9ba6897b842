/*
 * wire/pack_stats.h - a delta of statistics as msgpack.
 *
 *     statistics: [worker set, [[method, name, set]…], [error…], [example…], [end…],
 *                  waves, rows]
 *     set:        [[metric, tag or null, count]                                      a counter
 *                  [metric, tag or null, passes, fails]                              a rate
 *                  [metric, tag or null, overflow, sum, min, max, [step, count…]]…]  a trend
 *     error:      [class, endpoint index or null, count, first, last, message]
 *     example:    [kind, endpoint index, time, text]
 *     end:        [time, weight, endpoint index, age, silence, events, class]
 *
 * `waves` are as wire/pack_waves.h says. `rows` (wire/pack_rows.h) is there when a script counted
 * something. Only what is not zero travels; gauges never do, they belong to one worker. A trend's
 * buckets come in rising order, each as the step from the one before.
 */
#ifndef CICADA_WIRE_PACK_STATS_H
#define CICADA_WIRE_PACK_STATS_H

#include "stats/stats.h"
#include "wire/pack.h"

void pack_stats(struct buf *out, const struct stats *stats);
/* The caller owns the result; NULL, with `unpack` failed, when the bytes break any rule above. */
struct stats *unpack_stats(struct unpack *unpack);

#endif

/*
 * wire/pack_trend.h - a histogram as five msgpack values: overflow, sum, min, max, and an array of
 * buckets in rising order, each as the step from the one before and its count.
 */
#ifndef CICADA_WIRE_PACK_TREND_H
#define CICADA_WIRE_PACK_TREND_H

#include "stats/hist.h"
#include "wire/pack.h"

enum { PACK_TREND_VALUES = 5 };

void pack_trend(struct buf *out, const struct hist *trend);
/* Adds to `trend`, which is empty; `unpack` fails when the bytes break the rule above, are those of
 * an empty histogram, or when `trend` is NULL. */
void unpack_trend(struct unpack *unpack, struct hist *trend);

#endif

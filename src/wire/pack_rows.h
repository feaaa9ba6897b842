/*
 * wire/pack_rows.h - a delta of Locust's rows as msgpack.
 *
 *     rows:      [reset or null, [row…], [error…], [exception…]]
 *     row:       [type, name, requests, without a time, failures, total, min or null, max, content,
 *                 first, last, [bin, count, is real…], [second, requests, failures…]]
 *     error:     [type, name, text, count]
 *     exception: [message, traceback, count]
 *
 * `reset` is when the script had everything forgotten. Bins and seconds rise; each stands as the
 * step from the one before, the first bin as twice its size (one less than twice, without its sign,
 * below zero). Only what was counted travels, each row, error and traceback once.
 */
#ifndef CICADA_WIRE_PACK_ROWS_H
#define CICADA_WIRE_PACK_ROWS_H

#include "stats/rows.h"
#include "wire/pack.h"

void pack_rows(struct buf *out, const struct rows *rows);
/* Fills `rows`, which is empty; `unpack` failed when the bytes break any rule above. */
void unpack_rows(struct unpack *unpack, struct rows *rows);

#endif

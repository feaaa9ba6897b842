/*
 * stats/recent.h - one metric over the last seconds: a window that moves on by whole seconds.
 *
 * A second is kept as its counts or as the buckets in which it has samples, so that a window of
 * minutes costs what happened in it. No clock: the caller closes each second.
 */
#ifndef CICADA_STATS_RECENT_H
#define CICADA_STATS_RECENT_H

#include "stats/set.h"

#include <stdint.h>

struct recent;

/* A window of `seconds` >= 1. The caller owns the result. */
struct recent *recent_new(enum metric metric, uint32_t seconds);
void recent_free(struct recent *recent);
/*
 * Adds what `set` has of the metric under `tag` (NULL: the whole) to the second under way. Of a
 * gauge that is its value now.
 */
void recent_add(struct recent *recent, const struct stat_set *set, const char *tag);
/* Ends the second, which took `length_ns`; the one that is too old leaves the window. */
void recent_close_second(struct recent *recent, uint64_t length_ns);

/* Closed so far and still in the window: `seconds` of recent_new at most. */
uint32_t recent_seconds(const struct recent *recent);
/* How long these took. */
uint64_t recent_length_ns(const struct recent *recent);
/* The metric over them, without a tag. Borrowed until the next second is closed. */
const struct stat_set *recent_window(const struct recent *recent);

#endif

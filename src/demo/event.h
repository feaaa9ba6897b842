/*
 * demo/event.h - what the events of the demo service say. The content of event N of a feed follows
 * from the feed's key and N alone, so that every process tells the same story.
 */
#ifndef CICADA_DEMO_EVENT_H
#define CICADA_DEMO_EVENT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EVENT_SUBJECT_LIMIT_BYTES = 64,
    EVENT_LIMIT_BYTES = 256,
    EVENT_ID_LIMIT_BYTES = 40,
    EVENT_FILTER_MAX = 1000000
};

enum feed_kind { FEED_NONE = 0, FEED_EVENTS, FEED_NOTIFICATIONS, FEED_ORDER, FEED_ANALYTICS };

/* What stands in the `id:` line of event N. */
enum event_ids {
    EVENT_IDS_COUNT = 0, /* N */
    EVENT_IDS_REDIS,     /* "MS-0", MS its time: as of a Redis stream, in order but with gaps */
    EVENT_IDS_RANDOM,    /* as a UUID, the same on all streams of a feed */
    EVENT_IDS_NONE       /* no such line */
};

/* How a block is to be broken; its id and event lines stay whole. */
enum event_damage {
    EVENT_CUT_DATA,    /* the end of the data is missing: no JSON */
    EVENT_ODD_FIELD,   /* a line with a field that no event stream has; the data is whole */
    EVENT_SPOILED_DATA /* a byte that is not UTF-8 inside a text in the data */
};

/* When events happen, the same in all processes. */
struct event_clock {
    uint64_t epoch_ns;    /* monotonic */
    double epoch_unix_ms; /* the wall clock at that moment */
};

/* All that tells one timeline from another. */
struct feed_key {
    enum feed_kind kind;
    enum event_ids ids;
    uint32_t filter;         /* of N events about one goes out, by a hash; 0: all */
    uint32_t choice;         /* a bit a topic or channel asked for; 0 for the kinds without */
    uint32_t tenant, region; /* analytics: indices */
    uint64_t interval_ns;
    char subject[EVENT_SUBJECT_LIMIT_BYTES + 1]; /* the order's id, else "" */
};

/* Closed lists of names; each ends with NULL. */
extern const char *const event_topics[];
extern const char *const event_channels[];
extern const char *const event_tenants[];
extern const char *const event_regions[];
extern const char *const event_ids_names[]; /* in the order of enum event_ids */

/* The index of the `len` bytes at `name` in one of the lists, or -1. */
int event_find_name(const char *const *names, const char *name, size_t len);
/* A number that tells `key` from others, the same in every process. */
uint64_t event_key_hash(const struct feed_key *key);
/* Event `seq` goes out. */
bool event_passes(const struct feed_key *key, uint64_t seq);
/*
 * Appends event `seq` as a block of an event stream, at most EVENT_LIMIT_BYTES. `sent_ms` in it is
 * the time at which it happened.
 */
void event_append(struct buf *out, const struct feed_key *key, uint64_t seq,
                  const struct event_clock *clock);
/* The same block, broken. */
void event_append_damaged(struct buf *out, const struct feed_key *key, uint64_t seq,
                          const struct event_clock *clock, enum event_damage damage);
/*
 * The number behind an id of this feed, `len` bytes that a client sent back. False for an id that
 * no event of it can have, and for ids that have no order.
 */
bool event_find_seq(const struct feed_key *key, const struct event_clock *clock, const char *id,
                    size_t len, uint64_t *seq);

#endif

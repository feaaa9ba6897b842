/*
 * demo/event.h - what the events of the demo service say. The content of event N of a feed follows
 * from the feed's key and N alone, so that every process tells the same story.
 */
#ifndef CICADA_DEMO_EVENT_H
#define CICADA_DEMO_EVENT_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

enum { EVENT_SUBJECT_LIMIT_BYTES = 64, EVENT_LIMIT_BYTES = 256 };

enum feed_kind { FEED_NONE = 0, FEED_EVENTS, FEED_NOTIFICATIONS, FEED_ORDER, FEED_ANALYTICS };

/* All that tells one timeline from another. */
struct feed_key {
    enum feed_kind kind;
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

/* The index of the `len` bytes at `name` in one of the lists, or -1. */
int event_find_name(const char *const *names, const char *name, size_t len);
/* A number that tells `key` from others, the same in every process. */
uint64_t event_key_hash(const struct feed_key *key);
/* Appends event `seq` as a block of an event stream, at most EVENT_LIMIT_BYTES. */
void event_append(struct buf *out, const struct feed_key *key, uint64_t seq, double sent_ms);

#endif

/*
 * demo/subscriber.h - one open stream and the feed it hangs on. Private to feed.c and disturb.c.
 */
#ifndef CICADA_DEMO_SUBSCRIBER_H
#define CICADA_DEMO_SUBSCRIBER_H

#include "base/buf.h"
#include "base/list.h"
#include "demo/faults.h"
#include "demo/feed.h"
#include "demo/pending.h"
#include "net/timer.h"

#include <stdbool.h>
#include <stdint.h>

enum { FEED_BUCKET_COUNT = 4096 };

struct disturbed;

struct feed {
    struct list node; /* of its bucket */
    struct feeds *feeds;
    struct feed_key key;
    uint64_t next; /* the event that happens next */
    struct timer timer;
    struct list live;   /* subscribers that get events */
    struct list silent; /* those that had their count, or are about to be dropped */
};

static const uint32_t SUBSCRIBER_UNLIMITED = UINT32_MAX;

struct subscriber {
    struct pending pending;
    struct list node; /* of `live` or `silent` */
    struct timer heartbeat;
    struct http_request *request;
    struct feed *feed;
    struct disturbed *disturbed; /* owned; NULL: no fault looks at this stream */
    uint32_t left;               /* events of the feed it still gets; SUBSCRIBER_UNLIMITED */
    uint32_t begun_ms;           /* since the epoch, modulo 2^32: tells ages of up to 49 days */
};
_Static_assert(sizeof(struct subscriber) <= 88, "exists once per open stream");

struct feeds {
    struct loop *loop; /* borrowed */
    struct feeds_config config;
    struct counters *own; /* borrowed */
    struct pool *subscribers, *disturbed;
    struct buf event, framed; /* used again for every event */
    struct buf altered;       /* the same for what one stream gets instead */
    struct buf beat_framed;
    struct http_chunk beat;
    struct faults faults; /* in force here, as of `version` of the board */
    uint64_t version;
    bool disturbs;        /* some fault looks at streams: each has its `disturbed` */
    uint64_t serial;      /* of the latest request for a stream */
    struct list gathered; /* disturbed streams that hold bytes back */
    struct timer clump;   /* lets them go, where clump is on */
    struct timer lookout; /* for faults set in another process */
    struct list buckets[FEED_BUCKET_COUNT];
};

/* The stream is over for the feed: takes it out and frees it; the request is the caller's. */
void subscriber_release(struct subscriber *subscriber);

#endif

#include "demo/feed.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "net/loop.h"
#include "net/timer.h"
#include "sse/encoder.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKET_COUNT = 4096 };

static const char STREAM_HEADERS[] = "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n";

struct feed {
    struct list node; /* of its bucket */
    struct feeds *feeds;
    struct feed_key key;
    uint64_t next; /* the event that happens next */
    struct timer timer;
    struct list live;   /* subscribers that get events */
    struct list silent; /* those that had their count and get heartbeats alone */
};

struct subscriber {
    struct list node; /* of `live` or `silent` */
    struct timer heartbeat;
    struct http_request *request;
    struct feed *feed;
    uint64_t left; /* events it still gets */
};
_Static_assert(sizeof(struct subscriber) <= 80, "exists once per open stream");

struct feeds {
    struct loop *loop; /* borrowed */
    struct feeds_config config;
    struct counters *own; /* borrowed */
    struct pool *subscribers;
    struct buf event, framed; /* used again for every event */
    struct buf beat_framed;
    struct http_chunk beat;
    struct list buckets[BUCKET_COUNT];
};

static double happened_unix_ms(const struct feed *feed, uint64_t seq)
{
    return feed->feeds->config.epoch_unix_ms +
           (double)(seq * feed->key.interval_ns) / (double)CLOCK_NS_PER_MS;
}

/* How many events have happened. */
static uint64_t happened(const struct feed *feed, uint64_t now_ns)
{
    uint64_t epoch_ns = feed->feeds->config.epoch_ns;

    return now_ns > epoch_ns ? (now_ns - epoch_ns) / feed->key.interval_ns : 0;
}

static bool same_key(const struct feed_key *left, const struct feed_key *right)
{
    return left->kind == right->kind && left->choice == right->choice &&
           left->tenant == right->tenant && left->region == right->region &&
           left->interval_ns == right->interval_ns && strcmp(left->subject, right->subject) == 0;
}

static void on_heartbeat(struct timer *timer, uint64_t now_ns);

static void set_heartbeat(struct subscriber *subscriber, uint64_t now_ns)
{
    struct feeds *feeds = subscriber->feed->feeds;

    loop_set_timer(feeds->loop, &subscriber->heartbeat,
                   clock_add_ns(now_ns, feeds->config.heartbeat_ns), on_heartbeat);
}

static void on_heartbeat(struct timer *timer, uint64_t now_ns)
{
    struct subscriber *subscriber = CONTAINER_OF(timer, struct subscriber, heartbeat);
    struct feeds *feeds = subscriber->feed->feeds;

    http_send_chunk(subscriber->request, &feeds->beat);
    counters_add(feeds->own, COUNTER_HEARTBEATS_SENT, 1);
    set_heartbeat(subscriber, now_ns);
}

/* A live stream whose events come often enough is never silent. */
static void rest(struct subscriber *subscriber, uint64_t now_ns)
{
    struct feed *feed = subscriber->feed;

    if (subscriber->left == 0) {
        list_remove(&subscriber->node);
        list_append(&feed->silent, &subscriber->node);
    }
    if (subscriber->left == 0 || feed->key.interval_ns > feed->feeds->config.heartbeat_ns)
        set_heartbeat(subscriber, now_ns);
}

static void emit(struct feed *feed, uint64_t now_ns)
{
    struct feeds *feeds = feed->feeds;
    struct http_chunk chunk;
    int64_t sent = 0;

    buf_clear(&feeds->event);
    buf_clear(&feeds->framed);
    event_append(&feeds->event, &feed->key, feed->next, happened_unix_ms(feed, feed->next));
    http_frame_chunk(&feeds->framed, feeds->event.bytes, feeds->event.len, &chunk);
    for (struct list *node = feed->live.next, *after; node != &feed->live; node = after) {
        struct subscriber *subscriber = CONTAINER_OF(node, struct subscriber, node);

        after = node->next;
        http_send_chunk(subscriber->request, &chunk);
        if (subscriber->left != FEED_COUNT_UNLIMITED)
            subscriber->left--;
        rest(subscriber, now_ns);
        sent++;
    }
    counters_add(feeds->own, COUNTER_EVENTS_SENT, sent);
    feed->next++;
}

static void on_tick(struct timer *timer, uint64_t now_ns)
{
    struct feed *feed = CONTAINER_OF(timer, struct feed, timer);
    uint64_t last = happened(feed, now_ns);

    while (feed->next <= last)
        emit(feed, now_ns);
    loop_set_timer(feed->feeds->loop, timer,
                   clock_add_ns(feed->feeds->config.epoch_ns, feed->next * feed->key.interval_ns),
                   on_tick);
}

static struct feed *find_or_begin(struct feeds *feeds, const struct feed_key *key, uint64_t now_ns)
{
    struct list *bucket = &feeds->buckets[event_key_hash(key) % BUCKET_COUNT];
    struct feed *feed;

    for (struct list *node = bucket->next; node != bucket; node = node->next) {
        feed = CONTAINER_OF(node, struct feed, node);
        if (same_key(&feed->key, key))
            return feed;
    }
    feed = x_calloc(1, sizeof *feed);
    feed->feeds = feeds;
    feed->key = *key;
    feed->next = happened(feed, now_ns) + 1;
    list_init(&feed->live);
    list_init(&feed->silent);
    list_append(bucket, &feed->node);
    return feed;
}

static void end_feed(struct feed *feed)
{
    loop_cancel_timer(feed->feeds->loop, &feed->timer);
    list_remove(&feed->node);
    free(feed);
}

/* Appends what the client missed; nothing for an id that was never sent. Returns how many. */
static uint64_t append_replay(struct buf *out, const struct feed *feed,
                              const struct feed_request *wish)
{
    uint64_t last = feed->next - 1, first = wish->last_id + 1, count = 0;
    uint64_t history = feed->feeds->config.history;

    if (!wish->resumes || wish->last_id > last)
        return 0;
    if (last > history && first < last - history + 1)
        first = last - history + 1;
    for (uint64_t seq = first; seq <= last && count < wish->count; seq++, count++)
        event_append(out, &feed->key, seq, happened_unix_ms(feed, seq));
    return count;
}

struct feeds *feeds_new(struct loop *loop, const struct feeds_config *config, struct counters *own)
{
    struct feeds *feeds = x_calloc(1, sizeof *feeds);

    feeds->loop = loop;
    feeds->config = *config;
    feeds->own = own;
    feeds->subscribers = pool_new(sizeof(struct subscriber), 0);
    for (size_t i = 0; i < BUCKET_COUNT; i++)
        list_init(&feeds->buckets[i]);
    (void)sse_encode_comment(&feeds->event, "heartbeat");
    http_frame_chunk(&feeds->beat_framed, feeds->event.bytes, feeds->event.len, &feeds->beat);
    return feeds;
}

static void cancel_heartbeats(struct feeds *feeds, struct list *subscribers)
{
    for (struct list *node = subscribers->next; node != subscribers; node = node->next)
        loop_cancel_timer(feeds->loop, &CONTAINER_OF(node, struct subscriber, node)->heartbeat);
}

void feeds_free(struct feeds *feeds)
{
    if (!feeds)
        return;
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        while (!list_empty(&feeds->buckets[i])) {
            struct feed *feed = CONTAINER_OF(feeds->buckets[i].next, struct feed, node);

            cancel_heartbeats(feeds, &feed->live);
            cancel_heartbeats(feeds, &feed->silent);
            end_feed(feed);
        }
    }
    pool_free(feeds->subscribers);
    buf_fini(&feeds->event);
    buf_fini(&feeds->framed);
    buf_fini(&feeds->beat_framed);
    free(feeds);
}

void feeds_subscribe(struct feeds *feeds, struct http_request *request,
                     const struct feed_request *wish, uint64_t now_ns)
{
    struct subscriber *subscriber = pool_take(feeds->subscribers);
    struct feed *feed;
    uint64_t replayed;

    if (!subscriber) {
        http_respond(request, 503, "", NULL, NULL, 0);
        return;
    }
    feed = find_or_begin(feeds, &wish->key, now_ns);
    /* What is due goes to the others first: this stream begins where the timeline is now. */
    on_tick(&feed->timer, now_ns);
    http_begin_stream(request, 200, STREAM_HEADERS, "text/event-stream");
    buf_clear(&feeds->event);
    (void)sse_encode_retry(&feeds->event, feeds->config.retry_ms);
    replayed = append_replay(&feeds->event, feed, wish);
    http_send(request, feeds->event.bytes, feeds->event.len);
    subscriber->request = request;
    subscriber->feed = feed;
    subscriber->left = wish->count;
    if (wish->count != FEED_COUNT_UNLIMITED)
        subscriber->left -= replayed;
    list_append(&feed->live, &subscriber->node);
    http_request_set_user(request, subscriber);
    rest(subscriber, now_ns);
    counters_add(feeds->own, COUNTER_STREAMS_OPEN, 1);
    counters_add(feeds->own, COUNTER_STREAMS_OPENED, 1);
    counters_add(feeds->own, COUNTER_EVENTS_REPLAYED, (int64_t)replayed);
    counters_add(feeds->own, COUNTER_EVENTS_SENT, (int64_t)replayed);
}

void feeds_forget(struct feeds *feeds, struct http_request *request)
{
    struct subscriber *subscriber = http_request_user(request);
    struct feed *feed = subscriber->feed;

    loop_cancel_timer(feeds->loop, &subscriber->heartbeat);
    list_remove(&subscriber->node);
    pool_give(feeds->subscribers, subscriber);
    counters_add(feeds->own, COUNTER_STREAMS_OPEN, -1);
    if (list_empty(&feed->live) && list_empty(&feed->silent))
        end_feed(feed);
}

#include "demo/feed.h"

#include "base/clock.h"
#include "base/mem.h"
#include "demo/disturb.h"
#include "demo/fault_board.h"
#include "demo/subscriber.h"
#include "net/loop.h"
#include "sse/encoder.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t LOOKOUT_NS = 100000000;       /* faults set elsewhere are seen by then */
static const uint64_t COUNTED_ONE_BY_ONE = 1000000; /* filtered events; more are estimated */
static const char STREAM_HEADERS[] = "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n";

/* How many events have happened. */
static uint64_t happened(const struct feed *feed, uint64_t now_ns)
{
    uint64_t epoch_ns = feed->feeds->config.clock.epoch_ns;

    return now_ns > epoch_ns ? (now_ns - epoch_ns) / feed->key.interval_ns : 0;
}

static bool same_key(const struct feed_key *left, const struct feed_key *right)
{
    return left->kind == right->kind && left->ids == right->ids && left->filter == right->filter &&
           left->choice == right->choice && left->tenant == right->tenant &&
           left->region == right->region && left->interval_ns == right->interval_ns &&
           strcmp(left->subject, right->subject) == 0;
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

    if (!subscriber->disturbed || disturb_heartbeat(subscriber, now_ns)) {
        http_send_chunk(subscriber->request, &feeds->beat);
        counters_add(feeds->own, COUNTER_HEARTBEATS_SENT, 1);
    }
    set_heartbeat(subscriber, now_ns);
}

/* A live stream whose events come often enough is never silent. */
static void rest(struct subscriber *subscriber, uint64_t now_ns)
{
    struct feed *feed = subscriber->feed;
    bool may_be_silent =
        feed->key.filter > 1 || feed->key.interval_ns > feed->feeds->config.heartbeat_ns;

    if (subscriber->left == 0) {
        list_remove(&subscriber->node);
        list_append(&feed->silent, &subscriber->node);
    }
    if (subscriber->left == 0 || may_be_silent)
        set_heartbeat(subscriber, now_ns);
}

static void emit(struct feed *feed, uint64_t now_ns)
{
    struct feeds *feeds = feed->feeds;
    const bool disturbs = feeds->disturbs;
    struct http_chunk chunk;
    int64_t sent = 0;

    buf_clear(&feeds->event);
    buf_clear(&feeds->framed);
    event_append(&feeds->event, &feed->key, feed->next, &feeds->config.clock);
    http_frame_chunk(&feeds->framed, feeds->event.bytes, feeds->event.len, &chunk);
    for (struct list *node = feed->live.next, *after; node != &feed->live; node = after) {
        struct subscriber *subscriber = CONTAINER_OF(node, struct subscriber, node);

        after = node->next;
        if (disturbs && subscriber->disturbed) {
            disturb_event(subscriber, &chunk, feed->next, now_ns);
        } else {
            http_send_chunk(subscriber->request, &chunk);
            sent++;
        }
        if (subscriber->left != SUBSCRIBER_UNLIMITED)
            subscriber->left--;
        rest(subscriber, now_ns);
    }
    counters_add(feeds->own, COUNTER_EVENTS_SENT, sent);
}

static void on_tick(struct timer *timer, uint64_t now_ns)
{
    struct feed *feed = CONTAINER_OF(timer, struct feed, timer);
    uint64_t last = happened(feed, now_ns);

    disturb_sync(feed->feeds, now_ns);
    for (; feed->next <= last; feed->next++) {
        if (event_passes(&feed->key, feed->next))
            emit(feed, now_ns);
    }
    loop_set_timer(
        feed->feeds->loop, timer,
        clock_add_ns(feed->feeds->config.clock.epoch_ns, feed->next * feed->key.interval_ns),
        on_tick);
}

static struct feed *find_or_begin(struct feeds *feeds, const struct feed_key *key, uint64_t now_ns)
{
    struct list *bucket = &feeds->buckets[event_key_hash(key) % FEED_BUCKET_COUNT];
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

/* How many of the events `first` to `last` go out. */
static uint64_t count_passing(const struct feed_key *key, uint64_t first, uint64_t last)
{
    uint64_t count = 0;

    if (first > last)
        return 0;
    if (key->filter <= 1)
        return last - first + 1;
    if (last - first >= COUNTED_ONE_BY_ONE)
        return (last - first) / key->filter;
    for (uint64_t seq = first; seq <= last; seq++)
        count += event_passes(key, seq);
    return count;
}

/* Whatever becomes of the events behind this one, the replay fits the peer's queue. */
static bool has_room(const struct buf *out, uint64_t events_behind)
{
    return out->len + (events_behind + 3) * EVENT_LIMIT_BYTES < HTTP_SERVER_BACKLOG_LIMIT_BYTES;
}

/* Appends events `first` to `last` as the stream gets them. Returns how many it gets. */
static uint64_t append_events(struct buf *out, struct subscriber *subscriber, uint64_t first,
                              uint64_t last)
{
    const struct feed *feed = subscriber->feed;
    uint64_t sent = 0;

    for (uint64_t seq = first; seq <= last && subscriber->left > 0; seq++) {
        if (!event_passes(&feed->key, seq))
            continue;
        if (subscriber->disturbed) {
            sent += disturb_append(subscriber, out, seq, !has_room(out, last - seq));
        } else {
            event_append(out, &feed->key, seq, &feed->feeds->config.clock);
            sent++;
        }
        if (subscriber->left != SUBSCRIBER_UNLIMITED)
            subscriber->left--;
    }
    return sent;
}

/* Appends what the client missed; nothing for an event that never was. Counts it. */
static void append_replay(struct buf *out, struct subscriber *subscriber, uint64_t last_seq,
                          uint64_t now_ns)
{
    const struct feed *feed = subscriber->feed;
    struct feeds *feeds = feed->feeds;
    uint64_t last = feed->next - 1, first = last_seq + 1, replayed;

    if (last_seq > last)
        return;
    if (feeds->faults.no_replay) {
        counters_add(feeds->own, COUNTER_FAULT_REPLAYS_REFUSED, 1);
        disturb_withhold(subscriber, count_passing(&feed->key, first, last));
        return;
    }
    if (last - last_seq > feeds->config.history) {
        first = last - feeds->config.history + 1;
        counters_add(feeds->own, COUNTER_EVENTS_EXPIRED,
                     (int64_t)count_passing(&feed->key, last_seq + 1, first - 1));
    }
    replayed = append_events(out, subscriber, first, last);
    counters_add(feeds->own, COUNTER_EVENTS_REPLAYED, (int64_t)replayed);
    if (subscriber->disturbed)
        disturb_commit(subscriber, now_ns);
    else
        counters_add(feeds->own, COUNTER_EVENTS_SENT, (int64_t)replayed);
}

static void on_lookout(struct timer *timer, uint64_t now_ns)
{
    struct feeds *feeds = CONTAINER_OF(timer, struct feeds, lookout);

    disturb_sync(feeds, now_ns);
    loop_set_timer(feeds->loop, timer, clock_add_ns(now_ns, LOOKOUT_NS), on_lookout);
}

struct feeds *feeds_new(struct loop *loop, const struct feeds_config *config, struct counters *own,
                        uint64_t first_serial)
{
    struct feeds *feeds = x_calloc(1, sizeof *feeds);

    feeds->loop = loop;
    feeds->config = *config;
    feeds->own = own;
    feeds->serial = first_serial;
    feeds->version = UINT64_MAX; /* none of the board's, so that the first look takes it up */
    feeds->subscribers = pool_new(sizeof(struct subscriber), 0);
    feeds->disturbed = disturb_pool_new();
    list_init(&feeds->gathered);
    for (size_t i = 0; i < FEED_BUCKET_COUNT; i++)
        list_init(&feeds->buckets[i]);
    (void)sse_encode_comment(&feeds->event, "heartbeat");
    http_frame_chunk(&feeds->beat_framed, feeds->event.bytes, feeds->event.len, &feeds->beat);
    disturb_sync(feeds, loop_now_ns(loop));
    if (config->shares_board)
        on_lookout(&feeds->lookout, loop_now_ns(loop));
    return feeds;
}

/* Without a word to the streams: the server, and their requests, are gone. */
static void forget_all(struct feeds *feeds, struct list *subscribers)
{
    while (!list_empty(subscribers)) {
        struct subscriber *subscriber = CONTAINER_OF(subscribers->next, struct subscriber, node);

        loop_cancel_timer(feeds->loop, &subscriber->heartbeat);
        disturb_end(subscriber);
        list_remove(&subscriber->node);
    }
}

void feeds_free(struct feeds *feeds)
{
    if (!feeds)
        return;
    for (size_t i = 0; i < FEED_BUCKET_COUNT; i++) {
        while (!list_empty(&feeds->buckets[i])) {
            struct feed *feed = CONTAINER_OF(feeds->buckets[i].next, struct feed, node);

            forget_all(feeds, &feed->live);
            forget_all(feeds, &feed->silent);
            end_feed(feed);
        }
    }
    loop_cancel_timer(feeds->loop, &feeds->clump);
    loop_cancel_timer(feeds->loop, &feeds->lookout);
    pool_free(feeds->subscribers);
    pool_free(feeds->disturbed);
    buf_fini(&feeds->event);
    buf_fini(&feeds->framed);
    buf_fini(&feeds->altered);
    buf_fini(&feeds->beat_framed);
    free(feeds);
}

const struct faults *feeds_sync(struct feeds *feeds, uint64_t now_ns)
{
    disturb_sync(feeds, now_ns);
    return &feeds->faults;
}

int feeds_admit(struct feeds *feeds, struct feed_request *wish, uint64_t now_ns)
{
    const struct faults *faults = feeds_sync(feeds, now_ns);

    wish->serial = ++feeds->serial;
    if (faults_status_hits(faults, feeds->config.seed, wish->serial)) {
        counters_add(feeds->own, COUNTER_FAULT_STATUSES, 1);
        return (int)faults->status_code;
    }
    if (!fault_board_enter(feeds->config.board, faults->max_streams)) {
        counters_add(feeds->own, COUNTER_FAULT_REFUSED, 1);
        return 503;
    }
    return 0;
}

void feeds_dismiss(struct feeds *feeds)
{
    fault_board_leave(feeds->config.board);
}

uint64_t feeds_delay_ns(const struct feeds *feeds)
{
    return feeds->faults.load_delay_ns * fault_board_open_count(feeds->config.board);
}

static void on_gone(struct pending *pending)
{
    subscriber_release(CONTAINER_OF(pending, struct subscriber, pending));
}

void feeds_subscribe(struct feeds *feeds, struct http_request *request,
                     const struct feed_request *wish, uint64_t now_ns)
{
    struct subscriber *subscriber = pool_take(feeds->subscribers);
    struct feed *feed;

    if (!subscriber) {
        fault_board_leave(feeds->config.board);
        http_respond(request, 503, "", NULL, NULL, 0);
        return;
    }
    feed = find_or_begin(feeds, &wish->key, now_ns);
    /* What is due goes to the others first: this stream begins where the timeline is now. */
    on_tick(&feed->timer, now_ns);
    subscriber->pending.on_gone = on_gone;
    subscriber->request = request;
    subscriber->feed = feed;
    subscriber->left = wish->count;
    subscriber->begun_ms = (uint32_t)((now_ns - feeds->config.clock.epoch_ns) / CLOCK_NS_PER_MS);
    list_append(&feed->live, &subscriber->node);
    disturb_begin(subscriber, wish->serial, now_ns);
    http_request_set_user(request, &subscriber->pending);
    http_begin_stream(request, 200, STREAM_HEADERS, "text/event-stream");
    buf_clear(&feeds->event);
    (void)sse_encode_retry(&feeds->event, feeds->config.retry_ms);
    if (wish->resumes)
        append_replay(&feeds->event, subscriber, wish->last_seq, now_ns);
    http_send(request, feeds->event.bytes, feeds->event.len);
    rest(subscriber, now_ns);
    counters_add(feeds->own, COUNTER_STREAMS_OPEN, 1);
    counters_add(feeds->own, COUNTER_STREAMS_OPENED, 1);
}

void subscriber_release(struct subscriber *subscriber)
{
    struct feed *feed = subscriber->feed;
    struct feeds *feeds = feed->feeds;

    loop_cancel_timer(feeds->loop, &subscriber->heartbeat);
    disturb_end(subscriber);
    list_remove(&subscriber->node);
    pool_give(feeds->subscribers, subscriber);
    fault_board_leave(feeds->config.board);
    counters_add(feeds->own, COUNTER_STREAMS_OPEN, -1);
    if (list_empty(&feed->live) && list_empty(&feed->silent))
        end_feed(feed);
}

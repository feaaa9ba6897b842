#include "demo/disturb.h"

#include "base/clock.h"
#include "base/mem.h"
#include "demo/fault_board.h"
#include "demo/subscriber.h"
#include "net/loop.h"

#include <assert.h>

enum { STALL_PERIOD = 10, MALFORM_KIND_COUNT = 3 };

static const uint64_t SETTLE_NS = 50000000; /* from the last byte to the reset of a drop */

enum disturbed_state {
    DISTURBED_FLOWING = 0,
    DISTURBED_STALLED, /* everything is held back */
    DISTURBED_LEAVING  /* nothing more is sent; the reset follows */
};

/* What stands in bytes that are not written yet. */
struct tally {
    uint32_t sent, lost, withheld, duplicated, reordered;
    uint32_t malformed[MALFORM_KIND_COUNT]; /* by enum event_damage */
};

struct disturbed {
    struct subscriber *subscriber; /* its owner */
    struct timer life;             /* the next drop, cut, or change of a stall */
    struct list node;              /* of feeds->gathered, while `held` is not empty */
    struct buf held;               /* events that a clump or a stall holds back */
    struct tally tally;
    uint64_t serial, ordinal; /* of the stream, of its latest event */
    uint64_t begun_ns, sent_ns;
    uint64_t stall_at_ns;              /* when the stall begins or ends */
    uint64_t held_back_seq;            /* while `holds_back`: goes out behind the next event */
    uint32_t lost_open, withheld_open; /* nothing has gone out since */
    uint8_t state;
    bool holds_back, has_sent;
    bool is_swapped; /* the latest event sent is not the highest */
    bool drops;
    bool is_overdue; /* it ends behind the next event that is sent in order */
};
_Static_assert(sizeof(struct disturbed) <= 232, "exists once per stream that faults look at");

static struct feeds *feeds_of(const struct disturbed *disturbed)
{
    return disturbed->subscriber->feed->feeds;
}

static void enter(struct disturbed *disturbed, enum disturbed_state state)
{
    assert(disturbed->state != DISTURBED_LEAVING);
    disturbed->state = (uint8_t)state;
}

/* --- one event --- */

/* The event is part of what the stream gets: whatever was lost in front of it is a gap now. */
static void count_block(struct disturbed *disturbed)
{
    struct tally *tally = &disturbed->tally;

    tally->sent++;
    tally->lost += disturbed->lost_open;
    tally->withheld += disturbed->withheld_open;
    disturbed->lost_open = disturbed->withheld_open = 0;
    disturbed->has_sent = true;
    disturbed->is_swapped = false;
}

static void put(struct disturbed *disturbed, struct buf *out, uint64_t seq)
{
    count_block(disturbed);
    event_append(out, &disturbed->subscriber->feed->key, seq, &feeds_of(disturbed)->config.clock);
}

static void put_damaged(struct disturbed *disturbed, struct buf *out, uint64_t seq,
                        enum event_damage damage)
{
    count_block(disturbed);
    disturbed->tally.malformed[damage]++;
    event_append_damaged(out, &disturbed->subscriber->feed->key, seq,
                         &feeds_of(disturbed)->config.clock, damage);
}

static enum fault_fate choose_fate(struct disturbed *disturbed)
{
    const struct feeds *feeds = feeds_of(disturbed);
    uint32_t left = disturbed->subscriber->left;
    enum fault_fate fate =
        faults_decide(&feeds->faults, feeds->config.seed, disturbed->serial, ++disturbed->ordinal);

    if (!disturbed->has_sent || disturbed->holds_back || disturbed->is_overdue || left == 1)
        return FATE_SENT;
    return fate == FATE_HELD_BACK && left == 2 ? FATE_SENT : fate;
}

static void append_as(struct disturbed *disturbed, struct buf *out, uint64_t seq,
                      enum fault_fate fate)
{
    switch (fate) {
    case FATE_LOST:
        disturbed->lost_open++;
        return;
    case FATE_HELD_BACK:
        disturbed->holds_back = true;
        disturbed->held_back_seq = seq;
        return;
    case FATE_SENT:
        put(disturbed, out, seq);
        break;
    case FATE_DUPLICATED:
        put(disturbed, out, seq);
        put(disturbed, out, seq);
        disturbed->tally.duplicated++;
        break;
    case FATE_CUT:
        put_damaged(disturbed, out, seq, EVENT_CUT_DATA);
        break;
    case FATE_ODD_FIELD:
        put_damaged(disturbed, out, seq, EVENT_ODD_FIELD);
        break;
    case FATE_SPOILED_TEXT:
        put_damaged(disturbed, out, seq, EVENT_SPOILED_DATA);
        break;
    }
    if (disturbed->holds_back) {
        put(disturbed, out, disturbed->held_back_seq);
        disturbed->tally.reordered++;
        disturbed->holds_back = false;
        disturbed->is_swapped = true;
    }
}

uint64_t disturb_append(struct subscriber *subscriber, struct buf *out, uint64_t seq,
                        bool is_spared)
{
    struct disturbed *disturbed = subscriber->disturbed;
    enum fault_fate fate = choose_fate(disturbed);
    uint32_t before = disturbed->tally.sent;

    append_as(disturbed, out, seq, is_spared ? FATE_SENT : fate);
    return disturbed->tally.sent - before;
}

void disturb_withhold(struct subscriber *subscriber, uint64_t count)
{
    if (subscriber->disturbed)
        subscriber->disturbed->withheld_open += (uint32_t)count;
}

void disturb_commit(struct subscriber *subscriber, uint64_t now_ns)
{
    struct disturbed *disturbed = subscriber->disturbed;
    struct counters *own = feeds_of(disturbed)->own;
    const struct tally *tally = &disturbed->tally;

    if (tally->sent == 0)
        return;
    disturbed->sent_ns = now_ns;
    counters_add(own, COUNTER_EVENTS_SENT, tally->sent);
    counters_add(own, COUNTER_FAULT_LOST, tally->lost);
    counters_add(own, COUNTER_FAULT_WITHHELD, tally->withheld);
    counters_add(own, COUNTER_FAULT_DUPLICATED, tally->duplicated);
    counters_add(own, COUNTER_FAULT_REORDERED, tally->reordered);
    counters_add(own, COUNTER_FAULT_MALFORMED_JSON, tally->malformed[EVENT_CUT_DATA]);
    counters_add(own, COUNTER_FAULT_MALFORMED_FIELD, tally->malformed[EVENT_ODD_FIELD]);
    counters_add(own, COUNTER_FAULT_MALFORMED_TEXT, tally->malformed[EVENT_SPOILED_DATA]);
    disturbed->tally = (struct tally){0};
}

/* What a clump or a stall held back goes out, as one write. */
static void let_go(struct disturbed *disturbed, uint64_t now_ns)
{
    struct subscriber *subscriber = disturbed->subscriber;

    if (disturbed->held.len > 0) {
        http_send(subscriber->request, disturbed->held.bytes, disturbed->held.len);
        buf_fini(&disturbed->held);
        list_remove(&disturbed->node);
    }
    disturb_commit(subscriber, now_ns);
}

static void gather(struct disturbed *disturbed, uint64_t seq, enum fault_fate fate, uint64_t now_ns)
{
    size_t before = disturbed->held.len;

    append_as(disturbed, &disturbed->held, seq, fate);
    if (before == 0 && disturbed->held.len > 0)
        list_append(&feeds_of(disturbed)->gathered, &disturbed->node);
    if (disturbed->held.len > DISTURB_HELD_LIMIT_BYTES)
        let_go(disturbed, now_ns);
}

void disturb_event(struct subscriber *subscriber, const struct http_chunk *chunk, uint64_t seq,
                   uint64_t now_ns)
{
    struct disturbed *disturbed = subscriber->disturbed;
    struct feeds *feeds = feeds_of(disturbed);
    enum fault_fate fate = choose_fate(disturbed);

    if (disturbed->state == DISTURBED_STALLED || feeds->faults.clump_ns > 0) {
        gather(disturbed, seq, fate, now_ns);
        return;
    }
    if (fate == FATE_SENT && !disturbed->holds_back) {
        count_block(disturbed);
        http_send_chunk(subscriber->request, chunk);
    } else {
        buf_clear(&feeds->altered);
        append_as(disturbed, &feeds->altered, seq, fate);
        http_send(subscriber->request, feeds->altered.bytes, feeds->altered.len);
    }
    disturb_commit(subscriber, now_ns);
}

bool disturb_heartbeat(struct subscriber *subscriber, uint64_t now_ns)
{
    if (subscriber->disturbed->state == DISTURBED_STALLED)
        return false;
    subscriber->disturbed->sent_ns = now_ns;
    return true;
}

/* --- the life of a stream --- */

/* When a stream that is to be dropped falls silent. */
static uint64_t drop_ns(const struct disturbed *disturbed)
{
    uint64_t age_ns = feeds_of(disturbed)->faults.drop_age_ns;

    if (!disturbed->drops)
        return CLOCK_NEVER_NS;
    return disturbed->begun_ns + age_ns - (age_ns / 2 < SETTLE_NS ? age_ns / 2 : SETTLE_NS);
}

static uint64_t age_cut_ns(const struct disturbed *disturbed)
{
    uint64_t age_ns = feeds_of(disturbed)->faults.age_cut_ns;

    return age_ns > 0 ? disturbed->begun_ns + age_ns : CLOCK_NEVER_NS;
}

static uint64_t idle_cut_ns(const struct disturbed *disturbed)
{
    uint64_t idle_ns = feeds_of(disturbed)->faults.idle_cut_ns;

    return idle_ns > 0 ? disturbed->sent_ns + idle_ns : CLOCK_NEVER_NS;
}

static uint64_t earlier(uint64_t left_ns, uint64_t right_ns)
{
    return left_ns < right_ns ? left_ns : right_ns;
}

static void on_life(struct timer *timer, uint64_t now_ns);

static void set_life(struct disturbed *disturbed, uint64_t now_ns)
{
    struct loop *loop = feeds_of(disturbed)->loop;
    uint64_t end_ns =
        earlier(drop_ns(disturbed), earlier(age_cut_ns(disturbed), idle_cut_ns(disturbed)));
    uint64_t due_ns;

    disturbed->is_overdue = disturbed->is_swapped && end_ns <= now_ns;
    if (disturbed->is_overdue)
        end_ns = clock_add_ns(now_ns, disturbed->subscriber->feed->key.interval_ns);
    due_ns = earlier(end_ns, disturbed->stall_at_ns);
    if (due_ns == CLOCK_NEVER_NS)
        loop_cancel_timer(loop, &disturbed->life);
    else
        loop_set_timer(loop, &disturbed->life, due_ns, on_life);
}

/* The stream leaves its feed; what was sent has a while to be read. */
static void fall_silent(struct disturbed *disturbed, uint64_t now_ns)
{
    struct subscriber *subscriber = disturbed->subscriber;
    struct feeds *feeds = feeds_of(disturbed);
    uint64_t age_ns = feeds->faults.drop_age_ns;
    uint64_t reset_ns = disturbed->begun_ns + age_ns;
    uint64_t least_ns = now_ns + earlier(age_ns / 2, SETTLE_NS);

    let_go(disturbed, now_ns);
    enter(disturbed, DISTURBED_LEAVING);
    loop_cancel_timer(feeds->loop, &subscriber->heartbeat);
    list_remove(&subscriber->node);
    list_append(&subscriber->feed->silent, &subscriber->node);
    loop_set_timer(feeds->loop, &disturbed->life, reset_ns > least_ns ? reset_ns : least_ns,
                   on_life);
}

static void reset(struct disturbed *disturbed)
{
    struct http_request *request = disturbed->subscriber->request;

    counters_add(feeds_of(disturbed)->own, COUNTER_FAULT_DROPPED, 1);
    subscriber_release(disturbed->subscriber);
    http_abort(request, true);
}

static void end(struct disturbed *disturbed, enum counter_name cause, uint64_t now_ns)
{
    struct http_request *request = disturbed->subscriber->request;

    let_go(disturbed, now_ns);
    counters_add(feeds_of(disturbed)->own, cause, 1);
    subscriber_release(disturbed->subscriber);
    http_end_stream(request);
}

static void change_stall(struct disturbed *disturbed, uint64_t now_ns)
{
    struct feeds *feeds = feeds_of(disturbed);
    uint64_t stall_ns = feeds->faults.stall_ns, period_ns = stall_ns * STALL_PERIOD;

    if (disturbed->state == DISTURBED_FLOWING) {
        enter(disturbed, DISTURBED_STALLED);
        counters_add(feeds->own, COUNTER_FAULT_STALLED, 1);
        disturbed->stall_at_ns = now_ns + stall_ns;
    } else {
        enter(disturbed, DISTURBED_FLOWING);
        let_go(disturbed, now_ns);
        disturbed->stall_at_ns =
            disturbed->begun_ns + ((now_ns - disturbed->begun_ns) / period_ns + 1) * period_ns;
    }
}

static void on_life(struct timer *timer, uint64_t now_ns)
{
    struct disturbed *disturbed = CONTAINER_OF(timer, struct disturbed, life);
    bool may_end = !disturbed->is_swapped;

    if (disturbed->state == DISTURBED_LEAVING) {
        reset(disturbed);
    } else if (may_end && drop_ns(disturbed) <= now_ns) {
        fall_silent(disturbed, now_ns);
    } else if (may_end && age_cut_ns(disturbed) <= now_ns) {
        end(disturbed, COUNTER_FAULT_AGE_CUT, now_ns);
    } else if (may_end && idle_cut_ns(disturbed) <= now_ns) {
        end(disturbed, COUNTER_FAULT_IDLE_CUT, now_ns);
    } else {
        if (disturbed->stall_at_ns <= now_ns)
            change_stall(disturbed, now_ns);
        set_life(disturbed, now_ns);
    }
}

/* By the faults now in force; a stall of those before is over. */
static void plan(struct disturbed *disturbed, uint64_t now_ns)
{
    const struct feeds *feeds = feeds_of(disturbed);
    uint64_t period_ns = feeds->faults.stall_ns * STALL_PERIOD;

    disturbed->drops = faults_drop_hits(&feeds->faults, feeds->config.seed, disturbed->serial);
    if (disturbed->state == DISTURBED_STALLED)
        enter(disturbed, DISTURBED_FLOWING);
    if (feeds->faults.clump_ns == 0)
        let_go(disturbed, now_ns);
    disturbed->stall_at_ns = CLOCK_NEVER_NS;
    if (period_ns > 0)
        disturbed->stall_at_ns =
            disturbed->begun_ns + ((now_ns - disturbed->begun_ns) / period_ns + 1) * period_ns;
    set_life(disturbed, now_ns);
}

void disturb_begin(struct subscriber *subscriber, uint64_t serial, uint64_t now_ns)
{
    struct feeds *feeds = subscriber->feed->feeds;
    struct disturbed *disturbed = feeds->disturbs ? pool_take(feeds->disturbed) : NULL;
    uint32_t now_ms = (uint32_t)((now_ns - feeds->config.clock.epoch_ns) / CLOCK_NS_PER_MS);

    subscriber->disturbed = disturbed;
    if (!disturbed)
        return; /* without memory the stream has no faults */
    disturbed->subscriber = subscriber;
    disturbed->serial = serial;
    disturbed->begun_ns = now_ns - (uint32_t)(now_ms - subscriber->begun_ms) * CLOCK_NS_PER_MS;
    disturbed->sent_ns = now_ns;
    list_init(&disturbed->node);
    plan(disturbed, now_ns);
}

void disturb_end(struct subscriber *subscriber)
{
    struct disturbed *disturbed = subscriber->disturbed;
    struct feeds *feeds = subscriber->feed->feeds;

    if (!disturbed)
        return;
    loop_cancel_timer(feeds->loop, &disturbed->life);
    list_remove(&disturbed->node);
    buf_fini(&disturbed->held);
    pool_give(feeds->disturbed, disturbed);
    subscriber->disturbed = NULL;
}

/* No fault looks at streams any more: what is held back goes out, in order. */
static void calm(struct subscriber *subscriber, uint64_t now_ns)
{
    struct disturbed *disturbed = subscriber->disturbed;
    struct feeds *feeds = subscriber->feed->feeds;

    let_go(disturbed, now_ns);
    if (disturbed->holds_back) {
        buf_clear(&feeds->altered);
        put(disturbed, &feeds->altered, disturbed->held_back_seq);
        http_send(subscriber->request, feeds->altered.bytes, feeds->altered.len);
        disturb_commit(subscriber, now_ns);
    }
    counters_add(feeds->own, COUNTER_FAULT_LOST, disturbed->lost_open);
    counters_add(feeds->own, COUNTER_FAULT_WITHHELD, disturbed->withheld_open);
    disturb_end(subscriber);
}

/* --- all streams --- */

struct pool *disturb_pool_new(void)
{
    return pool_new(sizeof(struct disturbed), 0);
}

static void sync_subscribers(struct feeds *feeds, const struct list *subscribers, uint64_t now_ns)
{
    for (struct list *node = subscribers->next; node != subscribers; node = node->next) {
        struct subscriber *subscriber = CONTAINER_OF(node, struct subscriber, node);
        struct disturbed *disturbed = subscriber->disturbed;

        if (disturbed && disturbed->state == DISTURBED_LEAVING)
            continue;
        if (disturbed && feeds->disturbs)
            plan(disturbed, now_ns);
        else if (disturbed)
            calm(subscriber, now_ns);
        else if (feeds->disturbs)
            disturb_begin(subscriber, ++feeds->serial, now_ns);
    }
}

static void on_clump(struct timer *timer, uint64_t now_ns);

/* At the next full D of the clock that all processes share. */
static void set_clump(struct feeds *feeds, uint64_t now_ns)
{
    uint64_t clump_ns = feeds->faults.clump_ns, epoch_ns = feeds->config.clock.epoch_ns;

    if (clump_ns == 0)
        loop_cancel_timer(feeds->loop, &feeds->clump);
    else
        loop_set_timer(feeds->loop, &feeds->clump,
                       epoch_ns + ((now_ns - epoch_ns) / clump_ns + 1) * clump_ns, on_clump);
}

static void on_clump(struct timer *timer, uint64_t now_ns)
{
    struct feeds *feeds = CONTAINER_OF(timer, struct feeds, clump);
    struct list *gathered = &feeds->gathered;

    for (struct list *node = gathered->next, *after; node != gathered; node = after) {
        struct disturbed *disturbed = CONTAINER_OF(node, struct disturbed, node);

        after = node->next;
        if (disturbed->state == DISTURBED_STALLED)
            continue;
        let_go(disturbed, now_ns);
        counters_add(feeds->own, COUNTER_FAULT_CLUMPS, 1);
    }
    set_clump(feeds, now_ns);
}

void disturb_sync(struct feeds *feeds, uint64_t now_ns)
{
    if (fault_board_version(feeds->config.board) == feeds->version)
        return;
    feeds->version = fault_board_read(feeds->config.board, &feeds->faults);
    feeds->disturbs = faults_touch_streams(&feeds->faults);
    set_clump(feeds, now_ns);
    for (size_t i = 0; i < FEED_BUCKET_COUNT; i++) {
        struct list *bucket = &feeds->buckets[i];

        for (struct list *node = bucket->next; node != bucket; node = node->next) {
            struct feed *feed = CONTAINER_OF(node, struct feed, node);

            sync_subscribers(feeds, &feed->live, now_ns);
            sync_subscribers(feeds, &feed->silent, now_ns);
        }
    }
}

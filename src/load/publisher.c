#include "load/publisher.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "load/answer.h"
#include "load/exchange_stats.h"
#include "load/feed.h"
#include "load/mark.h"
#include "load/plan.h"
#include "load/request.h"
#include "net/loop.h"
#include "stats/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_BYTES = 32 };

enum slot_state {
    SLOT_FREE = 0,
    SLOT_ASKING,   /* no answer yet */
    SLOT_REFUSED,  /* the rest of a bad answer is read */
    SLOT_FAILED,   /* to be sent again */
    SLOT_ACCEPTED, /* the rest of a good answer is read */
};

/* A number that is not accepted yet, or an answer that is not over; each keeps its connection. */
struct slot {
    struct fetch fetch;
    struct http_session session;
    struct timer timer; /* patience with the whole of it */
    struct publisher *publisher;
    uint64_t number; /* 0: nothing was written yet */
    uint64_t attempt, first_ns;
    enum slot_state state;
};

struct publisher {
    struct publisher_config config;
    struct feed *feed;
    struct request *request;
    struct fetch_order order;
    struct stat_set *set; /* borrowed of the statistics */
    size_t endpoint;
    struct timer timer; /* the next turn */
    uint64_t due_ns, interval_ns;
    uint64_t next_number;
    bool has_begun, has_warned;
    struct slot slots[PUBLISHER_SPAN];
};

/* --- which number --- */

static bool is_unsettled(const struct slot *slot)
{
    return slot->state == SLOT_ASKING || slot->state == SLOT_REFUSED || slot->state == SLOT_FAILED;
}

/* All below it were accepted. */
static uint64_t settled_below(const struct publisher *publisher)
{
    uint64_t result = publisher->next_number;

    for (size_t i = 0; i < PUBLISHER_SPAN; i++) {
        const struct slot *slot = &publisher->slots[i];

        if (is_unsettled(slot) && slot->number > 0 && slot->number < result)
            result = slot->number;
    }
    return result;
}

/* May one more take a number, beside those that will take theirs when their connection is ready? */
static bool has_room(const struct publisher *publisher)
{
    uint64_t span = publisher->next_number - settled_below(publisher);

    for (size_t i = 0; i < PUBLISHER_SPAN; i++)
        span += is_unsettled(&publisher->slots[i]) && publisher->slots[i].number == 0;
    return span < PUBLISHER_SPAN;
}

static struct slot *find_failed(struct publisher *publisher)
{
    struct slot *oldest = NULL;

    for (size_t i = 0; i < PUBLISHER_SPAN; i++) {
        struct slot *slot = &publisher->slots[i];

        /* Those that never were written, whose number is 0, come last: less 1 it is the largest. */
        if (slot->state == SLOT_FAILED && (!oldest || slot->number - 1 < oldest->number - 1))
            oldest = slot;
    }
    return oldest;
}

/* The first free one, so that few connections are in use. NULL where no new one may begin. */
static struct slot *take_new(struct publisher *publisher)
{
    for (size_t i = 0; has_room(publisher) && i < PUBLISHER_SPAN; i++) {
        struct slot *slot = &publisher->slots[i];

        if (slot->state != SLOT_FREE)
            continue;
        slot->number = slot->attempt = 0;
        return slot;
    }
    return NULL;
}

/* --- the answer --- */

static struct slot *slot_of(struct fetch *fetch)
{
    return CONTAINER_OF(fetch, struct slot, fetch);
}

static void fail(struct slot *slot, enum error_class error_class, const char *message)
{
    struct publisher *publisher = slot->publisher;

    stat_count(publisher->set, METRIC_SSE_PUBLISH_FAILED, NULL, 1);
    stats_add_error(publisher->config.stats, publisher->endpoint, error_class, message,
                    clock_unix_ms());
}

/* Nothing more of this attempt will come. */
static void finish(struct slot *slot)
{
    loop_cancel_timer(slot->publisher->config.loop, &slot->timer);
    slot->state = slot->state == SLOT_ACCEPTED ? SLOT_FREE : SLOT_FAILED;
}

static void on_answer(struct fetch *fetch, const struct http_head *head, bool is_hop,
                      uint64_t now_ns)
{
    struct publisher *publisher = slot_of(fetch)->publisher;

    exchange_stats_answer(publisher->set, &fetch->exchange, head->status, is_hop, NULL);
    exchange_stats_time(publisher->set, &fetch->exchange, now_ns);
}

static void on_head(struct fetch *fetch, const struct http_head *head, uint64_t now_ns)
{
    struct slot *slot = slot_of(fetch);
    char message[MESSAGE_BYTES];

    (void)now_ns;
    if (head->status / 100 == 2) {
        slot->state = SLOT_ACCEPTED;
        stat_count(slot->publisher->set, METRIC_SSE_PUBLISHED, NULL, 1);
        return;
    }
    slot->state = SLOT_REFUSED;
    (void)snprintf(message, sizeof message, "status %d", head->status);
    fail(slot, answer_class_of_status(head->status), message);
}

static void on_body(struct fetch *fetch, const uint8_t *bytes, size_t len, uint64_t now_ns)
{
    (void)fetch;
    (void)bytes;
    (void)len;
    (void)now_ns;
}

static void on_end(struct fetch *fetch, const struct http_end *end, uint64_t now_ns)
{
    struct slot *slot = slot_of(fetch);

    (void)now_ns;
    if (slot->state == SLOT_ASKING) {
        if (!end->has_head)
            exchange_stats_unanswered(slot->publisher->set);
        fail(slot, end->error_class, end->message);
    }
    finish(slot);
}

/* For scripts, which have no limits of time that they did not set; and for answers without end. */
static void on_patience_over(struct timer *timer, uint64_t now_ns)
{
    struct slot *slot = CONTAINER_OF(timer, struct slot, timer);

    (void)now_ns;
    fetch_cancel(&slot->fetch, true);
    if (slot->state == SLOT_ASKING) {
        exchange_stats_unanswered(slot->publisher->set);
        fail(slot, CLASS_TIMEOUT_HEADERS, "no answer to a published message");
    }
    finish(slot);
}

/* --- the request --- */

/* Writes over every mark in the bytes; false where there is none. */
static bool put_mark(uint8_t *bytes, size_t len, const struct mark *mark)
{
    uint8_t *end = bytes + len, *at = bytes;
    struct mark blank;
    bool is_any = false;

    for (;;) {
        const uint8_t *place = mark_find(at, (size_t)(end - at), 0, &blank);

        if (!place)
            return is_any;
        at += place - at;
        mark_write(mark, at);
        at += MARK_BYTES;
        is_any = true;
    }
}

/* What goes out a second time is another attempt: the first may have been taken. */
static void write_request(struct fetch *fetch, const struct fetch_hop *hop, struct buf *out,
                          const struct http_body **body)
{
    struct slot *slot = slot_of(fetch);
    struct publisher *publisher = slot->publisher;
    size_t before = out->len;
    struct mark mark = {.run = publisher->config.publish->run};

    request_write(publisher->request, &(struct request_variant){.hop = hop}, out, body);
    mark.written_ns = loop_refresh_ns(publisher->config.loop);
    if (slot->number == 0) {
        slot->number = publisher->next_number++;
        slot->first_ns = mark.written_ns;
    }
    if (slot->attempt < MARK_ATTEMPT_MAX)
        slot->attempt++;
    mark.number = slot->number;
    mark.attempt = slot->attempt;
    mark.first_ns = slot->first_ns;
    mark.settled = settled_below(publisher);
    (void)put_mark(out->bytes + before, out->len - before, &mark);
}

static const struct fetch_handlers handlers = {.write = write_request,
                                               .on_answer = on_answer,
                                               .on_head = on_head,
                                               .on_body = on_body,
                                               .on_end = on_end};

/* --- turns --- */

static void send_next(struct publisher *publisher, uint64_t now_ns)
{
    struct slot *slot = find_failed(publisher);

    if (!slot)
        slot = take_new(publisher);
    if (slot) {
        slot->state = SLOT_ASKING;
        loop_set_timer(publisher->config.loop, &slot->timer,
                       now_ns + PUBLISHER_PATIENCE_S * CLOCK_NS_PER_S, on_patience_over);
        fetch_start(&slot->fetch, &publisher->order, &slot->session);
        return;
    }
    if (!publisher->has_warned)
        log_warning("publishing falls behind its rate: %d messages wait to be accepted",
                    PUBLISHER_SPAN);
    publisher->has_warned = true;
}

static void on_due(struct timer *timer, uint64_t now_ns)
{
    struct publisher *publisher = CONTAINER_OF(timer, struct publisher, timer);

    while (publisher->due_ns <= now_ns) {
        publisher->due_ns += publisher->interval_ns;
        send_next(publisher, now_ns);
    }
    loop_set_timer(publisher->config.loop, timer, publisher->due_ns, on_due);
}

/* --- public --- */

struct feed *publisher_feed(void)
{
    static const char HEAD[] = "mark\n";
    uint8_t text[sizeof HEAD - 1 + MARK_BYTES];
    struct err err = {0};

    (void)memcpy(text, HEAD, sizeof HEAD - 1);
    mark_write(&(struct mark){0}, text + sizeof HEAD - 1);
    return feed_parse((const char *)text, sizeof text, &err);
}

static struct request *make_request(const struct plan_publish *publish, const struct feed *feed,
                                    struct err *err)
{
    struct request_spec spec = {.url = publish->url, .message = &publish->message, .feed = feed};

    return request_new(&spec, err);
}

struct publisher *publisher_new(const struct publisher_config *config, struct err *err)
{
    struct publisher *publisher = x_calloc(1, sizeof *publisher);
    const struct plan_publish *publish = config->publish;
    char *name;

    publisher->config = *config;
    publisher->feed = publisher_feed();
    publisher->request = make_request(publish, publisher->feed, err);
    publisher->next_number = 1;
    publisher->interval_ns = (uint64_t)((double)CLOCK_NS_PER_S / publish->rate_per_s);
    for (size_t i = 0; i < PUBLISHER_SPAN; i++)
        publisher->slots[i].publisher = publisher;
    if (!publisher->request) {
        publisher_free(publisher);
        return NULL;
    }
    for (size_t i = 0; i < PUBLISHER_SPAN; i++)
        http_session_set_auth(&publisher->slots[i].session, SESSION_AUTH_STREAM,
                              request_make_auth(publisher->request, 0));
    publisher->order = (struct fetch_order){
        .client = config->client,
        .loop = config->loop,
        .rng = config->rng,
        .handlers = &handlers,
        .url = request_url(publisher->request),
        .origin = http_origin_of(request_url(publisher->request)),
        .method = request_method(publisher->request),
        .auth_place = SESSION_AUTH_STREAM,
        .wants_decoding = request_wants_decoding(publisher->request),
    };
    name = url_hide_userinfo(publish->url, strlen(publish->url));
    publisher->endpoint =
        stats_add_endpoint(config->stats, request_method(publisher->request), name);
    free(name);
    publisher->set = stats_endpoint_set(config->stats, publisher->endpoint);
    return publisher;
}

void publisher_free(struct publisher *publisher)
{
    if (!publisher)
        return;
    publisher_stop(publisher);
    for (size_t i = 0; i < PUBLISHER_SPAN; i++)
        http_session_close(&publisher->slots[i].session, true);
    request_free(publisher->request);
    feed_free(publisher->feed);
    free(publisher);
}

void publisher_start(struct publisher *publisher)
{
    if (!publisher || publisher->has_begun)
        return;
    publisher->has_begun = true;
    publisher->due_ns = loop_now_ns(publisher->config.loop) + publisher->interval_ns;
    loop_set_timer(publisher->config.loop, &publisher->timer, publisher->due_ns, on_due);
}

void publisher_stop(struct publisher *publisher)
{
    if (!publisher)
        return;
    publisher->has_begun = true; /* not to begin again */
    loop_cancel_timer(publisher->config.loop, &publisher->timer);
    for (size_t i = 0; i < PUBLISHER_SPAN; i++) {
        loop_cancel_timer(publisher->config.loop, &publisher->slots[i].timer);
        fetch_cancel(&publisher->slots[i].fetch, true);
    }
}

int publisher_check(const struct plan_publish *publish, struct err *err)
{
    const struct plan_message *message = &publish->message;
    struct feed *feed = publisher_feed();
    struct request *request = make_request(publish, feed, err);

    feed_free(feed);
    request_free(request);
    if (!request)
        return -1;
    /* The column may have blanks around its name; nothing else has braces here. */
    if (message->body && memmem(message->body, message->body_bytes, "{{", 2))
        return 0;
    err_set(err, ERR_USAGE, "the data has no {{mark}}, by which a message is known when it comes");
    return -1;
}

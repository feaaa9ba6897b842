#include "demo/event.h"

#include "base/clock.h"
#include "sse/encoder.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *const event_topics[] = {"orders", "billing", "alerts", "inventory", NULL};
const char *const event_channels[] = {"metrics", "alerts", "deployments", NULL};
const char *const event_tenants[] = {"acme-co", "globex", "initech", NULL};
const char *const event_regions[] = {"us-east-1", "eu-west-1", "ap-south-1", NULL};

const char *const event_ids_names[] = {"count", "redis", "random", "none", NULL};

static const char *const order_states[] = {"created", "paid", "packed", "shipped", "delivered"};

enum { ORDER_STATE_COUNT = sizeof order_states / sizeof order_states[0], ID_DIGITS_MAX = 18 };

static const uint64_t FILTER_SALT =
    0x66696c746572; /* "filter": the hash has nothing of the data's */
static const uint64_t ID_SALT = 0x7575696473;

/* The finaliser of splitmix64: every bit of the result hangs on every bit of the value. */
static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

int event_find_name(const char *const *names, const char *name, size_t len)
{
    for (int i = 0; names[i]; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
            return i;
    }
    return -1;
}

/* Of what the events say: a feed tells the same story under all ids, and filtered too. */
static uint64_t story_hash(const struct feed_key *key)
{
    uint64_t hash = mix((uint64_t)key->kind << 32 | key->choice);

    hash = mix(hash ^ ((uint64_t)key->tenant << 32 | key->region));
    hash = mix(hash ^ key->interval_ns);
    for (const char *byte = key->subject; *byte; byte++)
        hash = mix(hash ^ (uint8_t)*byte);
    return hash;
}

uint64_t event_key_hash(const struct feed_key *key)
{
    return mix(story_hash(key) ^ ((uint64_t)key->ids << 32 | key->filter));
}

bool event_passes(const struct feed_key *key, uint64_t seq)
{
    return key->filter <= 1 || mix(story_hash(key) ^ FILTER_SALT ^ mix(seq)) % key->filter == 0;
}

/*
 * Of n names asked for, each stands once in every n events, in turns that start at a mixed place:
 * no stream waits long for any of them.
 */
static const char *choose(const struct feed_key *key, const char *const *names, uint64_t seq)
{
    unsigned count = (unsigned)__builtin_popcount(key->choice);
    uint64_t turn, skip;

    assert(count > 0);
    turn = mix(story_hash(key) ^ seq / count);
    skip = (seq + turn) % count;
    for (unsigned i = 0;; i++) {
        if (key->choice >> i & 1 && skip-- == 0)
            return names[i];
    }
}

/* Whole, so that two events never share a millisecond: they are at least one apart. */
static uint64_t happened_ms(const struct feed_key *key, uint64_t seq,
                            const struct event_clock *clock)
{
    return (uint64_t)clock->epoch_unix_ms + seq * key->interval_ns / CLOCK_NS_PER_MS;
}

/* NULL: the feed has no ids. */
static const char *write_id(const struct feed_key *key, uint64_t seq,
                            const struct event_clock *clock, char text[static EVENT_ID_LIMIT_BYTES])
{
    uint64_t high, low;

    switch (key->ids) {
    case EVENT_IDS_COUNT:
        (void)snprintf(text, EVENT_ID_LIMIT_BYTES, "%" PRIu64, seq);
        return text;
    case EVENT_IDS_REDIS:
        (void)snprintf(text, EVENT_ID_LIMIT_BYTES, "%" PRIu64 "-0", happened_ms(key, seq, clock));
        return text;
    case EVENT_IDS_RANDOM:
        high = mix(story_hash(key) ^ ID_SALT ^ mix(seq));
        low = mix(high ^ seq);
        (void)snprintf(text, EVENT_ID_LIMIT_BYTES, "%08x-%04x-%04x-%04x-%012" PRIx64,
                       (unsigned)(high >> 32), (unsigned)(high >> 16 & 0xffff),
                       (unsigned)(high & 0xffff), (unsigned)(low >> 48), low & 0xffffffffffff);
        return text;
    case EVENT_IDS_NONE:
        break;
    }
    return NULL;
}

void event_append(struct buf *out, const struct feed_key *key, uint64_t seq,
                  const struct event_clock *clock)
{
    char id[EVENT_ID_LIMIT_BYTES], data[EVENT_LIMIT_BYTES];
    const char *name = "notification";
    unsigned value = (unsigned)(mix(story_hash(key) + seq) % 1000);
    double sent_ms =
        clock->epoch_unix_ms + (double)(seq * key->interval_ns) / (double)CLOCK_NS_PER_MS;
    size_t start = out->len;
    int used = snprintf(data, sizeof data, "{\"seq\":%" PRIu64 ",\"sent_ms\":%.3f", seq, sent_ms);
    size_t left = sizeof data - (size_t)used;
    char *rest = data + used;

    switch (key->kind) {
    case FEED_NONE:
    case FEED_EVENTS:
        (void)snprintf(rest, left, ",\"message\":\"notification %" PRIu64 "\",\"value\":%u}", seq,
                       value);
        break;
    case FEED_NOTIFICATIONS:
        (void)snprintf(rest, left, ",\"topic\":\"%s\",\"value\":%u}",
                       choose(key, event_topics, seq), value);
        break;
    case FEED_ORDER:
        name = "order";
        (void)snprintf(rest, left, ",\"order_id\":\"%s\",\"status\":\"%s\"}", key->subject,
                       order_states[seq % ORDER_STATE_COUNT]);
        break;
    case FEED_ANALYTICS:
        name = choose(key, event_channels, seq);
        (void)snprintf(rest, left,
                       ",\"tenant\":\"%s\",\"region\":\"%s\",\"channel\":\"%s\",\"value\":%u}",
                       event_tenants[key->tenant], event_regions[key->region], name, value);
        break;
    }
    (void)sse_encode_event(out, write_id(key, seq, clock, id), name, data, strlen(data));
    assert(out->len - start <= EVENT_LIMIT_BYTES);
}

static const char ODD_FIELD[] = "remark: not a field of an event stream\n";

void event_append_damaged(struct buf *out, const struct feed_key *key, uint64_t seq,
                          const struct event_clock *clock, enum event_damage damage)
{
    size_t start = out->len;
    uint8_t *text;

    if (damage == EVENT_ODD_FIELD)
        (void)buf_append(out, ODD_FIELD, sizeof ODD_FIELD - 1);
    event_append(out, key, seq, clock);
    switch (damage) {
    case EVENT_CUT_DATA: /* "…}" and two line ends */
        out->len -= 3;
        (void)buf_append(out, "\n\n", 2);
        break;
    case EVENT_SPOILED_DATA: /* every kind of event has a text in its data */
        text = memmem(out->bytes + start, out->len - start, ":\"", 2);
        assert(text);
        text[2] = 0xff;
        break;
    case EVENT_ODD_FIELD:
        break;
    }
}

/* Digits and nothing else. */
static bool read_number(const char *text, size_t len, uint64_t *number)
{
    *number = 0;
    if (len == 0 || len > ID_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *number = *number * 10 + (uint64_t)(text[i] - '0');
    }
    return true;
}

bool event_find_seq(const struct feed_key *key, const struct event_clock *clock, const char *id,
                    size_t len, uint64_t *seq)
{
    uint64_t epoch_ms = (uint64_t)clock->epoch_unix_ms, ms, since_ms;

    if (key->ids == EVENT_IDS_COUNT)
        return read_number(id, len, seq);
    if (key->ids != EVENT_IDS_REDIS || len < 3 || memcmp(id + len - 2, "-0", 2) != 0 ||
        !read_number(id, len - 2, &ms) || ms < epoch_ms)
        return false;
    since_ms = ms - epoch_ms;
    if (since_ms > UINT64_MAX / CLOCK_NS_PER_MS - 1)
        return false;
    *seq = ((since_ms + 1) * CLOCK_NS_PER_MS - 1) / key->interval_ns;
    return true;
}

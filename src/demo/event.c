#include "demo/event.h"

#include "sse/encoder.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *const event_topics[] = {"orders", "billing", "alerts", "inventory", NULL};
const char *const event_channels[] = {"metrics", "alerts", "deployments", NULL};
const char *const event_tenants[] = {"acme-co", "globex", "initech", NULL};
const char *const event_regions[] = {"us-east-1", "eu-west-1", "ap-south-1", NULL};

static const char *const order_states[] = {"created", "paid", "packed", "shipped", "delivered"};

enum { ORDER_STATE_COUNT = sizeof order_states / sizeof order_states[0] };

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

uint64_t event_key_hash(const struct feed_key *key)
{
    uint64_t hash = mix((uint64_t)key->kind << 32 | key->choice);

    hash = mix(hash ^ ((uint64_t)key->tenant << 32 | key->region));
    hash = mix(hash ^ key->interval_ns);
    for (const char *byte = key->subject; *byte; byte++)
        hash = mix(hash ^ (uint8_t)*byte);
    return hash;
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
    turn = mix(event_key_hash(key) ^ seq / count);
    skip = (seq + turn) % count;
    for (unsigned i = 0;; i++) {
        if (key->choice >> i & 1 && skip-- == 0)
            return names[i];
    }
}

void event_append(struct buf *out, const struct feed_key *key, uint64_t seq, double sent_ms)
{
    char id[24], data[EVENT_LIMIT_BYTES];
    const char *name = "notification";
    unsigned value = (unsigned)(mix(event_key_hash(key) + seq) % 1000);
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
    (void)snprintf(id, sizeof id, "%" PRIu64, seq);
    (void)sse_encode_event(out, id, name, data, strlen(data));
    assert(out->len - start <= EVENT_LIMIT_BYTES);
}

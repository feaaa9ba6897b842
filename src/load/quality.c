#include "load/quality.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "load/expect.h"
#include "load/plan.h"
#include "stats/stats.h"

#include <stdlib.h>

/* Of a moment that shares its 64 bits; the clock has run 292 years when it needs the last one. A
 * constant of the language, so that the compiler sees that it fits. */
#define TIME_MASK (UINT64_MAX >> 1)

struct quality {
    struct stats *stats;   /* borrowed */
    struct expect *expect; /* owned */
    uint64_t heartbeat_ns; /* 0: silence is not looked at */
};

struct quality *quality_new(const struct plan_checks *checks, struct stats *stats,
                            const struct feed *feed, struct err *err)
{
    struct expect *expect = expect_new(checks, feed, err);
    struct quality *quality;

    if (!expect)
        return NULL;
    quality = x_calloc(1, sizeof *quality);
    *quality =
        (struct quality){.stats = stats, .expect = expect, .heartbeat_ns = checks->heartbeat_ns};
    return quality;
}

void quality_free(struct quality *quality)
{
    if (!quality)
        return;
    expect_free(quality->expect);
    free(quality);
}

static void count(const struct quality *quality, size_t endpoint, enum malformed kind,
                  const uint8_t *text, size_t len)
{
    struct stat_set *set = stats_endpoint_set(quality->stats, endpoint);
    struct examples *examples = stats_examples(quality->stats);
    struct example example;

    stat_count(set, METRIC_SSE_MALFORMED, NULL, 1);
    stat_count(set, METRIC_SSE_MALFORMED, malformed_tag(kind), 1);
    if (!examples_wants(examples, kind))
        return;
    example = (struct example){.kind = kind, .endpoint = endpoint, .unix_ms = clock_unix_ms()};
    excerpt_write(example.text, text, len);
    examples_add(examples, &example);
}

void quality_open(struct quality_stream *stream, uint32_t row, uint64_t now_ns)
{
    *stream = (struct quality_stream){.last_byte_ns = now_ns & TIME_MASK, .row = row};
}

uint64_t quality_silence_ns(const struct quality_stream *stream, uint64_t now_ns)
{
    /* A receipt stamped by the kernel may lie before the moment that the headers were read. */
    return now_ns > stream->last_byte_ns ? now_ns - stream->last_byte_ns : 0;
}

void quality_note_bytes(struct quality_stream *stream, uint64_t now_ns)
{
    stream->last_byte_ns = now_ns & TIME_MASK;
}

void quality_look(const struct quality *quality, size_t endpoint, struct quality_stream *stream,
                  uint64_t now_ns)
{
    if (quality->heartbeat_ns == 0 || stream->was_silent ||
        quality_silence_ns(stream, now_ns) <= quality->heartbeat_ns)
        return;
    stream->was_silent = true;
    stat_count(stats_endpoint_set(quality->stats, endpoint), METRIC_SSE_MISSED_HEARTBEATS, NULL, 1);
}

void quality_bytes(const struct quality *quality, size_t endpoint, struct quality_stream *stream,
                   uint64_t now_ns)
{
    quality_look(quality, endpoint, stream, now_ns);
    quality_note_bytes(stream, now_ns);
    stream->was_silent = false;
}

void quality_fault(const struct quality *quality, size_t endpoint, enum sse_fault fault,
                   const uint8_t *text, size_t len)
{
    switch (fault) {
    case SSE_FAULT_NONE:
        break;
    case SSE_UNKNOWN_FIELD:
        count(quality, endpoint, MALFORMED_UNKNOWN_FIELD, text, len);
        break;
    case SSE_OVERSIZE:
        count(quality, endpoint, MALFORMED_TOO_LARGE, text, len);
        break;
    }
}

static void judge_text(const struct quality *quality, size_t endpoint,
                       const struct sse_event *event)
{
    if (!utf8_valid(event->data, event->data_bytes))
        count(quality, endpoint, MALFORMED_INVALID_UTF8, event->data, event->data_bytes);
    else if (!utf8_valid(event->name, event->name_bytes))
        count(quality, endpoint, MALFORMED_INVALID_UTF8, event->name, event->name_bytes);
}

void quality_event(const struct quality *quality, size_t endpoint, struct quality_stream *stream,
                   const struct sse_event *event)
{
    if (!utf8_is_ascii(event->data, event->data_bytes) ||
        !utf8_is_ascii(event->name, event->name_bytes))
        judge_text(quality, endpoint, event);
    if (!expect_json_holds(quality->expect, event))
        count(quality, endpoint, MALFORMED_JSON, event->data, event->data_bytes);
    if (!stream)
        return;
    if (!expect_data_holds(quality->expect, event, stream->row))
        count(quality, endpoint, MALFORMED_DATA, event->data, event->data_bytes);
    stream->seen |= expect_event_bit(quality->expect, event);
}

bool quality_is_met(const struct quality *quality, const struct quality_stream *stream)
{
    uint32_t all = expect_all_events(quality->expect);

    return (stream->seen & all) == all;
}

void quality_close(const struct quality *quality, size_t endpoint, struct quality_stream *stream,
                   bool is_finished, uint64_t now_ns)
{
    struct buf missing = {0};

    quality_look(quality, endpoint, stream, now_ns);
    if (!is_finished || quality_is_met(quality, stream))
        return;
    expect_write_missing(quality->expect, stream->seen, &missing);
    count(quality, endpoint, MALFORMED_MISSING_EVENT, missing.bytes, missing.len);
    buf_fini(&missing);
}

#include "load/stream_stats.h"

#include "base/clock.h"
#include "load/exchange_stats.h"

#include <stdio.h>
#include <string.h>

enum { TAG_BYTES = 96, STREAM_STATS_PATIENCE_MS = 1000 };

static const char *phase_of(const struct stream *stream)
{
    return stream->attempt_count <= 1 ? "phase:first" : "phase:resume";
}

static struct stats *stats_of(const struct stream *stream)
{
    return stream_engine_stats(stream->target->engine);
}

void stream_stats_attempt(const struct stream *stream)
{
    struct stat_set *set = stream->target->set;

    stat_count(set, METRIC_SSE_ATTEMPTS, NULL, 1);
    stat_count(set, METRIC_SSE_ATTEMPTS, phase_of(stream), 1);
    if (stream->attempt_count > 1)
        stat_count(set, METRIC_SSE_RECONNECTS, NULL, 1);
}

void stream_stats_answer(const struct stream *stream, int status, bool is_hop, uint64_t now_ns)
{
    const struct http_exchange *exchange = &stream->fetch.exchange;

    exchange_stats_answer(stream->target->set, exchange, status, is_hop, phase_of(stream));
    exchange_stats_time(stream->target->set, exchange, now_ns);
}

void stream_stats_connected(const struct stream *stream, uint64_t now_ns)
{
    struct stat_set *set = stream->target->set;
    const struct http_exchange *exchange = &stream->fetch.exchange;
    uint64_t took_ns = now_ns - stream->attempt_began_ns;

    stat_pass(set, METRIC_SSE_CONNECT_SUCCESS, NULL, true);
    stat_pass(set, METRIC_SSE_CONNECT_SUCCESS, phase_of(stream), true);
    stat_time(set, METRIC_SSE_CONNECTING, NULL, took_ns);
    stat_time(set, METRIC_SSE_CONNECTING, phase_of(stream), took_ns);
    if (exchange->dns_us > 0)
        stat_time(set, METRIC_SSE_CONNECTING, "part:dns", exchange->dns_us * CLOCK_NS_PER_US);
    if (!exchange->is_reused)
        stat_time(set, METRIC_SSE_CONNECTING, "part:connect",
                  exchange->connect_us * CLOCK_NS_PER_US);
    if (exchange->is_tls)
        stat_time(set, METRIC_SSE_CONNECTING, "part:tls", exchange->tls_us * CLOCK_NS_PER_US);
    stat_time(set, METRIC_SSE_CONNECTING, "part:wait", now_ns - exchange->sent_ns);
}

static void add_error(const struct stream *stream, enum error_class error_class,
                      const char *message)
{
    stats_add_error(stats_of(stream), stream->target->endpoint, error_class, message,
                    clock_unix_ms());
}

/* An attempt that a head came for has been counted as a request already. */
static void count_unanswered(const struct stream *stream)
{
    if (!stream->has_head)
        exchange_stats_unanswered(stream->target->set);
}

void stream_stats_refused(const struct stream *stream, enum error_class error_class,
                          const char *message)
{
    struct stat_set *set = stream->target->set;

    stat_pass(set, METRIC_SSE_CONNECT_SUCCESS, NULL, false);
    stat_pass(set, METRIC_SSE_CONNECT_SUCCESS, phase_of(stream), false);
    stat_pass(set, METRIC_SSE_STREAM_SUCCESS, NULL, false);
    if (stream->attempt_count > 1)
        stat_pass(set, METRIC_SSE_RECONNECT_SUCCESS, NULL, false);
    count_unanswered(stream);
    if (error_class != CLASS_NONE)
        add_error(stream, error_class, message);
}

void stream_stats_stopped(const struct stream *stream)
{
    struct stat_set *set = stream->target->set;

    if (stream->attempt_count <= 1) {
        stream_stats_refused(stream, CLASS_NONE, NULL);
        return;
    }
    stat_pass(set, METRIC_SSE_CONNECT_SUCCESS, NULL, false);
    stat_pass(set, METRIC_SSE_CONNECT_SUCCESS, phase_of(stream), false);
    stat_count(set, METRIC_SSE_COMPLETED, NULL, 1);
}

void stream_stats_gave_up(const struct stream *stream)
{
    /* Who never was on a stream and asked once has given up nothing. */
    if (stream->attempt_count > 1 || stream->ended_ns != 0)
        stat_count(stream->target->set, METRIC_SSE_GAVE_UP, NULL, 1);
}

void stream_stats_pending(const struct stream *stream)
{
    stat_count(stream->target->set, METRIC_SSE_PENDING, NULL, 1);
}

/* "event:NAME", with what cannot stand in a tag replaced. */
static void count_name(struct stat_set *set, const struct sse_event *event)
{
    char tag[TAG_BYTES] = "event:";
    size_t at = strlen(tag);

    for (size_t i = 0; i < event->name_bytes && at < sizeof tag - 1; i++) {
        uint8_t byte = event->name[i];

        tag[at++] = byte < ' ' || byte == '{' || byte == '}' || byte > '~' ? '?' : (char)byte;
    }
    tag[at] = '\0';
    stat_count(set, METRIC_SSE_EVENTS, tag, 1);
}

void stream_stats_event(const struct stream *stream, const struct sse_event *event, uint64_t now_ns)
{
    struct stat_set *set = stream->target->set;

    stat_count(set, METRIC_SSE_EVENTS, NULL, 1);
    if (event->name_bytes > 0)
        count_name(set, event);
    if (stream->last_event_ns != 0) {
        stat_time(set, METRIC_SSE_EVENT_GAP, NULL, now_ns - stream->last_event_ns);
        return;
    }
    stat_time(set, METRIC_SSE_TTFE, NULL, now_ns - stream->attempt_began_ns);
    stat_time(set, METRIC_SSE_TTFE, phase_of(stream), now_ns - stream->attempt_began_ns);
    if (stream->attempt_count > 1) {
        stat_pass(set, METRIC_SSE_RECONNECT_SUCCESS, NULL, true);
        if (stream->ended_ns != 0)
            stat_time(set, METRIC_SSE_RECOVERY, NULL, now_ns - stream->ended_ns);
    }
}

void stream_stats_disconnect(const struct stream *stream, enum error_class error_class,
                             const char *message, uint64_t now_ns)
{
    struct stat_set *set = stream->target->set;
    char tag[TAG_BYTES];

    (void)snprintf(tag, sizeof tag, "cause:%s", error_class_name(error_class));
    stat_count(set, METRIC_SSE_DISCONNECTS, NULL, 1);
    stat_count(set, METRIC_SSE_DISCONNECTS, tag, 1);
    stat_time(set, METRIC_SSE_DURATION, NULL, now_ns - stream->opened_ns);
    stat_pass(set, METRIC_SSE_STREAM_SUCCESS, NULL, false);
    if (stream->attempt_count > 1 && stream->event_count == 0)
        stat_pass(set, METRIC_SSE_RECONNECT_SUCCESS, NULL, false);
    add_error(stream, error_class, message);
}

void stream_stats_closed_by_us(const struct stream *stream, bool is_run_end, uint64_t now_ns)
{
    struct stat_set *set = stream->target->set;

    stat_count(set, METRIC_SSE_CLOSED_BY_US, NULL, 1);
    stat_time(set, is_run_end ? METRIC_SSE_OPEN_AGE : METRIC_SSE_DURATION, NULL,
              now_ns - stream->opened_ns);
    /* A stream that the run's end cut short had no time to show whether it works. */
    if (stream->event_count > 0 || !is_run_end ||
        now_ns - stream->opened_ns > STREAM_STATS_PATIENCE_MS * CLOCK_NS_PER_MS)
        stat_pass(set, METRIC_SSE_STREAM_SUCCESS, NULL, stream->event_count > 0);
}

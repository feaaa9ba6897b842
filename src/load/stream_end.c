#include "load/stream_end.h"

#include "base/clock.h"
#include "base/mem.h"
#include "load/wave_stats.h"

#include <assert.h>
#include <stdio.h>

enum { STREAM_MESSAGE_BYTES = 256 };

/* Behind its end mark a response usually ends at once, and the connection can be used again. */
static const uint64_t RESPONSE_END_WAIT_NS = 100 * CLOCK_NS_PER_MS;

static const bool legal[STREAM_STATE_COUNT][STREAM_STATE_COUNT] = {
    [STREAM_IDLE] = {[STREAM_LOGGING_IN] = true, [STREAM_REQUESTING] = true},
    [STREAM_LOGGING_IN] =
        {[STREAM_REQUESTING] = true, [STREAM_WAITING] = true, [STREAM_IDLE] = true},
    [STREAM_REQUESTING] = {[STREAM_LOGGING_IN] = true,
                           [STREAM_OPEN] = true,
                           [STREAM_WAITING] = true,
                           [STREAM_IDLE] = true},
    [STREAM_OPEN] = {[STREAM_WAITING] = true, [STREAM_IDLE] = true},
    [STREAM_WAITING] =
        {[STREAM_LOGGING_IN] = true, [STREAM_REQUESTING] = true, [STREAM_IDLE] = true},
};

static bool is_asking(uint8_t state)
{
    return state == STREAM_REQUESTING || state == STREAM_LOGGING_IN;
}

void stream_enter(struct stream *stream, enum stream_state state)
{
    struct stream_engine *engine = stream->target->engine;

    assert(legal[stream->state][state]);
    engine->open_count -= stream->state == STREAM_OPEN;
    engine->requesting_count -= is_asking(stream->state);
    engine->open_count += state == STREAM_OPEN;
    engine->requesting_count += is_asking((uint8_t)state);
    loop_cancel_timer(engine->config.loop, &stream->timer);
    stream->state = (uint8_t)state;
    if (state == STREAM_IDLE)
        stream_stats_over(&stream->target->place, &stream->record);
}

static void on_retry_due(struct timer *timer, uint64_t now_ns)
{
    struct stream *stream = CONTAINER_OF(timer, struct stream, timer);

    if (stream->closes_ns > 0 && now_ns >= stream->closes_ns) {
        stream_end_by_us(stream, now_ns);
        return;
    }
    /* Many may be due at once. What a start takes is not to count as the next one's time. */
    stream_begin_attempt(stream, loop_refresh_ns(stream->target->engine->config.loop));
}

/* Until its next attempt, or until the time it has in all is over. */
static void wait_until(struct stream *stream, uint64_t due_ns)
{
    if (stream->closes_ns > 0 && stream->closes_ns < due_ns)
        due_ns = stream->closes_ns;
    stream_enter(stream, STREAM_WAITING);
    loop_set_timer(stream->target->engine->config.loop, &stream->timer, due_ns, on_retry_due);
}

void stream_finish(struct stream *stream, enum stream_ending ending, uint64_t now_ns)
{
    const struct stream_observer *observer = stream->target->engine->config.observer;

    stream_enter(stream, STREAM_IDLE);
    if (observer->on_ended)
        observer->on_ended(stream, ending, now_ns);
}

void stream_give_up(struct stream *stream, uint64_t now_ns)
{
    stream_stats_gave_up(&stream->target->place, &stream->record);
    stream_finish(stream, STREAM_FAILED, now_ns);
}

/* The retry time, spread, then capped. */
static uint64_t retry_wait_ns(struct stream *stream, uint64_t asked_ns)
{
    const struct plan *plan = stream->target->engine->config.plan;
    uint64_t wait_ns = asked_ns ? asked_ns : (uint64_t)stream->retry_ms * CLOCK_NS_PER_MS;
    double spread = 2.0 * rng_unit(&stream->target->engine->rng) - 1.0;

    /* What the server asked for is spread upwards only. */
    if (asked_ns && spread < 0)
        spread = -spread;
    wait_ns = (uint64_t)((double)wait_ns * (1.0 + plan->jitter_ratio * spread));
    return wait_ns < plan->retry_max_ns ? wait_ns : plan->retry_max_ns;
}

void stream_tell_failure(struct stream *stream, enum error_class error_class, const char *message,
                         uint64_t retry_ns, uint64_t now_ns)
{
    const struct stream_observer *observer = stream->target->engine->config.observer;

    if (observer->on_failure)
        observer->on_failure(stream, error_class, message, retry_ns, now_ns);
}

void stream_wait_for_retry(struct stream *stream, enum error_class error_class, const char *message,
                           uint64_t asked_ns, uint64_t now_ns)
{
    uint64_t wait_ns = retry_wait_ns(stream, asked_ns);

    if (asked_ns > 0)
        wave_stats_retry_after(&stream->target->place, &stream->record, wait_ns >= asked_ns);
    wait_until(stream, clock_add_ns(now_ns, wait_ns));
    stream_tell_failure(stream, error_class, message, wait_ns, now_ns); /* may close the stream */
}

void stream_fail_attempt(struct stream *stream, enum error_class error_class, const char *message,
                         bool may_retry, uint64_t asked_ns, uint64_t now_ns)
{
    stream_stats_refused(&stream->target->place, &stream->record, error_class, message);
    if (may_retry) {
        stream_wait_for_retry(stream, error_class, message, asked_ns, now_ns);
        return;
    }
    if (asked_ns > 0)
        wave_stats_retry_after(&stream->target->place, &stream->record, false);
    stream_tell_failure(stream, error_class, message, CLOCK_NEVER_NS, now_ns);
    stream_give_up(stream, now_ns);
}

bool stream_retries_network_errors(const struct stream *stream)
{
    return stream->target->engine->config.plan->reconnect != PLAN_RECONNECT_NEVER;
}

void stream_disconnect(struct stream *stream, enum error_class error_class, const char *message,
                       uint64_t now_ns)
{
    stream_stats_disconnect(&stream->target->place, &stream->record, error_class, message, now_ns);
    sse_parser_reset(&stream->parser);
    if (stream_retries_network_errors(stream)) {
        stream_wait_for_retry(stream, error_class, message, 0, now_ns);
        return;
    }
    stream_tell_failure(stream, error_class, message, CLOCK_NEVER_NS, now_ns);
    if (error_class == CLASS_CLOSED) {
        stream_finish(stream, STREAM_COMPLETED, now_ns);
    } else if (stream->target->engine->config.plan->end_data) {
        stream_stats_incomplete(&stream->target->place);
        stream_finish(stream, STREAM_FAILED, now_ns);
    } else {
        stream_give_up(stream, now_ns);
    }
}

bool stream_cut(struct stream *stream, const struct stream_storm *storm, uint64_t now_ns)
{
    uint64_t wait_ns;

    if (stream->state != STREAM_OPEN || stream->cut != CUT_NONE)
        return false;
    stream_stats_cut(&stream->target->place, &stream->record, storm->index, now_ns);
    /* By RST, which spares both ends a TIME_WAIT for each stream of the storm. */
    fetch_cancel(&stream->fetch, true);
    sse_parser_reset(&stream->parser);
    wait_ns = storm->returns_at_once ? 0 : retry_wait_ns(stream, 0);
    wait_until(stream, clock_add_ns(clock_add_ns(now_ns, storm->away_ns), wait_ns));
    return true;
}

static void on_response_overdue(struct timer *timer, uint64_t now_ns)
{
    struct stream *stream = CONTAINER_OF(timer, struct stream, timer);

    fetch_cancel(&stream->fetch, true);
    stream_finish(stream, STREAM_COMPLETED, now_ns);
}

void stream_complete(struct stream *stream, uint64_t now_ns)
{
    stream_stats_completed(&stream->target->place, &stream->record, now_ns);
    sse_parser_reset(&stream->parser);
    loop_set_timer(stream->target->engine->config.loop, &stream->timer,
                   clock_add_ns(now_ns, RESPONSE_END_WAIT_NS), on_response_overdue);
}

void stream_end_open(struct stream *stream, const struct http_end *end, uint64_t now_ns)
{
    const char *end_data = stream->target->engine->config.plan->end_data;
    char message[STREAM_MESSAGE_BYTES];

    if (stream->cut == CUT_COMPLETE) {
        stream_finish(stream, STREAM_COMPLETED, now_ns);
    } else if (end->error_class != CLASS_NONE) {
        stream_disconnect(stream, end->error_class, end->message, now_ns);
    } else if (end_data) {
        (void)snprintf(message, sizeof message, "ended without %s", end_data);
        stream_disconnect(stream, CLASS_CLOSED_EARLY, message, now_ns);
    } else {
        stream_disconnect(stream, CLASS_CLOSED, "the server ended the stream", now_ns);
    }
}

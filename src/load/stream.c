#include "load/stream.h"

#include "base/clock.h"
#include "base/mem.h"
#include "load/answer.h"
#include "load/exchange_stats.h"
#include "load/read_rate.h"
#include "load/stream_end.h"
#include "load/stream_stats.h"
#include "load/wave_stats.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { STREAM_MESSAGE_BYTES = 256 };

_Static_assert(sizeof(struct stream) <= 280, "exists once a user");

/* --- the answer's head --- */

static void refuse(struct stream *stream, enum error_class error_class, const char *message,
                   bool may_retry, uint64_t asked_ns, uint64_t now_ns)
{
    fetch_cancel(&stream->fetch, true);
    stream_fail_attempt(stream, error_class, message, may_retry, asked_ns, now_ns);
}

void stream_end_by_us(struct stream *stream, uint64_t now_ns)
{
    const struct stream_observer *observer = stream->target->engine->config.observer;

    stream_close(stream, false, now_ns);
    if (observer->on_ended)
        observer->on_ended(stream, STREAM_ENDED_BY_US, now_ns);
}

static bool leaves_early(const struct stream *stream)
{
    const struct plan *plan = stream->target->engine->config.plan;

    return stream->will_abort && plan->readers.abort_ns < plan->stream_time_ns;
}

static void on_open_due(struct timer *timer, uint64_t now_ns)
{
    struct stream *stream = CONTAINER_OF(timer, struct stream, timer);

    if (now_ns < stream->closes_ns) {
        read_rate_go_on(stream, on_open_due, now_ns);
        return;
    }
    if (leaves_early(stream))
        stat_count(stream->target->place.set, METRIC_SSE_ABORTED, NULL, 1);
    stream_end_by_us(stream, now_ns);
}

static void open_stream(struct stream *stream, uint64_t now_ns)
{
    const struct stream_target *target = stream->target;
    const struct plan *plan = target->engine->config.plan;
    struct delivery_opening opening = {.key = stream->request_key};
    size_t last_id_bytes;

    (void)sse_parser_last_id(&stream->parser, &last_id_bytes);
    opening.is_resumed = last_id_bytes > 0;
    opening.row = stream->row;
    stream_stats_connected(&target->place, &stream->record, &stream->fetch.exchange, &opening,
                           now_ns);
    stream_enter(stream, STREAM_OPEN);
    stream->cut = CUT_NONE;
    stream->sampled_ns = now_ns;
    stream->sampled_count = 0;
    if (stream->closes_ns == 0)
        stream->closes_ns = clock_add_ns(now_ns, leaves_early(stream) ? plan->readers.abort_ns
                                                                      : plan->stream_time_ns);
    stream->is_slow = false;
    stream->late_us = 0;
    if (target->read_bytes_per_s > 0)
        stat_count(target->place.set, METRIC_SSE_SLOW_READERS, NULL, 1);
    loop_set_timer(target->engine->config.loop, &stream->timer, stream->closes_ns, on_open_due);
}

/* 204 tells an EventSource to stop: no error, but no stream either. */
static void stop_by_204(struct stream *stream, uint64_t now_ns)
{
    fetch_cancel(&stream->fetch, true);
    stream_stats_stopped(&stream->target->place, &stream->record);
    stream_finish(stream, STREAM_COMPLETED, now_ns);
}

static void refuse_status(struct stream *stream, const struct http_head *head, uint64_t now_ns)
{
    int status = head->status;
    bool may_retry = stream->target->engine->config.plan->reconnect == PLAN_RECONNECT_ALWAYS &&
                     answer_may_be_retried(status);
    uint64_t retry_after_ns = answer_retry_after_ns(head, clock_unix_ms());
    char message[STREAM_MESSAGE_BYTES];

    (void)snprintf(message, sizeof message, "status %d", status);
    stream_stats_turned_away(&stream->target->place, &stream->record, status, retry_after_ns,
                             !may_retry);
    refuse(stream, answer_class_of_status(status), message, may_retry, retry_after_ns, now_ns);
}

static void renew_login(struct stream *stream);

static bool may_renew(const struct stream *stream, int status)
{
    return status == 401 && stream->target->engine->config.login && !stream->has_renewed;
}

static struct stream *stream_of(struct fetch *fetch)
{
    return CONTAINER_OF(fetch, struct stream, fetch);
}

static void on_answer(struct fetch *fetch, const struct http_head *head, bool is_hop,
                      uint64_t now_ns)
{
    struct stream *stream = stream_of(fetch);
    const struct stream_observer *observer = stream->target->engine->config.observer;

    stream->record.has_head = !is_hop; /* behind which the next request is still to be answered */
    /* A token that has to be renewed is a hop on the way to the stream too. */
    stream_stats_answer(&stream->target->place, &stream->record, &stream->fetch.exchange, head,
                        is_hop || may_renew(stream, head->status));
    exchange_stats_time(stream->target->place.set, &stream->fetch.exchange, now_ns);
    if (observer->on_head)
        observer->on_head(stream, head, now_ns);
}

static void on_head(struct fetch *fetch, const struct http_head *head, uint64_t now_ns)
{
    struct stream *stream = stream_of(fetch);
    char message[STREAM_MESSAGE_BYTES], type[ANSWER_TEXT_BYTES];

    if (head->status == 200 && http_head_is_event_stream(head)) {
        open_stream(stream, now_ns);
    } else if (head->status == 200) {
        (void)snprintf(message, sizeof message, "content type '%s'",
                       answer_header(head, "content-type", type));
        refuse(stream, CLASS_CONTENT_TYPE, type[0] ? message : "no content type", false, 0, now_ns);
    } else if (head->status == 204) {
        stop_by_204(stream, now_ns);
    } else if (may_renew(stream, head->status)) {
        renew_login(stream);
    } else {
        refuse_status(stream, head, now_ns);
    }
}

/* --- the body --- */

static bool is_end_data(const char *end_data, const struct sse_event *event)
{
    return end_data && event->data_bytes == strlen(end_data) &&
           memcmp(event->data, end_data, event->data_bytes) == 0;
}

static void on_event(struct sse_parser *parser, const struct sse_event *event, uint64_t now_ns)
{
    struct stream *stream = CONTAINER_OF(parser, struct stream, parser);
    const struct stream_engine_config *config = &stream->target->engine->config;
    const char *failure =
        stream_stats_event(&stream->target->place, &stream->record, event, now_ns);

    stream->total_count++;
    if (config->observer->on_event)
        config->observer->on_event(stream, event, now_ns);
    if (is_end_data(config->plan->end_data, event)) {
        stream->cut = CUT_COMPLETE;
    } else if (failure) {
        stream->cut = CUT_FAILED;
        stream->failure = failure;
    } else if (stream->total_count == config->plan->events_per_stream) {
        stream->cut = CUT_BY_US;
    }
    if (stream->cut != CUT_NONE)
        sse_parser_stop(parser);
}

static void on_comment(struct sse_parser *parser, const uint8_t *text, size_t len, uint64_t now_ns)
{
    struct stream *stream = CONTAINER_OF(parser, struct stream, parser);
    const struct stream_observer *observer = stream->target->engine->config.observer;

    stat_count(stream->target->place.set, METRIC_SSE_COMMENTS, NULL, 1);
    if (observer->on_comment)
        observer->on_comment(stream, text, len, now_ns);
}

static void on_retry(struct sse_parser *parser, uint32_t retry_ms, uint64_t now_ns)
{
    struct stream *stream = CONTAINER_OF(parser, struct stream, parser);

    (void)now_ns;
    stream->retry_ms = retry_ms;
    stat_count(stream->target->place.set, METRIC_SSE_RETRY_LINES, NULL, 1);
}

static void on_id(struct sse_parser *parser, const uint8_t *id, size_t len, uint64_t now_ns)
{
    struct stream *stream = CONTAINER_OF(parser, struct stream, parser);

    (void)now_ns;
    stream_stats_id(&stream->target->place, &stream->record, id, len);
}

static void on_fault(struct sse_parser *parser, enum sse_fault fault, const uint8_t *text,
                     size_t len, uint64_t now_ns)
{
    const struct stream *stream = CONTAINER_OF(parser, struct stream, parser);

    (void)now_ns;
    stream_stats_fault(&stream->target->place, fault, text, len);
}

static const struct sse_handlers parser_handlers = {.on_event = on_event,
                                                    .on_id = on_id,
                                                    .on_comment = on_comment,
                                                    .on_retry = on_retry,
                                                    .on_fault = on_fault};

static void on_body(struct fetch *fetch, const uint8_t *bytes, size_t len, uint64_t now_ns)
{
    struct stream *stream = stream_of(fetch);
    const struct stream_engine_config *config = &stream->target->engine->config;
    enum sse_status status;

    if (stream->cut == CUT_COMPLETE)
        return; /* what follows an end mark is nobody's */
    if (config->plan->network.wants_kernel_times)
        stream_stats_received(&stream->target->place, now_ns, loop_now_ns(config->loop));
    stream_stats_body(&stream->target->place, &stream->record, len, now_ns);
    status = sse_parser_feed(&stream->parser, bytes, len, now_ns);
    stream_stats_parsed(&stream->target->place, &stream->record,
                        sse_parser_is_inside(&stream->parser));
    if (stream->cut == CUT_COMPLETE) {
        stream_complete(stream, now_ns);
    } else if (stream->cut == CUT_FAILED) {
        fetch_cancel(fetch, true);
        stream_disconnect(stream, CLASS_CLOSED_EARLY, stream->failure, now_ns);
    } else if (stream->cut == CUT_BY_US) {
        stream_end_by_us(stream, now_ns);
    } else if (status == SSE_TOO_LARGE) {
        fetch_cancel(fetch, true);
        stream_disconnect(stream, CLASS_TOO_LARGE, "a line or an event over the limit", now_ns);
    } else if (stream->target->read_bytes_per_s > 0) {
        read_rate_spend(stream, len, on_open_due, now_ns);
    }
}

static void on_end(struct fetch *fetch, const struct http_end *end, uint64_t now_ns)
{
    struct stream *stream = stream_of(fetch);
    /* A redirect that leads nowhere is no trouble of the network. */
    bool may_retry = stream_retries_network_errors(stream) &&
                     end->error_class != CLASS_STATUS_3XX && end->error_class != CLASS_DECODE;

    if (stream->state == STREAM_OPEN) {
        stream_end_open(stream, end, now_ns);
        return;
    }
    assert(stream->state == STREAM_REQUESTING);
    stream->record.has_head = end->has_head;
    stream_fail_attempt(stream, end->error_class, end->message, may_retry, 0, now_ns);
}

static bool locate(struct fetch *fetch, struct url *url)
{
    struct stream *stream = stream_of(fetch);

    return request_locate(stream->target->request, stream->row, url);
}

static void write_request(struct fetch *fetch, const struct fetch_hop *hop, struct buf *out,
                          const struct http_body **body)
{
    struct stream *stream = stream_of(fetch);
    struct request_variant variant = {.row = stream->row, .hop = hop};
    size_t start = out->len;

    variant.last_id = sse_parser_last_id(&stream->parser, &variant.last_id_bytes);
    request_write(stream->target->request, &variant, out, body);
    if (!hop->effect.is_redirected)
        stream->request_key = request_key(out->bytes + start, out->len - start);
}

static const struct fetch_handlers fetch_handlers = {.write = write_request,
                                                     .locate = locate,
                                                     .on_answer = on_answer,
                                                     .on_head = on_head,
                                                     .on_body = on_body,
                                                     .on_end = on_end};

/* --- an attempt: log in where that is due, then ask --- */

static void request(struct stream *stream)
{
    stream_enter(stream, STREAM_REQUESTING);
    stream->record.has_head = false;
    fetch_start(&stream->fetch, &stream->target->order, &stream->session);
}

static void count_attempt(struct stream *stream, uint64_t now_ns)
{
    stream_stats_attempt(&stream->target->place, &stream->record, now_ns);
}

static void fail_login(struct stream *stream, const struct login_result *result, uint64_t now_ns)
{
    bool may_retry = result->status == 0 ? stream_retries_network_errors(stream)
                                         : stream->target->engine->config.plan->reconnect ==
                                                   PLAN_RECONNECT_ALWAYS &&
                                               answer_may_be_retried(result->status);

    /* After a 401 an attempt is under way, and ends without a stream. */
    if (stream->has_renewed) {
        stream_stats_turned_away(&stream->target->place, &stream->record, 401, 0, !may_retry);
        stream_fail_attempt(stream, CLASS_STATUS_4XX, "status 401, and the login failed", may_retry,
                            result->retry_after_ns, now_ns);
    } else if (may_retry) {
        stream_wait_for_retry(stream, result->error_class, result->message, result->retry_after_ns,
                              now_ns);
    } else {
        stream_tell_failure(stream, result->error_class, result->message, CLOCK_NEVER_NS, now_ns);
        stream_give_up(stream, now_ns);
    }
}

static void on_logged_in(void *ctx, const struct login_result *result, uint64_t now_ns)
{
    struct stream *stream = ctx;

    stream->login = NULL; /* gone */
    stream->has_logged_in = result->error_class == CLASS_NONE;
    if (!stream->has_logged_in) {
        fail_login(stream, result, now_ns);
        return;
    }
    stream->had_login = true;
    /* Where only the login took place, no connection waits for the user's next one. */
    http_client_keep_only(&stream->session, &stream->target->order.origin);
    if (!stream->has_renewed)
        count_attempt(stream, now_ns);
    request(stream);
}

static void log_in(struct stream *stream)
{
    struct login_attempt *attempt;

    stream_enter(stream, STREAM_LOGGING_IN);
    stream->login = NULL;
    attempt = login_start(stream->target->engine->config.login, &stream->session, stream->row,
                          stream->had_login, on_logged_in, stream);
    if (attempt)
        stream->login = attempt;
}

/* The token has expired: the attempt goes on with a new one. */
static void renew_login(struct stream *stream)
{
    fetch_cancel(&stream->fetch, true);
    stream->has_renewed = true;
    log_in(stream);
}

void stream_begin_attempt(struct stream *stream, uint64_t now_ns)
{
    stream->has_renewed = false;
    if (stream->target->engine->config.login && !stream->has_logged_in) {
        log_in(stream);
        return;
    }
    count_attempt(stream, now_ns);
    request(stream);
}

/* --- public --- */

struct stream_engine *stream_engine_new(const struct stream_engine_config *config)
{
    struct stream_engine *engine = x_calloc(1, sizeof *engine);

    engine->config = *config;
    engine->parsers = sse_shared_new(&parser_handlers, SSE_LIMIT_DEFAULT_BYTES);
    rng_init(&engine->rng, config->plan->seed + config->plan->worker_index);
    return engine;
}

void stream_engine_free(struct stream_engine *engine)
{
    if (!engine)
        return;
    sse_shared_free(engine->parsers);
    free(engine);
}

uint32_t stream_engine_open_count(const struct stream_engine *engine)
{
    return engine->open_count;
}

uint32_t stream_engine_requesting_count(const struct stream_engine *engine)
{
    return engine->requesting_count;
}

struct rng *stream_engine_rng(struct stream_engine *engine)
{
    return &engine->rng;
}

struct stats *stream_engine_stats(const struct stream_engine *engine)
{
    return engine->config.stats;
}

void stream_target_init(struct stream_target *target, const struct request *request,
                        struct http_client *client, struct loop *loop, struct rng *rng)
{
    target->request = request;
    target->order = (struct fetch_order){
        .client = client,
        .loop = loop,
        .rng = rng,
        .handlers = &fetch_handlers,
        .url = request_url(request),
        .origin = http_origin_of(request_url(request)),
        .method = request_method(request),
        .auth_place = SESSION_AUTH_STREAM,
        .wants_decoding = request_wants_decoding(request),
        .redirect_limit = REDIRECT_LIMIT,
    };
}

void stream_init(struct stream *stream, struct stream_engine *engine)
{
    *stream = (struct stream){.state = STREAM_IDLE};
    sse_parser_init(&stream->parser, engine->parsers);
}

static void stop_asking(struct stream *stream, bool with_reset)
{
    if (stream->state == STREAM_LOGGING_IN && stream->login)
        login_cancel(stream->login);
    fetch_cancel(&stream->fetch, with_reset);
}

void stream_fini(struct stream *stream)
{
    if (stream->state != STREAM_IDLE) {
        stop_asking(stream, true);
        stream_enter(stream, STREAM_IDLE);
    }
    http_session_close(&stream->session, true);
    sse_parser_fini(&stream->parser);
}

void stream_start(struct stream *stream, const struct stream_target *target, uint32_t row,
                  uint64_t now_ns)
{
    assert(stream->state == STREAM_IDLE);
    sse_parser_reset(&stream->parser);
    sse_parser_set_last_id(&stream->parser, "", 0);
    if (stream->target != target)
        http_session_set_auth(&stream->session, SESSION_AUTH_STREAM,
                              request_make_auth(target->request, row));
    stream->target = target;
    stream->row = row;
    stream->record = (struct stream_record){0};
    stream->total_count = 0;
    stream->closes_ns = 0;
    stream->cut = CUT_NONE;
    stream->will_abort = false;
    stream->retry_ms =
        (uint32_t)(stream->target->engine->config.plan->retry_wait_ns / CLOCK_NS_PER_MS);
    stream_begin_attempt(stream, now_ns);
}

void stream_close(struct stream *stream, bool is_run_end, uint64_t now_ns)
{
    uint64_t patience_ns = stream->target->engine->config.plan->network.headers_timeout_ns;
    bool is_overdue;

    switch ((enum stream_state)stream->state) {
    case STREAM_OPEN:
        if (stream->cut == CUT_COMPLETE)
            break; /* counted already */
        stream_stats_closed_by_us(&stream->target->place, &stream->record, is_run_end, now_ns);
        break;
    case STREAM_REQUESTING:
        if (now_ns - stream->record.attempt_began_ns > patience_ns)
            stream_stats_refused(&stream->target->place, &stream->record, CLASS_TIMEOUT_HEADERS,
                                 "unanswered at the end of the run");
        else
            stream_stats_pending(&stream->target->place);
        break;
    case STREAM_LOGGING_IN:
        is_overdue = login_give_up(stream->login, now_ns);
        stream->login = NULL;
        /* After a 401 an attempt is under way. */
        if (stream->has_renewed && is_overdue)
            stream_stats_refused(&stream->target->place, &stream->record, CLASS_TIMEOUT_HEADERS,
                                 "unanswered at the end of the run");
        else if (stream->has_renewed)
            stream_stats_pending(&stream->target->place);
        break;
    case STREAM_IDLE:
    case STREAM_WAITING:
    case STREAM_STATE_COUNT:
        break;
    }
    if (!is_run_end)
        wave_stats_leave(&stream->target->place, &stream->record);
    /* At the end as any client leaves; before it by RST, which spares both ends a TIME_WAIT. */
    stop_asking(stream, !is_run_end);
    sse_parser_reset(&stream->parser);
    if (stream->state != STREAM_IDLE)
        stream_enter(stream, STREAM_IDLE);
}

void stream_sample(struct stream *stream, uint64_t now_ns)
{
    if (stream->state == STREAM_OPEN && stream->cut == CUT_NONE)
        stream_stats_sample(&stream->target->place, &stream->record, &stream->sampled_ns,
                            &stream->sampled_count, now_ns);
}

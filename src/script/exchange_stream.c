#include "script/exchange_stream.h"

#include "base/clock.h"
#include "base/mem.h"
#include "load/answer.h"
#include "load/plan.h"
#include "load/tokens.h"
#include "load/quality.h"
#include "sse/parser.h"
#include "wire/frame.h"

#include <stdio.h>
#include <stdlib.h>

enum { STREAM_MESSAGE_BYTES = 256 };

/* What a response that is an event stream has beside the bytes. */
struct exchange_stream {
    struct list node;          /* in the host's list while open */
    struct exchange *exchange; /* borrowed: the owner */
    struct stream_record record;
    struct sse_parser parser;
    uint64_t sampled_ns;
    uint32_t sampled_count;
    bool is_open;
    bool is_blind; /* past the parser's limit: the script reads on, nothing more is counted */
};

_Static_assert(sizeof(struct exchange_stream) <= 144, "exists once a stream");

static void on_event(struct sse_parser *parser, const struct sse_event *event, uint64_t now_ns)
{
    struct exchange_stream *stream = CONTAINER_OF(parser, struct exchange_stream, parser);

    /* What the service says of itself there is the script's to judge. */
    (void)stream_stats_event(&stream->exchange->order.place, &stream->record, event, now_ns);
}

static void on_comment(struct sse_parser *parser, const uint8_t *text, size_t len, uint64_t now_ns)
{
    const struct exchange_stream *stream = CONTAINER_OF(parser, struct exchange_stream, parser);

    (void)text;
    (void)len;
    (void)now_ns;
    stat_count(stream->exchange->order.place.set, METRIC_SSE_COMMENTS, NULL, 1);
}

/* What it asks for is the script's to heed. */
static void on_retry(struct sse_parser *parser, uint32_t retry_ms, uint64_t now_ns)
{
    const struct exchange_stream *stream = CONTAINER_OF(parser, struct exchange_stream, parser);

    (void)retry_ms;
    (void)now_ns;
    stat_count(stream->exchange->order.place.set, METRIC_SSE_RETRY_LINES, NULL, 1);
}

static void on_id(struct sse_parser *parser, const uint8_t *id, size_t len, uint64_t now_ns)
{
    struct exchange_stream *stream = CONTAINER_OF(parser, struct exchange_stream, parser);

    (void)now_ns;
    stream_stats_id(&stream->exchange->order.place, &stream->record, id, len);
}

static void on_fault(struct sse_parser *parser, enum sse_fault fault, const uint8_t *text,
                     size_t len, uint64_t now_ns)
{
    const struct exchange_stream *stream = CONTAINER_OF(parser, struct exchange_stream, parser);

    (void)now_ns;
    stream_stats_fault(&stream->exchange->order.place, fault, text, len);
}

static const struct sse_handlers parser_handlers = {.on_event = on_event,
                                                    .on_id = on_id,
                                                    .on_comment = on_comment,
                                                    .on_retry = on_retry,
                                                    .on_fault = on_fault};

static void forget(struct exchange_memory *memory)
{
    stream_stats_over(&memory->place, &memory->record);
    memory->record = (struct stream_record){0};
}

static struct exchange_memory *recall(const struct exchange_user *user, size_t endpoint)
{
    for (size_t i = 0; user->memory && i < EXCHANGE_MEMORY_LIMIT; i++) {
        struct exchange_memory *memory = &user->memory[i];

        if (memory->record.attempt_count > 0 && memory->place.endpoint == endpoint)
            return memory;
    }
    return NULL;
}

static void remember(struct exchange_host *host, struct exchange_user *user,
                     const struct stat_place *place, const struct stream_record *record)
{
    struct exchange_memory *memory = recall(user, place->endpoint);

    if (!user->memory) {
        user->memory = x_calloc(EXCHANGE_MEMORY_LIMIT, sizeof *user->memory);
        list_append(&host->users, &user->node);
    }
    for (size_t i = 0; !memory && i < EXCHANGE_MEMORY_LIMIT; i++) {
        if (user->memory[i].record.attempt_count == 0)
            memory = &user->memory[i];
    }
    if (!memory)
        memory = &user->memory[user->memory_turn++ % EXCHANGE_MEMORY_LIMIT];
    forget(memory);
    *memory = (struct exchange_memory){.place = *place, .record = *record};
}

static void open_stream(struct exchange *exchange, uint64_t now_ns)
{
    struct exchange_stream *stream = exchange->stream;
    struct delivery_opening opening = {.key = exchange->request_key,
                                       .is_resumed = exchange->order.is_resuming};

    exchange->host->asking_count--;
    exchange->host->open_count++;
    stream->is_open = true;
    stream->sampled_ns = now_ns;
    list_append(&exchange->host->open_streams, &stream->node);
    stream_stats_connected(&exchange->order.place, &stream->record, &exchange->fetch.exchange,
                           &opening, now_ns);
}

bool exchange_audit(struct exchange *exchange, struct delivery_view *view)
{
    if (exchange->stream)
        return exchange->stream->is_open && delivery_look(exchange->order.place.delivery,
                                                          exchange->stream->record.delivery, view);
    if (exchange->view)
        *view = *exchange->view;
    return exchange->view != NULL;
}

static void keep_audit(struct exchange *exchange)
{
    struct delivery_view view;

    if (!exchange_audit(exchange, &view))
        return;
    exchange->view = x_malloc(sizeof view);
    *exchange->view = view;
}

/* The figures are complete: what the next one needs is kept with the user. */
static void end_stream(struct exchange *exchange, uint64_t now_ns)
{
    struct exchange_stream *stream = exchange->stream;

    keep_audit(exchange);
    if (stream->is_open)
        exchange->host->open_count--;
    else
        exchange->host->asking_count--;
    if (stream->is_open)
        stream->record.ended_ns = now_ns;
    remember(exchange->host, exchange->user, &exchange->order.place, &stream->record);
    list_remove(&stream->node);
    sse_parser_fini(&stream->parser);
    pool_give(exchange->host->streams, stream);
    exchange->stream = NULL;
}

static void refuse_stream(struct exchange *exchange, enum error_class error_class,
                          const char *message, uint64_t now_ns)
{
    stream_stats_refused(&exchange->order.place, &exchange->stream->record, error_class, message);
    end_stream(exchange, now_ns);
}

/* --- what all streams, and those of a user, share --- */

int exchange_host_init(struct exchange_host *host, struct loop *loop, struct stats *stats,
                       const struct plan *plan, struct err *err)
{
    *host = (struct exchange_host){.loop = loop, .stats = stats};
    host->wants_kernel_times = plan->network.wants_kernel_times;
    list_init(&host->open_streams);
    list_init(&host->users);
    host->quality = quality_new(&plan->checks, stats, NULL, err);
    if (!host->quality)
        return -1;
    host->delivery = delivery_new(&plan->checks, true);
    if (plan->worker_count == 1)
        delivery_set_only(host->delivery);
    host->tokens = tokens_new(plan);
    delivery_use_quality(host->delivery, host->quality);
    host->parsers = sse_shared_new(&parser_handlers, SSE_LIMIT_DEFAULT_BYTES);
    host->streams = pool_new(sizeof(struct exchange_stream), 0);
    rng_init(&host->rng, ~(plan->seed + plan->worker_index));
    return 0;
}

void exchange_host_fini(struct exchange_host *host)
{
    sse_shared_free(host->parsers);
    pool_free(host->streams);
    delivery_free(host->delivery);
    tokens_free(host->tokens);
    host->tokens = NULL;
    quality_free(host->quality);
    host->delivery = NULL;
    host->quality = NULL;
    host->parsers = NULL;
    host->streams = NULL;
}

void exchange_host_sample(struct exchange_host *host, uint64_t now_ns)
{
    for (struct list *at = host->open_streams.next; at != &host->open_streams; at = at->next) {
        struct exchange_stream *stream = CONTAINER_OF(at, struct exchange_stream, node);

        stream_stats_sample(&stream->exchange->order.place, &stream->record, &stream->sampled_ns,
                            &stream->sampled_count, now_ns);
    }
}

static void forget_all(struct exchange_user *user)
{
    for (size_t i = 0; user->memory && i < EXCHANGE_MEMORY_LIMIT; i++)
        forget(&user->memory[i]);
}

void exchange_host_end(struct exchange_host *host)
{
    for (struct list *at = host->open_streams.next; at != &host->open_streams; at = at->next) {
        struct exchange_stream *stream = CONTAINER_OF(at, struct exchange_stream, node);

        stream_stats_over(&stream->exchange->order.place, &stream->record);
    }
    for (struct list *at = host->users.next; at != &host->users; at = at->next)
        forget_all(CONTAINER_OF(at, struct exchange_user, node));
}

void exchange_user_fini(struct exchange_user *user)
{
    http_session_close(&user->session, true);
    forget_all(user);
    if (user->memory)
        list_remove(&user->node);
    free(user->memory);
    user->memory = NULL;
}

/* --- the course of a stream --- */

bool exchange_stream_is_one(const struct http_head *head)
{
    return head->status == 200 && http_head_is_event_stream(head);
}

void exchange_stream_begin(struct exchange *exchange)
{
    struct exchange_stream *stream = pool_take(exchange->host->streams);
    struct exchange_memory *memory =
        exchange->order.is_resuming ? recall(exchange->user, exchange->order.place.endpoint) : NULL;

    if (!stream)
        return; /* no memory: the response is there all the same, without figures */
    list_init(&stream->node);
    stream->exchange = exchange;
    if (memory) { /* it goes on in this one */
        stream->record = memory->record;
        memory->record = (struct stream_record){0};
    }
    sse_parser_init(&stream->parser, exchange->host->parsers);
    stream_stats_attempt(&exchange->order.place, &stream->record, exchange->began_ns);
    exchange->stream = stream;
    exchange->host->asking_count++;
}

void exchange_stream_answer(struct exchange *exchange, const struct http_head *head, bool is_hop)
{
    exchange->stream->record.has_head = !is_hop;
    stream_stats_answer(&exchange->order.place, &exchange->stream->record,
                        &exchange->fetch.exchange, head, is_hop);
}

void exchange_stream_judge(struct exchange *exchange, const struct http_head *head, uint64_t now_ns)
{
    char message[STREAM_MESSAGE_BYTES], type[ANSWER_TEXT_BYTES];

    if (exchange_stream_is_one(head)) {
        open_stream(exchange, now_ns);
    } else if (head->status == 200) {
        (void)snprintf(message, sizeof message, "content type '%s'",
                       answer_header(head, "content-type", type));
        refuse_stream(exchange, CLASS_CONTENT_TYPE, type[0] ? message : "no content type", now_ns);
    } else if (head->status == 204) {
        stream_stats_stopped(&exchange->order.place, &exchange->stream->record);
        end_stream(exchange, now_ns);
    } else {
        (void)snprintf(message, sizeof message, "status %d", head->status);
        stream_stats_turned_away(&exchange->order.place, &exchange->stream->record, head->status,
                                 answer_retry_after_ns(head, clock_unix_ms()), false);
        refuse_stream(exchange, answer_class_of_status(head->status), message, now_ns);
    }
}

void exchange_stream_resume(struct exchange *exchange)
{
    exchange->stream->record.was_paused = true;
    stat_count(exchange->order.place.set, METRIC_SSE_READER_PAUSES, NULL, 1);
}

void exchange_stream_feed(struct exchange *exchange, const uint8_t *bytes, size_t len,
                          uint64_t now_ns)
{
    struct exchange_stream *stream = exchange->stream;
    enum sse_status status;

    if (exchange->host->wants_kernel_times)
        stream_stats_received(&exchange->order.place, now_ns, loop_now_ns(exchange->host->loop));
    stream_stats_body(&exchange->order.place, &stream->record, len, now_ns);
    if (stream->is_blind)
        return;
    status = sse_parser_feed(&stream->parser, bytes, len, now_ns);
    stream_stats_parsed(&exchange->order.place, &stream->record,
                        sse_parser_is_inside(&stream->parser));
    if (status != SSE_TOO_LARGE)
        return;
    stream->is_blind = true;
    stats_add_error(exchange->order.place.stats, exchange->order.place.endpoint, CLASS_TOO_LARGE,
                    "a line or an event over the limit", clock_unix_ms());
}

void exchange_stream_end(struct exchange *exchange, enum error_class error_class,
                         const char *message, uint64_t now_ns)
{
    bool is_whole = error_class == CLASS_NONE;

    if (!exchange->stream->is_open) {
        refuse_stream(exchange, error_class, message, now_ns);
        return;
    }
    stream_stats_disconnect(&exchange->order.place, &exchange->stream->record,
                            is_whole ? CLASS_CLOSED : error_class,
                            is_whole ? "the server ended the stream" : message, now_ns);
    end_stream(exchange, now_ns);
}

void exchange_stream_close(struct exchange *exchange, uint64_t now_ns)
{
    if (exchange->stream->is_open)
        stream_stats_closed_by_us(&exchange->order.place, &exchange->stream->record,
                                  exchange->host->is_ending, now_ns);
    else
        stream_stats_pending(&exchange->order.place);
    end_stream(exchange, now_ns);
}

void exchange_stream_cut(struct exchange *exchange, uint32_t storm, uint64_t now_ns)
{
    stream_stats_cut(&exchange->order.place, &exchange->stream->record, storm, now_ns);
    end_stream(exchange, now_ns);
}

/* The list changes with each. */
void exchange_host_cut(struct exchange_host *host, const struct frame_storm *storm, uint64_t now_ns)
{
    struct exchange **chosen = x_calloc(host->open_count + 1, sizeof *chosen);
    size_t count = 0;

    waves_begin_storm(stats_waves(host->stats), storm->index, host->open_count, now_ns);
    for (struct list *at = host->open_streams.next; at != &host->open_streams; at = at->next) {
        if (rng_unit(&host->rng) < storm->ratio)
            chosen[count++] = CONTAINER_OF(at, struct exchange_stream, node)->exchange;
    }
    for (size_t i = 0; i < count; i++)
        exchange_cut(chosen[i], storm->index, now_ns);
    free(chosen);
}

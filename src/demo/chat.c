#include "demo/chat.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "demo/chat_ask.h"
#include "demo/pending.h"
#include "net/loop.h"
#include "net/timer.h"
#include "sse/encoder.h"

#include <inttypes.h>
#include <stdlib.h>

/* Pieces that are due leave together, so many at most before others have their turn. */
enum { BATCH_MAX = 64 };

static const char STREAM_HEADERS[] = "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n";
static const char JSON_TYPE[] = "application/json";
static const char *const words[] = {"cicadas ", "sing ", "in ",   "the ",    "heat ",
                                    "of ",      "a ",    "late ", "summer ", "evening "};

struct chats {
    struct loop *loop; /* borrowed */
    const struct chat_config *config;
    struct counters *own; /* borrowed */
    uint64_t serial;
    struct list open;
    struct buf event, out; /* used again for every answer */
};

struct chat {
    struct pending pending;
    struct list node;
    struct chats *chats;
    struct http_request *request;
    struct timer timer;
    struct chat_ask ask;
    uint64_t began_ns;
    uint64_t serial;
    uint32_t sent_count;
};

/* --- what is said --- */

static const char *word_at(uint32_t index)
{
    return words[index % (sizeof words / sizeof words[0])];
}

static void put_head(struct json *json, const struct chat *chat, const char *object)
{
    const struct event_clock *clock = &chat->chats->config->clock;
    double unix_ms =
        clock->epoch_unix_ms + (double)(chat->began_ns - clock->epoch_ns) / (double)CLOCK_NS_PER_MS;
    struct buf id = {0};

    (void)buf_appendf(&id, "chatcmpl-%016" PRIx64, chat->serial);
    json_begin_object(json);
    json_key(json, "id");
    json_text(json, buf_text(&id));
    json_key(json, "object");
    json_text(json, object);
    json_key(json, "created");
    json_uint(json, (uint64_t)(unix_ms / 1000));
    json_key(json, "model");
    json_text(json, chat->ask.model);
    json_key(json, "choices");
    json_begin_array(json);
    buf_fini(&id);
}

static void put_usage(struct json *json, const struct chat *chat)
{
    json_key(json, "usage");
    json_begin_object(json);
    json_key(json, "prompt_tokens");
    json_uint(json, chat->ask.prompt_count);
    json_key(json, "completion_tokens");
    json_uint(json, chat->sent_count);
    json_key(json, "total_tokens");
    json_uint(json, (uint64_t)chat->ask.prompt_count + chat->sent_count);
    json_end_object(json);
}

static void put_finish(struct json *json, const struct chat *chat, bool is_last)
{
    json_key(json, "finish_reason");
    if (is_last)
        json_text(json, chat->ask.is_shortened ? "length" : "stop");
    else
        json_null(json);
}

/* One more event for the peer, out of what stands in `event`. */
static void append_event(struct chats *chats)
{
    (void)sse_encode_event(&chats->out, NULL, NULL, (const char *)chats->event.bytes,
                           chats->event.len);
    buf_clear(&chats->event);
}

/* A chunk with one delta: the role at the start, a piece of text, or nothing at the end. */
static void append_delta(struct chat *chat, const char *role, const char *content, bool is_last)
{
    struct json json;

    json_init(&json, &chat->chats->event, 0);
    put_head(&json, chat, "chat.completion.chunk");
    json_begin_object(&json);
    json_key(&json, "index");
    json_uint(&json, 0);
    json_key(&json, "delta");
    json_begin_object(&json);
    if (role) {
        json_key(&json, "role");
        json_text(&json, role);
    }
    if (content) {
        json_key(&json, "content");
        json_text(&json, content);
    }
    json_end_object(&json);
    put_finish(&json, chat, is_last);
    json_end_object(&json);
    json_end_array(&json);
    if (chat->ask.wants_usage) {
        json_key(&json, "usage");
        json_null(&json);
    }
    json_end_object(&json);
    append_event(chat->chats);
}

static void append_usage(struct chat *chat)
{
    struct json json;

    json_init(&json, &chat->chats->event, 0);
    put_head(&json, chat, "chat.completion.chunk");
    json_end_array(&json);
    put_usage(&json, chat);
    json_end_object(&json);
    append_event(chat->chats);
}

static void write_whole(struct chat *chat)
{
    struct chats *chats = chat->chats;
    struct json json;

    for (uint32_t i = 0; i < chat->sent_count; i++)
        (void)buf_append_text(&chats->event, word_at(i));
    json_init(&json, &chats->out, 0);
    put_head(&json, chat, "chat.completion");
    json_begin_object(&json);
    json_key(&json, "index");
    json_uint(&json, 0);
    json_key(&json, "message");
    json_begin_object(&json);
    json_key(&json, "role");
    json_text(&json, "assistant");
    json_key(&json, "content");
    json_bytes(&json, chats->event.bytes, chats->event.len);
    json_end_object(&json);
    put_finish(&json, chat, true);
    json_end_object(&json);
    json_end_array(&json);
    put_usage(&json, chat);
    json_end_object(&json);
    buf_clear(&chats->event);
}

/* --- when --- */

/* Timers run at the next full millisecond: half of one earlier, that is the nearest. */
static uint64_t due_ns(const struct chat *chat, uint32_t index)
{
    return chat->began_ns + chat->ask.ttft_ns + (uint64_t)index * chat->ask.interval_ns -
           CLOCK_NS_PER_MS / 2;
}

/* Pieces until the answer ends, in whatever way. */
static uint32_t pieces_of(const struct chat_ask *ask)
{
    return ask->fault != CHAT_FAULT_NONE && ask->fault_after < ask->token_count ? ask->fault_after
                                                                                : ask->token_count;
}

static bool is_faulty(const struct chat_ask *ask)
{
    return ask->fault != CHAT_FAULT_NONE && ask->fault_after <= ask->token_count;
}

static void forget(struct chat *chat)
{
    loop_cancel_timer(chat->chats->loop, &chat->timer);
    list_remove(&chat->node);
    chat_ask_fini(&chat->ask);
    free(chat);
}

static void on_gone(struct pending *pending)
{
    struct chat *chat = CONTAINER_OF(pending, struct chat, pending);

    if (chat->ask.is_stream)
        counters_add(chat->chats->own, COUNTER_STREAMS_OPEN, -1);
    forget(chat);
}

/* Everything is said: what is left of the stream, and its end. */
static void end_stream(struct chat *chat)
{
    struct chats *chats = chat->chats;
    struct http_request *request = chat->request;
    bool is_cut = is_faulty(&chat->ask) && chat->ask.fault == CHAT_FAULT_CUT;

    if (is_faulty(&chat->ask) && !is_cut) {
        chat_ask_append_error(&chats->event, CHAT_ERROR_SERVER, NULL,
                              "the answer failed on the way, as it was asked to");
        append_event(chats);
    } else if (!is_cut) {
        append_delta(chat, NULL, NULL, true);
        if (chat->ask.wants_usage)
            append_usage(chat);
        (void)sse_encode_event(&chats->out, NULL, NULL, "[DONE]", 6);
    }
    counters_add(chats->own, COUNTER_STREAMS_OPEN, -1);
    forget(chat); /* another request of this peer may come from inside the calls below */
    http_send(request, chats->out.bytes, chats->out.len);
    buf_clear(&chats->out);
    if (is_cut)
        http_abort(request, false);
    else
        http_end_stream(request);
}

static void end_whole(struct chat *chat)
{
    struct chats *chats = chat->chats;
    struct http_request *request = chat->request;
    bool is_cut = is_faulty(&chat->ask) && chat->ask.fault == CHAT_FAULT_CUT;
    int status = is_faulty(&chat->ask) ? 500 : 200;
    struct buf body = {0};

    if (status != 200)
        chat_ask_append_error(&chats->out, CHAT_ERROR_SERVER, NULL,
                              "the answer failed on the way, as it was asked to");
    else
        write_whole(chat);
    forget(chat);
    (void)buf_append(&body, chats->out.bytes, chats->out.len);
    buf_clear(&chats->out);
    if (is_cut) {
        http_abort(request, false);
    } else {
        counters_count_response(chats->own, status);
        http_respond(request, status, "", JSON_TYPE, body.bytes, body.len);
    }
    buf_fini(&body);
}

static void on_due(struct timer *timer, uint64_t now_ns);

static void wait_for_next(struct chat *chat)
{
    uint32_t pieces = pieces_of(&chat->ask), next = chat->sent_count;

    /* A whole answer has the time of its last piece. */
    if (!chat->ask.is_stream && pieces > 0)
        next = pieces - 1;
    loop_set_timer(chat->chats->loop, &chat->timer, due_ns(chat, next), on_due);
}

static void on_due(struct timer *timer, uint64_t now_ns)
{
    struct chat *chat = CONTAINER_OF(timer, struct chat, timer);
    struct chats *chats = chat->chats;
    uint32_t pieces = pieces_of(&chat->ask), first = chat->sent_count;

    while (chat->sent_count < pieces && due_ns(chat, chat->sent_count) <= now_ns &&
           (!chat->ask.is_stream || chat->sent_count - first < BATCH_MAX)) {
        if (chat->ask.is_stream)
            append_delta(chat, NULL, word_at(chat->sent_count), false);
        chat->sent_count++;
    }
    counters_add(chats->own, COUNTER_CHAT_TOKENS, chat->sent_count - first);
    if (chat->sent_count == pieces) {
        if (chat->ask.is_stream)
            end_stream(chat);
        else
            end_whole(chat);
        return;
    }
    wait_for_next(chat);
    http_send(chat->request, chats->out.bytes, chats->out.len);
    buf_clear(&chats->out);
}

/* --- public --- */

struct chats *chats_new(struct loop *loop, const struct chat_config *config, struct counters *own,
                        uint64_t first_serial)
{
    struct chats *chats = x_calloc(1, sizeof *chats);

    chats->loop = loop;
    chats->config = config;
    chats->own = own;
    chats->serial = first_serial;
    list_init(&chats->open);
    return chats;
}

void chats_free(struct chats *chats)
{
    if (!chats)
        return;
    while (!list_empty(&chats->open))
        forget(CONTAINER_OF(chats->open.next, struct chat, node));
    buf_fini(&chats->event);
    buf_fini(&chats->out);
    free(chats);
}

static void refuse(struct chats *chats, struct http_request *request,
                   const struct chat_refusal *refusal)
{
    struct buf body = {0};

    chat_ask_append_error(&body, CHAT_ERROR_REQUEST, refusal->parameter, refusal->message);
    counters_count_response(chats->own, 400);
    http_respond(request, 400, "", JSON_TYPE, body.bytes, body.len);
    buf_fini(&body);
}

void chats_answer(struct chats *chats, struct http_request *request, uint64_t now_ns)
{
    struct chat *chat = x_calloc(1, sizeof *chat);
    struct chat_refusal refusal;

    chat->ask = (struct chat_ask){.ttft_ns = chats->config->ttft_ns,
                                  .interval_ns = chats->config->interval_ns,
                                  .token_count = chats->config->token_count};
    if (chat_ask_read(&chat->ask, request, &refusal) < 0) {
        chat_ask_fini(&chat->ask);
        free(chat);
        refuse(chats, request, &refusal);
        return;
    }
    chat->pending.on_gone = on_gone;
    chat->chats = chats;
    chat->request = request;
    chat->began_ns = now_ns;
    chat->serial = ++chats->serial;
    list_append(&chats->open, &chat->node);
    http_request_set_user(request, &chat->pending);
    counters_add(chats->own, COUNTER_CHAT_COMPLETIONS, 1);
    wait_for_next(chat);
    if (!chat->ask.is_stream)
        return;
    counters_count_response(chats->own, 200);
    counters_add(chats->own, COUNTER_STREAMS_OPEN, 1);
    counters_add(chats->own, COUNTER_STREAMS_OPENED, 1);
    append_delta(chat, "assistant", "", false);
    http_begin_stream(request, 200, STREAM_HEADERS, "text/event-stream");
    http_send(request, chats->out.bytes, chats->out.len);
    buf_clear(&chats->out);
}

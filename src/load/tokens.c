#include "load/tokens.h"

#include "base/clock.h"
#include "base/json_pointer.h"
#include "base/mem.h"
#include "load/plan.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char ERROR_PREFIX[] = "error in the stream: ";

struct tokens_stream {
    uint64_t first_ns, last_ns; /* of text; 0: none yet */
    uint32_t text_count;
    uint32_t usage_count;
    bool has_usage;
    bool is_whole; /* the end mark has come */
};

_Static_assert(sizeof(struct tokens_stream) <= 32, "exists once a stream");

struct tokens {
    struct pool *streams;
    struct json_pointer *text, *usage, *error;
    const char *end_mark; /* borrowed */
    size_t end_mark_bytes;
    struct tokens_chunk chunk; /* of the event read last */
    char sentence[sizeof ERROR_PREFIX + TOKENS_MESSAGE_BYTES];
};

/* --- a worker's --- */

static struct json_pointer *compile(const char *text)
{
    struct err err = {0};
    struct json_pointer *pointer = json_pointer_new(text, &err);

    assert(pointer);
    return pointer;
}

struct tokens *tokens_new(const struct plan *plan)
{
    struct tokens *tokens;

    if (plan->profile == PLAN_PROFILE_NONE)
        return NULL;
    tokens = x_calloc(1, sizeof *tokens);
    tokens->streams = pool_new(sizeof(struct tokens_stream), 0);
    tokens->text = compile("/choices/0/delta/content");
    tokens->usage = compile("/usage/completion_tokens");
    tokens->error = compile("/error");
    tokens->end_mark = plan->end_data;
    tokens->end_mark_bytes = strlen(plan->end_data);
    return tokens;
}

void tokens_free(struct tokens *tokens)
{
    if (!tokens)
        return;
    pool_free(tokens->streams);
    json_pointer_free(tokens->text);
    json_pointer_free(tokens->usage);
    json_pointer_free(tokens->error);
    free(tokens);
}

/* --- one event --- */

static bool has_text(const struct tokens *tokens, const struct sse_event *event)
{
    struct json_peek text;

    return json_peek(event->data, event->data_bytes, tokens->text, &text) &&
           text.kind == JSON_KIND_TEXT && text.len > 0;
}

static void read_usage(const struct tokens *tokens, const struct sse_event *event,
                       struct tokens_chunk *chunk)
{
    struct json_peek number;
    uint64_t count = 0;

    if (!json_peek(event->data, event->data_bytes, tokens->usage, &number))
        return;
    for (size_t i = 0; i < number.len; i++) {
        if (number.bytes[i] < '0' || number.bytes[i] > '9')
            return;
        count = count * 10 + (uint64_t)(number.bytes[i] - '0');
        if (count > UINT32_MAX)
            return;
    }
    chunk->has_usage = number.kind == JSON_KIND_NUMBER;
    chunk->token_count = chunk->has_usage ? (uint32_t)count : 0;
}

static bool has_error(const struct tokens *tokens, const struct sse_event *event)
{
    struct json_peek error;

    if (event->name_bytes == 5 && memcmp(event->name, "error", 5) == 0)
        return true;
    return json_peek(event->data, event->data_bytes, tokens->error, &error) &&
           error.kind != JSON_KIND_NULL;
}

/* Messages stand in tables, a line each. */
static void copy_clean(char out[static TOKENS_MESSAGE_BYTES], const char *text, size_t len)
{
    size_t used = len < TOKENS_MESSAGE_BYTES ? len : TOKENS_MESSAGE_BYTES - 1;

    /* Not in the middle of a character. */
    while (used < len && used > 0 && ((unsigned char)text[used] & 0xC0) == 0x80)
        used--;
    for (size_t i = 0; i < used; i++)
        out[i] = (unsigned char)text[i] < ' ' || text[i] == '\x7f' ? ' ' : text[i];
    out[used] = '\0';
}

/* Services differ in where they say it; where they say it nowhere, all they said stands for it. */
static void read_message(const struct sse_event *event, char out[static TOKENS_MESSAGE_BYTES])
{
    static const char *const places[] = {"/error/message", "/error", "/message"};
    struct err err = {0};
    struct json_document *document = json_read(event->data, event->data_bytes, &err);
    const char *text = NULL;
    size_t len = 0;

    for (size_t i = 0; document && !text && i < sizeof places / sizeof places[0]; i++)
        text = json_value_text(json_find(document, places[i]), &len);
    if (text && len > 0)
        copy_clean(out, text, len);
    else
        copy_clean(out, (const char *)event->data, event->data_bytes);
    json_document_free(document);
}

void tokens_read(const struct tokens *tokens, const struct sse_event *event,
                 struct tokens_chunk *chunk)
{
    chunk->has_text = has_text(tokens, event);
    chunk->has_usage = false;
    chunk->token_count = 0;
    read_usage(tokens, event, chunk);
    chunk->has_error = has_error(tokens, event);
    chunk->message[0] = '\0';
    if (chunk->has_error)
        read_message(event, chunk->message);
}

/* --- a stream --- */

static bool is_end_mark(const struct tokens *tokens, const struct sse_event *event)
{
    return event->data_bytes == tokens->end_mark_bytes &&
           memcmp(event->data, tokens->end_mark, event->data_bytes) == 0;
}

static void record_text(const struct stat_place *place, const struct stream_record *record,
                        uint64_t now_ns)
{
    struct tokens_stream *stream = record->tokens;

    if (stream->text_count == 0) {
        stream->first_ns = now_ns;
        stat_time(place->set, METRIC_SSE_TTFT, NULL, now_ns - record->attempt_began_ns);
    } else {
        stat_time(place->set, METRIC_SSE_INTER_TOKEN, NULL, now_ns - stream->last_ns);
    }
    stream->last_ns = now_ns;
    stream->text_count++;
}

static void record_chunk(const struct stat_place *place, struct stream_record *record,
                         const struct tokens_chunk *chunk, uint64_t now_ns)
{
    if (!chunk->has_text && !chunk->has_usage)
        return;
    if (!record->tokens)
        record->tokens = pool_take(place->tokens->streams);
    if (!record->tokens)
        return; /* no memory: the stream goes on without these figures */
    if (chunk->has_text)
        record_text(place, record, now_ns);
    if (chunk->has_usage) {
        record->tokens->has_usage = true;
        record->tokens->usage_count = chunk->token_count;
    }
}

const char *tokens_event(const struct stat_place *place, struct stream_record *record,
                         const struct sse_event *event, uint64_t now_ns)
{
    struct tokens *tokens = place->tokens;

    if (is_end_mark(tokens, event)) {
        if (record->tokens)
            record->tokens->is_whole = true;
        return NULL;
    }
    tokens_read(tokens, event, &tokens->chunk);
    record_chunk(place, record, &tokens->chunk, now_ns);
    if (!tokens->chunk.has_error)
        return NULL;
    (void)snprintf(tokens->sentence, sizeof tokens->sentence, "%s%s", ERROR_PREFIX,
                   tokens->chunk.message);
    return tokens->sentence;
}

static void count_tokens(struct stat_set *set, const struct tokens_stream *stream)
{
    uint64_t count = stream->has_usage ? stream->usage_count : stream->text_count;
    uint64_t span_ns = stream->last_ns - stream->first_ns;

    stat_count(set, METRIC_SSE_TOKENS, NULL, count);
    stat_count(set, METRIC_SSE_TOKENS, stream->has_usage ? "counted:usage" : "counted:chunks",
               count);
    if (stream->is_whole && count > 1 && span_ns > 0)
        stat_rate(
            set, METRIC_SSE_TOKENS_PER_S, NULL,
            (uint64_t)((double)(count - 1) * 1000.0 * (double)CLOCK_NS_PER_S / (double)span_ns));
}

void tokens_end(const struct stat_place *place, struct stream_record *record)
{
    if (record->tokens)
        count_tokens(place->set, record->tokens);
    tokens_drop(place, record);
}

void tokens_drop(const struct stat_place *place, struct stream_record *record)
{
    if (record->tokens)
        pool_give(place->tokens->streams, record->tokens);
    record->tokens = NULL;
}

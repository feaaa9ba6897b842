#include "demo/chat_ask.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/json_read.h"
#include "base/mem.h"
#include "base/units.h"
#include "demo/chat.h"
#include "http/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MODEL_LIMIT_BYTES = 256, MESSAGES_MAX = 10000 };

static const uint64_t TIME_MAX_NS = 3600 * CLOCK_NS_PER_S;
static const char DEFAULT_MODEL[] = "cicada-demo";

static int refuse(struct chat_refusal *refusal, const char *parameter, const char *message)
{
    *refusal = (struct chat_refusal){.parameter = parameter, .message = message};
    return -1;
}

/* --- the query: the times of this one answer --- */

static int read_time(const struct http_request *request, const char *name, uint64_t *result_ns,
                     struct chat_refusal *refusal)
{
    struct buf text = {0};
    struct err err = {0};
    uint64_t time_ns = *result_ns;
    int result = 0;

    if (http_request_query(request, name, &text) &&
        (units_parse_duration(buf_text(&text), &time_ns, &err) < 0 || time_ns > TIME_MAX_NS))
        result = refuse(refusal, name, "ttft and interval are durations of at most 1h");
    buf_fini(&text);
    *result_ns = time_ns;
    return result;
}

/* 1 when given, 0 when absent, -1 when refused. */
static int read_count(const struct http_request *request, const char *name, uint32_t *result_count,
                      struct chat_refusal *refusal)
{
    struct buf text = {0};
    struct err err = {0};
    uint64_t count = 0;
    int result = 0;

    if (http_request_query(request, name, &text)) {
        result = 1;
        if (units_parse_count(buf_text(&text), 0, CHAT_TOKENS_MAX, &count, &err) < 0)
            result = refuse(refusal, name,
                            "tokens, fail_after and cut_after are whole numbers of 0 to 100000");
        else
            *result_count = (uint32_t)count;
    }
    buf_fini(&text);
    return result;
}

static int read_query(struct chat_ask *ask, const struct http_request *request,
                      struct chat_refusal *refusal)
{
    int fails, cuts;

    if (read_time(request, "ttft", &ask->ttft_ns, refusal) < 0 ||
        read_time(request, "interval", &ask->interval_ns, refusal) < 0 ||
        read_count(request, "tokens", &ask->token_count, refusal) < 0)
        return -1;
    fails = read_count(request, "fail_after", &ask->fault_after, refusal);
    if (fails < 0)
        return -1;
    cuts = read_count(request, "cut_after", &ask->fault_after, refusal);
    if (cuts < 0)
        return -1;
    if (fails && cuts)
        return refuse(refusal, "cut_after", "fail_after and cut_after exclude each other");
    ask->fault = fails ? CHAT_FAULT_ERROR : cuts ? CHAT_FAULT_CUT : CHAT_FAULT_NONE;
    return 0;
}

/* --- the body --- */

static uint32_t count_words(const char *text, size_t len)
{
    uint32_t count = 0;
    bool is_inside = false;

    for (size_t i = 0; i < len; i++) {
        bool is_blank = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');

        count += !is_blank && !is_inside;
        is_inside = !is_blank;
    }
    return count;
}

/* A text, or a list of parts of which some have a text. */
static uint32_t count_content(const struct json_value *content)
{
    size_t len = 0, parts = json_value_count(content);
    const char *text = json_value_text(content, &len);
    uint32_t count = text ? count_words(text, len) : 0;
    char pointer[32];

    for (size_t i = 0; !text && i < parts; i++) {
        (void)snprintf(pointer, sizeof pointer, "/%zu/text", i);
        text = json_value_text(json_value_find(content, pointer), &len);
        count += text ? count_words(text, len) : 0;
        text = NULL;
    }
    return count;
}

static int read_messages(struct chat_ask *ask, const struct json_document *document,
                         struct chat_refusal *refusal)
{
    const struct json_value *messages = json_find(document, "/messages");
    size_t count = json_value_count(messages);
    char pointer[32];

    if (json_value_kind(messages) != JSON_KIND_ARRAY || count == 0 || count > MESSAGES_MAX)
        return refuse(refusal, "messages", "messages is a list of 1 to 10000 messages");
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(pointer, sizeof pointer, "/%zu/role", i);
        if (!json_value_text(json_value_find(messages, pointer), NULL))
            return refuse(refusal, "messages", "each message has a role");
        (void)snprintf(pointer, sizeof pointer, "/%zu/content", i);
        ask->prompt_count += count_content(json_value_find(messages, pointer));
    }
    return 0;
}

/* Absent and null are false. */
static int read_switch(const struct json_document *document, const char *pointer,
                       bool *result_is_on, struct chat_refusal *refusal)
{
    const struct json_value *value = json_find(document, pointer);
    enum json_kind kind = json_value_kind(value);

    if (kind == JSON_KIND_NONE || kind == JSON_KIND_NULL || json_value_bool(value, result_is_on))
        return 0;
    return refuse(refusal, pointer + 1, "stream and include_usage are true or false");
}

static int read_model(struct chat_ask *ask, const struct json_document *document,
                      struct chat_refusal *refusal)
{
    const struct json_value *value = json_find(document, "/model");
    size_t len = 0;
    const char *text = json_value_text(value, &len);

    if (value && (!text || len > MODEL_LIMIT_BYTES))
        return refuse(refusal, "model", "model is a text of at most 256 bytes");
    ask->model = x_strdup(text ? text : DEFAULT_MODEL);
    return 0;
}

static int read_limit(struct chat_ask *ask, const struct json_document *document,
                      const char *pointer, struct chat_refusal *refusal)
{
    const struct json_value *value = json_find(document, pointer);
    int64_t limit = 0;

    if (json_value_kind(value) == JSON_KIND_NONE || json_value_kind(value) == JSON_KIND_NULL)
        return 0;
    if (!json_value_whole(value, &limit) || limit < 1)
        return refuse(refusal, pointer + 1,
                      "the most tokens of an answer is a whole number above 0");
    if (limit < (int64_t)ask->token_count) {
        ask->token_count = (uint32_t)limit;
        ask->is_shortened = true;
    }
    return 0;
}

static int read_choices(const struct json_document *document, struct chat_refusal *refusal)
{
    const struct json_value *value = json_find(document, "/n");
    int64_t count = 0;

    if (json_value_kind(value) == JSON_KIND_NONE || json_value_kind(value) == JSON_KIND_NULL ||
        (json_value_whole(value, &count) && count == 1))
        return 0;
    return refuse(refusal, "n", "this service gives one answer");
}

static int read_body(struct chat_ask *ask, const struct http_request *request,
                     struct chat_refusal *refusal)
{
    size_t len = 0;
    const uint8_t *bytes = http_request_body(request, &len);
    struct err err = {0};
    struct json_document *document = json_read(bytes, len, &err);
    int result = -1;

    if (json_value_kind(json_find(document, "")) != JSON_KIND_OBJECT)
        (void)refuse(refusal, NULL, "the body is a JSON object");
    else if (read_model(ask, document, refusal) == 0 &&
             read_messages(ask, document, refusal) == 0 && read_choices(document, refusal) == 0 &&
             read_switch(document, "/stream", &ask->is_stream, refusal) == 0 &&
             read_switch(document, "/stream_options/include_usage", &ask->wants_usage, refusal) ==
                 0 &&
             read_limit(ask, document, "/max_tokens", refusal) == 0)
        result = read_limit(ask, document, "/max_completion_tokens", refusal);
    json_document_free(document);
    return result;
}

int chat_ask_read(struct chat_ask *ask, const struct http_request *request,
                  struct chat_refusal *refusal)
{
    return read_query(ask, request, refusal) < 0 ? -1 : read_body(ask, request, refusal);
}

void chat_ask_fini(struct chat_ask *ask)
{
    free(ask->model);
    ask->model = NULL;
}

void chat_ask_append_error(struct buf *out, enum chat_error kind, const char *parameter,
                           const char *message)
{
    struct json json;

    json_init(&json, out, 0);
    json_begin_object(&json);
    json_key(&json, "error");
    json_begin_object(&json);
    json_key(&json, "message");
    json_text(&json, message);
    json_key(&json, "type");
    json_text(&json, kind == CHAT_ERROR_SERVER ? "server_error" : "invalid_request_error");
    json_key(&json, "param");
    if (parameter)
        json_text(&json, parameter);
    else
        json_null(&json);
    json_key(&json, "code");
    json_null(&json);
    json_end_object(&json);
    json_end_object(&json);
}

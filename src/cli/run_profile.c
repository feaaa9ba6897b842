/*
 * cli/run_profile.c - what streams are besides streams of events: their end mark, the profile of
 * language models, and what that asks of a body.
 */
#include "cli/run.h"

#include "base/buf.h"
#include "base/json_read.h"
#include "base/log.h"
#include "base/mem.h"
#include "load/plan.h"

#include <stdlib.h>
#include <string.h>

static const char END_MARK[] = "[DONE]";

int run_profile_fill(const struct run_settings *settings, struct plan *plan, struct err *err)
{
    static const enum plan_profile profiles[] = {PLAN_PROFILE_NONE, PLAN_PROFILE_OPENAI};

    if (settings->end_data && settings->end_data[0] == '\0') {
        err_set(err, ERR_USAGE, "option '--end-data': no event has empty data");
        return -1;
    }
    plan->profile = profiles[settings->profile];
    if (settings->end_data)
        plan->end_data = x_strdup(settings->end_data);
    else if (plan->profile == PLAN_PROFILE_OPENAI)
        plan->end_data = x_strdup(END_MARK);
    return 0;
}

static void warn_of_chunks(const char *reason)
{
    log_warning("%s: where the service gives no usage, tokens are counted by chunks", reason);
}

/* In front of the brace that ends the object; the rest stays as it was written. */
static void ask_for_usage(struct plan_message *message)
{
    static const char ADDITION[] = ",\"stream_options\":{\"include_usage\":true}}";
    struct buf text = {0};
    size_t end = message->body_bytes;

    while (message->body[end - 1] != '}')
        end--;
    (void)buf_append(&text, message->body, end - 1);
    (void)buf_append_text(&text, ADDITION);
    free(message->body);
    message->body = (uint8_t *)x_strndup(buf_text(&text), text.len);
    message->body_bytes = text.len;
    buf_fini(&text);
}

static int prepare_json(const struct json_document *document, struct plan_message *message,
                        struct err *err)
{
    bool is_stream = false, wants_usage = false;

    if (!json_value_bool(json_find(document, "/stream"), &is_stream) || !is_stream) {
        err_set(err, ERR_USAGE,
                "option '--profile': openai reads streams, and the body does not say "
                "\"stream\": true");
        return -1;
    }
    if (!json_find(document, "/stream_options"))
        ask_for_usage(message);
    else if (!json_value_bool(json_find(document, "/stream_options/include_usage"), &wants_usage) ||
             !wants_usage)
        warn_of_chunks("the body's stream_options do not ask for include_usage");
    return 0;
}

int run_profile_prepare_body(struct plan *plan, struct err *err)
{
    struct plan_message *message = &plan->request;
    struct json_document *document;
    struct err reason = {0};
    int result = 0;

    if (plan->profile != PLAN_PROFILE_OPENAI)
        return 0;
    if (!message->body && !message->body_path && message->forms.count == 0) {
        err_set(err, ERR_USAGE,
                "option '--profile': openai needs a body with the question, by --data or "
                "--json-data");
        return -1;
    }
    document = message->body ? json_read(message->body, message->body_bytes, &reason) : NULL;
    if (document)
        result = prepare_json(document, message, err);
    else
        warn_of_chunks("the body is not JSON as it stands, so include_usage is not added");
    json_document_free(document);
    return result;
}

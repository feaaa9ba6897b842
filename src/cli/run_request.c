/*
 * cli/run_request.c - what is sent: method, headers, body, feed.
 */
#include "cli/run.h"

#include "base/buf.h"
#include "base/json_read.h"
#include "base/mem.h"
#include "cli/sources.h"
#include "load/feed.h"
#include "load/plan.h"
#include "load/template.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { RUN_BODY_LIMIT_BYTES = 64 * 1024 * 1024 };

uint8_t *run_request_read_body(const char *text, size_t *len, struct err *err)
{
    struct buf body = {0};
    uint8_t *result = NULL;

    if (*text != '@') {
        *len = strlen(text);
        return (uint8_t *)x_strdup(text);
    }
    if (sources_read_file(text + 1, RUN_BODY_LIMIT_BYTES, &body, err) == 0) {
        *len = body.len;
        result = (uint8_t *)x_strndup(buf_text(&body), body.len);
    }
    buf_fini(&body);
    return result;
}

/* Every row: a value with a quote in it would break the document in the middle of the run. */
static int check_json(const struct template *template, const struct feed *feed, struct err *err)
{
    size_t rows = template_has_columns(template) ? feed_row_count(feed) : 1;
    struct buf body = {0};
    int result = 0;

    for (size_t row = 0; row < rows && result == 0; row++) {
        struct json_document *document;

        buf_clear(&body);
        result = template_expand(template, row, &body);
        document = json_read(body.bytes, body.len, err);
        json_document_free(document);
        if (document)
            continue;
        result = -1;
        if (template_has_columns(template))
            err_prefix(err, "with the row on line %zu of the feed", feed_row_line(feed, row));
    }
    buf_fini(&body);
    return result;
}

static int fill_body(const struct run_settings *settings, const struct feed *feed,
                     struct plan *plan, struct err *err)
{
    const char *text = settings->json_data ? settings->json_data : settings->data;
    const char *option = settings->json_data ? "option '--json-data'" : "option '--data'";
    struct template *template = NULL;
    int result = -1;

    if (settings->json_data && settings->data) {
        err_set(err, ERR_USAGE, "--data and --json-data exclude each other");
        return -1;
    }
    if (!text)
        return 0;
    plan->body = run_request_read_body(text, &plan->body_bytes, err);
    if (plan->body)
        template =
            template_compile((const char *)plan->body, plan->body_bytes, TEMPLATE_RAW, feed, err);
    if (template)
        result = settings->json_data ? check_json(template, feed, err) : 0;
    if (result < 0)
        err_prefix(err, "%s", option);
    else if (settings->json_data)
        plan->content_type = x_strdup("application/json");
    template_free(template);
    return result;
}

static void fill_headers(const struct run_settings *settings, struct plan *plan)
{
    const struct text_list *list = &settings->headers;

    plan->headers = list->count > 0 ? x_calloc(list->count, sizeof *plan->headers) : NULL;
    for (size_t i = 0; i < list->count; i++)
        plan->headers[plan->header_count++] = x_strdup(list->items[i]);
}

int run_request_set_method(const char *method, struct plan *plan, struct err *err)
{
    if (!method)
        method = plan->body ? "POST" : "GET";
    if (strcasecmp(method, "CONNECT") == 0) {
        err_set(err, ERR_USAGE, "option '--method': CONNECT opens a tunnel, not a stream");
        return -1;
    }
    free(plan->method);
    plan->method = x_strdup(method);
    for (char *at = plan->method; *at != '\0'; at++)
        *at = (char)toupper((unsigned char)*at);
    return 0;
}

static int fill_feed(const struct run_settings *settings, struct plan *plan, struct feed **feed,
                     struct err *err)
{
    struct buf text = {0};
    int result = -1;

    if (!settings->feed)
        return 0;
    if (sources_read_file(settings->feed, FEED_LIMIT_BYTES, &text, err) < 0)
        goto out;
    *feed = feed_parse(buf_text(&text), text.len, err);
    if (!*feed) {
        err_prefix(err, "feed '%.200s'", settings->feed);
        goto out;
    }
    plan->feed = x_strndup(buf_text(&text), text.len);
    plan->feed_bytes = text.len;
    result = 0;
out:
    buf_fini(&text);
    return result;
}

int run_request_fill(const struct run_settings *settings, struct plan *plan, struct feed **feed,
                     struct err *err)
{
    *feed = NULL;
    fill_headers(settings, plan);
    if (fill_feed(settings, plan, feed, err) < 0 || fill_body(settings, *feed, plan, err) < 0)
        return -1;
    return run_request_set_method(settings->method, plan, err);
}

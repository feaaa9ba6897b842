#include "fetch_fixture.h"

#include "base/mem.h"
#include "http/body.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int freed_count;

static struct asker *asker_of(struct fetch *fetch)
{
    return CONTAINER_OF(fetch, struct asker, fetch);
}

static void act(struct asker *asker, enum place place)
{
    bool cancels = asker->cancels_at == place, restarts = asker->restarts_at == place;

    if (!cancels && !restarts)
        return;
    asker->cancels_at = asker->restarts_at = NOWHERE;
    if (cancels)
        fetch_cancel(&asker->fetch, true);
    if (restarts)
        asker_start(asker);
    if (!asker->frees_itself)
        return;
    asker_fini(asker);
    free(asker);
    freed_count++;
}

static void write_request(struct fetch *fetch, const struct fetch_hop *hop, struct buf *out,
                          const struct http_body **body)
{
    struct asker *asker = asker_of(fetch);
    const struct url *url = hop->url ? hop->url : &asker->url;
    bool has_body = asker->body && !hop->effect.is_turned_to_get;

    asker->write_count++;
    assert_null(*body);
    (void)buf_appendf(out, "%s %s HTTP/1.1\r\nHost: %s:%u\r\n",
                      hop->effect.is_turned_to_get ? "GET" : asker->order.method, url->target,
                      url->host, url->port);
    for (size_t i = 0; asker->headers && asker->headers[i]; i++) {
        if (redirect_keeps(&hop->effect, asker->headers[i]))
            (void)buf_appendf(out, "%s\r\n", asker->headers[i]);
    }
    if (hop->cookies)
        (void)buf_appendf(out, "Cookie: %s\r\n", hop->cookies);
    if (hop->authorization)
        (void)buf_append_text(out, hop->authorization);
    if (has_body)
        (void)buf_appendf(out, "Content-Length: %" PRIu64 "\r\n", http_body_bytes(asker->body));
    (void)buf_append_text(out, "\r\n");
    *body = has_body ? asker->body : NULL;
}

static void on_answer(struct fetch *fetch, const struct http_head *head, bool is_hop,
                      uint64_t now_ns)
{
    struct asker *asker = asker_of(fetch);

    assert_true(now_ns >= fetch->exchange.sent_ns);
    assert_true(asker->answer_count < ASKER_ANSWER_LIMIT);
    asker->answers[asker->answer_count++] = head->status;
    asker->is_at_hop = is_hop;
    act(asker, AT_ANSWER);
}

static void on_head(struct fetch *fetch, const struct http_head *head, uint64_t now_ns)
{
    struct asker *asker = asker_of(fetch);

    (void)now_ns;
    assert_false(asker->is_at_hop);
    asker->head_count++;
    asker->status = head->status;
    act(asker, AT_HEAD);
}

static void on_body(struct fetch *fetch, const uint8_t *bytes, size_t len, uint64_t now_ns)
{
    struct asker *asker = asker_of(fetch);

    (void)now_ns;
    assert_true(len > 0);
    asker->body_count++;
    (void)buf_append(&asker->bytes, bytes, len);
    act(asker, AT_BODY);
}

static void on_end(struct fetch *fetch, const struct http_end *end, uint64_t now_ns)
{
    struct asker *asker = asker_of(fetch);

    assert_true(now_ns >= fetch->exchange.started_ns);
    assert_false(fetch_is_under_way(fetch));
    asker->end_count++;
    asker->error_class = end->error_class;
    asker->has_head = end->has_head;
    (void)snprintf(asker->message, sizeof asker->message, "%s", end->message);
    act(asker, AT_END);
}

static const struct fetch_handlers handlers = {.write = write_request,
                                               .on_answer = on_answer,
                                               .on_head = on_head,
                                               .on_body = on_body,
                                               .on_end = on_end};

void asker_init(struct asker *asker, const char *path)
{
    char *text = x_asprintf("http://127.0.0.1:%u%s", server.port, path);
    struct err err = {0};

    *asker = (struct asker){0};
    rng_init(&asker->rng, 1);
    assert_int_equal(url_parse(text, strlen(text), &asker->url, &err), 0);
    free(text);
    asker->order = (struct fetch_order){.client = server.client,
                                        .loop = server.loop,
                                        .rng = &asker->rng,
                                        .handlers = &handlers,
                                        .url = &asker->url,
                                        .origin = http_origin_of(&asker->url),
                                        .method = "GET",
                                        .redirect_limit = REDIRECT_LIMIT};
}

void asker_fini(struct asker *asker)
{
    assert_false(fetch_is_under_way(&asker->fetch));
    assert_null(asker->fetch.journey);
    buf_fini(&asker->bytes);
    url_fini(&asker->url);
}

void asker_start(struct asker *asker)
{
    fetch_start(&asker->fetch, &asker->order, &server.session);
}

struct wanted {
    const struct asker *asker;
    int count;
    const char *text;
};

static bool has_ended(const void *ctx)
{
    const struct wanted *wanted = ctx;

    return wanted->asker->end_count >= wanted->count;
}

static bool has_answers(const void *ctx)
{
    const struct wanted *wanted = ctx;

    return wanted->asker->answer_count >= wanted->count;
}

static bool is_at_rest(const void *ctx)
{
    return !fetch_is_under_way(&((const struct asker *)ctx)->fetch);
}

static bool has_text(const void *ctx)
{
    const struct wanted *wanted = ctx;

    return wanted->asker->bytes.len >= strlen(wanted->text);
}

void asker_wait(struct asker *asker, int count)
{
    wait_until(has_ended, &(struct wanted){.asker = asker, .count = count});
    assert_int_equal(asker->end_count, count);
}

void asker_wait_for_answers(struct asker *asker, int count)
{
    wait_until(has_answers, &(struct wanted){.asker = asker, .count = count});
    assert_int_equal(asker->answer_count, count);
}

void asker_wait_for_rest(struct asker *asker)
{
    wait_until(is_at_rest, asker);
}

void asker_run(struct asker *asker)
{
    asker_start(asker);
    asker_wait(asker, 1);
}

void asker_wait_for_text(struct asker *asker, const char *text)
{
    wait_until(has_text, &(struct wanted){.asker = asker, .text = text});
    assert_string_equal(buf_text(&asker->bytes), text);
}

void check_whole(const struct asker *asker, int status, const char *text)
{
    struct buf bytes = asker->bytes;

    assert_int_equal(asker->end_count, 1);
    if (asker->error_class != CLASS_NONE)
        fail_msg("%s: %s", error_class_name(asker->error_class), asker->message);
    assert_true(asker->has_head);
    assert_int_equal(asker->head_count, 1);
    assert_int_equal(asker->status, status);
    assert_int_equal(bytes.len, strlen(text));
    if (bytes.len > 0)
        assert_memory_equal(bytes.bytes, text, bytes.len);
}

void check_failed(const struct asker *asker, enum error_class error_class, const char *part)
{
    assert_int_equal(asker->end_count, 1);
    assert_string_equal(error_class_name(asker->error_class), error_class_name(error_class));
    if (!strstr(asker->message, part))
        fail_msg("'%s' does not say '%s'", asker->message, part);
}

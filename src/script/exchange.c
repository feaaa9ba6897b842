#include "script/exchange.h"

#include "base/clock.h"
#include "base/mem.h"
#include "load/answer.h"
#include "load/exchange_stats.h"
#include "load/request.h"
#include "script/exchange_stream.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXCHANGE_MESSAGE_BYTES = 256, EXCHANGE_KEPT_BYTES = 4096 };

static void add_error(const struct exchange *exchange, enum error_class error_class,
                      const char *message)
{
    stats_add_error(exchange->order.place.stats, exchange->order.place.endpoint, error_class,
                    message, clock_unix_ms());
}

_Static_assert(sizeof(struct exchange) <= 536, "exists once a stream of a script");

/* --- the request --- */

static void append_headers(const struct exchange_message *message, const struct fetch_hop *hop,
                           struct buf *out)
{
    const char *at = message->headers, *end = at ? at + message->headers_bytes : NULL;

    if (!hop->url && message->headers_bytes > 0)
        (void)buf_append(out, message->headers, message->headers_bytes);
    if (!hop->url)
        return;
    while (at < end) {
        const char *next = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
        char *line = x_strndup(at, (size_t)(next - at) - 2);

        if (redirect_keeps(&hop->effect, line))
            (void)buf_append(out, at, (size_t)(next - at));
        free(line);
        at = next;
    }
}

static void append_cookies(const struct exchange_message *message, const struct fetch_hop *hop,
                           struct buf *out)
{
    const char *own = message->cookies && !hop->effect.is_elsewhere ? message->cookies : NULL;

    if (message->has_cookie || (!own && !hop->cookies))
        return;
    (void)buf_appendf(out, "Cookie: %s%s%s\r\n", hop->cookies ? hop->cookies : "",
                      own && hop->cookies ? "; " : "", own ? own : "");
}

/* RFC 9110, section 8.6: these say a length also where there is no body. */
static bool expects_body(const char *method)
{
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
           strcmp(method, "PATCH") == 0;
}

static struct exchange *exchange_of(struct fetch *fetch)
{
    return CONTAINER_OF(fetch, struct exchange, fetch);
}

static void on_timeout(struct timer *timer, uint64_t now_ns);

/* From now on silence counts. */
static void watch_silence(struct exchange *exchange, uint64_t timeout_ns, uint64_t now_ns)
{
    exchange->moved_ns = now_ns;
    exchange->is_awaited = true;
    /* One that is set looks at the time of the last move when it expires. */
    if (timeout_ns != CLOCK_NEVER_NS && !timer_is_set(&exchange->timer))
        loop_set_timer(exchange->host->loop, &exchange->timer, clock_add_ns(now_ns, timeout_ns),
                       on_timeout);
}

static void write_request(struct fetch *fetch, const struct fetch_hop *hop, struct buf *out,
                          const struct http_body **body)
{
    struct exchange *exchange = exchange_of(fetch);
    const struct exchange_message *message = exchange->order.message;
    const char *method = fetch_current_method(fetch);
    const struct url *url = fetch_current_url(fetch);
    bool has_body = !hop->effect.is_turned_to_get && (message->body || expects_body(method));
    size_t start = out->len;

    (void)body;
    (void)buf_appendf(out, "%s %s HTTP/1.1\r\n", method, url->target);
    if (!message->has_host || hop->effect.is_redirected) {
        char *authority = url_authority(url);

        (void)buf_appendf(out, "Host: %s\r\n", authority);
        free(authority);
    }
    append_headers(message, hop, out);
    append_cookies(message, hop, out);
    if (hop->authorization)
        (void)buf_append_text(out, hop->authorization);
    if (has_body)
        (void)buf_appendf(out, "Content-Length: %zu\r\n", message->body_bytes);
    (void)buf_append_text(out, "\r\n");
    if (has_body)
        (void)buf_append(out, message->body, message->body_bytes);
    if (!hop->effect.is_redirected)
        exchange->request_key = request_key(out->bytes + start, out->len - start);
    exchange->is_connected = true;
    loop_cancel_timer(exchange->host->loop, &exchange->timer);
    watch_silence(exchange, exchange->order.read_timeout_ns, loop_now_ns(exchange->host->loop));
}

/* --- the answer --- */

static char *copy_headers(const struct http_head *head, size_t *len)
{
    struct buf text = {0};

    for (size_t i = 0; i < head->field_count; i++) {
        size_t name_len, value_len;
        const char *name = http_head_name_at(head, i, &name_len);
        const char *value = http_head_value_at(head, i, &value_len);

        (void)buf_appendf(&text, "%.*s: ", (int)name_len, name);
        (void)buf_append(&text, value, value_len);
        (void)buf_append(&text, "\r\n", 2);
    }
    *len = text.len;
    return (char *)x_realloc(text.bytes, text.len > 0 ? text.len : 1);
}

static char *url_text(const struct url *url)
{
    struct buf text = {0};
    char *result;

    (void)url_append(&text, url);
    result = x_strdup(buf_text(&text));
    buf_fini(&text);
    return result;
}

static void add_hop(struct exchange *exchange, const struct http_head *head)
{
    struct exchange_hop *hop;

    if (exchange->hop_count == EXCHANGE_HISTORY_LIMIT)
        return;
    exchange->hops = x_realloc(exchange->hops, (exchange->hop_count + 1) * sizeof *exchange->hops);
    hop = &exchange->hops[exchange->hop_count++];
    hop->status = head->status;
    hop->url = url_text(fetch_current_url(&exchange->fetch));
    hop->headers = copy_headers(head, &hop->headers_bytes);
}

static void on_answer(struct fetch *fetch, const struct http_head *head, bool is_hop,
                      uint64_t now_ns)
{
    struct exchange *exchange = exchange_of(fetch);
    const struct stat_place *place = &exchange->order.place;

    if (!exchange->stream && !is_hop && exchange_stream_is_one(head))
        exchange_stream_begin(exchange);
    if (exchange->stream) {
        exchange_stream_answer(exchange, head, is_hop);
    } else {
        exchange_stats_answer(place->set, &fetch->exchange, head->status, is_hop, NULL);
    }
    if (is_hop || exchange->stream || exchange->order.is_streamed) {
        exchange_stats_time(place->set, &fetch->exchange, now_ns);
        exchange->is_timed = !is_hop;
    }
    if (is_hop) {
        add_hop(exchange, head);
        return;
    }
    exchange->final_method = fetch_current_method(fetch);
    if (fetch_current_url(fetch) != &exchange->order.url)
        exchange->final_url = url_text(fetch_current_url(fetch));
}

/* What only the request needed. */
static void drop_message(struct exchange_order *order)
{
    if (!order->message)
        return;
    free(order->message->headers);
    free(order->message->cookies);
    free(order->message);
    order->message = NULL;
}

/* The server's own phrase, where it is not what everybody says. */
static char *copy_reason(const struct http_head *head)
{
    size_t len;
    const char *reason = http_head_reason(head, &len);

    if (head->status == 200 && len == 2 && memcmp(reason, "OK", 2) == 0)
        return NULL;
    return len > 0 ? x_strndup(reason, len) : NULL;
}

static void on_head(struct fetch *fetch, const struct http_head *head, uint64_t now_ns)
{
    struct exchange *exchange = exchange_of(fetch);

    exchange->status = head->status;
    exchange->reason = copy_reason(head);
    exchange->headers = copy_headers(head, &exchange->headers_bytes);
    exchange->answered_ns = now_ns;
    exchange->state = EXCHANGE_OPEN;
    exchange->is_awaited = !exchange->order.is_streamed;
    exchange->moved_ns = now_ns;
    drop_message(&exchange->order);
    if (exchange->stream) {
        exchange_stream_judge(exchange, head, now_ns);
    } else if (head->status >= 400) {
        char message[EXCHANGE_MESSAGE_BYTES];

        (void)snprintf(message, sizeof message, "status %d", head->status);
        add_error(exchange, answer_class_of_status(head->status), message);
    }
    exchange->on_progress(exchange);
}

/* --- the end --- */

static void mark_done(struct exchange *exchange, enum error_class error_class, const char *message,
                      uint64_t now_ns)
{
    loop_cancel_timer(exchange->host->loop, &exchange->timer);
    drop_message(&exchange->order);
    exchange->state = EXCHANGE_DONE;
    exchange->ended_ns = now_ns;
    exchange->error_class = error_class;
    exchange->message = error_class == CLASS_NONE ? NULL : x_strdup(message);
}

static void finish(struct exchange *exchange, enum error_class error_class, const char *message,
                   uint64_t now_ns)
{
    bool was_answered = exchange_is_answered(exchange);

    mark_done(exchange, error_class, message, now_ns);
    if (exchange->stream) {
        exchange_stream_end(exchange, error_class, message, now_ns);
    } else {
        if (!was_answered)
            exchange_stats_unanswered(exchange->order.place.set);
        else if (!exchange->is_timed)
            exchange_stats_time(exchange->order.place.set, &exchange->fetch.exchange, now_ns);
        if (error_class != CLASS_NONE)
            add_error(exchange, error_class, message);
    }
    exchange->on_progress(exchange);
}

static void on_timeout(struct timer *timer, uint64_t now_ns)
{
    struct exchange *exchange = CONTAINER_OF(timer, struct exchange, timer);
    const struct exchange_order *order = &exchange->order;
    uint64_t due_ns = clock_add_ns(exchange->moved_ns, order->read_timeout_ns);

    if (!exchange->is_connected) {
        fetch_cancel(&exchange->fetch, true);
        finish(exchange, CLASS_CONNECT_TIMEOUT, "no connection in time", now_ns);
        return;
    }
    if (!exchange->is_awaited)
        return;
    if (now_ns < due_ns) {
        loop_set_timer(exchange->host->loop, timer, due_ns, on_timeout);
        return;
    }
    fetch_cancel(&exchange->fetch, true);
    if (exchange_is_answered(exchange))
        finish(exchange, CLASS_TIMEOUT_READ, "silence longer than the read timeout", now_ns);
    else
        finish(exchange, CLASS_TIMEOUT_HEADERS, "no complete response head in time", now_ns);
}

static void on_end(struct fetch *fetch, const struct http_end *end, uint64_t now_ns)
{
    finish(exchange_of(fetch), end->error_class, end->message, now_ns);
}

/* --- the body --- */

/* What was read makes room before the buffer has to grow. */
static void make_room(struct exchange *exchange)
{
    if (exchange->body_at == 0)
        return;
    buf_drop(&exchange->body, exchange->body_at);
    exchange->mark_count -= exchange->mark_at;
    for (uint32_t i = 0; i < exchange->mark_count; i++) {
        exchange->marks[i] = exchange->marks[exchange->mark_at + i];
        exchange->marks[i].at -= exchange->body_at;
    }
    exchange->mark_at = 0;
    exchange->body_at = 0;
}

/* New bytes behind those that wait are told apart by when they came. */
static void mark(struct exchange *exchange, uint64_t now_ns)
{
    uint32_t count = exchange->mark_count;

    if (exchange->body.len == 0) {
        exchange->came_ns = now_ns;
        return;
    }
    if (count == EXCHANGE_MARK_LIMIT)
        return;
    if ((count & (count - 1)) == 0) /* full: it grows by doubling */
        exchange->marks =
            x_realloc(exchange->marks, (count ? 2 * (size_t)count : 1) * sizeof *exchange->marks);
    exchange->marks[count] = (struct exchange_mark){.at = exchange->body.len, .came_ns = now_ns};
    exchange->mark_count++;
}

static void drop_marks(struct exchange *exchange)
{
    free(exchange->marks);
    exchange->marks = NULL;
    exchange->mark_at = exchange->mark_count = 0;
}

static void on_body(struct fetch *fetch, const uint8_t *bytes, size_t len, uint64_t now_ns)
{
    struct exchange *exchange = exchange_of(fetch);

    exchange->moved_ns = now_ns;
    if (exchange->stream)
        exchange_stream_feed(exchange, bytes, len, now_ns);
    if (exchange->order.is_streamed) {
        exchange->is_awaited = false;
    }
    make_room(exchange);
    if (len > EXCHANGE_BODY_LIMIT_BYTES - exchange->body.len) {
        fetch_cancel(fetch, true);
        finish(exchange, CLASS_TOO_LARGE, "more than 256 MiB to be held at once", now_ns);
        return;
    }
    mark(exchange, now_ns);
    (void)buf_append(&exchange->body, bytes, len);
    if (exchange->order.is_streamed && exchange->body.len > EXCHANGE_PAUSE_BYTES) {
        exchange->is_paused = true;
        http_exchange_pause(&fetch->exchange);
    }
    if (exchange->order.is_streamed)
        exchange->on_progress(exchange);
}

static const struct fetch_handlers fetch_handlers = {.write = write_request,
                                                     .on_answer = on_answer,
                                                     .on_head = on_head,
                                                     .on_body = on_body,
                                                     .on_end = on_end};

/* --- public --- */

void exchange_order_init(struct exchange_order *order)
{
    *order = (struct exchange_order){.message = x_calloc(1, sizeof *order->message)};
}

void exchange_order_fini(struct exchange_order *order)
{
    free(order->method);
    drop_message(order);
    url_fini(&order->url);
}

void exchange_start(struct exchange *exchange, struct exchange_host *host,
                    struct exchange_user *user, struct exchange_order *order)
{
    assert(exchange->state == EXCHANGE_NEW);
    exchange->host = host;
    exchange->user = user;
    exchange->order = *order;
    *order = (struct exchange_order){0};
    exchange->state = EXCHANGE_ASKING;
    exchange->began_ns = loop_refresh_ns(host->loop);
    exchange->started_unix_ms = clock_unix_ms();
    exchange->fetch_order = (struct fetch_order){
        .client = exchange->order.client,
        .loop = host->loop,
        .rng = &host->rng,
        .handlers = &fetch_handlers,
        .url = &exchange->order.url,
        .origin = http_origin_of(&exchange->order.url),
        .method = exchange->order.method,
        .auth_place = SESSION_AUTH_STREAM,
        .wants_decoding = exchange->order.wants_decoding,
        .redirect_limit = exchange->order.redirect_limit,
        .redirect_rules = REDIRECT_AS_REQUESTS,
    };
    if (exchange->order.asks_for_stream)
        exchange_stream_begin(exchange);
    loop_set_timer(host->loop, &exchange->timer,
                   clock_add_ns(exchange->began_ns, exchange->order.message->connect_timeout_ns),
                   on_timeout);
    fetch_start(&exchange->fetch, &exchange->fetch_order, &user->session);
}

void exchange_close(struct exchange *exchange, bool with_reset)
{
    uint64_t now_ns;

    if (exchange->state == EXCHANGE_NEW || exchange->state == EXCHANGE_DONE)
        return;
    now_ns = loop_refresh_ns(exchange->host->loop);
    loop_cancel_timer(exchange->host->loop, &exchange->timer);
    if (exchange->stream)
        exchange_stream_close(exchange, now_ns);
    fetch_cancel(&exchange->fetch, with_reset);
    drop_message(&exchange->order);
    exchange->state = EXCHANGE_DONE;
    exchange->ended_ns = now_ns;
}

void exchange_cut(struct exchange *exchange, uint32_t storm, uint64_t now_ns)
{
    assert(exchange->state == EXCHANGE_OPEN && exchange->stream);
    exchange_stream_cut(exchange, storm, now_ns);
    fetch_cancel(&exchange->fetch, true);
    mark_done(exchange, CLASS_RESET, "cut by --storm", now_ns);
    exchange->on_progress(exchange);
}

void exchange_fini(struct exchange *exchange)
{
    if (exchange->host)
        exchange_close(exchange, !exchange->host->is_ending);
    for (uint32_t i = 0; i < exchange->hop_count; i++) {
        free(exchange->hops[i].url);
        free(exchange->hops[i].headers);
    }
    free(exchange->hops);
    free(exchange->final_url);
    free(exchange->headers);
    free(exchange->message);
    free(exchange->reason);
    free(exchange->view);
    exchange_order_fini(&exchange->order);
    buf_fini(&exchange->body);
    drop_marks(exchange);
}

static void resume(struct exchange *exchange)
{
    if (!exchange->is_paused)
        return;
    exchange->is_paused = false;
    if (exchange->stream)
        exchange_stream_resume(exchange);
    http_exchange_resume(&exchange->fetch.exchange);
}

void exchange_take(struct exchange *exchange, size_t len)
{
    assert(len <= exchange_buffered(exchange));
    exchange->body_at += len;
    if (exchange->body_at < exchange->body.len) {
        while (exchange->mark_at < exchange->mark_count &&
               exchange->marks[exchange->mark_at].at <= exchange->body_at)
            exchange->came_ns = exchange->marks[exchange->mark_at++].came_ns;
        return;
    }
    drop_marks(exchange);
    exchange->body_at = 0;
    /* A burst should not leave every stream with a large buffer. */
    if (exchange->body.cap > EXCHANGE_KEPT_BYTES)
        buf_fini(&exchange->body);
    else
        buf_clear(&exchange->body);
    resume(exchange);
}

void exchange_want_whole(struct exchange *exchange, bool is_whole)
{
    exchange->order.is_streamed = !is_whole;
    if (is_whole)
        resume(exchange);
}

void exchange_await(struct exchange *exchange)
{
    resume(exchange); /* all there is was not enough: a line without an end */
    watch_silence(exchange, exchange->order.read_timeout_ns, loop_refresh_ns(exchange->host->loop));
}

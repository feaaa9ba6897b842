#include "http/fetch.h"

#include "base/clock.h"
#include "base/mem.h"
#include "http/auth.h"
#include "http/cookie.h"
#include "http/decode.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    FETCH_DRAIN_LIMIT_BYTES = 64 * 1024, /* of a redirect's body; a new connection costs less */
    FETCH_DRAIN_LIMIT_MS = 1000,
    /* Of one fetch. The limit of http/auth counts answers, of which a kept connection that breaks
     * takes two for one challenge. */
    FETCH_CHALLENGE_LIMIT = 8,
    FETCH_MESSAGE_BYTES = 256,
    FETCH_CODING_BYTES = 256
};

struct fetch_journey {
    struct fetch *fetch; /* borrowed: the owner */
    struct timer timer;  /* patience with a body nobody wants */
    struct url own;      /* the request's, where it is not the order's; no host: it is */
    struct url url;      /* where redirects led */
    struct http_origin origin;
    struct redirect_effect effect;
    struct decoder *decoder; /* owned; NULL: the body is not coded */
    uint32_t drained_bytes;
    uint8_t redirect_count;
    uint8_t challenge_count;
    bool is_draining; /* another request follows */
};

static struct fetch_journey *journey_of(struct fetch *fetch)
{
    if (!fetch->journey) {
        fetch->journey = x_calloc(1, sizeof *fetch->journey);
        fetch->journey->fetch = fetch;
    }
    return fetch->journey;
}

static void end_journey(struct fetch *fetch)
{
    struct fetch_journey *journey = fetch->journey;

    if (!journey)
        return;
    fetch->journey = NULL;
    fetch->exchange.origin = &fetch->order->origin; /* that of the journey goes with it */
    loop_cancel_timer(fetch->order->loop, &journey->timer);
    decoder_free(journey->decoder);
    url_fini(&journey->own);
    url_fini(&journey->url);
    free(journey);
}

static bool is_redirected(const struct fetch *fetch)
{
    return fetch->journey && fetch->journey->redirect_count > 0;
}

const struct url *fetch_current_url(const struct fetch *fetch)
{
    const struct fetch_journey *journey = fetch->journey;

    if (is_redirected(fetch))
        return &journey->url;
    return journey && journey->own.host ? &journey->own : fetch->order->url;
}

static bool is_elsewhere(const struct fetch *fetch)
{
    return is_redirected(fetch) && fetch->journey->effect.is_elsewhere;
}

const char *fetch_current_method(const struct fetch *fetch)
{
    bool is_turned = is_redirected(fetch) && fetch->journey->effect.is_turned_to_get;

    return is_turned ? "GET" : fetch->order->method;
}

/* --- what a request says of its user --- */

/* The user and password of this request; NULL: none, or a token of a login goes out instead. */
static struct auth *auth_of(const struct fetch *fetch)
{
    const struct http_belongings *own = fetch->session->own;
    enum session_auth place = fetch->order->auth_place;

    if (!own || (place != SESSION_AUTH_LOGIN && own->bearer))
        return NULL;
    return own->auth[place];
}

/* Credentials stay with the origin they were given for. */
static void append_credentials(const struct fetch *fetch, struct buf *line)
{
    const struct http_belongings *own = fetch->session->own;
    struct auth *auth = auth_of(fetch);

    if (is_elsewhere(fetch))
        return;
    if (auth)
        auth_append(auth, fetch_current_method(fetch), fetch_current_url(fetch)->target,
                    fetch->order->rng, line);
    else if (own->bearer && fetch->order->auth_place != SESSION_AUTH_LOGIN)
        (void)buf_appendf(line, "Authorization: Bearer %s\r\n", own->bearer);
}

static void on_connected(struct http_exchange *exchange, struct buf *out,
                         const struct http_body **body, uint64_t now_ns)
{
    struct fetch *fetch = CONTAINER_OF(exchange, struct fetch, exchange);
    struct http_belongings *own = fetch->session->own;
    struct fetch_hop hop = {.url = is_redirected(fetch) ? &fetch->journey->url : NULL};
    struct buf cookies = {0}, authorization = {0};

    (void)now_ns;
    if (hop.url)
        hop.effect = fetch->journey->effect;
    if (own) {
        append_credentials(fetch, &authorization);
        hop.authorization = authorization.len > 0 ? buf_text(&authorization) : NULL;
    }
    if (own && own->jar &&
        cookie_jar_append(own->jar, fetch_current_url(fetch), clock_unix_ms(), &cookies) > 0)
        hop.cookies = buf_text(&cookies);
    fetch->order->handlers->write(fetch, &hop, out, body);
    buf_fini(&authorization);
    buf_fini(&cookies);
}

/* --- one request after another --- */

static void ask(struct fetch *fetch);

static void follow(struct fetch *fetch)
{
    struct fetch_journey *journey = fetch->journey;

    loop_cancel_timer(fetch->order->loop, &journey->timer);
    journey->is_draining = false;
    ask(fetch);
}

static void on_drain_timeout(struct timer *timer, uint64_t now_ns)
{
    struct fetch *fetch = CONTAINER_OF(timer, struct fetch_journey, timer)->fetch;

    (void)now_ns;
    http_exchange_cancel(&fetch->exchange, true);
    follow(fetch);
}

/* Another request follows this answer, whose body is let run out so that the connection can be
 * used again. */
static void begin_drain(struct fetch *fetch, uint64_t now_ns)
{
    struct fetch_journey *journey = journey_of(fetch);

    journey->is_draining = true;
    journey->drained_bytes = 0;
    loop_set_timer(fetch->order->loop, &journey->timer,
                   now_ns + FETCH_DRAIN_LIMIT_MS * CLOCK_NS_PER_MS, on_drain_timeout);
}

static void drain(struct fetch *fetch, size_t len)
{
    struct fetch_journey *journey = fetch->journey;

    if (len < FETCH_DRAIN_LIMIT_BYTES - journey->drained_bytes) {
        journey->drained_bytes += (uint32_t)len;
        return;
    }
    http_exchange_cancel(&fetch->exchange, true);
    follow(fetch);
}

static void fail(struct fetch *fetch, enum error_class error_class, const char *message,
                 uint64_t now_ns)
{
    struct http_end end = {.error_class = error_class, .message = message, .has_head = true};

    http_exchange_cancel(&fetch->exchange, true);
    end_journey(fetch);
    fetch->order->handlers->on_end(fetch, &end, now_ns);
}

static void redirect(struct fetch *fetch, const struct http_head *head, uint64_t now_ns)
{
    struct fetch_journey *journey = journey_of(fetch);
    struct err err = {0};
    struct url next;

    if (redirect_read_location(head, fetch_current_url(fetch), &next, &err) < 0) {
        url_fini(&next);
        fail(fetch, CLASS_STATUS_3XX, err.text, now_ns);
        return;
    }
    if (redirect_turns_to_get(fetch->order->redirect_rules, head->status,
                              fetch_current_method(fetch)))
        journey->effect.is_turned_to_get = true;
    url_fini(&journey->url);
    journey->url = next;
    journey->origin = http_origin_of(&journey->url);
    journey->effect.is_redirected = true;
    journey->effect.is_elsewhere = !url_same_origin(&journey->url, fetch->order->url);
    if (++journey->redirect_count > fetch->order->redirect_limit) {
        err_set(&err, ERR_LIMIT, "more than %d redirects", fetch->order->redirect_limit);
        fail(fetch, CLASS_STATUS_3XX, err.text, now_ns);
        return;
    }
    begin_drain(fetch, now_ns);
}

/* --- answers --- */

/* RFC 9110, section 6.4.1: what stands in the head describes content that is not sent. */
static bool is_bodiless(const struct fetch *fetch, const struct http_head *head)
{
    return fetch->exchange.is_for_head || head->status == 204 || head->status == 304;
}

/* All fields of the name as one (RFC 9110, section 5.3), cut at the size of the text. */
static size_t join_codings(const struct http_head *head, char text[static FETCH_CODING_BYTES])
{
    static const char NAME[] = "content-encoding";
    size_t used = 0;

    for (size_t i = 0; i < head->field_count; i++) {
        size_t name_len, len;
        const char *name = http_head_name_at(head, i, &name_len);
        const char *value = http_head_value_at(head, i, &len);

        if (name_len != sizeof NAME - 1 || strncasecmp(name, NAME, name_len) != 0)
            continue;
        used += (size_t)snprintf(text + used, FETCH_CODING_BYTES - used, "%s%.*s",
                                 used > 0 ? ", " : "", (int)len, value);
        if (used >= FETCH_CODING_BYTES)
            return FETCH_CODING_BYTES - 1;
    }
    return used;
}

/* False when the body cannot be read, and the fetch has ended. */
static bool choose_decoder(struct fetch *fetch, const struct http_head *head, uint64_t now_ns)
{
    char message[FETCH_MESSAGE_BYTES], coding[FETCH_CODING_BYTES];
    struct decoder *decoder;
    bool is_known = true;
    size_t len = is_bodiless(fetch, head) ? 0 : join_codings(head, coding);

    if (len == 0)
        return true;
    decoder = decoder_new(coding, len, &is_known);
    if (decoder && fetch->order->wants_decoding) {
        journey_of(fetch)->decoder = decoder;
        return true;
    }
    if (!decoder && is_known)
        return true;
    decoder_free(decoder);
    /* The status says more, and its body need not be read. */
    if (head->status / 100 != 2)
        return true;
    (void)snprintf(message, sizeof message, "content coding '%.*s' %s", (int)(len < 80 ? len : 80),
                   coding, is_known ? "was not asked for" : "is not known");
    fail(fetch, CLASS_DECODE, message, now_ns);
    return false;
}

static bool is_challenge(struct fetch *fetch, const struct http_head *head)
{
    struct auth *auth = auth_of(fetch);

    if (head->status != 401 || !auth || is_elsewhere(fetch) || !auth_challenge(auth, head))
        return false;
    return ++journey_of(fetch)->challenge_count <= FETCH_CHALLENGE_LIMIT;
}

static void on_head(struct http_exchange *exchange, const struct http_head *head, uint64_t now_ns)
{
    struct fetch *fetch = CONTAINER_OF(exchange, struct fetch, exchange);
    const struct fetch_handlers *handlers = fetch->order->handlers;
    bool is_redirect =
        fetch->order->redirect_limit > 0 && redirect_is_one(fetch->order->redirect_rules, head);
    bool is_hop = is_redirect || is_challenge(fetch, head);

    http_session_take_cookies(fetch->session, fetch_current_url(fetch), head);
    if (handlers->on_answer)
        handlers->on_answer(fetch, head, is_hop, now_ns);
    if (!fetch_is_under_way(fetch))
        return;
    if (is_redirect) {
        redirect(fetch, head, now_ns);
    } else if (is_hop) {
        begin_drain(fetch, now_ns);
    } else if (choose_decoder(fetch, head, now_ns)) {
        if (fetch->journey && !fetch->journey->decoder)
            end_journey(fetch);
        handlers->on_head(fetch, head, now_ns);
    }
}

/* Who decodes, and on which connection. */
struct decoding {
    struct fetch *fetch;
    const struct http_conn *conn;
};

/*
 * The decoder's sink: false once the request, and the decoder with it, is gone. The connection
 * tells it: it is busy for as long as this answer is handed on, so no request started anew can be
 * on it.
 */
static bool on_decoded(void *ctx, const uint8_t *bytes, size_t len)
{
    const struct decoding *decoding = ctx;
    struct fetch *fetch = decoding->fetch;

    fetch->order->handlers->on_body(fetch, bytes, len, loop_now_ns(fetch->order->loop));
    return fetch->exchange.conn == decoding->conn;
}

static void decode(struct fetch *fetch, const uint8_t *bytes, size_t len, uint64_t now_ns)
{
    struct decoding decoding = {fetch, fetch->exchange.conn};
    struct decoder *decoder = fetch->journey->decoder;

    switch (decoder_feed(decoder, bytes, len, on_decoded, &decoding)) {
    case DECODE_OK:
    case DECODE_STOPPED:
        return;
    case DECODE_BROKEN:
        fail(fetch, CLASS_DECODE, decoder_reason(decoder), now_ns);
        return;
    case DECODE_TOO_LARGE:
        fail(fetch, CLASS_TOO_LARGE, decoder_reason(decoder), now_ns);
        return;
    }
}

static void on_body(struct http_exchange *exchange, const uint8_t *bytes, size_t len,
                    uint64_t now_ns)
{
    struct fetch *fetch = CONTAINER_OF(exchange, struct fetch, exchange);

    if (!fetch->journey)
        fetch->order->handlers->on_body(fetch, bytes, len, now_ns);
    else if (fetch->journey->is_draining)
        drain(fetch, len);
    else
        decode(fetch, bytes, len, now_ns);
}

static void on_end(struct http_exchange *exchange, const struct http_end *end, uint64_t now_ns)
{
    struct fetch *fetch = CONTAINER_OF(exchange, struct fetch, exchange);
    struct http_end own_end = *end;

    if (fetch->journey && fetch->journey->is_draining) {
        follow(fetch);
        return;
    }
    if (end->error_class == CLASS_NONE && fetch->journey && fetch->journey->decoder &&
        decoder_finish(fetch->journey->decoder) != DECODE_OK) {
        own_end.error_class = CLASS_DECODE;
        own_end.message = decoder_reason(fetch->journey->decoder);
    }
    end_journey(fetch);
    fetch->order->handlers->on_end(fetch, &own_end, now_ns);
}

static const struct http_exchange_handlers exchange_handlers = {
    .on_connected = on_connected, .on_head = on_head, .on_body = on_body, .on_end = on_end};

static void ask(struct fetch *fetch)
{
    const struct fetch_order *order = fetch->order;

    fetch->exchange.is_for_head = strcmp(fetch_current_method(fetch), "HEAD") == 0;
    http_exchange_start(order->client, &fetch->exchange, fetch->session,
                        is_redirected(fetch) ? &fetch->journey->origin : &order->origin,
                        &exchange_handlers);
}

/* --- public --- */

void fetch_start(struct fetch *fetch, const struct fetch_order *order, struct http_session *session)
{
    struct url own;

    assert(!fetch_is_under_way(fetch) && !fetch->journey);
    fetch->order = order;
    fetch->session = session;
    if (order->handlers->locate && order->handlers->locate(fetch, &own))
        journey_of(fetch)->own = own;
    ask(fetch);
}

void fetch_cancel(struct fetch *fetch, bool with_reset)
{
    http_exchange_cancel(&fetch->exchange, with_reset);
    end_journey(fetch);
}

bool fetch_is_under_way(const struct fetch *fetch)
{
    return http_exchange_is_under_way(&fetch->exchange);
}

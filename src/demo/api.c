#include "demo/api.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "demo/account.h"
#include "demo/control.h"
#include "demo/delay.h"
#include "demo/fault_board.h"
#include "demo/pending.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const uint64_t INTERVAL_MIN_NS = 1000000;
static const uint64_t INTERVAL_MAX_NS = 604800000000000; /* seven days */

static const char ORDERS_PREFIX[] = "/api/v1/orders/";
static const char ORDERS_SUFFIX[] = "/events";
static const char JSON_TYPE[] = "application/json";
static const char NO_STORE[] = "Cache-Control: no-store\r\n";
static const char RETRY_AFTER[] = "Retry-After: 1\r\n";
static const char CHALLENGE[] = "WWW-Authenticate: Bearer\r\n";

struct api {
    const struct api_config *config; /* borrowed */
    struct counters *own;            /* borrowed */
    struct feeds *feeds;
    struct delays *delays; /* of logins and streams that faults keep waiting */
    struct chats *chats;
    uint64_t serial; /* of the tokens issued here */
};

struct call {
    struct api *api;
    struct http_request *request;
    uint64_t now_ns;
};

/* The clock that stamps events, so that a client that asks for the time can correct its own. */
static double unix_ms(const struct call *call)
{
    const struct event_clock *clock = &call->api->config->feeds.clock;

    return clock->epoch_unix_ms + (double)(call->now_ns - clock->epoch_ns) / 1e6;
}

static void respond(struct call *call, int status, const char *headers, const char *type,
                    struct buf *body)
{
    counters_count_response(call->api->own, status);
    http_respond(call->request, status, headers, type, body->bytes, body->len);
    buf_fini(body);
}

static void refuse(struct call *call, int status, const char *headers, const char *reason)
{
    struct buf body = {0};
    struct json json;

    if (status == 204) { /* has no body */
        respond(call, status, headers, NULL, &body);
        return;
    }
    json_init(&json, &body, 0);
    json_begin_object(&json);
    json_key(&json, "error");
    json_text(&json, reason);
    json_end_object(&json);
    respond(call, status, headers, JSON_TYPE, &body);
}

/* --- streams --- */

/* 1 when given, 0 when absent, -1 with an answer sent when it cannot be read. */
static int read_interval(struct call *call, uint64_t *interval_ns)
{
    struct buf text = {0};
    struct err err = {0};
    int result = 0;

    if (http_request_query(call->request, "interval", &text)) {
        result = 1;
        if (units_parse_duration(buf_text(&text), interval_ns, &err) < 0 ||
            *interval_ns < INTERVAL_MIN_NS || *interval_ns > INTERVAL_MAX_NS) {
            refuse(call, 400, "", "interval is a duration of 1ms to 7d, such as 250ms");
            result = -1;
        }
    }
    buf_fini(&text);
    return result;
}

/* A whole number up to `max`; answers as read_interval. */
static int read_whole(struct call *call, const char *parameter, uint64_t max, uint32_t *number)
{
    struct buf text = {0}, reason = {0};
    struct err err = {0};
    uint64_t value = 0;
    int result = 0;

    if (http_request_query(call->request, parameter, &text)) {
        result = 1;
        if (units_parse_count(buf_text(&text), 0, max, &value, &err) < 0) {
            (void)buf_appendf(&reason, "%s is a whole number of 0 to %" PRIu64, parameter, max);
            refuse(call, 400, "", buf_text(&reason));
            result = -1;
        } else {
            *number = (uint32_t)value;
        }
    }
    buf_fini(&reason);
    buf_fini(&text);
    return result;
}

/* An id that no event of ours can have is as good as none. */
static void read_last_id(const struct call *call, struct feed_request *wish)
{
    size_t len = 0;
    const char *text = http_head_find(http_request_head(call->request), "last-event-id", &len);

    wish->resumes = text && event_find_seq(&wish->key, &call->api->config->feeds.clock, text, len,
                                           &wish->last_seq);
}

/* A stream whose answer waits. */
struct late_stream {
    struct api *api;
    struct feed_request wish;
};

static void open_late(void *ctx, struct http_request *request, uint64_t now_ns)
{
    struct late_stream *late = ctx;

    counters_count_response(late->api->own, 200);
    feeds_subscribe(late->api->feeds, request, &late->wish, now_ns);
    free(late);
}

static void end_late(void *ctx)
{
    struct late_stream *late = ctx;

    feeds_dismiss(late->api->feeds);
    free(late);
}

static void open_in(struct call *call, const struct feed_request *wish, uint64_t delay_ns)
{
    struct late_stream *late = x_calloc(1, sizeof *late);

    *late = (struct late_stream){.api = call->api, .wish = *wish};
    delays_add(call->api->delays, call->request, clock_add_ns(call->now_ns, delay_ns), open_late,
               end_late, late);
    counters_add(call->api->own, COUNTER_FAULT_LOAD_DELAYS, 1);
}

static void subscribe(struct call *call, const struct feed_key *key)
{
    struct feed_request wish = {.key = *key, .count = FEED_COUNT_UNLIMITED};
    uint64_t delay_ns;
    int status;

    wish.key.interval_ns = call->api->config->interval_ns;
    if (read_interval(call, &wish.key.interval_ns) < 0 ||
        read_whole(call, "count", FEED_COUNT_MAX, &wish.count) < 0)
        return;
    status = feeds_admit(call->api->feeds, &wish, call->now_ns);
    if (status != 0) {
        refuse(call, status, status == 429 || status == 503 ? RETRY_AFTER : "",
               "the service was told to refuse this");
        return;
    }
    read_last_id(call, &wish);
    delay_ns = feeds_delay_ns(call->api->feeds);
    if (delay_ns > 0) {
        open_in(call, &wish, delay_ns);
        return;
    }
    counters_count_response(call->api->own, 200);
    feeds_subscribe(call->api->feeds, call->request, &wish, call->now_ns);
}

static uint32_t all_of(const char *const *names)
{
    uint32_t choice = 0;

    for (unsigned i = 0; names[i]; i++)
        choice |= 1u << i;
    return choice;
}

/* A list of names with commas between; all when absent or empty. 0, or -1 with an answer sent. */
static int read_choice(struct call *call, const char *parameter, const char *const *names,
                       uint32_t *choice)
{
    struct buf text = {0};
    struct buf reason = {0};
    uint32_t bits = 0;
    int result = 0;

    (void)http_request_query(call->request, parameter, &text);
    for (const char *at = buf_text(&text); *at && result == 0;) {
        size_t len = strcspn(at, ",");
        int index = event_find_name(names, at, len);

        if (index >= 0)
            bits |= 1u << index;
        else if (len > 0)
            result = -1;
        at += len + (at[len] == ',');
    }
    if (result < 0) {
        (void)buf_appendf(&reason, "%s may be any of", parameter);
        for (unsigned i = 0; names[i]; i++)
            (void)buf_appendf(&reason, "%s %s", i > 0 ? "," : "", names[i]);
        refuse(call, 400, "", buf_text(&reason));
    } else {
        *choice = bits ? bits : all_of(names);
    }
    buf_fini(&reason);
    buf_fini(&text);
    return result;
}

/* 0, or -1 with an answer sent: 401 without a good token, 403 with one of the other kind. */
static int authorize(struct call *call, enum token_kind wanted)
{
    size_t len = 0;
    const char *text = http_head_find(http_request_head(call->request), "authorization", &len);
    enum token_kind kind = TOKEN_NONE;

    if (text && len > 7 && strncasecmp(text, "Bearer ", 7) == 0)
        kind = token_check(&call->api->config->key, text + 7, len - 7,
                           (uint64_t)(unix_ms(call) / 1000));
    if (kind == wanted)
        return 0;
    if (kind != TOKEN_NONE)
        refuse(call, 403, "", "this token is not for this endpoint");
    else if (text)
        refuse(call, 401, CHALLENGE, "the bearer token is expired or not one of ours");
    else
        refuse(call, 401, CHALLENGE, "a bearer token is needed");
    return -1;
}

/* The index of a parameter's value, `absent` without one, -1 when it is not among the names. */
static int read_name(const struct call *call, const char *parameter, const char *const *names,
                     int absent)
{
    struct buf text = {0};
    int index = absent;

    if (http_request_query(call->request, parameter, &text))
        index = event_find_name(names, buf_text(&text), text.len);
    buf_fini(&text);
    return index;
}

static void events_stream(struct call *call)
{
    struct feed_key key = {.kind = FEED_EVENTS};
    int ids = read_name(call, "ids", event_ids_names, EVENT_IDS_COUNT);

    if (read_whole(call, "filter", EVENT_FILTER_MAX, &key.filter) < 0)
        return;
    if (ids < 0) {
        refuse(call, 400, "", "ids may be any of count, redis, random, none");
        return;
    }
    key.ids = (enum event_ids)ids;
    subscribe(call, &key);
}

static void notifications_stream(struct call *call)
{
    struct feed_key key = {.kind = FEED_NOTIFICATIONS};

    if (authorize(call, TOKEN_USER) == 0 &&
        read_choice(call, "topics", event_topics, &key.choice) == 0)
        subscribe(call, &key);
}

/* The `len` bytes of the order's id in `path`, or NULL when it is no order's path. */
static const char *order_id(const char *path, size_t *len)
{
    size_t prefix = sizeof ORDERS_PREFIX - 1, suffix = sizeof ORDERS_SUFFIX - 1;
    const char *id = path + prefix;

    if (strncmp(path, ORDERS_PREFIX, prefix) != 0)
        return NULL;
    *len = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    if (*len == 0 || *len > EVENT_SUBJECT_LIMIT_BYTES || strlen(id) != *len + suffix)
        return NULL;
    return strcmp(id + *len, ORDERS_SUFFIX) == 0 ? id : NULL;
}

static void order_events(struct call *call)
{
    struct feed_key key = {.kind = FEED_ORDER};
    size_t len = 0;
    const char *id = order_id(http_request_path(call->request), &len);

    (void)memcpy(key.subject, id, len);
    subscribe(call, &key);
}

static void analytics_stream(struct call *call)
{
    struct feed_key key = {.kind = FEED_ANALYTICS};
    int tenant = read_name(call, "tenant", event_tenants, -2);
    int region = read_name(call, "region", event_regions, 0);
    size_t len = 0;
    const char *header;

    if (authorize(call, TOKEN_CLIENT) < 0)
        return;
    header = http_head_find(http_request_head(call->request), "x-tenant-id", &len);
    if (tenant == -2)
        refuse(call, 400, "", "tenant is missing");
    else if (tenant < 0)
        refuse(call, 403, "", "this token gives no access to that tenant");
    else if (header && event_find_name(event_tenants, header, len) != tenant)
        refuse(call, 403, "", "X-Tenant-ID names another tenant than the URL");
    else if (region < 0)
        refuse(call, 400, "", "region may be any of us-east-1, eu-west-1, ap-south-1");
    else if (read_choice(call, "channels", event_channels, &key.choice) == 0) {
        key.tenant = (uint32_t)tenant;
        key.region = (uint32_t)region;
        subscribe(call, &key);
    }
}

/* --- tokens --- */

static void grant(struct call *call, enum token_kind kind, const char *scope)
{
    char token[TOKEN_TEXT_BYTES];
    uint32_t ttl_s = call->api->config->token_ttl_s;
    struct buf body = {0};
    struct json json;

    (void)token_issue(&call->api->config->key, kind, (uint64_t)(unix_ms(call) / 1000) + ttl_s,
                      ++call->api->serial, token);
    json_init(&json, &body, 0);
    json_begin_object(&json);
    json_key(&json, "access_token");
    json_text(&json, token);
    json_key(&json, "token_type");
    json_text(&json, "bearer");
    json_key(&json, "expires_in");
    json_uint(&json, ttl_s);
    if (scope) {
        json_key(&json, "scope");
        json_text(&json, scope);
    }
    json_end_object(&json);
    respond(call, 200, NO_STORE, JSON_TYPE, &body);
}

static void check_account(struct call *call, account_check_fn check, enum token_kind kind,
                          const char *scope)
{
    size_t len, type_bytes = 0;
    const char *type =
        http_head_find(http_request_head(call->request), "content-type", &type_bytes);
    const uint8_t *bytes = http_request_body(call->request, &len);
    const char *reason = "";
    int status = check(bytes, len, account_is_form(type, type_bytes), &reason);

    if (status == 200)
        grant(call, kind, scope);
    else
        refuse(call, status, NO_STORE, reason);
}

static void answer_login(void *ctx, struct http_request *request, uint64_t now_ns)
{
    struct call call = {.api = ctx, .request = request, .now_ns = now_ns};

    check_account(&call, account_check_login, TOKEN_USER, NULL);
}

static void answer_session(void *ctx, struct http_request *request, uint64_t now_ns)
{
    struct call call = {.api = ctx, .request = request, .now_ns = now_ns};

    check_account(&call, account_check_client, TOKEN_CLIENT, ACCOUNT_SCOPE);
}

static void answer_in_time(struct call *call, delay_fn answer)
{
    struct api *api = call->api;
    uint64_t delay_ns = feeds_sync(api->feeds, call->now_ns)->slow_login_ns;

    if (delay_ns == 0) {
        answer(api, call->request, call->now_ns);
        return;
    }
    delays_add(api->delays, call->request, clock_add_ns(call->now_ns, delay_ns), answer, NULL, api);
    counters_add(api->own, COUNTER_FAULT_SLOW_LOGINS, 1);
}

static void login(struct call *call)
{
    answer_in_time(call, answer_login);
}

static void session_token(struct call *call)
{
    answer_in_time(call, answer_session);
}

/* --- the rest --- */

static void chat(struct call *call)
{
    chats_answer(call->api->chats, call->request, call->now_ns);
}

static void answer_time(struct call *call)
{
    struct buf body = {0};

    (void)buf_appendf(&body, "{\"unix_ms\":%.3f}", unix_ms(call));
    respond(call, 200, NO_STORE, JSON_TYPE, &body);
}

static void answer_health(struct call *call)
{
    struct buf body = {0};

    (void)buf_append_text(&body, "ok\n");
    respond(call, 200, NO_STORE, "text/plain; charset=utf-8", &body);
}

static void answer_metrics(struct call *call)
{
    struct buf body = {0};

    counters_append_text(&body, call->api->config->counters, call->api->config->process_count);
    respond(call, 200, NO_STORE, "text/plain; version=0.0.4; charset=utf-8", &body);
}

/* 0, or -1 with an answer sent. */
static int authorize_control(struct call *call)
{
    const char *reason = "";
    int status = control_check(call->request, call->api->config->control_token, &reason);

    if (status == 0)
        return 0;
    refuse(call, status, status == 401 ? CHALLENGE : "", reason);
    return -1;
}

static void answer_control(struct call *call)
{
    struct buf body = {0};

    if (authorize_control(call) < 0)
        return;
    control_append(&body, call->api->config->feeds.board);
    respond(call, 200, NO_STORE, JSON_TYPE, &body);
}

static void change_control(struct call *call)
{
    struct err err = {0};
    int status;

    if (authorize_control(call) < 0)
        return;
    status = control_change(call->request, call->api->config->feeds.board, &err);
    if (status != 0) {
        refuse(call, status, NO_STORE, err.text);
        return;
    }
    (void)feeds_sync(call->api->feeds, call->now_ns);
    answer_control(call);
}

static const struct route {
    const char *path; /* NULL: an order's */
    const char *method;
    void (*answer)(struct call *call);
    bool allows_head;
} routes[] = {
    {"/api/v1/events/stream", "GET", events_stream, false},
    {"/api/v1/auth/login", "POST", login, false},
    {"/api/v1/notifications/stream", "GET", notifications_stream, false},
    {NULL, "GET", order_events, false},
    {"/api/v1/session/token", "POST", session_token, false},
    {"/api/v1/analytics/stream", "GET", analytics_stream, false},
    {"/v1/chat/completions", "POST", chat, false},
    {"/time", "GET", answer_time, true},
    {"/healthz", "GET", answer_health, true},
    {"/metrics", "GET", answer_metrics, true},
    {"/control", "GET", answer_control, true},
    {"/control", "POST", change_control, false},
};

static bool leads_to(const struct route *route, const char *path)
{
    size_t len;

    return route->path ? strcmp(route->path, path) == 0 : order_id(path, &len) != NULL;
}

static bool takes(const struct route *route, const char *method)
{
    return strcmp(method, route->method) == 0 ||
           (route->allows_head && strcmp(method, "HEAD") == 0);
}

static void refuse_method(struct call *call, const char *path)
{
    struct buf methods = {0}, header = {0}, reason = {0};

    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (!leads_to(&routes[i], path))
            continue;
        (void)buf_appendf(&methods, "%s%s%s", methods.len > 0 ? ", " : "", routes[i].method,
                          routes[i].allows_head ? ", HEAD" : "");
    }
    (void)buf_appendf(&header, "Allow: %s\r\n", buf_text(&methods));
    (void)buf_appendf(&reason, "this path takes %s", buf_text(&methods));
    refuse(call, 405, buf_text(&header), buf_text(&reason));
    buf_fini(&reason);
    buf_fini(&header);
    buf_fini(&methods);
}

static void on_request(void *ctx, struct http_request *request, uint64_t now_ns)
{
    struct call call = {.api = ctx, .request = request, .now_ns = now_ns};
    const char *path = http_request_path(request), *method = http_request_method(request);
    bool is_there = false;

    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (!leads_to(&routes[i], path))
            continue;
        is_there = true;
        if (takes(&routes[i], method)) {
            routes[i].answer(&call);
            return;
        }
    }
    if (is_there)
        refuse_method(&call, path);
    else
        refuse(&call, 404, "", "there is nothing at this path");
}

static void on_gone(void *ctx, struct http_request *request)
{
    struct pending *pending = http_request_user(request);

    (void)ctx;
    pending->on_gone(pending);
}

const struct http_server_handlers api_handlers = {.on_request = on_request, .on_gone = on_gone};

struct api *api_new(struct loop *loop, const struct api_config *config, uint32_t process)
{
    struct api *api = x_calloc(1, sizeof *api);
    uint64_t first_serial = (uint64_t)process << 40; /* numbers differ between processes */

    api->config = config;
    api->own = &config->counters[process];
    api->feeds = feeds_new(loop, &config->feeds, api->own, first_serial);
    api->chats = chats_new(loop, &config->chat, api->own, first_serial);
    api->delays = delays_new(loop);
    api->serial = first_serial;
    return api;
}

void api_free(struct api *api)
{
    if (!api)
        return;
    delays_free(api->delays);
    feeds_free(api->feeds);
    chats_free(api->chats);
    free(api);
}

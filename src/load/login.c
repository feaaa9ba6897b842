#include "load/login.h"

#include "base/clock.h"
#include "base/json_read.h"
#include "base/mem.h"
#include "http/auth.h"
#include "load/answer.h"
#include "load/exchange_stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOGIN_MESSAGE_BYTES = 256 };

struct login {
    struct login_config config;
    struct fetch_order order;
    struct stat_set *set; /* borrowed of the statistics */
    size_t endpoint;
};

struct login_attempt {
    struct fetch fetch;
    struct login *login;
    struct http_session *session;
    login_fn on_done;
    void *ctx;
    struct buf answer;
    struct timer timer; /* patience with the answer's body */
    uint64_t began_ns;
    uint32_t row;
    int status; /* of the latest head; 0: none came */
    uint64_t retry_after_ns;
    bool is_at_hop; /* the latest head led to another request */
    bool is_renewal;
    bool is_too_large;
    bool is_starting; /* still inside login_start */
    bool is_done;
};

static struct login_attempt *attempt_of(struct fetch *fetch)
{
    return CONTAINER_OF(fetch, struct login_attempt, fetch);
}

static void free_attempt(struct login_attempt *attempt)
{
    loop_cancel_timer(attempt->login->config.loop, &attempt->timer);
    buf_fini(&attempt->answer);
    free(attempt);
}

static void count(const struct login_attempt *attempt, const struct login_result *result,
                  uint64_t now_ns)
{
    const struct login *login = attempt->login;
    bool is_good = result->error_class == CLASS_NONE;

    stat_pass(login->set, METRIC_LOGIN_SUCCESS, NULL, is_good);
    stat_pass(login->set, METRIC_LOGIN_SUCCESS,
              attempt->is_renewal ? "cause:expired" : "cause:first", is_good);
    if (attempt->status == 0)
        exchange_stats_unanswered(login->set);
    else if (attempt->status / 100 == 2)
        exchange_stats_time(login->set, &attempt->fetch.exchange, now_ns);
    if (!is_good)
        stats_add_error(login->config.stats, login->endpoint, result->error_class, result->message,
                        clock_unix_ms());
}

static void finish(struct login_attempt *attempt, enum error_class error_class, const char *message,
                   uint64_t now_ns)
{
    struct login_result result = {.error_class = error_class, .message = message};

    /* A good head whose body broke off is no answer of the service, but trouble on the way. */
    if (attempt->status / 100 != 2 || error_class == CLASS_NONE || error_class == CLASS_DECODE ||
        error_class == CLASS_TOO_LARGE)
        result.status = attempt->status;
    result.retry_after_ns = attempt->retry_after_ns;
    count(attempt, &result, now_ns);
    attempt->is_done = true;
    attempt->on_done(attempt->ctx, &result, now_ns);
    if (!attempt->is_starting)
        free_attempt(attempt);
}

/* --- the answer --- */

/* It goes into a header: nothing that could end one. */
static bool is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
            return false;
    }
    return len > 0 && len <= SESSION_BEARER_LIMIT_BYTES;
}

/* False with a message. */
static bool take_token(struct login_attempt *attempt, char message[static LOGIN_MESSAGE_BYTES])
{
    const char *pointer = attempt->login->config.token_pointer;
    struct err err = {0};
    struct json_document *document = json_read(attempt->answer.bytes, attempt->answer.len, &err);
    size_t len = 0;
    const char *token;
    bool is_good = false;

    if (!document) {
        (void)snprintf(message, LOGIN_MESSAGE_BYTES, "the login's answer is no JSON: %.180s",
                       err.text);
        return false;
    }
    token = json_value_text(json_find(document, pointer), &len);
    if (token && is_token(token, len)) {
        http_session_set_bearer(attempt->session, token, len);
        is_good = true;
    } else {
        (void)snprintf(message, LOGIN_MESSAGE_BYTES, "no token at '%.100s' of the login's answer",
                       pointer);
    }
    json_document_free(document);
    return is_good;
}

static void on_answer(struct fetch *fetch, const struct http_head *head, bool is_hop,
                      uint64_t now_ns)
{
    struct login_attempt *attempt = attempt_of(fetch);

    attempt->status = head->status;
    attempt->is_at_hop = is_hop;
    exchange_stats_answer(attempt->login->set, &fetch->exchange, head->status, is_hop, NULL);
    /* A good answer takes until its token is there. */
    if (is_hop || head->status / 100 != 2)
        exchange_stats_time(attempt->login->set, &fetch->exchange, now_ns);
}

static void on_body_timeout(struct timer *timer, uint64_t now_ns)
{
    struct login_attempt *attempt = CONTAINER_OF(timer, struct login_attempt, timer);

    fetch_cancel(&attempt->fetch, true);
    if (attempt->is_too_large)
        finish(attempt, CLASS_TOO_LARGE, "the login's answer is over 1 MiB", now_ns);
    else
        finish(attempt, CLASS_TIMEOUT_READ, "the login's answer does not end", now_ns);
}

static void on_head(struct fetch *fetch, const struct http_head *head, uint64_t now_ns)
{
    struct login_attempt *attempt = attempt_of(fetch);
    char message[LOGIN_MESSAGE_BYTES];

    if (head->status / 100 == 2) {
        loop_set_timer(attempt->login->config.loop, &attempt->timer,
                       clock_add_ns(now_ns, attempt->login->config.patience_ns), on_body_timeout);
        return;
    }
    attempt->retry_after_ns = answer_retry_after_ns(head, clock_unix_ms());
    (void)snprintf(message, sizeof message, "status %d", head->status);
    fetch_cancel(fetch, true); /* no TIME_WAIT */
    finish(attempt, answer_class_of_status(head->status), message, now_ns);
}

static void on_body(struct fetch *fetch, const uint8_t *bytes, size_t len, uint64_t now_ns)
{
    struct login_attempt *attempt = attempt_of(fetch);

    if (buf_append(&attempt->answer, bytes, len) == 0)
        return;
    /* The caller still works on this fetch: it is told at the loop's next turn. */
    attempt->is_too_large = true;
    fetch_cancel(fetch, true);
    loop_set_timer(attempt->login->config.loop, &attempt->timer, now_ns, on_body_timeout);
}

static void on_end(struct fetch *fetch, const struct http_end *end, uint64_t now_ns)
{
    struct login_attempt *attempt = attempt_of(fetch);
    char message[LOGIN_MESSAGE_BYTES] = "";
    enum error_class error_class = end->error_class;

    (void)snprintf(message, sizeof message, "%s", end->message);
    if (!end->has_head)
        attempt->status = 0; /* not that of an earlier hop */
    if (error_class == CLASS_NONE && attempt->login->config.token_pointer &&
        !take_token(attempt, message))
        error_class = CLASS_DECODE;
    finish(attempt, error_class, message, now_ns);
}

static bool locate(struct fetch *fetch, struct url *url)
{
    struct login_attempt *attempt = attempt_of(fetch);

    return request_locate(attempt->login->config.request, attempt->row, url);
}

static void write_request(struct fetch *fetch, const struct fetch_hop *hop, struct buf *out,
                          const struct http_body **body)
{
    struct login_attempt *attempt = attempt_of(fetch);

    request_write(attempt->login->config.request,
                  &(struct request_variant){.row = attempt->row, .hop = hop}, out, body);
}

static const struct fetch_handlers handlers = {.write = write_request,
                                               .locate = locate,
                                               .on_answer = on_answer,
                                               .on_head = on_head,
                                               .on_body = on_body,
                                               .on_end = on_end};

/* --- public --- */

struct login *login_new(const struct login_config *config)
{
    struct login *login = x_calloc(1, sizeof *login);
    const struct request *request = config->request;
    char *name;

    login->config = *config;
    login->order = (struct fetch_order){
        .client = config->client,
        .loop = config->loop,
        .rng = config->rng,
        .handlers = &handlers,
        .url = request_url(request),
        .origin = http_origin_of(request_url(request)),
        .method = request_method(request),
        .auth_place = SESSION_AUTH_LOGIN,
        .wants_decoding = request_wants_decoding(request),
        .redirect_limit = REDIRECT_LIMIT,
    };
    name = url_hide_userinfo(config->name, strlen(config->name));
    login->endpoint = stats_add_endpoint(config->stats, request_method(request), name);
    free(name);
    login->set = stats_endpoint_set(config->stats, login->endpoint);
    return login;
}

void login_free(struct login *login)
{
    free(login);
}

struct login_attempt *login_start(struct login *login, struct http_session *session, uint32_t row,
                                  bool is_renewal, login_fn on_done, void *ctx)
{
    struct login_attempt *attempt = x_calloc(1, sizeof *attempt);

    attempt->login = login;
    attempt->session = session;
    attempt->began_ns = loop_now_ns(login->config.loop);
    attempt->row = row;
    attempt->is_renewal = is_renewal;
    attempt->on_done = on_done;
    attempt->ctx = ctx;
    attempt->is_starting = true;
    buf_init(&attempt->answer, LOGIN_ANSWER_LIMIT_BYTES);
    http_session_set_auth(session, SESSION_AUTH_LOGIN,
                          request_make_auth(login->config.request, row));
    fetch_start(&attempt->fetch, &login->order, session);
    attempt->is_starting = false;
    if (!attempt->is_done)
        return attempt;
    free_attempt(attempt);
    return NULL;
}

void login_cancel(struct login_attempt *attempt)
{
    fetch_cancel(&attempt->fetch, true);
    free_attempt(attempt);
}

bool login_give_up(struct login_attempt *attempt, uint64_t now_ns)
{
    struct login_result result = {.error_class = CLASS_TIMEOUT_HEADERS,
                                  .message = "unanswered at the end of the run"};
    bool is_overdue = now_ns - attempt->began_ns > attempt->login->config.patience_ns;

    if (attempt->is_at_hop)
        attempt->status = 0; /* what follows is unanswered */
    if (is_overdue)
        count(attempt, &result, now_ns);
    login_cancel(attempt);
    return is_overdue;
}

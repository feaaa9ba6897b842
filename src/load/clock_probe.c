#include "load/clock_probe.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/excerpt.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "http/auth.h"
#include "http/fetch.h"
#include "load/network.h"
#include "load/plan.h"
#include "load/request.h"
#include "net/own_addresses.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PROBE_QUICK_MS = 50,  /* between the first answers */
    PROBE_PATIENCE_S = 4, /* with one answer */
    PROBE_ANSWER_LIMIT_BYTES = 64 * 1024,
    PROBE_REASON_BYTES = EXCERPT_CAP_BYTES + 32
};

struct clock_probe {
    struct clock_probe_config config;
    struct event_clock clock;
    struct own_addresses *own;
    char method[4];
    struct plan_message message; /* its method stands above */
    struct request *request;     /* NULL: nobody is asked */
    struct fetch_order order;
    struct fetch fetch;
    struct http_session session;
    struct timer timer; /* the next question, or patience with the one under way */
    struct buf answer;
    uint64_t answered_ns; /* the last bytes of the answer under way */
    int status;
    bool has_failed; /* and it was said */
    /* For clock_probe_try: every question's end; `reason` NULL: a time came. */
    void (*on_asked)(struct clock_probe *probe, const char *reason);
    void *ctx;
};

static void on_due(struct timer *timer, uint64_t now_ns);

static void set_timer(struct clock_probe *probe, uint64_t wait_ns)
{
    uint64_t now_ns = loop_now_ns(probe->config.loop);

    loop_set_timer(probe->config.loop, &probe->timer, clock_add_ns(now_ns, wait_ns), on_due);
}

/* --- an answer --- */

static void fail(struct clock_probe *probe, const char *reason)
{
    fetch_cancel(&probe->fetch, true);
    set_timer(probe, CLOCK_PROBE_INTERVAL_S * CLOCK_NS_PER_S);
    if (!probe->has_failed && probe->config.is_first)
        log_warning("the clock of --clock gave no time: %s; its last offset stays in use", reason);
    probe->has_failed = true;
    if (probe->on_asked)
        probe->on_asked(probe, reason);
}

static void take(struct clock_probe *probe, const struct event_clock_reading *reading)
{
    bool is_quick;

    event_clock_add(&probe->clock, reading);
    is_quick = probe->clock.answer_count < EVENT_CLOCK_ANSWERS;
    set_timer(probe, is_quick ? PROBE_QUICK_MS * CLOCK_NS_PER_MS
                              : CLOCK_PROBE_INTERVAL_S * CLOCK_NS_PER_S);
    probe->has_failed = false;
    if (probe->on_asked)
        probe->on_asked(probe, NULL);
}

static struct clock_probe *probe_of(struct fetch *fetch)
{
    return CONTAINER_OF(fetch, struct clock_probe, fetch);
}

static void on_head(struct fetch *fetch, const struct http_head *head, uint64_t now_ns)
{
    struct clock_probe *probe = probe_of(fetch);

    probe->status = head->status;
    probe->answered_ns = now_ns;
}

static void on_body(struct fetch *fetch, const uint8_t *bytes, size_t len, uint64_t now_ns)
{
    struct clock_probe *probe = probe_of(fetch);

    probe->answered_ns = now_ns;
    if (buf_append(&probe->answer, bytes, len) == 0)
        return;
    fail(probe, "the answer is over 64 KiB");
}

static void describe_answer(struct clock_probe *probe, char reason[static PROBE_REASON_BYTES])
{
    char text[EXCERPT_CAP_BYTES];

    excerpt_write(text, probe->answer.bytes, probe->answer.len);
    (void)snprintf(reason, PROBE_REASON_BYTES, "its answer is no time: '%s'", text);
}

static void on_end(struct fetch *fetch, const struct http_end *end, uint64_t now_ns)
{
    struct clock_probe *probe = probe_of(fetch);
    struct event_clock_reading reading = {.asked_ns = fetch->exchange.sent_ns,
                                          .answered_ns = probe->answered_ns};
    char reason[PROBE_REASON_BYTES];

    (void)now_ns;
    if (end->error_class != CLASS_NONE) {
        (void)snprintf(reason, sizeof reason, "%s", end->message);
        fail(probe, reason);
    } else if (probe->status != 200) {
        (void)snprintf(reason, sizeof reason, "status %d", probe->status);
        fail(probe, reason);
    } else if (!event_clock_read_answer((const char *)probe->answer.bytes, probe->answer.len,
                                        &reading.unix_ns, &reading.grain_ns)) {
        describe_answer(probe, reason);
        fail(probe, reason);
    } else {
        take(probe, &reading);
    }
}

static void write_request(struct fetch *fetch, const struct fetch_hop *hop, struct buf *out,
                          const struct http_body **body)
{
    request_write(probe_of(fetch)->request, &(struct request_variant){.hop = hop}, out, body);
}

static const struct fetch_handlers handlers = {
    .write = write_request, .on_head = on_head, .on_body = on_body, .on_end = on_end};

/* --- a question --- */

static void on_due(struct timer *timer, uint64_t now_ns)
{
    struct clock_probe *probe = CONTAINER_OF(timer, struct clock_probe, timer);

    (void)now_ns;
    if (fetch_is_under_way(&probe->fetch)) {
        fail(probe, "no answer within 4 s");
        return;
    }
    buf_clear(&probe->answer);
    /* What this turn of the loop has taken so far is no part of the round trip. */
    (void)loop_refresh_ns(probe->config.loop);
    set_timer(probe, PROBE_PATIENCE_S * CLOCK_NS_PER_S);
    fetch_start(&probe->fetch, &probe->order, &probe->session);
}

static int make_request(struct clock_probe *probe, struct err *err)
{
    struct request_spec spec = {.url = probe->config.url, .message = &probe->message};

    (void)memcpy(probe->method, "GET", sizeof probe->method);
    probe->message.method = probe->method;
    probe->request = request_new(&spec, err);
    if (!probe->request)
        return -1;
    probe->order = (struct fetch_order){
        .client = probe->config.client,
        .loop = probe->config.loop,
        .rng = probe->config.rng,
        .handlers = &handlers,
        .url = request_url(probe->request),
        .origin = http_origin_of(request_url(probe->request)),
        .method = request_method(probe->request),
        .auth_place = SESSION_AUTH_STREAM,
        .redirect_limit = REDIRECT_LIMIT,
    };
    http_session_set_auth(&probe->session, SESSION_AUTH_STREAM,
                          request_make_auth(probe->request, 0));
    return 0;
}

struct clock_probe *clock_probe_new(const struct clock_probe_config *config, struct err *err)
{
    struct clock_probe *probe = x_calloc(1, sizeof *probe);

    probe->config = *config;
    probe->own = own_addresses_new();
    buf_init(&probe->answer, PROBE_ANSWER_LIMIT_BYTES);
    event_clock_init(&probe->clock, config->url != NULL);
    (void)event_clock_set_wall(&probe->clock, clock_wall_base_ns());
    if (!config->url)
        return probe;
    if (make_request(probe, err) < 0) {
        clock_probe_free(probe);
        return NULL;
    }
    set_timer(probe, 0);
    return probe;
}

void clock_probe_free(struct clock_probe *probe)
{
    if (!probe)
        return;
    loop_cancel_timer(probe->config.loop, &probe->timer);
    fetch_cancel(&probe->fetch, true);
    http_session_close(&probe->session, true);
    request_free(probe->request);
    buf_fini(&probe->answer);
    own_addresses_free(probe->own);
    free(probe);
}

struct clock_state clock_probe_second(struct clock_probe *probe)
{
    int64_t step_ns;

    if (!probe)
        return (struct clock_state){0};
    step_ns = event_clock_set_wall(&probe->clock, clock_wall_base_ns());
    if (step_ns != 0 && probe->config.is_first)
        log_warning("the wall clock of this machine was set by %+.3f ms during the run: latencies "
                    "of up to a second before this may be wrong by as much",
                    (double)step_ns / 1e6);
    return event_clock_state(&probe->clock);
}

struct event_clock *clock_probe_clock(struct clock_probe *probe)
{
    return &probe->clock;
}

bool clock_probe_is_same_host(const struct clock_probe *probe, const struct http_exchange *exchange)
{
    struct address peer;

    return http_exchange_get_peer(exchange, &peer) && own_addresses_has(probe->own, &peer);
}

/* --- once, before a run --- */

struct trial {
    struct loop *loop;
    struct err *err;
    int result;
};

static void on_tried(struct clock_probe *probe, const char *reason)
{
    struct trial *trial = probe->ctx;

    trial->result = reason ? -1 : 0;
    if (reason)
        err_set(trial->err, ERR_USAGE, "%s", reason);
    loop_stop(trial->loop);
}

static int run_trial(const char *url, struct network *network, struct trial *trial)
{
    struct rng rng;
    struct clock_probe_config config = {
        .loop = trial->loop, .client = network->client, .rng = &rng, .url = url};
    struct clock_probe *probe;

    rng_init(&rng, clock_now_ns());
    probe = clock_probe_new(&config, trial->err);
    if (!probe)
        return -1;
    probe->on_asked = on_tried;
    probe->ctx = trial;
    loop_run(trial->loop); /* until on_tried: patience has its end */
    clock_probe_free(probe);
    return trial->result;
}

int clock_probe_try(const char *url, const struct plan_network *network_plan, struct err *err)
{
    struct trial trial = {.err = err, .result = -1};
    struct network network = {0};
    int result = -1;

    trial.loop = loop_new(err);
    if (trial.loop && network_open(&network, trial.loop, network_plan, false, err) == 0)
        result = run_trial(url, &network, &trial);
    if (trial.loop) {
        network_close(&network);
        loop_free(trial.loop);
    }
    return result;
}

#include "cli/tap.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/run.h"
#include "cli/tap_view.h"
#include "load/network.h"
#include "load/plan.h"
#include "load/request.h"
#include "load/stream.h"
#include "net/loop.h"
#include "verdict/outcome.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tap {
    struct loop *loop;
    struct network network;
    struct rng rng;
    struct stats *stats; /* the engine counts; nobody looks */
    struct request_body body;
    struct request *request;
    struct stream_engine *engine;
    struct stream_target target;
    struct stream stream;
    struct timer timeout;
    struct watch interrupt;
    struct tap_view view;
    int status;
};

/* A signal handler knows nothing else: the write end of a pipe whose other end the loop watches. */
static int interrupt_pipe[2] = {-1, -1};

static void on_signal(int number)
{
    uint8_t byte = (uint8_t)number;

    (void)!write(interrupt_pipe[1], &byte, 1);
}

static void end(struct tap *tap, int status)
{
    tap->status = status;
    loop_stop(tap->loop);
}

static void on_interrupt(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct tap *tap = CONTAINER_OF(watch, struct tap, interrupt);
    uint8_t number = 0;

    (void)ready;
    (void)now_ns;
    if (read(watch->fd, &number, 1) == 1)
        end(tap, EXIT_SIGNAL_BASE + number);
}

static void on_timeout(struct timer *timer, uint64_t now_ns)
{
    struct tap *tap = CONTAINER_OF(timer, struct tap, timeout);
    bool has_answer = tap->stream.state == STREAM_OPEN || tap->stream.state == STREAM_WAITING;

    tap_view_failure(&tap->view, has_answer ? CLASS_TIMEOUT_READ : CLASS_TIMEOUT_HEADERS,
                     "the time given by --timeout is over", CLOCK_NEVER_NS, now_ns);
    end(tap, EXIT_FAILURES);
}

static struct tap *tap_of(struct stream *stream)
{
    return CONTAINER_OF(stream, struct tap, stream);
}

/* A reader that went away, such as head(1), ends the show. */
static void check_reader(struct tap *tap)
{
    if (tap->view.is_broken)
        end(tap, EXIT_FAILURES);
}

static void on_head(struct stream *stream, const struct http_head *head, uint64_t now_ns)
{
    struct tap *tap = tap_of(stream);
    struct tls_facts facts;

    /* Said once a handshake: an answer on a kept connection has none. */
    if (stream->fetch.exchange.is_tls && http_exchange_get_tls(&stream->fetch.exchange, &facts))
        tap_view_tls(&tap->view, &facts, (int64_t)(clock_unix_ms() / 1000), now_ns);
    tap_view_head(&tap->view, head, now_ns);
    check_reader(tap_of(stream));
}

static void on_event(struct stream *stream, const struct sse_event *event, uint64_t now_ns)
{
    tap_view_event(&tap_of(stream)->view, event, now_ns);
    check_reader(tap_of(stream));
}

static void on_comment(struct stream *stream, const uint8_t *text, size_t len, uint64_t now_ns)
{
    tap_view_comment(&tap_of(stream)->view, text, len, now_ns);
    check_reader(tap_of(stream));
}

static void on_failure(struct stream *stream, enum error_class error_class, const char *message,
                       uint64_t retry_ns, uint64_t now_ns)
{
    tap_view_failure(&tap_of(stream)->view, error_class, message, retry_ns, now_ns);
    check_reader(tap_of(stream));
}

static void on_ended(struct stream *stream, enum stream_ending ending, uint64_t now_ns)
{
    (void)now_ns;
    end(tap_of(stream), ending == STREAM_FAILED ? EXIT_FAILURES : EXIT_PASS);
}

static const struct stream_observer observer = {.on_head = on_head,
                                                .on_event = on_event,
                                                .on_comment = on_comment,
                                                .on_failure = on_failure,
                                                .on_ended = on_ended};

static int fill_plan(const struct command_input *input, struct plan *plan, struct err *err)
{
    const struct tap_settings *settings = input->settings;

    plan->targets = x_calloc(1, sizeof *plan->targets);
    plan->targets[0] = (struct plan_target){.url = x_strdup(input->operands[0]), .weight = 1};
    plan->target_count = 1;
    plan->reconnect = settings->wants_reconnect ? PLAN_RECONNECT_AUTO : PLAN_RECONNECT_NEVER;
    plan->retry_wait_ns = settings->retry_wait_ns;
    plan->retry_max_ns = settings->retry_max_ns;
    plan->seed = clock_now_ns();
    if (request_settings_apply(&settings->request, NULL, &plan->request, err) < 0)
        return -1;
    return connection_settings_apply(&settings->connection, &plan->network, err);
}

static int watch_signals(struct tap *tap, struct err *err)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    if (pipe2(interrupt_pipe, O_CLOEXEC | O_NONBLOCK) < 0 ||
        loop_add(tap->loop, &tap->interrupt, interrupt_pipe[0], LOOP_READABLE, on_interrupt) < 0) {
        err_set(err, ERR_SYSTEM, "cannot watch for signals");
        return -1;
    }
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    return 0;
}

static void start(struct tap *tap, const struct tap_settings *settings, const struct plan *plan)
{
    struct stream_engine_config config = {
        .loop = tap->loop, .stats = tap->stats, .plan = plan, .observer = &observer};
    uint64_t now_ns = loop_refresh_ns(tap->loop);

    tap->engine = stream_engine_new(&config);
    tap->target.engine = tap->engine;
    stream_target_init(&tap->target, tap->request, tap->network.client, tap->loop, &tap->rng);
    tap->target.place = stat_place_of(tap->stats, NULL, plan->request.method, plan->targets[0].url);
    tap_view_init(&tap->view, settings->is_json, now_ns);
    if (settings->timeout_ns != CLOCK_NEVER_NS)
        loop_set_timer(tap->loop, &tap->timeout, clock_add_ns(now_ns, settings->timeout_ns),
                       on_timeout);
    stream_init(&tap->stream, tap->engine);
    stream_start(&tap->stream, &tap->target, 0, now_ns);
}

static void fini(struct tap *tap)
{
    if (tap->engine)
        stream_fini(&tap->stream);
    stream_engine_free(tap->engine);
    request_free(tap->request);
    stats_free(tap->stats);
    request_body_fini(&tap->body);
    network_close(&tap->network);
    if (tap->loop) {
        loop_cancel_timer(tap->loop, &tap->timeout);
        loop_remove(tap->loop, &tap->interrupt);
    }
    loop_free(tap->loop);
}

static int tap_execute(const struct command_input *input, struct err *err)
{
    const struct tap_settings *settings = input->settings;
    struct tap tap = {.status = -1};
    struct request_spec spec = {.body = &tap.body, .is_for_stream = true};
    struct plan *plan = plan_new();

    log_set_level(log_level_find(run_log_choices[settings->log_level]));
    if (fill_plan(input, plan, err) < 0)
        goto out;
    spec.url = plan->targets[0].url;
    spec.message = &plan->request;
    if (request_body_init(&tap.body, &plan->request, plan->seed, err) < 0)
        goto out;
    tap.request = request_new(&spec, err);
    tap.loop = tap.request ? loop_new(err) : NULL;
    if (!tap.loop || network_open(&tap.network, tap.loop, &plan->network, false, err) < 0 ||
        watch_signals(&tap, err) < 0)
        goto out;
    rng_init(&tap.rng, plan->seed);
    tap.stats = stats_new();
    start(&tap, settings, plan);
    if (tap.status < 0)
        loop_run(tap.loop);
out:
    fini(&tap);
    plan_free(plan);
    return tap.status;
}

static const struct command_example examples[] = {
    {"cicada tap http://127.0.0.1:8080/api/v1/events/stream", "Watch a stream."},
    {"cicada tap --json --reconnect http://127.0.0.1:8080/api/v1/events/stream | jq .data",
     "Events for another program, through disconnects."},
    {NULL, NULL},
};

const struct command command_tap = {
    .name = "tap",
    .summary = "open one stream and print what arrives: curl for SSE",
    .usage = "URL [options]",
    .description =
        "Opens one stream and prints the response's headers with a verdict on them, then each "
        "event with the time of its arrival.\n\n"
        "With --json each event and each failure is one object on a line of its own, flushed at "
        "once. Exit status 0 when the stream ended cleanly, 1 after an error, 130 after Ctrl-C.",
    .operand = "a URL",
    .operand_min = 1,
    .operand_max = 1,
    .table = tap_table,
    .settings_bytes = sizeof(struct tap_settings),
    .examples = examples,
    .execute = tap_execute,
};

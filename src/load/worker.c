#include "load/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "load/clock_probe.h"
#include "load/crowd.h"
#include "load/feed.h"
#include "load/network.h"
#include "load/publisher.h"
#include "load/quality.h"
#include "load/read_rate.h"
#include "load/reporter.h"
#include "load/storm.h"
#include "load/tokens.h"
#include "net/loop.h"
#include "wire/channel.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKER_STOP_GRACE_S = 10 };

/* Where the number of users is going. */
struct pace {
    struct timer timer;
    uint64_t sequence; /* of the last order taken */
    uint64_t began_ns;
    uint64_t over_ns;
    uint32_t from, to;
};

struct worker {
    struct loop *loop;
    struct channel *channel;
    struct plan *plan;
    struct feed *feed;
    struct network network;
    struct rng rng; /* for authentication */
    struct stats *stats;
    struct delivery *delivery;
    struct tokens *tokens;     /* NULL: streams are not read for tokens */
    struct clock_probe *clock; /* NULL: no event time is looked for */
    struct quality *quality;   /* by which delivery judges */
    struct stream_engine *engine;
    struct request_body body, login_body;
    struct request *login_request;      /* NULL: users do not log in */
    struct login *login;                /* the same */
    struct publisher *publisher;        /* NULL: this worker publishes nothing */
    struct request **requests;          /* one a target */
    struct stream_target *targets;      /* one a target */
    struct stream_target *slow_targets; /* the same; NULL: none read slowly */
    struct user_plan shared;
    struct crowd crowd;
    struct pace pace;
    uint32_t storm_index; /* of the last one taken */
    struct reporter reporter;
    struct timer stop_timer;
    bool is_stopping;   /* no users any more; or never set up */
    bool has_said_done; /* the last tick and "done" are queued */
    int exit_status;
};

static void send_log(void *ctx, enum log_level level, const char *line)
{
    struct worker *worker = ctx;

    frame_put_log(channel_out(worker->channel), level, line);
    channel_flush(worker->channel);
}

/* --- ticks --- */

static struct reporter_gauges read_gauges(const struct worker *worker)
{
    return (struct reporter_gauges){
        .users = crowd_running(&worker->crowd),
        .open = stream_engine_open_count(worker->engine),
        .connecting = stream_engine_requesting_count(worker->engine),
        .finished = worker->shared.finished_count,
        .clock = clock_probe_second(worker->clock),
    };
}

static void on_second(void *ctx, struct reporter_gauges *gauges, uint64_t now_ns)
{
    struct worker *worker = ctx;

    crowd_second(&worker->crowd, now_ns);
    delivery_flush(worker->delivery, false);
    *gauges = read_gauges(worker);
}

/* --- users --- */

static void on_pace(struct timer *timer, uint64_t now_ns)
{
    struct worker *worker = CONTAINER_OF(timer, struct worker, pace.timer);
    struct pace *pace = &worker->pace;
    uint64_t spent_ns = now_ns - pace->began_ns;
    uint32_t want = pace->to;

    if (spent_ns < pace->over_ns) {
        double share = (double)spent_ns / (double)pace->over_ns;
        double moved = share * ((double)pace->to - (double)pace->from);

        /* The nearest whole number: nobody comes, or goes, at the very end. */
        want = (uint32_t)((double)pace->from + moved + 0.5);
    }
    crowd_go_to(&worker->crowd, want);
    if (want != pace->to)
        loop_set_timer(worker->loop, timer, now_ns + CLOCK_NS_PER_MS, on_pace);
}

static void take_users(struct worker *worker, const struct frame *frame)
{
    struct frame_users order;
    struct err err = {0};

    if (frame_get_users(frame, &order, &err) < 0 || order.sequence <= worker->pace.sequence)
        return;
    worker->pace.sequence = order.sequence;
    /* The order before ends now: what it asked for still belongs to its stage. */
    crowd_go_to(&worker->crowd, worker->pace.to);
    reporter_set_stage(&worker->reporter, order.stage);
    worker->pace.from = crowd_reached(&worker->crowd);
    worker->pace.to = order.users;
    worker->pace.over_ns = order.over_ms * CLOCK_NS_PER_MS;
    worker->pace.began_ns = loop_now_ns(worker->loop);
    publisher_start(worker->publisher);
    on_pace(&worker->pace.timer, worker->pace.began_ns);
}

static void take_storm(struct worker *worker, const struct frame *frame)
{
    struct frame_storm storm;
    struct err err = {0};

    if (frame_get_storm(frame, &storm, &err) < 0 || storm.index <= worker->storm_index)
        return;
    worker->storm_index = storm.index;
    (void)storm_cut(&storm, worker->crowd.users, worker->crowd.count,
                    loop_refresh_ns(worker->loop));
}

/* --- setup --- */

/* Slow readers stand apart: their figures say nothing about the others' service. */
static void fill_target(struct worker *worker, size_t index, bool is_slow)
{
    struct stream_target *target = is_slow ? &worker->slow_targets[index] : &worker->targets[index];
    const char *url = worker->plan->targets[index].url;
    char *name = url_hide_userinfo(url, strlen(url));
    struct buf text = {0};

    stream_target_init(target, worker->requests[index],
                       is_slow ? worker->network.slow_client : worker->network.client, worker->loop,
                       &worker->rng);
    target->read_bytes_per_s = is_slow ? worker->plan->readers.slow_bytes_per_s : 0;
    (void)buf_appendf(&text, "%s%s", name, is_slow ? " (slow readers)" : "");
    target->place = stat_place_of(worker->stats, worker->delivery, worker->plan->request.method,
                                  buf_text(&text));
    target->place.tokens = worker->tokens;
    if (is_slow)
        delivery_set_slow(target->place.delivery);
    buf_fini(&text);
    free(name);
}

static int make_requests(struct worker *worker, struct err *err)
{
    const struct plan *plan = worker->plan;
    struct request_spec spec = {.message = &plan->request,
                                .body = &worker->body,
                                .feed = worker->feed,
                                .is_for_stream = true};

    if (request_body_init(&worker->body, &plan->request, plan->seed, err) < 0 ||
        request_body_init(&worker->login_body, &plan->login, plan->seed, err) < 0)
        return -1;
    worker->requests = x_calloc(plan->target_count, sizeof *worker->requests);
    worker->targets = x_calloc(plan->target_count, sizeof *worker->targets);
    if (plan->readers.slow_bytes_per_s > 0) {
        network_add_slow_client(&worker->network,
                                read_rate_receive_bytes(plan->readers.slow_bytes_per_s));
        worker->slow_targets = x_calloc(plan->target_count, sizeof *worker->slow_targets);
    }
    for (size_t i = 0; i < plan->target_count; i++) {
        spec.url = plan->targets[i].url;
        worker->requests[i] = request_new(&spec, err);
        if (!worker->requests[i])
            return -1;
        /* Who all read slowly leave no row of others, empty beside theirs. */
        if (!worker->slow_targets || plan->readers.slow_ratio < 1)
            fill_target(worker, i, false);
        if (worker->slow_targets)
            fill_target(worker, i, true);
        worker->shared.weight_sum += plan->targets[i].weight;
    }
    return 0;
}

static int make_login(struct worker *worker, struct err *err)
{
    const struct plan *plan = worker->plan;
    struct request_spec spec = {.url = plan->login_url,
                                .message = &plan->login,
                                .body = &worker->login_body,
                                .feed = worker->feed};
    struct login_config config = {.client = worker->network.client,
                                  .loop = worker->loop,
                                  .rng = &worker->rng,
                                  .stats = worker->stats,
                                  .name = plan->login_url,
                                  .patience_ns = plan->network.headers_timeout_ns,
                                  .token_pointer = plan->token_pointer};

    if (!plan->login_url)
        return 0;
    worker->login_request = request_new(&spec, err);
    if (!worker->login_request)
        return -1;
    config.request = worker->login_request;
    worker->login = login_new(&config);
    return 0;
}

static int make_publisher(struct worker *worker, struct err *err)
{
    struct publisher_config config = {.loop = worker->loop,
                                      .client = worker->network.client,
                                      .rng = &worker->rng,
                                      .stats = worker->stats,
                                      .publish = &worker->plan->checks.publish};

    if (!config.publish->url || !config.publish->is_ours)
        return 0;
    worker->publisher = publisher_new(&config, err);
    return worker->publisher ? 0 : -1;
}

static void make_engine(struct worker *worker)
{
    struct stream_engine_config config = {
        .loop = worker->loop,
        .stats = worker->stats,
        .plan = worker->plan,
        .login = worker->login,
        .observer = &user_observer,
    };

    worker->engine = stream_engine_new(&config);
    for (size_t i = 0; i < worker->plan->target_count; i++) {
        worker->targets[i].engine = worker->engine;
        if (worker->slow_targets)
            worker->slow_targets[i].engine = worker->engine;
    }
    crowd_init(&worker->crowd, &worker->shared);
    worker->shared.engine = worker->engine;
    worker->shared.plan = worker->plan;
    worker->shared.targets = worker->targets;
    worker->shared.slow_targets = worker->slow_targets;
    worker->shared.loop = worker->loop;
}

static int make_clock(struct worker *worker, struct err *err)
{
    struct clock_probe_config config = {.loop = worker->loop,
                                        .client = worker->network.client,
                                        .rng = &worker->rng,
                                        .url = worker->plan->checks.clock_url,
                                        .is_first = worker->plan->worker_index == 0};

    if (!worker->plan->checks.event_time)
        return 0;
    worker->clock = clock_probe_new(&config, err);
    if (!worker->clock)
        return -1;
    delivery_use_clock(worker->delivery, worker->clock);
    return 0;
}

static int set_up(struct worker *worker, const struct frame *frame, struct err *err)
{
    const uint8_t *bytes;
    size_t len;

    if (frame_get_plan(frame, &bytes, &len, err) < 0)
        return -1;
    worker->plan = plan_decode(bytes, len, err);
    if (!worker->plan)
        return -1;
    if (worker->plan->script) {
        err_set(err, ERR_USAGE, "a Locust file needs a worker in Python");
        return -1;
    }
    log_set_level((enum log_level)worker->plan->log_level);
    if (worker->plan->feed) {
        worker->feed = feed_parse(worker->plan->feed, worker->plan->feed_bytes, err);
        if (!worker->feed)
            return -1;
    }
    worker->stats = stats_new();
    worker->quality = quality_new(&worker->plan->checks, worker->stats, worker->feed, err);
    if (!worker->quality)
        return -1;
    worker->delivery = delivery_new(&worker->plan->checks, false);
    if (worker->plan->worker_count == 1)
        delivery_set_only(worker->delivery);
    worker->tokens = tokens_new(worker->plan);
    delivery_use_quality(worker->delivery, worker->quality);
    rng_init(&worker->rng, ~(worker->plan->seed + worker->plan->worker_index));
    if (network_open(&worker->network, worker->loop, &worker->plan->network, false, err) < 0 ||
        make_clock(worker, err) < 0 || make_requests(worker, err) < 0 ||
        make_login(worker, err) < 0 || make_publisher(worker, err) < 0)
        return -1;
    make_engine(worker);
    return 0;
}

static void take_plan(struct worker *worker, const struct frame *frame)
{
    struct frame_ready ready = {.pid = (uint32_t)getpid()};
    struct err err = {0};

    if (worker->plan)
        return; /* a frame that comes twice does no harm */
    ready.file_limit = reporter_raise_file_limit();
    if (set_up(worker, frame, &err) < 0) {
        log_error("a worker cannot start: %s", err.text);
        worker->exit_status = EXIT_FAILURE;
        worker->is_stopping = true; /* more frames of the same read may follow */
        loop_stop(worker->loop);
        return;
    }
    reporter_start(&worker->reporter, &(struct reporter_config){.loop = worker->loop,
                                                                .channel = worker->channel,
                                                                .stats = worker->stats,
                                                                .delivery = worker->delivery,
                                                                .read = on_second,
                                                                .ctx = worker});
    frame_put_ready(channel_out(worker->channel), &ready);
    channel_flush(worker->channel);
}

/* --- the end --- */

static void remove_all_users(struct worker *worker)
{
    loop_cancel_timer(worker->loop, &worker->pace.timer);
    crowd_stop(&worker->crowd);
}

static void on_stop_limit(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    loop_stop(CONTAINER_OF(timer, struct worker, stop_timer)->loop);
}

static void take_stop(struct worker *worker, const struct frame *frame)
{
    struct reporter_gauges gauges;
    struct err err = {0};
    uint64_t limit_ns;

    if (worker->is_stopping || !worker->plan || frame_get_stop(frame, &limit_ns, &err) < 0)
        return;
    worker->is_stopping = true;
    gauges = read_gauges(worker);
    gauges.connecting = 0;
    reporter_stop(&worker->reporter);
    publisher_stop(worker->publisher);
    /* For a controller that does not read, well after it would have ended this process itself. */
    loop_set_timer(
        worker->loop, &worker->stop_timer,
        clock_add_ns(loop_refresh_ns(worker->loop) + WORKER_STOP_GRACE_S * CLOCK_NS_PER_S,
                     limit_ns),
        on_stop_limit);
    remove_all_users(worker);
    delivery_flush(worker->delivery, true);
    reporter_send_last(&worker->reporter, &gauges);
    frame_put_done(channel_out(worker->channel),
                   &(struct frame_done){.exit_code = FRAME_EXIT_CODE_NONE});
    worker->has_said_done = true;
    channel_flush(worker->channel);
}

static void on_frame(void *ctx, const struct frame *frame)
{
    struct worker *worker = ctx;

    switch (frame->kind) {
    case FRAME_PLAN:
        take_plan(worker, frame);
        break;
    case FRAME_USERS:
        if (worker->plan && !worker->is_stopping)
            take_users(worker, frame);
        break;
    case FRAME_STORM:
        if (worker->plan && !worker->is_stopping)
            take_storm(worker, frame);
        break;
    case FRAME_STOP:
        take_stop(worker, frame);
        break;
    case FRAME_PING:
    case FRAME_NONE:
    case FRAME_READY:
    case FRAME_TICK:
    case FRAME_LOG:
    case FRAME_DONE:
    case FRAME_MESSAGE:
    case FRAME_TARGET:
    case FRAME_QUIT:
    case FRAME_FAIL:
    case FRAME_PEERS:
        break;
    }
}

static void on_closed(void *ctx, const char *reason)
{
    struct worker *worker = ctx;

    (void)reason; /* the controller is gone: whom to tell? */
    loop_stop(worker->loop);
}

static void on_drained(void *ctx)
{
    struct worker *worker = ctx;

    if (worker->has_said_done)
        loop_stop(worker->loop);
}

static const struct channel_handlers handlers = {
    .on_frame = on_frame, .on_closed = on_closed, .on_drained = on_drained};

static void fini(struct worker *worker)
{
    remove_all_users(worker);
    crowd_fini(&worker->crowd);
    stream_engine_free(worker->engine);
    login_free(worker->login);
    publisher_free(worker->publisher);
    request_free(worker->login_request);
    for (size_t i = 0; worker->requests && i < worker->plan->target_count; i++)
        request_free(worker->requests[i]);
    free(worker->requests);
    free(worker->targets);
    free(worker->slow_targets);
    request_body_fini(&worker->body);
    request_body_fini(&worker->login_body);
    clock_probe_free(worker->clock);
    network_close(&worker->network);
    delivery_free(worker->delivery);
    tokens_free(worker->tokens);
    quality_free(worker->quality);
    stats_free(worker->stats);
    feed_free(worker->feed);
    plan_free(worker->plan);
    log_set_sink(NULL, NULL);
    channel_free(worker->channel);
    loop_free(worker->loop);
}

int worker_main(int fd)
{
    struct worker worker = {.exit_status = EXIT_SUCCESS};
    struct err err = {0};

    (void)signal(SIGINT, SIG_IGN); /* both go to the whole group; the controller answers them */
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    worker.loop = loop_new(&err);
    if (!worker.loop) {
        log_error("a worker cannot start: %s", err.text);
        (void)close(fd);
        return EXIT_FAILURE;
    }
    worker.channel = channel_new(worker.loop, fd, &handlers, &worker);
    log_set_sink(send_log, &worker);
    loop_run(worker.loop);
    fini(&worker);
    return worker.exit_status;
}

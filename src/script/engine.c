#include "script/engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "load/clock_probe.h"
#include "load/plan.h"
#include "load/publisher.h"
#include "load/reporter.h"
#include "net/loop.h"
#include "script/networks.h"
#include "stats/rows.h"
#include "wire/channel.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct engine {
    const struct engine_handlers *handlers;
    void *ctx;
    struct loop *loop;
    struct channel *channel; /* NULL: none */
    struct plan *plan;
    struct networks *networks;
    struct clock_probe *clock; /* NULL: no event time is looked for */
    struct stats *stats;
    struct rows *rows;
    struct exchange_host host;
    struct publisher *publisher; /* NULL: this worker publishes nothing */
    struct reporter reporter;
    struct reporter_gauges last; /* when the end began */
    uint64_t order_sequence;     /* of the last order taken */
    uint32_t storm_index;        /* likewise */
    uint32_t users;
    bool is_ready, is_ending, is_closed;
};

/* --- what the controller says --- */

static void send_log(void *ctx, enum log_level level, const char *line)
{
    struct engine *engine = ctx;

    frame_put_log(channel_out(engine->channel), level, line);
    channel_flush(engine->channel);
}

static int make_clock(struct engine *engine, struct err *err)
{
    struct clock_probe_config config = {.loop = engine->loop,
                                        .rng = &engine->host.rng,
                                        .url = engine->plan->checks.clock_url,
                                        .is_first = engine->plan->worker_index == 0};

    if (!engine->plan->checks.event_time)
        return 0;
    config.client = networks_find(engine->networks, &(struct networks_choice){0}, err);
    engine->clock = config.client ? clock_probe_new(&config, err) : NULL;
    if (!engine->clock)
        return -1;
    delivery_use_clock(engine->host.delivery, engine->clock);
    return 0;
}

static int make_publisher(struct engine *engine, struct err *err)
{
    struct publisher_config config = {.loop = engine->loop,
                                      .rng = &engine->host.rng,
                                      .stats = engine->stats,
                                      .publish = &engine->plan->checks.publish};

    if (!config.publish->url || !config.publish->is_ours)
        return 0;
    config.client = networks_find(engine->networks, &(struct networks_choice){0}, err);
    engine->publisher = config.client ? publisher_new(&config, err) : NULL;
    return engine->publisher ? 0 : -1;
}

static int set_up(struct engine *engine, struct err *err)
{
    engine->networks = networks_new(engine->loop, &engine->plan->network, err);
    if (!engine->networks)
        return -1;
    if (exchange_host_init(&engine->host, engine->loop, engine->stats, engine->plan, err) < 0)
        return -1;
    return make_clock(engine, err) < 0 ? -1 : make_publisher(engine, err);
}

static void fail(struct engine *engine, const struct err *err)
{
    frame_put_fail(channel_out(engine->channel), err->text);
    channel_flush(engine->channel);
}

static void take_plan(struct engine *engine, const struct frame *frame)
{
    struct err err = {0};
    const uint8_t *bytes;
    size_t len;

    if (engine->plan || frame_get_plan(frame, &bytes, &len, &err) < 0)
        return; /* a frame that comes twice does no harm */
    engine->plan = plan_decode(bytes, len, &err);
    if (!engine->plan || set_up(engine, &err) < 0) {
        fail(engine, &err);
        return;
    }
    log_set_level((enum log_level)engine->plan->log_level);
    engine->handlers->on_plan(engine->ctx, engine->plan->script ? engine->plan->script : "{}");
}

static void take_users(struct engine *engine, const struct frame *frame)
{
    struct frame_users users;
    struct err err = {0};

    if (frame_get_users(frame, &users, &err) < 0 || users.sequence <= engine->order_sequence)
        return;
    engine->order_sequence = users.sequence;
    if (engine->is_ready)
        reporter_set_stage(&engine->reporter, users.stage);
    publisher_start(engine->publisher);
    engine->handlers->on_users(engine->ctx, &users);
}

static void take_storm(struct engine *engine, const struct frame *frame)
{
    struct frame_storm storm;
    struct err err = {0};

    if (!engine->is_ready || engine->is_ending || frame_get_storm(frame, &storm, &err) < 0 ||
        storm.index <= engine->storm_index)
        return;
    engine->storm_index = storm.index;
    exchange_host_cut(&engine->host, &storm, loop_refresh_ns(engine->loop));
}

static void take_stop(struct engine *engine, const struct frame *frame)
{
    struct err err = {0};
    uint64_t timeout_ns;

    if (frame_get_stop(frame, &timeout_ns, &err) < 0)
        return;
    publisher_stop(engine->publisher);
    engine->handlers->on_stop(engine->ctx, timeout_ns);
}

static void take_message(struct engine *engine, const struct frame *frame)
{
    struct frame_message message;
    struct err err = {0};

    if (frame_get_message(frame, &message, &err) == 0)
        engine->handlers->on_message(engine->ctx, &message);
}

static void on_frame(void *ctx, const struct frame *frame)
{
    struct engine *engine = ctx;

    switch (frame->kind) {
    case FRAME_PLAN:
        take_plan(engine, frame);
        break;
    case FRAME_USERS:
        take_users(engine, frame);
        break;
    case FRAME_STORM:
        take_storm(engine, frame);
        break;
    case FRAME_STOP:
        take_stop(engine, frame);
        break;
    case FRAME_MESSAGE:
        take_message(engine, frame);
        break;
    case FRAME_NONE:
    case FRAME_PING:
    case FRAME_READY:
    case FRAME_TICK:
    case FRAME_LOG:
    case FRAME_DONE:
    case FRAME_TARGET:
    case FRAME_QUIT:
    case FRAME_FAIL:
    case FRAME_PEERS:
        break;
    }
}

static void on_closed(void *ctx, const char *reason)
{
    struct engine *engine = ctx;

    (void)reason; /* the controller is gone: whom to tell? */
    engine->is_closed = true;
    engine->handlers->on_closed(engine->ctx);
}

static const struct channel_handlers channel_handlers = {.on_frame = on_frame,
                                                         .on_closed = on_closed};

/* --- start and end --- */

/* Without a controller: the defaults, and no timeouts but the script's own. */
static int set_up_alone(struct engine *engine, struct err *err)
{
    engine->plan = plan_new();
    engine->plan->network.connect_timeout_ns = CLOCK_NEVER_NS;
    engine->plan->network.headers_timeout_ns = CLOCK_NEVER_NS;
    engine->plan->seed = clock_now_ns();
    return set_up(engine, err);
}

struct engine *engine_new(int fd, const struct engine_handlers *handlers, void *ctx,
                          struct err *err)
{
    struct engine *engine = x_calloc(1, sizeof *engine);

    engine->handlers = handlers;
    engine->ctx = ctx;
    engine->loop = loop_new(err);
    if (!engine->loop) {
        free(engine);
        return NULL;
    }
    engine->stats = stats_new();
    engine->rows = rows_new();
    rows_start(engine->rows, clock_unix_ms());
    if (fd >= 0) {
        engine->channel = channel_new(engine->loop, fd, &channel_handlers, engine);
        log_set_sink(send_log, engine);
    } else if (set_up_alone(engine, err) < 0) {
        engine_free(engine);
        return NULL;
    }
    return engine;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    reporter_stop(&engine->reporter);
    clock_probe_free(engine->clock);
    publisher_free(engine->publisher);
    networks_free(engine->networks);
    exchange_host_fini(&engine->host);
    if (engine->channel)
        log_set_sink(NULL, NULL);
    channel_free(engine->channel);
    rows_free(engine->rows);
    stats_free(engine->stats);
    plan_free(engine->plan);
    loop_free(engine->loop);
    free(engine);
}

void engine_abandon(struct engine *engine)
{
    log_set_sink(NULL, NULL);
    loop_abandon(engine->loop); /* the channel is watched there as well */
}

int engine_fd(const struct engine *engine)
{
    return loop_fd(engine->loop);
}

bool engine_turn(struct engine *engine)
{
    uint64_t until_ns = clock_now_ns() + ENGINE_TURN_US * CLOCK_NS_PER_US;
    int ran = loop_turn(engine->loop, 0, ENGINE_BATCH);
    bool has_run = ran > 0;

    while (ran >= ENGINE_BATCH && loop_now_ns(engine->loop) < until_ns)
        ran = loop_turn(engine->loop, 0, ENGINE_BATCH);
    return has_run;
}

bool engine_wait(struct engine *engine, uint64_t wait_ns)
{
    return loop_wait(engine->loop, wait_ns, ENGINE_BATCH) > 0;
}

struct loop *engine_loop(const struct engine *engine)
{
    return engine->loop;
}

struct exchange_host *engine_host(struct engine *engine)
{
    return &engine->host;
}

struct networks *engine_networks(const struct engine *engine)
{
    return engine->networks;
}

struct rows *engine_rows(const struct engine *engine)
{
    return engine->rows;
}

struct rows *engine_rows_delta(const struct engine *engine)
{
    return engine->channel ? stats_rows(engine->stats) : NULL;
}

void engine_reset_rows(struct engine *engine)
{
    double unix_ms = clock_unix_ms();

    rows_reset(engine->rows, unix_ms);
    if (engine->channel)
        rows_reset(stats_rows(engine->stats), unix_ms);
}

uint32_t engine_users(const struct engine *engine)
{
    return engine->users;
}

void engine_set_users(struct engine *engine, uint32_t users)
{
    engine->users = users;
}

void engine_note_turn(struct engine *engine, uint64_t took_ns)
{
    if (engine->is_ready && took_ns > ENGINE_LAG_MS * CLOCK_NS_PER_MS)
        reporter_note_lag(&engine->reporter, took_ns);
}

/* --- to the controller --- */

static void read_gauges(void *ctx, struct reporter_gauges *gauges, uint64_t now_ns)
{
    struct engine *engine = ctx;

    exchange_host_sample(&engine->host, now_ns);
    delivery_flush(engine->host.delivery, false);
    *gauges = (struct reporter_gauges){.users = engine->users,
                                       .open = engine->host.open_count,
                                       .connecting = engine->host.asking_count,
                                       .clock = clock_probe_second(engine->clock)};
}

void engine_ready(struct engine *engine)
{
    struct frame_ready ready = {.pid = (uint32_t)getpid()};

    if (!engine->channel || engine->is_ready)
        return;
    ready.file_limit = reporter_raise_file_limit();
    engine->is_ready = true;
    reporter_start(&engine->reporter, &(struct reporter_config){.loop = engine->loop,
                                                                .channel = engine->channel,
                                                                .stats = engine->stats,
                                                                .delivery = engine->host.delivery,
                                                                .read = read_gauges,
                                                                .ctx = engine});
    frame_put_ready(channel_out(engine->channel), &ready);
    channel_flush(engine->channel);
}

struct buf *engine_out(struct engine *engine)
{
    return engine->channel ? channel_out(engine->channel) : NULL;
}

void engine_send(struct engine *engine)
{
    if (engine->channel)
        channel_flush(engine->channel);
}

static bool has_room(struct engine *engine, size_t bytes, size_t limit_bytes)
{
    if (channel_has_room(engine->channel, bytes, limit_bytes))
        return true;
    if (channel_dropped(engine->channel) == 1)
        log_warning("messages and log lines of the script are dropped: %d MiB of them wait to be "
                    "sent",
                    CHANNEL_LIMIT_BYTES / 1024 / 1024);
    return false;
}

void engine_message(struct engine *engine, const struct frame_message *message)
{
    size_t limit = frame_message_is_own(message) ? CHANNEL_OWN_LIMIT_BYTES : CHANNEL_LIMIT_BYTES;

    if (!engine->channel || !has_room(engine, message->type_bytes + message->data_bytes, limit))
        return;
    frame_put_message(channel_out(engine->channel), message);
    channel_flush(engine->channel);
}

void engine_log(struct engine *engine, const char *line)
{
    if (!engine->channel || !has_room(engine, strlen(line), CHANNEL_LIMIT_BYTES))
        return;
    frame_put_log(channel_out(engine->channel), LOG_NONE, line);
    channel_flush(engine->channel);
}

static void tell_dropped(const struct engine *engine)
{
    uint64_t count = channel_dropped(engine->channel);

    if (count > 0)
        log_warning("%" PRIu64 " message%s or log line%s of the script were not sent", count,
                    count == 1 ? "" : "s", count == 1 ? "" : "s");
}

void engine_end_streams(struct engine *engine)
{
    if (engine->is_ending)
        return;
    engine->is_ending = true;
    engine->host.is_ending = true;
    publisher_stop(engine->publisher);
    read_gauges(engine, &engine->last, loop_refresh_ns(engine->loop));
    engine->last.connecting = 0;
}

void engine_done(struct engine *engine, const struct frame_done *done)
{
    if (!engine->is_ready)
        return;
    engine_end_streams(engine);
    tell_dropped(engine);
    reporter_stop(&engine->reporter);
    exchange_host_end(&engine->host);
    delivery_flush(engine->host.delivery, true);
    reporter_send_last(&engine->reporter, &engine->last);
    frame_put_done(channel_out(engine->channel), done);
    channel_flush(engine->channel);
    engine->is_ready = false;
}

bool engine_is_drained(const struct engine *engine)
{
    return !engine->channel || engine->is_closed || channel_queued_bytes(engine->channel) == 0;
}

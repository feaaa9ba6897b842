#include "fleet/controller.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "fleet/controller_internal.h"
#include "fleet/machine.h"
#include "fleet/peer_merge.h"
#include "fleet/search.h"
#include "fleet/storms.h"
#include "http/url.h"
#include "load/plan.h"
#include "load/stages.h"
#include "report/live.h"
#include "verdict/threshold.h"
#include "verdict/wave.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum {
    CONTROLLER_READY_LIMIT_S = 20,         /* from the start of the workers to their first word */
    CONTROLLER_SCRIPT_READY_LIMIT_S = 120, /* the same for a script, which may load much */
    CONTROLLER_TICKS_MS = 250,             /* after a second's end, for its ticks to arrive */
    CONTROLLER_STOP_GRACE_S = 5,           /* above --stop-timeout, for the last ticks to arrive */
    CONTROLLER_SCRIPT_STOP_GRACE_S = 60    /* the same for a script, whose hooks may take a while */
};

static uint64_t elapsed_ns(const struct controller *controller)
{
    uint64_t end_ns =
        controller->stopped_ns ? controller->stopped_ns : loop_refresh_ns(controller->loop);

    return controller->started_ns ? end_ns - controller->started_ns : 0;
}

bool controller_is_present(const struct controller_worker *member)
{
    return !member->is_lost && !member->is_done;
}

/* --- the course of the run --- */

/* What can be said by now about events that streams had in common. */
static void add_found(struct controller *controller, bool is_last)
{
    struct stats *found = peer_merge_judge(controller->peers, is_last);

    run_add_found(controller->run, found);
    stats_clear(found);
}

/* Does a threshold end the run now? Nothing is measured in the warm-up. */
static bool close_second(struct controller *controller)
{
    struct run *run = controller->run;
    uint64_t end_ns = ++controller->second_count * CLOCK_NS_PER_S;

    if (run->info.is_warming_up || end_ns <= run->info.warm_up_ns) {
        run->info.duration_ns = end_ns;
        return false;
    }
    run_close_second(run, end_ns);
    return thresholds_judge_second(controller->config->thresholds, run);
}

static void on_second(struct timer *timer, uint64_t now_ns)
{
    struct controller *controller = CONTAINER_OF(timer, struct controller, second_timer);
    uint64_t late_ns = now_ns - timer->deadline_ns;
    bool is_end = false;

    loop_set_timer(controller->loop, timer, timer->deadline_ns + CLOCK_NS_PER_S, on_second);
    if (controller->state == CONTROLLER_STOPPING && controller->config->script)
        script_kill_silent(controller, now_ns);
    if (controller->state == CONTROLLER_RUNNING) {
        controller_sample_machine(controller, late_ns, now_ns);
        add_found(controller, false);
        is_end = close_second(controller);
        waves_forget(stats_waves(controller->run->stats), clock_unix_ms());
    }
    if (controller->config->on_second && controller->state == CONTROLLER_RUNNING)
        controller->config->on_second(controller->config->ctx, controller->run);
    if (controller->live)
        live_draw(controller->live, controller->run);
    if (is_end)
        controller_begin_stop(controller);
}

static void on_run_time(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    controller_begin_stop(CONTAINER_OF(timer, struct controller, deadline_timer));
}

static void begin_run(struct controller *controller)
{
    const struct controller_config *config = controller->config;
    uint64_t now_ns;
    struct err err = {0};

    if (config->on_begin && config->on_begin(config->ctx, &err) < 0) {
        controller_fail_start(controller, err.text);
        return;
    }
    now_ns = loop_refresh_ns(controller->loop);
    controller->state = CONTROLLER_RUNNING;
    controller->started_ns = now_ns;
    controller->run->info.started_unix_ms = clock_unix_ms();
    controller_watch_machine(controller, now_ns);
    loop_set_timer(controller->loop, &controller->deadline_timer,
                   clock_add_ns(now_ns, config->run_time_ns), on_run_time);
    loop_set_timer(controller->loop, &controller->second_timer,
                   now_ns + CLOCK_NS_PER_S + CONTROLLER_TICKS_MS * CLOCK_NS_PER_MS, on_second);
    storms_begin(controller);
    peer_merge_begin(controller->peers, now_ns + config->warm_up_ns);
    if (config->limit)
        search_begin(controller, now_ns);
    else
        pace_begin(controller, now_ns);
}

static void on_stop_limit(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    log_warning("a worker did not end in time and was killed");
    controller_kill_rest(CONTAINER_OF(timer, struct controller, deadline_timer),
                         "it did not end in time");
}

static uint64_t stop_grace_s(const struct controller *controller)
{
    return controller->config->script ? CONTROLLER_SCRIPT_STOP_GRACE_S : CONTROLLER_STOP_GRACE_S;
}

void controller_begin_stop(struct controller *controller)
{
    uint64_t now_ns = loop_refresh_ns(controller->loop);

    if (controller->state != CONTROLLER_RUNNING)
        return;
    controller->state = CONTROLLER_STOPPING;
    controller->stopped_ns = now_ns;
    controller->run->info.is_stopping = true;
    loop_cancel_timer(controller->loop, &controller->pace_timer);
    loop_cancel_timer(controller->loop, &controller->warm_up_timer);
    storms_stop(controller);
    loop_set_timer(controller->loop, &controller->deadline_timer,
                   clock_add_ns(now_ns + stop_grace_s(controller) * CLOCK_NS_PER_S,
                                controller->config->stop_timeout_ns),
                   on_stop_limit);
    for (size_t i = 0; i < controller->member_count; i++) {
        struct controller_worker *worker = &controller->members[i];

        if (worker->is_lost)
            continue;
        frame_put_stop(channel_out(worker->channel), controller->config->stop_timeout_ns);
        channel_flush(worker->channel);
    }
}

void controller_fail_start(struct controller *controller, const char *reason)
{
    if (!controller->has_failed)
        err_set(controller->err, ERR_SYSTEM, "%s", reason);
    controller->has_failed = true;
    loop_stop(controller->loop);
}

static void on_ready_limit(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    controller_fail_start(CONTAINER_OF(timer, struct controller, deadline_timer),
                          "the worker processes did not get ready in time");
}

/* --- what workers say --- */

bool controller_has_any_left(const struct controller *controller)
{
    for (size_t i = 0; i < controller->worker_count; i++) {
        if (controller_is_present(&controller->members[i]))
            return true;
    }
    return false;
}

void controller_stop_when_all_ended(struct controller *controller)
{
    bool has_lead = controller->member_count > controller->worker_count;

    if (controller_has_any_left(controller))
        return;
    controller_begin_stop(controller); /* nobody is left to run anything */
    if (!has_lead || !controller_is_present(&controller->members[controller->worker_count]))
        loop_stop(controller->loop);
}

static void take_ready(struct controller_worker *worker, const struct frame *frame)
{
    struct controller *controller = worker->controller;
    struct frame_ready ready;
    struct err err = {0};

    if (frame_get_ready(frame, &ready, &err) < 0 || worker->is_ready)
        return;
    worker->is_ready = true;
    if (!worker->is_lead) {
        controller->run->workers[worker->index].pid = ready.pid;
        controller->run->workers[worker->index].is_ready = true;
    }
    for (size_t i = 0; i < controller->member_count; i++) {
        if (!controller->members[i].is_ready)
            return;
    }
    if (controller->state == CONTROLLER_STARTING)
        begin_run(controller);
}

/* Of the lead only what the script itself counted: it runs no users. */
static void add_tick(struct controller_worker *worker, const struct frame_tick *tick,
                     const struct stats *delta)
{
    struct run *run = worker->controller->run;
    struct run_tick sample = {.interval_ns = tick->interval_ns,
                              .users = tick->users,
                              .open = tick->open,
                              .connecting = tick->connecting,
                              .cpu_ratio = tick->cpu_ratio,
                              .rss_bytes = tick->rss_bytes,
                              .clock = tick->clock,
                              .stage = tick->stage};

    if (worker->is_lead)
        run_add_lead_rows(run, stats_rows(delta));
    else
        run_add_tick(run, worker->index, &sample, delta);
    if (tick->stage != RUN_STAGE_WARM_UP)
        thresholds_add(worker->controller->config->thresholds, delta);
}

static void take_tick(struct controller_worker *worker, const struct frame *frame)
{
    struct controller *controller = worker->controller;
    struct frame_tick tick;
    struct err err = {0};
    struct stats *delta;

    if (frame_get_tick_head(frame, &tick, &err) == 0 && tick.sequence <= worker->tick_sequence)
        return;
    delta = stats_new();
    if (frame_get_tick(frame, &tick, delta, &err) == 0) {
        worker->tick_sequence = tick.sequence;
        worker->finished = tick.finished;
        add_tick(worker, &tick, delta);
    } else {
        log_error("worker %zu sent a tick that cannot be read: %s", worker->index, err.text);
    }
    stats_free(delta);
    if (pace_has_finished_all(controller)) {
        if (controller->state == CONTROLLER_RUNNING)
            controller->run->info.has_run_out = true;
        pace_note_users(controller);
        controller_begin_stop(controller);
    }
}

static void take_peers(struct controller_worker *worker, const struct frame *frame)
{
    struct peer_digest digest;
    uint64_t sequence;
    struct err err = {0};

    if (frame_get_peers(frame, &sequence, &digest, &err) < 0) {
        log_error("worker %zu sent a report that cannot be read: %s", worker->index, err.text);
        return;
    }
    if (!worker->is_lead && sequence > worker->peers_sequence) {
        worker->peers_sequence = sequence;
        peer_merge_add(worker->controller->peers, worker->index, &digest);
    }
    peer_digest_fini(&digest);
}

static void take_done(struct controller_worker *worker, const struct frame *frame)
{
    struct frame_done done;
    struct err err = {0};

    if (frame_get_done(frame, &done, &err) < 0)
        return;
    worker->is_done = true;
    if (!worker->is_lead)
        worker->controller->run->workers[worker->index].is_done = true;
    if (worker->controller->config->script)
        script_take_done(worker, &done);
    controller_stop_when_all_ended(worker->controller);
}

static void on_frame(void *ctx, const struct frame *frame)
{
    struct controller_worker *worker = ctx;

    worker->heard_ns = loop_now_ns(worker->controller->loop);
    switch (frame->kind) {
    case FRAME_READY:
        take_ready(worker, frame);
        break;
    case FRAME_TICK:
        take_tick(worker, frame);
        break;
    case FRAME_PEERS:
        take_peers(worker, frame);
        break;
    case FRAME_LOG:
        controller_take_log(worker->controller, frame);
        break;
    case FRAME_DONE:
        take_done(worker, frame);
        break;
    case FRAME_MESSAGE:
    case FRAME_TARGET:
    case FRAME_QUIT:
    case FRAME_FAIL:
        if (worker->controller->config->script)
            script_take(worker, frame);
        break;
    case FRAME_NONE:
    case FRAME_PLAN:
    case FRAME_USERS:
    case FRAME_STOP:
    case FRAME_PING:
    case FRAME_STORM:
        break;
    }
}

static const struct channel_handlers handlers = {.on_frame = on_frame,
                                                 .on_closed = controller_on_closed};

/* --- signals --- */

static void on_signal(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct controller *controller = CONTAINER_OF(watch, struct controller, signal_watch);
    struct signalfd_siginfo info;

    (void)ready;
    (void)now_ns;
    while (read(controller->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        bool is_second = controller->run->info.interrupted_by != 0;

        if (!is_second)
            controller->run->info.interrupted_by = (int)info.ssi_signo;
        if (controller->state == CONTROLLER_STARTING) {
            controller_fail_start(controller, "interrupted before the run began");
        } else if (is_second) {
            controller_kill_rest(controller, "interrupted");
            loop_stop(controller->loop);
        } else {
            controller_begin_stop(controller);
        }
    }
}

static int watch_signals(struct controller *controller, struct err *err)
{
    sigset_t mask;

    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGINT);
    (void)sigaddset(&mask, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &mask, &controller->old_mask);
    controller->signal_fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
    if (controller->signal_fd < 0 ||
        loop_add(controller->loop, &controller->signal_watch, controller->signal_fd, LOOP_READABLE,
                 on_signal) < 0) {
        err_set(err, ERR_SYSTEM, "cannot watch for signals");
        return -1;
    }
    return 0;
}

/* --- start and end --- */

static void send_plan(struct controller_worker *member)
{
    struct controller *controller = member->controller;
    struct plan *plan = controller->config->plan;
    struct buf body = {0};

    plan->worker_index = member->is_lead ? 0 : (uint32_t)member->index;
    plan->worker_count = (uint32_t)controller->worker_count;
    plan->checks.publish.is_ours = member->index == 0 && !member->is_lead;
    if (controller->config->script) {
        free(plan->script);
        plan->script = script_compose(controller, member);
    }
    plan_encode(plan, &body);
    frame_put_plan(channel_out(member->channel), body.bytes, body.len);
    channel_flush(member->channel);
    buf_fini(&body);
}

static int start_members(struct controller *controller, struct err *err)
{
    const struct controller_script *script = controller->config->script;
    uint64_t limit_s = script ? CONTROLLER_SCRIPT_READY_LIMIT_S : CONTROLLER_READY_LIMIT_S;

    for (size_t i = 0; i < controller->member_count; i++) {
        struct controller_worker *member = &controller->members[i];

        *member = (struct controller_worker){
            .controller = controller, .index = i, .is_lead = i >= controller->worker_count};
        if (local_worker_start(&member->process, script ? script->program : NULL, err) < 0)
            return -1;
        member->channel = channel_new(controller->loop, member->process.fd, &handlers, member);
        send_plan(member);
    }
    loop_set_timer(controller->loop, &controller->deadline_timer,
                   loop_refresh_ns(controller->loop) + limit_s * CLOCK_NS_PER_S, on_ready_limit);
    controller_watch_deaths(controller);
    return 0;
}

static struct run *describe_run(const struct controller_config *config)
{
    struct run *run = run_new(config->process_count);
    double ramp_s = (double)config->users / config->spawn_rate_per_s;
    time_t now = (time_t)(clock_unix_ms() / 1000.0);
    struct tm utc;
    char stamp[32];

    (void)gmtime_r(&now, &utc);
    (void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", &utc);
    run->info.id = x_asprintf("%s-%04x", stamp, (unsigned)(config->plan->seed & 0xffff));
    run->info.target = x_strdup(config->target);
    run->info.command = x_strdup(config->command);
    if (config->plan->checks.clock_url)
        run->info.clock_url = url_hide_userinfo(config->plan->checks.clock_url,
                                                strlen(config->plan->checks.clock_url));
    run->info.started_unix_ms = clock_unix_ms();
    run->info.planned_ns = config->limit ? CLOCK_NEVER_NS : config->run_time_ns;
    if (config->arrivals_per_s > 0 || config->limit)
        ramp_s = 0;
    run->info.ramp_ns = config->stages ? stages_ramp_ns(config->stages)
                                       : (uint64_t)(ramp_s * (double)CLOCK_NS_PER_S);
    run->info.stages_planned = config->stages ? (uint32_t)config->stages->count : 0;
    run->info.users_planned = config->users;
    run->info.arrivals_per_s = config->arrivals_per_s;
    return run;
}

static void fini(struct controller *controller)
{
    char how[CONTROLLER_HOW_BYTES];

    controller_kill_rest(controller, "");
    for (size_t i = 0; i < controller->member_count; i++) {
        struct controller_worker *worker = &controller->members[i];

        /* A worker that is done ends by itself once its channel is closed. */
        channel_free(worker->channel);
        local_worker_reap(&worker->process, how, sizeof how);
    }
    free(controller->members);
    script_fini(controller);
    search_free(controller->search);
    peer_merge_free(controller->peers);
    machine_probe_free(controller->machine);
    if (controller->live)
        log_set_sink(NULL, NULL);
    live_free(controller->live);
    loop_remove(controller->loop, &controller->signal_watch);
    if (controller->signal_fd >= 0)
        (void)close(controller->signal_fd);
    (void)sigprocmask(SIG_SETMASK, &controller->old_mask, NULL);
    loop_free(controller->loop);
}

struct run *controller_run(const struct controller_config *config, struct err *err)
{
    struct controller controller = {.config = config, .signal_fd = -1, .err = err};
    struct run *run;

    controller.loop = loop_new(err);
    if (!controller.loop)
        return NULL;
    controller.worker_count = config->process_count;
    /* Of a Locust file over several processes one more has the master's part. */
    controller.member_count =
        controller.worker_count + (config->script && config->process_count > 1);
    controller.members = x_calloc(controller.member_count, sizeof *controller.members);
    controller.run = describe_run(config);
    controller.peers = peer_merge_new(controller.worker_count);
    if (config->script)
        script_init(&controller);
    if (config->wants_live) {
        controller.live = live_new(STDERR_FILENO, config->thresholds);
        live_watch_limit(controller.live, config->limit);
        log_set_sink(controller_log_to_live, controller.live);
    }
    if (watch_signals(&controller, err) < 0 || start_members(&controller, err) < 0)
        controller.has_failed = true;
    else
        loop_run(controller.loop);
    run = controller.run;
    if (!controller.has_failed) {
        if (!controller.stopped_ns)
            controller.stopped_ns = loop_refresh_ns(controller.loop);
        run->info.ended_unix_ms = clock_unix_ms();
        add_found(&controller, true);
        if (run->info.is_warming_up)
            run_end_warm_up(run, elapsed_ns(&controller));
        run_finish(run, elapsed_ns(&controller));
        thresholds_finish(config->thresholds, run);
        if (config->script)
            script_tell_dropped(&controller);
    }
    fini(&controller);
    if (controller.has_failed) {
        run_free(run);
        return NULL;
    }
    return run;
}

/*
 * fleet/script.c - what a Locust file adds to the course of a run: users by class in the steps of
 * Locust's dispatcher, targets that the script sets itself, messages between its processes, the
 * lead process, the script's exit code.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "fleet/controller_internal.h"
#include "load/classes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCRIPT_USERS_LIMIT = 10000000, /* as of --users */
    SCRIPT_SILENCE_LIMIT_S = 15    /* at the end; a worker that is not blocked speaks each second */
};

/* A message of the controller's own; python/locust/_distributed.py knows it. */
static const char LOST_TYPE[] = "cicada.lost";

static bool has_lead(const struct controller *controller)
{
    return controller->member_count > controller->worker_count;
}

/* The process that speaks for the whole run: the lead, or the only worker. */
static bool speaks_for_run(const struct controller_worker *member)
{
    return member->is_lead || !has_lead(member->controller);
}

void script_init(struct controller *controller)
{
    const struct controller_script *script = controller->config->script;

    controller->script.classes =
        classes_new(script->classes, script->class_count, (uint32_t)controller->worker_count);
    controller->run->info.is_script = true;
    controller->run->info.users_planned = script->has_shape ? 0 : controller->config->users;
    controller->run->info.script_exit_code = FRAME_EXIT_CODE_NONE;
}

void script_fini(struct controller *controller)
{
    classes_free(controller->script.classes);
    controller->script.classes = NULL;
    frame_target_fini(&controller->script.early);
}

char *script_compose(const struct controller *controller, const struct controller_worker *member)
{
    const struct controller_script *script = controller->config->script;
    struct buf text = {0};
    struct json json;
    char *result;

    json_init(&json, &text, 0);
    json_begin_object(&json);
    json_key(&json, "role");
    json_text(&json, member->is_lead ? "lead" : has_lead(controller) ? "worker" : "local");
    json_key(&json, "index");
    json_uint(&json, member->is_lead ? 0 : member->index);
    json_key(&json, "count");
    json_uint(&json, controller->worker_count);
    json_key(&json, "classes");
    json_begin_array(&json);
    for (size_t i = 0; i < script->class_count; i++)
        json_text(&json, script->classes[i].name);
    json_end_array(&json);
    (void)buf_appendf(&text, ", %s}", script->description);
    result = x_strdup(buf_text(&text));
    buf_fini(&text);
    return result;
}

/* --- users --- */

static uint32_t larger(uint32_t left, uint32_t right)
{
    return left > right ? left : right;
}

/* Users that come or go at once, and how long until the next ones: 10 each second, 1 each 4 s. */
static uint32_t step_users(const struct script_ramp *ramp)
{
    return ramp->rate_per_s < UINT32_MAX ? larger(1, (uint32_t)floor(ramp->rate_per_s))
                                         : UINT32_MAX;
}

static double step_ns(const struct script_ramp *ramp)
{
    return (double)step_users(ramp) / ramp->rate_per_s * (double)CLOCK_NS_PER_S;
}

/* The first step is taken at once, as in Locust. */
static uint32_t users_after(const struct script_ramp *ramp, uint64_t spent_ns)
{
    double moved = (floor((double)spent_ns / step_ns(ramp)) + 1) * (double)step_users(ramp);
    double distance = fabs((double)ramp->to - (double)ramp->from);

    if (moved >= distance)
        return ramp->to;
    return ramp->to > ramp->from ? ramp->from + (uint32_t)moved : ramp->from - (uint32_t)moved;
}

/* All workers together, for the lead. */
static void sum_orders(const struct controller *controller, struct frame_users *order)
{
    for (uint32_t i = 0; i < controller->worker_count; i++) {
        const uint32_t *counts = classes_on_worker(controller->script.classes, i);

        for (size_t class = 0; class < order->class_count; class ++)
            order->classes[class] += counts[class];
    }
}

static void send_order(const struct controller_worker *member, bool is_final)
{
    const struct controller *controller = member->controller;
    struct frame_users order = {.sequence = controller->order_sequence,
                                .class_count = classes_count(controller->script.classes),
                                .is_final = is_final,
                                .stage = pace_stage(controller)};

    if (!controller_is_present(member))
        return;
    if (member->is_lead)
        sum_orders(controller, &order);
    else
        memcpy(order.classes,
               classes_on_worker(controller->script.classes, (uint32_t)member->index),
               order.class_count * sizeof order.classes[0]);
    for (size_t i = 0; i < order.class_count; i++)
        order.users += order.classes[i];
    frame_put_users(channel_out(member->channel), &order);
    channel_flush(member->channel);
}

bool script_order(struct controller *controller, uint32_t wanted, bool is_final)
{
    uint32_t users = classes_set_users(controller->script.classes, wanted);

    controller->order_sequence++;
    controller->ordered_users = users;
    for (size_t i = 0; i < controller->member_count; i++)
        send_order(&controller->members[i], is_final || users < wanted);
    return users == wanted;
}

void script_pace(struct controller *controller, uint64_t now_ns)
{
    struct script_state *script = &controller->script;
    uint64_t spent_ns = now_ns - script->ramp.began_ns;
    uint32_t wanted;
    double step, next;
    bool is_final;

    if (!script->has_target)
        return; /* the end of a warm-up, before the script has asked for any user */
    wanted = users_after(&script->ramp, spent_ns);
    is_final = wanted == script->ramp.to;
    is_final = !script_order(controller, wanted, is_final) || is_final;
    step = step_ns(&script->ramp);
    next = (floor((double)spent_ns / step) + 1) * step;
    if (!is_final)
        loop_set_timer(
            controller->loop, &controller->pace_timer,
            clock_add_ns(script->ramp.began_ns, next < 1e18 ? (uint64_t)next : (uint64_t)1e18),
            pace_on_step);
    else
        loop_cancel_timer(controller->loop, &controller->pace_timer);
    pace_note_users(controller);
}

static void begin_ramp(struct controller *controller, uint32_t users, double rate_per_s)
{
    struct script_state *script = &controller->script;
    uint64_t now_ns = loop_refresh_ns(controller->loop);

    script->ramp = (struct script_ramp){
        .from = controller->ordered_users,
        .to = users,
        .rate_per_s = rate_per_s > 0 ? rate_per_s : 1,
        .began_ns = now_ns,
    };
    script->has_target = true;
    script_pace(controller, now_ns);
}

/* The same again, as a shape says each second, leaves the ramp alone. */
static bool is_same_target(const struct script_state *script, const struct frame_target *target)
{
    return script->has_target && script->ramp.to == target->users &&
           script->ramp.rate_per_s == target->spawn_rate_per_s;
}

/* 0; or -1, having said what is wrong: the target is refused, and the run has failed. */
static int check_target(struct controller *controller, const struct frame_target *target)
{
    struct err err = {0};

    if (target->users > SCRIPT_USERS_LIMIT)
        log_error("the script asks for %" PRIu32 " users; the limit is %d", target->users,
                  SCRIPT_USERS_LIMIT);
    else if (classes_restrict(controller->script.classes, target->classes, target->class_count,
                              &err) < 0)
        log_error("the script asks for users that there are not: %s", err.text);
    else
        return 0;
    controller->run->info.was_refused = true;
    return -1;
}

static void go_to(struct controller *controller, const struct frame_target *target)
{
    struct run_info *info = &controller->run->info;
    bool is_same = is_same_target(&controller->script, target);

    if (controller->config->stages) {
        log_warning("the script asks for users, which has no effect: --stages says how many");
        return;
    }
    if (check_target(controller, target) < 0 || is_same)
        return;
    info->users_planned = larger(info->users_planned, target->users);
    if (controller->config->script->has_shape)
        pace_begin_stage(controller, target->users, loop_refresh_ns(controller->loop));
    begin_ramp(controller, target->users, target->spawn_rate_per_s);
}

void script_begin(struct controller *controller)
{
    const struct controller_config *config = controller->config;

    if (controller->script.wants_quit)
        controller_begin_stop(controller);
    else if (config->stages)
        pace_on_step(&controller->pace_timer, loop_refresh_ns(controller->loop));
    else if (controller->script.has_early)
        go_to(controller, &controller->script.early);
    else if (!config->script->has_shape)
        begin_ramp(controller, config->users, config->spawn_rate_per_s);
}

/* The lead may be ready, and ask for users, before the last worker is. */
static void take_target(struct controller_worker *member, const struct frame *frame)
{
    struct controller *controller = member->controller;
    struct script_state *script = &controller->script;
    struct frame_target target;
    struct err err = {0};

    if (!speaks_for_run(member))
        return; /* stop() in a worker, which ends the users there and nothing else */
    if (frame_get_target(frame, &target, &err) < 0) {
        log_error("the script asks for users in a way that cannot be read: %s", err.text);
        controller->run->info.was_refused = true;
        return;
    }
    if (controller->state == CONTROLLER_STARTING) {
        frame_target_fini(&script->early);
        script->early = target;
        script->has_early = true;
        return;
    }
    if (controller->state == CONTROLLER_RUNNING)
        go_to(controller, &target);
    frame_target_fini(&target);
}

/* --- messages --- */

static void pass_message(struct controller_worker *member, const struct frame_message *message)
{
    size_t bytes = message->type_bytes + message->data_bytes;
    size_t limit = frame_message_is_own(message) ? CHANNEL_OWN_LIMIT_BYTES : CHANNEL_LIMIT_BYTES;
    char name[CONTROLLER_NAME_BYTES];

    if (!controller_is_present(member))
        return;
    if (!channel_has_room(member->channel, bytes, limit)) {
        if (channel_dropped(member->channel) == 1)
            log_warning("messages to %s are dropped: %d MiB of them wait that it does not take",
                        controller_name_of(member, name), CHANNEL_LIMIT_BYTES / 1024 / 1024);
        return;
    }
    frame_put_message(channel_out(member->channel), message);
    channel_flush(member->channel);
}

static void take_message(struct controller_worker *member, const struct frame *frame)
{
    struct controller *controller = member->controller;
    struct frame_message message;
    char name[CONTROLLER_NAME_BYTES];
    struct err err = {0};

    if (frame_get_message(frame, &message, &err) < 0) {
        log_error("%s sent a message that cannot be read: %s", controller_name_of(member, name),
                  err.text);
        return;
    }
    message.source = member->is_lead ? FRAME_LEAD : (uint32_t)member->index;
    for (size_t i = 0; i < controller->member_count; i++) {
        struct controller_worker *other = &controller->members[i];
        bool is_meant = message.destination == FRAME_LEAD ? speaks_for_run(other)
                        : message.destination == FRAME_ALL_WORKERS
                            ? !other->is_lead
                            : !other->is_lead && other->index == message.destination;

        if (is_meant)
            pass_message(other, &message);
    }
}

void script_tell_lost(const struct controller_worker *member)
{
    const struct controller *controller = member->controller;
    struct frame_message message = {.type = LOST_TYPE,
                                    .type_bytes = sizeof LOST_TYPE - 1,
                                    .data = (const uint8_t *)"null",
                                    .data_bytes = 4,
                                    .source = (uint32_t)member->index,
                                    .destination = FRAME_LEAD};

    if (has_lead(controller))
        pass_message(&controller->members[controller->worker_count], &message);
}

/* --- the end --- */

void script_tell_dropped(const struct controller *controller)
{
    for (size_t i = 0; i < controller->member_count; i++) {
        const struct controller_worker *member = &controller->members[i];
        uint64_t count = channel_dropped(member->channel);
        char name[CONTROLLER_NAME_BYTES];

        if (count > 0)
            log_warning("%" PRIu64 " message%s to %s %s dropped", count, count == 1 ? "" : "s",
                        controller_name_of(member, name), count == 1 ? "was" : "were");
    }
}

static void take_quit(struct controller_worker *member)
{
    struct controller *controller = member->controller;

    controller->script.wants_quit = true;
    controller_begin_stop(controller); /* nothing yet while it is starting */
}

static void take_fail(struct controller_worker *member, const struct frame *frame)
{
    struct controller *controller = member->controller;
    struct err err = {0};
    char *sentence, *detail;

    if (frame_get_fail(frame, &sentence, &err) < 0)
        return;
    /* Behind the first line stands what Python has to say. */
    detail = strchr(sentence, '\n');
    if (detail)
        *detail++ = '\0';
    if (controller->state == CONTROLLER_STARTING) {
        if (detail && !controller->has_failed)
            controller->config->script->on_detail(detail);
        controller_fail_start(controller, sentence);
    } else {
        log_error("%s", sentence);
    }
    free(sentence);
}

void script_take(struct controller_worker *member, const struct frame *frame)
{
    if (frame->kind == FRAME_MESSAGE)
        take_message(member, frame);
    else if (frame->kind == FRAME_TARGET)
        take_target(member, frame);
    else if (frame->kind == FRAME_QUIT)
        take_quit(member);
    else if (frame->kind == FRAME_FAIL)
        take_fail(member, frame);
}

/* The master's exit code is that of the run; without one, the first that a worker set. */
void script_take_done(struct controller_worker *member, const struct frame_done *done)
{
    struct run_info *info = &member->controller->run->info;

    info->had_unhandled = info->had_unhandled || done->had_unhandled;
    if (done->exit_code == FRAME_EXIT_CODE_NONE)
        return;
    if (speaks_for_run(member) || info->script_exit_code == FRAME_EXIT_CODE_NONE)
        info->script_exit_code = done->exit_code;
}

void script_kill_silent(struct controller *controller, uint64_t now_ns)
{
    char name[CONTROLLER_NAME_BYTES];

    for (size_t i = 0; i < controller->member_count; i++) {
        struct controller_worker *member = &controller->members[i];

        if (!controller_is_present(member) || member->why_killed ||
            now_ns < clock_add_ns(member->heard_ns, SCRIPT_SILENCE_LIMIT_S * CLOCK_NS_PER_S))
            continue;
        log_warning(
            "%s has said nothing for %d s: something in the script does not give way to the "
            "others; it is ended",
            controller_name_of(member, name), SCRIPT_SILENCE_LIMIT_S);
        controller_kill(member, "it was silent and was ended");
    }
}

void script_lose_lead(struct controller *controller, const char *how)
{
    log_error("the process of the script's hooks was lost: %s; the run ends", how);
    controller->run->info.has_lost_lead = true;
    controller_begin_stop(controller);
}

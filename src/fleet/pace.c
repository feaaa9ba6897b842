/*
 * fleet/pace.c - how many users there are at which moment of a run, and the orders that make it so.
 */
#include "fleet/controller_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "stats/run.h"

enum { PACE_STEP_MS = 100 /* between two orders of a ramp */ };

static uint32_t users_at(const struct controller *controller, uint64_t at_ns)
{
    /* The first user starts at once, as in Locust. */
    double users =
        1 + controller->config->spawn_rate_per_s * (double)at_ns / (double)CLOCK_NS_PER_S;

    return users < controller->config->users ? (uint32_t)users : controller->config->users;
}

/* User k runs on worker k modulo the number of workers. */
static uint32_t share_of(const struct controller *controller, uint32_t users, uint32_t index)
{
    uint32_t count = (uint32_t)controller->worker_count;

    return users / count + (index < users % count);
}

/* --- orders --- */

void pace_order(struct controller *controller, uint32_t users, uint32_t over_ms)
{
    uint32_t count = (uint32_t)controller->worker_count;

    controller->order_sequence++;
    controller->ordered_users = users;
    for (uint32_t i = 0; i < count; i++) {
        struct controller_worker *worker = &controller->members[i];
        struct frame_users order = {.sequence = controller->order_sequence,
                                    .users = share_of(controller, users, i),
                                    .over_ms = over_ms,
                                    .stage = controller->stage};

        if (!controller_is_present(worker))
            continue;
        frame_put_users(channel_out(worker->channel), &order);
        channel_flush(worker->channel);
    }
}

void pace_note_users(struct controller *controller)
{
    if (controller->ordered_users > controller->run->info.users_max)
        controller->run->info.users_max = controller->ordered_users;
}

void pace_on_step(struct timer *timer, uint64_t now_ns)
{
    struct controller *controller = CONTAINER_OF(timer, struct controller, pace_timer);
    uint64_t ahead_ns = now_ns - controller->started_ns + PACE_STEP_MS * CLOCK_NS_PER_MS;

    pace_note_users(controller);
    if (controller->config->script) {
        script_pace(controller, now_ns);
        return;
    }
    pace_order(controller, users_at(controller, ahead_ns), PACE_STEP_MS);
    if (controller->ordered_users < controller->config->users)
        loop_set_timer(controller->loop, timer, now_ns + PACE_STEP_MS * CLOCK_NS_PER_MS,
                       pace_on_step);
}

void pace_begin(struct controller *controller, uint64_t now_ns)
{
    pace_order(controller, 1, 0);
    pace_on_step(&controller->pace_timer, now_ns);
}

void pace_begin_stage(struct controller *controller, uint32_t users, uint64_t now_ns)
{
    controller->stage = run_begin_stage(controller->run, users, now_ns - controller->started_ns);
}

bool pace_has_finished_all(const struct controller *controller)
{
    uint64_t finished = 0;

    if (controller->config->script || controller->ordered_users < controller->config->users)
        return false;
    /* The users of a lost worker do nothing any more either. */
    for (uint32_t i = 0; i < controller->worker_count; i++)
        finished += controller->members[i].is_lost
                        ? share_of(controller, controller->config->users, i)
                        : controller->members[i].finished;
    return finished >= controller->config->users;
}

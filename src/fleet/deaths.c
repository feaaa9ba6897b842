/*
 * fleet/deaths.c - processes of a run that end before they are done.
 *
 * A death is seen as the end of the channel, or, where a program that the worker started holds a
 * copy of its socket, by asking for the process itself.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "fleet/controller_internal.h"
#include "fleet/peer_merge.h"

#include <stdio.h>
#include <time.h>

enum {
    DEATHS_INTERVAL_MS = 200,
    DEATHS_EXIT_PAUSE_MS = 1,
    DEATHS_EXIT_PAUSES = 500 /* between the end of a dying process's channel and its own */
};

const char *controller_name_of(const struct controller_worker *member, char *text)
{
    if (member->is_lead)
        (void)snprintf(text, CONTROLLER_NAME_BYTES, "the process of the script's hooks");
    else
        (void)snprintf(text, CONTROLLER_NAME_BYTES, "worker %zu", member->index);
    return text;
}

void controller_kill(struct controller_worker *member, const char *why)
{
    if (member->why_killed)
        return;
    member->why_killed = why;
    local_worker_kill(&member->process);
}

void controller_kill_rest(struct controller *controller, const char *why)
{
    for (size_t i = 0; i < controller->member_count; i++) {
        if (!controller->members[i].is_done)
            controller_kill(&controller->members[i], why);
    }
}

static void on_death_timer(struct timer *timer, uint64_t now_ns)
{
    struct controller *controller = CONTAINER_OF(timer, struct controller, death_timer);

    loop_set_timer(controller->loop, timer, now_ns + DEATHS_INTERVAL_MS * CLOCK_NS_PER_MS,
                   on_death_timer);
    for (size_t i = 0; i < controller->member_count; i++) {
        struct controller_worker *member = &controller->members[i];

        if (controller_is_present(member) && local_worker_has_ended(&member->process))
            channel_end(member->channel, "it ended");
    }
}

void controller_watch_deaths(struct controller *controller)
{
    on_death_timer(&controller->death_timer, loop_refresh_ns(controller->loop));
}

/* A process whose channel has ended is about to end; of one that spoke nonsense that is the news.
 */
static bool ends_by_itself(const struct controller_worker *member)
{
    const struct timespec pause = {.tv_nsec = DEATHS_EXIT_PAUSE_MS * 1000000};

    for (int i = 0; i < DEATHS_EXIT_PAUSES && !channel_is_unsound(member->channel); i++) {
        if (local_worker_has_ended(&member->process))
            return true;
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

/* Reaps the process. Why it is no more, into `how`. */
static void bury(struct controller_worker *member, const char *reason, char *how)
{
    char status[CONTROLLER_HOW_BYTES];

    if (!ends_by_itself(member))
        controller_kill(member, reason); /* a worker without a channel must not go on */
    local_worker_reap(&member->process, status, sizeof status);
    (void)snprintf(how, CONTROLLER_HOW_BYTES, "%s",
                   member->why_killed ? member->why_killed
                   : status[0]        ? status
                                      : "exited with status 0");
    member->why_killed = "it is dead";
}

static void fail_early(struct controller *controller, const char *how)
{
    char text[CONTROLLER_HOW_BYTES * 2];

    (void)snprintf(text, sizeof text, "a worker process ended before the run began: %s", how);
    controller_fail_start(controller, text);
}

void controller_on_closed(void *ctx, const char *reason)
{
    struct controller_worker *member = ctx;
    struct controller *controller = member->controller;
    char how[CONTROLLER_HOW_BYTES];

    if (member->is_done || member->is_lost)
        return;
    member->is_lost = true;
    bury(member, reason, how);
    if (controller->state == CONTROLLER_STARTING) {
        fail_early(controller, how);
        return;
    }
    if (member->is_lead) {
        script_lose_lead(controller, how);
    } else {
        run_lose_worker(controller->run, member->index);
        peer_merge_lose(controller->peers, member->index);
        if (controller->config->script)
            script_tell_lost(member);
        /* What the others alone can hold is not what a search asks. */
        log_error("worker %zu was lost: %s; its streams are counted as lost, the run %s",
                  member->index, how,
                  controller_has_any_left(controller) && !controller->config->limit ? "goes on"
                                                                                    : "ends");
    }
    controller_stop_when_all_ended(controller);
}

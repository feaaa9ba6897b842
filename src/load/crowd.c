#include "load/crowd.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"
#include "stats/stats.h"

#include <stdlib.h>

enum { CROWD_SAMPLE_SHARE = 10, CROWD_SWEEP_SHARE = 8 };

void crowd_init(struct crowd *crowd, struct user_plan *shared)
{
    *crowd = (struct crowd){.shared = shared, .pool = pool_new(sizeof(struct user), 0)};
}

void crowd_fini(struct crowd *crowd)
{
    if (!crowd->pool)
        return;
    crowd_stop(crowd);
    pool_free(crowd->pool);
    free(crowd->users);
    *crowd = (struct crowd){0};
}

uint32_t crowd_running(const struct crowd *crowd)
{
    return crowd->shared ? crowd->count - crowd->shared->finished_count : 0;
}

uint32_t crowd_reached(const struct crowd *crowd)
{
    return crowd->shared->plan->has_arrivals ? crowd->arrived : crowd->count;
}

/* User k of a worker is user k * workers + worker of all. */
static bool add_user(struct crowd *crowd, uint32_t place)
{
    const struct plan *plan = crowd->shared->plan;
    struct user *user = pool_take(crowd->pool);

    if (!user) {
        log_error("out of memory for another user");
        return false;
    }
    if (crowd->count == crowd->cap) {
        crowd->cap = crowd->cap ? crowd->cap * 2 : 64;
        crowd->users = x_realloc(crowd->users, crowd->cap * sizeof *crowd->users);
    }
    crowd->users[crowd->count++] = user;
    /* Each start takes a while, which is not to count as the next one's time to connect. */
    user_start(user, crowd->shared, place * plan->worker_count + plan->worker_index,
               loop_refresh_ns(crowd->shared->loop));
    return true;
}

static void free_user(struct crowd *crowd, struct user *user, bool is_run_end)
{
    user_stop(user, is_run_end, loop_now_ns(crowd->shared->loop));
    pool_give(crowd->pool, user);
}

/* Users that have finished are gone; the others keep their order. */
static void sweep(struct crowd *crowd)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < crowd->count; i++) {
        if (crowd->users[i]->is_finished)
            free_user(crowd, crowd->users[i], false);
        else
            crowd->users[kept++] = crowd->users[i];
    }
    crowd->count = kept;
}

static uint32_t most_at_once(const struct plan *plan)
{
    return plan->users_max / plan->worker_count +
           (plan->worker_index < plan->users_max % plan->worker_count);
}

static void arrive(struct crowd *crowd)
{
    uint32_t place = crowd->arrived++;

    if (crowd_running(crowd) < most_at_once(crowd->shared->plan))
        (void)add_user(crowd, place);
    else
        stat_count(stats_worker_set(stream_engine_stats(crowd->shared->engine)),
                   METRIC_DROPPED_ITERATIONS, NULL, 1);
}

void crowd_go_to(struct crowd *crowd, uint32_t want)
{
    if (crowd->shared->plan->has_arrivals) {
        /* Often enough for the memory of those that are gone to stay a small part. */
        if (crowd->shared->finished_count > crowd->count / CROWD_SWEEP_SHARE)
            sweep(crowd);
        while (crowd->arrived < want)
            arrive(crowd);
        return;
    }
    while (crowd->count < want) {
        if (!add_user(crowd, crowd->count))
            break;
    }
    while (crowd->count > want)
        free_user(crowd, crowd->users[--crowd->count], false);
}

void crowd_second(struct crowd *crowd, uint64_t now_ns)
{
    if (crowd->shared->plan->has_arrivals && crowd->shared->finished_count > 0)
        sweep(crowd);
    crowd->sample_turn = (crowd->sample_turn + 1) % CROWD_SAMPLE_SHARE;
    for (uint32_t i = crowd->sample_turn; i < crowd->count; i += CROWD_SAMPLE_SHARE)
        stream_sample(&crowd->users[i]->stream, now_ns);
}

void crowd_stop(struct crowd *crowd)
{
    if (crowd->count > 0)
        (void)loop_refresh_ns(crowd->shared->loop);
    while (crowd->count > 0)
        free_user(crowd, crowd->users[--crowd->count], true);
}

#include "load/user.h"

#include "base/clock.h"
#include "base/mem.h"
#include "load/share.h"

#include <assert.h>

enum { USER_ITERATION_MAX = INT32_MAX };

static bool is_slow(const struct user *user)
{
    /* Upside down, so that slow readers are not the ones that leave early. */
    return user->shared->slow_targets &&
           share_has(~share_place(user->shared->plan->seed, user->index),
                     user->shared->plan->readers.slow_ratio);
}

/* The targets in turn, each as often in a row as its weight says. */
static const struct stream_target *pick_target(const struct user *user)
{
    const struct user_plan *shared = user->shared;
    uint32_t place = (user->index + user->iteration_count) % shared->weight_sum;
    size_t at = 0;

    while (place >= shared->plan->targets[at].weight) {
        place -= shared->plan->targets[at].weight;
        at++;
    }
    return is_slow(user) ? &shared->slow_targets[at] : &shared->targets[at];
}

static bool will_abort(const struct user *user)
{
    return share_has(
        share_turn(share_place(user->shared->plan->seed, user->index), user->iteration_count),
        user->shared->plan->readers.abort_ratio);
}

static void open_next(struct user *user, uint64_t now_ns)
{
    stream_start(&user->stream, pick_target(user), user->index, now_ns);
    user->stream.will_abort = will_abort(user);
}

static void on_wait_over(struct timer *timer, uint64_t now_ns)
{
    struct stream *stream = CONTAINER_OF(timer, struct stream, timer);

    open_next(CONTAINER_OF(stream, struct user, stream), now_ns);
}

static void on_ended(struct stream *stream, enum stream_ending ending, uint64_t now_ns)
{
    struct user *user = CONTAINER_OF(stream, struct user, stream);
    struct user_plan *shared = user->shared;
    const struct plan *plan = shared->plan;
    uint64_t wait_ns;

    if (user->iteration_count < USER_ITERATION_MAX)
        user->iteration_count++;
    /* Without a loop only a stream that left early has a next one; who arrived for one has none. */
    if (plan->has_arrivals || (!plan->has_loop && ending != STREAM_ENDED_BY_US) ||
        (plan->iterations > 0 && user->iteration_count >= plan->iterations)) {
        user->is_finished = 1;
        shared->finished_count++;
        return;
    }
    wait_ns = rng_between(stream_engine_rng(shared->engine), plan->wait_min_ns, plan->wait_max_ns);
    /* A service that refuses must not be asked as fast as it can refuse. */
    if (ending == STREAM_FAILED && wait_ns < plan->retry_wait_ns)
        wait_ns = plan->retry_wait_ns;
    /* A failure may be told from inside the attempt: the next one waits for the loop's turn. */
    if (wait_ns == 0 && ending != STREAM_FAILED)
        open_next(user, now_ns);
    else
        loop_set_timer(shared->loop, &stream->timer, clock_add_ns(now_ns, wait_ns), on_wait_over);
}

const struct stream_observer user_observer = {.on_ended = on_ended};

void user_start(struct user *user, struct user_plan *shared, uint32_t index, uint64_t now_ns)
{
    user->shared = shared;
    user->index = index;
    stream_init(&user->stream, shared->engine);
    open_next(user, now_ns);
}

void user_stop(struct user *user, bool is_run_end, uint64_t now_ns)
{
    loop_cancel_timer(user->shared->loop, &user->stream.timer);
    if (user->stream.state != STREAM_IDLE)
        stream_close(&user->stream, is_run_end, now_ns);
    stream_fini(&user->stream);
    if (user->is_finished)
        user->shared->finished_count--;
}

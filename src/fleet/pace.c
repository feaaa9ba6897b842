/*
 * fleet/pace.c - how many users there are at which moment of a run, and the orders that make it so.
 *
 * An order says how many users there are to be at its end, a tenth of a second later; workers get
 * there evenly. Stages begin at their own time, between two orders that do not reach across it.
 */
#include "fleet/controller_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "load/stages.h"
#include "stats/run.h"

enum { PACE_STEP_MS = 100 /* between two orders of a ramp */ };

/* User k runs on worker k modulo the number of workers. */
static uint32_t share_of(const struct controller *controller, uint32_t users, uint32_t index)
{
    uint32_t count = (uint32_t)controller->worker_count;

    return users / count + (index < users % count);
}

/* --- orders --- */

uint32_t pace_stage(const struct controller *controller)
{
    return controller->run->info.is_warming_up ? RUN_STAGE_WARM_UP : controller->stage;
}

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
                                    .stage = pace_stage(controller)};

        if (!controller_is_present(worker))
            continue;
        frame_put_users(channel_out(worker->channel), &order);
        channel_flush(worker->channel);
    }
}

void pace_note_users(struct controller *controller)
{
    if (controller->run->info.is_warming_up || controller->config->arrivals_per_s > 0)
        return; /* not counted, or arrivals: how many are there at once is seen in the ticks */
    if (controller->ordered_users > controller->run->info.users_max)
        controller->run->info.users_max = controller->ordered_users;
}

void pace_begin_stage(struct controller *controller, uint32_t users, uint64_t now_ns)
{
    controller->stage = run_begin_stage(controller->run, users, now_ns - controller->started_ns);
}

/* The next order's time, since the start: soon, and not across the end of the warm-up. */
static uint64_t next_step_ns(const struct controller *controller, uint64_t spent_ns)
{
    uint64_t next_ns = spent_ns + PACE_STEP_MS * CLOCK_NS_PER_MS;
    uint64_t warm_up_ns = controller->config->warm_up_ns;

    return spent_ns < warm_up_ns && warm_up_ns < next_ns ? warm_up_ns : next_ns;
}

static uint32_t whole_ms(uint64_t ns)
{
    return (uint32_t)(ns / CLOCK_NS_PER_MS);
}

/* --- one ramp --- */

static uint32_t users_at(const struct controller_config *config, uint64_t at_ns)
{
    /* The first user starts at once, as in Locust. */
    double users = 1 + config->spawn_rate_per_s * (double)at_ns / (double)CLOCK_NS_PER_S;

    return users < config->users ? (uint32_t)users : config->users;
}

static void step_ramp(struct controller *controller, uint64_t now_ns)
{
    const struct controller_config *config = controller->config;
    uint64_t spent_ns = now_ns - controller->started_ns;
    uint64_t next_ns = next_step_ns(controller, spent_ns);

    pace_order(controller, users_at(config, next_ns), whole_ms(next_ns - spent_ns));
    if (controller->ordered_users < config->users)
        loop_set_timer(controller->loop, &controller->pace_timer, controller->started_ns + next_ns,
                       pace_on_step);
}

/* --- arrivals --- */

/* So many so far, whatever became of them; they never end. */
static void step_arrivals(struct controller *controller, uint64_t now_ns)
{
    uint64_t spent_ns = now_ns - controller->started_ns;
    uint64_t next_ns = next_step_ns(controller, spent_ns);
    double count =
        1 + controller->config->arrivals_per_s * (double)next_ns / (double)CLOCK_NS_PER_S;

    pace_order(controller, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX,
               whole_ms(next_ns - spent_ns));
    loop_set_timer(controller->loop, &controller->pace_timer, controller->started_ns + next_ns,
                   pace_on_step);
}

/* --- stages --- */

/* Each begins once its time has come. What takes no time is ordered at once. */
static void begin_stages(struct controller *controller, uint64_t spent_ns)
{
    const struct stages *stages = controller->config->stages;

    while (controller->stage < stages->count &&
           stages_begin_ns(stages, controller->stage) <= spent_ns) {
        size_t index = controller->stage;
        uint64_t begin_ns = stages_begin_ns(stages, index);

        pace_begin_stage(controller, stages->items[index].users, controller->started_ns + begin_ns);
        controller->run->stages[index].planned_ns = stages->items[index].end_ns - begin_ns;
        if (stages->items[index].end_ns == begin_ns && !controller->config->script)
            pace_order(controller, stages->items[index].users, 0);
    }
}

static void step_stages(struct controller *controller, uint64_t now_ns)
{
    const struct stages *stages = controller->config->stages;
    uint64_t spent_ns = now_ns - controller->started_ns;
    uint64_t next_ns = next_step_ns(controller, spent_ns);
    const struct stage *stage;
    uint32_t users;

    begin_stages(controller, spent_ns);
    stage = &stages->items[controller->stage - 1];
    if (next_ns > stage->end_ns)
        next_ns = stage->end_ns;
    if (next_ns <= spent_ns)
        return; /* the last one is over, and so is the run */
    /* At its end it is at its target, also where the next one jumps from there. */
    users = next_ns < stage->end_ns ? stages_users_at(stages, next_ns) : stage->users;
    /* Users of a script start when they are told to, not over a time. */
    if (controller->config->script)
        (void)script_order(controller, users, users == stage->users);
    else
        pace_order(controller, users, whole_ms(next_ns - spent_ns));
    loop_set_timer(controller->loop, &controller->pace_timer, controller->started_ns + next_ns,
                   pace_on_step);
}

/* --- the course --- */

void pace_on_step(struct timer *timer, uint64_t now_ns)
{
    struct controller *controller = CONTAINER_OF(timer, struct controller, pace_timer);
    uint64_t spent_ns = now_ns - controller->started_ns;

    if (controller->run->info.is_warming_up && spent_ns >= controller->config->warm_up_ns)
        run_end_warm_up(controller->run, controller->config->warm_up_ns);
    pace_note_users(controller);
    if (controller->config->stages)
        step_stages(controller, now_ns);
    else if (controller->config->script)
        script_pace(controller, now_ns);
    else if (controller->config->arrivals_per_s > 0)
        step_arrivals(controller, now_ns);
    else
        step_ramp(controller, now_ns);
}

/* An order says that figures count now, also where there are no more users to come. */
static void on_warm_up_over(struct timer *timer, uint64_t now_ns)
{
    struct controller *controller = CONTAINER_OF(timer, struct controller, warm_up_timer);

    if (controller->run->info.is_warming_up)
        pace_on_step(&controller->pace_timer, now_ns);
}

void pace_begin(struct controller *controller, uint64_t now_ns)
{
    const struct controller_config *config = controller->config;

    controller->run->info.is_warming_up = config->warm_up_ns > 0;
    controller->run->info.warm_up_ns = config->warm_up_ns;
    if (config->warm_up_ns > 0)
        loop_set_timer(controller->loop, &controller->warm_up_timer,
                       controller->started_ns + config->warm_up_ns, on_warm_up_over);
    if (config->script) {
        script_begin(controller);
        return;
    }
    if (!config->stages)
        pace_order(controller, 1, 0);
    pace_on_step(&controller->pace_timer, now_ns);
}

bool pace_has_finished_all(const struct controller *controller)
{
    uint64_t finished = 0;

    /* In stages and steps, and as arrivals, users come and go whatever those before them did. */
    if (controller->config->script || controller->config->stages || controller->config->limit ||
        controller->config->arrivals_per_s > 0 ||
        controller->ordered_users < controller->config->users)
        return false;
    /* The users of a lost worker do nothing any more either. */
    for (uint32_t i = 0; i < controller->worker_count; i++)
        finished += controller->members[i].is_lost
                        ? share_of(controller, controller->config->users, i)
                        : controller->members[i].finished;
    return finished >= controller->config->users;
}

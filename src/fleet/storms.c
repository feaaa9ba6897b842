#include "fleet/storms.h"

#include "base/mem.h"
#include "fleet/controller_internal.h"
#include "stats/run.h"
#include "wire/frame.h"

static void order(struct controller *controller, const struct run_storm *storm)
{
    struct frame_storm frame = {.index = (uint32_t)controller->run->storm_count,
                                .ratio = storm->ratio,
                                .down_ns = storm->down_ns,
                                .is_at_once = storm->is_at_once};

    for (size_t i = 0; i < controller->worker_count; i++) {
        struct controller_worker *worker = &controller->members[i];

        if (!controller_is_present(worker))
            continue;
        frame_put_storm(channel_out(worker->channel), &frame);
        channel_flush(worker->channel);
    }
}

static void on_due(struct timer *timer, uint64_t now_ns);

static void await_next(struct controller *controller)
{
    size_t next = controller->run->storm_count;

    if (next < controller->config->storm_count)
        loop_set_timer(controller->loop, &controller->storm_timer,
                       controller->started_ns + controller->config->storms[next].at_ns, on_due);
}

static void on_due(struct timer *timer, uint64_t now_ns)
{
    struct controller *controller = CONTAINER_OF(timer, struct controller, storm_timer);
    struct run_storm storm = controller->config->storms[controller->run->storm_count];

    storm.at_ns = now_ns - controller->started_ns;
    run_add_storm(controller->run, &storm);
    order(controller, &storm);
    await_next(controller);
}

void storms_begin(struct controller *controller)
{
    await_next(controller);
}

void storms_stop(struct controller *controller)
{
    loop_cancel_timer(controller->loop, &controller->storm_timer);
}

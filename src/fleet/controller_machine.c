#include "base/clock.h"
#include "fleet/controller_internal.h"
#include "fleet/machine.h"

void controller_watch_machine(struct controller *controller, uint64_t now_ns)
{
    struct machine_sample sample;

    controller->machine = machine_probe_new("");
    (void)machine_probe_read(controller->machine, 0, now_ns, &sample);
    controller->machine_cpu_ns = clock_cpu_ns();
    controller->machine_read_ns = now_ns;
}

static double cores_of_workers(const struct run *run)
{
    double cores = 0;

    for (size_t i = 0; i < run->worker_count; i++)
        cores += run->workers[i].cpu_ratio;
    return cores;
}

void controller_sample_machine(struct controller *controller, uint64_t late_ns, uint64_t now_ns)
{
    uint64_t cpu_ns = clock_cpu_ns(), turn_ns = loop_take_longest_turn_ns(controller->loop);
    uint64_t lag_ns = late_ns > turn_ns ? late_ns : turn_ns;
    double own = (double)(cpu_ns - controller->machine_cpu_ns) /
                 (double)(now_ns - controller->machine_read_ns);
    struct machine_sample sample;

    controller->machine_cpu_ns = cpu_ns;
    controller->machine_read_ns = now_ns;
    if (!machine_probe_read(controller->machine, own + cores_of_workers(controller->run), now_ns,
                            &sample) ||
        controller->stage == RUN_STAGE_WARM_UP)
        return;
    sample.figures[MACHINE_CONTROLLER_CPU] = own;
    sample.figures[MACHINE_CONTROLLER_LAG] = (double)lag_ns / (double)CLOCK_NS_PER_MS;
    machine_add(&controller->run->machine, &sample);
}

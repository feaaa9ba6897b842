#include "stats/machine.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

static const char *const names[MACHINE_FIGURE_COUNT] = {
    [MACHINE_CPU_BUSY] = "cpu_busy",
    [MACHINE_CPU_OTHERS] = "cpu_others",
    [MACHINE_CPU_STOLEN] = "cpu_stolen",
    [MACHINE_CPU_THROTTLED] = "cpu_throttled",
    [MACHINE_MEMORY_USED] = "memory_used",
    [MACHINE_SWAP_IN] = "swap_in",
    [MACHINE_NETWORK] = "network",
    [MACHINE_CONTROLLER_CPU] = "controller_cpu",
    [MACHINE_CONTROLLER_LAG] = "controller_lag",
};

const char *machine_figure_name(enum machine_figure figure)
{
    assert(figure < MACHINE_FIGURE_COUNT);
    return names[figure];
}

void machine_init(struct machine *machine)
{
    *machine = (struct machine){0};
    for (int i = 0; i < MACHINE_FIGURE_COUNT; i++)
        machine->sustained[i] = (double)NAN;
}

/* What all samples of the ring reached; NaN where one of them does not say. */
static double reached(const double recent[MACHINE_SPAN_S])
{
    double least = recent[0];

    for (int i = 1; i < MACHINE_SPAN_S && !isnan(least); i++) {
        if (isnan(recent[i]) || recent[i] < least)
            least = recent[i];
    }
    return least;
}

static bool note(struct machine *machine, int figure, double value)
{
    double *recent = machine->recent[figure], least;

    recent[machine->sample_count % MACHINE_SPAN_S] = value;
    if (machine->sample_count + 1 < MACHINE_SPAN_S)
        return false;
    least = reached(recent);
    if (isnan(least) || least <= machine->sustained[figure])
        return false;
    machine->sustained[figure] = least;
    return true;
}

void machine_add(struct machine *machine, const struct machine_sample *sample)
{
    machine->core_count = sample->core_count;
    machine->memory_bytes = sample->memory_bytes;
    for (int i = 0; i < MACHINE_FIGURE_COUNT; i++) {
        if (note(machine, i, sample->figures[i]) && i == MACHINE_NETWORK) {
            (void)snprintf(machine->interface, sizeof machine->interface, "%s", sample->interface);
            machine->bits_per_s = sample->bits_per_s;
        }
    }
    machine->sample_count++;
}

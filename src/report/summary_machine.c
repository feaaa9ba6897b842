/*
 * report/summary_machine.c - the line about processors that had nothing left, which is no finding
 * where no worker was late by it.
 */
#include "report/summary_tables.h"

#include <inttypes.h>

void summary_machine(struct buf *out, const struct run *run)
{
    const struct machine *machine = &run->machine;

    /* NaN, which is not known, is not above. */
    if (machine->sustained[MACHINE_CPU_BUSY] * 100.0 >= MACHINE_BUSY_PCT)
        (void)buf_appendf(
            out,
            "  machine     all %" PRIu32 " cores were busy for %d s in a row, %.1f of "
            "them with other work\n",
            machine->core_count, MACHINE_SPAN_S, machine->sustained[MACHINE_CPU_OTHERS]);
}

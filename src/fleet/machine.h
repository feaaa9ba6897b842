/*
 * fleet/machine.h - what the operating system says of this machine: processors, memory, network.
 *
 * Reads some small files below /proc and /sys, which takes well under a millisecond. Where one is
 * missing, as on another system or in a container, its figures are not known, and nothing fails.
 *
 * Runs on: the controller's loop, once a second.
 */
#ifndef CICADA_FLEET_MACHINE_H
#define CICADA_FLEET_MACHINE_H

#include "stats/machine.h"

#include <stdbool.h>
#include <stdint.h>

struct machine_probe;

/* `root` stands in front of the paths: "", or the folder of a test. Copied. */
struct machine_probe *machine_probe_new(const char *root);
void machine_probe_free(struct machine_probe *probe);
/*
 * The machine since the call before; false at the first one. `own_cores` is what we ourselves used
 * of it, in cores. Figures about the controller are left NaN.
 */
bool machine_probe_read(struct machine_probe *probe, double own_cores, uint64_t now_ns,
                        struct machine_sample *sample);

#endif

/*
 * stats/machine.h - the machine that the load comes from, over a run: who used its processors,
 * memory and network, and how well the controller itself kept up. Filled from a sample a second;
 * what it keeps of each figure is the highest value that held for MACHINE_SPAN_S seconds in a row,
 * so that a busy moment is nothing.
 */
#ifndef CICADA_STATS_MACHINE_H
#define CICADA_STATS_MACHINE_H

#include <stdint.h>

enum {
    MACHINE_SPAN_S = 3,
    MACHINE_NAME_BYTES = 32,
    MACHINE_BUSY_PCT = 95 /* of all cores: nothing is left for a worker that wakes */
};

enum machine_figure {
    MACHINE_CPU_BUSY = 0,   /* share of all cores in use, by whomever */
    MACHINE_CPU_OTHERS,     /* cores in use by others than us: processes and the kernel */
    MACHINE_CPU_STOLEN,     /* share of all cores that a hypervisor gave to its other guests */
    MACHINE_CPU_THROTTLED,  /* share of the time for which a quota held our group back */
    MACHINE_MEMORY_USED,    /* share of the memory that is not available any more */
    MACHINE_SWAP_IN,        /* bytes a second, read back from swap */
    MACHINE_NETWORK,        /* share of its speed that the busiest interface carried one way */
    MACHINE_CONTROLLER_CPU, /* cores */
    MACHINE_CONTROLLER_LAG, /* ms */
    MACHINE_FIGURE_COUNT
};

/* The figure's name in the result: "cpu_busy". */
const char *machine_figure_name(enum machine_figure figure);

/* One second. What the system does not say is NaN, 0 or "". */
struct machine_sample {
    double figures[MACHINE_FIGURE_COUNT];
    uint32_t core_count;
    uint64_t memory_bytes;
    char interface[MACHINE_NAME_BYTES]; /* of MACHINE_NETWORK */
    uint64_t bits_per_s;                /* its speed */
};

struct machine {
    uint32_t core_count; /* 0: not known */
    uint64_t memory_bytes;
    double sustained[MACHINE_FIGURE_COUNT]; /* NaN: not known, or not for so long */
    char interface[MACHINE_NAME_BYTES];     /* of sustained[MACHINE_NETWORK] */
    uint64_t bits_per_s;
    /* Private: the last samples, a ring. */
    double recent[MACHINE_FIGURE_COUNT][MACHINE_SPAN_S];
    uint64_t sample_count;
};

void machine_init(struct machine *machine);
void machine_add(struct machine *machine, const struct machine_sample *sample);

#endif

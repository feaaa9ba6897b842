#include "base/clock.h"

#include <time.h>

/* One that is interrupted in the middle is off; not all will be. */
enum { WALL_READINGS = 4 };

static uint64_t read_ns(clockid_t id)
{
    struct timespec now;

    (void)clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_now_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

double clock_unix_ms(void)
{
    uint64_t unix_us = read_ns(CLOCK_REALTIME) / CLOCK_NS_PER_US;

    return (double)unix_us / 1000.0;
}

int64_t clock_wall_base_ns(void)
{
    uint64_t least_ns = CLOCK_NEVER_NS;
    int64_t base_ns = 0;

    for (int i = 0; i < WALL_READINGS; i++) {
        uint64_t before_ns = read_ns(CLOCK_MONOTONIC);
        uint64_t wall_ns = read_ns(CLOCK_REALTIME);
        uint64_t span_ns = read_ns(CLOCK_MONOTONIC) - before_ns;

        if (span_ns >= least_ns)
            continue;
        least_ns = span_ns;
        base_ns = (int64_t)(wall_ns - before_ns - span_ns / 2);
    }
    return base_ns;
}

uint64_t clock_wall_age_ns(uint64_t unix_ns)
{
    uint64_t wall_ns = read_ns(CLOCK_REALTIME);

    return wall_ns > unix_ns ? wall_ns - unix_ns : 0;
}

uint64_t clock_cpu_ns(void)
{
    return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t clock_add_ns(uint64_t start_ns, uint64_t span_ns)
{
    return span_ns > CLOCK_NEVER_NS - start_ns ? CLOCK_NEVER_NS : start_ns + span_ns;
}

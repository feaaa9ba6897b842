#include "base/clock.h"

#include <time.h>

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

uint64_t clock_cpu_ns(void)
{
    return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t clock_add_ns(uint64_t start_ns, uint64_t span_ns)
{
    return span_ns > CLOCK_NEVER_NS - start_ns ? CLOCK_NEVER_NS : start_ns + span_ns;
}

/*
 * cli/run_limits.c - what this machine must give for a run, looked at before the start.
 */
#include "cli/run.h"

#include "base/units.h"
#include "net/source.h"

#include <assert.h>
#include <math.h>
#include <sched.h>
#include <sys/resource.h>

/* Descriptors of a worker that are no streams; at most a quarter of a very low limit. */
enum { RUN_FILE_RESERVE = 64, RUN_FILE_RESERVE_SHARE = 4, RUN_PROCESS_LIMIT = 1024 };

int run_limits_check_ports(const struct run_settings *settings, const struct run_reach *reach,
                           struct err *err)
{
    char users[UNITS_TEXT_BYTES], room[UNITS_TEXT_BYTES];
    double streams = ceil((double)settings->users * reach->busiest_share);
    size_t ports = source_port_count(), sources = 1;

    if (settings->local_address) {
        struct source_pool *pool = source_pool_new(settings->local_address, err);
        int result = pool ? source_pool_check(pool, err) : -1;

        sources = pool ? source_pool_count(pool) : 0;
        source_pool_free(pool);
        if (result < 0) {
            err_prefix(err, "option '--local-address'");
            return -1;
        }
    }
    if (streams <= (double)ports * (double)sources)
        return 0;
    err_set(err, ERR_LIMIT,
            "%s streams to one address need more local ports than the %s there are: give %.0f "
            "source addresses, for example --local-address 127.0.0.0/%d for a service on this "
            "machine",
            units_format_count((uint64_t)streams, users),
            units_format_count((uint64_t)ports * sources, room), ceil(streams / (double)ports),
            32 - (int)ceil(log2(ceil(streams / (double)ports) + 2)));
    return -1;
}

static uint64_t count_cores(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 1;
    return (uint64_t)CPU_COUNT(&set);
}

/* Streams that one worker can hold, and the limit behind it. */
static uint64_t streams_a_worker(uint64_t *files)
{
    struct rlimit limit;
    uint64_t reserve;

    *files = 1024;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        *files = (uint64_t)limit.rlim_max; /* RLIM_INFINITY is the largest number */
    reserve = *files / RUN_FILE_RESERVE_SHARE;
    return *files - (reserve < RUN_FILE_RESERVE ? reserve : RUN_FILE_RESERVE);
}

static int fail_few(uint64_t users, uint64_t processes, uint64_t files, uint64_t needed,
                    struct err *err)
{
    uint64_t each = (users + processes - 1) / processes + RUN_FILE_RESERVE;

    err_set(err, ERR_LIMIT,
            "the limit of %llu open files is too low for %llu users on %llu worker process%s: "
            "give --processes %llu, or raise the limit to %llu (ulimit -n)",
            (unsigned long long)files, (unsigned long long)users, (unsigned long long)processes,
            processes == 1 ? "" : "es", (unsigned long long)needed, (unsigned long long)each);
    return -1;
}

int run_limits_choose_processes(const struct run_settings *settings, uint32_t *count,
                                struct err *err)
{
    uint64_t files, room = streams_a_worker(&files), users = settings->users;
    uint64_t needed = room > 0 ? (users - 1) / room + 1 : UINT64_MAX;
    uint64_t asked = settings->process_count, chosen;

    assert(users > 0);
    if (asked == 0 || asked == RUN_PROCESS_A_CORE)
        chosen = count_cores();
    else
        chosen = asked;
    if (asked == 0 && needed > chosen)
        chosen = needed;
    if (chosen > users)
        chosen = users;
    /* The controller holds a channel to each worker. */
    if (needed > chosen || chosen > RUN_PROCESS_LIMIT || chosen > room)
        return fail_few(users, chosen > RUN_PROCESS_LIMIT ? RUN_PROCESS_LIMIT : chosen, files,
                        needed, err);
    *count = (uint32_t)chosen;
    return 0;
}

/*
 * cli/run_limits.c - what this machine must give for a run, looked at before the start.
 */
#include "cli/run.h"

#include "base/buf.h"
#include "base/units.h"
#include "net/source.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <sys/resource.h>

/* Descriptors of a worker that are no streams; at most a quarter of a very low limit. */
enum { RUN_FILE_RESERVE = 64, RUN_FILE_RESERVE_SHARE = 4, RUN_PROCESS_LIMIT = 1024 };

/* Addresses that connections may come from; 1 where the option is not sound, as is said later. */
static size_t source_count(const char *local_address)
{
    struct err err;
    struct source_pool *pool = local_address ? source_pool_new(local_address, &err) : NULL;
    size_t count = pool ? source_pool_count(pool) : 1;

    source_pool_free(pool);
    return count;
}

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

static uint64_t larger(uint64_t left, uint64_t right)
{
    return left > right ? left : right;
}

static uint64_t smaller(uint64_t left, uint64_t right)
{
    return left < right ? left : right;
}

/*
 * The limit of open files with which `users` fit on `processes` workers, and the controller has a
 * file for the channel to each; 0 processes: on as many as may be chosen.
 */
static uint64_t files_needed(uint64_t users, uint64_t processes)
{
    uint64_t room = larger((users + RUN_PROCESS_LIMIT - 1) / RUN_PROCESS_LIMIT,
                           (uint64_t)ceil(sqrt((double)users)));

    if (processes > 0)
        room = larger((users + processes - 1) / processes, processes);
    return room + RUN_FILE_RESERVE;
}

/* The limit is too low for the users. `needed` processes are enough, if so many can be had. */
static int fail_few(const struct run_settings *settings, uint64_t files, uint64_t processes,
                    uint64_t needed, uint64_t most, struct err *err)
{
    char users[UNITS_TEXT_BYTES];
    bool has_choice = settings->process_count > 0 && needed <= most;
    uint64_t raised = files_needed(settings->users, settings->process_count > 0 ? processes : 0);
    struct buf text = {0};

    (void)buf_appendf(&text, "the limit of %" PRIu64 " open files is too low for %s users", files,
                      units_format_count(settings->users, users));
    if (settings->process_count > 0)
        (void)buf_appendf(&text, " on %" PRIu64 " worker process%s", processes,
                          processes == 1 ? "" : "es");
    if (has_choice)
        (void)buf_appendf(&text, ": give --processes %" PRIu64 ", or raise the limit", needed);
    else
        (void)buf_append_text(&text, ": raise it");
    err_set(err, ERR_LIMIT, "%s to %" PRIu64 " (ulimit -n %" PRIu64 ")", buf_text(&text), raised,
            raised);
    buf_fini(&text);
    return -1;
}

static int fail_many(uint64_t files, uint64_t processes, uint64_t most, struct err *err)
{
    err_set(err, ERR_LIMIT,
            "the limit of %" PRIu64 " open files is too low for %" PRIu64
            " worker processes: give --processes %" PRIu64 ", or raise the limit to %" PRIu64
            " (ulimit -n %" PRIu64 ")",
            files, processes, most, processes + RUN_FILE_RESERVE, processes + RUN_FILE_RESERVE);
    return -1;
}

int run_limits_choose_processes(const struct run_settings *settings, uint32_t *count,
                                struct err *err)
{
    uint64_t files, room = streams_a_worker(&files), users = settings->users;
    uint64_t needed = room > 0 ? (users - 1) / room + 1 : UINT64_MAX;
    uint64_t most = smaller(room, RUN_PROCESS_LIMIT); /* the controller holds a channel to each */
    uint64_t asked = settings->process_count, chosen = asked;

    assert(users > 0);
    if (asked == 0)
        chosen = smaller(larger(count_cores(), needed), most);
    else if (asked == RUN_PROCESS_A_CORE)
        chosen = smaller(count_cores(), most);
    chosen = smaller(chosen, users);
    if (needed > chosen)
        return fail_few(settings, files, chosen, needed, most, err);
    if (chosen > most)
        return fail_many(files, chosen, most, err);
    *count = (uint32_t)chosen;
    return 0;
}

uint64_t run_limits_most_users(const struct run_settings *settings, const struct run_reach *reach)
{
    uint64_t files, room = streams_a_worker(&files);
    bool has_choice = settings->process_count == 0 || settings->process_count == RUN_PROCESS_A_CORE;
    uint64_t processes = has_choice ? count_cores() : settings->process_count;
    uint64_t most = room < UINT64_MAX / processes ? room * processes : UINT64_MAX;
    double ports = (double)source_port_count() * (double)source_count(settings->local_address);

    if (reach->busiest_share > 0)
        most = (double)most < ports / reach->busiest_share
                   ? most
                   : (uint64_t)(ports / reach->busiest_share);
    return larger(most, 1);
}

uint32_t run_limits_script_processes(const struct run_settings *settings)
{
    if (settings->process_count == RUN_PROCESS_A_CORE)
        return (uint32_t)smaller(count_cores(), RUN_PROCESS_LIMIT);
    return settings->process_count > 0 ? (uint32_t)settings->process_count : 1;
}

#include "load/reporter.h"

#include "base/clock.h"
#include "base/mem.h"
#include "load/delivery.h"
#include "net/loop.h"
#include "net/tls.h"
#include "stats/run.h"
#include "stats/stats.h"
#include "wire/channel.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { REPORTER_TICK_MS = 1000, REPORTER_LAG_PROBE_MS = 50 };

static uint64_t read_rss_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long long pages = 0;

    if (!file)
        return 0;
    if (fscanf(file, "%*u %llu", &pages) != 1)
        pages = 0;
    (void)fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void send_tick(struct reporter *reporter, const struct reporter_gauges *gauges, bool is_last,
                      uint64_t now_ns)
{
    uint64_t cpu_ns = clock_cpu_ns(), span_ns = now_ns - reporter->began_ns;
    struct frame_tick tick = {
        .sequence = ++reporter->sequence,
        .interval_ns = span_ns,
        .users = gauges->users,
        .open = gauges->open,
        .connecting = gauges->connecting,
        .finished = gauges->finished,
        .rss_bytes = read_rss_bytes(),
        .clock = gauges->clock,
        .stage = reporter->stage,
        .is_last = is_last,
    };

    if (span_ns > 0)
        tick.cpu_ratio = (double)(cpu_ns - reporter->cpu_ns) / (double)span_ns;
    frame_put_peers(channel_out(reporter->config.channel), tick.sequence,
                    delivery_digest(reporter->config.delivery, is_last, now_ns));
    delivery_told(reporter->config.delivery);
    frame_put_tick(channel_out(reporter->config.channel), &tick, reporter->config.stats);
    channel_flush(reporter->config.channel);
    stats_clear(reporter->config.stats);
    reporter->began_ns = now_ns;
    reporter->cpu_ns = cpu_ns;
}

/* A second after the last was due, so that ticks do not drift; late by more, a second from now. */
static uint64_t next_tick_ns(const struct timer *timer, uint64_t now_ns)
{
    uint64_t next_ns = timer->deadline_ns + REPORTER_TICK_MS * CLOCK_NS_PER_MS;

    return next_ns > now_ns ? next_ns : now_ns + REPORTER_TICK_MS * CLOCK_NS_PER_MS;
}

static void on_tick(struct timer *timer, uint64_t now_ns)
{
    struct reporter *reporter = CONTAINER_OF(timer, struct reporter, tick_timer);
    struct reporter_gauges gauges = {0};

    loop_set_timer(reporter->config.loop, timer, next_tick_ns(timer, now_ns), on_tick);
    reporter->config.read(reporter->config.ctx, &gauges, now_ns);
    tls_trim_memory();
    /* While the last tick has not left, the delta keeps growing. */
    if (channel_queued_bytes(reporter->config.channel) == 0)
        send_tick(reporter, &gauges, false, now_ns);
}

static void on_lag_probe(struct timer *timer, uint64_t now_ns)
{
    struct reporter *reporter = CONTAINER_OF(timer, struct reporter, lag_timer);
    uint64_t late_ns = now_ns - timer->deadline_ns;
    uint64_t turn_ns = loop_take_longest_turn_ns(reporter->config.loop);

    reporter_note_lag(reporter, late_ns > turn_ns ? late_ns : turn_ns);
    loop_set_timer(reporter->config.loop, timer, now_ns + REPORTER_LAG_PROBE_MS * CLOCK_NS_PER_MS,
                   on_lag_probe);
}

uint64_t reporter_raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : 0;
}

void reporter_start(struct reporter *reporter, const struct reporter_config *config)
{
    uint64_t now_ns = loop_refresh_ns(config->loop);

    *reporter = (struct reporter){.config = *config, .began_ns = now_ns, .cpu_ns = clock_cpu_ns()};
    loop_set_timer(config->loop, &reporter->tick_timer, now_ns + REPORTER_TICK_MS * CLOCK_NS_PER_MS,
                   on_tick);
    loop_set_timer(config->loop, &reporter->lag_timer,
                   now_ns + REPORTER_LAG_PROBE_MS * CLOCK_NS_PER_MS, on_lag_probe);
}

void reporter_set_stage(struct reporter *reporter, uint32_t stage)
{
    struct reporter_gauges gauges = {0};
    uint64_t now_ns = loop_refresh_ns(reporter->config.loop);

    if (stage == reporter->stage)
        return;
    reporter->config.read(reporter->config.ctx, &gauges, now_ns);
    if (reporter->stage == RUN_STAGE_WARM_UP)
        delivery_forget(reporter->config.delivery);
    /* Also behind a tick that has not left: the two parts are not to be mixed. */
    send_tick(reporter, &gauges, false, now_ns);
    reporter->stage = stage;
}

void reporter_stop(struct reporter *reporter)
{
    if (!reporter->config.loop)
        return;
    loop_cancel_timer(reporter->config.loop, &reporter->tick_timer);
    loop_cancel_timer(reporter->config.loop, &reporter->lag_timer);
}

void reporter_send_last(struct reporter *reporter, const struct reporter_gauges *gauges)
{
    send_tick(reporter, gauges, true, loop_refresh_ns(reporter->config.loop));
}

void reporter_note_lag(struct reporter *reporter, uint64_t lag_ns)
{
    stat_time(stats_worker_set(reporter->config.stats), METRIC_WORKER_LAG, NULL, lag_ns);
}

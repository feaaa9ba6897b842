#include "verdict/find.h"

#include "base/mem.h"
#include "base/units.h"
#include "verdict/findings.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * A look at each thing that the generator may run out of. What a neighbour does is no cause by
 * itself: it is named only where a worker was late.
 */

enum {
    WORKERS_NAMED_MAX = 4,
    TAKEN_PCT = 5,           /* by a hypervisor, or held back by a quota */
    MEMORY_PCT = 95,         /* in use, and less left than the next */
    MEMORY_MIB = 512,        /* what a machine of any size needs to go on */
    SWAP_IN_KIB = 1024,      /* a second */
    NETWORK_PCT = 90,        /* of an interface's speed: queues build up before it is full */
    CONTROLLER_LAG_MS = 1000 /* by then it closes seconds that are over */
};

/* What a cause spoils. */
enum { SPOILS_TIMES = 1, SPOILS_COUNTS = 2, SPOILS_PACE = 4, SPOILS_LATENCIES = 8 };

struct look {
    const struct run *run;
    struct buf causes, evidence, advice;
    unsigned spoilt;
    bool is_late; /* a worker was */
};

double findings_lag_p99_ms(const struct run_worker *worker)
{
    const struct hist *lag =
        worker->own ? stat_get_trend(worker->own, METRIC_WORKER_LAG, NULL) : NULL;

    return lag ? (double)hist_percentile(lag, 99) / 1000.0 : 0;
}

bool findings_is_saturated(const struct run_worker *worker)
{
    return worker->cpu_max_ratio * 100.0 >= RUN_SATURATED_PCT ||
           findings_lag_p99_ms(worker) > RUN_LAG_LIMIT_MS;
}

bool findings_reads_late(const struct run *run)
{
    for (size_t i = 0; i < run->worker_count; i++) {
        if (findings_is_saturated(&run->workers[i]))
            return true;
    }
    return false;
}

static struct buf *next(struct buf *text, const char *before)
{
    if (text->len > 0)
        (void)buf_append_text(text, before);
    return text;
}

static void advise(struct look *look, const char *advice)
{
    (void)buf_append_text(next(&look->advice, ". "), advice);
}

static void blame(struct look *look, unsigned spoilt, const char *cause, const char *advice)
{
    (void)buf_append_text(next(&look->causes, ", "), cause);
    look->spoilt |= spoilt;
    advise(look, advice);
}

static double sustained(const struct look *look, enum machine_figure figure)
{
    return look->run->machine.sustained[figure];
}

/* NaN, which is not known, reaches nothing. */
static bool reaches_pct(const struct look *look, enum machine_figure figure, double pct)
{
    return sustained(look, figure) * 100.0 >= pct;
}

static void look_at_workers(struct look *look)
{
    const struct run *run = look->run;
    struct buf *evidence = &look->evidence;
    size_t count = 0;
    char *cause;

    for (size_t i = 0; i < run->worker_count; i++) {
        const struct run_worker *worker = &run->workers[i];

        if (!findings_is_saturated(worker))
            continue;
        count++;
        if (count <= WORKERS_NAMED_MAX)
            (void)buf_appendf(
                next(evidence, "; "), "worker %" PRIu32 " used %.0f%% of a core, lag p99 %.1f ms",
                worker->id, worker->cpu_max_ratio * 100.0, findings_lag_p99_ms(worker));
    }
    if (count == 0)
        return;
    if (count > WORKERS_NAMED_MAX)
        (void)buf_appendf(evidence, "; and %zu more", count - WORKERS_NAMED_MAX);
    (void)buf_appendf(evidence, "; limits: %d%% of a core over 5 s, lag p99 %d ms",
                      RUN_SATURATED_PCT, RUN_LAG_LIMIT_MS);
    look->is_late = true;
    cause = x_asprintf("%zu of %zu workers", count, run->worker_count);
    blame(look, SPOILS_TIMES, cause,
          "Use more worker processes (--processes), fewer users (-u), a slower ramp (-r), or a "
          "machine the service does not share");
    free(cause);
}

/* Why workers were late, where the machine shows it. */
static void look_at_neighbours(struct look *look)
{
    char text[UNITS_TEXT_BYTES];

    if (!look->is_late)
        return;
    if (reaches_pct(look, MACHINE_CPU_BUSY, MACHINE_BUSY_PCT))
        (void)buf_appendf(next(&look->evidence, "; "),
                          "all %" PRIu32 " cores were busy, %.1f of them with other work",
                          look->run->machine.core_count, sustained(look, MACHINE_CPU_OTHERS));
    if (reaches_pct(look, MACHINE_CPU_STOLEN, TAKEN_PCT)) {
        (void)buf_appendf(next(&look->evidence, "; "), "the hypervisor took %.0f%% of them",
                          sustained(look, MACHINE_CPU_STOLEN) * 100.0);
        advise(look, "Take a virtual machine whose cores are its own");
    }
    if (reaches_pct(look, MACHINE_CPU_THROTTLED, TAKEN_PCT)) {
        (void)buf_appendf(next(&look->evidence, "; "),
                          "a CPU quota held us back %.0f%% of the time",
                          sustained(look, MACHINE_CPU_THROTTLED) * 100.0);
        advise(look, "Raise the container's CPU limit");
    }
    if (sustained(look, MACHINE_SWAP_IN) >= SWAP_IN_KIB * 1024.0) {
        (void)buf_appendf(next(&look->evidence, "; "), "%s a second were read back from swap",
                          units_format_bytes(sustained(look, MACHINE_SWAP_IN), text));
        advise(look, "Free memory: what is swapped out comes back late");
    }
}

static void look_at_controller(struct look *look)
{
    if (!reaches_pct(look, MACHINE_CONTROLLER_CPU, RUN_SATURATED_PCT) &&
        !(sustained(look, MACHINE_CONTROLLER_LAG) >= CONTROLLER_LAG_MS))
        return;
    (void)buf_appendf(
        next(&look->evidence, "; "),
        "the controller used %.0f%% of a core and was %.0f ms late, for %d s in a row",
        sustained(look, MACHINE_CONTROLLER_CPU) * 100.0, sustained(look, MACHINE_CONTROLLER_LAG),
        MACHINE_SPAN_S);
    blame(look, SPOILS_PACE, "its controller",
          "Use fewer worker processes or fewer endpoints, or a machine with cores to spare");
}

static void look_at_memory(struct look *look)
{
    double bytes = (double)look->run->machine.memory_bytes;
    double left = bytes * (1 - sustained(look, MACHINE_MEMORY_USED));
    char text[UNITS_TEXT_BYTES], all[UNITS_TEXT_BYTES];

    if (!reaches_pct(look, MACHINE_MEMORY_USED, MEMORY_PCT) ||
        left >= (double)MEMORY_MIB * 1024 * 1024)
        return;
    (void)buf_appendf(next(&look->evidence, "; "), "%s of %s memory were left",
                      units_format_bytes(left, text), units_format_bytes(bytes, all));
    blame(look, SPOILS_TIMES, "memory",
          "Use fewer users (-u), or a machine with more memory: without it the system stops "
          "processes, or ends them");
}

static void look_at_network(struct look *look)
{
    const struct machine *machine = &look->run->machine;

    if (!reaches_pct(look, MACHINE_NETWORK, NETWORK_PCT))
        return;
    (void)buf_appendf(next(&look->evidence, "; "), "%s carried %.0f%% of its %.3g Gbit/s",
                      machine->interface, sustained(look, MACHINE_NETWORK) * 100.0,
                      (double)machine->bits_per_s / 1e9);
    blame(look, SPOILS_TIMES, "its network",
          "Use a faster interface, --compressed, or several machines");
}

/* Ports, files, pools: what failed for want of them never reached the service. */
static void look_at_limits(struct look *look)
{
    const struct stats *stats = look->run->stats;
    const char *message = NULL;
    uint64_t count = 0;
    char text[UNITS_TEXT_BYTES];

    for (size_t i = 0; i < stats_error_count(stats); i++) {
        const struct stats_error *error = stats_error_at(stats, i);

        if (error->error_class != CLASS_LOCAL_LIMIT)
            continue;
        count += error->count;
        message = message ? message : error->message;
    }
    if (count == 0)
        return;
    (void)buf_appendf(next(&look->evidence, "; "), "%s local_limit errors (%s)",
                      units_format_count(count, text), message);
    blame(look, SPOILS_COUNTS, "ports, files or memory of its own",
          "Raise the limit on open files (ulimit -n), or give more source addresses "
          "(--local-address)");
}

static void look_at_clock(struct look *look)
{
    struct clock_state clock = run_clock(look->run);

    if (clock.source == CLOCK_UNUSED || clock.step_count == 0)
        return;
    (void)buf_appendf(next(&look->evidence, "; "),
                      "the machine's clock was set %" PRIu32 " time%s while latencies were taken",
                      clock.step_count, clock.step_count == 1 ? "" : "s");
    blame(look, SPOILS_LATENCIES, "its clock",
          "Let chrony or another service slew the clock instead of setting it");
}

static const char *consequence_of(unsigned spoilt)
{
    if (spoilt & SPOILS_TIMES)
        return "its times are not the service's";
    if (spoilt & SPOILS_COUNTS)
        return "some of the failures are its own";
    if (spoilt & SPOILS_LATENCIES)
        return "some latencies are wrong";
    return "it did not keep its own pace";
}

static void put_spoilt(struct look *look)
{
    (void)buf_append_text(&look->evidence, ". ");
    if (look->spoilt & SPOILS_TIMES)
        (void)buf_append_text(&look->evidence,
                              "sse_connecting, sse_first_byte, sse_ttfe, sse_event_gap, "
                              "sse_event_latency and sse_recovery contain this delay; ");
    if (look->spoilt & SPOILS_LATENCIES)
        (void)buf_append_text(&look->evidence,
                              "sse_event_latency and sse_stale jumped with the clock; ");
    if (look->spoilt & SPOILS_PACE)
        (void)buf_append_text(&look->evidence, "users came later than ordered, and points of the "
                                               "series are longer than a second; ");
    (void)buf_append_text(&look->evidence,
                          look->spoilt & SPOILS_COUNTS
                              ? "sse_connect_success and sse_stream_success hold failures that "
                                "never reached the service"
                              : "counts hold");
}

bool find_generator_saturated(const struct run *run, struct finding *finding)
{
    static void (*const looks[])(struct look * look) = {
        look_at_workers, look_at_neighbours, look_at_controller, look_at_memory,
        look_at_network, look_at_limits,     look_at_clock};
    struct look look = {.run = run};

    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++)
        looks[i](&look);
    if (look.spoilt) {
        put_spoilt(&look);
        finding->confidence = CONFIDENCE_CERTAIN;
        finding->title = x_asprintf("The load generator was at its limit (%s); %s",
                                    buf_text(&look.causes), consequence_of(look.spoilt));
        finding->evidence = x_strdup(buf_text(&look.evidence));
        finding->advice = x_strdup(buf_text(&look.advice));
    }
    buf_fini(&look.causes);
    buf_fini(&look.evidence);
    buf_fini(&look.advice);
    return look.spoilt != 0;
}

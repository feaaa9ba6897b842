#include "base/error_class.h"
#include "verdict/find.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS  1000000ull
#define GIB (1024.0 * 1024 * 1024)

/* What a run shows; zeros are left out, of the machine NaN is meant where they are. */
struct figures {
    double cpu_ratio; /* of the one worker, at its busiest */
    uint64_t lag_ms;
    double sustained[MACHINE_FIGURE_COUNT];
    enum error_class error_class;
    uint64_t errors;
    struct clock_state clock;
};

static struct run *run_of(const struct figures *figures)
{
    struct run *run = run_new(1);
    struct stats *delta = stats_new();
    struct run_tick tick = {.interval_ns = 1000 * MS, .clock = figures->clock};

    if (figures->lag_ms > 0)
        stat_time(stats_worker_set(delta), METRIC_WORKER_LAG, NULL, figures->lag_ms * MS);
    for (uint64_t i = 0; i < figures->errors; i++)
        stats_add_error(delta, stats_add_endpoint(delta, "GET", "/x"), figures->error_class,
                        "too many open files", 0);
    run_add_tick(run, 0, &tick, delta);
    run_finish(run, 1000 * MS);
    stats_free(delta);
    run->workers[0].cpu_max_ratio = figures->cpu_ratio;
    run->machine.core_count = 2;
    run->machine.memory_bytes = (uint64_t)(8 * GIB);
    run->machine.bits_per_s = 1000000000;
    (void)strcpy(run->machine.interface, "eth0");
    for (int i = 0; i < MACHINE_FIGURE_COUNT; i++) {
        if (figures->sustained[i] > 0)
            run->machine.sustained[i] = figures->sustained[i];
    }
    return run;
}

static void assert_silent(const struct figures *figures)
{
    struct run *run = run_of(figures);
    struct finding finding = {0};

    assert_false(find_generator_saturated(run, &finding));
    assert_null(finding.title);
    run_free(run);
}

static void assert_holds(const char *text, const char *part)
{
    assert_non_null(text);
    if (!strstr(text, part))
        fail_msg("no '%s' in '%s'", part, text);
}

static void assert_raised(const struct figures *figures, const char *title, const char *evidence,
                          const char *advice)
{
    struct run *run = run_of(figures);
    struct finding finding = {0};

    assert_true(find_generator_saturated(run, &finding));
    assert_int_equal(finding.confidence, CONFIDENCE_CERTAIN);
    assert_holds(finding.title, title);
    assert_holds(finding.evidence, evidence);
    assert_holds(finding.advice, advice);
    free(finding.title);
    free(finding.evidence);
    free(finding.advice);
    run_free(run);
}

static void a_quiet_machine_raises_nothing(void **state)
{
    (void)state;
    assert_silent(&(struct figures){.cpu_ratio = 0.89, .lag_ms = 99});
    assert_silent(
        &(struct figures){.sustained = {[MACHINE_CPU_BUSY] = 0.5, [MACHINE_MEMORY_USED] = 0.3}});
}

static void a_late_worker_spoils_times(void **state)
{
    (void)state;
    assert_raised(&(struct figures){.lag_ms = 102}, "(1 of 1 workers); its times are not",
                  "contain this delay; counts hold", "--processes");
    assert_raised(&(struct figures){.cpu_ratio = 0.9}, "(1 of 1 workers)",
                  "worker 0 used 90% of a core", "--processes");
}

static void neighbours_explain_lag_and_are_no_cause_alone(void **state)
{
    struct figures figures = {.sustained = {[MACHINE_CPU_BUSY] = 0.97,
                                            [MACHINE_CPU_OTHERS] = 1.25,
                                            [MACHINE_CPU_STOLEN] = 0.06,
                                            [MACHINE_CPU_THROTTLED] = 0.5,
                                            [MACHINE_SWAP_IN] = 2e6}};

    (void)state;
    assert_silent(&figures);
    figures.lag_ms = 150;
    assert_raised(&figures, "(1 of 1 workers);",
                  "all 2 cores were busy, 1.2 of them with other work", "whose cores are its own");
    assert_raised(&figures, "workers", "the hypervisor took 6% of them", "container's CPU limit");
    assert_raised(&figures, "workers", "held us back 50% of the time; 2 MB a second were read back",
                  "Free memory");
    figures.sustained[MACHINE_CPU_BUSY] = 0.94;
    figures.sustained[MACHINE_CPU_STOLEN] = 0.04;
    figures.sustained[MACHINE_CPU_THROTTLED] = 0.04;
    figures.sustained[MACHINE_SWAP_IN] = 1e6;
    assert_raised(&figures, "workers", "lag p99 100 ms. sse_connecting", "does not share");
}

static void memory_must_be_short_in_both_ways(void **state)
{
    struct figures figures = {.sustained = {[MACHINE_MEMORY_USED] = 0.949}};

    (void)state;
    assert_silent(&figures);
    figures.sustained[MACHINE_MEMORY_USED] = 1 - 0.49 / 8; /* 502 MiB are left, and 6 % */
    assert_silent(&figures);
    figures.sustained[MACHINE_MEMORY_USED] = 1 - 0.39 / 8;
    assert_raised(&figures, "(memory); its times", "of 8.59 GB memory were left", "fewer users");
}

static void an_interface_at_its_speed_is_told(void **state)
{
    struct figures figures = {.sustained = {[MACHINE_NETWORK] = 0.89}};

    (void)state;
    assert_silent(&figures);
    figures.sustained[MACHINE_NETWORK] = 0.9;
    assert_raised(&figures, "(its network); its times", "eth0 carried 90% of its 1 Gbit/s",
                  "faster interface");
}

static void a_late_controller_spoils_the_pace(void **state)
{
    struct figures figures = {
        .sustained = {[MACHINE_CONTROLLER_CPU] = 0.89, [MACHINE_CONTROLLER_LAG] = 999}};

    (void)state;
    assert_silent(&figures);
    figures.sustained[MACHINE_CONTROLLER_LAG] = 1000;
    assert_raised(&figures, "(its controller); it did not keep its own pace", "was 1000 ms late",
                  "fewer worker processes");
    figures.sustained[MACHINE_CONTROLLER_LAG] = 5;
    figures.sustained[MACHINE_CONTROLLER_CPU] = 0.9;
    assert_raised(&figures, "(its controller)", "used 90% of a core", "fewer worker processes");
}

static void our_own_limits_spoil_counts(void **state)
{
    struct figures figures = {.error_class = CLASS_CONNECT_REFUSED, .errors = 3};

    (void)state;
    assert_silent(&figures);
    figures.error_class = CLASS_LOCAL_LIMIT;
    assert_raised(&figures, "some of the failures are its own",
                  "3 local_limit errors (too many open files). sse_connect_success", "ulimit -n");
}

static void a_clock_that_was_set_spoils_latencies_if_there_are_any(void **state)
{
    struct figures figures = {.clock = {.source = CLOCK_UNUSED, .step_count = 2}};

    (void)state;
    assert_silent(&figures);
    figures.clock.source = CLOCK_SAME_HOST;
    assert_raised(&figures, "(its clock); some latencies are wrong", "clock was set 2 times",
                  "slew");
    figures.clock.step_count = 0;
    assert_silent(&figures);
}

static void several_causes_are_one_finding(void **state)
{
    (void)state;
    assert_raised(&(struct figures){.lag_ms = 150,
                                    .error_class = CLASS_LOCAL_LIMIT,
                                    .errors = 1,
                                    .sustained = {[MACHINE_NETWORK] = 1}},
                  "(1 of 1 workers, its network, ports, files or memory of its own); its times",
                  "hold failures that never reached the service", "ulimit");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_machine_raises_nothing),
        cmocka_unit_test(a_late_worker_spoils_times),
        cmocka_unit_test(neighbours_explain_lag_and_are_no_cause_alone),
        cmocka_unit_test(memory_must_be_short_in_both_ways),
        cmocka_unit_test(an_interface_at_its_speed_is_told),
        cmocka_unit_test(a_late_controller_spoils_the_pace),
        cmocka_unit_test(our_own_limits_spoil_counts),
        cmocka_unit_test(a_clock_that_was_set_spoils_latencies_if_there_are_any),
        cmocka_unit_test(several_causes_are_one_finding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

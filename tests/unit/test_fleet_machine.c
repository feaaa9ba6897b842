#include "base/clock.h"
#include "base/mem.h"
#include "fleet/machine.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define S 1000000000ull

static void assert_near(double value, double wanted)
{
    if (!(fabs(value - wanted) < 1e-6))
        fail_msg("%g is not %g", value, wanted);
}

/* A machine made of files in a folder of its own. */
struct world {
    char root[32];
    struct machine_probe *probe;
};

static const char *const folders[] = {"/proc",
                                      "/proc/net",
                                      "/sys",
                                      "/sys/class",
                                      "/sys/class/net",
                                      "/sys/class/net/eth0",
                                      "/sys/class/net/veth9",
                                      "/sys/fs",
                                      "/sys/fs/cgroup"};
static const char *const files[] = {"/proc/stat",
                                    "/proc/meminfo",
                                    "/proc/vmstat",
                                    "/proc/net/dev",
                                    "/sys/class/net/eth0/speed",
                                    "/sys/class/net/veth9/speed",
                                    "/sys/fs/cgroup/cpu.stat"};

static void put(const struct world *world, const char *path, const char *text)
{
    char *name = x_asprintf("%s%s", world->root, path);
    FILE *file = fopen(name, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    free(name);
}

static int set_up(void **state)
{
    struct world *world = x_calloc(1, sizeof *world);

    (void)strcpy(world->root, "/tmp/cicada-machine-XXXXXX");
    assert_non_null(mkdtemp(world->root));
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char *name = x_asprintf("%s%s", world->root, folders[i]);

        assert_int_equal(mkdir(name, 0700), 0);
        free(name);
    }
    world->probe = machine_probe_new(world->root);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    size_t folder_count = sizeof folders / sizeof folders[0];

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char *name = x_asprintf("%s%s", world->root, files[i]);

        (void)unlink(name);
        free(name);
    }
    for (size_t i = 0; i < folder_count; i++) {
        char *name = x_asprintf("%s%s", world->root, folders[folder_count - 1 - i]);

        assert_int_equal(rmdir(name), 0);
        free(name);
    }
    assert_int_equal(rmdir(world->root), 0);
    machine_probe_free(world->probe);
    free(world);
    return 0;
}

static struct machine_sample read_at(struct world *world, double own_cores, uint64_t now_ns)
{
    struct machine_sample sample = {0};

    assert_true(machine_probe_read(world->probe, own_cores, now_ns, &sample));
    return sample;
}

static void begin(struct world *world)
{
    struct machine_sample sample;

    assert_false(machine_probe_read(world->probe, 0, 10 * S, &sample));
}

static void processors_are_shares_of_what_passed(void **state)
{
    struct world *world = *state;
    struct machine_sample sample;
    double cores;

    /* user nice system idle iowait irq softirq steal guest guest_nice */
    put(world, "/proc/stat",
        "cpu  1000 0 500 9000 100 0 20 0 0 0\ncpu0 1000 0 500 9000 100 0 20 0 0 0\n");
    begin(world);
    put(world, "/proc/stat", "cpu  1040 10 530 9080 120 0 20 20 40 0\ncpu0 1 0 0 0 0 0 0 0 0 0\n");
    sample = read_at(world, 0.1, 11 * S);
    cores = sample.core_count;
    assert_true(cores >= 1);
    assert_near(sample.figures[MACHINE_CPU_BUSY], 0.5);
    assert_near(sample.figures[MACHINE_CPU_STOLEN], 0.1);
    assert_near(sample.figures[MACHINE_CPU_OTHERS], 0.4 * cores - 0.1);
    /* We cannot have used more than all that was. */
    put(world, "/proc/stat", "cpu  1140 10 530 9180 120 0 20 20 40 0\n");
    assert_near(read_at(world, 2 * cores, 12 * S).figures[MACHINE_CPU_OTHERS], 0);
}

static void memory_and_swap_are_read(void **state)
{
    struct world *world = *state;
    struct machine_sample sample;

    put(world, "/proc/meminfo", "MemTotal:  1000 kB\nMemFree:  10 kB\nMemAvailable:  250 kB\n");
    put(world, "/proc/vmstat", "nr_free_pages 1\npswpin 100\npswpout 7\n");
    begin(world);
    put(world, "/proc/vmstat", "nr_free_pages 1\npswpin 300\npswpout 7\n");
    sample = read_at(world, 0, 12 * S);
    assert_int_equal(sample.memory_bytes, 1000 << 10);
    assert_near(sample.figures[MACHINE_MEMORY_USED], 0.75);
    assert_near(sample.figures[MACHINE_SWAP_IN], 100.0 * (double)sysconf(_SC_PAGESIZE));
}

static const char NET_HEAD[] =
    "Inter-|   Receive                            |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n";

static void put_net(const struct world *world, unsigned lo, unsigned received, unsigned sent)
{
    char *text = x_asprintf("%s    lo: %u 1 0 0 0 0 0 0 %u 1 0 0 0 0 0 0\n"
                            "  eth0: %u 1 0 0 0 0 0 0 %u 1 0 0 0 0 0 0\n"
                            " veth9:%u 1 0 0 0 0 0 0 %u 1 0 0 0 0 0 0\n",
                            NET_HEAD, lo, lo, received, sent, lo, lo);

    put(world, "/proc/net/dev", text);
    free(text);
}

static void the_busier_way_of_an_interface_with_a_speed_counts(void **state)
{
    struct world *world = *state;
    struct machine_sample sample;

    put(world, "/sys/class/net/eth0/speed", "100\n");
    put(world, "/sys/class/net/veth9/speed", "-1\n");
    put_net(world, 1000, 0, 0);
    begin(world);
    put_net(world, 900000000, 2500000, 10000000); /* 20 and 80 Mbit */
    sample = read_at(world, 0, 12 * S);
    assert_near(sample.figures[MACHINE_NETWORK], 0.4);
    assert_string_equal(sample.interface, "eth0");
    assert_int_equal(sample.bits_per_s, 100000000);
}

static void a_quota_is_a_share_of_the_time(void **state)
{
    struct world *world = *state;

    put(world, "/sys/fs/cgroup/cpu.stat", "usage_usec 5\nnr_throttled 3\nthrottled_usec 1000000\n");
    begin(world);
    put(world, "/sys/fs/cgroup/cpu.stat", "usage_usec 9\nnr_throttled 4\nthrottled_usec 1250000\n");
    assert_near(read_at(world, 0, 11 * S).figures[MACHINE_CPU_THROTTLED], 0.25);
    put(world, "/sys/fs/cgroup/cpu.stat", "throttled_usec 9000000\n");
    assert_near(read_at(world, 0, 12 * S).figures[MACHINE_CPU_THROTTLED], 1);
}

static void what_the_system_does_not_say_is_not_known(void **state)
{
    struct world *world = *state;
    struct machine_sample sample;

    begin(world);
    sample = read_at(world, 0, 11 * S);
    for (int i = 0; i < MACHINE_FIGURE_COUNT; i++)
        assert_true(isnan(sample.figures[i]));
    assert_string_equal(sample.interface, "");
    put(world, "/proc/stat", "cpu  nonsense\n");
    put(world, "/proc/net/dev", "no interfaces here: none\n");
    put(world, "/proc/meminfo", "MemTotal: many\n");
    (void)read_at(world, 0, 12 * S);
    sample = read_at(world, 0, 13 * S);
    assert_true(isnan(sample.figures[MACHINE_CPU_BUSY]));
    assert_true(isnan(sample.figures[MACHINE_MEMORY_USED]));
}

static void counters_that_go_back_count_nothing(void **state)
{
    struct world *world = *state;

    put(world, "/proc/stat", "cpu  1000 0 0 1000 0 0 0 50\n");
    begin(world);
    put(world, "/proc/stat", "cpu  1100 0 0 1100 0 0 0 10\n");
    assert_near(read_at(world, 0, 11 * S).figures[MACHINE_CPU_STOLEN], 0);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(processors_are_shares_of_what_passed),
        WITH_WORLD(memory_and_swap_are_read),
        WITH_WORLD(the_busier_way_of_an_interface_with_a_speed_counts),
        WITH_WORLD(a_quota_is_a_share_of_the_time),
        WITH_WORLD(what_the_system_does_not_say_is_not_known),
        WITH_WORLD(counters_that_go_back_count_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "stats/machine.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_near(double value, double wanted)
{
    if (!(fabs(value - wanted) < 1e-6))
        fail_msg("%g is not %g", value, wanted);
}

static void add(struct machine *machine, double busy, double network, const char *interface)
{
    struct machine_sample sample = {.core_count = 2, .memory_bytes = 4096, .bits_per_s = 1000};

    for (int i = 0; i < MACHINE_FIGURE_COUNT; i++)
        sample.figures[i] = (double)NAN;
    sample.figures[MACHINE_CPU_BUSY] = busy;
    sample.figures[MACHINE_NETWORK] = network;
    (void)strcpy(sample.interface, interface);
    machine_add(machine, &sample);
}

static void nothing_is_known_before_three_seconds(void **state)
{
    struct machine machine;

    (void)state;
    machine_init(&machine);
    add(&machine, 1, 0.5, "eth0");
    add(&machine, 1, 0.5, "eth0");
    assert_true(isnan(machine.sustained[MACHINE_CPU_BUSY]));
    assert_string_equal(machine.interface, "");
    add(&machine, 1, 0.5, "eth0");
    assert_near(machine.sustained[MACHINE_CPU_BUSY], 1);
    assert_near(machine.sustained[MACHINE_NETWORK], 0.5);
    assert_true(isnan(machine.sustained[MACHINE_CPU_STOLEN]));
    assert_int_equal(machine.core_count, 2);
    assert_int_equal(machine.memory_bytes, 4096);
}

static void a_busy_moment_is_not_sustained(void **state)
{
    static const double busy[] = {0.2, 1, 1, 0.3, 1, 1, 0.4, 0.1};
    struct machine machine;

    (void)state;
    machine_init(&machine);
    for (size_t i = 0; i < sizeof busy / sizeof busy[0]; i++)
        add(&machine, busy[i], 0, "eth0");
    assert_near(machine.sustained[MACHINE_CPU_BUSY], 0.4);
    for (int i = 0; i < 3; i++)
        add(&machine, 0.9, 0, "eth0");
    assert_near(machine.sustained[MACHINE_CPU_BUSY], 0.9);
    for (int i = 0; i < 3; i++)
        add(&machine, 0.1, 0, "eth0");
    assert_near(machine.sustained[MACHINE_CPU_BUSY], 0.9);
}

static void the_interface_is_that_of_the_highest_share(void **state)
{
    struct machine machine;

    (void)state;
    machine_init(&machine);
    for (int i = 0; i < 3; i++)
        add(&machine, 0, 0.7, "eth1");
    for (int i = 0; i < 5; i++)
        add(&machine, 0, 0.6, "eth0");
    assert_string_equal(machine.interface, "eth1");
    assert_int_equal(machine.bits_per_s, 1000);
}

static void a_figure_that_is_missing_for_a_second_is_not_known_through_it(void **state)
{
    struct machine machine;

    (void)state;
    machine_init(&machine);
    add(&machine, 1, 0, "eth0");
    add(&machine, (double)NAN, 0, "eth0");
    add(&machine, 1, 0, "eth0");
    add(&machine, 1, 0, "eth0");
    assert_true(isnan(machine.sustained[MACHINE_CPU_BUSY]));
    add(&machine, 0.5, 0, "eth0");
    assert_near(machine.sustained[MACHINE_CPU_BUSY], 0.5);
}

static void every_figure_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < MACHINE_FIGURE_COUNT; i++) {
        for (int j = 0; j < i; j++)
            assert_string_not_equal(machine_figure_name((enum machine_figure)i),
                                    machine_figure_name((enum machine_figure)j));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_before_three_seconds),
        cmocka_unit_test(a_busy_moment_is_not_sustained),
        cmocka_unit_test(the_interface_is_that_of_the_highest_share),
        cmocka_unit_test(a_figure_that_is_missing_for_a_second_is_not_known_through_it),
        cmocka_unit_test(every_figure_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

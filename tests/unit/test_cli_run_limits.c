#include "base/buf.h"
#include "cli/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

/* The limit of open files only goes down: tests stand in the order of theirs. */
static void lower_files(rlim_t files)
{
    const struct rlimit limit = {.rlim_cur = files, .rlim_max = files};

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void expect_count(uint64_t users, uint64_t asked, uint32_t expected)
{
    struct run_settings settings = {.users = users, .process_count = asked};
    struct err err = {0};
    uint32_t count = 0;

    if (run_limits_choose_processes(&settings, &count, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(count, expected);
}

static void expect_refusal(uint64_t users, uint64_t asked, const char *message)
{
    struct run_settings settings = {.users = users, .process_count = asked};
    struct err err = {0};
    uint32_t count = 0;

    assert_int_equal(run_limits_choose_processes(&settings, &count, &err), -1);
    assert_string_equal(err.text, message);
}

static void more_processes_are_chosen_or_named_where_they_help(void **state)
{
    (void)state;
    lower_files(564);
    expect_count(50000, 0, 100);
    expect_count(1000, 2, 2);
    expect_count(1, 8, 1);
    expect_refusal(1000, 1,
                   "the limit of 564 open files is too low for 1,000 users on 1 worker process: "
                   "give --processes 2, or raise the limit to 1064 (ulimit -n 1064)");
    expect_refusal(300000, 0,
                   "the limit of 564 open files is too low for 300,000 users: raise it to 612 "
                   "(ulimit -n 612)");
    expect_refusal(2000000, 2,
                   "the limit of 564 open files is too low for 2,000,000 users on 2 worker "
                   "processes: raise it to 1000064 (ulimit -n 1000064)");
}

static void the_limit_that_was_named_is_enough(void **state)
{
    (void)state;
    lower_files(206);
    expect_count(20000, 0, 130);
}

static void a_limit_that_fits_no_controller_is_to_be_raised(void **state)
{
    (void)state;
    lower_files(100);
    expect_refusal(20000, 0,
                   "the limit of 100 open files is too low for 20,000 users: raise it to 206 "
                   "(ulimit -n 206)");
    expect_refusal(1000, 200,
                   "the limit of 100 open files is too low for 200 worker processes: give "
                   "--processes 75, or raise the limit to 264 (ulimit -n 264)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_processes_are_chosen_or_named_where_they_help),
        cmocka_unit_test(the_limit_that_was_named_is_enough),
        cmocka_unit_test(a_limit_that_fits_no_controller_is_to_be_raised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "cli/run.h"
#include "load/stages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t S = 1000000000;

struct given {
    struct run_settings settings;
    struct options options;
};

/* Pairs of an option's name and its value, ended by NULL. */
static void give(struct given *given, const char *const *pairs)
{
    struct err err = {0};

    memset(given, 0, sizeof *given);
    options_init(&given->options, run_table, &given->settings);
    for (; *pairs; pairs += 2) {
        const struct option *option = options_find(run_table, pairs[0], strlen(pairs[0]));

        assert_non_null(option);
        if (options_set(&given->options, option, pairs[1], SOURCE_COMMAND_LINE, &err) < 0)
            fail_msg("%s", err.text);
    }
}

static void stages_say_how_many_and_for_how_long(void **state)
{
    static const char *const pairs[] = {"stages", "30s:10,1m:70,5s:0", "warm-up", "94s", NULL};
    struct stages stages = {0};
    struct given given;
    struct err err;

    (void)state;
    give(&given, pairs);
    assert_int_equal(pace_options_apply(&given.options, &given.settings, &stages, &err), 0);
    assert_int_equal(given.settings.users, 70);
    assert_int_equal(given.settings.run_time_ns, 95 * S);
    stages_fini(&stages);
    options_fini(&given.options);
}

static void what_does_not_go_together_is_named(void **state)
{
    static const struct {
        const char *pairs[7], *message;
    } rows[] = {
        {{"stages", "1s:1", "users", "5", NULL},
         "option '--stages' says how many users there are and for how long: leave out --users"},
        {{"stages", "1s:1", "arrival-rate", "5", NULL},
         "option '--arrival-rate' says when users come, each for one stream: leave out --stages"},
        {{"stages", "1s", NULL},
         "option '--stages': column 1, at '1s': a stage has the form D:N, such as 30s:100"},
        {{"stages", "5s:1", "warm-up", "5s", NULL},
         "option '--warm-up': 5s is not shorter than the run of 5s"},
        {{"run-time", "5s", "warm-up", "1m", NULL},
         "option '--warm-up': 1m is not shorter than the run of 5s"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stages stages = {0};
        struct given given;
        struct err err = {0};

        give(&given, rows[i].pairs);
        assert_int_equal(pace_options_apply(&given.options, &given.settings, &stages, &err), -1);
        assert_string_equal(err.text, rows[i].message);
        assert_null(stages.items);
        options_fini(&given.options);
    }
}

static void arrivals_have_room_for_all_their_streams(void **state)
{
    static const struct {
        const char *pairs[9];
        uint64_t users;
    } rows[] = {
        {{"arrival-rate", "20", "stream-time", "5s", "run-time", "1m", NULL}, 301},
        {{"arrival-rate", "0.5", "stream-time", "5s", "run-time", "4s", NULL}, 3},
        {{"arrival-rate", "20", "run-time", "10s", NULL}, 201},
        {{"arrival-rate", "20", "users", "7", "run-time", "10s", NULL}, 7},
        {{"users", "9", "run-time", "10s", NULL}, 9},
    };
    const struct run_reach reach = {.busiest_share = 1};
    struct given given;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        give(&given, rows[i].pairs);
        pace_options_limit(&given.options, &given.settings, &reach);
        assert_int_equal(given.settings.users, rows[i].users);
        options_fini(&given.options);
    }
    give(&given, (const char *const[]){"arrival-rate", "100000", NULL});
    pace_options_limit(&given.options, &given.settings, &reach);
    assert_int_equal(given.settings.users, run_limits_most_users(&given.settings, &reach));
    assert_in_range(given.settings.users, 1, 65535);
    options_fini(&given.options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_say_how_many_and_for_how_long),
        cmocka_unit_test(what_does_not_go_together_is_named),
        cmocka_unit_test(arrivals_have_room_for_all_their_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

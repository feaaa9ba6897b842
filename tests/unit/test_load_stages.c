#include "base/clock.h"
#include "base/mem.h"
#include "load/stages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t S = 1000000000, MS = 1000000;

static struct stages read_stages(const char *text)
{
    struct stages stages;
    struct err err = {0};

    if (stages_parse(text, &stages, &err) < 0)
        fail_msg("%s", err.text);
    return stages;
}

static void the_plan_is_read(void **state)
{
    struct stages stages = read_stages(" 30s:1000, 2m : 1000 ,1m30s:0,0:7,10:8");

    (void)state;
    assert_int_equal(stages.count, 5);
    assert_int_equal(stages.items[0].end_ns, 30 * S);
    assert_int_equal(stages.items[1].end_ns, 150 * S);
    assert_int_equal(stages.items[2].end_ns, 240 * S);
    assert_int_equal(stages.items[3].users, 7);
    assert_int_equal(stages_begin_ns(&stages, 4), 240 * S);
    assert_int_equal(stages_length_ns(&stages), 250 * S);
    assert_int_equal(stages_users_max(&stages), 1000);
    assert_int_equal(stages_ramp_ns(&stages), 30 * S);
    stages_fini(&stages);
}

static void users_go_straight_from_target_to_target(void **state)
{
    static const struct {
        uint64_t at_ms;
        uint32_t users;
    } rows[] = {
        {0, 0},     {499, 0},    {500, 1},    {1499, 1},   {5000, 5},   {9499, 9},
        {9500, 10}, {15000, 10}, {20000, 10}, {20500, 10}, {20501, 9},  {29500, 1},
        {29501, 0}, {30000, 30}, {30001, 30}, {34749, 39}, {34750, 40}, {1000000, 40},
    };
    struct stages stages = read_stages("10s:10,10s:10,10s:0,0s:30,5s:40");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (stages_users_at(&stages, rows[i].at_ms * MS) != rows[i].users)
            fail_msg("%u at %llu ms", stages_users_at(&stages, rows[i].at_ms * MS),
                     (unsigned long long)rows[i].at_ms);
    }
    stages_fini(&stages);
}

static void the_largest_plan_is_good_to_a_millisecond(void **state)
{
    struct stages stages = read_stages("364d:10000000,1d:0");

    (void)state;
    assert_int_equal(stages_users_at(&stages, 182 * 86400 * S + MS), 5000000);
    assert_int_equal(stages_users_at(&stages, 364 * 86400 * S - 2000 * MS), 9999999);
    assert_int_equal(stages_users_at(&stages, 364 * 86400 * S - MS), 10000000);
    assert_int_equal(stages_users_at(&stages, 364 * 86400 * S), 10000000);
    assert_int_equal(stages_users_at(&stages, 365 * 86400 * S), 0);
    stages_fini(&stages);
}

static void what_is_wrong_is_named_with_its_column(void **state)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "column 1, where nothing stands: a stage has the form D:N, such as 30s:100"},
        {"30s", "column 1, at '30s': a stage has the form D:N, such as 30s:100"},
        {"30s:5,", "column 7, where nothing stands: a stage has the form D:N, such as 30s:100"},
        {"30s:5,,1s:1",
         "column 7, where nothing stands: a stage has the form D:N, such as 30s:100"},
        {"1x:3", "column 1, at '1x:3': a stage begins with its length, such as 30s or 1m30s"},
        {"1s:3, none:4",
         "column 7, at 'none:4': a stage begins with its length, such as 30s or 1m30s"},
        {":3", "column 1, at ':3': a stage begins with its length, such as 30s or 1m30s"},
        {"1s:3,2s:-1",
         "column 9, at '-1': behind the ':' belongs a number of users, from 0 to 10000000"},
        {"1s:2:3",
         "column 4, at '2:3': behind the ':' belongs a number of users, from 0 to 10000000"},
        {"1s:", "column 4, where nothing stands: behind the ':' belongs a number of users, from 0 "
                "to 10000000"},
        {"1s:10000001",
         "column 4, at '10000001': behind the ':' belongs a number of users, from 0 to 10000000"},
        {"364d:1,2d:1", "column 8, at '2d:1': the stages take more than 365 days together"},
        {"5s:0,5s:0", "column 1, at '5s:0': no stage has any users"},
        {"0s:5", "column 1, at '0s:5': no stage takes any time"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stages stages;
        struct err err = {0};

        assert_int_equal(stages_parse(rows[i].text, &stages, &err), -1);
        assert_string_equal(err.text, rows[i].message);
    }
}

static void a_thousand_stages_are_enough(void **state)
{
    struct stages stages;
    struct err err = {0};
    char *text = x_calloc(1, 8000);

    (void)state;
    for (int i = 0; i < STAGES_LIMIT; i++)
        memcpy(text + i * 5, "1s:1,", 5);
    text[STAGES_LIMIT * 5 - 1] = '\0';
    stages = read_stages(text);
    assert_int_equal(stages.count, STAGES_LIMIT);
    stages_fini(&stages);
    memcpy(text + STAGES_LIMIT * 5 - 1, ",1s:1", 6);
    assert_int_equal(stages_parse(text, &stages, &err), -1);
    assert_string_equal(err.text, "column 5001, at '1s:1': there are more than 1000 stages");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plan_is_read),
        cmocka_unit_test(users_go_straight_from_target_to_target),
        cmocka_unit_test(the_largest_plan_is_good_to_a_millisecond),
        cmocka_unit_test(what_is_wrong_is_named_with_its_column),
        cmocka_unit_test(a_thousand_stages_are_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

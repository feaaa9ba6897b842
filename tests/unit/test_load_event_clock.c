#include "load/event_clock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000000ll
#define S  1000000000ll

/* Our wall clock shows WALL when the monotonic one shows 0; the other is 5 s ahead of it. */
static const int64_t WALL = 1700000000 * S, AHEAD = 5 * S;

static void answer(struct event_clock *clock, int64_t asked_ns, int64_t there_ns, int64_t back_ns,
                   int64_t grain_ns)
{
    int64_t shown_ns = WALL + AHEAD + asked_ns + there_ns;
    struct event_clock_reading reading = {.asked_ns = (uint64_t)asked_ns,
                                          .answered_ns = (uint64_t)(asked_ns + there_ns + back_ns),
                                          .unix_ns = shown_ns - shown_ns % grain_ns,
                                          .grain_ns = (uint64_t)grain_ns};

    event_clock_add(clock, &reading);
}

static struct event_clock asked_clock(void)
{
    struct event_clock clock;

    event_clock_init(&clock, true);
    assert_int_equal(event_clock_set_wall(&clock, WALL), 0);
    return clock;
}

static void the_offset_is_taken_from_the_middle_of_the_trip(void **state)
{
    struct event_clock clock = asked_clock();
    int64_t base_ns;

    (void)state;
    answer(&clock, 10 * MS, 4 * MS, 4 * MS, 1);
    assert_true(event_clock_use(&clock, false, &base_ns));
    assert_true(base_ns == WALL + AHEAD);
    assert_true(event_clock_state(&clock).source == CLOCK_ASKED);
    assert_true(event_clock_state(&clock).offset_ns == AHEAD);
    assert_int_equal(event_clock_state(&clock).error_ns, 4 * MS);
}

static void a_lopsided_trip_is_wrong_by_no_more_than_the_error(void **state)
{
    static const int64_t trips[][2] = {{0, 10 * MS}, {10 * MS, 0}, {1 * MS, 9 * MS}, {7, 3}};

    (void)state;
    for (size_t i = 0; i < sizeof trips / sizeof trips[0]; i++) {
        struct event_clock clock = asked_clock();
        struct clock_state known;
        int64_t base_ns;

        answer(&clock, 3 * S, trips[i][0], trips[i][1], 1);
        assert_true(event_clock_use(&clock, false, &base_ns));
        known = event_clock_state(&clock);
        assert_true(known.offset_ns - AHEAD <= (int64_t)known.error_ns);
        assert_true(AHEAD - known.offset_ns <= (int64_t)known.error_ns);
        assert_int_equal(known.error_ns, (uint64_t)(trips[i][0] + trips[i][1]) / 2);
    }
}

static void whole_seconds_add_half_a_second_to_the_error(void **state)
{
    (void)state;
    for (int64_t asked_ns = 0; asked_ns < 2 * S; asked_ns += 77 * MS) {
        struct event_clock clock = asked_clock();
        struct clock_state known;
        int64_t base_ns;

        answer(&clock, asked_ns, 2 * MS, 2 * MS, S);
        assert_true(event_clock_use(&clock, false, &base_ns));
        known = event_clock_state(&clock);
        assert_int_equal(known.error_ns, 502 * MS);
        assert_true(known.offset_ns - AHEAD <= (int64_t)known.error_ns);
        assert_true(AHEAD - known.offset_ns <= (int64_t)known.error_ns);
    }
}

static void the_quickest_of_the_last_eight_answers_counts(void **state)
{
    struct event_clock clock = asked_clock();
    int64_t base_ns;

    (void)state;
    assert_false(event_clock_use(&clock, false, &base_ns)); /* none yet */
    assert_true(event_clock_state(&clock).source == CLOCK_UNUSED);
    answer(&clock, 0, 1 * MS, 1 * MS, 1);
    for (int i = 1; i < EVENT_CLOCK_ANSWERS; i++)
        answer(&clock, i * S, (20 + i) * MS, 0, 1);
    assert_true(event_clock_use(&clock, false, &base_ns));
    assert_int_equal(event_clock_state(&clock).error_ns, 1 * MS);
    answer(&clock, 8 * S, 30 * MS, 0, 1); /* in the place of the first */
    assert_int_equal(event_clock_state(&clock).error_ns, 21 * MS / 2);
}

static void a_clock_that_is_asked_prevails_over_the_same_host(void **state)
{
    struct event_clock clock = asked_clock();
    int64_t base_ns;

    (void)state;
    answer(&clock, 0, 0, 0, 1);
    assert_true(event_clock_use(&clock, true, &base_ns));
    assert_true(base_ns == WALL + AHEAD);
    assert_true(event_clock_state(&clock).source == CLOCK_ASKED);
}

static void one_server_elsewhere_parts_the_clocks(void **state)
{
    struct event_clock clock;
    int64_t base_ns;

    (void)state;
    event_clock_init(&clock, false);
    assert_int_equal(event_clock_set_wall(&clock, WALL), 0);
    assert_true(event_clock_state(&clock).source == CLOCK_UNUSED);
    assert_true(event_clock_use(&clock, true, &base_ns));
    assert_true(base_ns == WALL);
    assert_true(event_clock_state(&clock).source == CLOCK_SAME_HOST);
    assert_true(event_clock_use(&clock, false, &base_ns));
    assert_true(base_ns == WALL);
    assert_true(event_clock_use(&clock, true, &base_ns));
    assert_true(event_clock_state(&clock).source == CLOCK_APART);
}

static void a_wall_clock_that_is_set_is_noticed(void **state)
{
    struct event_clock clock = asked_clock();
    int64_t base_ns;

    (void)state;
    answer(&clock, 0, 0, 0, 1);
    assert_int_equal(event_clock_set_wall(&clock, WALL + 900), 0); /* no two readings are alike */
    assert_int_equal(event_clock_set_wall(&clock, WALL - 2 * MS), -2 * MS - 900);
    assert_int_equal(event_clock_set_wall(&clock, WALL - 2 * MS), 0);
    assert_int_equal(event_clock_state(&clock).step_count, 1);
    /* What was asked stands by the monotonic clock. */
    assert_true(event_clock_use(&clock, false, &base_ns));
    assert_true(base_ns == WALL + AHEAD);
    assert_true(event_clock_state(&clock).offset_ns == AHEAD + 2 * MS);
}

static void answers_are_read_in_every_form(void **state)
{
    static const int64_t at = 1700000000 * S;
    static const struct {
        const char *text;
        int64_t unix_ns; /* 0: is no time */
        uint64_t grain_ns;
    } rows[] = {
        {"1700000000", at, S},
        {"1700000000.5\n", at + S / 2, S / 10},
        {" 1700000000250\r\n", at + S / 4, MS},
        {"\"1700000000250\"", at + S / 4, MS},
        {"2023-11-14T22:13:20Z", at, S},
        {"\"2023-11-14T22:13:20.250+00:00\"", at + S / 4, MS},
        {"{\"unix_ms\":1700000000250.125}", at + S / 4 + 125000, 1000},
        {"{\"status\":200,\"time\" : \"2023-11-14T22:13:20Z\"}", at, S},
        {"{\"1700000001\":{\"seq\":[1,2]},\"now\":1700000000 }", at, S},
        {"{\"a\":\"\\\"1700000001\",\"t\":1700000000}", at, S},
        {"{\"t\":-1700000000,\"u\":1700000000000000}", at, 1000},
        {"{\"t\":1700000000", at, S},
        {"", 0, 0},
        {"{}", 0, 0},
        {"{\"1700000000\":1}", 0, 0},
        {"{\"\\", 0, 0},
        {"\"", 0, 0},
        {"12", 0, 0},
        {"978307200", 0, 0},
        {"1.7e9", 0, 0},
        {"9e18", 0, 0},
        {"9223372036854775807", 0, 0},
        {"\"2097-01-01T00:00:00Z\"", 0, 0},
        {"{\"id\":9223372036854775807,\"now\":1700000000}", at, S},
        {"ok", 0, 0},
        {"<html>1700000000</html>", 0, 0},
        {"[1700000000]", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t unix_ns = 0;
        uint64_t grain_ns = 0;
        bool is_read =
            event_clock_read_answer(rows[i].text, strlen(rows[i].text), &unix_ns, &grain_ns);

        if (is_read != (rows[i].unix_ns != 0) || unix_ns != rows[i].unix_ns ||
            grain_ns != rows[i].grain_ns)
            fail_msg("%s: %lld, steps of %llu", rows[i].text, (long long)unix_ns,
                     (unsigned long long)grain_ns);
    }
}

static void workers_are_put_together_by_the_weakest(void **state)
{
    struct clock_state sum = {0};
    const struct clock_state same = {.source = CLOCK_SAME_HOST, .step_count = 2};
    const struct clock_state near_by = {
        .source = CLOCK_ASKED, .offset_ns = 7, .error_ns = 3, .step_count = 1};
    const struct clock_state far = {.source = CLOCK_ASKED, .offset_ns = 9, .error_ns = 5};
    const struct clock_state apart = {.source = CLOCK_APART};

    (void)state;
    clock_state_merge(&sum, &same);
    assert_true(sum.source == CLOCK_SAME_HOST && sum.step_count == 2);
    clock_state_merge(&sum, &far);
    clock_state_merge(&sum, &near_by);
    assert_true(sum.source == CLOCK_ASKED && sum.offset_ns == 9 && sum.error_ns == 5);
    clock_state_merge(&sum, &apart);
    clock_state_merge(&sum, &same);
    assert_true(sum.source == CLOCK_APART && sum.step_count == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_offset_is_taken_from_the_middle_of_the_trip),
        cmocka_unit_test(a_lopsided_trip_is_wrong_by_no_more_than_the_error),
        cmocka_unit_test(whole_seconds_add_half_a_second_to_the_error),
        cmocka_unit_test(the_quickest_of_the_last_eight_answers_counts),
        cmocka_unit_test(a_clock_that_is_asked_prevails_over_the_same_host),
        cmocka_unit_test(one_server_elsewhere_parts_the_clocks),
        cmocka_unit_test(a_wall_clock_that_is_set_is_noticed),
        cmocka_unit_test(answers_are_read_in_every_form),
        cmocka_unit_test(workers_are_put_together_by_the_weakest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

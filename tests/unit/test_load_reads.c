#include "load/reads.h"

#include "base/clock.h"
#include "stats/set.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS CLOCK_NS_PER_MS

static struct {
    struct reads reads;
    struct stat_set *set;
    uint64_t last_event_ns; /* of the only stream */
    bool was_paused;
} world;

static int begin(void **state)
{
    (void)state;
    world.reads = (struct reads){0};
    world.set = stat_set_new();
    world.last_event_ns = 500 * MS;
    world.was_paused = false;
    return 0;
}

static int end(void **state)
{
    (void)state;
    stat_set_free(world.set);
    return 0;
}

/* A piece of 100 bytes with `count` events, the first sent at `sent_ms`, the next `gap_ms` on. */
static void read_sent(uint64_t at_ms, uint32_t count, int64_t sent_ms, int64_t gap_ms)
{
    struct reads_piece piece = {.stream = &world,
                                .set = world.set,
                                .byte_count = 100,
                                .last_event_ns = world.last_event_ns,
                                .was_paused = world.was_paused};

    reads_begin(&world.reads, &piece, at_ms * MS);
    for (uint32_t i = 0; i < count; i++) {
        reads_event(&world.reads);
        reads_sent(&world.reads, (sent_ms + (int64_t)i * gap_ms) * (int64_t)MS);
        world.last_event_ns = at_ms * MS;
    }
    reads_end(&world.reads, false);
}

static void read_plain(uint64_t at_ms, uint32_t count, bool ends_inside)
{
    struct reads_piece piece = {.stream = &world,
                                .set = world.set,
                                .byte_count = 100,
                                .last_event_ns = world.last_event_ns,
                                .was_paused = world.was_paused};

    reads_begin(&world.reads, &piece, at_ms * MS);
    for (uint32_t i = 0; i < count; i++) {
        reads_event(&world.reads);
        world.last_event_ns = at_ms * MS;
    }
    reads_end(&world.reads, ends_inside);
}

static void read_another(uint64_t at_ms)
{
    struct reads_piece piece = {.stream = &world.set, .set = world.set, .byte_count = 7};

    reads_begin(&world.reads, &piece, at_ms * MS);
    reads_end(&world.reads, false);
}

static uint64_t bursts(const char *tag)
{
    const struct hist *hist = stat_get_trend(world.set, METRIC_SSE_BURST_EVENTS, tag);

    return hist ? hist_count(hist) : 0;
}

static uint64_t greatest(enum metric metric, const char *tag)
{
    const struct hist *hist = stat_get_trend(world.set, metric, tag);

    return hist ? hist_max(hist) / 1000 : 0;
}

static void events_that_come_one_by_one_are_no_burst(void **state)
{
    (void)state;
    for (uint64_t at_ms = 1000; at_ms < 2000; at_ms += 10)
        read_sent(at_ms, 1, (int64_t)at_ms, 0);
    reads_close(&world.reads);
    assert_int_equal(bursts(NULL), 0);
}

static void events_sent_apart_that_come_at_once_were_held_back(void **state)
{
    (void)state;
    read_sent(1500, 6, 1000, 100);
    reads_close(&world.reads);
    assert_int_equal(bursts(NULL), 1);
    assert_int_equal(bursts("sent:apart"), 1);
    assert_int_equal(greatest(METRIC_SSE_BURST_EVENTS, "sent:apart"), 6);
    assert_int_equal(greatest(METRIC_SSE_BURST_SPAN, NULL), 500);
}

static void a_burst_of_the_source_itself_was_not_held_back(void **state)
{
    (void)state;
    read_sent(1500, 20, 1499, 0);
    read_sent(2500, 21, 2480, 1); /* 20 ms apart: the bound */
    reads_close(&world.reads);
    assert_int_equal(bursts(NULL), 2);
    assert_int_equal(bursts("sent:apart"), 0);
    read_sent(3500, 22, 3480, 1); /* one more */
    reads_close(&world.reads);
    assert_int_equal(bursts("sent:apart"), 1);
}

static void a_flow_without_a_pause_takes_as_long_as_its_events_were_sent_apart(void **state)
{
    (void)state;
    for (uint64_t at_ms = 1000; at_ms < 2000; at_ms += 4)
        read_sent(at_ms, 1, (int64_t)at_ms - 300, 0);
    reads_close(&world.reads);
    assert_int_equal(bursts(NULL), 1);
    assert_int_equal(greatest(METRIC_SSE_BURST_EVENTS, NULL), 250);
    assert_int_equal(bursts("sent:apart"), 0);
}

static void a_pause_or_another_stream_ends_a_burst(void **state)
{
    (void)state;
    read_plain(1000, 2, false);
    read_plain(1004, 2, false);
    read_plain(1009, 2, false); /* 5 ms */
    read_another(1010);
    read_plain(1011, 2, false);
    reads_close(&world.reads);
    assert_int_equal(bursts(NULL), 3);
    assert_int_equal(greatest(METRIC_SSE_BURST_EVENTS, NULL), 4);
}

static void a_buffer_that_is_full_cuts_an_event(void **state)
{
    (void)state;
    read_plain(1000, 5, false);
    read_plain(1001, 15, true);
    read_plain(1300, 20, false); /* whole */
    reads_close(&world.reads);
    assert_int_equal(bursts(NULL), 2);
    assert_int_equal(bursts("end:inside"), 1);
    assert_int_equal(greatest(METRIC_SSE_BURST_EVENTS, "end:inside"), 20);
    assert_int_equal(greatest(METRIC_SSE_BURST_BYTES, NULL), 200);
}

static void what_comes_first_may_be_a_replay(void **state)
{
    (void)state;
    world.last_event_ns = 0;
    read_plain(1000, 20, true);
    reads_close(&world.reads);
    assert_int_equal(bursts(NULL), 1);
    assert_int_equal(bursts("end:inside"), 0);
}

static void a_part_of_a_flow_that_another_stream_cut_says_nothing_of_buffers(void **state)
{
    (void)state;
    world.last_event_ns = 999 * MS;
    read_plain(1000, 20, true);
    reads_close(&world.reads);
    assert_int_equal(bursts("end:inside"), 0);
}

static void what_waited_for_its_reader_was_not_held_back_by_others(void **state)
{
    (void)state;
    world.was_paused = true;
    read_sent(1500, 6, 1000, 100);
    world.was_paused = false;
    read_sent(1501, 6, 1300, 100); /* the rest of what waited */
    reads_close(&world.reads);
    assert_int_equal(bursts(NULL), 0);
    read_sent(2500, 6, 2000, 100);
    reads_close(&world.reads);
    assert_int_equal(bursts("sent:apart"), 1);
}

static void a_stamp_of_the_kernel_may_lie_before_the_read_before_it(void **state)
{
    (void)state;
    read_sent(1001, 1, 1000, 0);
    read_sent(1000, 1, 1000, 0);
    reads_close(&world.reads);
    assert_int_equal(bursts(NULL), 1);
    assert_int_equal(bursts("sent:apart"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(events_that_come_one_by_one_are_no_burst, begin, end),
        cmocka_unit_test_setup_teardown(events_sent_apart_that_come_at_once_were_held_back, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_burst_of_the_source_itself_was_not_held_back, begin, end),
        cmocka_unit_test_setup_teardown(
            a_flow_without_a_pause_takes_as_long_as_its_events_were_sent_apart, begin, end),
        cmocka_unit_test_setup_teardown(a_pause_or_another_stream_ends_a_burst, begin, end),
        cmocka_unit_test_setup_teardown(a_buffer_that_is_full_cuts_an_event, begin, end),
        cmocka_unit_test_setup_teardown(what_comes_first_may_be_a_replay, begin, end),
        cmocka_unit_test_setup_teardown(
            a_part_of_a_flow_that_another_stream_cut_says_nothing_of_buffers, begin, end),
        cmocka_unit_test_setup_teardown(what_waited_for_its_reader_was_not_held_back_by_others,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_stamp_of_the_kernel_may_lie_before_the_read_before_it,
                                        begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "audit_probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct probe probe;

/* --- dense numbers, on one connection --- */

static void a_whole_sequence_has_no_findings(void **state)
{
    static const char *const formats[] = {"#", "order-#", "feed:#", "a-b:c-#", "42-#"};

    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        probe_init(&probe, ORDER_UNKNOWN);
        probe_numbers(&probe, formats[i], 1, 5000);
        assert_int_equal(probe.order.kind, ORDER_DENSE);
        assert_string_equal(probe_end(&probe), "-");
        assert_true(probe.tally.received == 5000);
    }
}

static void gaps_are_missed_when_the_window_has_passed_them(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 10);
    probe_numbers(&probe, "#", 13, 12 + WINDOW_SPAN - 2);
    assert_string_equal(probe_findings(&probe), "-");
    probe_numbers(&probe, "#", 12 + WINDOW_SPAN - 1, 12 + WINDOW_SPAN);
    assert_string_equal(probe_findings(&probe), "missed 2+0");
    assert_string_equal(probe_end(&probe), "missed 2+0");
}

static void gaps_near_the_end_are_missed_at_the_end(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 10);
    probe_numbers(&probe, "#", 13, 14);
    assert_string_equal(probe_end(&probe), "missed 2+0");
}

static void a_late_event_is_reordered_and_not_missed(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 10);
    probe_numbers(&probe, "#", 12, 12);
    probe_id(&probe, "11");
    probe_numbers(&probe, "#", 13, 100);
    assert_string_equal(probe_end(&probe), "reordered 1+0");
}

static void repeated_events_are_duplicates(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 200);
    probe_id(&probe, "200");
    probe_id(&probe, "150");
    probe_numbers(&probe, "#", 201, 300);
    assert_string_equal(probe_end(&probe), "duplicates 2+0");
}

static void one_old_event_is_a_duplicate_or_came_late(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 200);
    probe_id(&probe, "7");
    probe_numbers(&probe, "#", 201, 300);
    assert_string_equal(probe_end(&probe), "duplicates 1+0");

    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 10, 200);
    probe_id(&probe, "7"); /* from before its first */
    probe_id(&probe, "201");
    assert_string_equal(probe_end(&probe), "reordered 1+0");
}

static void a_counter_that_begins_anew_is_a_reset(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 500);
    probe_numbers(&probe, "#", 1, 300);
    probe_numbers(&probe, "#", 302, 600);
    assert_string_equal(probe_end(&probe), "missed 1+0 resets 1");
}

static void a_jump_far_ahead_is_a_reset(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 100);
    probe_numbers(&probe, "#", 5000000, 5000100);
    assert_string_equal(probe_end(&probe), "resets 1");
}

static void another_prefix_is_another_sequence(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "a-#", 1, 100);
    probe_numbers(&probe, "b-#", 1, 100);
    assert_string_equal(probe_end(&probe), "resets 1");

    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "1-#", 1, 100);
    probe_numbers(&probe, "2-#", 1, 100);
    assert_string_equal(probe_end(&probe), "resets 1");
}

static void partitions_do_not_begin_anew(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "0-#", 50, 60);
    probe_numbers(&probe, "1-#", 7, 9);
    probe_numbers(&probe, "0-#", 61, 70);
    probe_numbers(&probe, "1-#", 10, 12);
    assert_string_equal(probe_end(&probe), "-");
}

static void texts_among_numbers_are_not_judged(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DECLARED);
    probe_numbers(&probe, "#", 1, 10);
    assert_false(audit_add(&probe.audit, &probe.sink,
                           &(struct audit_id){.text = (const uint8_t *)"hello", .len = 5}));
    probe_numbers(&probe, "#", 11, 20);
    assert_true(probe.tally.received == 20);
    assert_string_equal(probe_end(&probe), "-");
}

/* An id as `probe_id` takes it, of an event that says something else than those before. */
static void other_event(const char *id)
{
    probe.content++;
    probe_id(&probe, id);
}

static void several_events_of_one_number_are_no_duplicates(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_UNKNOWN);
    for (int i = 0; i < 50; i++)
        other_event("1");
    assert_string_equal(probe_end(&probe), "-");

    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 10);
    other_event("10");
    probe_id(&probe, "10"); /* the same as before */
    other_event("11");
    other_event("11");
    assert_string_equal(probe_end(&probe), "duplicates 1+0");
}

static void a_number_that_the_data_holds_stands_for_itself(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DECLARED);
    other_event("1");
    other_event("1");
    assert_string_equal(probe_end(&probe), "duplicates 1+0");
}

static void move(const char *id)
{
    audit_move(&probe.audit, &probe.sink, (const uint8_t *)id, strlen(id));
}

static void what_an_id_without_an_event_passes_is_not_missed(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    move("3"); /* before any event it says nothing */
    probe_numbers(&probe, "#", 1, 10);
    probe_id(&probe, "12");
    move("20");
    move("20"); /* where the stream is anyway */
    move("7");
    probe_numbers(&probe, "#", 21, 30);
    move("no number");
    probe_numbers(&probe, "#", 32, 40);
    assert_string_equal(probe_end(&probe), "missed 2+0");
}

static void an_id_without_an_event_ends_what_a_resume_has_to_bring(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 10);
    probe_reconnect(&probe, true);
    move("50");
    probe_numbers(&probe, "#", 51, 60);
    assert_string_equal(probe_end(&probe), "-");
}

/* --- over reconnects --- */

static void a_resume_without_loss_is_only_counted(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 100);
    probe_reconnect(&probe, true);
    probe_numbers(&probe, "#", 101, 200);
    assert_string_equal(probe_end(&probe), "resumes 1");
}

static void what_a_resume_does_not_bring_is_missed_there(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 98);
    probe_id(&probe, "100");
    probe_reconnect(&probe, true);
    probe_numbers(&probe, "#", 104, 110);
    probe_numbers(&probe, "#", 112, 300);
    assert_string_equal(probe_end(&probe), "missed 2+3 resumes 1");

    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 100);
    probe_reconnect(&probe, true);
    probe_id(&probe, "1101"); /* wider than the window */
    assert_string_equal(probe_findings(&probe), "missed 0+937 resumes 1");
    assert_string_equal(probe_end(&probe), "missed 0+1000 resumes 1");
}

static void two_resumes_close_to_each_other_keep_their_losses(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 100);
    probe_reconnect(&probe, true);
    probe_numbers(&probe, "#", 103, 104);
    probe_reconnect(&probe, true);
    probe_numbers(&probe, "#", 106, 107);
    probe_id(&probe, "109");
    assert_string_equal(probe_end(&probe), "missed 1+3 resumes 2");
}

static void a_stream_without_last_event_id_begins_anew(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 98);
    probe_id(&probe, "100");
    probe_reconnect(&probe, false);
    probe_numbers(&probe, "#", 200, 300);
    probe_reconnect(&probe, false);
    probe_numbers(&probe, "#", 250, 350);
    assert_string_equal(probe_end(&probe), "missed 1+0");
}

static void one_repeat_at_every_resume_is_an_inclusive_replay(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 100);
    probe_reconnect(&probe, true);
    probe_numbers(&probe, "#", 100, 200);
    probe_reconnect(&probe, true);
    probe_id(&probe, "200"); /* and the connection is cut before a new one came */
    probe_reconnect(&probe, true);
    probe_numbers(&probe, "#", 200, 205);
    probe_reconnect(&probe, true);
    probe_id(&probe, "205");
    assert_string_equal(probe_end(&probe), "duplicates 0+4 resumes 4 inclusive 4");
}

static void other_repeats_at_a_resume_are_no_inclusive_replay(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 100);
    probe_reconnect(&probe, true);
    probe_numbers(&probe, "#", 99, 200);
    probe_reconnect(&probe, true);
    probe_id(&probe, "199");
    probe_numbers(&probe, "#", 201, 210);
    assert_string_equal(probe_end(&probe), "duplicates 0+3 resumes 2");
}

static void a_full_replay_is_duplicates(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 1000);
    probe_reconnect(&probe, true);
    probe_numbers(&probe, "#", 1, 1100);
    assert_string_equal(probe_end(&probe), "duplicates 0+1000 resumes 1");

    /* Cut on its way, it goes on from the Last-Event-ID it had come to. */
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 1000);
    probe_reconnect(&probe, true);
    probe_numbers(&probe, "#", 1, 500);
    probe_reconnect(&probe, true);
    probe_numbers(&probe, "#", 501, 1001);
    assert_string_equal(probe_end(&probe), "duplicates 0+1000 resumes 1");

    /* Nothing new behind it. */
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 1000);
    probe_reconnect(&probe, true);
    probe_numbers(&probe, "#", 1, 1000);
    assert_string_equal(probe_end(&probe), "duplicates 0+1000");
}

static void a_replay_that_fills_gaps_is_reordered_there(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 97);
    probe_numbers(&probe, "#", 99, 100);
    probe_reconnect(&probe, true);
    probe_numbers(&probe, "#", 98, 110);
    assert_string_equal(probe_end(&probe), "duplicates 0+2 reordered 0+1 resumes 1");
}

/* Events of before the stream was opened cannot have come too late on it. */
static void a_replay_from_the_beginning_is_not_reordered(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 10, 30);
    probe_reconnect(&probe, true);
    probe_numbers(&probe, "#", 1, 40);
    assert_string_equal(probe_end(&probe), "duplicates 0+30 resumes 1");
}

static void another_event_with_the_last_number_is_no_replay(void **state)
{
    static const enum order_kind kinds[] = {ORDER_DENSE, ORDER_DECLARED};
    static const char *const wanted[] = {"resets 1", "duplicates 0+30 resumes 1"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        probe_init(&probe, kinds[i]);
        probe.content = 1;
        probe_numbers(&probe, "#", 10, 30);
        probe_reconnect(&probe, true);
        probe.content = 2;
        probe_numbers(&probe, "#", 1, 40);
        assert_string_equal(probe_end(&probe), wanted[i]);
    }
    probe_init(&probe, ORDER_DENSE); /* the same event */
    probe.content = 1;
    probe_numbers(&probe, "#", 10, 30);
    probe_reconnect(&probe, true);
    probe_numbers(&probe, "#", 1, 40);
    assert_string_equal(probe_end(&probe), "duplicates 0+30 resumes 1");
    probe_init(&probe, ORDER_DENSE); /* that number alone: no repeat, and the stream goes on */
    probe.content = 1;
    probe_numbers(&probe, "#", 10, 30);
    probe_reconnect(&probe, true);
    probe.content = 2;
    probe_id(&probe, "30");
    probe_numbers(&probe, "#", 33, 40);
    assert_string_equal(probe_end(&probe), "missed 0+2 resumes 1");
    probe_init(&probe, ORDER_DENSE); /* an id without an event: nothing to compare with */
    probe.content = 1;
    probe_numbers(&probe, "#", 10, 29);
    audit_move(&probe.audit, &probe.sink, (const uint8_t *)"30", 2);
    probe_reconnect(&probe, true);
    probe.content = 2;
    probe_numbers(&probe, "#", 28, 40);
    assert_string_equal(probe_end(&probe), "duplicates 0+3 resumes 1");
}

static void a_service_that_was_restarted_counts_anew(void **state)
{
    (void)state;
    /* The run ends before the old number is reached. */
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 1000);
    probe_reconnect(&probe, true);
    probe_numbers(&probe, "#", 1, 500);
    assert_string_equal(probe_end(&probe), "resets 1");

    /* The connection is too old for a replay. */
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 1000);
    probe_reconnect(&probe, true);
    probe_numbers(&probe, "#", 1, 5);
    probe.is_settled = true;
    probe_numbers(&probe, "#", 6, 700);
    probe_numbers(&probe, "#", 702, 1500);
    assert_string_equal(probe_end(&probe), "missed 1+0 resets 1");

    /* The same with few numbers before. */
    probe_init(&probe, ORDER_DENSE);
    probe_numbers(&probe, "#", 1, 9);
    probe_reconnect(&probe, true);
    probe_numbers(&probe, "#", 1, 3);
    probe.is_settled = true;
    probe_numbers(&probe, "#", 4, 100);
    assert_string_equal(probe_end(&probe), "resets 1");
}

/* --- sparse values --- */

static void sparse_ids_are_judged_by_order_and_repeats(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_SPARSE);
    probe_id(&probe, "1700000000000-0");
    probe_id(&probe, "1700000000000-1");
    probe_id(&probe, "1700000000500-0");
    probe_id(&probe, "1700000000200-3"); /* late */
    probe_id(&probe, "1700000000200-3"); /* again */
    probe_id(&probe, "1700000000500-0");
    probe_id(&probe, "1700000000900-7");
    assert_string_equal(probe_end(&probe), "duplicates 2+0 reordered 1+0");
}

static void times_are_judged_by_order_before_it_is_known(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_UNKNOWN);
    probe_numbers(&probe, "17000000000#-0", 10, 13);
    probe_id(&probe, "1700000000015-0");
    probe_id(&probe, "1700000000014-0"); /* late */
    probe_id(&probe, "1700000000016-0");
    probe_id(&probe, "1700000000016-0"); /* again */
    probe_numbers(&probe, "17000000000#-0", 17, 90);
    assert_int_equal(probe.order.kind, ORDER_SPARSE);
    assert_int_equal(probe.tally.reordered[AUDIT_STREAM], 1);
    assert_int_equal(probe.tally.duplicates[AUDIT_STREAM], 1);
}

static void repeats_among_the_first_times_are_duplicates(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_UNKNOWN);
    probe_id(&probe, "1700000000000-0");
    probe_id(&probe, "1700000000007-0");
    probe_id(&probe, "1700000000000-0");
    probe_id(&probe, "1700000000003-0");
    probe_reconnect(&probe, true);
    probe_id(&probe, "1700000000007-0");
    probe_id(&probe, "1700000000009-0");
    assert_string_equal(probe_end(&probe), "duplicates 1+1 reordered 1+0 resumes 1 inclusive 1");
}

static void sparse_ids_that_a_resume_repeats_are_duplicates_there(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_SPARSE);
    for (uint64_t number = 100; number < 3000; number += 100)
        probe_numbers(&probe, "#", number, number);
    probe_reconnect(&probe, true);
    for (uint64_t number = 100; number < 3100; number += 100)
        probe_numbers(&probe, "#", number, number);
    probe_reconnect(&probe, true);
    probe_id(&probe, "3000");
    probe_id(&probe, "3400");
    assert_string_equal(probe_end(&probe), "duplicates 0+30 resumes 2 inclusive 1");
}

/* --- ids without order --- */

static void ids_without_order_are_judged_by_repeats(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_NONE);
    probe_id(&probe, "9f3a");
    probe_id(&probe, "11bc");
    probe_id(&probe, "9f3a");
    probe_id(&probe, "17");
    probe_id(&probe, "3");
    probe_reconnect(&probe, true);
    probe_id(&probe, "3");
    probe_id(&probe, "abc");
    assert_string_equal(probe_end(&probe), "duplicates 1+1 resumes 1 inclusive 1");
}

static void repeats_beyond_the_last_eight_are_not_seen(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_NONE);
    probe_numbers(&probe, "#x", 1, 9);
    probe_id(&probe, "2x");
    probe_id(&probe, "1x");
    assert_string_equal(probe_end(&probe), "duplicates 1+0");
}

static void several_events_of_one_time_are_no_duplicates(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_SPARSE);
    other_event("1700000000123");
    other_event("1700000000123");
    other_event("1700000000123");
    probe_id(&probe, "1700000000123"); /* again */
    other_event("1700000000200");
    assert_string_equal(probe_end(&probe), "duplicates 1+0");
}

static void several_events_of_one_thing_are_no_duplicates(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_NONE);
    for (int i = 0; i < 20; i++)
        other_event(i % 2 ? "a" : "b");
    probe_id(&probe, "a"); /* again */
    assert_string_equal(probe_end(&probe), "duplicates 1+0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_sequence_has_no_findings),
        cmocka_unit_test(gaps_are_missed_when_the_window_has_passed_them),
        cmocka_unit_test(gaps_near_the_end_are_missed_at_the_end),
        cmocka_unit_test(a_late_event_is_reordered_and_not_missed),
        cmocka_unit_test(repeated_events_are_duplicates),
        cmocka_unit_test(one_old_event_is_a_duplicate_or_came_late),
        cmocka_unit_test(a_counter_that_begins_anew_is_a_reset),
        cmocka_unit_test(a_jump_far_ahead_is_a_reset),
        cmocka_unit_test(another_prefix_is_another_sequence),
        cmocka_unit_test(partitions_do_not_begin_anew),
        cmocka_unit_test(texts_among_numbers_are_not_judged),
        cmocka_unit_test(several_events_of_one_number_are_no_duplicates),
        cmocka_unit_test(a_number_that_the_data_holds_stands_for_itself),
        cmocka_unit_test(what_an_id_without_an_event_passes_is_not_missed),
        cmocka_unit_test(an_id_without_an_event_ends_what_a_resume_has_to_bring),
        cmocka_unit_test(a_resume_without_loss_is_only_counted),
        cmocka_unit_test(what_a_resume_does_not_bring_is_missed_there),
        cmocka_unit_test(two_resumes_close_to_each_other_keep_their_losses),
        cmocka_unit_test(a_stream_without_last_event_id_begins_anew),
        cmocka_unit_test(one_repeat_at_every_resume_is_an_inclusive_replay),
        cmocka_unit_test(other_repeats_at_a_resume_are_no_inclusive_replay),
        cmocka_unit_test(a_full_replay_is_duplicates),
        cmocka_unit_test(a_replay_that_fills_gaps_is_reordered_there),
        cmocka_unit_test(a_replay_from_the_beginning_is_not_reordered),
        cmocka_unit_test(another_event_with_the_last_number_is_no_replay),
        cmocka_unit_test(a_service_that_was_restarted_counts_anew),
        cmocka_unit_test(sparse_ids_are_judged_by_order_and_repeats),
        cmocka_unit_test(times_are_judged_by_order_before_it_is_known),
        cmocka_unit_test(repeats_among_the_first_times_are_duplicates),
        cmocka_unit_test(sparse_ids_that_a_resume_repeats_are_duplicates_there),
        cmocka_unit_test(ids_without_order_are_judged_by_repeats),
        cmocka_unit_test(repeats_beyond_the_last_eight_are_not_seen),
        cmocka_unit_test(several_events_of_one_time_are_no_duplicates),
        cmocka_unit_test(several_events_of_one_thing_are_no_duplicates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

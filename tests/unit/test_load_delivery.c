/*
 * Streams of one endpoint through load/delivery, and the metrics that come of them.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "load/delivery.h"
#include "load/plan.h"
#include "load/sequence.h"
#include "sse/window.h"
#include "stats/set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct plan_checks checks;
static struct delivery *delivery;
static struct delivery_place *place;
static struct stat_set *set;
static uint64_t now_ns;

static void open_all(const char *event_seq, bool keeps_tallies)
{
    checks = (struct plan_checks){.event_seq = event_seq ? x_strdup(event_seq) : NULL};
    set = stat_set_new();
    delivery = delivery_new(&checks, keeps_tallies);
    place = delivery_place_of(delivery, &(struct delivery_endpoint){
                                            .index = 3, .method = "GET", .name = "/a", .set = set});
    now_ns = 1000 * CLOCK_NS_PER_S;
}

static void close_all(void)
{
    delivery_free(delivery);
    stat_set_free(set);
    free(checks.event_seq);
}

static void connect(struct delivery_stream **stream, bool is_resumed)
{
    delivery_open(place, stream, &(struct delivery_opening){.is_resumed = is_resumed}, now_ns);
    assert_non_null(*stream);
}

/* `id` NULL: none. */
static void receive(struct delivery_stream **stream, const char *id, const char *data)
{
    struct sse_event event = {
        .data = (const uint8_t *)data,
        .data_bytes = strlen(data),
        .id = (const uint8_t *)(id ? id : "9"),
        .id_bytes = strlen(id ? id : "9"), /* the last event ID stays, whatever a block has */
        .has_id = id != NULL,
    };

    delivery_event(place, stream, &event, now_ns);
}

static void receive_numbers(struct delivery_stream **stream, int from, int to)
{
    char id[32];

    for (int number = from; number <= to; number++) {
        (void)snprintf(id, sizeof id, "%d", number);
        receive(stream, id, "x");
    }
}

static void receive_data(struct delivery_stream **stream, int from, int to)
{
    char data[64];

    for (int number = from; number <= to; number++) {
        (void)snprintf(data, sizeof data, "{\"a\":{\"seq\":%d}}", number);
        receive(stream, NULL, data);
    }
}

static uint64_t count(enum metric metric, const char *tag)
{
    return stat_get_count(set, metric, tag);
}

static void check_loss(uint64_t missed, uint64_t received)
{
    uint64_t passes, fails;

    stat_get_rate(set, METRIC_SSE_LOSS, NULL, &passes, &fails);
    assert_int_equal(passes, missed);
    assert_int_equal(fails, received);
}

static void losses_of_dense_ids_become_metrics(void **state)
{
    struct delivery_stream *stream = NULL;

    (void)state;
    open_all(NULL, false);
    connect(&stream, false);
    receive_numbers(&stream, 1, 10);
    receive_numbers(&stream, 12, 100);
    receive_numbers(&stream, 99, 100);
    (void)delivery_interrupt(stream, 1);
    connect(&stream, true);
    receive_numbers(&stream, 104, 110);
    delivery_end(place, &stream);
    assert_null(stream);
    delivery_flush(delivery, true);
    assert_int_equal(count(METRIC_SSE_SEQUENCED, "order:dense"), 108);
    assert_int_equal(count(METRIC_SSE_MISSED, NULL), 4);
    assert_int_equal(count(METRIC_SSE_MISSED, "where:stream"), 1);
    assert_int_equal(count(METRIC_SSE_MISSED, "where:resume"), 3);
    assert_int_equal(count(METRIC_SSE_DUPLICATES, NULL), 2);
    assert_int_equal(count(METRIC_SSE_DUPLICATES, "where:resume"), 0);
    assert_int_equal(count(METRIC_SSE_RESUMES, NULL), 1);
    check_loss(4, 106);
    close_all();
}

static void nothing_is_said_before_the_order_is_known(void **state)
{
    struct delivery_stream *stream = NULL;

    (void)state;
    open_all(NULL, false);
    connect(&stream, false);
    receive_numbers(&stream, 1, 5);
    receive_numbers(&stream, 1005, 1014);
    delivery_flush(delivery, false);
    assert_int_equal(count(METRIC_SSE_SEQUENCED, NULL), 0);
    assert_int_equal(count(METRIC_SSE_MISSED, NULL), 0);
    receive_numbers(&stream, 1015, 1100);
    delivery_flush(delivery, false); /* what was held back comes too */
    assert_int_equal(count(METRIC_SSE_SEQUENCED, "order:dense"), 101);
    assert_int_equal(count(METRIC_SSE_MISSED, NULL), 999);
    delivery_end(place, &stream);
    close_all();
}

/* Streams too short to prove anything by themselves: what they missed waits for the end. */
static void gaps_of_many_short_streams_are_all_counted(void **state)
{
    enum { STREAM_COUNT = 2 * SEQUENCE_HELD_LIMIT + 20, EVENT_COUNT = 20 };

    (void)state;
    open_all(NULL, false);
    for (int i = 0; i < STREAM_COUNT; i++) {
        struct delivery_stream *stream = NULL;
        int lost = i % 2 ? EVENT_COUNT / 2 : 0;

        connect(&stream, false);
        receive_numbers(&stream, 1, lost > 0 ? lost - 1 : EVENT_COUNT);
        if (lost > 0)
            receive_numbers(&stream, lost + 1, EVENT_COUNT);
        delivery_end(place, &stream);
    }
    delivery_flush(delivery, true);
    assert_int_equal(count(METRIC_SSE_MISSED, NULL), STREAM_COUNT / 2);
    close_all();
}

static void what_a_sparse_order_does_not_prove_is_dropped(void **state)
{
    struct delivery_stream *first = NULL, *second = NULL;

    (void)state;
    open_all(NULL, false);
    connect(&first, false);
    connect(&second, false);
    for (int number = 10; number < 1000; number += 10)
        receive_numbers(&first, number, number);
    for (int number = 10; number < 100; number += 10)
        receive_numbers(&second, number, number);
    delivery_end(place, &first);
    delivery_end(place, &second);
    delivery_flush(delivery, true);
    assert_int_equal(count(METRIC_SSE_SEQUENCED, "order:sparse"), 99 + 9);
    assert_int_equal(count(METRIC_SSE_MISSED, NULL), 0);
    assert_int_equal(count(METRIC_SSE_SEQUENCE_RESETS, NULL), 0);
    check_loss(0, 0);
    close_all();
}

/* It has gaps when the order is found on another one. */
static void a_stream_left_behind_by_a_sparse_order_misses_nothing(void **state)
{
    struct delivery_stream *first = NULL, *second = NULL;

    (void)state;
    open_all(NULL, false);
    connect(&first, false);
    connect(&second, false);
    receive_numbers(&second, 1, 3);
    receive_numbers(&second, 500, 502);
    for (int number = 10; number < 1000; number += 10)
        receive_numbers(&first, number, number);
    delivery_end(place, &second);
    delivery_end(place, &first);
    delivery_flush(delivery, true);
    assert_int_equal(count(METRIC_SSE_SEQUENCED, "order:sparse"), 99 + 6);
    assert_int_equal(count(METRIC_SSE_MISSED, NULL), 0);
    close_all();
}

static void numbers_in_data_are_taken_as_dense(void **state)
{
    struct delivery_stream *stream = NULL;

    (void)state;
    open_all("/a/seq", false);
    connect(&stream, false);
    receive_data(&stream, 1, 3);
    receive_data(&stream, 5, 5);
    receive(&stream, "6", "{\"a\":{}}");
    receive(&stream, "7", "{\"a\":{\"seq\":1.5}}");
    receive(&stream, "8", "{\"a\":{\"seq\":null}}");
    receive(&stream, "9", "");
    receive(&stream, NULL, "{\"a\":{\"seq\":\"6\"}}");
    delivery_end(place, &stream);
    delivery_flush(delivery, true);
    assert_int_equal(count(METRIC_SSE_SEQUENCED, "order:declared"), 5);
    assert_int_equal(count(METRIC_SSE_MISSED, NULL), 1);
    assert_int_equal(count(METRIC_SSE_UNNUMBERED, NULL), 4);
    check_loss(1, 5);
    close_all();
}

static void blocks_without_an_id_are_not_judged(void **state)
{
    struct delivery_stream *stream = NULL;

    (void)state;
    open_all("id", false);
    connect(&stream, false);
    for (int i = 0; i < 50; i++)
        receive(&stream, NULL, "x");
    receive(&stream, "", "x"); /* takes the last event ID back */
    delivery_end(place, &stream);
    delivery_flush(delivery, true);
    assert_int_equal(count(METRIC_SSE_SEQUENCED, NULL), 0);
    assert_int_equal(count(METRIC_SSE_UNNUMBERED, NULL), 0);
    assert_int_equal(count(METRIC_SSE_DUPLICATES, NULL), 0);
    close_all();
}

static void none_turns_the_audit_off(void **state)
{
    struct delivery_stream *stream = NULL;
    struct delivery_view view;

    (void)state;
    open_all("none", true);
    connect(&stream, false);
    receive_numbers(&stream, 1, 50);
    receive_numbers(&stream, 60, 90);
    assert_false(delivery_look(place, stream, &view));
    delivery_end(place, &stream);
    delivery_flush(delivery, true);
    assert_int_equal(count(METRIC_SSE_SEQUENCED, NULL), 0);
    assert_int_equal(count(METRIC_SSE_MISSED, NULL), 0);
    close_all();
}

static void old_connections_replay_nothing(void **state)
{
    struct delivery_stream *stream = NULL;

    (void)state;
    open_all(NULL, false);
    connect(&stream, false);
    receive_numbers(&stream, 1, 500);
    (void)delivery_interrupt(stream, 1);
    connect(&stream, true);
    now_ns += 60 * CLOCK_NS_PER_S;
    receive_numbers(&stream, 1, 600); /* the service was restarted */
    delivery_end(place, &stream);
    delivery_flush(delivery, true);
    assert_int_equal(count(METRIC_SSE_SEQUENCE_RESETS, NULL), 1);
    assert_int_equal(count(METRIC_SSE_DUPLICATES, NULL), 0);
    close_all();
}

/* The kernel's stamp of bytes that were read together with the headers is older than these. */
static void a_replay_behind_the_headers_is_one(void **state)
{
    struct delivery_stream *stream = NULL;

    (void)state;
    open_all(NULL, false);
    connect(&stream, false);
    receive_numbers(&stream, 1, 100);
    (void)delivery_interrupt(stream, 1);
    connect(&stream, true);
    now_ns -= CLOCK_NS_PER_MS;
    receive_numbers(&stream, 1, 110);
    delivery_end(place, &stream);
    delivery_flush(delivery, true);
    assert_int_equal(count(METRIC_SSE_SEQUENCE_RESETS, NULL), 0);
    assert_int_equal(count(METRIC_SSE_DUPLICATES, "where:resume"), 100);
    close_all();
}

static void move(struct delivery_stream **stream, const char *id)
{
    delivery_move(place, stream, (const uint8_t *)id, strlen(id));
}

static void nothing_is_missed_where_the_id_moves_on(void **state)
{
    struct delivery_stream *stream = NULL;

    (void)state;
    open_all(NULL, true);
    connect(&stream, false);
    receive_numbers(&stream, 1, 100);
    move(&stream, "200");
    receive_numbers(&stream, 201, 300);
    receive(&stream, "", "x"); /* no id any more */
    receive_numbers(&stream, 400, 500);
    move(&stream, "");
    receive_numbers(&stream, 600, 700);
    delivery_end(place, &stream);
    delivery_flush(delivery, true);
    assert_int_equal(count(METRIC_SSE_SEQUENCED, "order:dense"), 402);
    assert_int_equal(count(METRIC_SSE_MISSED, NULL), 0);
    assert_int_equal(count(METRIC_SSE_SKIPPED, NULL), 0);
    close_all();
}

/* Numbers of things that events are about: each comes again and again. */
static void numbers_without_order_repeat_nothing(void **state)
{
    static const char *const ids[] = {"3", "1", "4", "2", "5"};
    struct delivery_stream *stream = NULL;
    char data[32];

    (void)state;
    open_all(NULL, false);
    connect(&stream, false);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(data, sizeof data, "%d", i);
        receive(&stream, ids[i % 5], data);
    }
    delivery_end(place, &stream);
    delivery_flush(delivery, true);
    assert_int_equal(count(METRIC_SSE_SEQUENCED, NULL), 100);
    assert_int_equal(count(METRIC_SSE_DUPLICATES, NULL), 0);
    close_all();
}

/* Too few events came in it to say that their ids are dense; those behind it prove it. */
static void a_warm_up_leaves_nothing_behind(void **state)
{
    struct delivery_stream *stream = NULL;

    (void)state;
    open_all(NULL, false);
    connect(&stream, false);
    receive_numbers(&stream, 1, 5);
    receive_numbers(&stream, 1005, 1014);
    receive_numbers(&stream, 1012, 1013);
    delivery_flush(delivery, false);
    delivery_forget(delivery);
    receive_numbers(&stream, 1015, 1100);
    delivery_end(place, &stream);
    delivery_flush(delivery, true);
    assert_int_equal(count(METRIC_SSE_SEQUENCED, "order:dense"), 86);
    assert_int_equal(count(METRIC_SSE_DUPLICATES, NULL), 0);
    /* Of 999 those that could still have come late. */
    assert_true(count(METRIC_SSE_MISSED, NULL) < WINDOW_SPAN);
    close_all();
}

/* A replay is found to be one after the tick in which most of it came. */
static void loss_is_a_share_of_different_events(void **state)
{
    struct delivery_stream *stream = NULL;

    (void)state;
    open_all(NULL, false);
    connect(&stream, false);
    receive_numbers(&stream, 1, 500);
    connect(&stream, true);
    delivery_flush(delivery, false);
    receive_numbers(&stream, 1, 499);
    delivery_flush(delivery, false);
    receive_numbers(&stream, 500, 510);
    delivery_flush(delivery, false);
    receive_numbers(&stream, 511, 1600);
    delivery_end(place, &stream);
    delivery_flush(delivery, true);
    assert_int_equal(count(METRIC_SSE_DUPLICATES, "where:resume"), 500);
    check_loss(0, 1600);
    close_all();
}

static void a_stream_can_be_asked(void **state)
{
    struct delivery_stream *first = NULL, *second = NULL;
    struct delivery_view view;

    (void)state;
    open_all(NULL, true);
    assert_false(delivery_look(place, NULL, &view));
    connect(&first, false);
    connect(&second, false);
    receive_numbers(&first, 1, 30);
    receive_numbers(&second, 1, 28);
    receive_numbers(&second, 31, 32);
    receive_numbers(&second, 32, 32);
    delivery_flush(delivery, false);
    receive_numbers(&second, 29, 29);
    assert_true(delivery_look(place, second, &view));
    assert_int_equal(view.order, ORDER_DENSE);
    assert_int_equal(view.tally.received, 32);
    assert_int_equal(view.tally.missed[AUDIT_STREAM], 1); /* if it ended now */
    assert_int_equal(view.tally.duplicates[AUDIT_STREAM], 1);
    assert_int_equal(view.tally.reordered[AUDIT_STREAM], 1);
    assert_true(delivery_look(place, first, &view));
    assert_int_equal(view.tally.received, 30);
    assert_int_equal(view.tally.missed[AUDIT_STREAM] + view.tally.duplicates[AUDIT_STREAM], 0);
    delivery_end(place, &first);
    delivery_end(place, &second);
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_of_dense_ids_become_metrics),
        cmocka_unit_test(nothing_is_said_before_the_order_is_known),
        cmocka_unit_test(gaps_of_many_short_streams_are_all_counted),
        cmocka_unit_test(what_a_sparse_order_does_not_prove_is_dropped),
        cmocka_unit_test(a_stream_left_behind_by_a_sparse_order_misses_nothing),
        cmocka_unit_test(numbers_in_data_are_taken_as_dense),
        cmocka_unit_test(blocks_without_an_id_are_not_judged),
        cmocka_unit_test(none_turns_the_audit_off),
        cmocka_unit_test(old_connections_replay_nothing),
        cmocka_unit_test(a_replay_behind_the_headers_is_one),
        cmocka_unit_test(nothing_is_missed_where_the_id_moves_on),
        cmocka_unit_test(numbers_without_order_repeat_nothing),
        cmocka_unit_test(a_warm_up_leaves_nothing_behind),
        cmocka_unit_test(loss_is_a_share_of_different_events),
        cmocka_unit_test(a_stream_can_be_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

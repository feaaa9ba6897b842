#include "load/mark_audit.h"

#include "stats/set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { RUN = 7, OPENED_NS = 1000000 };

/* One stream, whose connection opened at OPENED_NS. */
struct fixture {
    struct stat_set *set;
    struct mark_audit audit;
};

static int set_up(void **state)
{
    struct fixture *fixture = test_calloc(1, sizeof *fixture);

    fixture->set = stat_set_new();
    mark_audit_open(&fixture->audit, false, fixture->set);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    stat_set_free(fixture->set);
    test_free(fixture);
    return 0;
}

static void get_mark(struct fixture *fixture, const struct mark *mark)
{
    uint8_t text[MARK_BYTES];

    mark_write(mark, text);
    mark_audit_event(&fixture->audit, RUN, text, sizeof text, OPENED_NS, 2 * OPENED_NS,
                     fixture->set);
}

/* Published while the connection was open, all before it accepted. */
static void get(struct fixture *fixture, uint64_t number)
{
    get_mark(fixture, &(struct mark){.run = RUN,
                                     .number = number,
                                     .attempt = 1,
                                     .settled = number,
                                     .first_ns = OPENED_NS,
                                     .written_ns = OPENED_NS});
}

static void get_all(struct fixture *fixture, uint64_t from, uint64_t to)
{
    for (; from <= to; from++)
        get(fixture, from);
}

/* Published before it. */
static void get_replay(struct fixture *fixture, uint64_t number)
{
    get_mark(fixture, &(struct mark){.run = RUN,
                                     .number = number,
                                     .attempt = 1,
                                     .settled = number,
                                     .first_ns = OPENED_NS - 1,
                                     .written_ns = OPENED_NS - 1});
}

static void get_attempt(struct fixture *fixture, uint64_t number, uint64_t attempt)
{
    get_mark(fixture, &(struct mark){.run = RUN,
                                     .number = number,
                                     .attempt = attempt,
                                     .settled = number,
                                     .first_ns = OPENED_NS,
                                     .written_ns = OPENED_NS});
}

static void check(struct fixture *fixture, enum metric metric, uint64_t stream, uint64_t resume)
{
    assert_int_equal(stat_get_count(fixture->set, metric, "where:stream"), stream);
    assert_int_equal(stat_get_count(fixture->set, metric, "where:resume"), resume);
    assert_int_equal(stat_get_count(fixture->set, metric, NULL), stream + resume);
}

static void check_missed(struct fixture *fixture, uint64_t stream, uint64_t resume)
{
    mark_audit_close(&fixture->audit, fixture->set);
    check(fixture, METRIC_SSE_PUBLISH_MISSED, stream, resume);
}

static void check_duplicates(struct fixture *fixture, uint64_t stream, uint64_t resume)
{
    check(fixture, METRIC_SSE_PUBLISH_DUPLICATES, stream, resume);
}

static void what_lies_between_is_missed(void **state)
{
    get_all(*state, 5, 9);
    get(*state, 12);
    get_all(*state, 500, 700);
    check_missed(*state, 2 + 487, 0);
    check_duplicates(*state, 0, 0);
}

static void a_jump_is_missed_whole(void **state)
{
    get(*state, 1);
    get(*state, 3);
    get(*state, 2000003);
    get(*state, 2000004);
    check_missed(*state, 1 + 1999999, 0);
}

static void who_gets_nothing_misses_nothing(void **state)
{
    struct fixture *fixture = *state;
    static const char text[] = "no mark, cicada-mark.0";

    mark_audit_event(&fixture->audit, RUN, (const uint8_t *)text, sizeof text - 1, OPENED_NS,
                     2 * OPENED_NS, fixture->set);
    get_mark(fixture,
             &(struct mark){
                 .run = RUN + 2, .number = 9, .first_ns = OPENED_NS, .written_ns = OPENED_NS});
    check_missed(fixture, 0, 0);
    assert_null(stat_get_trend(fixture->set, METRIC_SSE_PUBLISH_LATENCY, NULL));
}

static void what_was_published_before_is_not_held_against_a_new_stream(void **state)
{
    struct fixture *fixture = *state;

    get_replay(fixture, 10);
    get_replay(fixture, 10);
    get_replay(fixture, 15);
    get(fixture, 20);
    check_missed(fixture, 0, 0);
    check_duplicates(fixture, 0, 0);
    assert_int_equal(hist_count(stat_get_trend(fixture->set, METRIC_SSE_PUBLISH_LATENCY, NULL)), 1);
    assert_int_equal(
        hist_count(stat_get_trend(fixture->set, METRIC_SSE_PUBLISH_LATENCY, "delivery:replay")), 3);
}

/* Numbers behind one that had to be sent again may have been taken before the stream opened. */
static void a_new_stream_does_not_begin_with_a_late_attempt(void **state)
{
    get_mark(*state, &(struct mark){.run = RUN,
                                    .number = 5,
                                    .attempt = 2,
                                    .settled = 5,
                                    .first_ns = OPENED_NS - 1,
                                    .written_ns = OPENED_NS});
    get_all(*state, 9, 80);
    check_missed(*state, 0, 0);
}

static void what_comes_late_is_neither(void **state)
{
    get(*state, 1);
    get_all(*state, 3, 60);
    get(*state, 2);
    get_all(*state, 61, 200);
    check_missed(*state, 0, 0);
    check_duplicates(*state, 0, 0);
}

static void the_same_attempt_again_is_a_duplicate(void **state)
{
    get_all(*state, 1, 70);
    get(*state, 70);
    get(*state, 30);
    get(*state, 2); /* has left the window */
    check_duplicates(*state, 3, 0);
    check_missed(*state, 0, 0);
}

static void another_attempt_is_none(void **state)
{
    get_all(*state, 1, 4);
    get_attempt(*state, 5, 2);
    get_attempt(*state, 5, 1);
    get_attempt(*state, 5, 3);
    get_attempt(*state, 5, 3);
    check_duplicates(*state, 0, 0);
    get_attempt(*state, 5, 2);
    get_attempt(*state, 5, 1);
    check_duplicates(*state, 2, 0);
    /* Behind the window nobody knows any more which attempt came. */
    get_all(*state, 6, 200);
    get_attempt(*state, 5, 1);
    check_duplicates(*state, 2, 0);
    check_missed(*state, 0, 0);
}

static void twice_in_one_event_is_once(void **state)
{
    struct fixture *fixture = *state;
    uint8_t text[3 * MARK_BYTES];
    struct mark mark = {.run = RUN,
                        .number = 1,
                        .attempt = 1,
                        .settled = 1,
                        .first_ns = OPENED_NS,
                        .written_ns = OPENED_NS};

    mark_write(&mark, text);
    mark_write(&mark, text + MARK_BYTES);
    mark.number = 2;
    mark_write(&mark, text + 2 * (size_t)MARK_BYTES);
    mark_audit_event(&fixture->audit, RUN, text, sizeof text, OPENED_NS, 2 * OPENED_NS,
                     fixture->set);
    check_duplicates(fixture, 0, 0);
    check_missed(fixture, 0, 0);
    assert_int_equal(hist_count(stat_get_trend(fixture->set, METRIC_SSE_PUBLISH_LATENCY, NULL)), 2);
}

/* It may never have been accepted. */
static void what_was_under_way_at_the_end_is_spared(void **state)
{
    get_all(*state, 1, 4);
    get_mark(*state, &(struct mark){.run = RUN,
                                    .number = 9,
                                    .attempt = 1,
                                    .settled = 7,
                                    .first_ns = OPENED_NS,
                                    .written_ns = OPENED_NS});
    check_missed(*state, 2, 0);
}

static void a_resume_is_told_apart(void **state)
{
    struct fixture *fixture = *state;

    get_all(fixture, 1, 10);
    get(fixture, 12);
    mark_audit_open(&fixture->audit, true, fixture->set);
    get_replay(fixture, 12);
    get_replay(fixture, 13);
    get_replay(fixture, 15); /* 14 was not replayed */
    get(fixture, 17);        /* 16 neither */
    get(fixture, 17);
    get(fixture, 20);
    mark_audit_open(&fixture->audit, true, fixture->set);
    get(fixture, 23);
    get_all(fixture, 24, 300);
    check_duplicates(fixture, 1, 1);
    check_missed(fixture, 1 + 2, 2 + 2);
}

static void without_a_resume_it_begins_anew(void **state)
{
    struct fixture *fixture = *state;

    get(fixture, 1);
    get(fixture, 3);
    mark_audit_open(&fixture->audit, false, fixture->set);
    get_replay(fixture, 3);
    get(fixture, 10);
    get(fixture, 12);
    check_missed(fixture, 2, 0);
    check_duplicates(fixture, 0, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_lies_between_is_missed),
        TEST(a_jump_is_missed_whole),
        TEST(who_gets_nothing_misses_nothing),
        TEST(what_was_published_before_is_not_held_against_a_new_stream),
        TEST(a_new_stream_does_not_begin_with_a_late_attempt),
        TEST(what_comes_late_is_neither),
        TEST(the_same_attempt_again_is_a_duplicate),
        TEST(another_attempt_is_none),
        TEST(twice_in_one_event_is_once),
        TEST(what_was_under_way_at_the_end_is_spared),
        TEST(a_resume_is_told_apart),
        TEST(without_a_resume_it_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/rng.h"
#include "peers_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { STREAMS = 24 };

static const uint64_t KEY = 7;

/* From 0 to `count` - 1. */
static uint32_t below(struct rng *rng, uint32_t count)
{
    return (uint32_t)rng_between(rng, 0, count - 1);
}

/* --- what is found --- */

static void streams_that_get_the_same_are_complete(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= 3; workers++) {
        struct world world;

        world_init(&world, workers);
        world_open_all(&world, STREAMS, KEY);
        world_pass(&world, 1500);
        for (unsigned n = 0; n < 2000; n++) {
            for (size_t i = 0; i < STREAMS; i++)
                world_nth(&world, i, n);
            world_pass(&world, 5);
        }
        world_end(&world);
        world_assert_quiet(&world);
        assert_int_equal(world_got(&world), 2000 * STREAMS);
        assert_int_equal(world_count(&world, METRIC_SSE_UNSHARED, NULL), 0);
        world_fini(&world);
    }
}

static void losses_are_counted_exactly(void **state)
{
    struct rng rng;

    (void)state;
    for (size_t workers = 1; workers <= 3; workers++) {
        struct world world;
        uint64_t lost = 0, got = 0;

        rng_init(&rng, workers);
        world_init(&world, workers);
        world_open_all(&world, STREAMS, KEY);
        world_pass(&world, 1500);
        for (unsigned n = 0; n < 3000; n++) {
            bool is_edge = n == 0 || n == 2999;

            for (size_t i = 0; i < STREAMS; i++) {
                bool is_lost = !is_edge && below(&rng, 20) == 0;

                lost += is_lost;
                got += !is_lost;
                if (!is_lost)
                    world_nth(&world, i, n);
            }
            world_pass(&world, 5);
        }
        world_end(&world);
        assert_int_equal(world_count(&world, METRIC_SSE_PEER_MISSED, NULL), lost);
        assert_int_equal(world_count(&world, METRIC_SSE_PEER_MISSED, "where:stream"), lost);
        assert_int_equal(world_not_got(&world), lost);
        assert_int_equal(world_got(&world), got);
        world_fini(&world);
    }
}

/* One event in ten is lost to one stream; those of the first half are of a warm-up. */
static void what_came_first_before_the_beginning_is_not_counted(void **state)
{
    struct world world;
    uint64_t lost = 0, got = 0;

    (void)state;
    world_init(&world, 2);
    world_open_all(&world, STREAMS, KEY);
    world_pass(&world, 1500);
    peer_merge_begin(world.merge, world.now_ns + 5000000000);
    for (unsigned n = 0; n < 2000; n++) {
        for (size_t i = 0; i < STREAMS; i++) {
            bool is_lost = i == 3 && n % 10 == 5;

            lost += is_lost && n >= 1000;
            got += !is_lost && n >= 1000;
            if (!is_lost)
                world_nth(&world, i, n);
        }
        world_pass(&world, 5);
    }
    world_end(&world);
    assert_int_equal(lost, 100);
    assert_int_equal(world_count(&world, METRIC_SSE_PEER_MISSED, NULL), lost);
    assert_int_equal(world_got(&world), got);
    world_fini(&world);
}

static void what_a_whole_process_did_not_get_is_missed_by_its_streams(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, 3);
    world_open_all(&world, STREAMS, KEY);
    world_pass(&world, 1500);
    for (unsigned n = 0; n < 500; n++) {
        for (size_t i = 0; i < STREAMS; i++) {
            if (n % 50 != 30 || i % 3 != 1)
                world_nth(&world, i, n);
        }
        world_pass(&world, 5);
    }
    world_end(&world);
    assert_int_equal(world_count(&world, METRIC_SSE_PEER_MISSED, "where:stream"), 10 * STREAMS / 3);
    world_fini(&world);
}

static void misses_are_told_while_the_run_goes_on(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, 2);
    world_open_all(&world, STREAMS, KEY);
    for (unsigned n = 0; n < 3000; n++) {
        for (size_t i = 0; i < STREAMS; i++) {
            if (n != 100 || i != 5)
                world_nth(&world, i, n);
        }
        world_pass(&world, 10);
    }
    assert_int_equal(world_count(&world, METRIC_SSE_PEER_MISSED, NULL), 1);
    world_end(&world);
    assert_int_equal(world_count(&world, METRIC_SSE_PEER_MISSED, NULL), 1);
    world_fini(&world);
}

static void the_last_receipt_makes_the_spread(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= 2; workers++) {
        struct world world;
        struct stat_set *set = stat_set_new();
        const struct hist *spread;

        world_init(&world, workers);
        world_open_all(&world, 4, KEY);
        world_pass(&world, 1500);
        for (unsigned n = 0; n < 100; n++) {
            for (size_t i = 0; i < 4; i++) {
                world_nth(&world, i, n);
                world_pass(&world, 10);
            }
        }
        world_end(&world);
        stats_total(world.sum, set);
        spread = stat_get_trend(set, METRIC_SSE_FANOUT_SPREAD, NULL);
        assert_int_equal(hist_count(spread), 100);
        assert_int_equal(hist_min(spread), 30000);
        assert_int_equal(hist_max(spread), 30000);
        stat_set_free(set);
        world_fini(&world);
    }
}

static void a_gap_that_a_resume_leaves_is_counted_apart(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= 2; workers++) {
        struct world world;

        world_init(&world, workers);
        world_open_all(&world, 12, KEY);
        world_pass(&world, 1500);
        /* Streams 0 to 3 are away for 20 events, of which the server has kept the last 5. */
        for (unsigned n = 0; n < 300; n++) {
            for (size_t i = n >= 100 && n < 120 ? 4 : 0; i < 12; i++)
                world_nth(&world, i, n);
            for (size_t i = 0; n == 119 && i < 4; i++) {
                assert_true(world_open(&world, i, KEY, true));
                for (unsigned old = 115; old < 120; old++)
                    world_nth(&world, i, old);
            }
            world_pass(&world, 20);
        }
        world_end(&world);
        assert_int_equal(world_count(&world, METRIC_SSE_PEER_MISSED, "where:resume"), 4 * 15);
        assert_int_equal(world_count(&world, METRIC_SSE_PEER_MISSED, "where:stream"), 0);
        world_fini(&world);
    }
}

static void most_streams_may_be_away_when_others_prove_the_event(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, 2);
    world_open_all(&world, 12, KEY);
    world_pass(&world, 1500);
    for (unsigned n = 0; n < 300; n++) {
        for (size_t i = n >= 100 && n < 120 ? 8 : 0; i < 12; i++)
            world_nth(&world, i, n);
        for (size_t i = 0; n == 119 && i < 8; i++)
            assert_true(world_open(&world, i, KEY, true));
        world_pass(&world, 20);
    }
    world_end(&world);
    assert_int_equal(world_count(&world, METRIC_SSE_PEER_MISSED, "where:resume"), 8 * 20);
    assert_int_equal(world_count(&world, METRIC_SSE_PEER_MISSED, NULL), 8 * 20);
    world_fini(&world);
}

static void streams_of_servers_that_share_nothing_are_strangers(void **state)
{
    struct world world;
    char data[32];

    (void)state;
    world_init(&world, 2);
    world_open_all(&world, 16, KEY);
    for (unsigned n = 0; n < 400; n++) {
        /* The streams of servers 0 and 2 are in one process, those of 1 and 3 in the other. */
        for (size_t i = n % 4; i < 16; i += 4) {
            (void)snprintf(data, sizeof data, "tick %u", n);
            world_get(&world, i, NULL, data, PEER_NO_NUMBER);
        }
        world_pass(&world, 10);
    }
    world_end(&world);
    world_assert_quiet(&world);
    assert_int_equal(world.strange_count, 8); /* of each process those of one server */
    world_fini(&world);
}

static void a_silent_stream_does_not_keep_the_others_from_being_compared(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, 1);
    world_open_all(&world, 2, KEY);
    for (unsigned n = 0; n < 20; n++) {
        world_nth(&world, 0, n);
        world_nth(&world, 1, n);
    }
    for (size_t i = 2; i < 8; i++)
        assert_true(world_open(&world, i, KEY, false));
    world_pass(&world, 100);
    /* 0 and 1 get nothing any more, and never end. */
    for (unsigned n = 20; n < 2000; n++) {
        for (size_t i = 2; i < 8; i++) {
            if (n != 1500 || i != 3)
                world_nth(&world, i, n);
        }
        world_pass(&world, 5);
    }
    world_end(&world);
    assert_int_equal(world_count(&world, METRIC_SSE_PEER_MISSED, NULL), 1);
    world_fini(&world);
}

/* --- numbers --- */

enum { MISSED, ASKED, SKIPPED };

static void number_all(struct world *world, size_t streams, unsigned n)
{
    char id[16];

    (void)snprintf(id, sizeof id, "%u", n);
    for (size_t i = 0; i < streams; i++)
        world_get(world, i, id, "x", n);
}

/* How many of them were missed is known at once; the controller has to say the rest. */
static uint64_t ask_many(struct world *world, size_t index, uint64_t from, uint64_t count,
                         bool on_resume)
{
    struct world_stream *stream = &world->streams[index];
    struct peers_numbers numbers = {.key = peers_key_of(&stream->peers),
                                    .from = from,
                                    .count = count,
                                    .on_resume = on_resume,
                                    .is_alone = peers_is_alone(&stream->peers)};

    peers_ask(world->workers[stream->worker], &numbers);
    world->skipped_at_once += numbers.skipped;
    return numbers.missed;
}

static uint64_t ask(struct world *world, size_t index, uint64_t number, bool on_resume)
{
    return ask_many(world, index, number, 1, on_resume);
}

static void a_number_that_a_neighbour_got_is_missed_at_once(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, 1);
    world_open_all(&world, 3, KEY);
    for (unsigned n = 0; n < 50; n++)
        number_all(&world, 2, n);
    assert_int_equal(ask(&world, 2, 20, false), 1);
    world_end(&world);
    world_fini(&world);
}

static void a_number_that_another_process_got_is_missed(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, 2);
    world_open_all(&world, 6, KEY);
    for (unsigned n = 0; n < 50; n++) {
        char id[16];

        (void)snprintf(id, sizeof id, "%u", n);
        for (size_t i = 0; i < 6; i++) {
            if (n != 20 || i % 2 == 0)
                world_get(&world, i, id, "x", n);
        }
    }
    for (size_t i = 1; i < 6; i += 2)
        assert_int_equal(ask(&world, i, 20, i == 5), 0);
    world_pass(&world, 30000);
    assert_int_equal(world_count(&world, METRIC_SSE_MISSED, NULL), 3);
    assert_int_equal(world_count(&world, METRIC_SSE_MISSED, "where:stream"), 2);
    assert_int_equal(world_count(&world, METRIC_SSE_MISSED, "where:resume"), 1);
    world_end(&world);
    assert_int_equal(world_count(&world, METRIC_SSE_MISSED, NULL), 3);
    assert_int_equal(world_count(&world, METRIC_SSE_SKIPPED, NULL), 0);
    world_fini(&world);
}

static void a_number_that_nobody_got_is_skipped(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= 3; workers++) {
        struct world world;

        world_init(&world, workers);
        world_open_all(&world, 6, KEY);
        for (unsigned n = 0; n < 600; n++) {
            if (n % 3 > 0)
                number_all(&world, 6, n);
            for (size_t i = 0; n % 3 == 0 && n > 0 && i < 6; i++)
                assert_int_equal(ask(&world, i, n, false), 0);
            world_pass(&world, 20);
        }
        world_end(&world);
        assert_int_equal(world_count(&world, METRIC_SSE_MISSED, NULL), 0);
        assert_int_equal(world_count(&world, METRIC_SSE_SKIPPED, NULL), 199);
        world_fini(&world);
    }
}

static void one_stream_alone_cannot_tell_a_skip(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, 2);
    world_open_all(&world, 1, KEY);
    number_all(&world, 1, 1);
    assert_int_equal(ask(&world, 0, 5, false), 0);
    world_close(&world, 0);
    /* The same again, by one that came later: they were never open at once. */
    assert_true(world_open(&world, 0, KEY, false));
    assert_int_equal(ask(&world, 0, 5, false), 0);
    world_end(&world);
    assert_int_equal(world_count(&world, METRIC_SSE_MISSED, NULL), 2);
    assert_int_equal(world_count(&world, METRIC_SSE_SKIPPED, NULL), 0);
    world_fini(&world);
}

static void one_streams_word_does_not_count_where_numbers_are_left_out(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, 2);
    world_open_all(&world, 6, KEY);
    /* The others came a little later. */
    assert_int_equal(ask(&world, 0, 3, false), 0);
    for (unsigned n = 6; n < 60; n += 3) {
        for (size_t i = 0; i < 6; i++)
            assert_int_equal(ask(&world, i, n, false), 0);
    }
    world_end(&world);
    assert_int_equal(world_count(&world, METRIC_SSE_MISSED, NULL), 0);
    assert_int_equal(world_count(&world, METRIC_SSE_SKIPPED, NULL), 19);
    world_fini(&world);
}

static void losses_that_streams_share_by_chance_are_misses(void **state)
{
    struct world world;
    struct rng rng;
    uint64_t lost = 0;

    (void)state;
    rng_init(&rng, 4);
    world_init(&world, 2);
    world_open_all(&world, 3, KEY);
    for (unsigned n = 0; n < 2000; n++) {
        bool is_lost[3];
        char id[16];

        (void)snprintf(id, sizeof id, "%u", n);
        for (size_t i = 0; i < 3; i++) {
            is_lost[i] = below(&rng, 10) == 0;
            if (!is_lost[i])
                world_get(&world, i, id, "x", n);
        }
        for (size_t i = 0; i < 3; i++) {
            lost += is_lost[i];
            if (is_lost[i])
                world.missed_at_once += ask(&world, i, n, false);
        }
        world_pass(&world, 5);
    }
    world_end(&world);
    assert_int_equal(world.missed_at_once + world_count(&world, METRIC_SSE_MISSED, NULL), lost);
    assert_int_equal(world_count(&world, METRIC_SSE_SKIPPED, NULL), 0);
    world_fini(&world);
}

static void more_numbers_than_can_be_asked_for_are_decided_at_once(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, 1);
    world_open_all(&world, 6, KEY);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(ask_many(&world, i, 1000, 10 * PEERS_ASK_LIMIT, false), 0);
    assert_int_equal(world.skipped_at_once, 9 * PEERS_ASK_LIMIT);
    assert_int_equal(ask_many(&world, 0, 1000, 10 * PEERS_ASK_LIMIT, true), 9 * PEERS_ASK_LIMIT);
    world_end(&world);
    assert_int_equal(world_count(&world, METRIC_SSE_SKIPPED, NULL), PEERS_ASK_LIMIT);
    assert_int_equal(world_count(&world, METRIC_SSE_MISSED, NULL), 0);
    world_fini(&world);
}

static void what_resumes_alone_did_not_get_is_missed(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, 2);
    world_open_all(&world, 6, KEY);
    number_all(&world, 6, 1);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(ask(&world, i, 5, true), 0);
    world_end(&world);
    assert_int_equal(world_count(&world, METRIC_SSE_MISSED, "where:resume"), 6);
    assert_int_equal(world_count(&world, METRIC_SSE_SKIPPED, NULL), 0);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_that_get_the_same_are_complete),
        cmocka_unit_test(losses_are_counted_exactly),
        cmocka_unit_test(what_came_first_before_the_beginning_is_not_counted),
        cmocka_unit_test(what_a_whole_process_did_not_get_is_missed_by_its_streams),
        cmocka_unit_test(misses_are_told_while_the_run_goes_on),
        cmocka_unit_test(the_last_receipt_makes_the_spread),
        cmocka_unit_test(a_gap_that_a_resume_leaves_is_counted_apart),
        cmocka_unit_test(most_streams_may_be_away_when_others_prove_the_event),
        cmocka_unit_test(streams_of_servers_that_share_nothing_are_strangers),
        cmocka_unit_test(a_silent_stream_does_not_keep_the_others_from_being_compared),
        cmocka_unit_test(a_number_that_a_neighbour_got_is_missed_at_once),
        cmocka_unit_test(a_number_that_another_process_got_is_missed),
        cmocka_unit_test(a_number_that_nobody_got_is_skipped),
        cmocka_unit_test(one_stream_alone_cannot_tell_a_skip),
        cmocka_unit_test(one_streams_word_does_not_count_where_numbers_are_left_out),
        cmocka_unit_test(losses_that_streams_share_by_chance_are_misses),
        cmocka_unit_test(more_numbers_than_can_be_asked_for_are_decided_at_once),
        cmocka_unit_test(what_resumes_alone_did_not_get_is_missed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

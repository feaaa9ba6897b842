/*
 * What must never be taken for a miss: nothing in this file loses an event, whatever else it does.
 */
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

static void history_is_held_against_nobody(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 1);
    for (size_t workers = 1; workers <= 3; workers++) {
        struct world world;

        world_init(&world, workers);
        world_open_all(&world, 6, KEY);
        for (unsigned n = 0; n < 2000; n++) {
            /* Every so often somebody comes, and is told the last events there were. */
            if (n % 40 == 20) {
                size_t index = 6 + n / 40;

                assert_true(world_open(&world, index, KEY, false));
                for (unsigned old = n < 100 ? 0 : n - 100; old < n; old++)
                    world_nth(&world, index, old);
            }
            for (size_t i = 0; i < 60; i++) {
                if (world.streams[i].is_open)
                    world_nth(&world, i, n);
            }
            world_pass(&world, 1 + below(&rng, 10));
        }
        world_end(&world);
        world_assert_quiet(&world);
        assert_int_equal(world_count(&world, METRIC_SSE_UNSHARED, NULL), 0);
        world_fini(&world);
    }
}

static void a_snapshot_has_gaps_that_are_no_misses(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, 1);
    world_open_all(&world, 6, KEY);
    for (unsigned n = 0; n < 500; n++) {
        for (size_t i = 0; i < 6; i++)
            world_nth(&world, i, n);
        world_pass(&world, 5);
        /* Opened, then told of some events before and behind that, then live. */
        if (n == 200)
            assert_true(world_open(&world, 6, KEY, false));
        if (n == 220) {
            for (unsigned old = 150; old < 220; old += 7)
                world_nth(&world, 6, old);
        }
        if (n > 220)
            world_nth(&world, 6, n);
    }
    world_end(&world);
    world_assert_quiet(&world);
    world_fini(&world);
}

/* Each stream gets event n late by up to `most_ms`, by a delay of its own for each event. */
static void run_in_many_orders(size_t workers, uint64_t most_ms, uint64_t seed)
{
    enum { EVENTS = 1500, EACH_MS = 10 };

    static uint16_t due[EVENTS][STREAMS];
    struct world world;
    struct rng rng;

    rng_init(&rng, seed);
    world_init(&world, workers);
    world_open_all(&world, STREAMS, KEY);
    for (unsigned n = 0; n < EVENTS; n++) {
        for (size_t i = 0; i < STREAMS; i++)
            due[n][i] = (uint16_t)(n + below(&rng, (uint32_t)most_ms) / EACH_MS);
    }
    for (unsigned at = 0; at < EVENTS + most_ms / EACH_MS; at++) {
        unsigned first = at < most_ms / EACH_MS ? 0 : at - (unsigned)(most_ms / EACH_MS);

        for (unsigned n = first; n <= at && n < EVENTS; n++) {
            for (size_t i = 0; i < STREAMS; i++) {
                if (due[n][i] == at)
                    world_nth(&world, i, n);
            }
        }
        world_pass(&world, EACH_MS);
    }
    world_end(&world);
    world_assert_quiet(&world);
    assert_true(world_got(&world) > (uint64_t)EVENTS * STREAMS / 2);
    assert_int_equal(world_count(&world, METRIC_SSE_UNSHARED, NULL), 0);
    world_fini(&world);
}

static void servers_may_order_events_each_in_its_way(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= 3; workers++) {
        run_in_many_orders(workers, 50, workers);
        run_in_many_orders(workers, 500, workers);
        run_in_many_orders(workers, 3000, workers); /* beyond a stream's window */
    }
}

static void streams_come_and_go_all_the_time(void **state)
{
    struct rng rng;

    (void)state;
    for (size_t workers = 1; workers <= 4; workers++) {
        struct world world;

        rng_init(&rng, workers);
        world_init(&world, workers);
        for (unsigned n = 0; n < 4000; n++) {
            for (size_t i = 0; i < STREAMS; i++) {
                uint32_t dice = below(&rng, 100);

                if (!world.streams[i].is_open && dice < 10)
                    assert_true(world_open(&world, i, KEY, false));
                else if (world.streams[i].is_open && dice < 2)
                    world_close(&world, i);
                else if (world.streams[i].is_open && dice < 3)
                    assert_true(world_open(&world, i, KEY, false)); /* without Last-Event-ID */
                if (world.streams[i].is_open)
                    world_nth(&world, i, n);
            }
            world_pass(&world, 7);
        }
        world_end(&world);
        world_assert_quiet(&world);
        assert_true(world_got(&world) > 1000);
        world_fini(&world);
    }
}

static void a_resume_that_is_told_all_misses_nothing(void **state)
{
    struct rng rng;

    (void)state;
    for (size_t workers = 1; workers <= 3; workers++) {
        struct world world;
        unsigned next[STREAMS] = {0};

        rng_init(&rng, workers);
        world_init(&world, workers);
        world_open_all(&world, STREAMS, KEY);
        for (unsigned n = 0; n < 3000; n++) {
            for (size_t i = 0; i < STREAMS; i++) {
                struct world_stream *stream = &world.streams[i];

                if (stream->is_open && below(&rng, 200) == 0) {
                    stream->is_open = false; /* the connection; the stream goes on */
                } else if (!stream->is_open && below(&rng, 30) == 0) {
                    assert_true(world_open(&world, i, KEY, true));
                    if (next[i] > 0)
                        next[i]--; /* the event of that ID once more */
                }
                while (stream->is_open && next[i] <= n)
                    world_nth(&world, i, next[i]++);
            }
            world_pass(&world, 7);
        }
        for (size_t i = 0; i < STREAMS; i++)
            world.streams[i].is_open = true;
        world_end(&world);
        world_assert_quiet(&world);
        assert_true(world_got(&world) > 3000 * STREAMS / 2);
        world_fini(&world);
    }
}

static void a_slow_reader_is_late_and_misses_nothing(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, 2);
    world_open_all(&world, 6, KEY);
    for (unsigned n = 0; n < 30000; n++) {
        for (size_t i = 0; i < 5; i++)
            world_nth(&world, i, n);
        /* Stream 5 reads a third as fast, far behind what is kept. */
        if (n % 3 == 0)
            world_nth(&world, 5, n / 3);
        if (n % 4 == 0)
            world_pass(&world, 1);
    }
    world_end(&world);
    world_assert_quiet(&world);
    world_fini(&world);
}

static void heartbeats_of_each_connection_are_no_misses(void **state)
{
    static const char *const beats[] = {"{\"type\":\"ping\"}", "clock"};

    (void)state;
    for (size_t workers = 1; workers <= 2; workers++) {
        for (size_t kind = 0; kind < 2; kind++) {
            for (size_t late = 0; late < 3; late++) {
                struct world world;
                char data[64];

                world_init(&world, workers);
                world_open_all(&world, 10, KEY);
                for (unsigned ms = 0; ms < 60000 + 7000 * late; ms += 20) {
                    if (ms == 6000)
                        assert_true(world_open(&world, 10, KEY, false));
                    for (size_t i = 0; i < 11; i++) {
                        bool is_due = ms > 6000 && (ms + (i == 10 ? 9000 : 0)) % 15000 == 0;

                        if (!world.streams[i].is_open)
                            continue;
                        world_nth(&world, i, ms);
                        if (is_due && kind == 0)
                            world_get(&world, i, NULL, beats[0], PEER_NO_NUMBER);
                        (void)snprintf(data, sizeof data, "{\"now\":\"%u s\"}", ms / 1000);
                        if (is_due && kind == 1)
                            world_get(&world, i, NULL, data, PEER_NO_NUMBER);
                    }
                    world_pass(&world, 20);
                }
                world_end(&world);
                world_assert_quiet(&world);
                world_fini(&world);
            }
        }
    }
}

static void values_that_come_again_are_no_misses(void **state)
{
    struct world world;
    struct rng rng;
    char data[32];

    (void)state;
    rng_init(&rng, 3);
    world_init(&world, 2);
    world_open_all(&world, 9, KEY);
    for (unsigned n = 0; n < 5000; n++) {
        (void)snprintf(data, sizeof data, "%u", below(&rng, 50));
        for (size_t i = 0; i < 9; i++)
            world_get(&world, i, NULL, data, PEER_NO_NUMBER);
        world_pass(&world, 10);
    }
    world_end(&world);
    world_assert_quiet(&world);
    world_fini(&world);
}

static void a_greeting_of_its_own_is_nobodys_loss(void **state)
{
    struct world world;
    char data[64];

    (void)state;
    world_init(&world, 2);
    for (unsigned n = 0; n < 3000; n++) {
        size_t index = n / 30;

        if (n % 30 == 0) {
            assert_true(world_open(&world, index, KEY, false));
            (void)snprintf(data, sizeof data, "{\"connection\":\"%zu\"}", index);
            world_get(&world, index, NULL, data, PEER_NO_NUMBER);
        }
        for (size_t i = 0; i <= index; i++)
            world_nth(&world, i, n);
        world_pass(&world, 10);
    }
    world_end(&world);
    world_assert_quiet(&world);
    world_fini(&world);
}

static void ticks_that_come_late_accuse_nobody(void **state)
{
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 9);
    world_init(&world, 3);
    world_open_all(&world, STREAMS, KEY);
    for (unsigned n = 0; n < 6000; n++) {
        for (size_t i = 0; i < STREAMS; i++)
            world_nth(&world, i, n);
        for (size_t i = 0; n % 100 == 0 && i < 3; i++)
            world.is_mute[i] = below(&rng, 4) > 0;
        world_pass(&world, 10);
    }
    world_end(&world);
    world_assert_quiet(&world);
    assert_int_equal(world_got(&world), 6000 * STREAMS);
    world_fini(&world);
}

static void a_worker_that_dies_is_accused_of_nothing(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, 3);
    world_open_all(&world, STREAMS, KEY);
    for (unsigned n = 0; n < 3000; n++) {
        for (size_t i = 0; i < STREAMS; i++) {
            if (n < 1000 || i % 3 != 1)
                world_nth(&world, i, n);
        }
        if (n == 1000) {
            world.is_mute[1] = true;
            peer_merge_lose(world.merge, 1);
        }
        world_pass(&world, 10);
    }
    assert_true(world_got(&world) > 1000 * STREAMS);
    world_assert_quiet(&world);
    for (size_t i = 1; i < STREAMS; i += 3)
        world_close(&world, i);
    world_end(&world);
    world_assert_quiet(&world);
    world_fini(&world);
}

static void other_requests_are_other_peers(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, 2);
    for (size_t i = 0; i < STREAMS; i++)
        assert_true(world_open(&world, i, i % 3, false));
    for (unsigned n = 0; n < 300; n++) {
        for (size_t i = 0; i < STREAMS; i++)
            world_nth(&world, i, 3 * n + (unsigned)(i % 3));
        world_pass(&world, 10);
    }
    world_end(&world);
    world_assert_quiet(&world);
    assert_int_equal(world_got(&world), 300 * STREAMS);
    world_fini(&world);
}

static void of_too_many_requests_the_smallest_keys_are_followed(void **state)
{
    struct world world;
    size_t followed = 0;

    (void)state;
    world_init(&world, 1);
    for (size_t i = 0; i < 300; i++)
        (void)world_open(&world, i, 1000 - i, false);
    for (size_t i = 300; i < 400; i++)
        followed += world_open(&world, i, 1000 - (i - 300), false);
    assert_int_equal(followed, 100 - (300 - PEER_KEY_LIMIT));
    for (unsigned n = 0; n < 100; n++) {
        for (size_t i = 0; i < 400; i++) {
            if (n != 50 || (i != 399 && i != 0))
                world_nth(&world, i, n);
        }
        world_pass(&world, 10);
    }
    world_end(&world);
    world_assert_quiet(&world); /* two streams a key: one alone proves nothing */
    assert_int_equal(world_count(&world, METRIC_SSE_UNSHARED, NULL), 1);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(history_is_held_against_nobody),
        cmocka_unit_test(a_snapshot_has_gaps_that_are_no_misses),
        cmocka_unit_test(servers_may_order_events_each_in_its_way),
        cmocka_unit_test(streams_come_and_go_all_the_time),
        cmocka_unit_test(a_resume_that_is_told_all_misses_nothing),
        cmocka_unit_test(a_slow_reader_is_late_and_misses_nothing),
        cmocka_unit_test(heartbeats_of_each_connection_are_no_misses),
        cmocka_unit_test(values_that_come_again_are_no_misses),
        cmocka_unit_test(a_greeting_of_its_own_is_nobodys_loss),
        cmocka_unit_test(ticks_that_come_late_accuse_nobody),
        cmocka_unit_test(a_worker_that_dies_is_accused_of_nothing),
        cmocka_unit_test(other_requests_are_other_peers),
        cmocka_unit_test(of_too_many_requests_the_smallest_keys_are_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

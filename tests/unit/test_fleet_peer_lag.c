/*
 * Streams and processes that are far apart: what is told as missed was injected, and what is not
 * told is said to be undecided.
 */
#include "base/rng.h"
#include "peers_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { STREAMS = 60, EVENTS = 2500, EACH_MS = 2, TURN_MS = 100, CALM_EVENTS = 200 };

static const uint64_t KEY = 7;

/* How a service and the machine behave. */
struct weather {
    size_t workers;
    uint32_t lag_ms;        /* the most that a stream's reads may be late */
    uint32_t worker_lag_ms; /* how much later all streams of worker 1 are */
    uint32_t lose_pct, malform_pct;
    uint32_t variants; /* ways in which an event breaks */
};

struct run {
    struct world world;
    struct rng rng;
    unsigned next[STREAMS]; /* each stream's place in the sequence */
    uint64_t lost;
};

static uint32_t below(struct rng *rng, uint32_t count)
{
    return (uint32_t)rng_between(rng, 0, count - 1);
}

/* The stream's next event comes to it, or is lost, or comes broken. */
static void give(struct run *run, const struct weather *weather, size_t index)
{
    unsigned n = run->next[index]++;
    bool is_calm = n == 0 || n >= EVENTS - CALM_EVENTS;
    bool is_lost = !is_calm && below(&run->rng, 100) < weather->lose_pct;
    bool is_broken = !is_calm && !is_lost && below(&run->rng, 100) < weather->malform_pct;
    char id[16], data[32];

    run->lost += is_lost || is_broken;
    if (is_lost)
        return;
    (void)snprintf(id, sizeof id, "%u", n);
    (void)snprintf(data, sizeof data, "%s", "{\"price\":700000000000000000}");
    if (is_broken)
        data[1 + below(&run->rng, weather->variants)] = '\0';
    world_get(&run->world, index, id, data, PEER_NO_NUMBER);
}

/* All that a stream reads at once. */
static void read_until(struct run *run, const struct weather *weather, size_t index, unsigned end)
{
    while (run->next[index] < end && run->next[index] < EVENTS)
        give(run, weather, index);
}

static void run_all(struct run *run, const struct weather *weather, uint64_t seed)
{
    struct world *world = &run->world;
    unsigned most_ms = EVENTS * EACH_MS + weather->lag_ms + weather->worker_lag_ms;

    rng_init(&run->rng, seed);
    run->lost = 0;
    (void)memset(run->next, 0, sizeof run->next);
    world_init(world, weather->workers);
    for (size_t i = 0; i < STREAMS; i++)
        assert_true(world_open(world, i, KEY, false));
    for (size_t i = 0; i < STREAMS; i++)
        give(run, weather, i);
    for (unsigned ms = 0; ms < most_ms + TURN_MS; ms += TURN_MS) {
        for (size_t i = 0; i < STREAMS; i++) {
            unsigned late = (world->streams[i].worker == 1 ? weather->worker_lag_ms : 0) +
                            below(&run->rng, weather->lag_ms + 1);

            read_until(run, weather, i, late < ms ? (ms - late) / EACH_MS : 0);
        }
        world_pass(world, TURN_MS);
    }
    for (size_t i = 0; i < STREAMS; i++)
        read_until(run, weather, i, EVENTS);
    world_end(world);
}

static void assert_sound(const struct weather *weather)
{
    static struct run run;

    uint64_t missed, undecided;

    run_all(&run, weather, 1 + weather->workers);
    missed = world_count(&run.world, METRIC_SSE_PEER_MISSED, NULL);
    undecided = world_count(&run.world, METRIC_SSE_PEER_UNDECIDED, NULL);
    assert_in_range(missed, run.lost > undecided ? run.lost - undecided : 0, run.lost);
    assert_int_equal(world_not_got(&run.world), missed);
    world_fini(&run.world);
}

static void assert_sound_at_all_lags(struct weather weather)
{
    static const uint32_t lags_ms[][2] = {{2000, 0}, {6500, 0}, {300, 6500}, {2000, 3000}};

    for (size_t i = 0; i < sizeof lags_ms / sizeof lags_ms[0]; i++) {
        for (weather.workers = 1; weather.workers <= 3; weather.workers++) {
            weather.lag_ms = lags_ms[i][0];
            weather.worker_lag_ms = lags_ms[i][1];
            assert_sound(&weather);
        }
    }
}

static void losses_are_never_counted_twice(void **state)
{
    (void)state;
    assert_sound_at_all_lags((struct weather){.lose_pct = 1});
    assert_sound_at_all_lags((struct weather){.lose_pct = 10});
}

static void events_that_reached_single_streams_broken_are_missed_by_nobody_else(void **state)
{
    (void)state;
    assert_sound_at_all_lags((struct weather){.malform_pct = 1, .variants = 20});
    assert_sound_at_all_lags((struct weather){.malform_pct = 10, .variants = 20});
    assert_sound_at_all_lags((struct weather){.malform_pct = 5, .variants = 3});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_are_never_counted_twice),
        cmocka_unit_test(events_that_reached_single_streams_broken_are_missed_by_nobody_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

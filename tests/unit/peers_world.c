#include "peers_world.h"

#include "sse/parser.h"
#include "wire/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { DATA_BYTES = 64 };

static const uint64_t MS = 1000000, SECOND = 1000000000;

void world_init(struct world *world, size_t worker_count)
{
    *world = (struct world){.worker_count = worker_count, .now_ns = 1000 * SECOND};
    for (size_t i = 0; i < worker_count; i++)
        world->workers[i] = peers_new();
    if (worker_count == 1)
        peers_set_only(world->workers[0]);
    for (size_t i = 0; i < WORLD_STREAMS; i++)
        world->streams[i].worker = i % worker_count;
    world->merge = peer_merge_new(worker_count);
    world->sum = stats_new();
    world->ticked_ns = world->now_ns;
}

void world_fini(struct world *world)
{
    for (size_t i = 0; i < world->worker_count; i++)
        peers_free(world->workers[i]);
    peer_merge_free(world->merge);
    stats_free(world->sum);
}

static void send_digest(struct world *world, size_t worker, bool is_last)
{
    struct buf out = {0};
    struct frame frame;
    struct peer_digest digest;
    struct err err;
    uint64_t sequence = 0;

    frame_put_peers(&out, 7, peers_digest(world->workers[worker], is_last, world->now_ns));
    peers_told(world->workers[worker]);
    assert_int_equal(
        frame_open(out.bytes + FRAME_HEAD_BYTES, out.len - FRAME_HEAD_BYTES, &frame, &err), 0);
    assert_int_equal(frame_get_peers(&frame, &sequence, &digest, &err), 0);
    assert_int_equal(sequence, 7);
    peer_merge_add(world->merge, worker, &digest);
    peer_digest_fini(&digest);
    buf_fini(&out);
}

static void judge(struct world *world, bool is_last)
{
    struct stats *found = peer_merge_judge(world->merge, is_last);

    stats_merge(world->sum, found);
    stats_clear(found);
}

static void tick(struct world *world)
{
    for (size_t i = 0; i < world->worker_count; i++) {
        if (!world->is_mute[i])
            send_digest(world, i, false);
    }
    judge(world, false);
}

void world_pass(struct world *world, uint64_t ms)
{
    uint64_t until_ns = world->now_ns + ms * MS;

    while (world->ticked_ns + SECOND <= until_ns) {
        world->now_ns = world->ticked_ns += SECOND;
        tick(world);
    }
    world->now_ns = until_ns;
}

bool world_open(struct world *world, size_t index, uint64_t key, bool is_resumed)
{
    struct world_stream *stream = &world->streams[index];
    struct peers_request request = {.key = key, .method = "GET", .name = "/a"};

    stream->is_open = true;
    stream->opened_ns = world->now_ns;
    return peers_open(world->workers[stream->worker], &stream->peers, &request, is_resumed,
                      world->now_ns);
}

void world_open_all(struct world *world, size_t count, uint64_t key)
{
    for (size_t i = 0; i < count; i++)
        assert_true(world_open(world, i, key, false));
}

void world_close(struct world *world, size_t index)
{
    struct world_stream *stream = &world->streams[index];

    stream->is_open = false;
    world->strange_count += !peers_end(world->workers[stream->worker], &stream->peers);
}

void world_get(struct world *world, size_t index, const char *id, const char *data, uint64_t number)
{
    struct world_stream *stream = &world->streams[index];
    struct sse_event event = {.data = (const uint8_t *)data,
                              .data_bytes = strlen(data),
                              .id = (const uint8_t *)id,
                              .id_bytes = id ? strlen(id) : 0,
                              .has_id = id};

    assert_true(stream->is_open);
    peers_event(world->workers[stream->worker], &stream->peers, &event, number, stream->opened_ns,
                world->now_ns);
}

void world_nth(struct world *world, size_t index, unsigned n)
{
    char data[DATA_BYTES];

    (void)snprintf(data, sizeof data, "{\"price\":%u}", n * 7);
    world_get(world, index, NULL, data, PEER_NO_NUMBER);
}

void world_end(struct world *world)
{
    world_pass(world, 2000);
    for (size_t i = 0; i < WORLD_STREAMS; i++) {
        if (world->streams[i].is_open)
            world_close(world, i);
    }
    for (size_t i = 0; i < world->worker_count; i++)
        send_digest(world, i, true);
    judge(world, true);
}

static struct stat_set *total(const struct world *world)
{
    struct stat_set *set = stat_set_new();

    stats_total(world->sum, set);
    return set;
}

uint64_t world_count(const struct world *world, enum metric metric, const char *tag)
{
    struct stat_set *set = total(world);
    uint64_t count = stat_get_count(set, metric, tag);

    stat_set_free(set);
    return count;
}

static void completeness(const struct world *world, uint64_t *passes, uint64_t *fails)
{
    struct stat_set *set = total(world);

    stat_get_rate(set, METRIC_SSE_PEER_COMPLETENESS, NULL, passes, fails);
    stat_set_free(set);
}

uint64_t world_got(const struct world *world)
{
    uint64_t passes, fails;

    completeness(world, &passes, &fails);
    return passes;
}

uint64_t world_not_got(const struct world *world)
{
    uint64_t passes, fails;

    completeness(world, &passes, &fails);
    return fails;
}

void world_assert_quiet(const struct world *world)
{
    assert_int_equal(world_count(world, METRIC_SSE_PEER_MISSED, NULL), 0);
    assert_int_equal(world_count(world, METRIC_SSE_MISSED, NULL), 0);
    assert_int_equal(world_not_got(world), 0);
}

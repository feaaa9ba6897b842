/*
 * Worker processes with streams that get what a test says, and the controller that puts their
 * reports together, each digest carried as bytes. Time is the test's.
 */
#ifndef PEERS_WORLD_H
#define PEERS_WORLD_H

#include "fleet/peer_merge.h"
#include "sse/peers.h"
#include "stats/stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORLD_WORKERS = 4, WORLD_STREAMS = 512 };

struct world_stream {
    struct peers_stream peers;
    size_t worker;
    uint64_t opened_ns;
    bool is_open;
};

struct world {
    struct peers *workers[WORLD_WORKERS];
    bool is_mute[WORLD_WORKERS]; /* its ticks do not leave */
    size_t worker_count;
    struct world_stream streams[WORLD_STREAMS];
    struct peer_merge *merge;
    struct stats *sum;
    uint64_t now_ns;
    uint64_t ticked_ns;
    uint64_t skipped_at_once, missed_at_once;
    size_t strange_count; /* streams that could not be compared */
};

/* Time starts at 1000 s. */
void world_init(struct world *world, size_t worker_count);
void world_fini(struct world *world);
/* Time passes; a tick of all each second of it. */
void world_pass(struct world *world, uint64_t ms);
/* Stream `index` of worker `index` modulo their number. */
bool world_open(struct world *world, size_t index, uint64_t key, bool is_resumed);
/* Streams 0 to `count` - 1, none of them resumed. */
void world_open_all(struct world *world, size_t count, uint64_t key);
void world_close(struct world *world, size_t index);
/* An event with this id (NULL: none) and data; its number in a sequence where `number` says so. */
void world_get(struct world *world, size_t index, const char *id, const char *data,
               uint64_t number);
/* The event number `n`: data alone, different for each. */
void world_nth(struct world *world, size_t index, unsigned n);
/* All streams are over, the last ticks come, everything is judged. */
void world_end(struct world *world);

/* What was found by then, all endpoints together. */
uint64_t world_count(const struct world *world, enum metric metric, const char *tag);
uint64_t world_got(const struct world *world);     /* of sse_peer_completeness */
uint64_t world_not_got(const struct world *world); /* likewise */
/* Nothing whatever is held against anyone. */
void world_assert_quiet(const struct world *world);

#endif

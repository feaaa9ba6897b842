/*
 * bench/bench_audit.c - what judging events costs in load/delivery alone: nanoseconds an event for
 * each order of ids, and bytes a stream. One object of JSON on standard output.
 *
 * Many streams take turns, so that each finds its state as cold as a worker with as many does.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "load/delivery.h"
#include "load/plan.h"
#include "stats/set.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STREAMS = 10000, EVENTS = 200, ROUNDS = 7, MEMORY_STREAMS = 100000, TEXT_BYTES = 160 };

struct kind {
    const char *name, *event_seq;
    void (*put_id)(char text[static TEXT_BYTES], uint64_t number);
    uint64_t key; /* all streams are peers; 0: they are not compared */
};

static void put_plain(char text[static TEXT_BYTES], uint64_t number)
{
    (void)snprintf(text, TEXT_BYTES, "%" PRIu64, number);
}

static void put_redis(char text[static TEXT_BYTES], uint64_t number)
{
    (void)snprintf(text, TEXT_BYTES, "%" PRIu64 "-0", 1700000000000 + 7 * number);
}

static void put_random(char text[static TEXT_BYTES], uint64_t number)
{
    uint64_t mixed = number * 0x9E3779B97F4A7C15u;

    (void)snprintf(text, TEXT_BYTES, "%016" PRIx64 "-%016" PRIx64 "f", mixed, mixed * 31);
}

/* Behind the fields that events usually begin with. */
static void put_data(char text[static TEXT_BYTES], uint64_t number)
{
    (void)snprintf(text, TEXT_BYTES,
                   "{\"type\":\"tick\",\"sent_ms\":1700000000000.25,\"seq\":%" PRIu64
                   ",\"text\":\"abcdefghijklmnopqrstuvwxyzabcdef\"}",
                   number);
}

static const struct kind kinds[] = {
    {"off", "none", put_plain, 0},      {"dense", NULL, put_plain, 0},
    {"sparse", NULL, put_redis, 0},     {"no_order", NULL, put_random, 0},
    {"pointer", "/seq", put_data, 0},   {"peers", "none", put_data, 1},
    {"dense_peers", NULL, put_plain, 1}};

static struct delivery_place *make_place(struct delivery *delivery, struct stat_set *set)
{
    return delivery_place_of(
        delivery, &(struct delivery_endpoint){.method = "GET", .name = "/a", .set = set});
}

/* The event that all streams get, as id and as data. */
static struct sse_event make_event(const char *text)
{
    return (struct sse_event){
        .data = (const uint8_t *)text,
        .data_bytes = strlen(text),
        .id = (const uint8_t *)text,
        .id_bytes = strlen(text),
        .has_id = true,
    };
}

/* Nanoseconds an event; false in `*is_sound` unless every event was judged and none missed. */
static double measure(const struct kind *kind, bool *is_sound)
{
    struct plan_checks checks = {.event_seq = kind->event_seq ? x_strdup(kind->event_seq) : NULL};
    struct delivery *delivery = delivery_new(&checks, false);
    struct stat_set *set = stat_set_new();
    struct delivery_place *place = make_place(delivery, set);
    struct delivery_stream **streams = x_calloc(STREAMS, sizeof(struct delivery_stream *));
    struct delivery_opening opening = {.key = kind->key};
    uint64_t started_ns, spent_ns = 0, judged;
    char text[TEXT_BYTES];

    for (size_t i = 0; i < STREAMS; i++)
        delivery_open(place, &streams[i], &opening, 1);
    for (uint64_t number = 1; number <= EVENTS; number++) {
        struct sse_event event;

        kind->put_id(text, number);
        event = make_event(text);
        started_ns = clock_cpu_ns();
        for (size_t i = 0; i < STREAMS; i++)
            delivery_event(place, &streams[i], &event, 2);
        spent_ns += clock_cpu_ns() - started_ns;
    }
    for (size_t i = 0; i < STREAMS; i++)
        delivery_end(place, &streams[i]);
    delivery_flush(delivery, true);
    judged = stat_get_count(set, METRIC_SSE_SEQUENCED, NULL);
    if (judged != (kind->event_seq && strcmp(kind->event_seq, "none") == 0
                       ? 0
                       : (uint64_t)STREAMS * EVENTS) ||
        stat_get_count(set, METRIC_SSE_MISSED, NULL) > 0 ||
        stat_get_count(set, METRIC_SSE_DUPLICATES, NULL) > 0)
        *is_sound = false;
    free(streams);
    delivery_free(delivery);
    stat_set_free(set);
    free(checks.event_seq);
    return (double)spent_ns / STREAMS / EVENTS;
}

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static double measure_median(const struct kind *kind, bool *is_sound)
{
    double rounds[ROUNDS];

    for (int round = 0; round < ROUNDS; round++)
        rounds[round] = measure(kind, is_sound);
    qsort(rounds, ROUNDS, sizeof rounds[0], compare_doubles);
    return rounds[ROUNDS / 2];
}

static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* Of streams that had events; what all share is made before. */
static double measure_memory(void)
{
    struct plan_checks checks = {0};
    struct delivery *delivery = delivery_new(&checks, false);
    struct stat_set *set = stat_set_new();
    struct delivery_place *place = make_place(delivery, set);
    struct delivery_stream **streams = x_calloc(MEMORY_STREAMS, sizeof(struct delivery_stream *));
    struct delivery_opening opening = {0};
    size_t before = heap_bytes(), after;
    char text[TEXT_BYTES];

    for (size_t i = 0; i < MEMORY_STREAMS; i++) {
        delivery_open(place, &streams[i], &opening, 1);
        for (uint64_t number = 1; number <= 5; number++) {
            struct sse_event event;

            put_plain(text, number);
            event = make_event(text);
            delivery_event(place, &streams[i], &event, 2);
        }
    }
    after = heap_bytes();
    free(streams);
    delivery_free(delivery);
    stat_set_free(set);
    return (double)(after - before) / MEMORY_STREAMS;
}

int main(void)
{
    bool is_sound = true;

    printf("{\"stream_bytes\": %.1f", measure_memory());
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        printf(", \"%s_ns\": %.1f", kinds[i].name, measure_median(&kinds[i], &is_sound));
    puts("}");
    if (is_sound)
        return EXIT_SUCCESS;
    fputs("bench_audit: events were lost, or found to be\n", stderr);
    return EXIT_FAILURE;
}

/*
 * bench/bench_parser.c - nanoseconds an event in the event-stream parser.
 *
 * Feeds a slice of many equal events, whole, and each event alone in one and in three pieces;
 * prints the median of several rounds as a line for each size. No I/O but the table.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "sse/parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS_A_SLICE = 64, EVENTS_A_ROUND = 64 * 4096, ROUNDS = 9 };

static uint64_t events_seen, data_bytes_seen;

static void on_event(struct sse_parser *parser, const struct sse_event *event, uint64_t now_ns)
{
    (void)parser;
    (void)now_ns;
    events_seen++;
    data_bytes_seen += event->data_bytes;
}

/* One event of exactly `size` bytes: id, name and a data line filled up with text. */
static void append_event(struct buf *out, int number, size_t size)
{
    size_t start = out->len;

    (void)buf_appendf(out, "id: %05d\nevent: tick\ndata: {\"seq\":%05d,\"text\":\"", number,
                      number);
    while (out->len - start < size - 4)
        (void)buf_append_byte(out, 'x');
    (void)buf_append_text(out, "\"}\n\n");
}

/* Feeds `pieces` pieces an event; 0 means the slice as a whole. */
static void feed(struct sse_parser *parser, const struct buf *slice, size_t size, size_t pieces)
{
    if (pieces == 0) {
        (void)sse_parser_feed(parser, slice->bytes, slice->len, 0);
        return;
    }
    for (size_t at = 0; at < slice->len; at += size) {
        for (size_t i = 0; i < pieces; i++) {
            size_t from = size * i / pieces, to = size * (i + 1) / pieces;

            (void)sse_parser_feed(parser, slice->bytes + at + from, to - from, 0);
        }
    }
}

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static double measure(struct sse_shared *shared, size_t size, size_t pieces)
{
    struct buf slice = {0};
    struct sse_parser parser;
    double rounds[ROUNDS];

    sse_parser_init(&parser, shared);
    for (int i = 0; i < EVENTS_A_SLICE; i++)
        append_event(&slice, 10000 + i, size);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t started_ns = clock_cpu_ns();

        for (int fed = 0; fed < EVENTS_A_ROUND; fed += EVENTS_A_SLICE)
            feed(&parser, &slice, size, pieces);
        rounds[round] = (double)(clock_cpu_ns() - started_ns) / EVENTS_A_ROUND;
    }
    sse_parser_fini(&parser);
    buf_fini(&slice);
    qsort(rounds, ROUNDS, sizeof rounds[0], compare_doubles);
    return rounds[ROUNDS / 2];
}

int main(void)
{
    static const size_t sizes[] = {80, 120, 200};
    static const struct sse_handlers handlers = {.on_event = on_event};
    struct sse_shared *shared = sse_shared_new(&handlers, SSE_LIMIT_DEFAULT_BYTES);
    uint64_t expected = 0;

    puts("ns an event (median)  64 in a slice  alone, whole  alone, 2 cuts");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        double slice = measure(shared, sizes[i], 0), alone = measure(shared, sizes[i], 1);
        double cut = measure(shared, sizes[i], 3);

        printf("%4zu bytes            %13.1f %13.1f %14.1f\n", sizes[i], slice, alone, cut);
        expected += (uint64_t)3 * ROUNDS * EVENTS_A_ROUND;
    }
    sse_shared_free(shared);
    if (events_seen == expected && data_bytes_seen > events_seen)
        return EXIT_SUCCESS;
    fputs("bench_parser: events were lost\n", stderr);
    return EXIT_FAILURE;
}

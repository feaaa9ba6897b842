/*
 * bench/bench_decode.c - what a compressed stream costs: nanoseconds an event and bytes of memory.
 *
 * Events of 120 bytes, each flushed by the server and decoded on its own, with the compressors at
 * the levels of servers. The memory is what the decoder holds, the most between two feeds so far;
 * that of br grows up to its window. No I/O but the table.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "compressor.h"
#include "http/decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_BYTES = 120, EVENTS = 100 * 1000, ROUNDS = 9, MOMENTS = 3 };

static const size_t moments[MOMENTS] = {1, 1000, EVENTS}; /* when the memory is looked at */

/* A stream as it comes from the server: the events end at `ends`. */
struct stream {
    struct buf bytes;
    size_t *ends;
};

struct figures {
    double event_ns;
    double wire_bytes; /* an event */
    size_t memory_bytes[MOMENTS];
};

static bool count_bytes(void *ctx, const uint8_t *bytes, size_t len)
{
    uint64_t *byte_count = ctx;

    (void)bytes;
    *byte_count += len;
    return true;
}

/* One event of exactly EVENT_BYTES: a number that counts, a value and a text that change. */
static void make_event(struct buf *out, struct rng *rng, size_t number)
{
    buf_clear(out);
    (void)buf_appendf(out,
                      "id: %06zu\nevent: tick\ndata: {\"seq\":%06zu,\"value\":%04u,\"text\":\"",
                      number, number, (unsigned)(rng_next(rng) % 10000));
    while (out->len < EVENT_BYTES - 4)
        (void)buf_append_byte(out, (uint8_t)('a' + rng_next(rng) % 26));
    (void)buf_append_text(out, "\"}\n\n");
}

static void make_stream(enum compressor_format format, struct stream *stream)
{
    struct compressor *compressor = compressor_new(format);
    struct buf event = {0};
    struct rng rng;

    rng_init(&rng, 1);
    stream->bytes = (struct buf){0};
    stream->ends = x_calloc(EVENTS, sizeof stream->ends[0]);
    for (size_t i = 0; i < EVENTS; i++) {
        make_event(&event, &rng, i);
        compressor_add(compressor, event.bytes, event.len, &stream->bytes);
        stream->ends[i] = stream->bytes.len;
    }
    compressor_free(compressor);
    buf_fini(&event);
}

/* Decodes the stream once. Fills `memory_bytes` unless it is NULL. False when events were lost. */
static bool run(const char *coding, const struct stream *stream, size_t *memory_bytes)
{
    bool is_known;
    struct decoder *decoder = decoder_new(coding, strlen(coding), &is_known);
    uint64_t byte_count = 0;
    size_t at = 0, most = 0, moment = 0;

    for (size_t i = 0; i < EVENTS; i++) {
        (void)decoder_feed(decoder, stream->bytes.bytes + at, stream->ends[i] - at, count_bytes,
                           &byte_count);
        at = stream->ends[i];
        if (!memory_bytes)
            continue;
        if (decoder_memory_bytes(decoder) > most)
            most = decoder_memory_bytes(decoder);
        if (moment < MOMENTS && i + 1 == moments[moment])
            memory_bytes[moment++] = most;
    }
    decoder_free(decoder);
    return byte_count == (uint64_t)EVENTS * EVENT_BYTES;
}

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static bool measure(const char *coding, enum compressor_format format, struct figures *figures)
{
    struct stream stream;
    double rounds[ROUNDS];
    bool is_complete;

    make_stream(format, &stream);
    figures->wire_bytes = (double)stream.bytes.len / EVENTS;
    is_complete = run(coding, &stream, figures->memory_bytes);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t started_ns = clock_cpu_ns();

        is_complete = run(coding, &stream, NULL) && is_complete;
        rounds[round] = (double)(clock_cpu_ns() - started_ns) / EVENTS;
    }
    qsort(rounds, ROUNDS, sizeof rounds[0], compare_doubles);
    figures->event_ns = rounds[ROUNDS / 2];
    buf_fini(&stream.bytes);
    free(stream.ends);
    return is_complete;
}

int main(void)
{
    static const struct {
        const char *name, *coding;
        enum compressor_format format;
    } rows[] = {
        {"gzip", "gzip", COMPRESSOR_GZIP},
        {"deflate", "deflate", COMPRESSOR_ZLIB},
        {"deflate, bare", "deflate", COMPRESSOR_RAW},
        {"br", "br", COMPRESSOR_BR},
    };
    bool is_complete = true;

    printf("%-14s %9s %11s   memory after %zu, %zu and %zu events\n", "120 bytes", "ns/event",
           "wire bytes", moments[0], moments[1], moments[2]);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct figures figures;

        is_complete = measure(rows[i].coding, rows[i].format, &figures) && is_complete;
        printf("%-14s %9.0f %11.1f  ", rows[i].name, figures.event_ns, figures.wire_bytes);
        for (size_t moment = 0; moment < MOMENTS; moment++)
            printf(" %9zu", figures.memory_bytes[moment]);
        puts("");
    }
    if (is_complete)
        return EXIT_SUCCESS;
    fputs("bench_decode: events were lost\n", stderr);
    return EXIT_FAILURE;
}

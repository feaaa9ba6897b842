/*
 * bench/bare.h - what the bare tools share: the bytes on the wire, sockets, clocks and options.
 *
 * The bare tools are the yardstick, so they use no code of cicada's: a fault in src/ cannot move
 * both sides of a comparison. They run on loopback only; anything that fails ends them with a
 * sentence.
 */
#ifndef CICADA_BENCH_BARE_H
#define CICADA_BENCH_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BARE_EVENT_BYTES = 120, /* one event as SSE text, its blank line included */
    BARE_EVENT_BYTES_MIN = 32,
    BARE_EVENT_BYTES_LIMIT = 4096,
    BARE_BATCH_LIMIT = 64,
    BARE_PAYLOAD_LIMIT_BYTES = BARE_BATCH_LIMIT * (BARE_EVENT_BYTES_LIMIT + 16),
    BARE_ID_DIGITS = 8,
    BARE_ID_FIRST = 10000000, /* so that every id has BARE_ID_DIGITS digits */
    BARE_STAMP_DIGITS = 19,
    BARE_PORTS_PER_SOURCE = 28000
};

/* The request of the clients, and the server's response head. */
extern const char BARE_REQUEST[];
extern const char BARE_HEAD[];

/* What one send carries. */
struct bare_payload {
    char bytes[BARE_PAYLOAD_LIMIT_BYTES];
    size_t len;
    size_t events_count;
    size_t id_offsets[BARE_BATCH_LIMIT]; /* where the id of each event stands */
    size_t data_offsets[BARE_BATCH_LIMIT];
};

/* `batch` events of `event_bytes` each: all in one chunk, or one chunk each. */
void bare_payload_build(struct bare_payload *payload, size_t event_bytes, size_t batch,
                        bool one_chunk_each);
/* Numbers the events `first`, `first` + 1 and so on. */
void bare_payload_number(struct bare_payload *payload, uint64_t first);
/* Begins the data of each event with `now_ns` in BARE_STAMP_DIGITS digits. */
void bare_payload_stamp(struct bare_payload *payload, uint64_t now_ns);

uint64_t bare_now_ns(void);
/* CPU time of this process, user and system. */
uint64_t bare_cpu_ns(void);

/* Prints "bare: " and the sentence to standard error; exit 1. */
void bare_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* The value of --`option`, or a sentence and exit 1. */
uint64_t bare_parse_uint(const char *option, const char *text, uint64_t max);
/* Raises the limit of open files as far as it goes and returns it. */
size_t bare_raise_file_limit(void);

/*
 * A TCP socket bound to 127.0.0.(1 + `index` % `sources`), or to nothing when `sources` is 0. The
 * port is left to connect(), which may then use it for several peers. `flags` go to socket().
 */
int bare_socket_open(uint64_t index, uint64_t sources, int flags);
/* connect() to 127.0.0.1: 0, or -1 with errno. */
int bare_socket_connect(int fd, uint16_t port);

#endif

/*
 * bench/bare_reader.c - the yardstick for CPU per event: opens streams, reads, counts bytes.
 *
 * One process, edge-triggered epoll, one shared buffer, one read a readiness unless the buffer came
 * back full. SIGUSR1 sets a mark (CPU, bytes and reads so far). SIGTERM, SIGINT, --duration or the
 * end of the last stream ends the run, and one line of JSON says what was read in all and between
 * the first and the last mark.
 *
 * With --stamps it notes how old each stamped event is when read, and tells the median since the
 * first mark.
 *
 * With --tls CAFILE the streams are TLS: then a readiness is read until OpenSSL wants more, bytes
 * are those inside the records, and reads are calls of SSL_read.
 */
#include "bare.h"
#include "bare_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BUFFER_BYTES = 65536, READY_LIMIT = 512, MARKS_LIMIT = 2, DELAYS_LIMIT_US = 100000 };

struct options {
    uint16_t port;
    uint64_t streams, sources, rate_per_s, duration_ns;
    uint64_t event_bytes, batch;
    bool one_chunk_each, has_stamps;
    const char *ca_file; /* NULL: no TLS */
};

struct tls_stream {
    SSL *tls;
    bool has_asked;  /* the handshake is done and the request sent */
    bool is_trimmed; /* the answer has begun, and with that the tickets are over */
};

struct counts {
    uint64_t opened, ended, bytes, reads, cpu_ns, at_ns;
};

struct reader {
    struct options options;
    int epoll;
    SSL_CTX *tls;
    struct tls_stream *tls_streams; /* with TLS, by descriptor */
    uint64_t started_ns;
    struct counts total;
    struct counts marks[MARKS_LIMIT]; /* the first and the last */
    size_t marks_count;
    uint64_t head_bytes, payload_bytes; /* response head with the first event; one payload */
    uint32_t delays[DELAYS_LIMIT_US];   /* events by microseconds from send to read */
};

/* Set by signal handlers, read by the loop: the one way a signal can tell it something. */
static volatile sig_atomic_t stop_wanted, mark_wanted;

static void on_signal(int number)
{
    if (number == SIGUSR1)
        mark_wanted = 1;
    else
        stop_wanted = 1;
}

static struct options parse_options(int argc, char **argv)
{
    static const struct option table[] = {{"port", required_argument, NULL, 'p'},
                                          {"streams", required_argument, NULL, 'n'},
                                          {"sources", required_argument, NULL, 's'},
                                          {"rate", required_argument, NULL, 'r'},
                                          {"duration", required_argument, NULL, 'd'},
                                          {"event-bytes", required_argument, NULL, 'e'},
                                          {"batch", required_argument, NULL, 'b'},
                                          {"chunk-each", no_argument, NULL, 'c'},
                                          {"tls", required_argument, NULL, 't'},
                                          {"stamps", no_argument, NULL, 'S'},
                                          {NULL, 0, NULL, 0}};
    struct options options = {
        .streams = 1000, .rate_per_s = 5000, .event_bytes = BARE_EVENT_BYTES, .batch = 1};
    int letter;

    while ((letter = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (letter == 'p')
            options.port = (uint16_t)bare_parse_uint("port", optarg, UINT16_MAX);
        else if (letter == 'n')
            options.streams = bare_parse_uint("streams", optarg, 1000000);
        else if (letter == 's')
            options.sources = bare_parse_uint("sources", optarg, 254);
        else if (letter == 'r')
            options.rate_per_s = bare_parse_uint("rate", optarg, 1000000);
        else if (letter == 'd')
            options.duration_ns = bare_parse_uint("duration", optarg, 86400) * 1000000000;
        else if (letter == 'e')
            options.event_bytes = bare_parse_uint("event-bytes", optarg, BARE_EVENT_BYTES_LIMIT);
        else if (letter == 'b')
            options.batch = bare_parse_uint("batch", optarg, BARE_BATCH_LIMIT);
        else if (letter == 'c')
            options.one_chunk_each = true;
        else if (letter == 't')
            options.ca_file = optarg;
        else if (letter == 'S')
            options.has_stamps = true;
        else
            bare_die("usage: bare_reader --port N [--streams N] [--rate N] [--sources N] "
                     "[--duration S] [--event-bytes N] [--batch N] [--chunk-each] [--stamps] "
                     "[--tls CAFILE]");
    }
    if (options.port == 0 || options.rate_per_s == 0)
        bare_die("--port and --rate must be above 0");
    if (options.sources == 0 && options.streams > BARE_PORTS_PER_SOURCE)
        options.sources = options.streams / BARE_PORTS_PER_SOURCE + 1;
    return options;
}

/* What the client needs to turn bytes into events: the sizes that the server is known to send. */
static void learn_sizes(struct reader *reader)
{
    const struct options *options = &reader->options;
    struct bare_payload *payload = malloc(sizeof *payload);

    if (!payload)
        bare_die("out of memory");
    bare_payload_build(payload, options->event_bytes, 1, false);
    reader->head_bytes = strlen(BARE_HEAD) + payload->len;
    bare_payload_build(payload, options->event_bytes, options->batch, options->one_chunk_each);
    reader->payload_bytes = payload->len;
    free(payload);
}

/* The descriptor blocks no more from here on: OpenSSL reads without MSG_DONTWAIT. */
static void start_tls(struct reader *reader, int fd)
{
    if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
        bare_die("cannot make a socket non-blocking: %s", strerror(errno));
    reader->tls_streams[fd] = (struct tls_stream){.tls = bare_tls_connect(reader->tls, fd, NULL)};
    if (bare_tls_write(reader->tls_streams[fd].tls, BARE_REQUEST, strlen(BARE_REQUEST)) < 0)
        bare_tls_die("cannot start the handshake");
}

/* A blocking connect ends at once on loopback, and reads ask for MSG_DONTWAIT one by one. */
static void open_stream(struct reader *reader)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
    int fd = bare_socket_open(reader->total.opened, reader->options.sources, 0);

    if (bare_socket_connect(fd, reader->options.port) < 0)
        bare_die("cannot connect: %s", strerror(errno));
    if (reader->tls)
        start_tls(reader, fd);
    else if (send(fd, BARE_REQUEST, strlen(BARE_REQUEST), MSG_NOSIGNAL) < 0)
        bare_die("cannot send: %s", strerror(errno));
    event.data.fd = fd;
    if (epoll_ctl(reader->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        bare_die("cannot watch a socket: %s", strerror(errno));
    reader->total.opened++;
}

/* Of events that the server stamped with its send; the clock is read once for each read. */
static void note_delays(struct reader *reader, const uint8_t *bytes, size_t len)
{
    static const char mark[] = "data: 0"; /* the first event of a stream has no stamp */
    uint64_t now_ns = bare_now_ns();
    const uint8_t *end = bytes + len;

    while ((bytes = memmem(bytes, (size_t)(end - bytes), mark, strlen(mark))) != NULL) {
        uint64_t sent_ns = 0, us;

        bytes += strlen(mark);
        if (end - bytes < BARE_STAMP_DIGITS - 1)
            return;
        for (int i = 0; i < BARE_STAMP_DIGITS - 1; i++)
            sent_ns = sent_ns * 10 + (uint64_t)(*bytes++ - '0');
        us = (now_ns - sent_ns) / 1000;
        reader->delays[us < DELAYS_LIMIT_US ? us : DELAYS_LIMIT_US - 1]++;
    }
}

static void read_stream(struct reader *reader, int fd)
{
    static uint8_t buffer[READ_BUFFER_BYTES];
    ssize_t got;

    do {
        got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
        reader->total.reads++;
        if (got > 0)
            reader->total.bytes += (uint64_t)got;
        if (got > 0 && reader->options.has_stamps)
            note_delays(reader, buffer, (size_t)got);
    } while (got == (ssize_t)sizeof buffer);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        reader->total.ended++;
        (void)close(fd);
    }
}

/* The write is the handshake until that is done; then it sends the request, once. */
static bool has_asked(struct tls_stream *stream)
{
    ssize_t sent;

    if (stream->has_asked)
        return true;
    sent = bare_tls_write(stream->tls, BARE_REQUEST, strlen(BARE_REQUEST));
    if (sent < 0)
        bare_tls_die("the handshake failed");
    stream->has_asked = sent > 0;
    return stream->has_asked;
}

static void read_tls_stream(struct reader *reader, int fd)
{
    static uint8_t buffer[READ_BUFFER_BYTES];
    struct tls_stream *stream = &reader->tls_streams[fd];
    uint64_t before = reader->total.bytes;
    ssize_t got;

    if (!has_asked(stream))
        return;
    do {
        got = bare_tls_read(stream->tls, buffer, sizeof buffer);
        reader->total.reads++;
        if (got > 0)
            reader->total.bytes += (uint64_t)got;
    } while (got > 0);
    if (got == 0 && !stream->is_trimmed && reader->total.bytes > before) {
        bare_tls_trim(stream->tls);
        stream->is_trimmed = true;
    }
    if (got < 0) {
        reader->total.ended++;
        bare_tls_free(stream->tls);
        (void)close(fd);
    }
}

/* Opens what is due and returns how long the loop may wait, in ms; -1 for ever. */
static int open_due(struct reader *reader)
{
    const struct options *options = &reader->options;
    uint64_t now_ns = bare_now_ns();
    uint64_t due = (now_ns - reader->started_ns) * options->rate_per_s / 1000000000 + 1;

    if (due > options->streams)
        due = options->streams;
    for (int burst = 0; burst < 32 && reader->total.opened < due; burst++)
        open_stream(reader);
    if (options->duration_ns && now_ns - reader->started_ns >= options->duration_ns)
        stop_wanted = 1;
    if (reader->total.opened < options->streams)
        return reader->total.opened < due ? 0 : 1;
    return options->duration_ns ? 100 : -1;
}

static void take_mark(struct reader *reader)
{
    size_t index = reader->marks_count ? 1 : 0;

    mark_wanted = 0;
    if (index == 0)
        memset(reader->delays, 0, sizeof reader->delays);
    reader->marks[index] = reader->total;
    reader->marks[index].cpu_ns = bare_cpu_ns();
    reader->marks[index].at_ns = bare_now_ns();
    reader->marks_count = index + 1;
}

/* Signals arrive only inside the wait: none is lost between a look at the flags and the wait. */
static void run(struct reader *reader, const sigset_t *wait_mask)
{
    static struct epoll_event ready[READY_LIMIT];

    while (!stop_wanted && reader->total.ended < reader->options.streams) {
        int wait_ms = reader->total.opened < reader->options.streams || reader->options.duration_ns
                          ? open_due(reader)
                          : -1;
        int count = epoll_pwait(reader->epoll, ready, READY_LIMIT, wait_ms, wait_mask);

        for (int i = 0; i < count; i++) {
            if (reader->tls)
                read_tls_stream(reader, ready[i].data.fd);
            else
                read_stream(reader, ready[i].data.fd);
        }
        if (mark_wanted)
            take_mark(reader);
    }
}

static uint64_t events_of(const struct reader *reader)
{
    uint64_t heads = reader->total.opened * reader->head_bytes;

    if (reader->total.bytes < heads)
        return 0;
    return reader->total.opened +
           (reader->total.bytes - heads) / reader->payload_bytes * reader->options.batch;
}

static uint64_t median_delay_us(const struct reader *reader)
{
    uint64_t all = 0, below = 0, us = 0;

    for (size_t i = 0; i < DELAYS_LIMIT_US; i++)
        all += reader->delays[i];
    while (us < DELAYS_LIMIT_US - 1 && below + reader->delays[us] <= all / 2)
        below += reader->delays[us++];
    return us;
}

static void report(const struct reader *reader)
{
    const struct counts *total = &reader->total, *first = &reader->marks[0];
    const struct counts *last = reader->marks_count > 1 ? &reader->marks[1] : first;

    printf("{\"opened\": %" PRIu64 ", \"ended\": %" PRIu64 ", \"events\": %" PRIu64
           ", \"bytes\": %" PRIu64 ", \"reads\": %" PRIu64 ", \"cpu_ns\": %" PRIu64,
           total->opened, total->ended, events_of(reader), total->bytes, total->reads,
           bare_cpu_ns());
    if (reader->options.has_stamps)
        printf(", \"delay_p50_us\": %" PRIu64, median_delay_us(reader));
    printf(", \"marked\": {\"ns\": %" PRIu64 ", \"events\": %" PRIu64 ", \"reads\": %" PRIu64
           ", \"cpu_ns\": %" PRIu64 "}}\n",
           last->at_ns - first->at_ns,
           (last->bytes - first->bytes) / reader->payload_bytes * reader->options.batch,
           last->reads - first->reads, last->cpu_ns - first->cpu_ns);
}

static void prepare_tls(struct reader *reader, size_t files_limit)
{
    reader->tls = bare_tls_client_new(reader->options.ca_file);
    reader->tls_streams = calloc(files_limit, sizeof *reader->tls_streams);
    if (!reader->tls_streams)
        bare_die("out of memory");
}

int main(int argc, char **argv)
{
    static struct reader reader;
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t blocked, wait_mask;
    size_t files_limit = bare_raise_file_limit();

    reader.options = parse_options(argc, argv);
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGUSR1);
    (void)sigaddset(&blocked, SIGTERM);
    (void)sigaddset(&blocked, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &blocked, &wait_mask);
    (void)sigaction(SIGUSR1, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    if (reader.options.ca_file)
        prepare_tls(&reader, files_limit);
    learn_sizes(&reader);
    reader.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (reader.epoll < 0)
        bare_die("cannot make an epoll: %s", strerror(errno));
    reader.started_ns = bare_now_ns();
    run(&reader, &wait_mask);
    report(&reader);
    return 0;
}

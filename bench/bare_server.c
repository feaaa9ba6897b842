/*
 * bench/bare_server.c - a bare fan-out SSE server: the ground truth of every measurement.
 *
 * Each stream gets the response head and one event at once, then a payload every interval. The
 * sends of all streams are spread evenly over the interval, so that each payload arrives alone.
 * Streams that got --count events stay open in silence, and with --interval-us 0 all do.
 *
 * With --stamps the data of each event but the first begins with the monotonic clock's time of its
 * send, in nanoseconds.
 *
 * With --processes N, N processes share the port by SO_REUSEPORT, each with its own streams. Two
 * paths are not streams: GET /stats answers what was sent so far, over all processes, and
 * GET /pace?interval_us=N changes the interval. The port is printed once all processes listen.
 *
 * With --tls CERT KEY the port speaks TLS, one SSL_write a send, and a second port is printed
 * behind it: the first process answers the two paths there without TLS, so that looking on costs
 * little.
 */
#include "bare.h"
#include "bare_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PROCESSES_LIMIT = 64,
    READY_LIMIT = 512,
    ACCEPT_BURST = 64,
    SEND_BURST = 64,
    REQUEST_LIMIT_BYTES = 4096,
    ANSWER_BYTES = 1024,
    IDLE_WAIT_NS = 50000000 /* how soon a process notices a new pace */
};

struct options {
    uint16_t port;
    uint64_t processes, interval_ns, count;
    uint64_t event_bytes, batch;
    bool one_chunk_each, has_stamps;
    const char *cert_file, *key_file; /* NULL: no TLS */
};

/* What one process did; written by that process alone, read by whichever answers /stats. */
struct counters {
    _Alignas(64) _Atomic uint64_t streams; /* that were opened so far */
    _Atomic uint64_t open, active, events, payloads, blocked, broken;
    _Atomic uint64_t late_max_ns; /* how far the sends fell behind since the pace was last set */
};

struct board {
    _Atomic uint64_t interval_ns;
    struct counters of[PROCESSES_LIMIT];
};

/* What is made before the processes part. */
struct shared {
    struct board *board;
    SSL_CTX *tls; /* NULL: no TLS */
    int listeners[PROCESSES_LIMIT];
    int control; /* with TLS the second listener of the first process, else -1 */
};

struct stream {
    int fd;
    uint64_t sent;
};

struct server {
    struct options options;
    struct board *board; /* shared by all processes */
    struct counters *mine;
    int epoll, listener;
    int control; /* a listener without TLS for the two paths, or -1 */
    SSL_CTX *tls;
    SSL **tls_of; /* by descriptor: its TLS, or NULL for a plain connection */
    struct stream *streams;
    int32_t *slots; /* by descriptor: the index in streams, or -1 */
    size_t open;
    size_t active; /* of those, the ones that have not had --count events yet */
    size_t cursor;
    uint64_t interval_ns; /* the pace in force */
    uint64_t next_ns;     /* when the stream at the cursor is due */
    struct bare_payload greeting, payload;
};

static void count_up(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by,
                          memory_order_relaxed);
}

static void publish_sizes(struct server *server)
{
    atomic_store_explicit(&server->mine->open, server->open, memory_order_relaxed);
    atomic_store_explicit(&server->mine->active, server->active, memory_order_relaxed);
}

static bool is_complete(const struct server *server, const struct stream *stream)
{
    return server->options.count && stream->sent >= server->options.count;
}

static void close_connection(struct server *server, int fd)
{
    int32_t slot = server->slots[fd];

    if (slot >= 0) {
        struct stream *gap = &server->streams[slot];

        if (!is_complete(server, gap))
            server->active--;
        *gap = server->streams[--server->open];
        server->slots[gap->fd] = slot;
        server->slots[fd] = -1;
        publish_sizes(server);
    }
    if (server->tls_of[fd]) {
        bare_tls_free(server->tls_of[fd]);
        server->tls_of[fd] = NULL;
    }
    (void)close(fd);
}

/*
 * Like send(), but of TLS 0 where not all went out: a record that is cut cannot be taken back, so a
 * full socket buffer means a broken stream there.
 */
static ssize_t send_bytes(struct server *server, int fd, const char *bytes, size_t len)
{
    if (!server->tls_of[fd])
        return send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return bare_tls_write(server->tls_of[fd], bytes, len) == (ssize_t)len ? (ssize_t)len : 0;
}

static void count_sent(struct server *server, struct stream *stream, size_t events_count)
{
    stream->sent += events_count;
    count_up(&server->mine->events, events_count);
    if (is_complete(server, stream)) {
        server->active--;
        publish_sizes(server);
    }
}

static void add_stream(struct server *server, int fd)
{
    struct stream *stream = &server->streams[server->open];

    *stream = (struct stream){.fd = fd};
    server->slots[fd] = (int32_t)server->open++;
    server->active++;
    count_up(&server->mine->streams, 1);
    if (send_bytes(server, fd, server->greeting.bytes, server->greeting.len) !=
        (ssize_t)server->greeting.len) {
        close_connection(server, fd);
        return;
    }
    count_sent(server, stream, 1);
    publish_sizes(server);
}

static void set_pace(struct server *server, uint64_t interval_us)
{
    for (uint64_t i = 0; i < server->options.processes; i++)
        atomic_store(&server->board->of[i].late_max_ns, 0);
    atomic_store(&server->board->interval_ns, interval_us * 1000);
}

static size_t write_stats(const struct server *server, char body[static ANSWER_BYTES])
{
    uint64_t sum[7] = {0}, late_ns = 0;

    for (uint64_t i = 0; i < server->options.processes; i++) {
        const struct counters *of = &server->board->of[i];

        sum[0] += atomic_load(&of->streams);
        sum[1] += atomic_load(&of->open);
        sum[2] += atomic_load(&of->active);
        sum[3] += atomic_load(&of->events);
        sum[4] += atomic_load(&of->payloads);
        sum[5] += atomic_load(&of->blocked);
        sum[6] += atomic_load(&of->broken);
        if (atomic_load(&of->late_max_ns) > late_ns)
            late_ns = atomic_load(&of->late_max_ns);
    }
    return (size_t)snprintf(body, ANSWER_BYTES,
                            "{\"streams\": %" PRIu64 ", \"open\": %" PRIu64 ", \"active\": %" PRIu64
                            ", \"events\": %" PRIu64 ", \"payloads\": %" PRIu64
                            ", \"blocked\": %" PRIu64 ", \"broken\": %" PRIu64
                            ", \"late_max_us\": %" PRIu64 "}\n",
                            sum[0], sum[1], sum[2], sum[3], sum[4], sum[5], sum[6], late_ns / 1000);
}

static void answer_control(struct server *server, int fd, const char *request)
{
    static const char pace[] = "GET /pace?interval_us=";
    char body[ANSWER_BYTES], answer[ANSWER_BYTES * 2];
    int len;

    if (strncmp(request, pace, strlen(pace)) == 0)
        set_pace(server, strtoull(request + strlen(pace), NULL, 10));
    len = snprintf(answer, sizeof answer,
                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   write_stats(server, body), body);
    (void)send_bytes(server, fd, answer, (size_t)len);
    close_connection(server, fd);
}

/* A request comes in one segment on loopback; what follows it on a stream is read and dropped. */
static void take_request(struct server *server, int fd, const char *request)
{
    if (server->slots[fd] >= 0 || !strstr(request, "\r\n\r\n"))
        return;
    if (strncmp(request, "GET /stats", 10) == 0 || strncmp(request, "GET /pace", 9) == 0)
        answer_control(server, fd, request);
    else
        add_stream(server, fd);
}

/* Until there is no more: what OpenSSL has read already makes no further edge. */
static void read_tls(struct server *server, int fd)
{
    char request[REQUEST_LIMIT_BYTES];

    while (server->tls_of[fd]) {
        ssize_t got = bare_tls_read(server->tls_of[fd], request, sizeof request - 1);

        if (got == 0)
            return;
        if (got < 0) {
            close_connection(server, fd);
            return;
        }
        request[got] = '\0';
        take_request(server, fd, request);
    }
}

static void read_connection(struct server *server, int fd)
{
    char request[REQUEST_LIMIT_BYTES];
    ssize_t got = recv(fd, request, sizeof request - 1, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        close_connection(server, fd);
        return;
    }
    request[got] = '\0';
    take_request(server, fd, request);
}

static void accept_connections(struct server *server, int listener)
{
    for (int i = 0; i < ACCEPT_BURST; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;
        event.data.fd = fd;
        server->slots[fd] = -1;
        if (server->tls && listener != server->control)
            server->tls_of[fd] = bare_tls_accept(server->tls, fd);
        if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
            bare_die("cannot watch a socket: %s", strerror(errno));
    }
}

/* A full socket buffer skips the stream's turn: nothing was sent, so nothing is counted as sent. */
static void send_payload(struct server *server, struct stream *stream)
{
    ssize_t sent;

    bare_payload_number(&server->payload, stream->sent);
    if (server->options.has_stamps)
        bare_payload_stamp(&server->payload, bare_now_ns());
    sent = send_bytes(server, stream->fd, server->payload.bytes, server->payload.len);
    if (sent == (ssize_t)server->payload.len) {
        count_up(&server->mine->payloads, 1);
        count_sent(server, stream, server->payload.events_count);
    } else if (sent < 0 && errno == EAGAIN) {
        count_up(&server->mine->blocked, 1);
    } else {
        count_up(&server->mine->broken, 1);
        close_connection(server, stream->fd);
    }
}

static void note_lateness(struct server *server, uint64_t now_ns)
{
    uint64_t late_ns = now_ns - server->next_ns;

    if (late_ns > atomic_load_explicit(&server->mine->late_max_ns, memory_order_relaxed))
        atomic_store_explicit(&server->mine->late_max_ns, late_ns, memory_order_relaxed);
}

/*
 * Sends what is due and returns when to come back. A complete stream keeps its turn, so that the
 * pace of the others does not change towards the end.
 */
static uint64_t send_due(struct server *server, uint64_t now_ns)
{
    uint64_t interval_ns = atomic_load_explicit(&server->board->interval_ns, memory_order_relaxed);

    if (interval_ns != server->interval_ns || server->active == 0) {
        server->interval_ns = interval_ns;
        server->next_ns = now_ns;
    }
    if (interval_ns == 0 || server->active == 0)
        return now_ns + IDLE_WAIT_NS;
    if (now_ns > server->next_ns)
        note_lateness(server, now_ns);
    for (int burst = 0; burst < SEND_BURST && server->active && server->next_ns <= now_ns;
         burst++) {
        struct stream *stream;

        if (server->cursor >= server->open)
            server->cursor = 0;
        stream = &server->streams[server->cursor++];
        server->next_ns += interval_ns / server->open;
        if (!is_complete(server, stream))
            send_payload(server, stream);
    }
    return server->next_ns < now_ns + IDLE_WAIT_NS ? server->next_ns : now_ns + IDLE_WAIT_NS;
}

static void wait_until(struct server *server, uint64_t wake_ns)
{
    static struct epoll_event ready[READY_LIMIT];
    uint64_t now_ns = bare_now_ns(), wait_ns = wake_ns > now_ns ? wake_ns - now_ns : 0;
    struct timespec wait = {.tv_sec = (time_t)(wait_ns / 1000000000),
                            .tv_nsec = (long)(wait_ns % 1000000000)};
    int count = epoll_pwait2(server->epoll, ready, READY_LIMIT, &wait, NULL);

    for (int i = 0; i < count; i++) {
        int fd = ready[i].data.fd;

        if (fd == server->listener || fd == server->control)
            accept_connections(server, fd);
        else if (server->tls_of[fd])
            read_tls(server, fd);
        else
            read_connection(server, fd);
    }
}

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (!memory)
        bare_die("out of memory");
    return memory;
}

static void prepare_payloads(struct server *server)
{
    const struct options *options = &server->options;
    size_t head_bytes = strlen(BARE_HEAD);

    bare_payload_build(&server->payload, options->event_bytes, options->batch,
                       options->one_chunk_each);
    bare_payload_build(&server->greeting, options->event_bytes, 1, false);
    bare_payload_number(&server->greeting, 0);
    memmove(server->greeting.bytes + head_bytes, server->greeting.bytes, server->greeting.len);
    memcpy(server->greeting.bytes, BARE_HEAD, head_bytes);
    server->greeting.len += head_bytes;
    server->greeting.id_offsets[0] += head_bytes;
}

static void watch_listener(const struct server *server, int listener)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};

    if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        bare_die("cannot watch a listener: %s", strerror(errno));
}

static void serve(const struct options *options, const struct shared *shared, size_t index)
{
    struct server *server = zeroed(1, sizeof *server);
    size_t limit = bare_raise_file_limit();

    server->options = *options;
    server->board = shared->board;
    server->mine = &shared->board->of[index];
    server->listener = shared->listeners[index];
    server->control = index == 0 ? shared->control : -1;
    server->tls = shared->tls;
    server->tls_of = zeroed(limit, sizeof(SSL *));
    server->streams = zeroed(limit, sizeof *server->streams);
    server->slots = zeroed(limit, sizeof *server->slots);
    prepare_payloads(server);
    /* Without this the kernel may wake us 50 us late, which would bunch the sends. */
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (server->epoll < 0)
        bare_die("cannot make an epoll: %s", strerror(errno));
    watch_listener(server, server->listener);
    if (server->control >= 0)
        watch_listener(server, server->control);
    for (;;)
        wait_until(server, send_due(server, bare_now_ns()));
}

/*
 * No delay: else Nagle holds an event back until the one before it is acknowledged. `port` 0 is
 * replaced by the kernel's choice.
 */
static int listen_on(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t len = sizeof address;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, SOMAXCONN) < 0 || getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        bare_die("cannot listen on port %u: %s", (unsigned)*port, strerror(errno));
    *port = ntohs(address.sin_port);
    return fd;
}

static struct options parse_options(int argc, char **argv)
{
    static const struct option table[] = {
        {"port", required_argument, NULL, 'p'},        {"processes", required_argument, NULL, 'n'},
        {"interval-us", required_argument, NULL, 'i'}, {"count", required_argument, NULL, 'k'},
        {"event-bytes", required_argument, NULL, 'e'}, {"batch", required_argument, NULL, 'b'},
        {"chunk-each", no_argument, NULL, 'c'},        {"stamps", no_argument, NULL, 's'},
        {"tls", required_argument, NULL, 't'},         {NULL, 0, NULL, 0}};
    struct options options = {.processes = 1, .event_bytes = BARE_EVENT_BYTES, .batch = 1};
    int letter;

    while ((letter = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (letter == 'p')
            options.port = (uint16_t)bare_parse_uint("port", optarg, UINT16_MAX);
        else if (letter == 'n')
            options.processes = bare_parse_uint("processes", optarg, PROCESSES_LIMIT);
        else if (letter == 'i')
            options.interval_ns = bare_parse_uint("interval-us", optarg, UINT32_MAX) * 1000;
        else if (letter == 'k')
            options.count = bare_parse_uint("count", optarg, UINT32_MAX);
        else if (letter == 'e')
            options.event_bytes = bare_parse_uint("event-bytes", optarg, BARE_EVENT_BYTES_LIMIT);
        else if (letter == 'b')
            options.batch = bare_parse_uint("batch", optarg, BARE_BATCH_LIMIT);
        else if (letter == 'c')
            options.one_chunk_each = true;
        else if (letter == 's')
            options.has_stamps = true;
        else if (letter == 't' && optind < argc) {
            options.cert_file = optarg;
            options.key_file = argv[optind++];
        } else
            bare_die("usage: bare_server [--port N] [--processes N] [--interval-us N] [--count N] "
                     "[--event-bytes N] [--batch N] [--chunk-each] [--stamps] [--tls CERT KEY]");
    }
    if (options.has_stamps && options.event_bytes < BARE_EVENT_BYTES)
        bare_die("--stamps needs events of at least %d bytes", BARE_EVENT_BYTES);
    if (options.processes == 0 || options.batch == 0 || options.event_bytes < BARE_EVENT_BYTES_MIN)
        bare_die("--processes and --batch must be above 0, --event-bytes at least %d",
                 BARE_EVENT_BYTES_MIN);
    return options;
}

static void fork_server(const struct options *options, const struct shared *shared, size_t index)
{
    pid_t child = fork();

    if (child < 0)
        bare_die("cannot fork: %s", strerror(errno));
    if (child > 0)
        return;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < options->processes; i++) {
        if (i != index)
            (void)close(shared->listeners[i]);
    }
    if (shared->control >= 0)
        (void)close(shared->control);
    serve(options, shared, index);
}

/* One port; with TLS a second one behind it, where nothing is encrypted. */
static void open_listeners(struct options *options, struct shared *shared)
{
    uint16_t control_port = 0;

    for (size_t i = 0; i < options->processes; i++)
        shared->listeners[i] = listen_on(&options->port);
    if (options->cert_file) {
        shared->tls = bare_tls_server_new(options->cert_file, options->key_file);
        shared->control = listen_on(&control_port);
        printf("%u %u\n", (unsigned)options->port, (unsigned)control_port);
    } else {
        printf("%u\n", (unsigned)options->port);
    }
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);
    struct shared shared = {.control = -1};

    shared.board =
        mmap(NULL, sizeof *shared.board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared.board == MAP_FAILED)
        bare_die("out of memory");
    atomic_store(&shared.board->interval_ns, options.interval_ns);
    open_listeners(&options, &shared);
    for (size_t i = 1; i < options.processes; i++)
        fork_server(&options, &shared, i);
    for (size_t i = 1; i < options.processes; i++)
        (void)close(shared.listeners[i]);
    serve(&options, &shared, 0);
    return 0;
}

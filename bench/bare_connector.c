/*
 * bench/bare_connector.c - the yardstick for CPU per connect: open a socket, send a request, wait
 * for the first byte, close by reset, again, with --concurrency connections at a time.
 *
 * Connects as any client must that does not block and knows nothing of its network: it waits for
 * the socket to become writable before it sends. Prints one line of JSON at the end.
 *
 * With --tls CAFILE a handshake precedes the request. It is a full one, unless --resume lets every
 * connection but the first in each of the --concurrency slots resume the session of the one before.
 */
#include "bare.h"
#include "bare_tls.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READY_LIMIT = 512, CONCURRENCY_LIMIT = 10000 };

struct options {
    uint16_t port;
    uint64_t connects, concurrency, sources;
    const char *ca_file; /* NULL: no TLS */
    bool resume;
};

/* Makes one connection after another. */
struct slot {
    int fd;
    bool has_asked; /* of TLS: the handshake is done and the request sent */
    SSL *tls;
    SSL_SESSION *session; /* owned; of the connection before, with --resume */
};

struct connector {
    struct options options;
    int epoll;
    SSL_CTX *tls;
    uint64_t started, finished, failed, resumed;
};

static struct options parse_options(int argc, char **argv)
{
    static const struct option table[] = {{"port", required_argument, NULL, 'p'},
                                          {"connects", required_argument, NULL, 'n'},
                                          {"concurrency", required_argument, NULL, 'c'},
                                          {"sources", required_argument, NULL, 's'},
                                          {"tls", required_argument, NULL, 't'},
                                          {"resume", no_argument, NULL, 'r'},
                                          {NULL, 0, NULL, 0}};
    struct options options = {.connects = 1000, .concurrency = 64};
    int letter;

    while ((letter = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (letter == 'p')
            options.port = (uint16_t)bare_parse_uint("port", optarg, UINT16_MAX);
        else if (letter == 'n')
            options.connects = bare_parse_uint("connects", optarg, UINT32_MAX);
        else if (letter == 'c')
            options.concurrency = bare_parse_uint("concurrency", optarg, CONCURRENCY_LIMIT);
        else if (letter == 's')
            options.sources = bare_parse_uint("sources", optarg, 254);
        else if (letter == 't')
            options.ca_file = optarg;
        else if (letter == 'r')
            options.resume = true;
        else
            bare_die("usage: bare_connector --port N [--connects N] [--concurrency N] "
                     "[--sources N] [--tls CAFILE [--resume]]");
    }
    if (options.port == 0 || options.concurrency == 0)
        bare_die("--port and --concurrency must be above 0");
    if (options.resume && !options.ca_file)
        bare_die("--resume needs --tls");
    return options;
}

/* The reset at close() keeps TIME_WAIT, which overflows at some 131,072 connections, out of it. */
static void start_connect(struct connector *connector, struct slot *slot)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int fd = bare_socket_open(connector->started, connector->options.sources, SOCK_NONBLOCK);

    if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) < 0)
        bare_die("cannot set SO_LINGER: %s", strerror(errno));
    if (bare_socket_connect(fd, connector->options.port) < 0 && errno != EINPROGRESS)
        bare_die("cannot connect: %s", strerror(errno));
    slot->fd = fd;
    if (connector->tls) {
        slot->tls = bare_tls_connect(connector->tls, fd, slot->session);
        slot->has_asked = false;
    }
    event.data.ptr = slot;
    if (epoll_ctl(connector->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        bare_die("cannot watch a socket: %s", strerror(errno));
    connector->started++;
}

static void finish_connect(struct connector *connector, struct slot *slot, bool got_byte)
{
    if (slot->tls)
        bare_tls_free(slot->tls);
    (void)close(slot->fd);
    connector->finished++;
    if (!got_byte)
        connector->failed++;
    if (connector->started < connector->options.connects)
        start_connect(connector, slot);
}

/* Writable alone means connected: readable comes with the answer, and only after the request. */
static void drive_plain(struct connector *connector, struct slot *slot, uint32_t events)
{
    char buffer[4096];

    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
        ssize_t got = recv(slot->fd, buffer, sizeof buffer, 0);

        if (got >= 0 || errno != EAGAIN)
            finish_connect(connector, slot, got > 0);
    } else if (send(slot->fd, BARE_REQUEST, strlen(BARE_REQUEST), MSG_NOSIGNAL) < 0) {
        finish_connect(connector, slot, false);
    }
}

/* The write is the handshake until that is done; then it sends the request, once. */
static ssize_t ask(struct slot *slot)
{
    ssize_t sent = bare_tls_write(slot->tls, BARE_REQUEST, strlen(BARE_REQUEST));

    slot->has_asked = sent > 0;
    return sent;
}

/* The tickets of TLS 1.3 come before the first byte, so that the session is complete by then. */
static void keep_session(struct connector *connector, struct slot *slot)
{
    if (bare_tls_is_resumed(slot->tls))
        connector->resumed++;
    if (!connector->options.resume)
        return;
    bare_tls_session_free(slot->session);
    slot->session = bare_tls_copy_session(slot->tls);
}

static void drive_tls(struct connector *connector, struct slot *slot)
{
    char buffer[4096];
    ssize_t got = slot->has_asked ? 1 : ask(slot);

    if (got > 0)
        got = bare_tls_read(slot->tls, buffer, sizeof buffer);
    if (got > 0)
        keep_session(connector, slot);
    if (got != 0)
        finish_connect(connector, slot, got > 0);
}

int main(int argc, char **argv)
{
    struct connector connector = {.options = parse_options(argc, argv)};
    struct epoll_event ready[READY_LIMIT];
    struct slot *slots = calloc(CONCURRENCY_LIMIT, sizeof *slots);
    uint64_t started_ns = bare_now_ns();

    (void)bare_raise_file_limit();
    connector.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (connector.epoll < 0 || !slots)
        bare_die("cannot make an epoll: %s", strerror(errno));
    if (connector.options.ca_file)
        connector.tls = bare_tls_client_new(connector.options.ca_file);
    for (uint64_t i = 0;
         i < connector.options.concurrency && connector.started < connector.options.connects; i++)
        start_connect(&connector, &slots[i]);
    while (connector.finished < connector.options.connects) {
        int count = epoll_wait(connector.epoll, ready, READY_LIMIT, -1);

        for (int i = 0; i < count; i++) {
            if (connector.tls)
                drive_tls(&connector, ready[i].data.ptr);
            else
                drive_plain(&connector, ready[i].data.ptr, ready[i].events);
        }
    }
    printf("{\"connects\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"resumed\": %" PRIu64
           ", \"cpu_ns\": %" PRIu64 ", \"wall_ns\": %" PRIu64 "}\n",
           connector.finished, connector.failed, connector.resumed, bare_cpu_ns(),
           bare_now_ns() - started_ns);
    return 0;
}

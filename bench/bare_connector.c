/*
 * bench/bare_connector.c - the yardstick for CPU per connect: open a socket, send a request, wait
 * for the first byte, close by reset, again, with --concurrency connections at a time.
 *
 * Connects as any client must that does not block and knows nothing of its network: it waits for
 * the socket to become writable before it sends. Prints one line of JSON at the end.
 */
#include "bare.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READY_LIMIT = 512 };

struct options {
    uint16_t port;
    uint64_t connects, concurrency, sources;
};

struct connector {
    struct options options;
    int epoll;
    uint64_t started, finished, failed;
};

static struct options parse_options(int argc, char **argv)
{
    static const struct option table[] = {{"port", required_argument, NULL, 'p'},
                                          {"connects", required_argument, NULL, 'n'},
                                          {"concurrency", required_argument, NULL, 'c'},
                                          {"sources", required_argument, NULL, 's'},
                                          {NULL, 0, NULL, 0}};
    struct options options = {.connects = 1000, .concurrency = 64};
    int letter;

    while ((letter = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (letter == 'p')
            options.port = (uint16_t)bare_parse_uint("port", optarg, UINT16_MAX);
        else if (letter == 'n')
            options.connects = bare_parse_uint("connects", optarg, UINT32_MAX);
        else if (letter == 'c')
            options.concurrency = bare_parse_uint("concurrency", optarg, 10000);
        else if (letter == 's')
            options.sources = bare_parse_uint("sources", optarg, 254);
        else
            bare_die("usage: bare_connector --port N [--connects N] [--concurrency N] "
                     "[--sources N]");
    }
    if (options.port == 0 || options.concurrency == 0)
        bare_die("--port and --concurrency must be above 0");
    return options;
}

/* The reset at close() keeps TIME_WAIT, which overflows at some 131,072 connections, out of it. */
static void start_connect(struct connector *connector)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int fd = bare_socket_open(connector->started, connector->options.sources, SOCK_NONBLOCK);

    if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) < 0)
        bare_die("cannot set SO_LINGER: %s", strerror(errno));
    if (bare_socket_connect(fd, connector->options.port) < 0 && errno != EINPROGRESS)
        bare_die("cannot connect: %s", strerror(errno));
    event.data.fd = fd;
    if (epoll_ctl(connector->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        bare_die("cannot watch a socket: %s", strerror(errno));
    connector->started++;
}

static void finish_connect(struct connector *connector, int fd, bool got_byte)
{
    (void)close(fd);
    connector->finished++;
    if (!got_byte)
        connector->failed++;
    if (connector->started < connector->options.connects)
        start_connect(connector);
}

/* Writable alone means connected: readable comes with the answer, and only after the request. */
static void drive_connection(struct connector *connector, const struct epoll_event *event)
{
    char buffer[4096];
    int fd = event->data.fd;

    if (event->events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
        ssize_t got = recv(fd, buffer, sizeof buffer, 0);

        if (got >= 0 || errno != EAGAIN)
            finish_connect(connector, fd, got > 0);
    } else if (send(fd, BARE_REQUEST, strlen(BARE_REQUEST), MSG_NOSIGNAL) < 0) {
        finish_connect(connector, fd, false);
    }
}

int main(int argc, char **argv)
{
    struct connector connector = {.options = parse_options(argc, argv)};
    struct epoll_event ready[READY_LIMIT];
    uint64_t started_ns = bare_now_ns();

    (void)bare_raise_file_limit();
    connector.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (connector.epoll < 0)
        bare_die("cannot make an epoll: %s", strerror(errno));
    for (uint64_t i = 0;
         i < connector.options.concurrency && connector.started < connector.options.connects; i++)
        start_connect(&connector);
    while (connector.finished < connector.options.connects) {
        int count = epoll_wait(connector.epoll, ready, READY_LIMIT, -1);

        for (int i = 0; i < count; i++)
            drive_connection(&connector, &ready[i]);
    }
    printf("{\"connects\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"cpu_ns\": %" PRIu64
           ", \"wall_ns\": %" PRIu64 "}\n",
           connector.finished, connector.failed, bare_cpu_ns(), bare_now_ns() - started_ns);
    return 0;
}

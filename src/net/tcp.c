#include "net/tcp.h"

#include "net/stamp.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum { TCP_BACKLOG = 4096 };

static enum io_status fail(struct transport *transport, int error_number)
{
    transport->error_number = (int16_t)error_number;
    return IO_FAILED;
}

static enum io_status tcp_handshake(struct transport *transport)
{
    (void)transport;
    return IO_OK;
}

static enum io_status judge_read(struct transport *transport, ssize_t got, size_t cap, size_t *len)
{
    if (got == 0)
        return IO_CLOSED;
    if (got < 0)
        return errno == EAGAIN ? IO_WANT_READ : fail(transport, errno);
    *len = (size_t)got;
    transport->may_hold_more = *len == cap;
    return IO_OK;
}

static enum io_status tcp_read(struct transport *transport, uint8_t *bytes, size_t cap, size_t *len)
{
    ssize_t got;

    do
        got = recv(transport->fd, bytes, cap, 0);
    while (got < 0 && errno == EINTR);
    return judge_read(transport, got, cap, len);
}

static enum io_status tcp_read_stamped(struct transport *transport, uint8_t *bytes, size_t cap,
                                       size_t *len)
{
    ssize_t got;

    do
        got = stamp_receive(transport->fd, bytes, cap, transport->state);
    while (got < 0 && errno == EINTR);
    return judge_read(transport, got, cap, len);
}

static uint64_t tcp_received_unix_ns(const struct transport *transport)
{
    const uint64_t *stamp = transport->state;

    return *stamp;
}

static enum io_status tcp_write(struct transport *transport, const struct iovec *parts, int count,
                                size_t *len)
{
    struct msghdr message = {.msg_iovlen = (size_t)count};
    ssize_t put;

    (void)memcpy(&message.msg_iov, &parts, sizeof parts); /* sendmsg does not write through it */
    do
        put = count == 1 ? send(transport->fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL)
                         : sendmsg(transport->fd, &message, MSG_NOSIGNAL);
    while (put < 0 && errno == EINTR);
    if (put < 0)
        return errno == EAGAIN ? IO_WANT_WRITE : fail(transport, errno);
    *len = (size_t)put;
    return IO_OK;
}

static void tcp_end_write(struct transport *transport)
{
    (void)shutdown(transport->fd, SHUT_WR);
}

static void tcp_close(struct transport *transport, bool with_reset)
{
    tcp_close_descriptor(transport->fd, with_reset);
    transport->fd = -1;
}

static const struct transport_ops tcp_ops = {
    .name = "tcp",
    .handshake = tcp_handshake,
    .read = tcp_read,
    .write = tcp_write,
    .end_write = tcp_end_write,
    .close = tcp_close,
};

static const struct transport_ops tcp_stamped_ops = {
    .name = "tcp",
    .handshake = tcp_handshake,
    .read = tcp_read_stamped,
    .write = tcp_write,
    .end_write = tcp_end_write,
    .received_unix_ns = tcp_received_unix_ns,
    .close = tcp_close,
};

void tcp_transport_init(struct transport *transport, int fd)
{
    *transport = (struct transport){.ops = &tcp_ops, .fd = fd};
}

/* NOLINTNEXTLINE(readability-non-const-parameter): reads write through it */
void tcp_transport_init_stamped(struct transport *transport, int fd, uint64_t *stamp)
{
    stamp_ask(fd);
    *transport = (struct transport){.ops = &tcp_stamped_ops, .state = stamp, .fd = fd};
}

const char *address_format(const struct address *address, char text[static TCP_ADDRESS_TEXT_BYTES])
{
    char host[INET6_ADDRSTRLEN] = "";

    switch (address->as.any.sa_family) {
    case AF_INET:
        (void)inet_ntop(AF_INET, &address->as.v4.sin_addr, host, sizeof host);
        (void)snprintf(text, TCP_ADDRESS_TEXT_BYTES, "%s:%u", host, ntohs(address->as.v4.sin_port));
        break;
    case AF_INET6:
        (void)inet_ntop(AF_INET6, &address->as.v6.sin6_addr, host, sizeof host);
        (void)snprintf(text, TCP_ADDRESS_TEXT_BYTES, "[%s]:%u", host,
                       ntohs(address->as.v6.sin6_port));
        break;
    default: {
        struct sockaddr_un unix_address;

        (void)memcpy(&unix_address, &address->as.storage, sizeof unix_address);
        (void)snprintf(text, TCP_ADDRESS_TEXT_BYTES, "unix:%.100s", unix_address.sun_path);
    }
    }
    return text;
}

int address_parse(const char *host, uint16_t port, struct address *address)
{
    *address = (struct address){.len = 0};
    if (inet_pton(AF_INET, host, &address->as.v4.sin_addr) == 1) {
        address->as.v4.sin_family = AF_INET;
        address->as.v4.sin_port = htons(port);
        address->len = sizeof address->as.v4;
        return 0;
    }
    if (inet_pton(AF_INET6, host, &address->as.v6.sin6_addr) == 1) {
        address->as.v6.sin6_family = AF_INET6;
        address->as.v6.sin6_port = htons(port);
        address->len = sizeof address->as.v6;
        return 0;
    }
    return -1;
}

int address_set_unix(const char *path, struct address *address, struct err *err)
{
    struct sockaddr_un unix_address = {.sun_family = AF_UNIX};

    if (path[0] == '\0' || strlen(path) >= sizeof unix_address.sun_path) {
        err_set(err, ERR_USAGE, "a Unix socket path has 1 to %zu bytes, '%s' has %zu",
                sizeof unix_address.sun_path - 1, path, strlen(path));
        return -1;
    }
    (void)memcpy(unix_address.sun_path, path, strlen(path) + 1);
    *address = (struct address){.len = sizeof unix_address};
    (void)memcpy(&address->as.storage, &unix_address, sizeof unix_address);
    return 0;
}

static bool v4_is_local(uint32_t host)
{
    return host >> 24 == 127 || host >> 24 == 10 || host >> 20 == (172u << 4 | 1) ||
           host >> 16 == (192u << 8 | 168) || host >> 16 == (169u << 8 | 254) || host == 0;
}

bool address_is_loopback(const struct address *address)
{
    const struct in6_addr *v6 = &address->as.v6.sin6_addr;

    if (address->as.any.sa_family == AF_INET)
        return ntohl(address->as.v4.sin_addr.s_addr) >> 24 == 127;
    if (address->as.any.sa_family != AF_INET6)
        return address->as.any.sa_family == AF_UNIX;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

bool address_is_local(const struct address *address)
{
    const struct in6_addr *v6 = &address->as.v6.sin6_addr;
    uint32_t mapped;

    if (address->as.any.sa_family == AF_INET)
        return v4_is_local(ntohl(address->as.v4.sin_addr.s_addr));
    if (address->as.any.sa_family != AF_INET6)
        return true;
    if (IN6_IS_ADDR_V4MAPPED(v6)) {
        (void)memcpy(&mapped, v6->s6_addr + 12, sizeof mapped);
        return v4_is_local(ntohl(mapped));
    }
    return IN6_IS_ADDR_LOOPBACK(v6) || IN6_IS_ADDR_LINKLOCAL(v6) || IN6_IS_ADDR_UNSPECIFIED(v6) ||
           (v6->s6_addr[0] & 0xfe) == 0xfc; /* unique local, RFC 4193 */
}

/* Binds without taking a port yet, so that the kernel picks one free for the whole four-tuple. */
static int bind_source(int fd, const struct address *source)
{
    int on = 1;

    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    return bind(fd, &source->as.any, source->len);
}

/* Before the connection stands, or the window that was offered in it would not shrink with it. */
static int apply_options(int fd, const struct tcp_options *options)
{
    int bytes = (int)options->receive_bytes;

    if (bytes > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) < 0)
        return -1;
    return options->source ? bind_source(fd, options->source) : 0;
}

int tcp_start_connect(const struct address *to, const struct tcp_options *options,
                      bool *in_progress)
{
    int fd = socket(to->as.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error_number;

    if (fd < 0)
        return -1;
    if (options && apply_options(fd, options) < 0)
        goto failed;
    if (connect(fd, &to->as.any, to->len) == 0) {
        *in_progress = false;
        return fd;
    }
    if (errno == EINPROGRESS) {
        *in_progress = true;
        return fd;
    }
failed:
    error_number = errno;
    (void)close(fd);
    errno = error_number;
    return -1;
}

int tcp_finish_connect(int fd)
{
    int error_number = 0;
    socklen_t len = sizeof error_number;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &len) < 0)
        return errno;
    return error_number;
}

void tcp_set_no_delay(int fd)
{
    int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void tcp_close_descriptor(int fd, bool with_reset)
{
    if (with_reset) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};

        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    (void)close(fd);
}

int tcp_listen(const struct address *address, bool with_reuse_port, struct err *err)
{
    char text[TCP_ADDRESS_TEXT_BYTES];
    int on = 1, fd;

    fd = socket(address->as.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        goto failed;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (with_reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
        goto failed;
    if (bind(fd, &address->as.any, address->len) < 0 || listen(fd, TCP_BACKLOG) < 0)
        goto failed;
    return fd;
failed:
    err_set(err, ERR_SYSTEM, "cannot listen on %s: %s", address_format(address, text),
            strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

int tcp_peer_address(int fd, struct address *peer)
{
    *peer = (struct address){.len = sizeof peer->as};
    return getpeername(fd, &peer->as.any, &peer->len);
}

uint16_t tcp_local_port(int fd)
{
    struct address address = {.len = sizeof address.as};

    if (getsockname(fd, &address.as.any, &address.len) < 0)
        return 0;
    if (address.as.any.sa_family == AF_INET)
        return ntohs(address.as.v4.sin_port);
    return address.as.any.sa_family == AF_INET6 ? ntohs(address.as.v6.sin6_port) : 0;
}

int tcp_accept(int listener, struct address *peer)
{
    int fd;

    *peer = (struct address){.len = sizeof peer->as};
    do
        fd = accept4(listener, &peer->as.any, &peer->len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd >= 0)
        tcp_set_no_delay(fd);
    return fd;
}

/*
 * net/tcp.h - TCP and Unix sockets: connected transports and listeners. All descriptors are
 * non-blocking and close-on-exec. Accepted ones have TCP_NODELAY; a client that sends one small
 * request and reads needs none, which saves a system call a connection.
 */
#ifndef CICADA_NET_TCP_H
#define CICADA_NET_TCP_H

#include "base/err.h"
#include "net/transport.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { TCP_ADDRESS_TEXT_BYTES = 112 };

/* An address of any family that this module opens. */
struct address {
    socklen_t len;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage storage; /* Unix socket paths too */
    } as;
};

/* A transport over a connected or accepted descriptor, which it owns from here. */
void tcp_transport_init(struct transport *transport, int fd);
/* The same with times of receipt from the kernel. `stamp` takes the last one: one place for all
 * transports of a loop, which outlives them. */
void tcp_transport_init_stamped(struct transport *transport, int fd, uint64_t *stamp);

/* "127.0.0.1:8080", "[::1]:80", "unix:/path". Returns `text`. */
const char *address_format(const struct address *address, char text[static TCP_ADDRESS_TEXT_BYTES]);
/* A literal IPv4 or IPv6 address (no brackets). 0 or -1. */
int address_parse(const char *host, uint16_t port, struct address *address);
/* -1 with a sentence when the path is too long. */
int address_set_unix(const char *path, struct address *address, struct err *err);
/* Of this machine and no other: 127.0.0.0/8, ::1, the former inside the latter's family, Unix. */
bool address_is_loopback(const struct address *address);
/* Loopback, private, link-local or Unix: not the public Internet. */
bool address_is_local(const struct address *address);

/* Zero is the system's choice. */
struct tcp_options {
    const struct address *source; /* its port is 0; borrowed for the call */
    uint32_t receive_bytes;       /* of the receive buffer, which the system may make larger */
};

/*
 * Starts a non-blocking connect; `options` may be NULL. The descriptor, with *in_progress telling
 * whether to wait for writability, or -1 with errno.
 */
int tcp_start_connect(const struct address *to, const struct tcp_options *options,
                      bool *in_progress);
/* After writability: 0 when connected, else the errno. */
int tcp_finish_connect(int fd);

/* For requests of more than one segment, whose last part Nagle's algorithm would hold back. */
void tcp_set_no_delay(int fd);

/* Closes; `with_reset`: by RST, which drops what is queued and leaves no TIME_WAIT. */
void tcp_close_descriptor(int fd, bool with_reset);

/* Listens; `with_reuse_port` lets several processes share the port. The descriptor or -1. */
int tcp_listen(const struct address *address, bool with_reuse_port, struct err *err);
/* The other end of a connected descriptor. 0, or -1 with errno. */
int tcp_peer_address(int fd, struct address *peer);
/* The port the kernel chose. */
uint16_t tcp_local_port(int fd);
/* A descriptor, or -1 with errno (EAGAIN: none waiting). */
int tcp_accept(int listener, struct address *peer);

#endif

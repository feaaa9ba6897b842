/*
 * net/transport.h - a connected byte stream: one table of functions, TCP and Unix sockets today,
 * TLS beside them. Nothing above asks which one it is.
 */
#ifndef CICADA_NET_TRANSPORT_H
#define CICADA_NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum io_status {
    IO_OK = 0,     /* some bytes moved */
    IO_WANT_READ,  /* nothing now; wait until readable */
    IO_WANT_WRITE, /* nothing now; wait until writable */
    IO_CLOSED,     /* the peer ended its side */
    IO_FAILED      /* broken; error_number says how */
};

struct transport;

struct transport_ops {
    const char *name; /* "tcp" */
    enum io_status (*read)(struct transport *transport, uint8_t *bytes, size_t cap, size_t *len);
    enum io_status (*write)(struct transport *transport, const struct iovec *parts, int count,
                            size_t *len);
    /* `with_reset`: drop what is queued and send RST, which leaves no TIME_WAIT. Closes the
     * descriptor. */
    void (*close)(struct transport *transport, bool with_reset);
};

/* Embedded once per connection. */
struct transport {
    const struct transport_ops *ops;
    void *state; /* of the implementation; NULL for TCP */
    int fd;
    int error_number; /* errno of the last IO_FAILED */
};

static inline enum io_status transport_read(struct transport *transport, uint8_t *bytes, size_t cap,
                                            size_t *len)
{
    return transport->ops->read(transport, bytes, cap, len);
}

static inline enum io_status transport_write(struct transport *transport, const struct iovec *parts,
                                             int count, size_t *len)
{
    return transport->ops->write(transport, parts, count, len);
}

/* Closing what was never opened does nothing. */
static inline void transport_close(struct transport *transport, bool with_reset)
{
    if (transport->ops)
        transport->ops->close(transport, with_reset);
    transport->ops = (const struct transport_ops *)0;
}

#endif

/*
 * net/transport.h - a connected byte stream: one table of functions, with TCP, Unix sockets and TLS
 * behind it. Nothing above asks which one it is.
 */
#ifndef CICADA_NET_TRANSPORT_H
#define CICADA_NET_TRANSPORT_H

#include "base/error_class.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum { TRANSPORT_TEXT_BYTES = 192 };
/* The least that a read must offer, so that what was decrypted has a place. */
enum { TRANSPORT_READ_MIN_BYTES = 128 * 1024 };

enum io_status {
    IO_OK = 0,     /* some bytes moved; none, where only TLS had something to say */
    IO_WANT_READ,  /* nothing now; wait until readable */
    IO_WANT_WRITE, /* nothing now; wait until writable */
    IO_CLOSED,     /* the peer ended its side */
    IO_FAILED      /* broken; transport_describe says how */
};

struct transport;

struct transport_ops {
    const char *name; /* "tcp" */
    /* What is to be said before the first byte: IO_OK when it has been. */
    enum io_status (*handshake)(struct transport *transport);
    /* Sets may_hold_more when bytes moved. */
    enum io_status (*read)(struct transport *transport, uint8_t *bytes, size_t cap, size_t *len);
    enum io_status (*write)(struct transport *transport, const struct iovec *parts, int count,
                            size_t *len);
    /* Tells the peer that nothing more will be written; reading goes on. */
    void (*end_write)(struct transport *transport);
    /* When the kernel had the last bytes that the last read of any such transport moved, by the
     * wall clock; 0: it does not say. NULL: nobody asked it. */
    uint64_t (*received_unix_ns)(const struct transport *transport);
    /* A phrase for a failure that errno does not tell; NULL: errno always does. */
    void (*describe)(const struct transport *transport, char *text, size_t cap);
    /* `with_reset`: drop what is queued and send RST, which leaves no TIME_WAIT. Closes the
     * descriptor. */
    void (*close)(struct transport *transport, bool with_reset);
};

/* Embedded once per connection. */
struct transport {
    const struct transport_ops *ops;
    void *state; /* of the implementation; of TCP NULL, or where stamps of receipt go */
    int fd;
    int16_t error_number; /* errno of the last IO_FAILED; 0: ops->describe tells */
    bool may_hold_more;   /* after IO_OK of a read: read again before waiting for an edge */
    bool is_cut : 1;      /* after IO_CLOSED: the end came without the goodbye that TLS demands */
    bool is_broken : 1;   /* the implementation's: nothing more can be said, not even goodbye */
    bool has_ticket : 1;  /* the implementation's */
};

_Static_assert(sizeof(struct transport) <= 24, "exists once a connection");

static inline enum io_status transport_handshake(struct transport *transport)
{
    return transport->ops->handshake(transport);
}

static inline enum io_status transport_read(struct transport *transport, uint8_t *bytes, size_t cap,
                                            size_t *len)
{
    return transport->ops->read(transport, bytes, cap, len);
}

/* A write that was not taken whole goes on with the bytes that were left, and no others. */
static inline enum io_status transport_write(struct transport *transport, const struct iovec *parts,
                                             int count, size_t *len)
{
    return transport->ops->write(transport, parts, count, len);
}

/* Right behind a read that moved bytes: when they had come, where the kernel says so, else
 * `now_ns`. At most `now_ns`. */
uint64_t transport_received_ns(const struct transport *transport, uint64_t now_ns);

static inline void transport_end_write(struct transport *transport)
{
    transport->ops->end_write(transport);
}

/* Closing what was never opened does nothing. */
static inline void transport_close(struct transport *transport, bool with_reset)
{
    if (transport->ops)
        transport->ops->close(transport, with_reset);
    transport->ops = (const struct transport_ops *)0;
}

/* The class of the last IO_FAILED, and a phrase about it in `text`. */
enum error_class transport_describe(const struct transport *transport,
                                    char text[static TRANSPORT_TEXT_BYTES]);

#endif

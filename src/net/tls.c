#include "net/tls.h"

#include "base/mem.h"
#include "net/tcp.h"
#include "net/stamp.h"
#include "net/tls_internal.h"

#include <assert.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A connection has no memory but OpenSSL's: the transport's `state` is its SSL. What a call needs
 * beside stands in the context, which belongs to the one call that is under way.
 */

enum { TICKETS_LIMIT = 4, TLS_FETCHES_A_READ = 16 };

struct tls_context *tls_context_of(const struct transport *transport)
{
    const SSL *ssl = transport->state;

    return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

/* Before each call of OpenSSL that may read or write. */
static struct tls_context *begin(struct transport *transport)
{
    struct tls_context *context = tls_context_of(transport);

    context->current = transport;
    context->error_number = 0;
    context->peer_is_done = false;
    ERR_clear_error();
    return context;
}

/* --- tickets --- */

struct ticket {
    uint64_t peer_key;
    SSL_SESSION *session; /* owned */
};

struct tls_tickets {
    size_t count, next; /* `next` is overwritten when all places are taken */
    struct ticket items[TICKETS_LIMIT];
};

void tls_tickets_free(struct tls_tickets *tickets)
{
    if (!tickets)
        return;
    for (size_t i = 0; i < tickets->count; i++)
        SSL_SESSION_free(tickets->items[i].session);
    free(tickets);
}

static struct ticket *find_place(struct tls_tickets *tickets, uint64_t peer_key)
{
    struct ticket *place;

    for (size_t i = 0; i < tickets->count; i++) {
        if (tickets->items[i].peer_key == peer_key)
            return &tickets->items[i];
    }
    if (tickets->count < TICKETS_LIMIT)
        return &tickets->items[tickets->count++];
    place = &tickets->items[tickets->next];
    tickets->next = (tickets->next + 1) % TICKETS_LIMIT;
    return place;
}

/* Each connection gets a copy of its own: OpenSSL marks the one it used as spent when the
 * connection breaks. */
static void offer_ticket(SSL *ssl, const struct tls_peer *peer)
{
    const struct tls_tickets *tickets = peer->tickets;
    SSL_SESSION *copy = NULL;

    for (size_t i = 0; tickets && i < tickets->count && !copy; i++) {
        if (tickets->items[i].peer_key == peer->peer_key)
            copy = SSL_SESSION_dup(tickets->items[i].session);
    }
    if (!copy)
        return;
    (void)SSL_set_session(ssl, copy);
    SSL_SESSION_free(copy);
}

/* --- between OpenSSL and the socket --- */

/* Inside a read the bytes are in the context's buffer already; in a handshake they are fetched as
 * they are asked for, so that none is left over that belongs to somebody's next read. */
static int bio_read(BIO *bio, char *bytes, int cap)
{
    struct tls_context *context = BIO_get_data(bio);
    ssize_t got;

    BIO_clear_retry_flags(bio);
    if (context->uses_buffer) {
        size_t left = context->incoming_len - context->incoming_at;

        if (left == 0) {
            BIO_set_retry_read(bio);
            return -1;
        }
        if (left > (size_t)cap)
            left = (size_t)cap;
        (void)memcpy(bytes, context->incoming + context->incoming_at, left);
        context->incoming_at += left;
        return (int)left;
    }
    do
        got = recv(context->current->fd, bytes, (size_t)cap, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        BIO_set_retry_read(bio);
    else if (got < 0)
        context->error_number = errno;
    else if (got == 0)
        context->peer_is_done = true;
    return (int)got;
}

static int bio_write(BIO *bio, const char *bytes, int len)
{
    struct tls_context *context = BIO_get_data(bio);
    ssize_t put;

    BIO_clear_retry_flags(bio);
    do
        put = send(context->current->fd, bytes, (size_t)len, MSG_NOSIGNAL);
    while (put < 0 && errno == EINTR);
    if (put < 0 && errno == EAGAIN)
        BIO_set_retry_write(bio);
    else if (put < 0)
        context->error_number = errno;
    return (int)put;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

struct bio_method_st *tls_bio_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "cicada");

    if (method) {
        (void)BIO_meth_set_read(method, bio_read);
        (void)BIO_meth_set_write(method, bio_write);
        (void)BIO_meth_set_ctrl(method, bio_control);
    }
    return method;
}

/* --- failures --- */

/* `reason` stays valid for ever; NULL: the context's errno tells. */
static enum io_status fail(struct transport *transport, const char *reason)
{
    union {
        const char *text;
        void *pointer; /* OpenSSL's places for application data are not const */
    } place = {.text = reason};

    transport->is_broken = true;
    transport->error_number = (int16_t)tls_context_of(transport)->error_number;
    (void)SSL_set_app_data((SSL *)transport->state, place.pointer);
    return IO_FAILED;
}

/* What OpenSSL's refusal to go on means. */
static enum io_status judge(struct transport *transport, int result)
{
    struct tls_context *context = tls_context_of(transport);

    switch (SSL_get_error(transport->state, result)) {
    case SSL_ERROR_WANT_READ:
        return IO_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return IO_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return IO_CLOSED;
    default:
        break;
    }
    if (context->error_number != 0)
        return fail(transport, NULL);
    if (context->peer_is_done && ERR_peek_error() == 0)
        return IO_CLOSED; /* in a handshake: a read sees the end of the socket itself */
    return fail(transport, tls_take_reason());
}

static bool is_untrusted(const SSL *ssl, const struct tls_context *context)
{
    return !SSL_is_init_finished(ssl) && !context->is_insecure &&
           SSL_get_verify_result(ssl) != X509_V_OK;
}

static void tls_describe(const struct transport *transport, char *text, size_t cap)
{
    const SSL *ssl = transport->state;
    const char *reason = SSL_get_app_data(ssl);

    if (is_untrusted(ssl, tls_context_of(transport)))
        (void)snprintf(text, cap, "the certificate is not accepted: %s",
                       X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
    else
        (void)snprintf(text, cap, "%s", reason ? reason : "TLS failed");
}

/* --- the table --- */

/* What a connection needs no more once it stands. */
static void trim(SSL *ssl)
{
    (void)X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), NULL, 0);
    (void)SSL_set_tlsext_host_name(ssl, NULL);
}

static enum io_status tls_handshake(struct transport *transport)
{
    SSL *ssl = transport->state;
    enum io_status status;
    int result;

    if (transport->is_broken)
        return IO_FAILED;
    if (SSL_is_init_finished(ssl))
        return IO_OK;
    (void)begin(transport);
    result = SSL_do_handshake(ssl);
    if (result == 1) {
        if (!SSL_is_server(ssl))
            trim(ssl);
        return IO_OK;
    }
    status = judge(transport, result);
    if (status == IO_CLOSED)
        return fail(transport, "the peer closed during the handshake");
    return status;
}

/* OpenSSL readies a buffer for an answer when a ticket comes, sends none, and keeps the 16 KB until
 * the next write, which an event stream never makes. */
static void release_buffers(struct transport *transport)
{
    if (transport->has_ticket)
        transport->has_ticket = SSL_free_buffers(transport->state) != 1;
}

/* All that can be decrypted of what one read of the socket brought. */
static enum io_status decrypt(struct transport *transport, uint8_t *bytes, size_t cap, size_t *len)
{
    struct tls_context *context = begin(transport);
    SSL *ssl = transport->state;
    enum io_status status = IO_WANT_READ;
    size_t total = 0, got = 0;
    int result = 1;

    context->uses_buffer = true;
    /* Where all is used up, one more call would only say so. */
    while (result == 1 && total < cap &&
           (context->incoming_at < context->incoming_len || SSL_pending(ssl) > 0)) {
        result = SSL_read_ex(ssl, bytes + total, cap - total, &got);
        if (result == 1)
            total += got;
        else
            status = judge(transport, result);
    }
    context->uses_buffer = false;
    release_buffers(transport);
    /* An answer that the socket does not take stops OpenSSL in the middle of the buffer. */
    if (status == IO_WANT_WRITE && context->incoming_at < context->incoming_len)
        status = fail(transport, "the peer asks for a key update and reads nothing");
    *len = total;
    if (total == 0)
        return status;
    /* An end or a failure behind the data is told by the next read. */
    if (status == IO_CLOSED || status == IO_FAILED)
        transport->may_hold_more = true;
    return IO_OK;
}

static ssize_t receive(struct tls_context *context, int fd)
{
    if (context->wants_stamps)
        return stamp_receive(fd, context->incoming, TLS_INCOMING_BYTES, &context->stamp);
    return recv(fd, context->incoming, TLS_INCOMING_BYTES, 0);
}

static uint64_t tls_received_unix_ns(const struct transport *transport)
{
    return tls_context_of(transport)->stamp;
}

/* One read of the socket into the context's buffer. */
static enum io_status fetch(struct transport *transport)
{
    struct tls_context *context = begin(transport);
    ssize_t got;

    do
        got = receive(context, transport->fd);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return IO_WANT_READ;
    if (got < 0) {
        context->error_number = errno;
        return fail(transport, NULL);
    }
    context->incoming_at = 0;
    context->incoming_len = (size_t)got;
    transport->may_hold_more = got == TLS_INCOMING_BYTES;
    transport->is_cut = got == 0;
    return got == 0 ? IO_CLOSED : IO_OK;
}

static enum io_status tls_read(struct transport *transport, uint8_t *bytes, size_t cap, size_t *len)
{
    enum io_status status = tls_handshake(transport), fetched;

    assert(cap >= TRANSPORT_READ_MIN_BYTES);
    if (status != IO_OK)
        return status;
    /* Tickets, or a part of a record, are nothing to hand on: what the caller takes for an empty
     * socket must be one, for an end that came with them has had its edge. */
    for (int fetches = 0; fetches < TLS_FETCHES_A_READ; fetches++) {
        if (SSL_get_shutdown(transport->state) & SSL_RECEIVED_SHUTDOWN)
            return IO_CLOSED;
        fetched = fetch(transport);
        if (fetched != IO_OK)
            return fetched;
        status = decrypt(transport, bytes, cap, len);
        if (status != IO_WANT_READ)
            return status;
    }
    /* A flood of them: others get their turn. */
    transport->may_hold_more = true;
    *len = 0;
    return IO_OK;
}

static enum io_status write_part(struct transport *transport, const void *bytes, size_t len,
                                 size_t *taken)
{
    struct tls_context *context = begin(transport);
    int result = 1;

    while (result == 1 && *taken < len) {
        size_t put = 0;

        result =
            SSL_write_ex(transport->state, (const uint8_t *)bytes + *taken, len - *taken, &put);
        *taken += put;
    }
    if (result == 1)
        return IO_OK;
    /* A peer that takes no more may have said why: reading goes on. */
    if (context->error_number != 0) {
        transport->error_number = (int16_t)context->error_number;
        return IO_FAILED;
    }
    return judge(transport, result);
}

/* Up to one record's worth of the parts behind `skip` bytes, in the context's buffer. */
static size_t gather(struct tls_context *context, const struct iovec *parts, int count, size_t skip)
{
    size_t total = 0;

    for (int i = 0; i < count && total < TLS_OUTGOING_BYTES; i++) {
        size_t len = parts[i].iov_len;

        if (skip >= len) {
            skip -= len;
            continue;
        }
        len -= skip;
        if (len > TLS_OUTGOING_BYTES - total)
            len = TLS_OUTGOING_BYTES - total;
        (void)memcpy(context->outgoing + total, (const uint8_t *)parts[i].iov_base + skip, len);
        total += len;
        skip = 0;
    }
    return total;
}

static enum io_status tls_write(struct transport *transport, const struct iovec *parts, int count,
                                size_t *len)
{
    struct tls_context *context = tls_context_of(transport);
    enum io_status status = tls_handshake(transport);
    size_t total = 0;

    if (status != IO_OK)
        return status;
    if (count == 1) {
        status = write_part(transport, parts->iov_base, parts->iov_len, &total);
    } else {
        for (size_t size = 1; size > 0 && status == IO_OK;) {
            size_t taken = 0;

            size = gather(context, parts, count, total);
            status = write_part(transport, context->outgoing, size, &taken);
            total += taken;
        }
    }
    *len = total;
    if (total > 0 && (status == IO_WANT_WRITE || status == IO_WANT_READ))
        return IO_OK;
    return status;
}

static void say_goodbye(struct transport *transport)
{
    if (transport->is_broken || !SSL_is_init_finished(transport->state))
        return;
    (void)begin(transport);
    (void)SSL_shutdown(transport->state);
}

/* To close over unread bytes is to reset, and a reset may overtake the alert that says why. */
static void drop_unread(const struct transport *transport)
{
    (void)recv(transport->fd, tls_context_of(transport)->incoming, TLS_INCOMING_BYTES,
               MSG_DONTWAIT);
}

static void tls_end_write(struct transport *transport)
{
    say_goodbye(transport);
    (void)shutdown(transport->fd, SHUT_WR);
}

static void free_ssl(SSL *ssl)
{
    /* Whatever was said: a session is not spent because its connection was not taken leave of. */
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl);
    ERR_clear_error();
}

static void tls_close(struct transport *transport, bool with_reset)
{
    if (!with_reset)
        say_goodbye(transport);
    if (!with_reset && transport->is_broken)
        drop_unread(transport);
    tcp_close_descriptor(transport->fd, with_reset);
    free_ssl(transport->state);
    transport->state = NULL;
    transport->fd = -1;
}

static const struct transport_ops tls_ops = {
    .name = "tls",
    .handshake = tls_handshake,
    .read = tls_read,
    .write = tls_write,
    .end_write = tls_end_write,
    .received_unix_ns = tls_received_unix_ns,
    .describe = tls_describe,
    .close = tls_close,
};

/* --- making one --- */

/* OpenSSL hangs a buffer of its own in front of the BIO for the time of a handshake; it looks from
 * there to the BIO and never back, so that one BIO can serve any number of connections. */
static int init(struct transport *transport, struct tls_context *context, int fd)
{
    SSL *ssl = SSL_new(context->ssl_ctx);

    if (!ssl || BIO_up_ref(context->bio) != 1) {
        SSL_free(ssl);
        ERR_clear_error();
        (void)close(fd);
        return -1;
    }
    SSL_set_bio(ssl, context->bio, context->bio);
    *transport = (struct transport){.ops = &tls_ops, .state = ssl, .fd = fd};
    return 0;
}

/* The name to be verified and, where it is one, sent (RFC 6066, section 3: no address, no dot at
 * the end). */
static int set_host(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    size_t len = strlen(host);
    char name[TLS_NAME_BYTES];

    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
        return 0;
    ERR_clear_error();
    if (len > 0 && host[len - 1] == '.')
        len--;
    if (len == 0 || len >= sizeof name)
        return -1;
    (void)memcpy(name, host, len);
    name[len] = '\0';
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_host(param, name, len) != 1 ||
        SSL_set_tlsext_host_name(ssl, name) != 1)
        return -1;
    return 0;
}

int tls_transport_init_client(struct transport *transport, struct tls_context *context, int fd,
                              const struct tls_peer *peer)
{
    if (init(transport, context, fd) < 0)
        return -1;
    /* Or Nagle's algorithm holds the request behind the handshake's last message for 44 ms. */
    tcp_set_no_delay(fd);
    if (context->wants_stamps)
        stamp_ask(fd);
    SSL_set_connect_state(transport->state);
    if (set_host(transport->state, peer->host) < 0) {
        transport_close(transport, false);
        return -1;
    }
    if (!context->never_resumes)
        offer_ticket(transport->state, peer);
    return 0;
}

int tls_transport_init_server(struct transport *transport, struct tls_context *context, int fd)
{
    if (init(transport, context, fd) < 0)
        return -1;
    SSL_set_accept_state(transport->state);
    return 0;
}

/* The SSL of a connection that stands; NULL: no TLS, or not yet. */
struct ssl_st *tls_ssl_of(const struct transport *transport)
{
    SSL *ssl = transport->ops == &tls_ops ? transport->state : NULL;

    return ssl && SSL_is_init_finished(ssl) ? ssl : NULL;
}

void tls_tickets_keep(struct tls_tickets **tickets, uint64_t peer_key,
                      const struct transport *transport)
{
    SSL *ssl = tls_ssl_of(transport);
    SSL_SESSION *session =
        ssl && !tls_context_of(transport)->never_resumes ? SSL_get1_session(ssl) : NULL;
    struct ticket *place;

    if (!session || !SSL_SESSION_is_resumable(session)) {
        SSL_SESSION_free(session);
        return;
    }
    if (!*tickets)
        *tickets = x_calloc(1, sizeof **tickets);
    place = find_place(*tickets, peer_key);
    SSL_SESSION_free(place->session);
    *place = (struct ticket){.peer_key = peer_key, .session = session};
}

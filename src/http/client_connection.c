#include "http/client_connection.h"

#include "base/clock.h"
#include "base/mem.h"
#include "http/body.h"
#include "net/tcp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLIENT_READS_A_TURN = 4,         /* full buffers read before other connections get their turn */
    CLIENT_SEGMENT_BYTES = 1200,     /* a request over this may take more than one segment */
    CLIENT_BODY_PIECE_BYTES = 65536, /* of a body that is read while it is sent */
    CLIENT_PIECES_A_TURN = 16,
    CLIENT_KEPT_REQUEST_BYTES = 64 * 1024 /* of the buffer that all requests are written in */
};

/* --- heads, lent to responses until they are complete --- */

static struct http_head *take_head(struct http_client *client)
{
    struct http_head *head;

    if (client->spare_count > 0)
        return client->spare_heads[--client->spare_count];
    head = pool_take(client->heads);
    if (head)
        http_head_init(head);
    return head;
}

static void drop_head(struct http_client *client, struct http_head *head)
{
    if (client->spare_count < CLIENT_SPARE_HEADS) {
        http_head_clear(head);
        client->spare_heads[client->spare_count++] = head;
        return;
    }
    http_head_fini(head);
    pool_give(client->heads, head);
}

static void give_head(struct http_conn *conn)
{
    struct http_head *head = conn->response.head;

    if (!head)
        return;
    conn->response.head = NULL;
    drop_head(conn->client, head);
}

/* --- ends --- */

static void free_out(struct http_conn *conn)
{
    if (!conn->now.out)
        return;
    buf_fini(&conn->now.out->bytes);
    free(conn->now.out);
    conn->now.out = NULL;
}

/* What the user's next connection to the same server may take up again. */
static void keep_ticket(struct http_conn *conn)
{
    struct http_session *session = conn->session;
    struct tls_tickets *tickets = NULL;

    if (!session || !conn->transport.ops)
        return;
    if (session->own) {
        tls_tickets_keep(&session->own->tickets, conn->origin_hash, &conn->transport);
        return;
    }
    tls_tickets_keep(&tickets, conn->origin_hash, &conn->transport);
    if (tickets)
        http_session_own(session)->tickets = tickets;
}

void client_connection_close(struct http_conn *conn, bool with_reset)
{
    struct http_client *client = conn->client;

    if (!conn->is_closed) {
        conn->is_closed = true;
        if (!conn->is_made && conn->now.dial)
            dialer_cancel(client->config.dialer, conn->now.dial);
        else if (conn->is_made && conn->exchange)
            free_out(conn);
        conn->exchange = NULL;
        loop_cancel_timer(client->config.loop, &conn->timer);
        loop_forget(client->config.loop, &conn->watch);
        keep_ticket(conn);
        transport_close(&conn->transport, with_reset);
        give_head(conn);
    }
    if (!conn->is_busy)
        pool_give(client->conns, conn);
}

/* Takes the exchange from the connection and tells its owner, who may start it anew. */
static void end_exchange(struct http_exchange *exchange, enum error_class error_class,
                         const char *message, bool has_head, uint64_t now_ns)
{
    struct http_end end = {
        .error_class = error_class, .message = message ? message : "", .has_head = has_head};

    exchange->conn = NULL;
    exchange->handlers->on_end(exchange, &end, now_ns);
}

static void fail(struct http_conn *conn, enum error_class error_class, const char *message,
                 uint64_t now_ns)
{
    struct http_exchange *exchange = conn->exchange;
    bool has_head = !h1_response_awaits_head(&conn->response);

    client_connection_close(conn, false);
    if (exchange)
        end_exchange(exchange, error_class, message, has_head, now_ns);
}

static void fail_transport(struct http_conn *conn, uint64_t now_ns)
{
    char text[TRANSPORT_TEXT_BYTES];
    enum error_class error_class = transport_describe(&conn->transport, text);

    fail(conn, error_class, text, now_ns);
}

/* The response is whole: keep the connection where that is allowed, tell the owner. */
static void complete(struct http_conn *conn, bool is_clean, uint64_t now_ns)
{
    struct http_exchange *exchange = conn->exchange;

    if (is_clean && conn->session && !conn->now.out && !conn->has_lost_peer &&
        h1_response_keeps_alive(&conn->response)) {
        conn->exchange = NULL;
        client_keep(conn);
    } else {
        client_connection_close(conn, false);
    }
    end_exchange(exchange, CLASS_NONE, NULL, true, now_ns);
}

static void on_timeout(struct timer *timer, uint64_t now_ns)
{
    struct http_conn *conn = CONTAINER_OF(timer, struct http_conn, timer);
    const struct http_client_config *config = &conn->client->config;
    uint64_t due_ns;

    if (h1_response_awaits_head(&conn->response)) {
        /* A long body may take its time as long as it moves. */
        due_ns = conn->now.out ? clock_add_ns(conn->now.out->moved_ns, config->headers_timeout_ns)
                               : now_ns;
        if (now_ns < due_ns)
            loop_set_timer(config->loop, timer, due_ns, on_timeout);
        else
            fail(conn, CLASS_TIMEOUT_HEADERS, "no complete response head in time", now_ns);
        return;
    }
    /* Reads do not touch the timer: it looks back instead and sleeps again. */
    due_ns = clock_add_ns(conn->is_paused ? now_ns : conn->last_read_ns, config->read_timeout_ns);
    if (now_ns < due_ns)
        loop_set_timer(config->loop, timer, due_ns, on_timeout);
    else
        fail(conn, CLASS_TIMEOUT_READ, "silence longer than the read timeout", now_ns);
}

/* --- the response --- */

static bool on_response_head(struct h1_response *response, const struct http_head *head)
{
    struct http_conn *conn = CONTAINER_OF(response, struct http_conn, response);
    const struct http_client_config *config = &conn->client->config;
    struct http_head *lent = (struct http_head *)(uintptr_t)head; /* ours: lent to the parser */

    loop_set_timer(config->loop, &conn->timer,
                   clock_add_ns(conn->last_read_ns, config->read_timeout_ns), on_timeout);
    conn->exchange->handlers->on_head(conn->exchange, head, conn->last_read_ns);
    drop_head(conn->client, lent);
    return conn->exchange != NULL;
}

static bool on_response_body(struct h1_response *response, const uint8_t *bytes, size_t len)
{
    struct http_conn *conn = CONTAINER_OF(response, struct http_conn, response);

    conn->exchange->handlers->on_body(conn->exchange, bytes, len, conn->last_read_ns);
    return conn->exchange != NULL;
}

static const struct h1_handlers response_handlers = {.on_head = on_response_head,
                                                     .on_body = on_response_body};

/* Feeds what was read; `is_last`: the socket holds no more. False when there is nothing more to
 * read for. */
static bool feed(struct http_conn *conn, const uint8_t *bytes, size_t len, bool is_last)
{
    size_t used = len;

    switch (h1_response_feed(&conn->response, bytes, len, &used)) {
    case H1_MORE:
        return true;
    case H1_COMPLETE:
        complete(conn, used == len && is_last, conn->last_read_ns);
        return false;
    case H1_STOPPED:
        return false; /* the owner cancelled, which closed the connection */
    case H1_FAILED:
        fail(conn, (enum error_class)conn->response.error_class, conn->response.reason,
             conn->last_read_ns);
        return false;
    }
    return false;
}

/*
 * A kept connection may have been closed by the server just before it was used again. Where not a
 * byte of the answer came, the request goes out once more on a new connection (RFC 9112, 9.3.1),
 * whatever its method, as curl does it.
 */
static bool retry_stale(struct http_conn *conn, uint64_t now_ns)
{
    struct http_exchange *exchange = conn->exchange;
    struct http_client *client = conn->client;
    struct http_session *session = conn->session;

    if (!conn->was_used || conn->response.has_bytes || !exchange)
        return false;
    client_connection_close(conn, false);
    exchange->is_reused = false;
    client_dial(client, exchange, session, now_ns);
    return true;
}

static void end_of_input(struct http_conn *conn, uint64_t now_ns)
{
    if (retry_stale(conn, now_ns))
        return;
    if (conn->has_lost_peer)
        fail_transport(conn, now_ns); /* the write has taken the error from the socket */
    else if (h1_response_finish(&conn->response) != H1_COMPLETE)
        fail(conn, (enum error_class)conn->response.error_class, conn->response.reason, now_ns);
    else if (conn->transport.is_cut)
        /* Anybody on the way can end a TCP connection; only the peer says goodbye (RFC 8446,
         * section 6.1). Where the end of the connection is the end of the body, that counts. */
        fail(conn, CLASS_TLS, "the end came without TLS's close_notify: it may be a cut", now_ns);
    else
        complete(conn, false, now_ns);
}

void client_connection_rearm(struct http_conn *conn)
{
    struct loop *loop = conn->client->config.loop;
    char text[TRANSPORT_TEXT_BYTES];

    if (loop_change(loop, &conn->watch, conn->watch.interest) == 0)
        return;
    (void)snprintf(text, sizeof text, "cannot wait for the rest: %s", strerror(errno));
    fail(conn, CLASS_LOCAL_LIMIT, text, loop_now_ns(loop));
}

/* Where the kernel says when it had the bytes, that is their time: but not before what came or went
 * earlier on this connection, whatever is done to the wall clock meanwhile. */
static void note_receipt(struct http_conn *conn, uint64_t now_ns)
{
    uint64_t received_ns = transport_received_ns(&conn->transport, now_ns);

    conn->last_read_ns = received_ns > conn->last_read_ns ? received_ns : conn->last_read_ns;
}

/* Reads what is there: once is enough unless the socket may hold more or the peer is leaving. */
static void read_response(struct http_conn *conn, unsigned ready)
{
    struct loop *loop = conn->client->config.loop;
    bool is_sharing = conn->client->config.is_sharing;
    size_t cap = is_sharing ? TRANSPORT_READ_MIN_BYTES : LOOP_SHARED_BUFFER_BYTES;
    int most = is_sharing ? 1 : CLIENT_READS_A_TURN;
    uint8_t *buffer = loop_shared_buffer(loop);

    conn->wants_write_to_read = conn->must_read = false;
    for (int reads = 0; reads < most; reads++) {
        bool is_last;
        size_t len = 0;

        switch (transport_read(&conn->transport, buffer, cap, &len)) {
        case IO_OK:
            note_receipt(conn, loop_refresh_ns(loop));
            is_last = !conn->transport.may_hold_more && !(ready & LOOP_HANGUP);
            if (!feed(conn, buffer, len, is_last) || is_last)
                return;
            if (conn->is_paused) {
                conn->must_read = true;
                return;
            }
            break;
        case IO_WANT_WRITE:
            conn->wants_write_to_read = true;
            return;
        case IO_WANT_READ:
            return;
        case IO_CLOSED:
            end_of_input(conn, loop_now_ns(loop)); /* not before what was read this turn */
            return;
        case IO_FAILED:
            if (!retry_stale(conn, loop_now_ns(loop)))
                fail_transport(conn, loop_now_ns(loop));
            return;
        }
    }
    conn->must_read = true;
    client_connection_rearm(conn);
}

/* --- the request --- */

/* The next piece of the body behind what is queued. False when its file has changed. */
static bool refill(struct http_outgoing *out)
{
    uint8_t *place = buf_reserve(&out->bytes, CLIENT_BODY_PIECE_BYTES);
    size_t len = 0;

    switch (http_body_read(out->body, &out->offset, place, CLIENT_BODY_PIECE_BYTES, &len)) {
    case HTTP_BODY_OK:
        buf_grew(&out->bytes, len);
        return true;
    case HTTP_BODY_END:
        out->body = NULL;
        return true;
    case HTTP_BODY_CHANGED:
        return false;
    }
    return false;
}

/*
 * The peer takes no more. It may have answered before it left, as servers do that find a body too
 * large; or the connection was stale. Reading tells, when the re-armed watch reports it.
 */
static void stop_sending(struct http_conn *conn)
{
    free_out(conn);
    conn->has_lost_peer = true;
    (void)loop_change(conn->client->config.loop, &conn->watch, conn->watch.interest);
}

/* Hands to the socket what is queued. False when the exchange has ended. */
static bool flush(struct http_conn *conn, uint64_t now_ns)
{
    const struct http_client_config *config = &conn->client->config;

    for (int pieces = 0; conn->now.out; pieces++) {
        struct http_outgoing *out = conn->now.out;
        struct iovec part;
        enum io_status status;
        size_t len = 0;

        if (out->bytes.len == 0 && !out->body)
            break;
        if (out->bytes.len == 0 && !refill(out)) {
            fail(conn, CLASS_LOCAL_LIMIT, "a file of the body became shorter", now_ns);
            return false;
        }
        if (out->bytes.len == 0)
            continue;
        part = (struct iovec){.iov_base = out->bytes.bytes, .iov_len = out->bytes.len};
        status = transport_write(&conn->transport, &part, 1, &len);
        if (status == IO_FAILED || status == IO_CLOSED) {
            stop_sending(conn);
            return true;
        }
        if (status != IO_OK)
            return true;
        buf_drop(&out->bytes, len);
        out->moved_ns = now_ns;
        if (pieces >= CLIENT_PIECES_A_TURN) {
            (void)loop_change(config->loop, &conn->watch, conn->watch.interest);
            return true;
        }
    }
    free_out(conn);
    if (h1_response_awaits_head(&conn->response)) {
        conn->exchange->sent_ns = conn->last_read_ns = now_ns;
        loop_set_timer(config->loop, &conn->timer, clock_add_ns(now_ns, config->headers_timeout_ns),
                       on_timeout);
    }
    return true;
}

/* What the first write did not take, and the body behind the head. */
static void queue_rest(struct http_conn *conn, const struct buf *request, size_t taken,
                       const struct http_body *body)
{
    if (taken == request->len && !body)
        return;
    conn->now.out = x_calloc(1, sizeof *conn->now.out);
    conn->now.out->body = body;
    conn->now.out->moved_ns = conn->exchange->sent_ns;
    (void)buf_append(&conn->now.out->bytes, request->bytes + taken, request->len - taken);
}

void client_connection_send(struct http_conn *conn, uint64_t now_ns)
{
    struct http_client *client = conn->client;
    struct http_exchange *exchange = conn->exchange;
    struct buf *request = &client->request;
    const struct http_body *body = NULL;
    struct iovec part;
    enum io_status status;
    size_t len = 0;

    conn->now.out = NULL;
    h1_response_init(&conn->response, &response_handlers, take_head(client), exchange->is_for_head);
    buf_clear(request);
    exchange->handlers->on_connected(exchange, request, &body, now_ns);
    exchange->sent_ns = now_ns;
    conn->last_read_ns = now_ns;
    loop_set_timer(client->config.loop, &conn->timer,
                   clock_add_ns(now_ns, client->config.headers_timeout_ns), on_timeout);
    if (request->len > CLIENT_SEGMENT_BYTES || body)
        tcp_set_no_delay(conn->transport.fd);
    part = (struct iovec){.iov_base = request->bytes, .iov_len = request->len};
    status = transport_write(&conn->transport, &part, 1, &len);
    if (status == IO_FAILED || status == IO_CLOSED) {
        if (!retry_stale(conn, now_ns))
            fail_transport(conn, now_ns);
        return;
    }
    queue_rest(conn, request, len, body);
    if (request->cap > CLIENT_KEPT_REQUEST_BYTES)
        buf_fini(request);
    if (body && status == IO_OK)
        (void)flush(conn, now_ns);
}

static void drive(struct http_conn *conn, unsigned ready, uint64_t now_ns)
{
    bool may_read = (ready & LOOP_READABLE) || conn->wants_write_to_read || conn->must_read;

    if ((ready & LOOP_WRITABLE) && conn->now.out && !flush(conn, now_ns))
        return;
    if ((may_read || conn->has_lost_peer) && !conn->is_paused)
        read_response(conn, ready);
}

/* Idle: the only news is that the server closed it, or sent what nobody asked for; or that TLS had
 * a word of its own. */
static bool is_over(struct http_conn *conn)
{
    uint8_t *buffer = loop_shared_buffer(conn->client->config.loop);
    size_t len = 0;

    return transport_read(&conn->transport, buffer, LOOP_SHARED_BUFFER_BYTES, &len) != IO_WANT_READ;
}

void client_connection_on_ready(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct http_conn *conn = CONTAINER_OF(watch, struct http_conn, watch);

    if (!conn->exchange) {
        if ((ready & LOOP_READABLE) && is_over(conn)) {
            client_forget(conn);
            client_connection_close(conn, false);
        }
        return;
    }
    conn->is_busy = true;
    drive(conn, ready, now_ns);
    conn->is_busy = false;
    if (conn->is_closed)
        client_connection_close(conn, false);
}

#include "http/client.h"

#include "base/clock.h"
#include "base/mem.h"
#include "http/h1_client.h"
#include "net/tcp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLIENT_READS_A_TURN = 4,     /* full buffers read before other connections get their turn */
    CLIENT_SEGMENT_BYTES = 1200, /* a request over this may take more than one segment */
    CLIENT_MESSAGE_BYTES = 256,
    CLIENT_SPARE_HEADS = 32,
    SESSION_IDLE_LIMIT = 4
};

struct http_client {
    struct http_client_config config;
    struct pool *conns;
    struct pool *heads;                                /* one a response whose head is awaited */
    struct http_head *spare_heads[CLIENT_SPARE_HEADS]; /* kept with their memory for the next */
    size_t spare_count;
    struct buf request; /* scratch: the request being written */
};

/* A connection: being made, in an exchange, or idle in a session. */
struct http_conn {
    struct watch watch;
    struct transport transport;
    struct timer timer; /* headers timeout, then read timeout */
    struct http_client *client;
    struct http_exchange *exchange; /* borrowed; NULL when idle */
    struct http_session *session;   /* borrowed; NULL: not to be kept */
    struct http_conn *next_idle;
    struct dial *dial; /* while being made */
    struct buf *out;   /* owned: what the socket did not take yet; NULL when nothing */
    uint64_t last_read_ns;
    uint64_t origin_hash;
    struct h1_response response;
    bool is_busy;   /* inside a handler of its own: free it afterwards */
    bool is_closed; /* to be freed */
    bool was_used;  /* has served an exchange before */
};

_Static_assert(sizeof(struct http_conn) <= 352, "exists once a stream");
_Static_assert(sizeof(struct http_exchange) <= 64, "exists once a stream");

/* FNV-1a, enough to tell the few origins of one user apart. */
static uint64_t hash_origin(const struct http_origin *origin)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (const char *at = origin->host; *at; at++)
        hash = (hash ^ (uint8_t)*at) * 0x100000001b3u;
    return (hash ^ origin->port) * 0x100000001b3u;
}

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

static void free_out(struct http_conn *conn)
{
    if (!conn->out)
        return;
    buf_fini(conn->out);
    free(conn->out);
    conn->out = NULL;
}

/* Ends the connection; its memory goes now, or when its own handler is done. */
static void conn_close(struct http_conn *conn, bool with_reset)
{
    struct http_client *client = conn->client;

    if (!conn->is_closed) {
        conn->is_closed = true;
        conn->exchange = NULL;
        if (conn->dial)
            dialer_cancel(client->config.dialer, conn->dial);
        loop_cancel_timer(client->config.loop, &conn->timer);
        loop_forget(client->config.loop, &conn->watch);
        transport_close(&conn->transport, with_reset);
        give_head(conn);
        free_out(conn);
    }
    if (!conn->is_busy)
        pool_give(client->conns, conn);
}

static void session_remove(struct http_session *session, const struct http_conn *conn)
{
    for (struct http_conn **at = &session->idle; *at; at = &(*at)->next_idle) {
        if (*at == conn) {
            *at = conn->next_idle;
            return;
        }
    }
}

static struct http_conn *session_take(struct http_session *session, uint64_t origin_hash)
{
    for (struct http_conn **at = &session->idle; *at; at = &(*at)->next_idle) {
        struct http_conn *conn = *at;

        if (conn->origin_hash == origin_hash) {
            *at = conn->next_idle;
            conn->next_idle = NULL;
            return conn;
        }
    }
    return NULL;
}

static bool session_is_full(const struct http_session *session)
{
    int count = 0;

    for (const struct http_conn *conn = session->idle; conn; conn = conn->next_idle)
        count++;
    return count >= SESSION_IDLE_LIMIT;
}

void http_session_close(struct http_session *session, bool with_reset)
{
    while (session->idle) {
        struct http_conn *conn = session->idle;

        session->idle = conn->next_idle;
        conn_close(conn, with_reset);
    }
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

static void conn_fail(struct http_conn *conn, enum error_class error_class, const char *message,
                      uint64_t now_ns)
{
    struct http_exchange *exchange = conn->exchange;
    bool has_head = !h1_response_awaits_head(&conn->response);

    conn_close(conn, false);
    if (exchange)
        end_exchange(exchange, error_class, message, has_head, now_ns);
}

static void conn_fail_errno(struct http_conn *conn, int error_number, uint64_t now_ns)
{
    char message[CLIENT_MESSAGE_BYTES];
    bool is_reset = error_number == ECONNRESET || error_number == EPIPE;

    (void)snprintf(message, sizeof message, "%s", strerror(error_number));
    conn_fail(conn, is_reset ? CLASS_RESET : CLASS_UNREACHABLE, message, now_ns);
}

/* The response is whole: keep the connection where that is allowed, tell the owner. */
static void conn_complete(struct http_conn *conn, bool is_clean, uint64_t now_ns)
{
    struct http_exchange *exchange = conn->exchange;
    struct http_session *session = conn->session;

    if (is_clean && session && !conn->out && h1_response_keeps_alive(&conn->response) &&
        !session_is_full(session)) {
        conn->exchange = NULL;
        conn->was_used = true;
        loop_cancel_timer(conn->client->config.loop, &conn->timer);
        conn->next_idle = session->idle;
        session->idle = conn;
    } else {
        conn_close(conn, false);
    }
    if (exchange)
        end_exchange(exchange, CLASS_NONE, NULL, true, now_ns);
}

static void on_timeout(struct timer *timer, uint64_t now_ns)
{
    struct http_conn *conn = CONTAINER_OF(timer, struct http_conn, timer);
    const struct http_client_config *config = &conn->client->config;
    uint64_t due_ns;

    if (h1_response_awaits_head(&conn->response)) {
        conn_fail(conn, CLASS_TIMEOUT_HEADERS, "no complete response head in time", now_ns);
        return;
    }
    /* Reads do not touch the timer: it looks back instead and sleeps again. */
    due_ns = clock_add_ns(conn->last_read_ns, config->read_timeout_ns);
    if (now_ns < due_ns)
        loop_set_timer(config->loop, timer, due_ns, on_timeout);
    else
        conn_fail(conn, CLASS_TIMEOUT_READ, "silence longer than the read timeout", now_ns);
}

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

/* Hands to the socket what is queued. False when the connection failed. */
static bool conn_flush(struct http_conn *conn, uint64_t now_ns)
{
    while (conn->out && conn->out->len > 0) {
        struct iovec part = {.iov_base = conn->out->bytes, .iov_len = conn->out->len};
        size_t len = 0;
        enum io_status status = transport_write(&conn->transport, &part, 1, &len);

        if (status == IO_FAILED || status == IO_CLOSED) {
            conn_fail_errno(conn, conn->transport.error_number, now_ns);
            return false;
        }
        if (status != IO_OK)
            return true;
        buf_drop(conn->out, len);
    }
    free_out(conn);
    return true;
}

/* Feeds what was read; `is_last`: the socket holds no more. False when there is nothing more to
 * read for. */
static bool conn_feed(struct http_conn *conn, const uint8_t *bytes, size_t len, bool is_last)
{
    size_t used = len;

    switch (h1_response_feed(&conn->response, bytes, len, &used)) {
    case H1_MORE:
        return true;
    case H1_COMPLETE:
        conn_complete(conn, used == len && is_last, conn->last_read_ns);
        return false;
    case H1_STOPPED:
        return false; /* the owner cancelled, which closed the connection */
    case H1_FAILED:
        conn_fail(conn, (enum error_class)conn->response.error_class, conn->response.reason,
                  conn->last_read_ns);
        return false;
    }
    return false;
}

/* Below: what a new connection goes on to is what ends here. */
static void dial(struct http_client *client, struct http_exchange *exchange,
                 struct http_session *session, uint64_t now_ns);

/*
 * A kept connection may have been closed by the server just before it was used again. Where not a
 * byte of the answer came, the request goes out once more on a new connection (RFC 9112, 9.3.1).
 */
static bool retry_stale(struct http_conn *conn, uint64_t now_ns)
{
    struct http_exchange *exchange = conn->exchange;
    struct http_client *client = conn->client;
    struct http_session *session = conn->session;

    if (!conn->was_used || conn->response.has_bytes || !exchange)
        return false;
    conn_close(conn, false);
    exchange->is_reused = false;
    dial(client, exchange, session, now_ns);
    return true;
}

static void conn_read_end(struct http_conn *conn, uint64_t now_ns)
{
    if (retry_stale(conn, now_ns))
        return;
    if (h1_response_finish(&conn->response) == H1_COMPLETE)
        conn_complete(conn, false, now_ns);
    else
        conn_fail(conn, (enum error_class)conn->response.error_class, conn->response.reason,
                  now_ns);
}

/* Reads what is there: once is enough unless the buffer came back full or the peer is leaving. */
static void conn_read(struct http_conn *conn, unsigned ready)
{
    struct loop *loop = conn->client->config.loop;
    uint8_t *buffer = loop_shared_buffer(loop);

    for (int reads = 0; reads < CLIENT_READS_A_TURN; reads++) {
        bool is_last;
        size_t len = 0;

        switch (transport_read(&conn->transport, buffer, LOOP_SHARED_BUFFER_BYTES, &len)) {
        case IO_OK:
            conn->last_read_ns = loop_refresh_ns(loop);
            is_last = len < LOOP_SHARED_BUFFER_BYTES && !(ready & LOOP_HANGUP);
            if (!conn_feed(conn, buffer, len, is_last) || is_last)
                return;
            break;
        case IO_WANT_READ:
        case IO_WANT_WRITE:
            return;
        case IO_CLOSED:
            conn_read_end(conn, loop_now_ns(loop)); /* not before what was read this turn */
            return;
        case IO_FAILED:
            if (!retry_stale(conn, loop_now_ns(loop)))
                conn_fail_errno(conn, conn->transport.error_number, loop_now_ns(loop));
            return;
        }
    }
    if (loop_change(loop, &conn->watch, conn->watch.interest) < 0)
        conn_fail_errno(conn, errno, loop_now_ns(loop));
}

static void on_conn_ready(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct http_conn *conn = CONTAINER_OF(watch, struct http_conn, watch);

    if (!conn->exchange) {
        /* Idle: the only news is that the server closed it, or sent what nobody asked for. */
        if (ready & LOOP_READABLE) {
            session_remove(conn->session, conn);
            conn_close(conn, false);
        }
        return;
    }
    conn->is_busy = true;
    if ((!(ready & LOOP_WRITABLE) || conn_flush(conn, now_ns)) && (ready & LOOP_READABLE))
        conn_read(conn, ready);
    conn->is_busy = false;
    if (conn->is_closed)
        conn_close(conn, false);
}

/* The connection stands: write the request and await the head. */
static void conn_send(struct http_conn *conn, uint64_t now_ns)
{
    struct http_client *client = conn->client;
    struct http_exchange *exchange = conn->exchange;
    struct http_head *head = take_head(client);
    struct iovec part;
    enum io_status status;
    size_t len = 0;

    h1_response_init(&conn->response, &response_handlers, head, exchange->is_for_head);
    buf_clear(&client->request);
    exchange->handlers->on_connected(exchange, &client->request, now_ns);
    exchange->sent_ns = now_ns;
    conn->last_read_ns = now_ns;
    loop_set_timer(client->config.loop, &conn->timer,
                   clock_add_ns(now_ns, client->config.headers_timeout_ns), on_timeout);
    if (client->request.len > CLIENT_SEGMENT_BYTES)
        tcp_set_no_delay(conn->transport.fd);
    part = (struct iovec){.iov_base = client->request.bytes, .iov_len = client->request.len};
    status = transport_write(&conn->transport, &part, 1, &len);
    if (status == IO_FAILED || status == IO_CLOSED) {
        if (!retry_stale(conn, now_ns))
            conn_fail_errno(conn, conn->transport.error_number, now_ns);
        return;
    }
    if (len < client->request.len) {
        conn->out = x_calloc(1, sizeof *conn->out);
        (void)buf_append(conn->out, client->request.bytes + len, client->request.len - len);
    }
}

static uint32_t to_us(uint64_t ns)
{
    uint64_t us = ns / CLOCK_NS_PER_US;

    return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static void on_dialed(struct watch *watch, const struct dial_result *result, uint64_t now_ns)
{
    struct http_conn *conn = CONTAINER_OF(watch, struct http_conn, watch);
    struct http_exchange *exchange = conn->exchange;

    conn->dial = NULL;
    exchange->dns_us = to_us(result->dns_ns);
    exchange->connect_us = to_us(result->connect_ns);
    if (result->error_class != CLASS_NONE) {
        conn_close(conn, false);
        end_exchange(exchange, result->error_class, result->message, false, now_ns);
        return;
    }
    tcp_transport_init(&conn->transport, result->fd);
    conn->watch.on_ready = on_conn_ready;
    conn_send(conn, now_ns);
}

/* Gives the exchange a connection of its own. */
static void dial(struct http_client *client, struct http_exchange *exchange,
                 struct http_session *session, uint64_t now_ns)
{
    const struct http_origin *origin = exchange->origin;
    struct http_conn *conn = pool_take(client->conns);
    struct dial *under_way;

    if (!conn) {
        end_exchange(exchange, CLASS_LOCAL_LIMIT, "out of memory", false, now_ns);
        return;
    }
    conn->client = client;
    conn->session = session;
    conn->exchange = exchange;
    conn->origin_hash = hash_origin(origin);
    exchange->conn = conn;
    conn->is_busy = true; /* on_dialed may run, fail and close it before dialer_start returns */
    under_way =
        dialer_start(client->config.dialer, origin->host, origin->port, &conn->watch, on_dialed);
    conn->is_busy = false;
    if (conn->is_closed)
        conn_close(conn, false);
    else
        conn->dial = under_way;
}

struct http_client *http_client_new(const struct http_client_config *config)
{
    struct http_client *client = x_calloc(1, sizeof *client);

    client->config = *config;
    client->conns = pool_new(sizeof(struct http_conn), 0);
    client->heads = pool_new(sizeof(struct http_head), 0);
    return client;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    buf_fini(&client->request);
    while (client->spare_count > 0)
        http_head_fini(client->spare_heads[--client->spare_count]);
    pool_free(client->heads);
    pool_free(client->conns);
    free(client);
}

void http_exchange_start(struct http_client *client, struct http_exchange *exchange,
                         struct http_session *session, const struct http_origin *origin,
                         const struct http_exchange_handlers *handlers)
{
    uint64_t hash = hash_origin(origin), now_ns = loop_now_ns(client->config.loop);
    struct http_conn *conn = session ? session_take(session, hash) : NULL;

    exchange->handlers = handlers;
    exchange->started_ns = now_ns;
    exchange->sent_ns = exchange->dns_us = exchange->connect_us = 0;
    exchange->origin = origin;
    exchange->is_reused = conn != NULL;
    if (!conn) {
        dial(client, exchange, session, now_ns);
        return;
    }
    exchange->conn = conn;
    conn->exchange = exchange;
    conn_send(conn, now_ns);
}

void http_exchange_cancel(struct http_exchange *exchange, bool with_reset)
{
    struct http_conn *conn = exchange->conn;

    if (!conn)
        return;
    exchange->conn = NULL;
    conn_close(conn, with_reset);
}

bool http_exchange_is_under_way(const struct http_exchange *exchange)
{
    return exchange->conn != NULL;
}

uint64_t http_exchange_last_read_ns(const struct http_exchange *exchange)
{
    return exchange->conn ? exchange->conn->last_read_ns : 0;
}

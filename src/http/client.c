#include "http/client.h"

#include "base/clock.h"
#include "base/mem.h"
#include "http/client_connection.h"
#include "net/tcp.h"

#include <stdlib.h>
#include <sys/random.h>

enum { SESSION_IDLE_LIMIT = 4 };
/* A macro, as compilers check what goes into a bit-field by its constant value only. */
#define CLIENT_HASH_MASK (((uint64_t)1 << 56) - 1)

_Static_assert(sizeof(struct http_exchange) <= 56, "exists once a stream");

/*
 * FNV-1a, folded to 56 bits. The seed is a secret of the process: a server that redirects to a name
 * of its choice must not find one that is taken for the origin of a kept connection.
 */
static uint64_t hash_origin(const struct http_client *client, const struct http_origin *origin)
{
    uint64_t hash = client->hash_seed;

    for (const char *at = origin->host; *at; at++)
        hash = (hash ^ (uint8_t)*at) * 0x100000001b3u;
    hash = (hash ^ origin->port ^ (uint64_t)origin->is_tls << 16) * 0x100000001b3u;
    return (hash ^ hash >> 56) & CLIENT_HASH_MASK;
}

/* --- kept connections --- */

static struct http_conn *take_kept(struct http_session *session, uint64_t origin_hash)
{
    for (struct http_conn **at = &session->idle; *at; at = &(*at)->now.next_idle) {
        struct http_conn *conn = *at;

        if (conn->origin_hash == origin_hash) {
            *at = conn->now.next_idle;
            conn->now.next_idle = NULL;
            return conn;
        }
    }
    return NULL;
}

void client_keep(struct http_conn *conn)
{
    struct http_session *session = conn->session;
    struct http_conn **at = &session->idle;

    conn->was_used = true;
    loop_cancel_timer(conn->client->config.loop, &conn->timer);
    conn->now.next_idle = session->idle;
    session->idle = conn;
    /* The one that was kept first makes room. */
    for (int count = 0; *at && count < SESSION_IDLE_LIMIT; count++)
        at = &(*at)->now.next_idle;
    if (*at) {
        struct http_conn *oldest = *at;

        *at = NULL;
        client_connection_close(oldest, false);
    }
}

void client_forget(struct http_conn *conn)
{
    for (struct http_conn **at = &conn->session->idle; *at; at = &(*at)->now.next_idle) {
        if (*at == conn) {
            *at = conn->now.next_idle;
            return;
        }
    }
}

void http_client_keep_only(struct http_session *session, const struct http_origin *origin)
{
    struct http_conn **at = &session->idle;

    while (*at) {
        struct http_conn *conn = *at;

        if (conn->origin_hash == hash_origin(conn->client, origin)) {
            at = &conn->now.next_idle;
            continue;
        }
        *at = conn->now.next_idle;
        client_connection_close(conn, true);
    }
}

void http_client_close_idle(struct http_session *session, bool with_reset)
{
    while (session->idle) {
        struct http_conn *conn = session->idle;

        session->idle = conn->now.next_idle;
        client_connection_close(conn, with_reset);
    }
}

/* --- new connections --- */

static uint32_t to_us(uint64_t ns)
{
    uint64_t us = ns / CLOCK_NS_PER_US;

    return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static void end_unmade(struct http_exchange *exchange, enum error_class error_class,
                       const char *message, uint64_t now_ns)
{
    struct http_end end = {.error_class = error_class, .message = message};

    exchange->conn = NULL;
    exchange->handlers->on_end(exchange, &end, now_ns);
}

static void on_dialed(struct watch *watch, const struct dial_result *result, uint64_t now_ns)
{
    struct http_conn *conn = CONTAINER_OF(watch, struct http_conn, watch);
    struct http_exchange *exchange = conn->exchange;

    conn->now.dial = NULL;
    exchange->dns_us = to_us(result->dns_ns);
    exchange->connect_us = to_us(result->connect_ns);
    exchange->tls_us = to_us(result->tls_ns);
    exchange->is_tls = result->is_tls;
    exchange->is_resumed = result->is_resumed;
    if (result->error_class != CLASS_NONE) {
        client_connection_close(conn, false);
        end_unmade(exchange, result->error_class, result->message, now_ns);
        return;
    }
    conn->transport = result->transport;
    conn->is_made = true;
    conn->watch.on_ready = client_connection_on_ready;
    client_connection_send(conn, now_ns);
}

void client_dial(struct http_client *client, struct http_exchange *exchange,
                 struct http_session *session, uint64_t now_ns)
{
    const struct http_origin *origin = exchange->origin;
    struct http_conn *conn = pool_take(client->conns);
    struct dial_target target = {
        .host = origin->host, .port = origin->port, .is_tls = origin->is_tls};
    struct dial *under_way;

    if (!conn) {
        end_unmade(exchange, CLASS_LOCAL_LIMIT, "out of memory", now_ns);
        return;
    }
    if (session && session->own)
        target.tickets = session->own->tickets;
    target.receive_bytes = client->config.receive_bytes;
    target.peer_key = hash_origin(client, origin);
    conn->client = client;
    conn->session = session;
    conn->exchange = exchange;
    conn->origin_hash = target.peer_key & CLIENT_HASH_MASK;
    exchange->conn = conn;
    conn->is_busy = true; /* on_dialed may run, fail and close it before dialer_start returns */
    under_way = dialer_start(client->config.dialer, &target, &conn->watch, on_dialed);
    conn->is_busy = false;
    if (conn->is_closed)
        client_connection_close(conn, false);
    else if (!conn->is_made)
        conn->now.dial = under_way;
}

/* --- public --- */

struct http_client *http_client_new(const struct http_client_config *config)
{
    struct http_client *client = x_calloc(1, sizeof *client);

    client->config = *config;
    if (getrandom(&client->hash_seed, sizeof client->hash_seed, 0) < 0)
        client->hash_seed = clock_now_ns();
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
    uint64_t now_ns = loop_now_ns(client->config.loop);
    struct http_conn *conn = session ? take_kept(session, hash_origin(client, origin)) : NULL;

    exchange->handlers = handlers;
    exchange->started_ns = now_ns;
    exchange->sent_ns = exchange->dns_us = exchange->connect_us = exchange->tls_us = 0;
    exchange->origin = origin;
    exchange->is_reused = conn != NULL;
    exchange->is_tls = exchange->is_resumed = false;
    if (!conn) {
        client_dial(client, exchange, session, now_ns);
        return;
    }
    exchange->conn = conn;
    conn->exchange = exchange;
    conn->is_paused = conn->must_read = false;
    client_connection_send(conn, now_ns);
}

void http_exchange_pause(struct http_exchange *exchange)
{
    if (exchange->conn)
        exchange->conn->is_paused = true;
}

void http_exchange_resume(struct http_exchange *exchange)
{
    if (!exchange->conn || !exchange->conn->is_paused)
        return;
    exchange->conn->is_paused = false;
    client_connection_rearm(exchange->conn);
}

void http_exchange_cancel(struct http_exchange *exchange, bool with_reset)
{
    struct http_conn *conn = exchange->conn;

    if (!conn)
        return;
    exchange->conn = NULL;
    client_connection_close(conn, with_reset);
}

bool http_exchange_is_under_way(const struct http_exchange *exchange)
{
    return exchange->conn != NULL;
}

bool http_exchange_get_tls(const struct http_exchange *exchange, struct tls_facts *facts)
{
    return exchange->conn && exchange->conn->is_made &&
           tls_get_facts(&exchange->conn->transport, facts);
}

bool http_exchange_get_peer(const struct http_exchange *exchange, struct address *peer)
{
    return exchange->conn && exchange->conn->is_made &&
           tcp_peer_address(exchange->conn->transport.fd, peer) == 0;
}

/*
 * load/network.h - the way out of a process: source addresses, resolver, routes, dialer, client, as
 * a plan has them.
 *
 * Runs on: the worker's loop (and on that of `cicada tap`).
 */
#ifndef CICADA_LOAD_NETWORK_H
#define CICADA_LOAD_NETWORK_H

#include "base/err.h"
#include "http/client.h"
#include "load/plan.h"
#include "net/tls.h"

struct dialer;
struct loop;
struct resolver;
struct route_table;
struct source_pool;

/* Callers read both clients. */
struct network {
    struct http_client *client;
    struct http_client *slow_client; /* for users that read slowly; NULL: there are none */
    struct dialer *dialer;
    struct resolver *resolver;
    struct route_table *routes;
    struct source_pool *sources; /* NULL: the system chooses */
    struct tls_client_config tls;
    struct http_client_config config; /* of `client` */
};

/* `plan` is borrowed until the end. `is_sharing`: others run on this thread too, as in
 * http_client_config. -1 with a sentence; network_close in either case. */
int network_open(struct network *network, struct loop *loop, const struct plan_network *plan,
                 bool is_sharing, struct err *err);
/* Makes `slow_client`, whose connections have a receive buffer of this size; otherwise it is as the
 * other one. Once, after network_open. */
void network_add_slow_client(struct network *network, uint32_t receive_bytes);
/* After the last exchange has ended. */
void network_close(struct network *network);

/* What a plan says of TLS and of routes, checked before anything starts: -1 with a sentence. */
struct tls_client_config network_tls_config(const struct plan_network *plan);
struct route_table *network_routes(const struct plan_network *plan, struct err *err);

#endif

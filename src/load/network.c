#include "load/network.h"

#include "net/dialer.h"
#include "net/resolver.h"
#include "net/route.h"
#include "net/source.h"

struct tls_client_config network_tls_config(const struct plan_network *plan)
{
    return (struct tls_client_config){.ca_pem = plan->ca_pem,
                                      .cert_pem = plan->cert_pem,
                                      .key_pem = plan->key_pem,
                                      .is_insecure = plan->is_insecure,
                                      .never_resumes = plan->never_resumes,
                                      .wants_stamps = plan->wants_kernel_times};
}

struct route_table *network_routes(const struct plan_network *plan, struct err *err)
{
    struct route_table *routes = route_table_new();

    for (size_t i = 0; i < plan->resolves.count; i++) {
        if (route_add_resolve(routes, plan->resolves.items[i], err) < 0) {
            err_prefix(err, "option '--resolve'");
            goto failed;
        }
    }
    for (size_t i = 0; i < plan->connects.count; i++) {
        if (route_add_connect_to(routes, plan->connects.items[i], err) < 0) {
            err_prefix(err, "option '--connect-to'");
            goto failed;
        }
    }
    return routes;
failed:
    route_table_free(routes);
    return NULL;
}

int network_open(struct network *network, struct loop *loop, const struct plan_network *plan,
                 bool is_sharing, struct err *err)
{
    struct dialer_config dialer = {.loop = loop,
                                   .unix_socket = plan->unix_socket,
                                   .tls = &network->tls,
                                   .timeout_ns = plan->connect_timeout_ns,
                                   .wants_stamps = plan->wants_kernel_times};
    struct http_client_config client = {.loop = loop,
                                        .headers_timeout_ns = plan->headers_timeout_ns,
                                        .read_timeout_ns = plan->read_timeout_ns,
                                        .is_sharing = is_sharing};

    *network = (struct network){.tls = network_tls_config(plan)};
    if (plan->local_addresses) {
        network->sources = source_pool_new(plan->local_addresses, err);
        if (!network->sources)
            return -1;
    }
    network->routes = network_routes(plan, err);
    network->resolver = network->routes ? resolver_new(loop, err) : NULL;
    if (!network->resolver)
        return -1;
    dialer.sources = network->sources;
    dialer.routes = network->routes;
    dialer.resolver = network->resolver;
    network->dialer = dialer_new(&dialer, err);
    if (!network->dialer)
        return -1;
    client.dialer = network->dialer;
    network->config = client;
    network->client = http_client_new(&client);
    return 0;
}

void network_add_slow_client(struct network *network, uint32_t receive_bytes)
{
    struct http_client_config config = network->config;

    config.receive_bytes = receive_bytes;
    network->slow_client = http_client_new(&config);
}

void network_close(struct network *network)
{
    http_client_free(network->slow_client);
    http_client_free(network->client);
    dialer_free(network->dialer);
    resolver_free(network->resolver);
    route_table_free(network->routes);
    source_pool_free(network->sources);
    *network = (struct network){0};
}

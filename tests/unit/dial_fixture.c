#include "dial_fixture.h"

#include "base/clock.h"
#include "base/mem.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct loop *loop;
struct resolver *resolver;
struct route_table *routes;
static int descriptor_count; /* before the test */
static int holder;           /* of hold_port(), or -1 */

int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(directory);
    while (readdir(directory))
        count++;
    (void)closedir(directory);
    return count;
}

int open_loop(void **state)
{
    struct err err = {0};

    (void)state;
    descriptor_count = count_descriptors();
    holder = -1;
    loop = loop_new(&err);
    resolver = resolver_new(loop, &err);
    routes = route_table_new();
    return loop && resolver ? 0 : -1;
}

int close_loop(void **state)
{
    (void)state;
    route_table_free(routes);
    resolver_free(resolver);
    loop_free(loop);
    if (holder >= 0)
        (void)close(holder);
    return count_descriptors() == descriptor_count ? 0 : -1;
}

/* Sockets with SO_REUSEADDR share a port that none of them has begun to listen on. */
static int open_bound(const struct address *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(fd, &address->as.any, address->len), 0);
    return fd;
}

uint16_t hold_port(void)
{
    struct address address;

    assert_int_equal(holder, -1);
    assert_int_equal(address_parse("0.0.0.0", 0, &address), 0);
    holder = open_bound(&address);
    return tcp_local_port(holder);
}

void on_done(struct watch *watch, const struct dial_result *result, uint64_t now_ns)
{
    struct call *call = CONTAINER_OF(watch, struct call, watch);

    assert_true(now_ns == loop_now_ns(loop));
    call->done_count++;
    call->error_class = result->error_class;
    call->transport = result->transport;
    call->fd = result->transport.ops ? result->transport.fd : -1;
    call->connect_ns = result->connect_ns;
    if (result->message)
        (void)snprintf(call->message, sizeof call->message, "%s", result->message);
    assert_true((result->error_class == CLASS_NONE) == (result->transport.ops != NULL));
}

struct dialer *make_dialer(uint64_t timeout_ns, const char *unix_socket,
                           struct source_pool *sources)
{
    struct dialer_config config = {.loop = loop,
                                   .resolver = resolver,
                                   .routes = routes,
                                   .sources = sources,
                                   .unix_socket = unix_socket,
                                   .timeout_ns = timeout_ns};
    struct err err = {0};
    struct dialer *dialer = dialer_new(&config, &err);

    assert_non_null(dialer);
    return dialer;
}

struct dial *start_dial(struct dialer *dialer, const char *host, uint16_t port, struct watch *watch,
                        dial_fn on_end)
{
    struct dial_target target = {.host = host, .port = port};

    return dialer_start(dialer, &target, watch, on_end);
}

void wait_for(const struct call *call)
{
    uint64_t until_ns = clock_now_ns() + 10 * CLOCK_NS_PER_S;

    while (call->done_count == 0 && clock_now_ns() < until_ns)
        (void)loop_turn(loop, 10 * CLOCK_NS_PER_MS, 0);
    assert_int_equal(call->done_count, 1);
}

void hang_up(struct call *call)
{
    loop_remove(loop, &call->watch);
    transport_close(&call->transport, false);
}

int listen_on(const char *host, uint16_t port, uint16_t *result)
{
    struct address address;
    struct err err = {0};
    int fd;

    assert_int_equal(address_parse(host, port, &address), 0);
    fd = tcp_listen(&address, false, &err);
    if (fd >= 0)
        *result = tcp_local_port(fd);
    return fd;
}

struct silent open_silent(const char *host, uint16_t *port)
{
    struct silent silent;
    struct address address;

    assert_int_equal(address_parse(host, *port, &address), 0);
    silent.listener = open_bound(&address);
    assert_int_equal(listen(silent.listener, 0), 0);
    *port = tcp_local_port(silent.listener);
    (void)address_parse(host, *port, &address);
    for (int i = 0; i < SILENT_FILLERS; i++) {
        bool in_progress;

        silent.fillers[i] = tcp_start_connect(&address, NULL, &in_progress);
        assert_true(silent.fillers[i] >= 0);
    }
    return silent;
}

void close_silent(const struct silent *silent)
{
    for (int i = 0; i < SILENT_FILLERS; i++)
        (void)close(silent->fillers[i]);
    (void)close(silent->listener);
}

void route_many(uint16_t port, const char *addresses)
{
    char text[256];
    struct err err = {0};

    (void)snprintf(text, sizeof text, "many:%u:%s", port, addresses);
    assert_int_equal(route_add_resolve(routes, text, &err), 0);
}

#include "load/network.h"

#include "base/clock.h"
#include "base/mem.h"
#include "http/client.h"
#include "net/route.h"
#include "net/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct loop *loop;
static struct plan *plan;
static struct network network;

static int open_loop(void **state)
{
    struct err err = {0};

    (void)state;
    loop = loop_new(&err);
    plan = plan_new();
    return loop ? 0 : -1;
}

static int close_loop(void **state)
{
    (void)state;
    network_close(&network);
    plan_free(plan);
    loop_free(loop);
    return 0;
}

/* --- a request through it --- */

static enum error_class ended_as;
static int end_count;

static void on_connected(struct http_exchange *exchange, struct buf *out,
                         const struct http_body **body, uint64_t now_ns)
{
    (void)exchange;
    (void)body;
    (void)now_ns;
    (void)buf_append_text(out, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
}

static void on_end(struct http_exchange *exchange, const struct http_end *end, uint64_t now_ns)
{
    (void)exchange;
    (void)now_ns;
    end_count++;
    ended_as = end->error_class;
}

static const struct http_exchange_handlers handlers = {.on_connected = on_connected,
                                                       .on_end = on_end};

/* Accepts one connection from the exchange to `host`; its peer's address is in `from`. */
static void check_reaches(int listener, const char *host, uint16_t port,
                          char from[static TCP_ADDRESS_TEXT_BYTES])
{
    struct http_origin origin = {.host = host, .port = port};
    struct http_exchange exchange = {0};
    struct address peer = {0};
    uint64_t until_ns = clock_now_ns() + 5 * CLOCK_NS_PER_S;
    int fd = -1;

    http_exchange_start(network.client, &exchange, NULL, &origin, &handlers);
    while (fd < 0 && clock_now_ns() < until_ns) {
        (void)loop_turn(loop, CLOCK_NS_PER_MS, 0);
        fd = tcp_accept(listener, &peer);
    }
    assert_true(fd >= 0);
    (void)address_format(&peer, from);
    http_exchange_cancel(&exchange, true);
    (void)close(fd);
}

static int listen_here(uint16_t *port)
{
    struct address address;
    struct err err = {0};
    int fd;

    (void)address_parse("127.0.0.1", 0, &address);
    fd = tcp_listen(&address, false, &err);
    assert_true(fd >= 0);
    *port = tcp_local_port(fd);
    return fd;
}

static void routes_and_sources_of_the_plan_are_used(void **state)
{
    char from[TCP_ADDRESS_TEXT_BYTES];
    struct err err = {0};
    uint16_t port;
    int listener = listen_here(&port);
    char *resolve = x_asprintf("service.test:%u:127.0.0.1", port);
    char *connect = x_asprintf("other.test:81:service.test:%u", port);

    (void)state;
    plan_list_add(&plan->network.resolves, resolve);
    plan_list_add(&plan->network.connects, connect);
    plan->network.local_addresses = x_strdup("127.8.8.8/32");
    if (network_open(&network, loop, &plan->network, false, &err) < 0)
        fail_msg("%s", err.text);
    check_reaches(listener, "service.test", port, from);
    assert_int_equal(strncmp(from, "127.8.8.8:", 10), 0);
    check_reaches(listener, "other.test", 81, from);
    free(resolve);
    free(connect);
    (void)close(listener);
}

static void a_socket_of_the_plan_takes_the_place_of_the_host(void **state)
{
    char from[TCP_ADDRESS_TEXT_BYTES], path[] = "/tmp/cicada-network-XXXXXX";
    struct address address;
    struct err err = {0};
    char *directory = mkdtemp(path), *socket_path = x_asprintf("%s/s", directory);
    int listener;

    (void)state;
    assert_int_equal(address_set_unix(socket_path, &address, &err), 0);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, &address.as.any, address.len), 0);
    assert_int_equal(listen(listener, 1), 0);
    plan->network.unix_socket = x_strdup(socket_path);
    assert_int_equal(network_open(&network, loop, &plan->network, false, &err), 0);
    check_reaches(listener, "service.test", 80, from);
    (void)close(listener);
    (void)unlink(socket_path);
    (void)rmdir(directory);
    free(socket_path);
}

static void timeouts_of_the_plan_are_those_of_the_client(void **state)
{
    uint16_t port;
    int listener = listen_here(&port); /* accepts, as far as the kernel goes, and says nothing */
    struct http_origin origin = {.host = "127.0.0.1", .port = port};
    struct http_exchange exchange = {0};
    struct err err = {0};
    uint64_t began_ns = clock_now_ns();

    (void)state;
    plan->network.headers_timeout_ns = 50 * CLOCK_NS_PER_MS;
    assert_int_equal(network_open(&network, loop, &plan->network, false, &err), 0);
    end_count = 0;
    http_exchange_start(network.client, &exchange, NULL, &origin, &handlers);
    while (end_count == 0 && clock_now_ns() - began_ns < 5 * CLOCK_NS_PER_S)
        (void)loop_turn(loop, 5 * CLOCK_NS_PER_MS, 0);
    assert_int_equal(end_count, 1);
    assert_int_equal(ended_as, CLASS_TIMEOUT_HEADERS);
    assert_true(clock_now_ns() - began_ns >= 50 * CLOCK_NS_PER_MS);
    (void)close(listener);
}

static void what_a_plan_says_of_tls_is_passed_on(void **state)
{
    struct tls_client_config config;

    (void)state;
    config = network_tls_config(&plan->network);
    assert_true(!config.ca_pem && !config.cert_pem && !config.key_pem);
    assert_true(!config.is_insecure && !config.never_resumes);
    plan->network.ca_pem = x_strdup("ca");
    plan->network.cert_pem = x_strdup("cert");
    plan->network.key_pem = x_strdup("key");
    plan->network.is_insecure = plan->network.never_resumes = true;
    config = network_tls_config(&plan->network);
    assert_string_equal(config.ca_pem, "ca");
    assert_string_equal(config.cert_pem, "cert");
    assert_string_equal(config.key_pem, "key");
    assert_true(config.is_insecure && config.never_resumes);
}

static void a_wrong_route_names_its_option_and_opens_nothing(void **state)
{
    struct err err = {0};

    (void)state;
    plan_list_add(&plan->network.resolves, "nowhere");
    assert_null(network_routes(&plan->network, &err));
    assert_non_null(strstr(err.text, "--resolve"));
    assert_non_null(strstr(err.text, "nowhere"));
    assert_int_equal(network_open(&network, loop, &plan->network, false, &err), -1);
    assert_null(network.client);
    network_close(&network);

    free(plan->network.resolves.items[0]);
    plan->network.resolves.count = 0;
    plan_list_add(&plan->network.connects, "half:80");
    assert_int_equal(network_open(&network, loop, &plan->network, false, &err), -1);
    assert_non_null(strstr(err.text, "--connect-to"));
    assert_non_null(strstr(err.text, "half:80"));
}

static void wrong_source_addresses_are_named(void **state)
{
    struct err err = {0};

    (void)state;
    plan->network.local_addresses = x_strdup("127.0.0.1/99");
    assert_int_equal(network_open(&network, loop, &plan->network, false, &err), -1);
    assert_non_null(strstr(err.text, "127.0.0.1/99"));
    assert_null(network.client);
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, open_loop, close_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOOP(routes_and_sources_of_the_plan_are_used),
        WITH_LOOP(a_socket_of_the_plan_takes_the_place_of_the_host),
        WITH_LOOP(timeouts_of_the_plan_are_those_of_the_client),
        WITH_LOOP(what_a_plan_says_of_tls_is_passed_on),
        WITH_LOOP(a_wrong_route_names_its_option_and_opens_nothing),
        WITH_LOOP(wrong_source_addresses_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

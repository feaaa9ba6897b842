#include "net/tcp.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* By which the wall clock and the monotonic one are read at different moments. */
enum { STAMP_PATIENCE_S = 20 };
static const uint64_t STAMP_SLACK_NS = 50000000;

static void addresses_are_read_and_written(void **state)
{
    static const struct {
        const char *host, *text;
        bool is_local;
    } table[] = {
        {"127.0.0.1", "127.0.0.1:80", true},
        {"10.255.0.1", "10.255.0.1:80", true},
        {"172.16.0.1", "172.16.0.1:80", true},
        {"172.31.0.1", "172.31.0.1:80", true},
        {"172.32.0.1", "172.32.0.1:80", false},
        {"192.168.9.9", "192.168.9.9:80", true},
        {"169.254.1.1", "169.254.1.1:80", true},
        {"0.0.0.0", "0.0.0.0:80", true},
        {"8.8.8.8", "8.8.8.8:80", false},
        {"192.169.0.1", "192.169.0.1:80", false},
        {"::1", "[::1]:80", true},
        {"fe80::1", "[fe80::1]:80", true},
        {"fc00::1", "[fc00::1]:80", true},
        {"fdff::1", "[fdff::1]:80", true},
        {"::", "[::]:80", true},
        {"2001:db8::1", "[2001:db8::1]:80", false},
        {"::ffff:10.0.0.1", "[::ffff:10.0.0.1]:80", true},
        {"::ffff:8.8.8.8", "[::ffff:8.8.8.8]:80", false},
    };
    static const char *const wrong[] = {"",          "localhost", "1.2.3",
                                        "1.2.3.4.5", "[::1]",     "256.0.0.1"};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct address address;
        char text[TCP_ADDRESS_TEXT_BYTES];

        assert_int_equal(address_parse(table[i].host, 80, &address), 0);
        assert_string_equal(address_format(&address, text), table[i].text);
        assert_int_equal(address_is_local(&address), table[i].is_local);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct address address;

        assert_int_equal(address_parse(wrong[i], 80, &address), -1);
    }
}

static void a_unix_path_has_a_limit(void **state)
{
    char path[200], text[TCP_ADDRESS_TEXT_BYTES];
    struct address address;
    struct err err = {0};

    (void)state;
    assert_int_equal(address_set_unix("/tmp/a.sock", &address, &err), 0);
    assert_string_equal(address_format(&address, text), "unix:/tmp/a.sock");
    assert_true(address_is_local(&address));
    assert_int_equal(address_set_unix("", &address, &err), -1);
    (void)memset(path, 'x', sizeof path);
    path[107] = '\0';
    assert_int_equal(address_set_unix(path, &address, &err), 0);
    assert_true(strlen(address_format(&address, text)) < TCP_ADDRESS_TEXT_BYTES);
    path[107] = 'x';
    path[108] = '\0';
    assert_int_equal(address_set_unix(path, &address, &err), -1);
    assert_non_null(strstr(err.text, "108"));
}

static void wait_for(int fd, short events)
{
    struct pollfd one = {.fd = fd, .events = events};

    assert_int_equal(poll(&one, 1, 2000), 1);
}

static int connect_to(const struct address *address, const struct address *source)
{
    bool in_progress = false;
    int fd = tcp_start_connect(address, &(struct tcp_options){.source = source}, &in_progress);

    assert_true(fd >= 0);
    if (in_progress)
        wait_for(fd, POLLOUT);
    assert_int_equal(tcp_finish_connect(fd), 0);
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
    return fd;
}

/* Bytes both ways over two transports, then the end, then a reset. */
static void check_pair(int client_fd, int server_fd, bool has_reset)
{
    struct transport client, server;
    char left[] = "hel", right[] = "lo";
    struct iovec parts[] = {{.iov_base = left, .iov_len = 3}, {.iov_base = right, .iov_len = 2}};
    uint8_t bytes[16];
    size_t len = 0;

    tcp_transport_init(&client, client_fd);
    tcp_transport_init(&server, server_fd);
    assert_int_equal(transport_read(&server, bytes, sizeof bytes, &len), IO_WANT_READ);
    assert_int_equal(transport_write(&client, parts, 2, &len), IO_OK);
    assert_int_equal(len, 5);
    wait_for(server_fd, POLLIN);
    assert_int_equal(transport_read(&server, bytes, sizeof bytes, &len), IO_OK);
    assert_int_equal(len, 5);
    assert_memory_equal(bytes, "hello", 5);
    transport_close(&client, has_reset);
    transport_close(&client, has_reset); /* no-op */
    wait_for(server_fd, POLLIN);
    if (has_reset) {
        assert_int_equal(transport_read(&server, bytes, sizeof bytes, &len), IO_FAILED);
        assert_int_equal(server.error_number, ECONNRESET);
    } else {
        assert_int_equal(transport_read(&server, bytes, sizeof bytes, &len), IO_CLOSED);
    }
    transport_close(&server, false);
}

static void connections_carry_bytes_ends_and_resets(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct address address, peer;
        struct err err = {0};
        int listener, client, server;

        assert_int_equal(address_parse(hosts[i % 2], 0, &address), 0);
        listener = tcp_listen(&address, i > 1, &err);
        if (listener < 0 && i % 2 == 1)
            continue; /* a machine without IPv6 */
        assert_true(listener >= 0);
        assert_int_equal(address_parse(hosts[i % 2], tcp_local_port(listener), &address), 0);
        assert_int_equal(tcp_accept(listener, &peer), -1);
        assert_int_equal(errno, EAGAIN);
        client = connect_to(&address, NULL);
        wait_for(listener, POLLIN);
        server = tcp_accept(listener, &peer);
        assert_true(server >= 0);
        assert_int_equal(peer.as.any.sa_family, address.as.any.sa_family);
        check_pair(client, server, i > 1);
        (void)close(listener);
    }
}

static void a_connection_leaves_from_its_source(void **state)
{
    struct address address, source, peer;
    struct err err = {0};
    char text[TCP_ADDRESS_TEXT_BYTES];
    int listener, client, server;

    (void)state;
    (void)address_parse("127.0.0.1", 0, &address);
    listener = tcp_listen(&address, false, &err);
    (void)address_parse("127.0.0.1", tcp_local_port(listener), &address);
    (void)address_parse("127.7.7.7", 0, &source);
    client = connect_to(&address, &source);
    wait_for(listener, POLLIN);
    server = tcp_accept(listener, &peer);
    assert_non_null(strstr(address_format(&peer, text), "127.7.7.7:"));
    (void)close(client);
    (void)close(server);
    (void)close(listener);
}

/* When the kernel had a byte that `client` sends now; `*now_ns` is the time of the read. */
static uint64_t receive_stamped(int client, struct transport *server, uint64_t *now_ns)
{
    uint8_t bytes[16];
    size_t len = 0;

    assert_int_equal(write(client, "x", 1), 1);
    wait_for(server->fd, POLLIN);
    assert_int_equal(transport_read(server, bytes, sizeof bytes, &len), IO_OK);
    assert_int_equal(len, 1);
    *now_ns = clock_now_ns();
    return transport_received_ns(server, *now_ns);
}

static void the_kernel_stamps_what_it_receives(void **state)
{
    struct address address, peer;
    struct err err = {0};
    struct transport server;
    uint64_t stamp = 1, before_ns, received_ns, now_ns;
    uint64_t until_ns = clock_now_ns() + STAMP_PATIENCE_S * CLOCK_NS_PER_S;
    int listener, client;

    (void)state;
    (void)address_parse("127.0.0.1", 0, &address);
    listener = tcp_listen(&address, false, &err);
    (void)address_parse("127.0.0.1", tcp_local_port(listener), &address);
    client = connect_to(&address, NULL);
    wait_for(listener, POLLIN);
    tcp_transport_init_stamped(&server, tcp_accept(listener, &peer), &stamp);
    /* The first to ask for stamps may have to wait until the kernel makes them. */
    do {
        before_ns = clock_now_ns();
        received_ns = receive_stamped(client, &server, &now_ns);
    } while (stamp == 0 && before_ns < until_ns);
    assert_true(stamp > 0);
    assert_true(received_ns < now_ns && received_ns + STAMP_SLACK_NS > before_ns);
    transport_close(&server, false);
    (void)close(client);
    (void)close(listener);
}

static void without_stamps_a_read_is_the_receipt(void **state)
{
    struct transport server;
    uint64_t stamp = 1, now_ns;
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    tcp_transport_init_stamped(&server, pair[1], &stamp); /* has none to give */
    assert_true(receive_stamped(pair[0], &server, &now_ns) == now_ns);
    assert_int_equal(stamp, 0);
    tcp_transport_init(&server, pair[1]); /* is not asked */
    assert_true(receive_stamped(pair[0], &server, &now_ns) == now_ns);
    transport_close(&server, false);
    (void)close(pair[0]);
}

static void a_unix_socket_carries_bytes(void **state)
{
    char path[64];
    struct address address, peer;
    struct err err = {0};
    int listener, client, server;
    bool in_progress;

    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/cicada-test-%d.sock", (int)getpid());
    assert_int_equal(address_set_unix(path, &address, &err), 0);
    assert_int_equal(tcp_start_connect(&address, NULL, &in_progress), -1);
    assert_int_equal(errno, ENOENT);
    listener = tcp_listen(&address, false, &err);
    assert_true(listener >= 0);
    client = connect_to(&address, NULL);
    server = tcp_accept(listener, &peer);
    assert_true(server >= 0);
    check_pair(client, server, false);
    (void)close(listener);
    (void)unlink(path);
}

static void a_taken_port_is_named(void **state)
{
    struct address address;
    struct err err = {0};
    int first;

    (void)state;
    (void)address_parse("127.0.0.1", 0, &address);
    first = tcp_listen(&address, false, &err);
    (void)address_parse("127.0.0.1", tcp_local_port(first), &address);
    assert_int_equal(tcp_listen(&address, false, &err), -1);
    assert_non_null(strstr(err.text, "127.0.0.1:"));
    (void)close(first);
}

static void only_this_machine_is_loopback(void **state)
{
    static const struct {
        const char *host;
        bool is_loopback;
    } table[] = {
        {"127.0.0.1", true},        {"127.255.0.9", true},
        {"126.0.0.1", false},       {"10.0.0.1", false},
        {"0.0.0.0", false},         {"::1", true},
        {"::ffff:127.0.0.1", true}, {"::ffff:10.0.0.1", false},
        {"fe80::1", false},         {"::", false},
    };
    struct address address;
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(address_parse(table[i].host, 1, &address), 0);
        assert_int_equal(address_is_loopback(&address), table[i].is_loopback);
    }
    assert_int_equal(address_set_unix("/tmp/x", &address, &err), 0);
    assert_true(address_is_loopback(&address));
}

static void a_descriptor_tells_its_peer(void **state)
{
    struct address address, peer;
    struct err err = {0};
    bool in_progress;
    int listener, client;

    (void)state;
    (void)address_parse("127.0.0.1", 0, &address);
    listener = tcp_listen(&address, false, &err);
    assert_int_equal(tcp_peer_address(listener, &peer), -1);
    (void)address_parse("127.0.0.1", tcp_local_port(listener), &address);
    client = tcp_start_connect(&address, NULL, &in_progress);
    assert_true(client >= 0);
    assert_int_equal(tcp_finish_connect(client), 0);
    assert_int_equal(tcp_peer_address(client, &peer), 0);
    assert_memory_equal(&peer.as.v4.sin_port, &address.as.v4.sin_port, 2);
    assert_true(address_is_loopback(&peer));
    (void)close(client);
    (void)close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written),
        cmocka_unit_test(a_unix_path_has_a_limit),
        cmocka_unit_test(connections_carry_bytes_ends_and_resets),
        cmocka_unit_test(a_connection_leaves_from_its_source),
        cmocka_unit_test(the_kernel_stamps_what_it_receives),
        cmocka_unit_test(without_stamps_a_read_is_the_receipt),
        cmocka_unit_test(a_unix_socket_carries_bytes),
        cmocka_unit_test(a_taken_port_is_named),
        cmocka_unit_test(only_this_machine_is_loopback),
        cmocka_unit_test(a_descriptor_tells_its_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

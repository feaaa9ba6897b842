#include "tls_fixture.h"

#include "base/mem.h"
#include "net/tcp.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { WIRE_BYTES = 256 * 1024, HANDSHAKE_ROUNDS = 500, ROUND_MS = 10, WAIT_MS = 5000 };

const struct tls_peer usual_peer = {.host = "localhost"};
static int descriptor_count; /* before the test */

static int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(directory);
    while (readdir(directory))
        count++;
    (void)closedir(directory);
    return count;
}

struct identity make_identity(const char *const *names, size_t count)
{
    struct identity identity = {0};
    struct err err = {0};

    if (tls_certificate_make(names, count, &identity.cert, &identity.key, &err) < 0)
        fail_msg("%s", err.text);
    return identity;
}

void free_identity(struct identity *identity)
{
    buf_fini(&identity->cert);
    buf_fini(&identity->key);
}

int make_contexts(void **state)
{
    static const char *const names[] = {"localhost"};
    struct contexts *contexts = x_calloc(1, sizeof *contexts);
    struct tls_client_config config = {0};
    struct err err = {0};

    descriptor_count = count_descriptors();
    contexts->identity = make_identity(names, 1);
    config.ca_pem = buf_text(&contexts->identity.cert);
    contexts->client = tls_context_new_client(&config, &err);
    contexts->server = tls_context_new_server(buf_text(&contexts->identity.cert),
                                              buf_text(&contexts->identity.key), &err);
    *state = contexts;
    return contexts->client && contexts->server ? 0 : -1;
}

int free_contexts(void **state)
{
    struct contexts *contexts = *state;

    tls_context_free(contexts->client);
    tls_context_free(contexts->server);
    free_identity(&contexts->identity);
    free(contexts);
    return count_descriptors() == descriptor_count ? 0 : -1;
}

void open_sockets(int fds[static 2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

static void wait_until(int fd, short events)
{
    struct pollfd one = {.fd = fd, .events = events};

    assert_int_equal(poll(&one, 1, WAIT_MS), 1);
}

void open_tcp_sockets(int fds[static 2])
{
    struct address address, peer;
    struct err err = {0};
    bool in_progress;
    int listener;

    (void)address_parse("127.0.0.1", 0, &address);
    listener = tcp_listen(&address, false, &err);
    assert_true(listener >= 0);
    (void)address_parse("127.0.0.1", tcp_local_port(listener), &address);
    fds[0] = tcp_start_connect(&address, NULL, &in_progress);
    wait_until(fds[0], POLLOUT);
    wait_until(listener, POLLIN);
    fds[1] = tcp_accept(listener, &peer);
    assert_true(fds[0] >= 0 && fds[1] >= 0);
    (void)close(listener);
}

static struct ends join_sockets(const struct contexts *contexts, const struct tls_peer *peer,
                                int client_fd, int server_fd)
{
    struct ends ends = {.client_wire = -1, .server_wire = -1};

    assert_int_equal(tls_transport_init_client(&ends.client, contexts->client, client_fd, peer), 0);
    assert_int_equal(tls_transport_init_server(&ends.server, contexts->server, server_fd), 0);
    return ends;
}

struct ends join(const struct contexts *contexts, const struct tls_peer *peer)
{
    int fds[2];

    open_sockets(fds);
    return join_sockets(contexts, peer, fds[0], fds[1]);
}

struct ends join_over_tcp(const struct contexts *contexts, const struct tls_peer *peer)
{
    int fds[2];

    open_tcp_sockets(fds);
    return join_sockets(contexts, peer, fds[0], fds[1]);
}

struct ends join_by_wire(const struct contexts *contexts, const struct tls_peer *peer)
{
    int client_fds[2], server_fds[2];
    struct ends ends;

    open_sockets(client_fds);
    open_sockets(server_fds);
    ends = join_sockets(contexts, peer, client_fds[0], server_fds[0]);
    ends.client_wire = client_fds[1];
    ends.server_wire = server_fds[1];
    return ends;
}

void take_from_wire(const struct ends *ends, bool to_client, struct buf *bytes)
{
    int from = to_client ? ends->server_wire : ends->client_wire;
    uint8_t *at = buf_reserve(bytes, WIRE_BYTES);
    ssize_t got = recv(from, at, WIRE_BYTES, 0);

    if (got > 0)
        buf_grew(bytes, (size_t)got);
    else
        assert_true(got == 0 || errno == EAGAIN || errno == ECONNRESET);
}

void put_on_wire(const struct ends *ends, bool to_client, const uint8_t *bytes, size_t len)
{
    int to = to_client ? ends->client_wire : ends->server_wire;

    if (len > 0)
        assert_int_equal(send(to, bytes, len, MSG_NOSIGNAL), len);
}

void run_wire(const struct ends *ends)
{
    for (int to_client = 0; to_client < 2; to_client++) {
        struct buf bytes = {0};

        take_from_wire(ends, to_client, &bytes);
        put_on_wire(ends, to_client, bytes.bytes, bytes.len);
        buf_fini(&bytes);
    }
}

/* Until one of the ends has something to read. */
static void await_either(const struct ends *ends)
{
    struct pollfd both[] = {{.fd = ends->client.fd, .events = POLLIN},
                            {.fd = ends->server.fd, .events = POLLIN}};

    (void)poll(both, 2, ROUND_MS);
}

bool shake_hands(struct ends *ends)
{
    enum io_status client = IO_WANT_READ, server = IO_WANT_READ;

    for (int i = 0; i < HANDSHAKE_ROUNDS && (client != IO_OK || server != IO_OK); i++) {
        if (client != IO_OK)
            client = transport_handshake(&ends->client);
        if (ends->client_wire >= 0)
            run_wire(ends);
        if (server != IO_OK)
            server = transport_handshake(&ends->server);
        if (ends->client_wire >= 0)
            run_wire(ends);
        if (client == IO_FAILED || server == IO_FAILED)
            return false;
        if (client != IO_OK || server != IO_OK)
            await_either(ends);
    }
    return client == IO_OK && server == IO_OK;
}

void close_ends(struct ends *ends)
{
    transport_close(&ends->client, false);
    transport_close(&ends->server, false);
    if (ends->client_wire >= 0)
        (void)close(ends->client_wire);
    if (ends->server_wire >= 0)
        (void)close(ends->server_wire);
}

struct ends join_and_settle(const struct contexts *contexts)
{
    struct ends ends = join_by_wire(contexts, &usual_peer);
    struct buf none = {0};

    assert_true(shake_hands(&ends));
    assert_int_equal(read_once(&ends.client, &none), IO_WANT_READ);
    buf_fini(&none);
    return ends;
}

void write_all(struct transport *transport, const void *bytes, size_t len)
{
    struct iovec part = {.iov_len = len};
    size_t taken = 0;

    (void)memcpy(&part.iov_base, &bytes, sizeof bytes);
    assert_int_equal(transport_write(transport, &part, 1, &taken), IO_OK);
    assert_int_equal(taken, len);
}

enum io_status read_once(struct transport *transport, struct buf *out)
{
    uint8_t *at = buf_reserve(out, TRANSPORT_READ_MIN_BYTES);
    size_t len = 0;
    enum io_status status = transport_read(transport, at, TRANSPORT_READ_MIN_BYTES, &len);

    if (status == IO_OK) {
        assert_true(len > 0);
        buf_grew(out, len);
    }
    return status;
}

enum io_status read_all(struct transport *transport, struct buf *out)
{
    enum io_status status;

    do
        status = read_once(transport, out);
    while (status == IO_OK);
    return status;
}

void expect_failure(const struct transport *transport, enum error_class error_class,
                    const char *words)
{
    char text[TRANSPORT_TEXT_BYTES];

    assert_int_equal(transport_describe(transport, text), error_class);
    if (!strstr(text, words))
        fail_msg("'%s' does not say '%s'", text, words);
}

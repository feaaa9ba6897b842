#include "server_fixture.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/tcp.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    CONNECTION_LIMIT = 64,
    REQUEST_LIMIT = 64,
    PIECE_BYTES = 64 * 1024,
    RECEIVE_BUFFER_BYTES = 64 * 1024, /* small, so that a large body does not fit */
    WAIT_LIMIT_S = 5
};

struct peer {
    struct watch watch;
    int fd;      /* -1: closed */
    int request; /* under way; -1: none */
    struct buf in, out;
    enum then then; /* once `out` is gone */
    bool is_deaf, is_paced;
};

struct request_record {
    struct buf head, body;
    int connection;
    size_t body_bytes; /* as it was announced */
};

struct server server;

static struct resolver *resolver;
static struct dialer *dialer;
static struct watch listeners[2];
static struct peer peers[CONNECTION_LIMIT];
static struct request_record requests[REQUEST_LIMIT];
static const struct step *script;
static size_t script_length;
static int descriptors_before;

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

/* --- one connection --- */

static void close_peer(struct peer *peer, bool with_reset)
{
    if (peer->fd < 0)
        return;
    loop_remove(server.loop, &peer->watch);
    tcp_close_descriptor(peer->fd, with_reset);
    peer->fd = -1;
}

static void flush_peer(struct peer *peer)
{
    while (peer->fd >= 0 && peer->out.len > 0) {
        ssize_t count = send(peer->fd, peer->out.bytes, peer->out.len, MSG_NOSIGNAL);

        if (count < 0 && errno == EAGAIN)
            return;
        if (count < 0)
            close_peer(peer, false);
        else
            buf_drop(&peer->out, (size_t)count);
    }
    if (peer->fd >= 0 && peer->then != THEN_STAY)
        close_peer(peer, peer->then == THEN_RESET);
}

static void answer(struct peer *peer, const struct step *step)
{
    peer->request = -1;
    peer->is_deaf = step->is_early;
    peer->is_paced = false;
    peer->then = step->then;
    if (step->text)
        (void)buf_append(&peer->out, step->text,
                         step->text_bytes > 0 ? step->text_bytes : strlen(step->text));
    flush_peer(peer);
}

static size_t content_length(struct buf *head)
{
    const char *line = strcasestr(buf_text(head), "\r\ncontent-length:");

    return line ? strtoul(line + strlen("\r\ncontent-length:"), NULL, 10) : 0;
}

/* Takes the next head off what has come. False when it is not there yet. */
static bool begin_request(struct peer *peer)
{
    const char *start = buf_text(&peer->in), *end = strstr(start, "\r\n\r\n");
    struct request_record *record;

    if (!end)
        return false;
    if (server.request_count >= REQUEST_LIMIT || (size_t)server.request_count >= script_length)
        fail_msg("a request too many: %s", start);
    peer->request = server.request_count++;
    record = &requests[peer->request];
    record->connection = (int)(peer - peers);
    (void)buf_append(&record->head, start, (size_t)(end - start) + 4);
    buf_drop(&peer->in, record->head.len);
    record->body_bytes = content_length(&record->head);
    peer->is_paced = script[peer->request].is_paced;
    return true;
}

/* Works on what has come, as far as it goes. */
static void advance(struct peer *peer)
{
    while (peer->fd >= 0 && !peer->is_deaf && (peer->request >= 0 || begin_request(peer))) {
        struct request_record *record = &requests[peer->request];
        const struct step *step = &script[peer->request];
        size_t left = record->body_bytes - record->body.len;
        size_t take = peer->in.len < left ? peer->in.len : left;

        (void)buf_append(&record->body, peer->in.bytes, take);
        buf_drop(&peer->in, take);
        if (take < left && !step->is_early)
            return;
        answer(peer, step);
    }
}

/* False when nothing more is there. */
static bool read_piece(struct peer *peer, size_t cap)
{
    uint8_t bytes[PIECE_BYTES];
    ssize_t count = read(peer->fd, bytes, cap < sizeof bytes ? cap : sizeof bytes);

    if (count < 0 && errno == EAGAIN)
        return false;
    if (count <= 0) {
        close_peer(peer, false);
        return false;
    }
    (void)buf_append(&peer->in, bytes, (size_t)count);
    advance(peer);
    return peer->fd >= 0;
}

static void on_peer_ready(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct peer *peer = CONTAINER_OF(watch, struct peer, watch);

    (void)ready;
    (void)now_ns;
    flush_peer(peer);
    while (peer->fd >= 0 && !peer->is_deaf && !peer->is_paced && read_piece(peer, PIECE_BYTES))
        continue;
}

static void on_accept(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct address address;
    int fd;

    (void)ready;
    (void)now_ns;
    for (fd = tcp_accept(watch->fd, &address); fd >= 0; fd = tcp_accept(watch->fd, &address)) {
        struct peer *peer = &peers[server.connection_count++];

        assert_true(server.connection_count <= CONNECTION_LIMIT);
        *peer = (struct peer){.fd = fd, .request = -1};
        assert_int_equal(
            loop_add(server.loop, &peer->watch, fd, LOOP_READABLE | LOOP_WRITABLE, on_peer_ready),
            0);
    }
}

/* --- setup and teardown --- */

static uint16_t listen_with(struct watch *watch)
{
    int size = RECEIVE_BUFFER_BYTES;
    struct address address;
    struct err err = {0};
    int fd;

    (void)address_parse("127.0.0.1", 0, &address);
    fd = tcp_listen(&address, false, &err);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
    assert_int_equal(loop_add(server.loop, watch, fd, LOOP_READABLE, on_accept), 0);
    return tcp_local_port(fd);
}

int open_server(void **state)
{
    struct err err = {0};

    (void)state;
    descriptors_before = count_descriptors();
    server = (struct server){.loop = loop_new(&err)};
    resolver = resolver_new(server.loop, &err);
    dialer = dialer_new(&(struct dialer_config){.loop = server.loop,
                                                .resolver = resolver,
                                                .timeout_ns = CLOCK_NS_PER_S},
                        &err);
    assert_non_null(dialer);
    server.client = http_client_new(
        &(struct http_client_config){.loop = server.loop,
                                     .dialer = dialer,
                                     .headers_timeout_ns = SERVER_TIMEOUT_MS * CLOCK_NS_PER_MS,
                                     .read_timeout_ns = SERVER_TIMEOUT_MS * CLOCK_NS_PER_MS});
    server.port = listen_with(&listeners[0]);
    server.other_port = listen_with(&listeners[1]);
    return 0;
}

static void forget_requests(void)
{
    for (int i = 0; i < server.request_count; i++) {
        buf_fini(&requests[i].head);
        buf_fini(&requests[i].body);
    }
    server.request_count = 0;
    for (int i = 0; i < server.connection_count; i++)
        peers[i].request = -1;
}

int close_server(void **state)
{
    (void)state;
    http_session_close(&server.session, true);
    for (int i = 0; i < server.connection_count; i++) {
        close_peer(&peers[i], true);
        buf_fini(&peers[i].in);
        buf_fini(&peers[i].out);
    }
    forget_requests();
    for (int i = 0; i < 2; i++) {
        int fd = listeners[i].fd;

        loop_remove(server.loop, &listeners[i]);
        (void)close(fd);
    }
    http_client_free(server.client);
    dialer_free(dialer);
    resolver_free(resolver);
    loop_free(server.loop);
    assert_int_equal(count_descriptors(), descriptors_before);
    return 0;
}

void server_script(const struct step *steps, size_t count)
{
    forget_requests();
    script = steps;
    script_length = count;
}

/* --- what came --- */

const char *request_head(int index)
{
    assert_true(index < server.request_count);
    return buf_text(&requests[index].head);
}

const uint8_t *request_body_at(int index, size_t *len)
{
    assert_true(index < server.request_count);
    *len = requests[index].body.len;
    return requests[index].body.bytes;
}

bool request_has(int index, const char *part)
{
    return strstr(request_head(index), part) != NULL;
}

int request_connection(int index)
{
    assert_true(index < server.request_count);
    return requests[index].connection;
}

/* --- by hand --- */

void server_send(int connection, const void *bytes, size_t len)
{
    assert_true(connection < server.connection_count && peers[connection].fd >= 0);
    (void)buf_append(&peers[connection].out, bytes, len);
    flush_peer(&peers[connection]);
}

void server_close(int connection, bool with_reset)
{
    close_peer(&peers[connection], with_reset);
}

void server_read(int connection, size_t len)
{
    struct peer *peer = &peers[connection];

    assert_true(connection < server.connection_count && peer->fd >= 0);
    while (len > 0) {
        size_t cap = len < PIECE_BYTES ? len : PIECE_BYTES;

        if (!read_piece(peer, cap))
            return;
        len -= cap;
    }
}

bool server_is_left(int connection)
{
    return peers[connection].fd < 0;
}

void turn_for(uint64_t span_ms)
{
    uint64_t until_ns = clock_now_ns() + span_ms * CLOCK_NS_PER_MS;

    while (clock_now_ns() < until_ns)
        (void)loop_turn(server.loop, CLOCK_NS_PER_MS, 0);
}

void wait_until(bool (*is_so)(const void *ctx), const void *ctx)
{
    uint64_t until_ns = clock_now_ns() + WAIT_LIMIT_S * CLOCK_NS_PER_S;

    while (!is_so(ctx) && clock_now_ns() < until_ns)
        (void)loop_turn(server.loop, 5 * CLOCK_NS_PER_MS, 0);
    assert_true(is_so(ctx));
}

static bool has_requests(const void *ctx)
{
    return server.request_count >= *(const int *)ctx;
}

void wait_for_requests(int count)
{
    wait_until(has_requests, &count);
}

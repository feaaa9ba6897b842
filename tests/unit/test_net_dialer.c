#include "net/dialer.h"

#include "base/clock.h"
#include "base/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct call {
    struct watch watch;
    int done_count;
    enum error_class error_class;
    char message[256];
    int fd;
};

static struct loop *loop;
static struct resolver *resolver;

static int open_loop(void **state)
{
    struct err err = {0};

    (void)state;
    loop = loop_new(&err);
    resolver = resolver_new(loop, &err);
    return loop && resolver ? 0 : -1;
}

static int close_loop(void **state)
{
    (void)state;
    resolver_free(resolver);
    loop_free(loop);
    return 0;
}

static void on_done(struct watch *watch, const struct dial_result *result, uint64_t now_ns)
{
    struct call *call = CONTAINER_OF(watch, struct call, watch);

    assert_true(now_ns == loop_now_ns(loop));
    call->done_count++;
    call->error_class = result->error_class;
    call->fd = result->fd;
    if (result->message)
        (void)snprintf(call->message, sizeof call->message, "%s", result->message);
    assert_true((result->error_class == CLASS_NONE) == (result->fd >= 0));
}

static struct dialer *make_dialer(uint64_t timeout_ns, const char *unix_socket,
                                  struct source_pool *sources)
{
    struct dialer_config config = {.loop = loop,
                                   .resolver = resolver,
                                   .sources = sources,
                                   .unix_socket = unix_socket,
                                   .timeout_ns = timeout_ns};
    struct err err = {0};
    struct dialer *dialer = dialer_new(&config, &err);

    assert_non_null(dialer);
    return dialer;
}

static void wait_for(const struct call *call)
{
    uint64_t until_ns = clock_now_ns() + 10 * CLOCK_NS_PER_S;

    while (call->done_count == 0 && clock_now_ns() < until_ns)
        (void)loop_turn(loop, 10 * CLOCK_NS_PER_MS, 0);
    assert_int_equal(call->done_count, 1);
}

static void hang_up(struct call *call)
{
    loop_remove(loop, &call->watch);
    (void)close(call->fd);
}

static int listen_on(const char *host, uint16_t port, uint16_t *result)
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

static void a_connection_is_handed_over_with_its_watch(void **state)
{
    struct dialer *dialer = make_dialer(CLOCK_NS_PER_S, NULL, NULL);
    struct call call = {0};
    uint16_t port = 0;
    int listener = listen_on("127.0.0.1", 0, &port);

    (void)state;
    assert_non_null(dialer_start(dialer, "127.0.0.1", port, &call.watch, on_done));
    wait_for(&call);
    assert_int_equal(call.error_class, CLASS_NONE);
    assert_int_equal(call.watch.fd, call.fd);
    hang_up(&call);
    (void)close(listener);
    dialer_free(dialer);
    dialer_free(NULL);
}

static void a_refusal_names_the_address(void **state)
{
    struct dialer *dialer = make_dialer(CLOCK_NS_PER_S, NULL, NULL);
    struct call call = {0};
    char text[32];
    uint16_t port = 0;
    int listener = listen_on("127.0.0.1", 0, &port);

    (void)state;
    (void)close(listener);
    (void)dialer_start(dialer, "127.0.0.1", port, &call.watch, on_done);
    wait_for(&call);
    assert_int_equal(call.error_class, CLASS_CONNECT_REFUSED);
    (void)snprintf(text, sizeof text, "127.0.0.1:%u", port);
    assert_non_null(strstr(call.message, text));
    dialer_free(dialer);
}

/* Where localhost is both ::1 and 127.0.0.1, each of four dials finds the one that listens. */
static void every_address_of_a_name_is_tried(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};
    struct dialer *dialer = make_dialer(CLOCK_NS_PER_S, NULL, NULL);
    struct err err = {0};
    struct address_list *list = resolver_resolve_now("localhost", 1, CLOCK_NS_PER_S, &err);
    bool has_both = list && list->count > 1;

    (void)state;
    address_list_drop(list);
    for (int i = 0; i < 4; i++) {
        struct call call = {0};
        uint16_t port = 0;
        int listener = listen_on(hosts[i / 2], 0, &port);

        if (listener < 0 || (!has_both && i / 2 == 1)) {
            if (listener >= 0)
                (void)close(listener);
            continue;
        }
        (void)dialer_start(dialer, "localhost", port, &call.watch, on_done);
        wait_for(&call);
        assert_int_equal(call.error_class, CLASS_NONE);
        hang_up(&call);
        (void)close(listener);
    }
    dialer_free(dialer);
}

/* A listener that never accepts and whose queue is full drops the SYN. */
static void no_answer_is_a_timeout(void **state)
{
    struct dialer *dialer = make_dialer(150 * CLOCK_NS_PER_MS, NULL, NULL);
    struct address address;
    struct call call = {0};
    uint64_t began_ns = clock_now_ns();
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fillers[8];
    uint16_t port;

    (void)state;
    (void)address_parse("127.0.0.1", 0, &address);
    assert_int_equal(bind(listener, &address.as.any, address.len), 0);
    assert_int_equal(listen(listener, 1), 0);
    port = tcp_local_port(listener);
    (void)address_parse("127.0.0.1", port, &address);
    for (int i = 0; i < 8; i++) {
        bool in_progress;

        fillers[i] = tcp_start_connect(&address, NULL, &in_progress);
    }
    assert_non_null(dialer_start(dialer, "127.0.0.1", port, &call.watch, on_done));
    wait_for(&call);
    assert_int_equal(call.error_class, CLASS_CONNECT_TIMEOUT);
    assert_true(clock_now_ns() - began_ns >= 150 * CLOCK_NS_PER_MS);
    for (int i = 0; i < 8; i++)
        (void)close(fillers[i]);
    (void)close(listener);
    dialer_free(dialer);
}

static void a_cancelled_dial_says_nothing(void **state)
{
    struct dialer *dialer = make_dialer(20 * CLOCK_NS_PER_MS, NULL, NULL);
    struct call calls[2] = {{.done_count = 0}};
    uint16_t port = 0;
    int listener = listen_on("127.0.0.1", 0, &port);
    struct dial *dial;

    (void)state;
    dial = dialer_start(dialer, "127.0.0.1", port, &calls[0].watch, on_done);
    assert_non_null(dial);
    dialer_cancel(dialer, dial);
    dial = dialer_start(dialer, "no-such-name.invalid", port, &calls[1].watch, on_done);
    if (dial)
        dialer_cancel(dialer, dial);
    for (int i = 0; i < 5; i++)
        (void)loop_turn(loop, 10 * CLOCK_NS_PER_MS, 0);
    assert_int_equal(calls[0].done_count, 0);
    assert_int_equal(calls[1].done_count, dial ? 0 : 1);
    (void)close(listener);
    dialer_free(dialer);
}

static void an_unknown_name_is_a_dns_failure(void **state)
{
    struct dialer *dialer = make_dialer(300 * CLOCK_NS_PER_MS, NULL, NULL);
    struct call call = {0};

    (void)state;
    (void)dialer_start(dialer, "no-such-name.invalid", 80, &call.watch, on_done);
    wait_for(&call);
    assert_int_equal(call.error_class, CLASS_DNS);
    assert_true(call.message[0] != '\0');
    dialer_free(dialer);
}

static void a_unix_socket_takes_every_dial(void **state)
{
    char path[64];
    struct dialer *dialer;
    struct address address;
    struct err err = {0};
    struct call calls[2] = {{.done_count = 0}};
    int listener;

    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/cicada-dial-%d.sock", (int)getpid());
    dialer = make_dialer(CLOCK_NS_PER_S, path, NULL);
    assert_null(dialer_start(dialer, "example.com", 80, &calls[0].watch, on_done));
    assert_int_equal(calls[0].error_class, CLASS_CONNECT_REFUSED);
    assert_int_equal(address_set_unix(path, &address, &err), 0);
    listener = tcp_listen(&address, false, &err);
    assert_null(dialer_start(dialer, "example.com", 80, &calls[1].watch, on_done));
    assert_int_equal(calls[1].error_class, CLASS_NONE);
    hang_up(&calls[1]);
    (void)close(listener);
    (void)unlink(path);
    dialer_free(dialer);
}

static void a_source_that_is_not_ours_is_a_local_limit(void **state)
{
    struct err err = {0};
    struct source_pool *sources = source_pool_new("192.0.2.1", &err);
    struct dialer *dialer = make_dialer(CLOCK_NS_PER_S, NULL, sources);
    struct call call = {0};

    (void)state;
    assert_null(dialer_start(dialer, "127.0.0.1", 80, &call.watch, on_done));
    assert_int_equal(call.error_class, CLASS_LOCAL_LIMIT);
    dialer_free(dialer);
    source_pool_free(sources);
}

static unsigned seen_ready;

static void note_ready(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    (void)watch;
    (void)now_ns;
    seen_ready |= ready;
}

/* What the peer said before the connection was noticed is reported to the next owner too. */
static void an_early_word_is_not_lost(void **state)
{
    struct dialer *dialer = make_dialer(CLOCK_NS_PER_S, NULL, NULL);
    struct call call = {0};
    struct address peer;
    uint16_t port = 0;
    int listener = listen_on("127.0.0.1", 0, &port), server;

    (void)state;
    assert_non_null(dialer_start(dialer, "127.0.0.1", port, &call.watch, on_done));
    server = tcp_accept(listener, &peer);
    assert_true(server >= 0);
    assert_int_equal(write(server, "hi", 2), 2);
    wait_for(&call);
    assert_int_equal(call.error_class, CLASS_NONE);
    call.watch.on_ready = note_ready;
    seen_ready = 0;
    (void)loop_turn(loop, 100 * CLOCK_NS_PER_MS, 0);
    assert_true(seen_ready & LOOP_READABLE);
    hang_up(&call);
    (void)close(server);
    (void)close(listener);
    dialer_free(dialer);
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, open_loop, close_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOOP(a_connection_is_handed_over_with_its_watch),
        WITH_LOOP(a_refusal_names_the_address),
        WITH_LOOP(every_address_of_a_name_is_tried),
        WITH_LOOP(no_answer_is_a_timeout),
        WITH_LOOP(a_cancelled_dial_says_nothing),
        WITH_LOOP(an_unknown_name_is_a_dns_failure),
        WITH_LOOP(a_unix_socket_takes_every_dial),
        WITH_LOOP(a_source_that_is_not_ours_is_a_local_limit),
        WITH_LOOP(an_early_word_is_not_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * tests/unit/dial_fixture.h - what the tests of net/dialer share: a loop around each test, peers
 * that listen and peers that never answer.
 */
#ifndef CICADA_TESTS_DIAL_FIXTURE_H
#define CICADA_TESTS_DIAL_FIXTURE_H

#include "net/dialer.h"
#include "net/route.h"

#include <stdint.h>

/* An owner of a watch that notes how its dial ended. */
struct call {
    struct watch watch;
    int done_count;
    enum error_class error_class;
    char message[256];
    struct transport transport;
    int fd;
    uint64_t connect_ns;
};

enum { SILENT_FILLERS = 4 };

/* A listener that never accepts and whose queue is full: it drops every SYN. */
struct silent {
    int listener;
    int fillers[SILENT_FILLERS];
};

/* New for each test. */
extern struct loop *loop;
extern struct resolver *resolver;
extern struct route_table *routes;

/* Setup and teardown; the latter fails when the test has left a descriptor open. */
int open_loop(void **state);
int close_loop(void **state);
int count_descriptors(void);
/*
 * A port that nobody else gets until the test ends, at any IPv4 address: neither a listener nor a
 * connection that leaves. It refuses unless the test listens there. Once a test.
 */
uint16_t hold_port(void);

void on_done(struct watch *watch, const struct dial_result *result, uint64_t now_ns);
struct dialer *make_dialer(uint64_t timeout_ns, const char *unix_socket,
                           struct source_pool *sources);
/* To a plain peer. */
struct dial *start_dial(struct dialer *dialer, const char *host, uint16_t port, struct watch *watch,
                        dial_fn on_end);
void wait_for(const struct call *call);
void hang_up(struct call *call);
/* `port` 0 lets the kernel choose; -1 when the address is not there. */
int listen_on(const char *host, uint16_t port, uint16_t *result);
/* `*port` 0 lets the kernel choose. */
struct silent open_silent(const char *host, uint16_t *port);
void close_silent(const struct silent *silent);
/* Gives the name "many" these addresses at this port. */
void route_many(uint16_t port, const char *addresses);

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, open_loop, close_loop)

#endif

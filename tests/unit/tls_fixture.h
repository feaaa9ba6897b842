/*
 * tests/unit/tls_fixture.h - what the tests of net/tls share: certificates, contexts, and two ends
 * that speak over sockets, straight or through a wire whose bytes the test hands on.
 */
#ifndef CICADA_TESTS_TLS_FIXTURE_H
#define CICADA_TESTS_TLS_FIXTURE_H

#include "base/buf.h"
#include "net/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A certificate that signs itself, with its key, as PEM. */
struct identity {
    struct buf cert, key;
};

struct identity make_identity(const char *const *names, size_t count);
void free_identity(struct identity *identity);

/* Connected ends; the wire's are -1 where they are joined straight. */
struct ends {
    struct transport client, server;
    int client_wire, server_wire;
};

/* Both contexts of most tests: the client trusts the server's certificate for "localhost". */
struct contexts {
    struct identity identity;
    struct tls_context *client, *server;
};

/* Setup and teardown; the latter fails when the test has left a descriptor open. */
int make_contexts(void **state);
int free_contexts(void **state);

/* Non-blocking descriptors that are connected to each other. */
void open_sockets(int fds[static 2]);
void open_tcp_sockets(int fds[static 2]);

/* Transports whose handshake is still to come. */
struct ends join(const struct contexts *contexts, const struct tls_peer *peer);
struct ends join_over_tcp(const struct contexts *contexts, const struct tls_peer *peer);
struct ends join_by_wire(const struct contexts *contexts, const struct tls_peer *peer);
/* To "localhost", without tickets. */
extern const struct tls_peer usual_peer;

/* Takes what has come along the wire towards the client or the server; hands bytes on to it. */
void take_from_wire(const struct ends *ends, bool to_client, struct buf *bytes);
void put_on_wire(const struct ends *ends, bool to_client, const uint8_t *bytes, size_t len);
/* Hands on everything in both directions. */
void run_wire(const struct ends *ends);

/* Drives both ends until both are done or one has failed; true in the first case. */
bool shake_hands(struct ends *ends);
void close_ends(struct ends *ends);
/* Joined by a wire that is empty, with the handshake and its tickets behind them. */
struct ends join_and_settle(const struct contexts *contexts);

/* Writes all of it, which the socket has to take. */
void write_all(struct transport *transport, const void *bytes, size_t len);
/* One read. What came is appended to `out`. */
enum io_status read_once(struct transport *transport, struct buf *out);
/* Reads until nothing is left; the last status. */
enum io_status read_all(struct transport *transport, struct buf *out);
/* The last failure is of this class, and its phrase has these words. */
void expect_failure(const struct transport *transport, enum error_class error_class,
                    const char *words);

#endif

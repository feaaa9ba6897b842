/*
 * tests/unit/server_fixture.h - an HTTP client and a server that follows a script, on loopback and
 * in one loop. The server keeps what it was asked.
 */
#ifndef CICADA_TESTS_SERVER_FIXTURE_H
#define CICADA_TESTS_SERVER_FIXTURE_H

#include "base/buf.h"
#include "http/client.h"
#include "http/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SERVER_TIMEOUT_MS = 1000 }; /* of the client: for heads, and for silence */

enum then { THEN_STAY = 0, THEN_CLOSE, THEN_RESET };

/* What the server does for one request, in the order in which they come. */
struct step {
    const char *text;  /* NULL: nothing */
    size_t text_bytes; /* 0: up to the NUL */
    enum then then;
    bool is_early; /* answers the head and reads nothing behind it */
    bool is_paced; /* reads the body only as server_read says */
};

/* Callers read. */
struct server {
    struct loop *loop;
    struct http_client *client;
    struct http_session session;
    uint16_t port, other_port; /* of 127.0.0.1: two origins with one script */
    int connection_count, request_count;
};

/* New for each test. */
extern struct server server;

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, open_server, close_server)
/* Requests are counted from 0 again. */
#define SCRIPT(steps) server_script(steps, sizeof(steps) / sizeof(steps)[0])

/* Setup and teardown; the latter fails when the test has left a descriptor open. */
int open_server(void **state);
int close_server(void **state);
/* Borrowed until the next script. A request more than there are steps fails the test. */
void server_script(const struct step *steps, size_t count);

/* The head of a request, as text. */
const char *request_head(int index);
/* What came of its body. */
const uint8_t *request_body_at(int index, size_t *len);
bool request_has(int index, const char *part);
/* On which connection it came, counted from 0. */
int request_connection(int index);

/* More bytes to a connection, beside the script. */
void server_send(int connection, const void *bytes, size_t len);
void server_close(int connection, bool with_reset);
/* A paced connection reads up to `len` bytes. */
void server_read(int connection, size_t len);
/* Has the client left, as far as the server has noticed? */
bool server_is_left(int connection);

void turn_for(uint64_t span_ms);
/* Turns until `is_so` holds; fails after 5 s. */
void wait_until(bool (*is_so)(const void *ctx), const void *ctx);
/* Turns until the server was asked `count` times. */
void wait_for_requests(int count);

#endif

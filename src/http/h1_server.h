/*
 * http/h1_server.h - bytes of an HTTP/1 connection in, one request at a time out (RFC 9112).
 *
 * Strict where it keeps requests apart (Host, Content-Length, Transfer-Encoding), bounded in head,
 * field count and body. No I/O, no clock; the same answer however the bytes are cut.
 */
#ifndef CICADA_HTTP_H1_SERVER_H
#define CICADA_HTTP_H1_SERVER_H

#include "http/head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct h1_request;

enum h1_request_status {
    H1_REQUEST_MORE = 0, /* every byte was used, the request is not whole yet */
    H1_REQUEST_DONE,     /* whole; bytes behind it were not used */
    H1_REQUEST_BAD       /* h1_request_refusal says with which status to answer, then close */
};

/* The caller owns the result. */
struct h1_request *h1_request_new(void);
void h1_request_free(struct h1_request *request);
/* Ready for the next request; keeps little memory. */
void h1_request_reset(struct h1_request *request);

/* Sets *used. After DONE or BAD comes h1_request_reset. */
enum h1_request_status h1_request_feed(struct h1_request *request, const uint8_t *bytes, size_t len,
                                       size_t *used);
/* A byte of it has come. */
bool h1_request_has_begun(const struct h1_request *request);
/* True once: the head is whole, and the peer waits for "100 Continue" before it sends the body. */
bool h1_request_take_expectation(struct h1_request *request);
/* After H1_REQUEST_BAD: 400, 413, 431, 501 or 505. */
int h1_request_refusal(const struct h1_request *request);

/* After H1_REQUEST_DONE; borrowed until the reset. */
const struct http_head *h1_request_head(const struct h1_request *request);
const char *h1_request_method(const struct h1_request *request);
/* Path of the target, also out of an absolute-form one; NUL-terminated. */
const char *h1_request_path(const struct h1_request *request);
/* What stands behind the question mark, NUL-terminated; NULL when there is none. */
const char *h1_request_query(const struct h1_request *request);
const uint8_t *h1_request_body(const struct h1_request *request, size_t *len);
bool h1_request_keeps_alive(const struct h1_request *request);

#endif

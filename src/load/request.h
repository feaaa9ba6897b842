/*
 * load/request.h - the request of one URL, compiled once, written for each attempt.
 */
#ifndef CICADA_LOAD_REQUEST_H
#define CICADA_LOAD_REQUEST_H

#include "base/buf.h"
#include "base/err.h"
#include "http/fetch.h"
#include "http/url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct auth;
struct feed;
struct plan_message;
struct request;

/* A body that is not a template: a file, or parts of a form. */
struct request_body {
    struct http_body *body; /* owned; NULL: none */
    char *content_type;     /* owned; NULL: the message's own */
};
/* As the message wants it; `seed` makes the boundary of a form. -1 with a sentence.
 * request_body_fini in either case. */
int request_body_init(struct request_body *body, const struct plan_message *message, uint64_t seed,
                      struct err *err);
void request_body_fini(struct request_body *body);

/* Everything is borrowed for the request's life. */
struct request_spec {
    const char *url;
    const struct plan_message *message;
    const struct request_body *body; /* NULL: none but the message's own */
    const struct feed *feed;         /* NULL: none */
    bool is_for_stream;              /* asks as an EventSource does */
};

/* NULL with a sentence that names the URL, header or credentials. The caller owns the result. */
struct request *request_new(const struct request_spec *spec, struct err *err);
void request_free(struct request *request);
const struct url *request_url(const struct request *request);
/* The URL of `row` into `*url`, which is the caller's then; false, and nothing set, where it is the
 * same for all. */
bool request_locate(const struct request *request, size_t row, struct url *url);
const char *request_method(const struct request *request);
/* It says Accept-Encoding, so what comes may be compressed. */
bool request_wants_decoding(const struct request *request);
/* The user and password of `row`, out of the message or the URL; NULL: none. The caller owns it. */
struct auth *request_make_auth(const struct request *request, size_t row);

/* What differs from attempt to attempt. */
struct request_variant {
    size_t row;          /* of the feed */
    const char *last_id; /* Last-Event-ID, UTF-8; id_bytes 0: none */
    size_t last_id_bytes;
    const struct fetch_hop *hop;
};

/* Appends head and body, or the head alone with `*body` set (see struct fetch_handlers). */
void request_write(const struct request *request, const struct request_variant *variant,
                   struct buf *out, const struct http_body **body);

/*
 * A request as it is sent, head and body, as one number, never 0: the same for all that ask for the
 * same as the same. Last-Event-ID does not count, nor what differs in a digest for each request.
 */
uint64_t request_key(const uint8_t *bytes, size_t len);

#endif

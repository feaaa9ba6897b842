/*
 * http/h1_client.h - bytes of HTTP/1.1 responses in, heads and bodies out: llhttp and the limits
 * that it leaves to its user. Pure: no sockets, no clock, one response at a time.
 *
 * Framing by RFC 9112 section 6: Content-Length, chunked with extensions and trailers, and until
 * the connection ends, also where the server announced keep-alive. 1xx responses are skipped.
 */
#ifndef CICADA_HTTP_H1_CLIENT_H
#define CICADA_HTTP_H1_CLIENT_H

#include "base/error_class.h"
#include "http/head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum h1_status {
    H1_MORE = 0, /* all bytes used, the response goes on */
    H1_COMPLETE, /* the response is whole; the bytes behind it were not looked at */
    H1_STOPPED,  /* a handler said so */
    H1_FAILED    /* error_class and reason say how; final */
};

struct h1_response;

/* Each returns false to stop the parser; it must not be freed or fed before its feed returns. */
struct h1_handlers {
    /* The final head (not 1xx). Borrowed until the handler returns. */
    bool (*on_head)(struct h1_response *response, const struct http_head *head);
    bool (*on_body)(struct h1_response *response, const uint8_t *bytes, size_t len);
};

enum { H1_PARSER_WORDS = 13 };

/* Embedded once per connection; callers read error_class and reason only. */
struct h1_response {
    uint64_t parser[H1_PARSER_WORDS]; /* llhttp's own state */
    const struct h1_handlers *handlers;
    struct http_head
        *head; /* borrowed from h1_response_init until the head is complete, else NULL */
    union {
        const char *reason; /* H1_FAILED: a phrase that stays valid */
        const char *mark;   /* while feeding: where the bytes since the last body byte begin */
    };
    uint32_t overhead_bytes; /* of the head; later of a chunk line, carried over feeds */
    uint8_t error_class;
    bool is_bodiless; /* the answer to HEAD */
    bool has_bytes;   /* something has come */
    bool has_name;    /* the header field under way has one */
    bool is_stopped;
    bool is_complete;
};

/* `head` is an empty head lent until on_head has run. */
void h1_response_init(struct h1_response *response, const struct h1_handlers *handlers,
                      struct http_head *head, bool is_answer_to_head);
/* `*used` is set for H1_COMPLETE. */
enum h1_status h1_response_feed(struct h1_response *response, const uint8_t *bytes, size_t len,
                                size_t *used);
/* The peer closed: H1_COMPLETE where that ends the body, else H1_FAILED as CLASS_CLOSED_EARLY. */
enum h1_status h1_response_finish(struct h1_response *response);
/* After H1_COMPLETE: may the connection carry another request? */
bool h1_response_keeps_alive(const struct h1_response *response);
/* Is the head still to come? */
bool h1_response_awaits_head(const struct h1_response *response);

#endif

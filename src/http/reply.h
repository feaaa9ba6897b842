/*
 * http/reply.h - the head of a response as the server writes it.
 */
#ifndef CICADA_HTTP_REPLY_H
#define CICADA_HTTP_REPLY_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum reply_body {
    REPLY_BODY_NONE = 0, /* 204 and 304 have none and say nothing of it */
    REPLY_BODY_KNOWN,
    REPLY_BODY_CHUNKED,
    REPLY_BODY_UNTIL_CLOSE
};

struct reply_head {
    int status;
    const char *headers;      /* "Name: value\r\n...", NULL or "": none */
    const char *content_type; /* NULL: none */
    enum reply_body body;
    size_t body_bytes;
    bool closes;          /* says "Connection: close" */
    bool says_keep_alive; /* HTTP/1.0 has to be told */
};

/* Appends the status line, the fields and the blank line. */
void reply_append_head(struct buf *out, const struct reply_head *head);
/* "Not Found"; "Status" for one without a name here. */
const char *reply_phrase(int status);

#endif

/*
 * load/request.h - the request of one target, compiled once, written for each attempt.
 */
#ifndef CICADA_LOAD_REQUEST_H
#define CICADA_LOAD_REQUEST_H

#include "base/buf.h"
#include "base/err.h"
#include "http/client.h"
#include "http/url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct feed;
struct plan;
struct request;

/*
 * `plan` and `feed` (NULL: none) are borrowed for the result's life; `index` picks the plan's
 * target. NULL with a sentence that names the URL or header. The caller owns the result.
 */
struct request *request_new(const struct plan *plan, size_t index, const struct feed *feed,
                            struct err *err);
void request_free(struct request *request);
const struct url *request_url(const struct request *request);
const struct http_origin *request_origin(const struct request *request);
bool request_is_for_head(const struct request *request);

/* What differs from attempt to attempt. */
struct request_variant {
    size_t row;          /* of the feed */
    const char *last_id; /* Last-Event-ID, UTF-8; id_bytes 0: none */
    size_t last_id_bytes;
    const struct url *redirect; /* where a redirect led; NULL: the target itself */
    bool is_turned_to_get;      /* by the redirect (Fetch Standard, HTTP-redirect fetch, step 12) */
};

/* Appends head and body. Credentials do not go to another origin. */
void request_write(const struct request *request, const struct request_variant *variant,
                   struct buf *out);

#endif

/*
 * http/redirect.h - the rules of a redirect: which statuses are one, where it leads, what of the
 * request goes along. Pure functions.
 */
#ifndef CICADA_HTTP_REDIRECT_H
#define CICADA_HTTP_REDIRECT_H

#include "base/err.h"
#include "http/head.h"
#include "http/url.h"

#include <stdbool.h>

enum { REDIRECT_LIMIT = 20 }; /* of an EventSource: Fetch Standard, HTTP-redirect fetch, step 7 */

/* 301 302 303 307 308 (Fetch Standard, "redirect status"). */
bool redirect_is_one(int status);
/* The request after it is a GET without body (Fetch Standard, HTTP-redirect fetch, step 12). */
bool redirect_turns_to_get(int status, const char *method);
/*
 * The Location of `head` against `base`. -1 with a phrase that starts with the status when it is
 * missing, unsound or leads to another scheme than http and https; url_fini in either case.
 */
int redirect_read_location(const struct http_head *head, const struct url *base, struct url *url,
                           struct err *err);

/* What became of the request's own URL and method. */
struct redirect_effect {
    bool is_elsewhere;     /* another origin: credentials stay behind */
    bool is_turned_to_get; /* the body is gone, and what describes it */
    bool is_redirected;    /* at all: the Host is the new one's */
};
/* Does a header line "Name: value" of the request go along? RFC 9110, section 15.4; Fetch Standard,
 * "request-body-header name". */
bool redirect_keeps(const struct redirect_effect *effect, const char *line);

#endif

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

/*
 * Whose rules hold where they differ. A browser (Fetch Standard, HTTP-redirect fetch): 302 turns
 * POST alone into GET, and a redirect that leads nowhere is an error. Python's requests: 302 turns
 * every method but HEAD, and an answer without a Location is one like any other.
 */
enum redirect_rules { REDIRECT_AS_BROWSER = 0, REDIRECT_AS_REQUESTS };

/* 301 302 303 307 308 (Fetch Standard, "redirect status"), and to be followed by these rules. */
bool redirect_is_one(enum redirect_rules rules, const struct http_head *head);
/* The request after it is a GET without body (Fetch Standard, HTTP-redirect fetch, step 12). */
bool redirect_turns_to_get(enum redirect_rules rules, int status, const char *method);
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

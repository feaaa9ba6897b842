/*
 * http/url.h - absolute http URLs in parts, and references resolved against them (RFC 3986).
 */
#ifndef CICADA_HTTP_URL_H
#define CICADA_HTTP_URL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { URL_LIMIT_BYTES = 16 * 1024, URL_HOST_LIMIT_BYTES = 253 };

enum url_scheme { URL_SCHEME_NONE = 0, URL_SCHEME_HTTP, URL_SCHEME_HTTPS };

struct url {
    enum url_scheme scheme;
    char *host;     /* without brackets, lower case */
    uint16_t port;  /* 80 or 443 when the URL names none */
    bool has_port;  /* the URL names a port that is not its scheme's own */
    bool is_ipv6;   /* host is a literal that needs brackets */
    char *userinfo; /* "user:password" as written, NULL: none */
    char *target;   /* path and query for the request line, at least "/"; no fragment */
};

/*
 * Parses an absolute URL. Spaces, control characters and bytes above 0x7e in path and query are
 * percent-encoded as curl does; the host must be ASCII. -1 with a sentence that says what is wrong.
 * url_fini afterwards in either case.
 */
int url_parse(const char *text, size_t len, struct url *url, struct err *err);
/* Resolves a Location value against `base` (RFC 3986 section 5.2). */
int url_resolve(const struct url *base, const char *reference, size_t len, struct url *url,
                struct err *err);
void url_fini(struct url *url);
/* scheme, host and port are the same: credentials may go there. */
bool url_same_origin(const struct url *left, const struct url *right);
/* "host", "host:port", "[::1]:8080" as in the Host header. The caller frees it. */
char *url_authority(const struct url *url);

#endif

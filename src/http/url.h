/*
 * http/url.h - absolute http URLs in parts, and references resolved against them (RFC 3986).
 */
#ifndef CICADA_HTTP_URL_H
#define CICADA_HTTP_URL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum { URL_LIMIT_BYTES = 16 * 1024, URL_HOST_LIMIT_BYTES = 253 };

enum url_scheme { URL_SCHEME_NONE = 0, URL_SCHEME_HTTP, URL_SCHEME_HTTPS };

struct url {
    enum url_scheme scheme;
    char *host;    /* without brackets, lower case, ASCII: IDNs in their xn-- form; IPv6 shortest */
    uint16_t port; /* 80 or 443 when the URL names none */
    bool has_port; /* the URL names a port that is not its scheme's own */
    bool is_ipv6;  /* host is a literal that needs brackets */
    char *userinfo; /* "user:password" as written, NULL: none */
    char *target;   /* path and query for the request line, at least "/"; no fragment */
};

/*
 * Parses an absolute URL. Spaces, control characters and bytes above 0x7e in path and query are
 * percent-encoded as curl does. Escapes in the host are decoded; a host that is not ASCII then is
 * taken as UTF-8 and becomes what curl makes of it: IDNA 2008 (RFC 5891) with the mapping of UTS
 * 46, non-transitional, or transitional where that refuses. -1 with a sentence that says what is
 * wrong. url_fini afterwards in either case.
 */
int url_parse(const char *text, size_t len, struct url *url, struct err *err);
/* Resolves a Location value against `base` (RFC 3986 section 5.2). */
int url_resolve(const struct url *base, const char *reference, size_t len, struct url *url,
                struct err *err);
void url_fini(struct url *url);
/* Its texts are the copy's own: url_fini. */
void url_copy(const struct url *url, struct url *copy);
/* scheme, host and port are the same: credentials may go there. */
bool url_same_origin(const struct url *left, const struct url *right);
/* "host", "host:port", "[::1]:8080" as in the Host header. The caller frees it. */
char *url_authority(const struct url *url);
/* The URL as text, without user and password. -1, and nothing appended, past the limit of `out`. */
int url_append(struct buf *out, const struct url *url);
/*
 * User and password, each with its escapes decoded; a broken escape stands for itself. The caller
 * frees both. The password is "" when the URL has only a user; both are NULL when it has neither.
 * -1 with a sentence when one of them holds an escaped NUL, CR or LF.
 */
int url_credentials(const struct url *url, char **user, char **password, struct err *err);

/* --- http/url_hide.c --- texts that may be URLs, for people and results. The caller frees them. */
/* As written, but for user and password. */
char *url_hide_userinfo(const char *text, size_t len);
/* The same of what turned out to be no URL: where user and password are not in their place, all
 * that may be meant as them is left out. */
char *url_hide_secrets(const char *text, size_t len);

#endif

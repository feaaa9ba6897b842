/*
 * http/set_cookie.h - the value of a Set-Cookie field, taken apart (RFC 6265, section 5.2).
 *
 * Syntax alone: whether a jar may keep the cookie for the host that sent it is cookie.h's affair.
 */
#ifndef CICADA_HTTP_SET_COOKIE_H
#define CICADA_HTTP_SET_COOKIE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    COOKIE_PAIR_LIMIT_BYTES = 4096,     /* name and value together */
    COOKIE_ATTRIBUTE_LIMIT_BYTES = 1024 /* one attribute's value */
};

/* 31 December 9999: the latest that Expires can name, and where a Max-Age beyond it ends. */
static const double COOKIE_LATEST_UNIX_MS = 253402300799000.0;

/* Borrowed bytes, no NUL at their end. */
struct cookie_text {
    const char *at;
    size_t len;
};

struct set_cookie {
    struct cookie_text name, value;
    struct cookie_text domain; /* as written, without one leading dot; empty: none */
    struct cookie_text path;   /* starts with "/"; empty: none, or none that counts */
    double expires_unix_ms;    /* 0: when the session ends; in the past: at once */
    bool is_secure;
    bool is_http_only;
};

/*
 * `unix_ms` is now, for Max-Age. The result borrows from `text`. The last of several attributes of
 * one name counts; one that is unknown, malformed or over its limit is as if it were not there.
 *
 * False when the whole is to be ignored: no "=", no name, a pair over its limit, a control
 * character (RFC 6265bis, section 5.6), or a tab inside name or value (which curl refuses) or path.
 */
bool set_cookie_parse(const char *text, size_t len, double unix_ms, struct set_cookie *cookie);
/* A name without "="; neither with ";" or a control character; both within the limit. */
bool set_cookie_pair_is_valid(struct cookie_text name, struct cookie_text value);
/* A slash first, no control character, within the limit. */
bool set_cookie_path_is_valid(struct cookie_text path);

#endif

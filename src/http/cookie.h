/*
 * http/cookie.h - the cookies of one virtual user: what Set-Cookie fields leave, what Cookie fields
 * say.
 *
 * Follows RFC 6265, and of RFC 6265bis what curl does too: the prefixes __Secure- and __Host-, no
 * Secure cookie from an insecure origin nor over one that is there, no control characters. Where
 * curl reads a field more generously than the RFC (attributes, dates, the order sent), the RFC
 * holds.
 *
 * An origin is secure when its scheme is https; as in curl also localhost, 127.0.0.1 and ::1, which
 * no network can overhear. The port of a URL plays no role. HttpOnly is kept for the reader and
 * SameSite is passed over: there is no page whose scripts or frames they could concern.
 *
 * A jar is 24 bytes, a cookie about 40 and its text; a full one with cookies of the largest size
 * takes less than 400 KiB. An owner without cookies keeps NULL instead of a jar.
 */
#ifndef CICADA_HTTP_COOKIE_H
#define CICADA_HTTP_COOKIE_H

#include "base/buf.h"
#include "http/set_cookie.h"
#include "http/url.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    COOKIE_JAR_LIMIT = 64,              /* cookies; see set_cookie.h for their sizes */
    COOKIE_FIELD_LIMIT_BYTES = 8 * 1024 /* the text of one Cookie field */
};

enum cookie_status {
    COOKIE_OK = 0,  /* kept, maybe in place of an older one */
    COOKIE_REMOVED, /* expired on arrival: if the jar had it, it is gone */
    COOKIE_REFUSED  /* the jar is as before, but for what has expired */
};

struct cookie_jar;

/* A cookie as it is shown and as a script gives it: text ends in NUL. */
struct cookie {
    const char *name, *value;
    const char *domain;     /* lower case */
    const char *path;       /* starts with "/" */
    double expires_unix_ms; /* 0: when the session ends */
    bool is_secure;         /* for secure origins only */
    bool is_http_only;
    bool is_host_only; /* for `domain` itself, not for names below it */
};

/* Empty; the caller owns it. */
struct cookie_jar *cookie_jar_new(void);
void cookie_jar_free(struct cookie_jar *jar);

/*
 * One Set-Cookie value (no NUL at its end) of a response from `url`, at `unix_ms` by the wall
 * clock. A full jar loses its least recently used cookie for a new one.
 *
 * Refused: what set_cookie_parse refuses; a Domain that the host is not in, or that is a public
 * suffix and not the host itself (then the cookie is host-only, as for an address and a name that
 * ends in a dot); Secure from an origin that is not; a cookie that an insecure origin would lay
 * over a Secure one; a prefix whose promise is broken; a default path over
 * COOKIE_ATTRIBUTE_LIMIT_BYTES.
 */
enum cookie_status cookie_jar_take(struct cookie_jar *jar, const struct url *url, const char *value,
                                   size_t len, double unix_ms);
/*
 * A cookie that a script sets, whatever site it is for. `path` NULL means "/"; one dot in front of
 * `domain` is dropped; a public suffix or an address becomes host-only. Copies what it is given,
 * which must not be borrowed from the same jar.
 * Refused: text that no Set-Cookie field could have brought, a missing domain, a broken prefix.
 */
enum cookie_status cookie_jar_put(struct cookie_jar *jar, const struct cookie *cookie,
                                  double unix_ms);
/*
 * Appends "a=b; c=d" for a request to `url`: longest path first, then oldest first (RFC 6265,
 * section 5.4). Stops before the cookie that would pass COOKIE_FIELD_LIMIT_BYTES or the limit of
 * `out`. Returns how many it appended; 0, with nothing appended, also for a NULL jar.
 */
size_t cookie_jar_append(struct cookie_jar *jar, const struct url *url, double unix_ms,
                         struct buf *out);

/* The calls above drop what has expired by themselves; this is for one who looks or counts. */
void cookie_jar_drop_expired(struct cookie_jar *jar, double unix_ms);
/* 0 for a NULL jar. */
size_t cookie_jar_count(const struct cookie_jar *jar);
/*
 * Cookie `index` in order of creation; a replaced cookie keeps its place. False behind the last.
 * The text is borrowed until the jar changes.
 */
bool cookie_jar_at(const struct cookie_jar *jar, size_t index, struct cookie *cookie);
/* Removes all cookies; NULL does nothing. */
void cookie_jar_clear(struct cookie_jar *jar);

#endif

#include "http/set_cookie.h"

#include "base/ascii.h"

#include "http/cookie_date.h"

#include <string.h>
#include <strings.h>

/* A moment that is past by any clock, and not the 0 of a session. */
static const double LONG_AGO_UNIX_MS = -1.0;

static bool is_control(char byte)
{
    return (unsigned char)byte < 0x20 || byte == 0x7f;
}

static struct cookie_text trim(struct cookie_text text)
{
    while (text.len > 0 && ascii_is_blank(text.at[0])) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && ascii_is_blank(text.at[text.len - 1]))
        text.len--;
    return text;
}

/* The trimmed text up to `delimiter`, or all; *rest is what follows it. False when it is absent. */
static bool cut(struct cookie_text whole, char delimiter, struct cookie_text *front,
                struct cookie_text *rest)
{
    const char *found = whole.len > 0 ? memchr(whole.at, delimiter, whole.len) : NULL;
    size_t len = found ? (size_t)(found - whole.at) : whole.len;

    *front = trim((struct cookie_text){whole.at, len});
    *rest =
        (struct cookie_text){whole.at + len + (found ? 1 : 0), whole.len - len - (found ? 1 : 0)};
    return found != NULL;
}

static bool is_called(struct cookie_text name, const char *wanted)
{
    return name.len == strlen(wanted) && strncasecmp(name.at, wanted, name.len) == 0;
}

/* RFC 6265, section 5.2.1. */
static void set_expires(struct set_cookie *cookie, struct cookie_text value)
{
    double unix_ms;

    if (cookie_date_parse(value.at, value.len, &unix_ms))
        cookie->expires_unix_ms = unix_ms == 0.0 ? LONG_AGO_UNIX_MS : unix_ms;
}

/* RFC 6265, section 5.2.2: digits with at most a minus in front, else it does not count. */
static bool set_max_age(struct set_cookie *cookie, struct cookie_text value, double unix_ms)
{
    bool is_negative = value.len > 0 && value.at[0] == '-';
    double age_ms = 0.0;

    for (size_t i = is_negative ? 1 : 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return false;
        age_ms = age_ms * 10.0 + (value.at[i] - '0') * 1000.0;
    }
    if (value.len == 0)
        return false;
    if (is_negative || age_ms == 0.0)
        cookie->expires_unix_ms = LONG_AGO_UNIX_MS;
    else if (unix_ms + age_ms < COOKIE_LATEST_UNIX_MS)
        cookie->expires_unix_ms = unix_ms + age_ms;
    else
        cookie->expires_unix_ms = COOKIE_LATEST_UNIX_MS;
    return true;
}

/* RFC 6265, section 5.2.3. */
static void set_domain(struct set_cookie *cookie, struct cookie_text value)
{
    if (value.len == 0)
        return;
    if (value.at[0] == '.') {
        value.at++;
        value.len--;
    }
    cookie->domain = value;
}

/* RFC 6265, section 5.2.4: a path that is none brings the default back. */
static void set_path(struct set_cookie *cookie, struct cookie_text value)
{
    if (value.len == 0 || value.at[0] != '/')
        value.len = 0;
    cookie->path = value;
}

/* Reads all attributes; Max-Age wins over Expires wherever it stands. */
static void read_attributes(struct set_cookie *cookie, struct cookie_text rest, double unix_ms)
{
    bool has_max_age = false;

    while (rest.len > 0) {
        struct cookie_text attribute, name, value;

        (void)cut(rest, ';', &attribute, &rest);
        (void)cut(attribute, '=', &name, &value);
        value = trim(value);
        if (value.len > COOKIE_ATTRIBUTE_LIMIT_BYTES)
            continue;
        if (is_called(name, "expires") && !has_max_age)
            set_expires(cookie, value);
        else if (is_called(name, "max-age"))
            has_max_age |= set_max_age(cookie, value, unix_ms);
        else if (is_called(name, "domain"))
            set_domain(cookie, value);
        else if (is_called(name, "path"))
            set_path(cookie, value);
        else if (is_called(name, "secure"))
            cookie->is_secure = true;
        else if (is_called(name, "httponly"))
            cookie->is_http_only = true;
    }
}

static bool has_control(struct cookie_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (is_control(text.at[i]))
            return true;
    }
    return false;
}

bool set_cookie_parse(const char *text, size_t len, double unix_ms, struct set_cookie *cookie)
{
    struct cookie_text pair, rest;

    *cookie = (struct set_cookie){0};
    for (size_t i = 0; i < len; i++) {
        if (is_control(text[i]) && text[i] != '\t')
            return false;
    }
    (void)cut((struct cookie_text){text, len}, ';', &pair, &rest);
    if (!cut(pair, '=', &cookie->name, &cookie->value))
        return false;
    cookie->value = trim(cookie->value);
    if (!set_cookie_pair_is_valid(cookie->name, cookie->value))
        return false;
    read_attributes(cookie, rest, unix_ms);
    /* No request has a tab in its path, so nothing is lost with such a cookie. */
    return !has_control(cookie->path);
}

bool set_cookie_pair_is_valid(struct cookie_text name, struct cookie_text value)
{
    return name.len > 0 && name.len <= COOKIE_PAIR_LIMIT_BYTES &&
           value.len <= COOKIE_PAIR_LIMIT_BYTES - name.len && !memchr(name.at, '=', name.len) &&
           !memchr(name.at, ';', name.len) && !memchr(value.at, ';', value.len) &&
           !has_control(name) && !has_control(value);
}

bool set_cookie_path_is_valid(struct cookie_text path)
{
    return path.len > 0 && path.len <= COOKIE_ATTRIBUTE_LIMIT_BYTES && path.at[0] == '/' &&
           !has_control(path);
}

#include "http/url.h"

#include "base/ascii.h"
#include "base/buf.h"
#include "base/mem.h"

#include <idn2.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SHOWN_LIMIT_BYTES = 200 };

static const uint16_t DEFAULT_PORT_HTTP = 80;
static const uint16_t DEFAULT_PORT_HTTPS = 443;

struct slice {
    const char *at;
    size_t len;
};

/* A reference cut at its delimiters, RFC 3986 appendix B; an absent part has `at` NULL. */
struct reference {
    struct slice scheme, authority, path, query;
};

static size_t find_any(struct slice text, const char *set)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] != '\0' && strchr(set, text.at[i]))
            return i;
    }
    return text.len;
}

static struct slice cut_front(struct slice *text, size_t len)
{
    struct slice front = {text->at, len};

    text->at += len;
    text->len -= len;
    return front;
}

/* RFC 3986, section 3.1: a letter, then letters, digits, "+", "-" and ".". */
static bool is_scheme(struct slice text)
{
    if (text.len == 0 || !isalpha((unsigned char)text.at[0]))
        return false;
    for (size_t i = 1; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.at[i];

        if (!isalnum(byte) && byte != '+' && byte != '-' && byte != '.')
            return false;
    }
    return true;
}

static struct reference split(struct slice rest)
{
    struct reference parts = {0};
    size_t colon = find_any(rest, ":/?#");

    rest.len = find_any(rest, "#");
    if (colon < rest.len && rest.at[colon] == ':' && is_scheme((struct slice){rest.at, colon})) {
        parts.scheme = cut_front(&rest, colon);
        (void)cut_front(&rest, 1);
    }
    if (rest.len >= 2 && rest.at[0] == '/' && rest.at[1] == '/') {
        (void)cut_front(&rest, 2);
        parts.authority = cut_front(&rest, find_any(rest, "/?"));
    }
    parts.path = cut_front(&rest, find_any(rest, "?"));
    if (rest.len > 0) {
        (void)cut_front(&rest, 1);
        parts.query = rest;
    }
    return parts;
}

/* Blanks around a URL come from copying, and from line ends in headers and files. */
static struct slice trim(const char *text, size_t len)
{
    struct slice slice = {text, len};

    while (slice.len > 0 && (unsigned char)slice.at[0] <= ' ')
        (void)cut_front(&slice, 1);
    while (slice.len > 0 && (unsigned char)slice.at[slice.len - 1] <= ' ')
        slice.len--;
    return slice;
}

/* A broken escape is left as it is: what it means is the server's affair. */
static void append_encoded(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.at[i];

        if (byte <= ' ' || byte > 0x7e)
            (void)buf_appendf(out, "%%%02X", byte);
        else
            (void)buf_append_byte(out, byte);
    }
}

/* The length of the dot segment at the start of `path`, with its slash in front: 0 when none. */
static size_t dot_segment(struct slice path, bool *goes_up)
{
    size_t dots = 1;

    while (dots < path.len && path.at[dots] == '.')
        dots++;
    dots--;
    if (dots == 0 || dots > 2 || (dots + 1 < path.len && path.at[dots + 1] != '/'))
        return 0;
    *goes_up = dots == 2;
    return dots + 1;
}

/* RFC 3986, section 5.2.4, for a path that starts with a slash. */
static void append_without_dots(struct buf *out, struct slice path)
{
    size_t start = out->len;

    while (path.len > 0) {
        bool goes_up = false;
        size_t dot_bytes = dot_segment(path, &goes_up);
        size_t segment_bytes;

        if (dot_bytes > 0) {
            while (goes_up && out->len > start) {
                out->len--;
                if (out->bytes[out->len] == '/')
                    break;
            }
            (void)cut_front(&path, dot_bytes);
            if (path.len == 0)
                (void)buf_append_byte(out, '/');
            continue;
        }
        segment_bytes = 1 + find_any((struct slice){path.at + 1, path.len - 1}, "/");
        append_encoded(out, cut_front(&path, segment_bytes));
    }
}

static char *make_target(struct slice path, struct slice query)
{
    struct buf out = {0};
    char *target;

    if (path.len == 0)
        (void)buf_append_byte(&out, '/');
    append_without_dots(&out, path);
    if (query.at) {
        (void)buf_append_byte(&out, '?');
        append_encoded(&out, query);
    }
    target = x_strdup(buf_text(&out));
    buf_fini(&out);
    return target;
}

/* `detail` is what a library says, or NULL. */
static int refuse(struct err *err, struct slice text, const char *reason, const char *detail)
{
    char *open = url_hide_secrets(text.at ? text.at : "", text.len);
    size_t len = strlen(open);
    struct buf shown = {0};

    append_encoded(&shown,
                   (struct slice){open, len < SHOWN_LIMIT_BYTES ? len : (size_t)SHOWN_LIMIT_BYTES});
    err_set(err, ERR_USAGE, "URL '%s'%s: %s%s%s", buf_text(&shown),
            len > SHOWN_LIMIT_BYTES ? "..." : "", reason, detail ? ": " : "", detail ? detail : "");
    buf_fini(&shown);
    free(open);
    return -1;
}

static const char *set_scheme(struct url *url, struct slice scheme)
{
    if (scheme.len == 4 && strncasecmp(scheme.at, "http", 4) == 0)
        url->scheme = URL_SCHEME_HTTP;
    else if (scheme.len == 5 && strncasecmp(scheme.at, "https", 5) == 0)
        url->scheme = URL_SCHEME_HTTPS;
    else
        return "its scheme is neither http nor https";
    return NULL;
}

static uint16_t default_port(const struct url *url)
{
    return url->scheme == URL_SCHEME_HTTPS ? DEFAULT_PORT_HTTPS : DEFAULT_PORT_HTTP;
}

/* RFC 3986, section 3.2.3 allows an empty port after the colon. */
static const char *set_port(struct url *url, struct slice text)
{
    uint32_t port = 0;

    url->port = default_port(url);
    if (text.len == 0)
        return NULL;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return "its port is not a number";
        port = port * 10 + (uint32_t)(text.at[i] - '0');
        if (port > UINT16_MAX)
            return "its port is over 65535";
    }
    if (port == 0)
        return "its port is 0";
    url->port = (uint16_t)port;
    url->has_port = url->port != default_port(url);
    return NULL;
}

static const char *set_ipv6(struct url *url, struct slice *rest)
{
    size_t close = find_any(*rest, "]");
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    struct slice host;

    if (close == rest->len)
        return "the '[' of its host has no ']'";
    (void)cut_front(rest, 1);
    host = cut_front(rest, close - 1);
    (void)cut_front(rest, 1);
    url->host = x_strndup(host.at, host.len);
    if (strlen(url->host) != host.len || inet_pton(AF_INET6, url->host, &address) != 1 ||
        !inet_ntop(AF_INET6, &address, text, sizeof text))
        return "what its brackets hold is no IPv6 address";
    /* One form for all ways to write it: hosts are compared as text. */
    free(url->host);
    url->host = x_strdup(text);
    url->is_ipv6 = true;
    return NULL;
}

/* A broken escape stays as it is. */
static void append_decoded(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        int high = -1, low = -1;

        if (text.at[i] == '%' && text.len - i > 2) {
            high = ascii_hex_digit(text.at[i + 1]);
            low = ascii_hex_digit(text.at[i + 2]);
        }
        if (high >= 0 && low >= 0) {
            (void)buf_append_byte(out, (uint8_t)(high * 16 + low));
            i += 2;
        } else {
            (void)buf_append_byte(out, (uint8_t)text.at[i]);
        }
    }
}

static bool is_ascii(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.at[i] > 0x7f)
            return false;
    }
    return true;
}

/* Of ASCII: letters, digits, "-", "." and "_", which is what resolvers take. */
static const char *check_characters(struct slice host)
{
    for (size_t i = 0; i < host.len; i++) {
        unsigned char byte = (unsigned char)host.at[i];

        if (byte <= 0x7f && !isalnum(byte) && byte != '-' && byte != '.' && byte != '_')
            return "its host holds a character that no host name has";
    }
    return NULL;
}

static const char *check_name(struct slice host)
{
    if (host.len == 0)
        return "it has no host";
    if (host.len > URL_HOST_LIMIT_BYTES)
        return "its host is longer than 253 bytes";
    if (host.at[0] == '.' || memmem(host.at, host.len, "..", 2))
        return "its host has an empty label";
    return check_characters(host);
}

/* Replaces UTF-8 by the xn-- form; libidn2's reason when it has none. */
static const char *encode_idn(struct buf *host)
{
    const uint8_t *name = (const uint8_t *)buf_text(host);
    uint8_t *ascii = NULL;
    int refusal = idn2_lookup_u8(name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);

    /* As curl does, so that a host is found by both or by neither. */
    if (refusal != IDN2_OK && idn2_lookup_u8(name, &ascii, IDN2_TRANSITIONAL) != IDN2_OK)
        return idn2_strerror(refusal);
    buf_clear(host);
    (void)buf_append_text(host, (const char *)ascii);
    idn2_free(ascii);
    return NULL;
}

static struct slice slice_of(struct buf *buf)
{
    const char *text = buf_text(buf);

    return (struct slice){text, buf->len};
}

/* What IDNA makes of a name is checked anew: its mapping turns a wide slash into a plain one. */
static const char *set_name(struct url *url, struct slice *rest, const char **detail)
{
    struct buf host = {0};
    const char *reason;

    append_decoded(&host, cut_front(rest, find_any(*rest, ":")));
    reason = check_characters(slice_of(&host));
    if (!reason && !is_ascii(slice_of(&host))) {
        *detail = encode_idn(&host);
        reason = *detail ? "its host is no internationalized name" : NULL;
    }
    if (!reason)
        reason = check_name(slice_of(&host));
    if (!reason)
        url->host = x_strndup(buf_text(&host), host.len);
    buf_fini(&host);
    return reason;
}

static const char *set_authority(struct url *url, struct slice authority, const char **detail)
{
    struct slice rest = authority;
    const char *at = memrchr(authority.at, '@', authority.len);
    const char *reason;

    if (at) {
        struct slice userinfo = cut_front(&rest, (size_t)(at - authority.at));

        (void)cut_front(&rest, 1);
        for (size_t i = 0; i < userinfo.len; i++) {
            if ((unsigned char)userinfo.at[i] <= ' ' || userinfo.at[i] == 0x7f)
                return "its user name or password holds a blank or control character";
        }
        url->userinfo = x_strndup(userinfo.at, userinfo.len);
    }
    if (rest.len > 0 && rest.at[0] == '[')
        reason = set_ipv6(url, &rest);
    else
        reason = set_name(url, &rest, detail);
    if (reason)
        return reason;
    for (char *byte = url->host; *byte; byte++)
        *byte = (char)tolower((unsigned char)*byte);
    if (rest.len > 0 && rest.at[0] != ':')
        return "only a port may follow its host";
    if (rest.len > 0)
        (void)cut_front(&rest, 1);
    return set_port(url, rest);
}

static const char *parse_absolute(struct url *url, const struct reference *parts,
                                  const char **detail)
{
    const char *reason;

    if (!parts->scheme.at)
        return "it does not start with http:// or https://";
    reason = set_scheme(url, parts->scheme);
    if (reason)
        return reason;
    if (!parts->authority.at)
        return "two slashes must follow its scheme";
    reason = set_authority(url, parts->authority, detail);
    if (reason)
        return reason;
    url->target = make_target(parts->path, parts->query);
    return strlen(url->target) > URL_LIMIT_BYTES ? "it is longer than 16 KiB" : NULL;
}

/* RFC 3986, section 5.2.3: `path` behind what `base` has up to its last slash. */
static char *merge_paths(struct slice base, struct slice path)
{
    struct buf out = {0};
    size_t keep = base.len;
    char *merged;

    while (keep > 0 && base.at[keep - 1] != '/')
        keep--;
    (void)buf_append(&out, base.at, keep);
    append_encoded(&out, path);
    merged = x_strdup(buf_text(&out));
    buf_fini(&out);
    return merged;
}

/* A reference without scheme and authority: both come from `base`. */
static void resolve_path(const struct url *base, const struct reference *parts, struct url *url)
{
    struct slice old_path = {base->target, strcspn(base->target, "?")};
    struct slice old_query = {NULL, 0};

    if (base->target[old_path.len] == '?') {
        old_query.at = base->target + old_path.len + 1;
        old_query.len = strlen(old_query.at);
    }
    if (parts->path.len == 0) {
        url->target = make_target(old_path, parts->query.at ? parts->query : old_query);
    } else if (parts->path.at[0] == '/') {
        url->target = make_target(parts->path, parts->query);
    } else {
        char *merged = merge_paths(old_path, parts->path);

        url->target = make_target((struct slice){merged, strlen(merged)}, parts->query);
        free(merged);
    }
}

static const char *resolve(const struct url *base, const struct reference *parts, struct url *url,
                           const char **detail)
{
    struct reference whole = *parts;

    if (parts->scheme.at)
        return parse_absolute(url, parts, detail);
    if (parts->authority.at) {
        whole.scheme.at = base->scheme == URL_SCHEME_HTTPS ? "https" : "http";
        whole.scheme.len = strlen(whole.scheme.at);
        return parse_absolute(url, &whole, detail);
    }
    url->scheme = base->scheme;
    url->host = x_strdup(base->host);
    url->port = base->port;
    url->has_port = base->has_port;
    url->is_ipv6 = base->is_ipv6;
    url->userinfo = base->userinfo ? x_strdup(base->userinfo) : NULL;
    resolve_path(base, parts, url);
    return strlen(url->target) > URL_LIMIT_BYTES ? "it is longer than 16 KiB" : NULL;
}

/* NULL when it holds what no header may. */
static char *decode_credential(struct slice text)
{
    struct buf decoded = {0};
    struct slice whole;
    char *copy = NULL;

    append_decoded(&decoded, text);
    whole = slice_of(&decoded);
    if (find_any(whole, "\r\n") == whole.len && !memchr(whole.at, '\0', whole.len))
        copy = x_strndup(whole.at, whole.len);
    buf_fini(&decoded);
    return copy;
}

int url_parse(const char *text, size_t len, struct url *url, struct err *err)
{
    struct slice whole = trim(text, len);
    struct reference parts;
    const char *reason, *detail = NULL;

    *url = (struct url){0};
    if (whole.len == 0)
        return refuse(err, whole, "it is empty", NULL);
    if (whole.len > URL_LIMIT_BYTES)
        return refuse(err, whole, "it is longer than 16 KiB", NULL);
    parts = split(whole);
    /* "localhost:8080/x" reads as a scheme by the grammar; people mean a host. */
    if (parts.scheme.at && !parts.authority.at && parts.path.len > 0 &&
        isdigit((unsigned char)parts.path.at[0]))
        parts.scheme.at = NULL;
    reason = parse_absolute(url, &parts, &detail);
    return reason ? refuse(err, whole, reason, detail) : 0;
}

int url_resolve(const struct url *base, const char *reference, size_t len, struct url *url,
                struct err *err)
{
    struct slice whole = trim(reference, len);
    struct reference parts;
    const char *reason, *detail = NULL;

    *url = (struct url){0};
    if (whole.len > URL_LIMIT_BYTES)
        return refuse(err, whole, "it is longer than 16 KiB", NULL);
    parts = split(whole);
    reason = resolve(base, &parts, url, &detail);
    return reason ? refuse(err, whole, reason, detail) : 0;
}

void url_copy(const struct url *url, struct url *copy)
{
    *copy = *url;
    copy->host = x_strdup(url->host);
    copy->userinfo = url->userinfo ? x_strdup(url->userinfo) : NULL;
    copy->target = x_strdup(url->target);
}

void url_fini(struct url *url)
{
    free(url->host);
    free(url->userinfo);
    free(url->target);
    *url = (struct url){0};
}

bool url_same_origin(const struct url *left, const struct url *right)
{
    return left->scheme == right->scheme && left->port == right->port &&
           strcmp(left->host, right->host) == 0;
}

char *url_authority(const struct url *url)
{
    const char *open = url->is_ipv6 ? "[" : "";
    const char *close = url->is_ipv6 ? "]" : "";

    if (url->has_port)
        return x_asprintf("%s%s%s:%u", open, url->host, close, url->port);
    return x_asprintf("%s%s%s", open, url->host, close);
}

int url_append(struct buf *out, const struct url *url)
{
    char *authority = url_authority(url);
    int result = buf_appendf(out, "%s://%s%s", url->scheme == URL_SCHEME_HTTPS ? "https" : "http",
                             authority, url->target);

    free(authority);
    return result;
}

int url_credentials(const struct url *url, char **user, char **password, struct err *err)
{
    struct slice name, rest;
    char *decoded_name, *decoded_secret;

    if (!url->userinfo) {
        *user = *password = NULL;
        return 0;
    }
    rest = (struct slice){url->userinfo, strlen(url->userinfo)};
    name = cut_front(&rest, find_any(rest, ":"));
    if (rest.len > 0)
        (void)cut_front(&rest, 1);
    decoded_name = decode_credential(name);
    decoded_secret = decode_credential(rest);
    if (!decoded_name || !decoded_secret) {
        err_set(err, ERR_USAGE, "the %s in the URL of '%s' holds a NUL or a line end",
                decoded_name ? "password" : "user name", url->host);
        free(decoded_name);
        free(decoded_secret);
        return -1;
    }
    *user = decoded_name;
    *password = decoded_secret;
    return 0;
}

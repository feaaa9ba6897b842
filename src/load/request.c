#include "load/request.h"

#include "base/ascii.h"
#include "base/hash.h"
#include "base/mem.h"
#include "http/auth.h"
#include "http/body.h"
#include "http/decode.h"
#include "http/form.h"
#include "load/feed.h"
#include "load/plan.h"
#include "load/template.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct request {
    struct request_spec spec; /* what it points to is borrowed */
    struct url url;
    char *authority;
    struct template *path;            /* path and query */
    struct template *body;            /* NULL: none */
    struct template *user, *password; /* NULL: none */
    struct template **headers;
    size_t header_count;
    struct buf fixed; /* the whole request where nothing in it varies; empty otherwise */
};

static bool has_name(const char *line, const char *name)
{
    size_t len = strlen(name);

    return strncasecmp(line, name, len) == 0 && line[len] == ':';
}

static bool has_header(const struct request *request, const char *name)
{
    const struct plan_list *headers = &request->spec.message->headers;

    for (size_t i = 0; i < headers->count; i++) {
        if (has_name(headers->items[i], name))
            return true;
    }
    return false;
}

/* --- compiling --- */

static int check_header(const char *line, struct err *err)
{
    const char *colon = strchr(line, ':');

    if (!colon || !ascii_is_token(line, (size_t)(colon - line))) {
        err_set(err, ERR_USAGE, "the header '%s' is not of the form 'Name: value'", line);
        return -1;
    }
    if (strpbrk(line, "\r\n")) {
        err_set(err, ERR_USAGE, "the header '%.*s' holds a line end", (int)(colon - line), line);
        return -1;
    }
    return 0;
}

static int compile_headers(struct request *request, struct err *err)
{
    const struct plan_list *headers = &request->spec.message->headers;

    request->headers = x_calloc(headers->count, sizeof(struct template *));
    for (size_t i = 0; i < headers->count; i++) {
        const char *line = headers->items[i];

        if (check_header(line, err) < 0)
            return -1;
        request->headers[i] =
            template_compile(line, strlen(line), TEMPLATE_HEADER, request->spec.feed, err);
        if (!request->headers[i]) {
            err_prefix(err, "the header '%s'", line);
            return -1;
        }
        request->header_count = i + 1;
    }
    return 0;
}

/* A header of the user names a type that is no form. */
static bool has_other_type(const struct request *request)
{
    static const char NAME[] = "content-type:";
    const struct plan_list *headers = &request->spec.message->headers;

    for (size_t i = 0; i < headers->count; i++) {
        const char *value = headers->items[i] + sizeof NAME - 1;

        if (strncasecmp(headers->items[i], NAME, sizeof NAME - 1) != 0)
            continue;
        return strncasecmp(value + strspn(value, " \t"), FORM_CONTENT_TYPE,
                           sizeof FORM_CONTENT_TYPE - 1) != 0;
    }
    return false;
}

/* A value of the feed in a form of ours is encoded, or "a+b" would arrive as "a b"; in JSON a quote
 * would end its string. */
static enum template_mode body_mode(const struct request *request)
{
    const char *type = request->spec.message->content_type;

    if (type && strcmp(type, "application/json") == 0)
        return TEMPLATE_JSON;
    if (type && strcmp(type, FORM_CONTENT_TYPE) == 0 && !has_other_type(request))
        return TEMPLATE_URL;
    return TEMPLATE_RAW;
}

static int compile_body(struct request *request, struct err *err)
{
    const struct plan_message *message = request->spec.message;

    if (!message->body)
        return 0;
    request->body = template_compile((const char *)message->body, message->body_bytes,
                                     body_mode(request), request->spec.feed, err);
    if (request->body)
        return 0;
    err_prefix(err, "the body");
    return -1;
}

/* Those of the URL, else of the message; NULL: neither has any. The caller frees both. */
static int read_credentials(const struct request *request, char **user, char **password,
                            struct err *err)
{
    const char *text = request->spec.message->auth, *colon;

    if (request->url.userinfo)
        return url_credentials(&request->url, user, password, err);
    *user = *password = NULL;
    if (!text)
        return 0;
    colon = strchr(text, ':');
    *user = x_strndup(text, colon ? (size_t)(colon - text) : strlen(text));
    *password = x_strdup(colon ? colon + 1 : "");
    return 0;
}

static int compile_auth(struct request *request, struct err *err)
{
    const struct feed *feed = request->spec.feed;
    char *user, *password;

    if (read_credentials(request, &user, &password, err) < 0)
        return -1;
    if (!user)
        return 0;
    request->user = template_compile(user, strlen(user), TEMPLATE_HEADER, feed, err);
    if (request->user)
        request->password =
            template_compile(password, strlen(password), TEMPLATE_HEADER, feed, err);
    free(user);
    free(password);
    if (!request->password) {
        err_prefix(err, "the user and password");
        return -1;
    }
    if (!has_header(request, "Authorization"))
        return 0;
    err_set(err, ERR_USAGE, "a user and password exclude a header 'Authorization'");
    return -1;
}

/* Each row's: what cannot be sent shows before the start. */
static int check_auth(const struct request *request, struct err *err)
{
    bool varies = request->user &&
                  (template_has_columns(request->user) || template_has_columns(request->password));
    size_t rows = varies ? feed_row_count(request->spec.feed) : 1;
    struct buf user = {0}, password = {0};
    int result = 0;

    for (size_t row = 0; request->user && row < rows && result == 0; row++) {
        buf_clear(&user);
        buf_clear(&password);
        (void)template_expand(request->user, row, &user);
        (void)template_expand(request->password, row, &password);
        result =
            auth_check(request->spec.message->scheme, buf_text(&user), buf_text(&password), err);
    }
    buf_fini(&user);
    buf_fini(&password);
    return result;
}

static int compile(struct request *request, struct err *err)
{
    const char *text = request->spec.url, *method = request->spec.message->method;

    if (url_parse(text, strlen(text), &request->url, err) < 0)
        return -1;
    request->authority = url_authority(&request->url);
    request->path = template_compile(request->url.target, strlen(request->url.target), TEMPLATE_URL,
                                     request->spec.feed, err);
    if (!request->path) {
        char *name = url_hide_userinfo(text, strlen(text));

        err_prefix(err, "the URL '%s'", name);
        free(name);
        return -1;
    }
    if (!ascii_is_token(method, strlen(method))) {
        err_set(err, ERR_USAGE, "'%s' is no HTTP method", method);
        return -1;
    }
    if (compile_body(request, err) < 0 || compile_headers(request, err) < 0 ||
        compile_auth(request, err) < 0)
        return -1;
    return check_auth(request, err);
}

/* --- writing --- */

static void write_default(const struct request *request, const char *name, const char *value,
                          struct buf *out)
{
    if (!has_header(request, name))
        (void)buf_appendf(out, "%s: %s\r\n", name, value);
}

/* What an EventSource sends (HTML Standard, 9.2.2: Accept; cache mode "no-store"), and who we are.
 */
static void write_defaults(const struct request *request, const struct fetch_hop *hop,
                           struct buf *out)
{
    const struct request_spec *spec = &request->spec;

    if (hop->url) {
        char *authority = url_authority(hop->url);

        (void)buf_appendf(out, "Host: %s\r\n", authority);
        free(authority);
    } else {
        write_default(request, "Host", request->authority, out);
    }
    write_default(request, "User-Agent", "cicada/" CICADA_VERSION, out);
    write_default(request, "Accept", spec->is_for_stream ? "text/event-stream" : "*/*", out);
    if (spec->is_for_stream)
        write_default(request, "Cache-Control", "no-cache", out);
    if (spec->message->wants_compressed)
        write_default(request, "Accept-Encoding", DECODE_ACCEPT_ENCODING, out);
}

static void write_headers(const struct request *request, const struct request_variant *variant,
                          bool has_body, struct buf *out)
{
    const struct fetch_hop *hop = variant->hop;
    const char *cookies = hop->cookies;

    for (size_t i = 0; i < request->header_count; i++) {
        const char *line = request->spec.message->headers.items[i];

        if (!redirect_keeps(&hop->effect, line) ||
            (variant->last_id_bytes > 0 && has_name(line, "last-event-id")) ||
            (hop->authorization && has_name(line, "authorization")) ||
            (has_body && has_name(line, "content-length")))
            continue;
        (void)template_expand(request->headers[i], variant->row, out);
        /* One field for all cookies (RFC 6265, section 5.4). */
        if (cookies && has_name(line, "cookie")) {
            (void)buf_appendf(out, "; %s", cookies);
            cookies = NULL;
        }
        (void)buf_append_text(out, "\r\n");
    }
    if (cookies)
        (void)buf_appendf(out, "Cookie: %s\r\n", cookies);
    if (hop->authorization)
        (void)buf_append_text(out, hop->authorization);
    if (variant->last_id_bytes > 0) {
        (void)buf_append_text(out, "Last-Event-ID: ");
        (void)buf_append(out, variant->last_id, variant->last_id_bytes);
        (void)buf_append_text(out, "\r\n");
    }
}

static const char *content_type_of(const struct request *request)
{
    const struct request_spec *spec = &request->spec;

    return spec->body && spec->body->content_type ? spec->body->content_type
                                                  : spec->message->content_type;
}

/* Fetch Standard, HTTP-network-or-cache fetch: these say that they have no body. */
static bool says_no_body(const char *method)
{
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0;
}

static void write_all(const struct request *request, const struct request_variant *variant,
                      struct buf *out, const struct http_body **stored)
{
    const struct request_spec *spec = &request->spec;
    const struct fetch_hop *hop = variant->hop;
    const struct http_body *file = spec->body ? spec->body->body : NULL;
    bool has_body = (request->body || file) && !hop->effect.is_turned_to_get;
    const char *method = hop->effect.is_turned_to_get ? "GET" : spec->message->method;
    struct buf body = {0};

    (void)buf_appendf(out, "%s ", method);
    if (hop->url)
        (void)buf_append_text(out, hop->url->target);
    else
        (void)template_expand(request->path, variant->row, out);
    (void)buf_append_text(out, " HTTP/1.1\r\n");
    write_defaults(request, hop, out);
    if (has_body && content_type_of(request))
        write_default(request, "Content-Type", content_type_of(request), out);
    write_headers(request, variant, has_body, out);
    if (has_body && request->body)
        (void)template_expand(request->body, variant->row, &body);
    if (has_body)
        (void)buf_appendf(out, "Content-Length: %" PRIu64 "\r\n",
                          request->body ? body.len : http_body_bytes(file));
    else if (says_no_body(method) && !has_header(request, "Content-Length"))
        (void)buf_append_text(out, "Content-Length: 0\r\n");
    (void)buf_append_text(out, "\r\n");
    (void)buf_append(out, body.bytes, body.len);
    buf_fini(&body);
    *stored = has_body && !request->body ? file : NULL;
}

static bool varies(const struct request *request)
{
    bool has_columns = template_has_columns(request->path) ||
                       (request->body && template_has_columns(request->body));

    for (size_t i = 0; i < request->header_count; i++)
        has_columns = has_columns || template_has_columns(request->headers[i]);
    return has_columns || (request->spec.body && request->spec.body->body);
}

/* --- public --- */

struct request *request_new(const struct request_spec *spec, struct err *err)
{
    static const struct fetch_hop plain = {0};
    struct request *request = x_calloc(1, sizeof *request);
    const struct http_body *stored;

    request->spec = *spec;
    if (compile(request, err) < 0) {
        request_free(request);
        return NULL;
    }
    if (!varies(request))
        write_all(request, &(struct request_variant){.hop = &plain}, &request->fixed, &stored);
    return request;
}

void request_free(struct request *request)
{
    if (!request)
        return;
    for (size_t i = 0; i < request->header_count; i++)
        template_free(request->headers[i]);
    free(request->headers);
    buf_fini(&request->fixed);
    template_free(request->password);
    template_free(request->user);
    template_free(request->body);
    template_free(request->path);
    free(request->authority);
    url_fini(&request->url);
    free(request);
}

const struct url *request_url(const struct request *request)
{
    return &request->url;
}

bool request_locate(const struct request *request, size_t row, struct url *url)
{
    struct buf target = {0};

    if (!template_has_columns(request->path))
        return false;
    url_copy(&request->url, url);
    free(url->target);
    (void)template_expand(request->path, row, &target);
    url->target = x_strdup(buf_text(&target));
    buf_fini(&target);
    return true;
}

const char *request_method(const struct request *request)
{
    return request->spec.message->method;
}

bool request_wants_decoding(const struct request *request)
{
    return request->spec.message->wants_compressed || has_header(request, "Accept-Encoding");
}

struct auth *request_make_auth(const struct request *request, size_t row)
{
    struct buf user = {0}, password = {0};
    struct auth *auth;

    if (!request->user)
        return NULL;
    (void)template_expand(request->user, row, &user);
    (void)template_expand(request->password, row, &password);
    auth = auth_new(request->spec.message->scheme, buf_text(&user), buf_text(&password));
    buf_fini(&user);
    buf_fini(&password);
    return auth;
}

void request_write(const struct request *request, const struct request_variant *variant,
                   struct buf *out, const struct http_body **body)
{
    const struct fetch_hop *hop = variant->hop;

    if (request->fixed.len > 0 && !hop->url && !hop->cookies && !hop->authorization &&
        variant->last_id_bytes == 0)
        (void)buf_append(out, request->fixed.bytes, request->fixed.len);
    else
        write_all(request, variant, out, body);
}

/* Of "Authorization: Digest …" who asks; all of any other line but Last-Event-ID. */
static uint64_t add_line(uint64_t key, const uint8_t *line, size_t len)
{
    static const char LAST_ID[] = "last-event-id:", DIGEST[] = "authorization: digest ",
                      USER[] = "username=\"";
    const uint8_t *user, *end;

    if (len >= sizeof LAST_ID - 1 &&
        strncasecmp((const char *)line, LAST_ID, sizeof LAST_ID - 1) == 0)
        return key;
    if (len < sizeof DIGEST - 1 || strncasecmp((const char *)line, DIGEST, sizeof DIGEST - 1) != 0)
        return hash_bytes(line, len, key);
    user = memmem(line, len, USER, sizeof USER - 1);
    if (!user)
        return key;
    user += sizeof USER - 1;
    end = memchr(user, '"', len - (size_t)(user - line));
    return hash_bytes(user, end ? (size_t)(end - user) : len - (size_t)(user - line), key);
}

uint64_t request_key(const uint8_t *bytes, size_t len)
{
    uint64_t key = 0;
    size_t at = 0;

    while (at < len) {
        const uint8_t *end = memchr(bytes + at, '\n', len - at);
        size_t line = end ? (size_t)(end - bytes) - at + 1 : len - at;

        if (line <= 2) /* the end of the head */
            break;
        key = add_line(key, bytes + at, line);
        at += line;
    }
    key = hash_bytes(bytes + at, len - at, key);
    return key != 0 ? key : 1;
}

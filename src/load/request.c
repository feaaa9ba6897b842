#include "load/request.h"

#include "base/mem.h"
#include "load/plan.h"
#include "load/template.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct request_header {
    struct template *line; /* "Name: value" */
    bool is_credential;    /* stays with the origin it was meant for */
};

struct request {
    const struct plan *plan; /* borrowed */
    struct url url;
    struct http_origin origin; /* texts of `url` */
    char *authority;
    struct template *path; /* path and query */
    struct template *body; /* NULL: none */
    struct request_header *headers;
    size_t header_count;
    struct buf fixed; /* the whole request where nothing in it varies; empty otherwise */
};

static bool has_name(const char *line, const char *name)
{
    size_t len = strlen(name);

    return strncasecmp(line, name, len) == 0 && line[len] == ':';
}

static bool plan_has_header(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->header_count; i++) {
        if (has_name(plan->headers[i], name))
            return true;
    }
    return false;
}

/* RFC 9110 section 5.6.2: the characters of a token. */
static bool is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && !strchr("!#$%&'*+-.^_`|~", text[i]))
            return false;
    }
    return len > 0;
}

static int check_header(const char *line, struct err *err)
{
    const char *colon = strchr(line, ':');

    if (!colon || !is_token(line, (size_t)(colon - line))) {
        err_set(err, ERR_USAGE, "the header '%s' is not of the form 'Name: value'", line);
        return -1;
    }
    if (strpbrk(line, "\r\n")) {
        err_set(err, ERR_USAGE, "the header '%.*s' holds a line end", (int)(colon - line), line);
        return -1;
    }
    return 0;
}

static int compile_headers(struct request *request, const struct feed *feed, struct err *err)
{
    const struct plan *plan = request->plan;

    request->headers = x_calloc(plan->header_count, sizeof *request->headers);
    for (size_t i = 0; i < plan->header_count; i++) {
        struct request_header *header = &request->headers[i];
        const char *line = plan->headers[i];

        if (check_header(line, err) < 0)
            return -1;
        header->line = template_compile(line, strlen(line), TEMPLATE_HEADER, feed, err);
        if (!header->line) {
            err_prefix(err, "the header '%s'", line);
            return -1;
        }
        header->is_credential = has_name(line, "authorization") || has_name(line, "cookie");
        request->header_count = i + 1;
    }
    return 0;
}

static int compile(struct request *request, const char *text, const struct feed *feed,
                   struct err *err)
{
    const struct plan *plan = request->plan;

    if (url_parse(text, strlen(text), &request->url, err) < 0)
        return -1;
    if (request->url.scheme != URL_SCHEME_HTTP) {
        err_set(err, ERR_USAGE, "'%s': TLS is not built into this version; use an http:// URL",
                text);
        return -1;
    }
    if (request->url.userinfo) {
        err_set(err, ERR_USAGE,
                "'%s': a user and password in a URL are not supported; use --header "
                "'Authorization: Basic …'",
                text);
        return -1;
    }
    request->origin = (struct http_origin){.host = request->url.host, .port = request->url.port};
    request->authority = url_authority(&request->url);
    request->path =
        template_compile(request->url.target, strlen(request->url.target), TEMPLATE_URL, feed, err);
    if (!request->path) {
        err_prefix(err, "the URL '%s'", text);
        return -1;
    }
    if (!is_token(plan->method, strlen(plan->method))) {
        err_set(err, ERR_USAGE, "'%s' is no HTTP method", plan->method);
        return -1;
    }
    if (plan->body) {
        request->body =
            template_compile((const char *)plan->body, plan->body_bytes, TEMPLATE_RAW, feed, err);
        if (!request->body) {
            err_prefix(err, "the body");
            return -1;
        }
    }
    return compile_headers(request, feed, err);
}

static void write_default(const struct plan *plan, const char *name, const char *value,
                          struct buf *out)
{
    if (!plan_has_header(plan, name))
        (void)buf_appendf(out, "%s: %s\r\n", name, value);
}

/* What an EventSource sends (HTML Standard, 9.2.2: Accept; cache mode "no-store"), and who we are.
 */
static void write_defaults(const struct request *request, const struct request_variant *variant,
                           struct buf *out)
{
    const struct plan *plan = request->plan;

    if (variant->redirect) {
        char *authority = url_authority(variant->redirect);

        (void)buf_appendf(out, "Host: %s\r\n", authority);
        free(authority);
    } else if (!plan_has_header(plan, "Host")) {
        (void)buf_appendf(out, "Host: %s\r\n", request->authority);
    }
    write_default(plan, "User-Agent", "cicada/" CICADA_VERSION, out);
    write_default(plan, "Accept", "text/event-stream", out);
    write_default(plan, "Cache-Control", "no-cache", out);
}

/* Fetch Standard, "request-body-header name"; with the length, which it sets itself. */
static bool describes_body(const char *line)
{
    return has_name(line, "content-encoding") || has_name(line, "content-language") ||
           has_name(line, "content-location") || has_name(line, "content-type") ||
           has_name(line, "content-length");
}

static void write_headers(const struct request *request, const struct request_variant *variant,
                          struct buf *out)
{
    bool is_elsewhere = variant->redirect && !url_same_origin(variant->redirect, &request->url);

    for (size_t i = 0; i < request->header_count; i++) {
        const char *line = request->plan->headers[i];

        if ((is_elsewhere && request->headers[i].is_credential) ||
            (variant->redirect && has_name(line, "host")) ||
            (variant->last_id_bytes > 0 && has_name(line, "last-event-id")) ||
            (request->body && has_name(line, "content-length")) ||
            (variant->is_turned_to_get && describes_body(line)))
            continue;
        (void)template_expand(request->headers[i].line, variant->row, out);
        (void)buf_append_text(out, "\r\n");
    }
    if (variant->last_id_bytes > 0) {
        (void)buf_append_text(out, "Last-Event-ID: ");
        (void)buf_append(out, variant->last_id, variant->last_id_bytes);
        (void)buf_append_text(out, "\r\n");
    }
}

static void write_all(const struct request *request, const struct request_variant *variant,
                      struct buf *out)
{
    const struct plan *plan = request->plan;
    bool has_body = request->body && !variant->is_turned_to_get;
    struct buf body = {0};

    (void)buf_appendf(out, "%s ", variant->is_turned_to_get ? "GET" : plan->method);
    if (variant->redirect)
        (void)buf_append_text(out, variant->redirect->target);
    else
        (void)template_expand(request->path, variant->row, out);
    (void)buf_append_text(out, " HTTP/1.1\r\n");
    write_defaults(request, variant, out);
    if (has_body && plan->content_type && !plan_has_header(plan, "Content-Type"))
        (void)buf_appendf(out, "Content-Type: %s\r\n", plan->content_type);
    write_headers(request, variant, out);
    if (has_body) {
        (void)template_expand(request->body, variant->row, &body);
        (void)buf_appendf(out, "Content-Length: %zu\r\n", body.len);
    }
    (void)buf_append_text(out, "\r\n");
    (void)buf_append(out, body.bytes, body.len);
    buf_fini(&body);
}

static bool varies(const struct request *request)
{
    bool has_columns = template_has_columns(request->path) ||
                       (request->body && template_has_columns(request->body));

    for (size_t i = 0; i < request->header_count; i++)
        has_columns = has_columns || template_has_columns(request->headers[i].line);
    return has_columns;
}

struct request *request_new(const struct plan *plan, size_t index, const struct feed *feed,
                            struct err *err)
{
    struct request *request = x_calloc(1, sizeof *request);

    request->plan = plan;
    if (compile(request, plan->targets[index].url, feed, err) < 0) {
        request_free(request);
        return NULL;
    }
    if (!varies(request))
        write_all(request, &(struct request_variant){0}, &request->fixed);
    return request;
}

void request_free(struct request *request)
{
    if (!request)
        return;
    for (size_t i = 0; i < request->header_count; i++)
        template_free(request->headers[i].line);
    free(request->headers);
    buf_fini(&request->fixed);
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

const struct http_origin *request_origin(const struct request *request)
{
    return &request->origin;
}

bool request_is_for_head(const struct request *request)
{
    return strcasecmp(request->plan->method, "HEAD") == 0;
}

void request_write(const struct request *request, const struct request_variant *variant,
                   struct buf *out)
{
    if (request->fixed.len > 0 && !variant->redirect && variant->last_id_bytes == 0)
        (void)buf_append(out, request->fixed.bytes, request->fixed.len);
    else
        write_all(request, variant, out);
}

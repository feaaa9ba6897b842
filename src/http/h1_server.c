#include "http/h1_server.h"

#include "base/mem.h"
#include "http/server.h"

#include <llhttp.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    /* Chunk lines, extensions and trailers are dropped, but must end some time. */
    ENCODED_BODY_LIMIT_BYTES = 8 * HTTP_SERVER_BODY_LIMIT_BYTES,
    BODY_KEEP_BYTES = 4096,
    STATUS_BAD_REQUEST = 400,
    STATUS_BODY_TOO_LARGE = 413,
    STATUS_HEAD_TOO_LARGE = 431,
    STATUS_NOT_IMPLEMENTED = 501,
    STATUS_VERSION = 505
};

struct h1_request {
    llhttp_t parser;
    struct http_head head;
    struct buf body;
    struct buf target; /* path, NUL, query, NUL */
    size_t head_bytes; /* read so far, with everything that is not kept */
    size_t encoded_bytes;
    size_t query_at; /* 0: none */
    int refusal;     /* the status, once something is wrong */
    bool has_head, is_done, keeps_alive, expects_continue;
};

/* Any value but 0 stops the parser; the first reason stands. */
static int refuse(struct h1_request *request, int status)
{
    if (request->refusal == 0)
        request->refusal = status;
    return -1;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct h1_request *request = parser->data;

    if (http_head_add_target(&request->head, at, len) < 0)
        return refuse(request, STATUS_HEAD_TOO_LARGE);
    return 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t len)
{
    struct h1_request *request = parser->data;

    /* Trailers are read past: nothing here has a use for them. */
    if (!request->has_head && http_head_add_name(&request->head, at, len) < 0)
        return refuse(request, STATUS_HEAD_TOO_LARGE);
    return 0;
}

/* RFC 9112, section 5.1: a blank before the colon is refused, lest others read another name. */
static int on_field_complete(llhttp_t *parser)
{
    struct h1_request *request = parser->data;

    if (request->has_head)
        return 0;
    if (http_head_is_over_count(&request->head))
        return refuse(request, STATUS_HEAD_TOO_LARGE);
    return http_head_name_is_valid(&request->head) ? 0 : refuse(request, STATUS_BAD_REQUEST);
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    struct h1_request *request = parser->data;

    if (!request->has_head && http_head_add_value(&request->head, at, len) < 0)
        return refuse(request, STATUS_HEAD_TOO_LARGE);
    return 0;
}

/* An empty value brings no bytes, yet ends its field. */
static int on_value_complete(llhttp_t *parser)
{
    return on_value(parser, "", 0);
}

static size_t count_fields(const struct http_head *head, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < head->field_count; i++) {
        size_t len;
        const char *found = http_head_name_at(head, i, &len);

        if (len == strlen(name) && strncasecmp(found, name, len) == 0)
            count++;
    }
    return count;
}

static bool value_is(const struct http_head *head, const char *name, const char *value)
{
    size_t len;
    const char *found = http_head_find(head, name, &len);

    return found && len == strlen(value) && strncasecmp(found, value, len) == 0;
}

/* Where the path of an absolute-form target starts (RFC 9112, section 3.2.2). */
static size_t path_start(const char *target, size_t len)
{
    const char *slash;
    size_t authority = 0;

    if (len > 7 && strncasecmp(target, "http://", 7) == 0)
        authority = 7;
    else if (len > 8 && strncasecmp(target, "https://", 8) == 0)
        authority = 8;
    if (authority == 0)
        return 0;
    slash = memchr(target + authority, '/', len - authority);
    return slash ? (size_t)(slash - target) : len;
}

static void split_target(struct h1_request *request)
{
    const struct http_head *head = &request->head;
    size_t len = head->target_bytes;
    const char *target = len > 0 ? (const char *)head->text.bytes + head->target_at : "";
    size_t start = path_start(target, len);
    const char *mark;

    target += start;
    len -= start;
    mark = memchr(target, '#', len);
    if (mark)
        len = (size_t)(mark - target);
    mark = memchr(target, '?', len);
    buf_clear(&request->target);
    if (len == 0)
        (void)buf_append_byte(&request->target, '/');
    (void)buf_append(&request->target, target, mark ? (size_t)(mark - target) : len);
    (void)buf_append_byte(&request->target, '\0');
    request->query_at = 0;
    if (mark) {
        request->query_at = request->target.len;
        (void)buf_append(&request->target, mark + 1, len - (size_t)(mark + 1 - target));
        (void)buf_append_byte(&request->target, '\0');
    }
}

static int on_head(llhttp_t *parser)
{
    struct h1_request *request = parser->data;

    request->has_head = true;
    request->head.method = parser->method;
    request->head.http_minor = parser->http_minor;
    if (parser->http_major != 1)
        return refuse(request, STATUS_VERSION);
    if (parser->method == HTTP_CONNECT)
        return refuse(request, STATUS_NOT_IMPLEMENTED);
    /* RFC 9112, section 3.2: exactly one Host. */
    if (parser->http_minor > 0 && count_fields(&request->head, "host") != 1)
        return refuse(request, STATUS_BAD_REQUEST);
    if ((parser->flags & F_CONTENT_LENGTH) && parser->content_length > HTTP_SERVER_BODY_LIMIT_BYTES)
        return refuse(request, STATUS_BODY_TOO_LARGE);
    request->expects_continue = parser->http_minor > 0 &&
                                value_is(&request->head, "expect", "100-continue") &&
                                ((parser->flags & F_CHUNKED) || parser->content_length > 0);
    /* An offer to upgrade may be ignored (RFC 9110, section 7.8), and is. */
    parser->upgrade = 0;
    split_target(request);
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct h1_request *request = parser->data;

    if (buf_append(&request->body, at, len) < 0)
        return refuse(request, STATUS_BODY_TOO_LARGE);
    return 0;
}

static int on_message(llhttp_t *parser)
{
    struct h1_request *request = parser->data;

    request->is_done = true;
    request->keeps_alive = llhttp_should_keep_alive(parser) != 0;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_field_complete = on_field_complete,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_message,
};

struct h1_request *h1_request_new(void)
{
    struct h1_request *request = x_calloc(1, sizeof *request);

    http_head_init(&request->head);
    buf_init(&request->body, HTTP_SERVER_BODY_LIMIT_BYTES);
    h1_request_reset(request);
    return request;
}

void h1_request_free(struct h1_request *request)
{
    if (!request)
        return;
    http_head_fini(&request->head);
    buf_fini(&request->body);
    buf_fini(&request->target);
    free(request);
}

void h1_request_reset(struct h1_request *request)
{
    struct http_head head = request->head;
    struct buf body = request->body, target = request->target;

    http_head_clear(&head);
    buf_clear(&body);
    if (body.cap > BODY_KEEP_BYTES)
        buf_fini(&body);
    *request = (struct h1_request){.head = head, .body = body, .target = target};
    llhttp_init(&request->parser, HTTP_REQUEST, &settings);
    request->parser.data = request;
}

/* How many of `len` bytes may go to the parser before a limit is reached. */
static size_t allowed(const struct h1_request *request, size_t len)
{
    size_t limit = request->has_head ? (size_t)ENCODED_BODY_LIMIT_BYTES - request->encoded_bytes
                                     : (size_t)HTTP_HEAD_LIMIT_BYTES - request->head_bytes;

    return len < limit ? len : limit;
}

static enum h1_request_status judge(struct h1_request *request, llhttp_errno_t error)
{
    if (request->is_done)
        return H1_REQUEST_DONE;
    if (error == HPE_OK && request->refusal == 0)
        return H1_REQUEST_MORE;
    if (error == HPE_PAUSED_H2_UPGRADE || error == HPE_INVALID_VERSION)
        (void)refuse(request, STATUS_VERSION);
    else if (error == HPE_INVALID_METHOD)
        (void)refuse(request, STATUS_NOT_IMPLEMENTED);
    else
        (void)refuse(request, STATUS_BAD_REQUEST);
    return H1_REQUEST_BAD;
}

enum h1_request_status h1_request_feed(struct h1_request *request, const uint8_t *bytes, size_t len,
                                       size_t *used)
{
    enum h1_request_status status = H1_REQUEST_MORE;

    *used = 0;
    while (*used < len && status == H1_REQUEST_MORE) {
        size_t slice = allowed(request, len - *used);
        bool had_head = request->has_head;
        const char *at = (const char *)bytes + *used;
        llhttp_errno_t error;

        if (slice == 0) {
            (void)refuse(request, had_head ? STATUS_BODY_TOO_LARGE : STATUS_HEAD_TOO_LARGE);
            return H1_REQUEST_BAD;
        }
        error = llhttp_execute(&request->parser, at, slice);
        status = judge(request, error);
        if (status == H1_REQUEST_DONE)
            slice = (size_t)(llhttp_get_error_pos(&request->parser) - at);
        if (had_head)
            request->encoded_bytes += slice;
        else
            request->head_bytes += slice;
        *used += slice;
    }
    return status;
}

bool h1_request_has_begun(const struct h1_request *request)
{
    return request->head_bytes > 0;
}

bool h1_request_take_expectation(struct h1_request *request)
{
    bool expects = request->expects_continue && !request->is_done && request->body.len == 0;

    request->expects_continue = false;
    return expects;
}

int h1_request_refusal(const struct h1_request *request)
{
    assert(request->refusal != 0);
    return request->refusal;
}

const struct http_head *h1_request_head(const struct h1_request *request)
{
    return &request->head;
}

const char *h1_request_method(const struct h1_request *request)
{
    return llhttp_method_name((llhttp_method_t)request->head.method);
}

const char *h1_request_path(const struct h1_request *request)
{
    return (const char *)request->target.bytes;
}

const char *h1_request_query(const struct h1_request *request)
{
    return request->query_at > 0 ? (const char *)request->target.bytes + request->query_at : NULL;
}

const uint8_t *h1_request_body(const struct h1_request *request, size_t *len)
{
    *len = request->body.len;
    return request->body.bytes;
}

bool h1_request_keeps_alive(const struct h1_request *request)
{
    return request->keeps_alive;
}

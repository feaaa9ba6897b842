#include "http/h1_client.h"

#include <llhttp.h>
#include <string.h>
#include <strings.h>

_Static_assert(sizeof(llhttp_t) <= sizeof(uint64_t) * H1_PARSER_WORDS, "llhttp's state fits");
_Static_assert(sizeof(struct h1_response) <= 144, "exists once a connection");

static llhttp_t *parser_of(struct h1_response *response)
{
    return (llhttp_t *)(void *)response->parser;
}

static struct h1_response *response_of(llhttp_t *parser)
{
    return (struct h1_response *)(void *)parser; /* its first member */
}

/* Makes the parser stop; h1_response_feed then reports what is noted here. */
static int refuse(struct h1_response *response, enum error_class error_class, const char *reason)
{
    response->error_class = (uint8_t)error_class;
    response->reason = reason;
    return HPE_USER;
}

static int on_status(llhttp_t *parser, const char *at, size_t len)
{
    struct h1_response *response = response_of(parser);

    if (!response->head || http_head_add_target(response->head, at, len) == 0)
        return 0;
    return refuse(response, CLASS_TOO_LARGE, "a response head over the limit");
}

static int on_field(llhttp_t *parser, const char *at, size_t len)
{
    struct h1_response *response = response_of(parser);

    response->has_name = response->has_name || len > 0;
    if (!response->head) /* a trailer: bounded with its chunk line, not kept */
        return 0;
    if (http_head_add_name(response->head, at, len) == 0)
        return 0;
    return refuse(response, CLASS_TOO_LARGE, "a response head over the limit");
}

static int on_field_complete(llhttp_t *parser)
{
    struct h1_response *response = response_of(parser);
    bool has_name = response->has_name;

    response->has_name = false;
    if (response->head && http_head_is_over_count(response->head))
        return refuse(response, CLASS_TOO_LARGE, "more header fields than the limit");
    return has_name ? 0 : refuse(response, CLASS_HTTP_PROTOCOL, "a header field without a name");
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    struct h1_response *response = response_of(parser);

    if (!response->head || http_head_add_value(response->head, at, len) == 0)
        return 0;
    return refuse(response, CLASS_TOO_LARGE, "a response head over the limit");
}

/* The only transfer coding that may come unasked (RFC 9112 section 7). */
static bool has_other_transfer_coding(const struct http_head *head)
{
    size_t len = 0;
    const char *value = http_head_find(head, "transfer-encoding", &len);

    return value && (len != 7 || strncasecmp(value, "chunked", 7) != 0);
}

/* Pauses, so that h1_response_feed learns where the head ends; it hands the head on. */
static int on_headers_complete(llhttp_t *parser)
{
    struct h1_response *response = response_of(parser);

    if (parser->status_code == 101)
        return refuse(response, CLASS_HTTP_PROTOCOL, "the server switched protocols unasked");
    if (parser->status_code / 100 == 1)
        return 1; /* no body, whatever its fields say; the parser would look for one */
    if (has_other_transfer_coding(response->head))
        return refuse(response, CLASS_HTTP_PROTOCOL, "a transfer coding that nobody asked for");
    response->head->status = parser->status_code;
    response->head->http_minor = parser->http_minor;
    /* RFC 9112 section 6.3, rule 1. */
    if (response->is_bodiless || parser->status_code == 204 || parser->status_code == 304)
        parser->flags |= F_SKIPBODY;
    return HPE_PAUSED;
}

/* The bytes up to `at` that were no body: of the head, or behind the last body byte. */
static size_t overhead_at(const struct h1_response *response, const char *at)
{
    return response->overhead_bytes + (size_t)(at - response->mark);
}

static size_t overhead_limit(const struct h1_response *response)
{
    return response->head ? HTTP_HEAD_LIMIT_BYTES : HTTP_CHUNK_LINE_LIMIT_BYTES;
}

static int refuse_overhead(struct h1_response *response)
{
    return refuse(response, CLASS_TOO_LARGE,
                  response->head ? "a response head over the limit"
                                 : "a chunk line or trailer over the limit");
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct h1_response *response = response_of(parser);

    if (overhead_at(response, at) > overhead_limit(response))
        return refuse_overhead(response);
    response->overhead_bytes = 0;
    response->mark = at + len;
    response->is_stopped = !response->handlers->on_body(response, (const uint8_t *)at, len);
    return response->is_stopped ? HPE_USER : 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct h1_response *response = response_of(parser);

    if (response->head) { /* a 1xx: the real one is to come */
        http_head_clear(response->head);
        return 0;
    }
    response->is_complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_status = on_status,
    .on_header_field = on_field,
    .on_header_field_complete = on_field_complete,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void h1_response_init(struct h1_response *response, const struct h1_handlers *handlers,
                      struct http_head *head, bool is_answer_to_head)
{
    *response =
        (struct h1_response){.handlers = handlers, .head = head, .is_bodiless = is_answer_to_head};
    llhttp_init(parser_of(response), HTTP_RESPONSE, &settings);
}

static enum h1_status fail(struct h1_response *response, enum error_class error_class,
                           const char *reason)
{
    (void)refuse(response, error_class, reason);
    return H1_FAILED;
}

/* Hands on the head, which ends at `end`. */
static enum h1_status end_head(struct h1_response *response, const char *end)
{
    const struct http_head *head = response->head;

    response->head = NULL;
    response->overhead_bytes = 0;
    response->mark = end;
    response->is_stopped = !response->handlers->on_head(response, head);
    return response->is_stopped ? H1_STOPPED : H1_MORE;
}

/*
 * The parser stopped at `at` for `result`. An end is judged by the byte before it, so that the
 * answer is the same however the bytes were cut: a limit is passed by a byte that ends nothing.
 */
static enum h1_status judge(struct h1_response *response, enum llhttp_errno result, const char *at)
{
    bool is_end = result == HPE_PAUSED;

    if (response->is_stopped)
        return H1_STOPPED;
    if (response->error_class != CLASS_NONE)
        return H1_FAILED;
    if (overhead_at(response, at) > overhead_limit(response) + is_end) {
        (void)refuse_overhead(response);
        return H1_FAILED;
    }
    if (result == HPE_OK) {
        response->overhead_bytes = (uint32_t)overhead_at(response, at);
        response->reason = NULL;
        return H1_MORE;
    }
    if (!is_end)
        return fail(response, CLASS_HTTP_PROTOCOL, llhttp_get_error_reason(parser_of(response)));
    return response->is_complete ? H1_COMPLETE : end_head(response, at);
}

enum h1_status h1_response_feed(struct h1_response *response, const uint8_t *bytes, size_t len,
                                size_t *used)
{
    llhttp_t *parser = parser_of(response);
    const char *at = (const char *)bytes, *end = at + len;

    response->has_bytes = response->has_bytes || len > 0;
    response->mark = at;
    for (;;) {
        enum llhttp_errno result = llhttp_execute(parser, at, (size_t)(end - at));
        enum h1_status status;

        at = result == HPE_OK ? end : llhttp_get_error_pos(parser);
        status = judge(response, result, at);
        if (status == H1_COMPLETE)
            *used = (size_t)(at - (const char *)bytes);
        if (status != H1_MORE || result == HPE_OK)
            return status;
        llhttp_resume(parser); /* the head was handed on; the body follows */
    }
}

enum h1_status h1_response_finish(struct h1_response *response)
{
    enum llhttp_errno result;

    if (response->head)
        return fail(response, CLASS_CLOSED_EARLY,
                    response->has_bytes ? "closed inside the response head"
                                        : "closed without a byte of a response");
    result = llhttp_finish(parser_of(response));
    if (result == HPE_OK || result == HPE_PAUSED)
        return H1_COMPLETE;
    return fail(response, CLASS_CLOSED_EARLY, "closed before the end of the body");
}

bool h1_response_keeps_alive(const struct h1_response *response)
{
    llhttp_t copy;

    (void)memcpy(&copy, response->parser, sizeof copy);
    return llhttp_should_keep_alive(&copy) && !llhttp_message_needs_eof(&copy);
}

bool h1_response_awaits_head(const struct h1_response *response)
{
    return response->head != NULL;
}

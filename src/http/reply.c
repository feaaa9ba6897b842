#include "http/reply.h"

const char *reply_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        if (phrases[i].status == status)
            return phrases[i].phrase;
    }
    return "Status";
}

void reply_append_head(struct buf *out, const struct reply_head *head)
{
    (void)buf_appendf(out, "HTTP/1.1 %d %s\r\n", head->status, reply_phrase(head->status));
    if (head->content_type)
        (void)buf_appendf(out, "Content-Type: %s\r\n", head->content_type);
    switch (head->body) {
    case REPLY_BODY_KNOWN:
        (void)buf_appendf(out, "Content-Length: %zu\r\n", head->body_bytes);
        break;
    case REPLY_BODY_CHUNKED:
        (void)buf_append_text(out, "Transfer-Encoding: chunked\r\n");
        break;
    case REPLY_BODY_NONE:
    case REPLY_BODY_UNTIL_CLOSE:
        break;
    }
    if (head->closes)
        (void)buf_append_text(out, "Connection: close\r\n");
    else if (head->says_keep_alive)
        (void)buf_append_text(out, "Connection: keep-alive\r\n");
    if (head->headers)
        (void)buf_append_text(out, head->headers);
    (void)buf_append_text(out, "\r\n");
}

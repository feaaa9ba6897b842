#include "base/error_class.h"

#include <string.h>

static const char *const names[CLASS_COUNT] = {
    [CLASS_NONE] = "none",
    [CLASS_DNS] = "dns",
    [CLASS_UNREACHABLE] = "unreachable",
    [CLASS_CONNECT_REFUSED] = "connect_refused",
    [CLASS_CONNECT_TIMEOUT] = "connect_timeout",
    [CLASS_TLS] = "tls",
    [CLASS_PROXY] = "proxy",
    [CLASS_TIMEOUT_HEADERS] = "timeout_headers",
    [CLASS_TIMEOUT_READ] = "timeout_read",
    [CLASS_STATUS_2XX] = "status_2xx",
    [CLASS_STATUS_3XX] = "status_3xx",
    [CLASS_STATUS_4XX] = "status_4xx",
    [CLASS_STATUS_5XX] = "status_5xx",
    [CLASS_CONTENT_TYPE] = "content_type",
    [CLASS_HTTP_PROTOCOL] = "http_protocol",
    [CLASS_DECODE] = "decode",
    [CLASS_TOO_LARGE] = "too_large",
    [CLASS_CLOSED_EARLY] = "closed_early",
    [CLASS_RESET] = "reset",
    [CLASS_CLOSED] = "closed",
    [CLASS_LOCAL_LIMIT] = "local_limit",
    [CLASS_SCRIPT] = "script",
};

const char *error_class_name(enum error_class error_class)
{
    return error_class < CLASS_COUNT ? names[error_class] : "none";
}

enum error_class error_class_find(const char *name)
{
    int error_class = 0;

    while (error_class < CLASS_COUNT && strcmp(names[error_class], name) != 0)
        error_class++;
    return (enum error_class)error_class;
}

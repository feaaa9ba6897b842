/*
 * base/error_class.h - why a stream or request failed or ended: the closed list for every report.
 *
 * Each class keeps its name for ever; the status or errno goes into the message beside it.
 */
#ifndef CICADA_BASE_ERROR_CLASS_H
#define CICADA_BASE_ERROR_CLASS_H

enum error_class {
    CLASS_NONE = 0,
    CLASS_DNS,             /* the name did not resolve */
    CLASS_UNREACHABLE,     /* no route to the host or network */
    CLASS_CONNECT_REFUSED, /* RST to the SYN, or no such socket file */
    CLASS_CONNECT_TIMEOUT, /* no connection within --connect-timeout */
    CLASS_TLS,
    CLASS_PROXY,
    CLASS_TIMEOUT_HEADERS, /* no complete response head within --headers-timeout */
    CLASS_TIMEOUT_READ,    /* silence longer than --read-timeout */
    CLASS_STATUS_2XX,      /* any 2xx but 200 and 204 */
    CLASS_STATUS_3XX,
    CLASS_STATUS_4XX,
    CLASS_STATUS_5XX,
    CLASS_CONTENT_TYPE,  /* 200, but not text/event-stream */
    CLASS_HTTP_PROTOCOL, /* what came is not HTTP, or breaks its framing */
    CLASS_DECODE,
    CLASS_TOO_LARGE,    /* a head, header count, chunk line, SSE line or event over its limit */
    CLASS_CLOSED_EARLY, /* end inside the head or Content-Length, without the last chunk, or of a
                           stream in front of its end mark */
    CLASS_RESET,        /* connection reset by the peer */
    CLASS_CLOSED,       /* the server ended a complete response */
    CLASS_LOCAL_LIMIT,  /* our own end of files, ports, memory or pool */
    CLASS_SCRIPT,
    CLASS_COUNT
};

/* "connect_refused"; "none" for CLASS_NONE. */
const char *error_class_name(enum error_class error_class);
/* CLASS_COUNT when unknown. */
enum error_class error_class_find(const char *name);

#endif

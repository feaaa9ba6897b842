#include "bare.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

const char BARE_REQUEST[] = "GET /events HTTP/1.1\r\n"
                            "Host: 127.0.0.1\r\n"
                            "Accept: text/event-stream\r\n"
                            "Cache-Control: no-store\r\n\r\n";
const char BARE_HEAD[] = "HTTP/1.1 200 OK\r\n"
                         "Content-Type: text/event-stream\r\n"
                         "Cache-Control: no-store\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n";

static void append(struct bare_payload *payload, const char *text, size_t len)
{
    if (len > sizeof payload->bytes - payload->len)
        bare_die("a payload of more than %zu bytes", sizeof payload->bytes);
    memcpy(payload->bytes + payload->len, text, len);
    payload->len += len;
}

static void append_chunk_line(struct bare_payload *payload, size_t chunk_bytes)
{
    char line[24];

    append(payload, line, (size_t)snprintf(line, sizeof line, "%zx\r\n", chunk_bytes));
}

static void append_event(struct bare_payload *payload, size_t event_bytes)
{
    static const char id[] = "id: ", data[] = "\ndata: ", end[] = "\n\n";
    size_t fixed = strlen(id) + BARE_ID_DIGITS + strlen(data) + strlen(end);

    append(payload, id, strlen(id));
    payload->id_offsets[payload->events_count++] = payload->len;
    append(payload, "00000000", BARE_ID_DIGITS);
    append(payload, data, strlen(data));
    payload->data_offsets[payload->events_count - 1] = payload->len;
    for (size_t i = fixed; i < event_bytes; i++)
        append(payload, &"abcdefghijklmnopqrstuvwxyz"[i % 26], 1);
    append(payload, end, strlen(end));
}

void bare_payload_build(struct bare_payload *payload, size_t event_bytes, size_t batch,
                        bool one_chunk_each)
{
    payload->len = 0;
    payload->events_count = 0;
    if (!one_chunk_each)
        append_chunk_line(payload, event_bytes * batch);
    for (size_t i = 0; i < batch; i++) {
        if (one_chunk_each)
            append_chunk_line(payload, event_bytes);
        append_event(payload, event_bytes);
        if (one_chunk_each)
            append(payload, "\r\n", 2);
    }
    if (!one_chunk_each)
        append(payload, "\r\n", 2);
}

static void write_digits(char *place, size_t digits_count, uint64_t value)
{
    for (char *digit = place + digits_count; digit > place; value /= 10)
        *--digit = (char)('0' + value % 10);
}

void bare_payload_number(struct bare_payload *payload, uint64_t first)
{
    for (size_t i = 0; i < payload->events_count; i++)
        write_digits(payload->bytes + payload->id_offsets[i], BARE_ID_DIGITS,
                     BARE_ID_FIRST + first + i);
}

void bare_payload_stamp(struct bare_payload *payload, uint64_t now_ns)
{
    for (size_t i = 0; i < payload->events_count; i++)
        write_digits(payload->bytes + payload->data_offsets[i], BARE_STAMP_DIGITS, now_ns);
}

uint64_t bare_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t timeval_ns(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_usec * 1000;
}

uint64_t bare_cpu_ns(void)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_SELF, &usage);
    return timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
}

void bare_die(const char *format, ...)
{
    va_list args;

    (void)fputs("bare: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit(1);
}

uint64_t bare_parse_uint(const char *option, const char *text, uint64_t max)
{
    char *end = NULL;
    uint64_t value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || value > max)
        bare_die("--%s '%s' is not a whole number up to %llu", option, text,
                 (unsigned long long)max);
    return value;
}

size_t bare_raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        bare_die("cannot read the limit of open files: %s", strerror(errno));
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        bare_die("cannot raise the limit of open files: %s", strerror(errno));
    return (size_t)limit.rlim_cur;
}

int bare_socket_open(uint64_t index, uint64_t sources, int flags)
{
    struct sockaddr_in source = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    if (fd < 0)
        bare_die("cannot open a socket: %s", strerror(errno));
    if (sources == 0)
        return fd;
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(index % sources));
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int)) < 0 ||
        bind(fd, (const struct sockaddr *)&source, sizeof source) < 0)
        bare_die("cannot bind a source address: %s", strerror(errno));
    return fd;
}

int bare_socket_connect(int fd, uint16_t port)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(port)};

    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(fd, (const struct sockaddr *)&peer, sizeof peer);
}

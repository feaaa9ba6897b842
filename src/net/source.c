#include "net/source.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SOURCE_PORTS_DEFAULT = 28232 }; /* 32768 to 60999 */

struct source_pool {
    struct address *items; /* owned */
    size_t count;
    size_t next;
};

/* The big-endian bytes that identify the host, and how many there are. */
static uint8_t *host_bytes(struct address *address, size_t *len)
{
    if (address->as.any.sa_family == AF_INET) {
        *len = 4;
        return (uint8_t *)&address->as.v4.sin_addr;
    }
    *len = 16;
    return address->as.v6.sin6_addr.s6_addr;
}

/* Adds `offset` to the last four bytes, which is all that a range of SOURCE_LIMIT addresses needs.
 */
static struct address address_at(const struct address *base, uint32_t offset)
{
    struct address address = *base;
    size_t len;
    uint8_t *bytes = host_bytes(&address, &len);
    uint32_t low;

    (void)memcpy(&low, bytes + len - 4, 4);
    low = htonl(ntohl(low) + offset);
    (void)memcpy(bytes + len - 4, &low, 4);
    return address;
}

static void clear_host_bits(struct address *address, unsigned prefix_bits)
{
    size_t len;
    uint8_t *bytes = host_bytes(address, &len);

    for (size_t bit = prefix_bits; bit < len * 8; bit++)
        bytes[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
}

/* UINT_MAX when it is no number of one to three digits. */
static unsigned read_prefix_bits(const char *text)
{
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len > 3 || text[len] != '\0')
        return UINT_MAX;
    return (unsigned)strtoul(text, NULL, 10);
}

static int add_range(struct source_pool *pool, const char *text, struct err *err)
{
    char host[INET6_ADDRSTRLEN + 1];
    const char *slash = strchr(text, '/');
    size_t host_len = slash ? (size_t)(slash - text) : strlen(text);
    unsigned width, prefix_bits;
    uint32_t first = 0, count;
    struct address base;

    if (host_len < sizeof host)
        (void)snprintf(host, sizeof host, "%.*s", (int)host_len, text);
    if (host_len >= sizeof host || address_parse(host, 0, &base) < 0) {
        err_set(err, ERR_USAGE, "'%s' is no address or CIDR range such as 127.0.0.0/28", text);
        return -1;
    }
    width = base.as.any.sa_family == AF_INET ? 32 : 128;
    prefix_bits = slash ? read_prefix_bits(slash + 1) : width;
    if (prefix_bits > width) {
        err_set(err, ERR_USAGE, "'%s': the prefix length is a number from 0 to %u", text, width);
        return -1;
    }
    if (width - prefix_bits > 16) {
        err_set(err, ERR_USAGE, "'%s' holds more than %d addresses; take a smaller range", text,
                SOURCE_LIMIT);
        return -1;
    }
    count = 1u << (width - prefix_bits);
    if (slash)
        clear_host_bits(&base, prefix_bits);
    if (width == 32 && count > 2) {
        first = 1;
        count -= 2;
    }
    pool->items = x_realloc(pool->items, (pool->count + count) * sizeof *pool->items);
    for (uint32_t i = 0; i < count; i++)
        pool->items[pool->count++] = address_at(&base, first + i);
    return 0;
}

struct source_pool *source_pool_new(const char *text, struct err *err)
{
    struct source_pool *pool = x_calloc(1, sizeof *pool);
    char *copy = x_strdup(text), *rest = copy;
    int result = 0;

    while (rest && result == 0) {
        char *part = strsep(&rest, ",");

        result = add_range(pool, part, err);
        if (result == 0 && pool->count > SOURCE_LIMIT) {
            err_set(err, ERR_LIMIT, "'%s' holds more than %d addresses", text, SOURCE_LIMIT);
            result = -1;
        }
    }
    free(copy);
    if (result < 0) {
        source_pool_free(pool);
        return NULL;
    }
    return pool;
}

void source_pool_free(struct source_pool *pool)
{
    if (!pool)
        return;
    free(pool->items);
    free(pool);
}

size_t source_pool_count(const struct source_pool *pool)
{
    return pool->count;
}

const struct address *source_pool_next(struct source_pool *pool, int family)
{
    if (!pool)
        return NULL;
    for (size_t tried = 0; tried < pool->count; tried++) {
        const struct address *item = &pool->items[pool->next++ % pool->count];

        if (item->as.any.sa_family == family)
            return item;
    }
    return NULL;
}

int source_pool_check(const struct source_pool *pool, struct err *err)
{
    const struct address *first = &pool->items[0];
    char text[TCP_ADDRESS_TEXT_BYTES];
    int result, error_number;
    int fd = socket(first->as.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    result = fd < 0 ? -1 : bind(fd, &first->as.any, first->len);
    error_number = errno;
    if (fd >= 0)
        (void)close(fd);
    if (result < 0)
        err_set(err, ERR_SYSTEM, "cannot send from %s: %s", address_format(first, text),
                strerror(error_number));
    return result;
}

size_t source_port_count(void)
{
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    unsigned low, high;
    size_t count = SOURCE_PORTS_DEFAULT;

    if (!file)
        return count;
    if (fscanf(file, "%u %u", &low, &high) == 2 && high >= low)
        count = high - low + 1;
    (void)fclose(file);
    return count;
}

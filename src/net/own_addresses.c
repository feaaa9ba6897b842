#include "net/own_addresses.h"

#include "base/mem.h"

#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

struct own_addresses {
    struct ifaddrs *list; /* NULL: the system does not tell */
};

struct own_addresses *own_addresses_new(void)
{
    struct own_addresses *own = x_calloc(1, sizeof *own);

    if (getifaddrs(&own->list) < 0)
        own->list = NULL;
    return own;
}

void own_addresses_free(struct own_addresses *own)
{
    if (!own)
        return;
    if (own->list)
        freeifaddrs(own->list);
    free(own);
}

/* An IPv4 address inside an IPv6 one (RFC 4291, section 2.5.5.2) is taken out of it. */
static struct address unmap(const struct address *address)
{
    const struct in6_addr *v6 = &address->as.v6.sin6_addr;
    struct address plain = {.len = sizeof plain.as.v4};

    if (address->as.any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(v6))
        return *address;
    plain.as.v4.sin_family = AF_INET;
    (void)memcpy(&plain.as.v4.sin_addr, v6->s6_addr + 12, sizeof plain.as.v4.sin_addr);
    return plain;
}

/* The ports do not matter. */
static bool is_same_host(const struct address *address, const struct sockaddr *own)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (!own || own->sa_family != address->as.any.sa_family)
        return false;
    if (own->sa_family == AF_INET) {
        (void)memcpy(&v4, own, sizeof v4);
        return v4.sin_addr.s_addr == address->as.v4.sin_addr.s_addr;
    }
    (void)memcpy(&v6, own, sizeof v6);
    return memcmp(&v6.sin6_addr, &address->as.v6.sin6_addr, sizeof v6.sin6_addr) == 0;
}

bool own_addresses_has(const struct own_addresses *own, const struct address *address)
{
    struct address plain = unmap(address);

    if (address_is_loopback(&plain))
        return true;
    for (const struct ifaddrs *at = own->list; at; at = at->ifa_next) {
        if (is_same_host(&plain, at->ifa_addr))
            return true;
    }
    return false;
}

/*
 * net/own_addresses.h - is the other end of a connection this machine itself?
 */
#ifndef CICADA_NET_OWN_ADDRESSES_H
#define CICADA_NET_OWN_ADDRESSES_H

#include "net/tcp.h"

#include <stdbool.h>

struct own_addresses;

/* The addresses of all interfaces as they are now. The caller owns the result. */
struct own_addresses *own_addresses_new(void);
void own_addresses_free(struct own_addresses *own);
/* Loopback, a Unix socket, or an address of one of our interfaces. A tunnel or a proxy on this
 * machine is one too, whatever stands behind it. */
bool own_addresses_has(const struct own_addresses *own, const struct address *address);

#endif

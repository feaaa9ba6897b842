/*
 * net/route.h - where connections really go: curl's `--resolve` and `--connect-to`.
 *
 * Follows curl 7.88, by trial. What curl takes and can never match (a host that is empty, port 0)
 * or reads in part (`[::1]x`, blanks and signs in front of a port) is refused here. IPv6 literals
 * compare by value, other hosts without case; a final dot counts, as for curl.
 *
 * Entries are searched one by one for every connection. NULL stands for a table without entries
 * wherever a `const struct route_table *` is taken.
 */
#ifndef CICADA_NET_ROUTE_H
#define CICADA_NET_ROUTE_H

#include "base/err.h"
#include "net/resolver.h"

#include <stdint.h>

enum {
    ROUTE_ENTRY_LIMIT = 1000, /* of each of the two kinds */
    ROUTE_ADDRESS_LIMIT = 64, /* of one --resolve */
    ROUTE_HOST_LIMIT_BYTES = 253
};

struct route_table;

/* The caller owns the result. */
struct route_table *route_table_new(void);
/* Dials under way keep the addresses they use. */
void route_table_free(struct route_table *table);

/*
 * "HOST:PORT:ADDRESS[,ADDRESS]..." as curl --resolve. The host "*" stands for every host that has
 * no entry of its own with this port. A "+" in front is ignored, IPv6 addresses may stand in
 * brackets, empty addresses are skipped; a second entry for a host and port replaces the first. A
 * host in brackets, which curl refuses, is an IPv6 literal. Removal ("-HOST:PORT") is refused:
 * there is no cache to remove from. -1 with a sentence; the table is then as it was.
 */
int route_add_resolve(struct route_table *table, const char *text, struct err *err);
/*
 * "HOST1:PORT1:HOST2:PORT2" as curl --connect-to; IPv6 literals in brackets. An empty HOST1 or
 * PORT1 matches any, an empty HOST2 or PORT2 keeps what it is; the last colon may be missing. An
 * entry that keeps both does nothing, so that later ones apply. -1 with a sentence; the table is
 * then as it was.
 */
int route_add_connect_to(struct route_table *table, const char *text, struct err *err);

/*
 * Where a connection to `host` (no brackets) and `port` goes by the first --connect-to that
 * matches; it is not looked up again. `*to_host` is borrowed from the table or is `host`.
 */
void route_connect_to(const struct route_table *table, const char *host, uint16_t port,
                      const char **to_host, uint16_t *to_port);
/* The addresses that --resolve gives for this host and port, never an empty list; NULL: ask the
 * resolver. Borrowed from the table. */
struct address_list *route_find_addresses(const struct route_table *table, const char *host,
                                          uint16_t port);

/*
 * Both, then resolver_resolve_now where they leave a name: blocking, for the command line before
 * the start. The caller drops the result; NULL with a sentence on failure.
 */
struct address_list *route_resolve_now(const struct route_table *table, const char *host,
                                       uint16_t port, uint64_t timeout_ns, struct err *err);

#endif

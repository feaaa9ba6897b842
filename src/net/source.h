/*
 * net/source.h - the local addresses that connections leave from: `--local-address CIDR`.
 *
 * One source address has about 28,000 ports towards one destination; a range of them lifts that.
 */
#ifndef CICADA_NET_SOURCE_H
#define CICADA_NET_SOURCE_H

#include "base/err.h"
#include "net/tcp.h"

#include <stddef.h>

enum { SOURCE_LIMIT = 65536 };

struct source_pool;

/*
 * "127.0.0.0/28", "10.1.2.3", "fd00::/120", or several joined by commas. Of an IPv4 range with more
 * than two addresses the first and last (network and broadcast) are left out. NULL with a sentence.
 * The caller owns the result.
 */
struct source_pool *source_pool_new(const char *text, struct err *err);
void source_pool_free(struct source_pool *pool);
size_t source_pool_count(const struct source_pool *pool);
/* The next address of `family` in turn; NULL when the pool is NULL or has none of it. Borrowed. */
const struct address *source_pool_next(struct source_pool *pool, int family);
/* 0 when an address of the pool can be bound on this machine, else -1 with a sentence. */
int source_pool_check(const struct source_pool *pool, struct err *err);
/* Local ports that the kernel gives to one source and destination address. */
size_t source_port_count(void);

#endif

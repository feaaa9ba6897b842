/*
 * net/resolver.h - names to addresses without blocking, on c-ares; answers are kept for their TTL
 * and questions for one name under way are asked once.
 */
#ifndef CICADA_NET_RESOLVER_H
#define CICADA_NET_RESOLVER_H

#include "base/err.h"
#include "base/list.h"
#include "net/tcp.h"

#include <stddef.h>
#include <stdint.h>

struct loop;
struct resolver;
struct resolver_query;

/* All addresses of a name, in the resolver's order (RFC 6724). Reference counted by the resolver's
 * users: take a reference to keep it past a callback. */
struct address_list {
    unsigned references;
    uint32_t next; /* round robin over connects */
    size_t count;
    struct address items[];
};

struct address_list *address_list_keep(struct address_list *list);
void address_list_drop(struct address_list *list);
/* Copies `count` addresses; references is 1. */
struct address_list *address_list_new(const struct address *items, size_t count);
/* A list of one; references is 1. */
struct address_list *address_list_of(const struct address *address);
/*
 * The address to try at `position` (below the count) by the dial that is number `turn`: families
 * alternate as long as there are both, that of the first address first (RFC 8305, section 4);
 * within its family each turn begins one further. Borrowed from the list.
 */
const struct address *address_list_pick(const struct address_list *list, uint32_t turn,
                                        size_t position);

/* `list` is NULL on failure, `reason` then says why. `took_ns` is 0 when the answer was known
 * already. */
typedef void (*resolver_fn)(struct resolver_query *query, struct address_list *list,
                            const char *reason, uint64_t took_ns);

/* Embedded by the asker; zero is "not asking". */
struct resolver_query {
    struct list node;
    resolver_fn on_answer;
    uint64_t asked_ns;
};

/* `loop` is borrowed. The caller owns the result. */
struct resolver *resolver_new(struct loop *loop, struct err *err);
void resolver_free(struct resolver *resolver);
/*
 * Asks for `host`, a name or a literal address; every address gets `port`. The answer may come
 * before this returns (literals, known names).
 */
void resolver_ask(struct resolver *resolver, const char *host, uint16_t port,
                  struct resolver_query *query, resolver_fn on_answer);
/* The asker goes away. No-op when not asking. */
void resolver_cancel(struct resolver *resolver, struct resolver_query *query);

/* Blocking, for the controller before the start: a loop of its own, at most `timeout_ns`. The
 * caller drops the result; NULL with a sentence on failure. */
struct address_list *resolver_resolve_now(const char *host, uint16_t port, uint64_t timeout_ns,
                                          struct err *err);

#endif

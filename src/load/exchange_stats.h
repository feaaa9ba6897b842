/*
 * load/exchange_stats.h - what every HTTP exchange records, a stream's and a login's alike.
 */
#ifndef CICADA_LOAD_EXCHANGE_STATS_H
#define CICADA_LOAD_EXCHANGE_STATS_H

#include "http/client.h"
#include "stats/set.h"

#include <stdint.h>

/* A response head has come, of a redirect or a challenge too. `phase` is a tag; NULL: none. */
void exchange_stats_answer(struct stat_set *set, const struct http_exchange *exchange, int status,
                           const char *phase, uint64_t now_ns);
/* No head came. */
void exchange_stats_unanswered(struct stat_set *set);

#endif

/*
 * load/exchange_stats.h - what every HTTP exchange records, a stream's and a login's alike.
 */
#ifndef CICADA_LOAD_EXCHANGE_STATS_H
#define CICADA_LOAD_EXCHANGE_STATS_H

#include "http/client.h"
#include "stats/set.h"

#include <stdint.h>

/* A response head has come. `is_hop`: of a redirect or a challenge, which is answered and no
 * failure. `phase` is a tag; NULL: none. */
void exchange_stats_answer(struct stat_set *set, const struct http_exchange *exchange, int status,
                           bool is_hop, const char *phase);
/* How long it took: to the head where a stream follows, else to the end. */
void exchange_stats_time(struct stat_set *set, const struct http_exchange *exchange,
                         uint64_t now_ns);
/* No head came. */
void exchange_stats_unanswered(struct stat_set *set);

#endif

/*
 * load/clock_probe.h - keeps a worker's event_clock: reads our wall clock each second, knows our
 * own addresses, and asks the service for its time where `--clock URL` says so: over a connection
 * of its own, EVENT_CLOCK_ANSWERS times quickly, then every CLOCK_PROBE_INTERVAL_S. Its requests
 * are in no figure.
 *
 * Runs on: the worker's loop (and once, before a run, in the controller).
 */
#ifndef CICADA_LOAD_CLOCK_PROBE_H
#define CICADA_LOAD_CLOCK_PROBE_H

#include "base/err.h"
#include "load/event_clock.h"

#include <stdbool.h>
#include <stdint.h>

struct clock_probe;
struct http_client;
struct http_exchange;
struct loop;
struct plan_network;
struct rng;

enum { CLOCK_PROBE_INTERVAL_S = 5 };

/* Borrowed for the probe's life. */
struct clock_probe_config {
    struct loop *loop;
    struct http_client *client;
    struct rng *rng;
    const char *url; /* NULL: nobody is asked */
    bool is_first;   /* of the workers: what all of them see is logged by this one */
};

/* Asks at the loop's next turn. NULL with a sentence when the URL cannot be used. The caller owns
 * the result. */
struct clock_probe *clock_probe_new(const struct clock_probe_config *config, struct err *err);
/* NULL does nothing. */
void clock_probe_free(struct clock_probe *probe);
/* For each tick: reads our wall clock anew, and logs when it was set. Returns what is known now; of
 * NULL nothing. */
struct clock_state clock_probe_second(struct clock_probe *probe);
/* Borrowed. */
struct event_clock *clock_probe_clock(struct clock_probe *probe);
/* Is the server of an exchange that is under way this machine? */
bool clock_probe_is_same_host(const struct clock_probe *probe,
                              const struct http_exchange *exchange);

/* Asks `url` once over a network as the plan has it: 0 when it answers with a time, else -1 with a
 * sentence. Blocks for at most 4 s. */
int clock_probe_try(const char *url, const struct plan_network *network, struct err *err);

#endif

/*
 * load/publisher.h - marked messages sent to the service at a fixed rate, whatever its answers
 * take, so that streams can be held to them (load/mark_audit).
 *
 * Numbers count up from 1, in the order in which messages are first written. One that is not
 * accepted (an answer other than 2xx, none, a failure on the way) goes out again before newer ones.
 * Numbers that are not accepted yet lie within PUBLISHER_SPAN; beyond that a turn is left out,
 * which is said once. Redirects are answers like any other: what follows one would not be what was
 * to be published.
 *
 * Runs on: the loop of one worker of the run.
 */
#ifndef CICADA_LOAD_PUBLISHER_H
#define CICADA_LOAD_PUBLISHER_H

#include "base/err.h"

#include <stdint.h>

struct feed;
struct http_client;
struct loop;
struct plan_publish;
struct publisher;
struct rng;
struct stats;

/* Less than WINDOW_SPAN, with room for what the service itself puts out of order. */
enum { PUBLISHER_SPAN = 48, PUBLISHER_PATIENCE_S = 60 };

/* Borrowed for the publisher's life. */
struct publisher_config {
    struct loop *loop;
    struct http_client *client;
    struct rng *rng; /* for authentication */
    struct stats *stats;
    const struct plan_publish *publish;
};

/* NULL with a sentence. The caller owns the result. */
struct publisher *publisher_new(const struct publisher_config *config, struct err *err);
/* NULL does nothing. */
void publisher_free(struct publisher *publisher);
/* The first message goes out one interval from now. Does nothing when already begun; NULL too. */
void publisher_start(struct publisher *publisher);
/* Nothing goes out any more; what is unanswered is neither published nor failed. NULL does nothing.
 */
void publisher_stop(struct publisher *publisher);

/* --- before a run --- */
/* The feed that fills {{mark}} in. The caller owns it. */
struct feed *publisher_feed(void);
/* Makes the request as a worker will. -1 with a sentence; also where its body has no {{mark}}. */
int publisher_check(const struct plan_publish *publish, struct err *err);

#endif

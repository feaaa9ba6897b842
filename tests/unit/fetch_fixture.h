/*
 * tests/unit/fetch_fixture.h - an owner of a fetch that writes simple requests and notes what it is
 * told.
 */
#ifndef CICADA_TESTS_FETCH_FIXTURE_H
#define CICADA_TESTS_FETCH_FIXTURE_H

#include "base/rng.h"
#include "http/auth.h"
#include "http/fetch.h"
#include "server_fixture.h"

#include <stdbool.h>
#include <stddef.h>

enum { ASKER_ANSWER_LIMIT = 32, ASKER_TEXT_BYTES = 256 };

/* Where an asker acts from inside its handlers. */
enum place { NOWHERE = 0, AT_ANSWER, AT_HEAD, AT_BODY, AT_END };

struct asker {
    struct fetch fetch;
    struct fetch_order order;
    struct url url;
    struct rng rng;
    const char *const *headers; /* lines without their ends, NULL behind the last; NULL: none */
    const struct http_body *body;
    enum place cancels_at, restarts_at; /* once; both: cancels, then starts anew */
    bool frees_itself;                  /* where it acts: it is on the heap */

    int write_count, head_count, body_count, end_count;
    int answers[ASKER_ANSWER_LIMIT]; /* statuses of all heads */
    int answer_count;
    int status; /* of the head that was for the owner */
    struct buf bytes;
    enum error_class error_class;
    char message[ASKER_TEXT_BYTES];
    bool has_head;  /* as the end said */
    bool is_at_hop; /* the last answer led to another request */
};

/* How many askers have freed themselves. */
extern int freed_count;

/* A GET of `path` at the server. asker_fini when it has ended. */
void asker_init(struct asker *asker, const char *path);
void asker_fini(struct asker *asker);
void asker_start(struct asker *asker);
/* Turns until it has ended `count` times. */
void asker_wait(struct asker *asker, int count);
/* Starts it and waits for the end. */
void asker_run(struct asker *asker);
/* Turns until `count` heads have come. */
void asker_wait_for_answers(struct asker *asker, int count);
/* Turns until nothing is under way. */
void asker_wait_for_rest(struct asker *asker);
/* Turns until `text` and no more has come. */
void asker_wait_for_text(struct asker *asker, const char *text);
/* It ended once, whole, with this status and these bytes. */
void check_whole(const struct asker *asker, int status, const char *text);
/* It ended once, with this class; the message has `part` in it. */
void check_failed(const struct asker *asker, enum error_class error_class, const char *part);

#endif

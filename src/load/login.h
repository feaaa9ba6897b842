/*
 * load/login.h - how a user gets its token or its cookies: `--login`. One request, its answer's
 * token into the user's session. Every login is counted in a row of its own.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_LOAD_LOGIN_H
#define CICADA_LOAD_LOGIN_H

#include "base/error_class.h"
#include "http/fetch.h"
#include "load/request.h"
#include "stats/stats.h"

#include <stdbool.h>
#include <stdint.h>

enum { LOGIN_ANSWER_LIMIT_BYTES = 1024 * 1024 };

struct login;
struct login_attempt; /* one under way */

/* Borrowed for the login's life. */
struct login_config {
    struct http_client *client;
    struct loop *loop;
    struct rng *rng;
    struct stats *stats;
    const struct request *request;
    const char *name;          /* of its row: the URL as written */
    uint64_t patience_ns;      /* from the answer's head to its end */
    const char *token_pointer; /* a JSON Pointer; NULL: the answer's cookies are all */
};

struct login_result {
    enum error_class error_class; /* CLASS_NONE: the session holds what was got */
    const char *message;          /* borrowed until the callback returns */
    int status;                   /* of the answer; 0: none came, or it broke off */
    uint64_t retry_after_ns;      /* as the answer asked; 0: it did not */
};

/* Last; the attempt is gone. */
typedef void (*login_fn)(void *ctx, const struct login_result *result, uint64_t now_ns);

struct login *login_new(const struct login_config *config);
/* After the last attempt. */
void login_free(struct login *login);

/*
 * Logs the user of `session` and `row` in; `is_renewal`: a token that it had was refused. Returns
 * the attempt for login_cancel, or NULL when `on_done` has already run. `session` is borrowed
 * until the end.
 */
struct login_attempt *login_start(struct login *login, struct http_session *session, uint32_t row,
                                  bool is_renewal, login_fn on_done, void *ctx);
/* Ends it without a word. */
void login_cancel(struct login_attempt *attempt);
/* Ends it because the run or its user ends: counted as failed where it had waited for longer than
 * the patience; false when it had not. */
bool login_give_up(struct login_attempt *attempt, uint64_t now_ns);

#endif

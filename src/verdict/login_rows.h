/*
 * verdict/login_rows.h - what a run says of logins: those of --login, and of a Locust file the
 * requests that look like one by method and name.
 */
#ifndef CICADA_VERDICT_LOGIN_ROWS_H
#define CICADA_VERDICT_LOGIN_ROWS_H

#include "stats/run.h"

#include <stdbool.h>
#include <stdint.h>

struct login_rows {
    uint64_t answered; /* requests, those that failed without an answer too */
    uint64_t rejected; /* by 401 or 403, a challenge that was met left out */
    uint64_t limited;  /* by 429 */
    bool is_guessed;   /* by their names */
    /* Of the endpoint with the most, the trend of how long they took; NULL: none. Borrowed. */
    const struct hist *took;
    const char *name; /* of that endpoint; borrowed */
};

/* All zero where nothing logs in. */
struct login_rows login_rows_read(const struct run *run);

#endif

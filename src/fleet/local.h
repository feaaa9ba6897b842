/*
 * fleet/local.h - worker processes on this machine, each on a socketpair.
 *
 * A worker is this program started anew (fork and exec), or for a Locust file an interpreter, with
 * its end of the pair as the only descriptor besides the standard ones: it shares no memory and no
 * loop with its parent.
 */
#ifndef CICADA_FLEET_LOCAL_H
#define CICADA_FLEET_LOCAL_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct local_worker {
    pid_t pid; /* 0: none */
    int fd;    /* our end; the caller takes it (a channel closes it) */
};

/* Another program to be the worker; the number of its descriptor becomes its last word. */
struct local_program {
    const char *path;
    const char *const *words; /* from the program's own name on; ends in NULL, at most 6 */
    char *const *environment; /* ends in NULL */
    bool is_own;              /* this program: also when its file was replaced meanwhile */
};

/* `program` NULL: this program anew. 0, or -1 with a sentence. */
int local_worker_start(struct local_worker *worker, const struct local_program *program,
                       struct err *err);
/* SIGKILL; no-op when there is none. */
void local_worker_kill(const struct local_worker *worker);
/* True once it has ended and can be reaped, also when there is none. */
bool local_worker_has_ended(const struct local_worker *worker);
/* Waits for the process, which has ended, was killed, or is about to end: one that does not within
 * two seconds is killed. A sentence on how it ended into `text`, ""
 * for exit 0. */
void local_worker_reap(struct local_worker *worker, char *text, size_t cap);

#endif

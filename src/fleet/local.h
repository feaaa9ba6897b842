/*
 * fleet/local.h - worker processes on this machine, each on a socketpair.
 *
 * A worker is this program started anew (fork and exec) with its end of the pair as the only
 * descriptor besides the standard ones, so that it shares no memory and no loop with its parent.
 */
#ifndef CICADA_FLEET_LOCAL_H
#define CICADA_FLEET_LOCAL_H

#include "base/err.h"

#include <sys/types.h>

struct local_worker {
    pid_t pid; /* 0: none */
    int fd;    /* our end; the caller takes it (a channel closes it) */
};

/* 0, or -1 with a sentence. */
int local_worker_start(struct local_worker *worker, struct err *err);
/* SIGKILL; no-op when there is none. */
void local_worker_kill(const struct local_worker *worker);
/* Waits for the process, which has ended, was killed, or is about to end: one that does not within
 * two seconds is killed. A sentence on how it ended into `text`, ""
 * for exit 0. */
void local_worker_reap(struct local_worker *worker, char *text, size_t cap);

#endif

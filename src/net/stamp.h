/*
 * net/stamp.h - when the kernel received what a read brings (SO_TIMESTAMPNS), so that a time of
 * receipt is free of the time that we took to come and read.
 *
 * The kernel keeps one time for bytes that wait together, that of the last segment among them: what
 * is queued behind an earlier event makes that event look younger on the way, never older. Unix
 * sockets have none.
 */
#ifndef CICADA_NET_STAMP_H
#define CICADA_NET_STAMP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Has the kernel stamp what comes for this socket from now on, where it can. */
void stamp_ask(int fd);
/* As recv(2) without flags; `*unix_ns` is the kernel's time, 0 where it gave none. */
ssize_t stamp_receive(int fd, void *bytes, size_t cap, uint64_t *unix_ns);

#endif

/*
 * net/loop.h - the event loop: readiness of descriptors, timers, one clock.
 *
 * Edge-triggered: a watch's function runs once when a descriptor becomes ready and must read or
 * write until the kernel says EAGAIN, or read less than it asked for. The loop reads the clock when
 * it wakes; whoever reads bytes refreshes it with loop_refresh_ns and passes the time down.
 *
 * The loop can live inside another one: poll loop_fd for reading, then call loop_turn with a wait
 * of 0. Timers make loop_fd readable too, also those set between two turns.
 *
 * One thread. A function called by the loop may add, remove and free any watch or timer, its own
 * too.
 */
#ifndef CICADA_NET_LOOP_H
#define CICADA_NET_LOOP_H

#include "base/err.h"
#include "net/timer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct watch;

enum { LOOP_READABLE = 1, LOOP_WRITABLE = 2, LOOP_HANGUP = 4 };
enum { LOOP_SHARED_BUFFER_BYTES = 256 * 1024 };

typedef void (*watch_fn)(struct watch *watch, unsigned ready, uint64_t now_ns);

/* Embedded by its owner, who finds itself with CONTAINER_OF. Zero is "not watched". */
struct watch {
    watch_fn on_ready;
    void *owner; /* free for whoever uses the watch of another (net/dialer) */
    int fd;
    unsigned interest; /* LOOP_READABLE | LOOP_WRITABLE */
};

/* The caller owns the result. Make it after a fork, not before. */
struct loop *loop_new(struct err *err);
void loop_free(struct loop *loop);

/*
 * In a forked child: closes its copies of all descriptors that are watched, and the loop's own,
 * and takes none of them out of the set, which the parent goes on to use. Neither the loop nor what
 * is watched may be touched any more; their memory is left alone.
 */
void loop_abandon(struct loop *loop);

/* -1 with errno when the kernel refuses. The descriptor stays the caller's. */
int loop_add(struct loop *loop, struct watch *watch, int fd, unsigned interest, watch_fn on_ready);
/* Also re-arms the edge: readiness that is already there is reported again. */
int loop_change(struct loop *loop, struct watch *watch, unsigned interest);
/* Before the descriptor is closed. Events of this turn not yet handed on are dropped. No-op when
 * not watched. */
void loop_remove(struct loop *loop, struct watch *watch);
/* The same for a descriptor that is closed right afterwards and was never duplicated: closing it
 * takes it from the kernel's set, which spares a system call. */
void loop_forget(struct loop *loop, struct watch *watch);

/* Runs `on_expire` once at or up to 1 ms after `deadline_ns`; moves the timer if it is already set.
 * O(1). */
void loop_set_timer(struct loop *loop, struct timer *timer, uint64_t deadline_ns,
                    timer_fn on_expire);
void loop_cancel_timer(struct loop *loop, struct timer *timer);

/* Time of the last clock read. */
uint64_t loop_now_ns(const struct loop *loop);
/* Reads the clock. */
uint64_t loop_refresh_ns(struct loop *loop);

/* One buffer for every read on this loop, LOOP_SHARED_BUFFER_BYTES long. Its content is gone when
 * the caller returns to the loop. */
uint8_t *loop_shared_buffer(struct loop *loop);

/*
 * One turn: waits at most `wait_ns` for readiness (0: not at all), hands on at most `most` ready
 * descriptors (0: as many as one system call gives), runs expired timers. Returns how many
 * functions ran.
 */
int loop_turn(struct loop *loop, uint64_t wait_ns, int most);
/*
 * The wait of a turn by itself, for a caller who gives up a lock meanwhile: touches nothing but the
 * loop. What it finds is handed on by the next loop_turn, which then waits no more. Returns how
 * many descriptors are ready.
 */
int loop_wait(struct loop *loop, uint64_t wait_ns, int most);
/* Turns until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* For another loop: readable when loop_turn has something to do; closed by loop_free. */
int loop_fd(const struct loop *loop);
/* CLOCK_NEVER_NS when no timer is set. */
uint64_t loop_next_deadline_ns(const struct loop *loop);

/* The longest time since the last call that a turn kept ready descriptors and due timers waiting.
 */
uint64_t loop_take_longest_turn_ns(struct loop *loop);

#endif

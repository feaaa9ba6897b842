/*
 * script/park.h - greenlets that wait: a call that must wait parks its greenlet and switches to
 * gevent's hub; what it waits for wakes it, and the engine's next pass switches back. No user code
 * runs inside a callback of the engine.
 *
 * The one file that knows greenlet's C API, in its version 1 and later.
 */
#ifndef CICADA_SCRIPT_PARK_H
#define CICADA_SCRIPT_PARK_H

#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct _object PyObject;

/* Where one greenlet waits; embedded in what it waits for. park_slot_init before use. */
struct park_slot {
    struct list node;   /* in the lot's list while woken */
    PyObject *greenlet; /* owned while it waits; NULL: nobody does */
};

struct park_lot {
    struct list ready;
    PyObject *hub;            /* owned: gevent's hub of this thread */
    PyObject *blocking_error; /* owned: gevent.exceptions.BlockingSwitchOutError */
};

/* -1 with an exception when greenlet or gevent cannot be used. */
int park_lot_init(struct park_lot *lot);

void park_slot_init(struct park_slot *slot);
static inline bool park_is_waiting(const struct park_slot *slot)
{
    return slot->greenlet != NULL;
}

/*
 * Switches to the hub until park_wake, or anything else that switches back: the caller looks again
 * whether what it waits for has come. -1 with an exception: the greenlet was killed or timed out;
 * it is the hub itself (gevent's BlockingSwitchOutError), or another greenlet waits here already
 * (RuntimeError). Either way nobody waits in the slot afterwards.
 */
int park_wait(struct park_lot *lot, struct park_slot *slot);
/* The next park_run switches to whoever waits; no-op when nobody does. */
void park_wake(struct park_lot *lot, struct park_slot *slot);
/*
 * From the hub: switches to those that were woken, one after the other, for about `budget_ns`.
 * True: some are left.
 */
bool park_run(struct park_lot *lot, uint64_t budget_ns);

#endif

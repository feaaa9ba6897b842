#include "demo/delay.h"

#include "base/list.h"
#include "base/mem.h"
#include "demo/pending.h"
#include "http/server.h"
#include "net/loop.h"

#include <stddef.h>
#include <stdlib.h>

struct delays {
    struct loop *loop; /* borrowed */
    struct list waiting;
};

struct delay {
    struct pending pending;
    struct list node; /* of `waiting` */
    struct timer timer;
    struct delays *delays;
    struct http_request *request;
    delay_fn on_due;
    delay_end_fn on_end; /* NULL: nobody wants to know */
    void *ctx;
};

static void forget(struct delay *delay)
{
    loop_cancel_timer(delay->delays->loop, &delay->timer);
    list_remove(&delay->node);
    free(delay);
}

static void give_up(struct delay *delay)
{
    struct delay ended = *delay;

    forget(delay);
    if (ended.on_end)
        ended.on_end(ended.ctx);
}

static void on_gone(struct pending *pending)
{
    give_up(CONTAINER_OF(pending, struct delay, pending));
}

static void on_timer(struct timer *timer, uint64_t now_ns)
{
    struct delay *delay = CONTAINER_OF(timer, struct delay, timer);
    struct delay due = *delay;

    forget(delay);
    due.on_due(due.ctx, due.request, now_ns);
}

struct delays *delays_new(struct loop *loop)
{
    struct delays *delays = x_calloc(1, sizeof *delays);

    delays->loop = loop;
    list_init(&delays->waiting);
    return delays;
}

void delays_free(struct delays *delays)
{
    if (!delays)
        return;
    while (!list_empty(&delays->waiting))
        give_up(CONTAINER_OF(delays->waiting.next, struct delay, node));
    free(delays);
}

void delays_add(struct delays *delays, struct http_request *request, uint64_t due_ns,
                delay_fn on_due, delay_end_fn on_end, void *ctx)
{
    struct delay *delay = x_calloc(1, sizeof *delay);

    delay->pending.on_gone = on_gone;
    delay->delays = delays;
    delay->request = request;
    delay->on_due = on_due;
    delay->on_end = on_end;
    delay->ctx = ctx;
    list_append(&delays->waiting, &delay->node);
    http_request_set_user(request, &delay->pending);
    loop_set_timer(delays->loop, &delay->timer, due_ns, on_timer);
}

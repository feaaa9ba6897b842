#include "net/dialer.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIAL_SOURCE_TRIES = 8 };

struct dialer {
    struct dialer_config config;
    struct pool *dials;
    struct address_list *unix_address; /* one reference; NULL: dial by name */
};

struct dial {
    struct dialer *dialer;
    struct watch *watch;
    dial_fn on_done;
    struct resolver_query query;
    struct timer timer;
    struct address_list *list; /* one reference while connecting */
    uint32_t first;            /* where in the list this dial began */
    uint32_t tried;
    int fd; /* -1: none */
    int error_number;
    bool is_starting; /* still inside dialer_start */
    bool is_done;
    uint64_t dns_ns;
    uint64_t connect_began_ns;
};

static enum error_class class_of(int error_number)
{
    switch (error_number) {
    case ECONNREFUSED:
    case ENOENT: /* no such socket file */
        return CLASS_CONNECT_REFUSED;
    case ETIMEDOUT:
        return CLASS_CONNECT_TIMEOUT;
    case ECONNRESET:
    case EPIPE:
        return CLASS_RESET;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case ENOSPC:
    case EADDRNOTAVAIL:
    case EADDRINUSE:
        return CLASS_LOCAL_LIMIT;
    default:
        return CLASS_UNREACHABLE;
    }
}

static void release(struct dial *dial)
{
    struct dialer *dialer = dial->dialer;

    resolver_cancel(dialer->config.resolver, &dial->query);
    loop_cancel_timer(dialer->config.loop, &dial->timer);
    address_list_drop(dial->list);
    dial->list = NULL;
}

static void close_descriptor(struct dial *dial)
{
    if (dial->fd < 0)
        return;
    loop_forget(dial->dialer->config.loop, dial->watch);
    (void)close(dial->fd);
    dial->fd = -1;
}

static void finish(struct dial *dial, const struct dial_result *result)
{
    uint64_t now_ns = loop_now_ns(dial->dialer->config.loop);
    struct watch *watch = dial->watch;
    dial_fn on_done = dial->on_done;

    release(dial);
    dial->is_done = true;
    if (!dial->is_starting)
        pool_give(dial->dialer->dials, dial);
    on_done(watch, result, now_ns);
}

static void finish_failed(struct dial *dial, enum error_class error_class, const char *message)
{
    struct dial_result result = {
        .error_class = error_class, .message = message, .fd = -1, .dns_ns = dial->dns_ns};

    close_descriptor(dial);
    finish(dial, &result);
}

static void finish_connected(struct dial *dial)
{
    struct dial_result result = {.fd = dial->fd, .dns_ns = dial->dns_ns};

    result.connect_ns = loop_now_ns(dial->dialer->config.loop) - dial->connect_began_ns;
    finish(dial, &result);
}

static void finish_by_errno(struct dial *dial)
{
    const struct address *last =
        &dial->list->items[(dial->first + dial->tried - 1) % dial->list->count];
    char message[TCP_ADDRESS_TEXT_BYTES + 128], text[TCP_ADDRESS_TEXT_BYTES];

    (void)snprintf(message, sizeof message, "%s: %s", address_format(last, text),
                   strerror(dial->error_number));
    finish_failed(dial, class_of(dial->error_number), message);
}

/* Leaves from the next source address that still has a port to give. */
static int start_from_sources(struct dial *dial, const struct address *to, bool *in_progress)
{
    struct source_pool *sources = dial->dialer->config.sources;
    const struct address *source = source_pool_next(sources, to->as.any.sa_family);
    int fd = tcp_start_connect(to, source, in_progress);

    for (int tries = 1; fd < 0 && source && errno == EADDRNOTAVAIL && tries < DIAL_SOURCE_TRIES;
         tries++)
        fd = tcp_start_connect(to, source_pool_next(sources, to->as.any.sa_family), in_progress);
    return fd;
}

static void on_connecting(struct watch *watch, unsigned ready, uint64_t now_ns);

/* Tries the addresses left until one is under way or connected, or none is left. */
static void try_next(struct dial *dial)
{
    struct loop *loop = dial->dialer->config.loop;

    while (dial->tried < dial->list->count) {
        const struct address *to =
            &dial->list->items[(dial->first + dial->tried++) % dial->list->count];
        bool in_progress = false;

        dial->connect_began_ns = loop_now_ns(loop);
        dial->fd = start_from_sources(dial, to, &in_progress);
        if (dial->fd < 0) {
            dial->error_number = errno;
            continue;
        }
        if (loop_add(loop, dial->watch, dial->fd, LOOP_READABLE | LOOP_WRITABLE, on_connecting) <
            0) {
            dial->error_number = errno;
            (void)close(dial->fd);
            dial->fd = -1;
            continue;
        }
        dial->watch->owner = dial;
        if (!in_progress)
            finish_connected(dial);
        return;
    }
    finish_by_errno(dial);
}

static void on_connecting(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct dial *dial = watch->owner;

    (void)now_ns;
    if (!(ready & (LOOP_WRITABLE | LOOP_HANGUP)))
        return;
    if (ready & LOOP_HANGUP)
        dial->error_number = tcp_finish_connect(dial->fd);
    else
        dial->error_number = 0;
    /* The peer may have spoken, or left, already: its edge belongs to the next owner of the watch.
     */
    if (dial->error_number == 0 && (ready & LOOP_READABLE) &&
        loop_change(dial->dialer->config.loop, watch, watch->interest) < 0)
        dial->error_number = errno;
    if (dial->error_number == 0) {
        finish_connected(dial);
        return;
    }
    close_descriptor(dial);
    try_next(dial);
}

static void on_timeout(struct timer *timer, uint64_t now_ns)
{
    struct dial *dial = CONTAINER_OF(timer, struct dial, timer);

    (void)now_ns;
    finish_failed(dial, dial->list ? CLASS_CONNECT_TIMEOUT : CLASS_DNS,
                  dial->list ? "no connection within the connect timeout"
                             : "no answer from the resolver within the connect timeout");
}

static void on_resolved(struct resolver_query *query, struct address_list *list, const char *reason,
                        uint64_t took_ns)
{
    struct dial *dial = CONTAINER_OF(query, struct dial, query);

    dial->dns_ns = took_ns;
    if (!list) {
        finish_failed(dial, CLASS_DNS, reason);
        return;
    }
    dial->list = address_list_keep(list);
    dial->first = list->next++;
    try_next(dial);
}

struct dialer *dialer_new(const struct dialer_config *config, struct err *err)
{
    struct dialer *dialer = x_calloc(1, sizeof *dialer);
    struct address address;

    dialer->config = *config;
    if (config->unix_socket) {
        if (address_set_unix(config->unix_socket, &address, err) < 0) {
            free(dialer);
            return NULL;
        }
        dialer->unix_address = address_list_of(&address);
    }
    dialer->dials = pool_new(sizeof(struct dial), 0);
    return dialer;
}

void dialer_free(struct dialer *dialer)
{
    if (!dialer)
        return;
    address_list_drop(dialer->unix_address);
    pool_free(dialer->dials);
    free(dialer);
}

struct dial *dialer_start(struct dialer *dialer, const char *host, uint16_t port,
                          struct watch *watch, dial_fn on_done)
{
    struct dial *dial = pool_take(dialer->dials);
    struct dial_result no_memory = {
        .error_class = CLASS_LOCAL_LIMIT, .message = "out of memory", .fd = -1};
    struct loop *loop = dialer->config.loop;

    if (!dial) {
        on_done(watch, &no_memory, loop_now_ns(loop));
        return NULL;
    }
    *dial = (struct dial){.dialer = dialer, .watch = watch, .on_done = on_done, .fd = -1};
    dial->is_starting = true;
    loop_set_timer(loop, &dial->timer, clock_add_ns(loop_now_ns(loop), dialer->config.timeout_ns),
                   on_timeout);
    if (dialer->unix_address)
        on_resolved(&dial->query, dialer->unix_address, NULL, 0);
    else
        resolver_ask(dialer->config.resolver, host, port, &dial->query, on_resolved);
    dial->is_starting = false;
    if (!dial->is_done)
        return dial;
    pool_give(dialer->dials, dial);
    return NULL;
}

void dialer_cancel(struct dialer *dialer, struct dial *dial)
{
    close_descriptor(dial);
    release(dial);
    pool_give(dialer->dials, dial);
}

#include "net/dialer.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/route.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIAL_SOURCE_TRIES = 8 };

struct dialer {
    struct dialer_config config;
    struct pool *dials;
    struct tls_context *tls;           /* made when first asked for */
    uint64_t stamp;                    /* of the last read of a connection made here */
    struct address_list *unix_address; /* one reference; NULL: dial by name */
};

/* One address being connected to. */
struct attempt {
    struct dial *dial;
    struct watch *watch;      /* the owner's for the first of a dial, the race's for the others */
    const struct address *to; /* in the dial's list */
    uint64_t began_ns;
    int fd; /* -1: idle */
};

/* What a dial needs beside where a name has several addresses. */
struct race {
    struct timer delay; /* when another attempt begins beside those under way */
    struct dial *dial;
    struct attempt attempts[DIAL_ATTEMPTS_AT_ONCE - 1];
    struct watch watches[DIAL_ATTEMPTS_AT_ONCE - 1];
};

struct dial {
    struct dialer *dialer;
    struct watch *watch; /* the owner's */
    dial_fn on_done;
    struct dial_target target;  /* what it points to is borrowed */
    struct transport transport; /* from the connection on; TLS speaks over it first */
    struct resolver_query query;
    struct timer timer;           /* the deadline */
    struct address_list *list;    /* one reference while connecting */
    const struct address *failed; /* in the list: what error_number is about */
    struct attempt first;
    struct race *race; /* owned; NULL: one address, or none yet */
    uint32_t turn;     /* which dial to this list it is */
    uint32_t tried;
    int error_number;
    bool is_starting; /* still inside dialer_start */
    bool is_done;
    uint64_t dns_ns;
    uint64_t connect_ns;
    uint64_t handshake_began_ns;
};

_Static_assert(sizeof(struct dial) <= 256, "a dial has grown: there may be one for every user");

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
    if (dial->race)
        loop_cancel_timer(dialer->config.loop, &dial->race->delay);
    free(dial->race);
    dial->race = NULL;
    address_list_drop(dial->list);
    dial->list = NULL;
}

static void close_attempt(struct attempt *attempt)
{
    if (attempt->fd < 0)
        return;
    loop_forget(attempt->dial->dialer->config.loop, attempt->watch);
    (void)close(attempt->fd);
    attempt->fd = -1;
}

/* Those beside the first, but for `kept`, which may be NULL. */
static void close_race(struct dial *dial, const struct attempt *kept)
{
    for (int i = 0; dial->race && i < DIAL_ATTEMPTS_AT_ONCE - 1; i++) {
        if (&dial->race->attempts[i] != kept)
            close_attempt(&dial->race->attempts[i]);
    }
}

static void close_all(struct dial *dial)
{
    close_attempt(&dial->first);
    close_race(dial, NULL);
    if (!dial->transport.ops)
        return;
    loop_forget(dial->dialer->config.loop, dial->watch);
    transport_close(&dial->transport, false);
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
    struct dial_result result = {.error_class = error_class,
                                 .message = message,
                                 .dns_ns = dial->dns_ns,
                                 .connect_ns = dial->connect_ns};

    close_all(dial);
    finish(dial, &result);
}

/* --- the handshake of TLS, where there is one --- */

static void finish_ready(struct dial *dial)
{
    struct dial_result result = {
        .transport = dial->transport, .dns_ns = dial->dns_ns, .connect_ns = dial->connect_ns};

    result.is_resumed = tls_is_resumed(&dial->transport, &result.is_tls);
    if (result.is_tls)
        result.tls_ns = loop_now_ns(dial->dialer->config.loop) - dial->handshake_began_ns;
    dial->transport.ops = NULL; /* the callee's */
    finish(dial, &result);
}

static void drive_handshake(struct dial *dial)
{
    struct loop *loop = dial->dialer->config.loop;
    char text[TRANSPORT_TEXT_BYTES];
    enum error_class error_class;

    switch (transport_handshake(&dial->transport)) {
    case IO_WANT_READ:
    case IO_WANT_WRITE:
        return;
    case IO_OK:
        if (!dial->target.is_tls) {
            finish_ready(dial);
            return;
        }
        (void)loop_refresh_ns(loop);
        /* What came behind the handshake has had its edge: the next owner of the watch needs one.
         */
        if (loop_change(loop, dial->watch, dial->watch->interest) == 0) {
            finish_ready(dial);
            return;
        }
        dial->transport.error_number = (int16_t)errno;
        break;
    case IO_CLOSED:
    case IO_FAILED:
        break;
    }
    error_class = transport_describe(&dial->transport, text);
    finish_failed(dial, error_class, text);
}

static void on_handshaking(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct dial *dial = watch->owner;

    (void)ready;
    (void)now_ns;
    drive_handshake(dial);
}

/* False, and the dial has failed, when there is no TLS to be had. */
static bool begin_tls(struct dial *dial, int fd)
{
    struct dialer *dialer = dial->dialer;
    struct tls_peer peer = {.host = dial->target.host,
                            .tickets = dial->target.tickets,
                            .peer_key = dial->target.peer_key};
    struct tls_client_config plain = {0};
    struct err err = {0};

    if (!dialer->tls)
        dialer->tls =
            tls_context_new_client(dialer->config.tls ? dialer->config.tls : &plain, &err);
    dial->handshake_began_ns = loop_refresh_ns(dialer->config.loop);
    if (dialer->tls && tls_transport_init_client(&dial->transport, dialer->tls, fd, &peer) == 0) {
        dial->watch->owner = dial;
        dial->watch->on_ready = on_handshaking;
        return true;
    }
    loop_forget(dialer->config.loop, dial->watch);
    if (!dialer->tls)
        (void)close(fd);
    finish_failed(dial, CLASS_TLS, dialer->tls ? "cannot start a handshake" : err.text);
    return false;
}

/*
 * The one way from a connected descriptor to the end of the dial. The descriptor is the first
 * attempt's, on the owner's watch; no other attempt is left, no timer but the deadline is set.
 */
static void finish_connected(struct dial *dial)
{
    struct attempt *winner = &dial->first;
    int fd = winner->fd;

    dial->connect_ns = loop_now_ns(dial->dialer->config.loop) - winner->began_ns;
    winner->fd = -1; /* the transport's */
    if (!dial->target.is_tls && dial->dialer->config.wants_stamps)
        tcp_transport_init_stamped(&dial->transport, fd, &dial->dialer->stamp);
    else if (!dial->target.is_tls)
        tcp_transport_init(&dial->transport, fd);
    else if (!begin_tls(dial, fd))
        return;
    drive_handshake(dial);
}

static void finish_by_errno(struct dial *dial)
{
    char message[TCP_ADDRESS_TEXT_BYTES + 128], text[TCP_ADDRESS_TEXT_BYTES];

    (void)snprintf(message, sizeof message, "%s: %s", address_format(dial->failed, text),
                   strerror(dial->error_number));
    finish_failed(dial, class_of(dial->error_number), message);
}

/* Leaves from the next source address that still has a port to give. */
static int start_from_sources(struct dial *dial, const struct address *to, bool *in_progress)
{
    struct source_pool *sources = dial->dialer->config.sources;
    struct tcp_options options = {.source = source_pool_next(sources, to->as.any.sa_family),
                                  .receive_bytes = dial->target.receive_bytes};
    int fd;

    /* Who gave source addresses wants no others: an address of another family is passed over. */
    if (sources && !options.source && to->as.any.sa_family != AF_UNIX) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    fd = tcp_start_connect(to, &options, in_progress);
    for (int tries = 1;
         fd < 0 && options.source && errno == EADDRNOTAVAIL && tries < DIAL_SOURCE_TRIES; tries++) {
        options.source = source_pool_next(sources, to->as.any.sa_family);
        fd = tcp_start_connect(to, &options, in_progress);
    }
    return fd;
}

static void on_connecting(struct watch *watch, unsigned ready, uint64_t now_ns);

static void fail_attempt(struct attempt *attempt, int error_number)
{
    struct dial *dial = attempt->dial;

    /* Of an address that was passed over there is something to say only when all were. */
    if (error_number != EAFNOSUPPORT || !dial->failed) {
        dial->failed = attempt->to;
        dial->error_number = error_number;
    }
    close_attempt(attempt);
}

/* 0 when under way or connected, else -1 and the attempt has failed. */
static int start_attempt(struct attempt *attempt, bool *in_progress)
{
    struct loop *loop = attempt->dial->dialer->config.loop;

    attempt->began_ns = loop_now_ns(loop);
    attempt->fd = start_from_sources(attempt->dial, attempt->to, in_progress);
    if (attempt->fd < 0 || loop_add(loop, attempt->watch, attempt->fd,
                                    LOOP_READABLE | LOOP_WRITABLE, on_connecting) < 0) {
        fail_attempt(attempt, errno);
        return -1;
    }
    attempt->watch->owner = attempt;
    return 0;
}

/*
 * Closes the others and makes the winner the first attempt, on the owner's watch. Being added anew
 * reports once more what the peer has said already. 0, or -1 and the attempt has failed.
 */
static int take_first_place(struct attempt *winner)
{
    struct dial *dial = winner->dial;
    struct loop *loop = dial->dialer->config.loop;
    struct attempt *first = &dial->first;

    if (dial->race)
        loop_cancel_timer(loop, &dial->race->delay);
    if (winner != first)
        close_attempt(first);
    close_race(dial, winner);
    if (winner == first)
        return 0;
    loop_remove(loop, winner->watch);
    if (loop_add(loop, first->watch, winner->fd, LOOP_READABLE | LOOP_WRITABLE, on_connecting) <
        0) {
        fail_attempt(winner, errno);
        return -1;
    }
    first->watch->owner = first;
    first->to = winner->to;
    first->began_ns = winner->began_ns;
    first->fd = winner->fd;
    winner->fd = -1;
    return 0;
}

static void begin_race(struct dial *dial)
{
    struct race *race = x_calloc(1, sizeof *race);

    race->dial = dial;
    for (int i = 0; i < DIAL_ATTEMPTS_AT_ONCE - 1; i++)
        race->attempts[i] = (struct attempt){.dial = dial, .watch = &race->watches[i], .fd = -1};
    dial->race = race;
}

/* NULL when as many are under way as may be. */
static struct attempt *find_idle(struct dial *dial)
{
    if (dial->first.fd < 0)
        return &dial->first;
    for (int i = 0; dial->race && i < DIAL_ATTEMPTS_AT_ONCE - 1; i++) {
        if (dial->race->attempts[i].fd < 0)
            return &dial->race->attempts[i];
    }
    return NULL;
}

static bool is_under_way(const struct dial *dial)
{
    bool is_any = dial->first.fd >= 0;

    for (int i = 0; dial->race && i < DIAL_ATTEMPTS_AT_ONCE - 1; i++)
        is_any = is_any || dial->race->attempts[i].fd >= 0;
    return is_any;
}

static void on_delay(struct timer *timer, uint64_t now_ns);

/* Starts with the next address that does not fail at once, if there is room for it; ends the dial
 * when nothing is under way afterwards. */
static void try_next(struct dial *dial)
{
    struct loop *loop = dial->dialer->config.loop;
    struct attempt *attempt = find_idle(dial);

    while (attempt && dial->tried < dial->list->count) {
        bool in_progress = false;

        attempt->to = address_list_pick(dial->list, dial->turn, dial->tried++);
        if (start_attempt(attempt, &in_progress) < 0)
            continue;
        if (in_progress) {
            if (dial->tried < dial->list->count)
                loop_set_timer(loop, &dial->race->delay,
                               loop_now_ns(loop) + DIAL_ATTEMPT_DELAY_MS * CLOCK_NS_PER_MS,
                               on_delay);
            return;
        }
        if (take_first_place(attempt) == 0) {
            finish_connected(dial);
            return;
        }
    }
    if (!is_under_way(dial))
        finish_by_errno(dial);
}

static void on_delay(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    try_next(CONTAINER_OF(timer, struct race, delay)->dial);
}

static void on_connecting(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct attempt *attempt = watch->owner;
    struct dial *dial = attempt->dial;
    int error_number = 0;

    (void)now_ns;
    if (!(ready & (LOOP_WRITABLE | LOOP_HANGUP)))
        return;
    if (ready & LOOP_HANGUP)
        error_number = tcp_finish_connect(attempt->fd);
    /* The peer may have spoken, or left, already: its edge belongs to the next owner of the watch.
     */
    if (error_number == 0 && watch == dial->watch && (ready & LOOP_READABLE) &&
        loop_change(dial->dialer->config.loop, watch, watch->interest) < 0)
        error_number = errno;
    if (error_number == 0 && take_first_place(attempt) == 0) {
        finish_connected(dial);
        return;
    }
    if (error_number != 0)
        fail_attempt(attempt, error_number);
    try_next(dial);
}

static void on_timeout(struct timer *timer, uint64_t now_ns)
{
    struct dial *dial = CONTAINER_OF(timer, struct dial, timer);

    (void)now_ns;
    if (dial->transport.ops)
        finish_failed(dial, CLASS_CONNECT_TIMEOUT, "no TLS handshake within the connect timeout");
    else if (dial->list)
        finish_failed(dial, CLASS_CONNECT_TIMEOUT, "no connection within the connect timeout");
    else
        finish_failed(dial, CLASS_DNS, "no answer from the resolver within the connect timeout");
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
    dial->turn = list->next++;
    if (list->count > 1)
        begin_race(dial);
    try_next(dial);
}

/* Where the connection goes: --connect-to first, then --resolve, then the resolver. */
static void find_addresses(struct dial *dial, const char *host, uint16_t port)
{
    const struct dialer_config *config = &dial->dialer->config;
    struct address_list *list = dial->dialer->unix_address;

    if (!list) {
        route_connect_to(config->routes, host, port, &host, &port);
        list = route_find_addresses(config->routes, host, port);
    }
    if (list)
        on_resolved(&dial->query, list, NULL, 0);
    else
        resolver_ask(config->resolver, host, port, &dial->query, on_resolved);
}

struct dialer *dialer_new(const struct dialer_config *config, struct err *err)
{
    struct dialer *dialer = x_calloc(1, sizeof *dialer);
    struct address address;

    tls_memory_use();
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
    tls_context_free(dialer->tls);
    pool_free(dialer->dials);
    free(dialer);
}

struct dial *dialer_start(struct dialer *dialer, const struct dial_target *target,
                          struct watch *watch, dial_fn on_done)
{
    struct dial *dial = pool_take(dialer->dials);
    struct dial_result no_memory = {.error_class = CLASS_LOCAL_LIMIT, .message = "out of memory"};
    struct loop *loop = dialer->config.loop;

    if (!dial) {
        on_done(watch, &no_memory, loop_now_ns(loop));
        return NULL;
    }
    dial->dialer = dialer;
    dial->watch = watch;
    dial->on_done = on_done;
    dial->target = *target;
    dial->is_starting = true;
    dial->first = (struct attempt){.dial = dial, .watch = watch, .fd = -1};
    loop_set_timer(loop, &dial->timer, clock_add_ns(loop_now_ns(loop), dialer->config.timeout_ns),
                   on_timeout);
    find_addresses(dial, target->host, target->port);
    dial->is_starting = false;
    if (!dial->is_done)
        return dial;
    pool_give(dialer->dials, dial);
    return NULL;
}

void dialer_cancel(struct dialer *dialer, struct dial *dial)
{
    close_all(dial);
    release(dial);
    pool_give(dialer->dials, dial);
}

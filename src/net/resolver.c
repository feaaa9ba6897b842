#include "net/resolver.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"

#include <ares.h>
#include <assert.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>

enum {
    RESOLVER_TTL_MIN_S = 1,
    RESOLVER_TTL_MAX_S = 3600,
    RESOLVER_TRY_MS = 2000,
    RESOLVER_TRIES = 3
};

/* A descriptor of c-ares on our loop. */
struct resolver_socket {
    struct list node;
    struct watch watch;
    struct resolver *resolver;
};

/* A name that was asked for: its answer while it is fresh, its askers while a question is out. */
struct resolver_name {
    struct list node;
    struct resolver *resolver;
    char *host; /* owned */
    uint16_t port;
    bool is_asking;
    uint64_t fresh_until_ns;
    struct address_list *answer; /* one reference; NULL without */
    struct list askers;          /* resolver_query.node */
};

struct resolver {
    struct loop *loop;
    ares_channel channel;
    struct list sockets;
    struct list names;
    struct timer timer;
    bool is_closing;
};

struct address_list *address_list_keep(struct address_list *list)
{
    list->references++;
    return list;
}

void address_list_drop(struct address_list *list)
{
    if (list && --list->references == 0)
        free(list);
}

static struct address_list *new_list(size_t count)
{
    struct address_list *list = x_calloc(1, sizeof *list + count * sizeof list->items[0]);

    list->references = 1;
    return list;
}

struct address_list *address_list_new(const struct address *items, size_t count)
{
    struct address_list *list = new_list(count);

    list->count = count;
    (void)memcpy(list->items, items, count * sizeof *items);
    return list;
}

struct address_list *address_list_of(const struct address *address)
{
    return address_list_new(address, 1);
}

/* Whether the item is of the family that is tried first. */
static bool is_leading(const struct address_list *list, size_t index)
{
    return list->items[index].as.any.sa_family == list->items[0].as.any.sa_family;
}

const struct address *address_list_pick(const struct address_list *list, uint32_t turn,
                                        size_t position)
{
    size_t leading = 0, other, both, wanted, nth, index = 0;
    bool wants_leading;

    assert(position < list->count);
    for (size_t i = 0; i < list->count; i++)
        leading += is_leading(list, i);
    other = list->count - leading;
    both = 2 * (leading < other ? leading : other); /* that many alternate, the rest follow */
    wants_leading = position < both ? position % 2 == 0 : leading > other;
    wanted = wants_leading ? leading : other;
    assert(wanted > 0);
    nth = ((position < both ? position / 2 : position - both / 2) + turn) % wanted;
    while (is_leading(list, index) != wants_leading || nth-- > 0)
        index++;
    return &list->items[index];
}

static void on_timer(struct timer *timer, uint64_t now_ns);

static void arm_timer(struct resolver *resolver)
{
    struct timeval wait;
    uint64_t now_ns = loop_now_ns(resolver->loop);

    if (!ares_timeout(resolver->channel, NULL, &wait)) {
        loop_cancel_timer(resolver->loop, &resolver->timer);
        return;
    }
    loop_set_timer(resolver->loop, &resolver->timer,
                   now_ns + (uint64_t)wait.tv_sec * CLOCK_NS_PER_S +
                       (uint64_t)wait.tv_usec * CLOCK_NS_PER_US,
                   on_timer);
}

static void on_timer(struct timer *timer, uint64_t now_ns)
{
    struct resolver *resolver = CONTAINER_OF(timer, struct resolver, timer);

    (void)now_ns;
    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm_timer(resolver);
}

static struct resolver_socket *find_socket(struct resolver *resolver, int fd)
{
    for (struct list *at = resolver->sockets.next; at != &resolver->sockets; at = at->next) {
        struct resolver_socket *sock = CONTAINER_OF(at, struct resolver_socket, node);

        if (sock->watch.fd == fd)
            return sock;
    }
    return NULL;
}

static void on_socket_ready(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct resolver_socket *sock = CONTAINER_OF(watch, struct resolver_socket, watch);
    struct resolver *resolver = sock->resolver; /* the socket may go while c-ares works */
    int fd = watch->fd;

    (void)now_ns;
    ares_process_fd(resolver->channel, (ready & LOOP_READABLE) ? fd : ARES_SOCKET_BAD,
                    (ready & LOOP_WRITABLE) ? fd : ARES_SOCKET_BAD);
    /* c-ares reads a TCP answer in pieces, one a call: what is left needs its edge again. */
    sock = find_socket(resolver, fd);
    if (sock && sock->watch.on_ready)
        (void)loop_change(resolver->loop, &sock->watch, sock->watch.interest);
    arm_timer(resolver);
}

/* c-ares says what it waits for on a descriptor of its own; neither means it closes it. */
static void on_socket_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
    struct resolver *resolver = ctx;
    struct resolver_socket *sock = find_socket(resolver, fd);
    unsigned interest =
        (readable ? (unsigned)LOOP_READABLE : 0u) | (writable ? (unsigned)LOOP_WRITABLE : 0u);

    if (!interest) {
        if (!sock)
            return;
        loop_remove(resolver->loop, &sock->watch);
        list_remove(&sock->node);
        free(sock);
        return;
    }
    if (sock) {
        if (sock->watch.on_ready)
            (void)loop_change(resolver->loop, &sock->watch, interest);
        return;
    }
    sock = x_calloc(1, sizeof *sock);
    sock->resolver = resolver;
    list_append(&resolver->sockets, &sock->node);
    /* A refusal shows as c-ares's own timeout. */
    (void)loop_add(resolver->loop, &sock->watch, fd, interest, on_socket_ready);
    sock->watch.fd = fd;
}

struct resolver *resolver_new(struct loop *loop, struct err *err)
{
    struct resolver *resolver = x_calloc(1, sizeof *resolver);
    struct ares_options options = {
        .timeout = RESOLVER_TRY_MS,
        .tries = RESOLVER_TRIES,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = resolver,
    };
    int status = ares_library_init(ARES_LIB_INIT_ALL);

    resolver->loop = loop;
    list_init(&resolver->sockets);
    list_init(&resolver->names);
    if (status == ARES_SUCCESS)
        status = ares_init_options(&resolver->channel, &options,
                                   ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS) {
        err_set(err, ERR_SYSTEM, "cannot start the resolver: %s", ares_strerror(status));
        free(resolver);
        return NULL;
    }
    return resolver;
}

static void free_name(struct resolver_name *name)
{
    list_remove(&name->node);
    address_list_drop(name->answer);
    free(name->host);
    free(name);
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return;
    resolver->is_closing = true;
    ares_destroy(resolver->channel);
    ares_library_cleanup();
    loop_cancel_timer(resolver->loop, &resolver->timer);
    while (!list_empty(&resolver->names))
        free_name(CONTAINER_OF(resolver->names.next, struct resolver_name, node));
    free(resolver);
}

/* Hands the answer to all askers; each may ask, cancel or go meanwhile. */
static void answer_all(struct resolver_name *name, struct address_list *list, const char *reason,
                       uint64_t now_ns)
{
    struct list askers;

    list_init(&askers);
    list_splice(&askers, &name->askers);
    while (!list_empty(&askers)) {
        struct resolver_query *query = CONTAINER_OF(askers.next, struct resolver_query, node);

        list_remove(&query->node);
        query->on_answer(query, list, reason, now_ns - query->asked_ns);
    }
}

static struct address_list *copy_answer(const struct ares_addrinfo *info, uint16_t port, int *ttl_s)
{
    struct address_list *list;
    size_t count = 0;

    for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next)
        count++;
    list = new_list(count);
    *ttl_s = RESOLVER_TTL_MAX_S;
    for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
        struct address *address = &list->items[list->count];

        if ((size_t)node->ai_addrlen > sizeof address->as)
            continue;
        address->len = (socklen_t)node->ai_addrlen;
        (void)memcpy(&address->as, node->ai_addr, (size_t)node->ai_addrlen);
        if (node->ai_family == AF_INET)
            address->as.v4.sin_port = htons(port);
        else if (node->ai_family == AF_INET6)
            address->as.v6.sin6_port = htons(port);
        else
            continue;
        list->count++;
        if (node->ai_ttl < *ttl_s)
            *ttl_s = node->ai_ttl;
    }
    if (*ttl_s < RESOLVER_TTL_MIN_S)
        *ttl_s = RESOLVER_TTL_MIN_S;
    return list;
}

static void on_addresses(void *ctx, int status, int timeouts, struct ares_addrinfo *info)
{
    struct resolver_name *name = ctx;
    uint64_t now_ns;
    int ttl_s = 0;

    (void)timeouts;
    name->is_asking = false;
    if (name->resolver->is_closing) {
        ares_freeaddrinfo(info);
        return;
    }
    now_ns = loop_refresh_ns(name->resolver->loop);
    address_list_drop(name->answer);
    name->answer = NULL;
    if (status == ARES_SUCCESS) {
        name->answer = copy_answer(info, name->port, &ttl_s);
        name->fresh_until_ns = now_ns + (uint64_t)ttl_s * CLOCK_NS_PER_S;
        ares_freeaddrinfo(info);
    }
    if (name->answer && name->answer->count > 0) {
        struct address_list *list = address_list_keep(name->answer);

        answer_all(name, list, NULL, now_ns);
        address_list_drop(list);
        return;
    }
    name->fresh_until_ns = 0;
    answer_all(name, NULL,
               status == ARES_SUCCESS ? "the name has no address" : ares_strerror(status), now_ns);
}

static struct resolver_name *find_name(struct resolver *resolver, const char *host, uint16_t port)
{
    struct resolver_name *name;

    for (struct list *at = resolver->names.next; at != &resolver->names; at = at->next) {
        name = CONTAINER_OF(at, struct resolver_name, node);
        if (name->port == port && strcasecmp(name->host, host) == 0)
            return name;
    }
    name = x_calloc(1, sizeof *name);
    name->resolver = resolver;
    name->host = x_strdup(host);
    name->port = port;
    list_init(&name->askers);
    list_append(&resolver->names, &name->node);
    return name;
}

void resolver_ask(struct resolver *resolver, const char *host, uint16_t port,
                  struct resolver_query *query, resolver_fn on_answer)
{
    static const struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_NUMERICSERV, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct resolver_name *name = find_name(resolver, host, port);
    struct address literal;

    list_init(&query->node);
    query->on_answer = on_answer;
    query->asked_ns = loop_now_ns(resolver->loop);
    if (!name->answer && address_parse(host, port, &literal) == 0) {
        name->answer = address_list_of(&literal);
        name->fresh_until_ns = CLOCK_NEVER_NS;
    }
    if (name->answer && loop_now_ns(resolver->loop) < name->fresh_until_ns) {
        struct address_list *list = address_list_keep(name->answer);

        on_answer(query, list, NULL, 0);
        address_list_drop(list);
        return;
    }
    list_append(&name->askers, &query->node);
    if (name->is_asking)
        return;
    name->is_asking = true;
    ares_getaddrinfo(resolver->channel, host, NULL, &hints, on_addresses, name);
    arm_timer(resolver);
}

void resolver_cancel(struct resolver *resolver, struct resolver_query *query)
{
    (void)resolver;
    if (query->node.next)
        list_remove(&query->node);
}

/* What resolver_resolve_now waits for. */
struct lookup {
    struct resolver_query query;
    struct timer timer;
    struct loop *loop;
    struct address_list *list;
    char reason[128];
};

static void on_lookup(struct resolver_query *query, struct address_list *list, const char *reason,
                      uint64_t took_ns)
{
    struct lookup *lookup = CONTAINER_OF(query, struct lookup, query);

    (void)took_ns;
    lookup->reason[0] = '\0';
    if (list)
        lookup->list = address_list_keep(list);
    else
        (void)strncat(lookup->reason, reason, sizeof lookup->reason - 1);
    loop_stop(lookup->loop);
}

static void on_lookup_timeout(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    loop_stop(CONTAINER_OF(timer, struct lookup, timer)->loop);
}

struct address_list *resolver_resolve_now(const char *host, uint16_t port, uint64_t timeout_ns,
                                          struct err *err)
{
    struct lookup lookup = {.reason = "no answer in time"};
    struct resolver *resolver;

    lookup.loop = loop_new(err);
    if (!lookup.loop)
        return NULL;
    resolver = resolver_new(lookup.loop, err);
    if (!resolver) {
        loop_free(lookup.loop);
        return NULL;
    }
    loop_set_timer(lookup.loop, &lookup.timer, clock_add_ns(loop_now_ns(lookup.loop), timeout_ns),
                   on_lookup_timeout);
    resolver_ask(resolver, host, port, &lookup.query, on_lookup);
    if (!lookup.list && lookup.query.node.next != &lookup.query.node)
        loop_run(lookup.loop);
    resolver_cancel(resolver, &lookup.query);
    resolver_free(resolver);
    loop_free(lookup.loop);
    if (!lookup.list)
        err_set(err, ERR_USAGE, "cannot resolve '%s': %s", host, lookup.reason);
    return lookup.list;
}

/*
 * cli/run_targets.c - the URLs of a run: weights, schemes, columns, addresses.
 */
#include "cli/run.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/units.h"
#include "http/url.h"
#include "load/feed.h"
#include "load/network.h"
#include "load/plan.h"
#include "load/request.h"
#include "load/template.h"
#include "net/resolver.h"
#include "net/route.h"

#include <stdlib.h>
#include <string.h>

enum { RUN_WEIGHT_MAX = 1000000, RUN_RESOLVE_S = 5 };

/* A trailing "*3": where it starts, and the weight; the end and 1 without one. */
static int split_weight(const char *text, size_t *len, uint32_t *weight, struct err *err)
{
    const char *star = strrchr(text, '*');
    uint64_t value = 1;

    *len = strlen(text);
    *weight = 1;
    if (!star || star[1] == '\0' || star[1 + strspn(star + 1, "0123456789")] != '\0')
        return 0;
    if (units_parse_count(star + 1, 1, RUN_WEIGHT_MAX, &value, err) < 0) {
        err_set(err, ERR_USAGE, "'%.200s': the weight behind '*' is a number from 1 to %d", text,
                RUN_WEIGHT_MAX);
        return -1;
    }
    *len = (size_t)(star - text);
    *weight = (uint32_t)value;
    return 0;
}

/* Users of a run go to one host: a host out of a feed could not be resolved before the start. */
static int check_host(const char *url, struct err *err)
{
    const char *host = strstr(url, "://"), *braces;

    if (!host)
        return 0;
    host += 3;
    braces = strstr(host, "{{");
    if (!braces || strcspn(host, "/?#") < (size_t)(braces - host))
        return 0;
    err_set(err, ERR_USAGE, "'%.200s': columns of a feed can stand behind the host only", url);
    return -1;
}

/* Each row of the feed must make a URL. */
static int check_rows(const char *url, const struct feed *feed, struct err *err)
{
    struct template *template = template_compile(url, strlen(url), TEMPLATE_URL, feed, err);
    struct buf text = {0};
    int result = -1;

    buf_init(&text, URL_LIMIT_BYTES);
    if (!template) {
        err_prefix(err, "'%.200s'", url);
        goto out;
    }
    for (size_t row = 0; template_has_columns(template) && row < feed_row_count(feed); row++) {
        buf_clear(&text);
        if (template_expand(template, row, &text) < 0) {
            err_set(err, ERR_USAGE, "the row on line %zu of the feed makes a URL of over %d bytes",
                    feed_row_line(feed, row), URL_LIMIT_BYTES);
            goto out;
        }
    }
    result = 0;
out:
    template_free(template);
    buf_fini(&text);
    return result;
}

static int check_target(const char *text, const struct feed *feed, struct err *err)
{
    size_t len = strlen(text);

    if (len > 3 && strcmp(text + len - 3, ".py") == 0 && !strstr(text, "://")) {
        err_set(err, ERR_USAGE, "'%.200s': Locust files are not supported yet", text);
        return -1;
    }
    return check_host(text, err) < 0 ? -1 : check_rows(text, feed, err);
}

int run_targets_fill(const char *const *operands, size_t count, const struct feed *feed,
                     struct plan *plan, struct err *err)
{
    plan->targets = x_calloc(count, sizeof *plan->targets);
    for (size_t i = 0; i < count; i++) {
        struct plan_target *target = &plan->targets[i];
        size_t len;

        if (split_weight(operands[i], &len, &target->weight, err) < 0)
            return -1;
        target->url = x_strndup(operands[i], len);
        plan->target_count = i + 1;
        if (check_target(target->url, feed, err) < 0)
            return -1;
    }
    return 0;
}

static int try_request(const struct request_spec *spec, struct err *err)
{
    struct request *request = request_new(spec, err);

    request_free(request);
    return request ? 0 : -1;
}

static int try_requests(const struct plan *plan, const struct feed *feed,
                        const struct request_body *body, struct err *err)
{
    for (size_t i = 0; i < plan->target_count; i++) {
        struct request_spec spec = {.url = plan->targets[i].url,
                                    .message = &plan->request,
                                    .body = body,
                                    .feed = feed,
                                    .is_for_stream = true};

        if (try_request(&spec, err) < 0)
            return -1;
    }
    return 0;
}

static int try_login(const struct plan *plan, const struct feed *feed,
                     const struct request_body *body, struct err *err)
{
    struct request_spec spec = {
        .url = plan->login_url, .message = &plan->login, .body = body, .feed = feed};

    if (!plan->login_url)
        return 0;
    if (check_host(plan->login_url, err) == 0 && check_rows(plan->login_url, feed, err) == 0 &&
        try_request(&spec, err) == 0)
        return 0;
    err_prefix(err, "option '--login'");
    return -1;
}

int run_targets_check(const struct plan *plan, const struct feed *feed, struct err *err)
{
    struct request_body body = {0}, login_body = {0};
    int result = -1;

    if (request_body_init(&body, &plan->request, plan->seed, err) == 0 &&
        request_body_init(&login_body, &plan->login, plan->seed, err) == 0 &&
        try_requests(plan, feed, &body, err) == 0)
        result = try_login(plan, feed, &login_body, err);
    request_body_fini(&body);
    request_body_fini(&login_body);
    return result;
}

/* One place that connections go to, and the share of users that goes there. */
struct destination {
    struct address address;
    double share;
};

struct destinations {
    struct destination *items; /* owned */
    size_t count;
};

static void add_destination(struct destinations *all, const struct address *address, double share)
{
    for (size_t i = 0; i < all->count; i++) {
        if (all->items[i].address.len == address->len &&
            memcmp(&all->items[i].address.as, &address->as, address->len) == 0) {
            all->items[i].share += share;
            return;
        }
    }
    all->items = x_realloc(all->items, (all->count + 1) * sizeof *all->items);
    all->items[all->count++] = (struct destination){.address = *address, .share = share};
}

/* Hosts already asked for, so that a hundred URLs of one host make one question. */
struct host {
    char *name; /* owned */
    uint16_t port;
    struct address_list *list; /* a reference of ours */
};

struct hosts {
    struct host *items; /* owned */
    size_t count;
};

static const struct address_list *resolve(struct hosts *hosts, const struct url *url,
                                          const struct route_table *routes, struct err *err)
{
    struct address_list *list;

    for (size_t i = 0; i < hosts->count; i++) {
        if (hosts->items[i].port == url->port && strcmp(hosts->items[i].name, url->host) == 0)
            return hosts->items[i].list;
    }
    list = route_resolve_now(routes, url->host, url->port, RUN_RESOLVE_S * CLOCK_NS_PER_S, err);
    if (!list)
        return NULL;
    hosts->items = x_realloc(hosts->items, (hosts->count + 1) * sizeof *hosts->items);
    hosts->items[hosts->count++] =
        (struct host){.name = x_strdup(url->host), .port = url->port, .list = list};
    return list;
}

static void free_hosts(struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++) {
        free(hosts->items[i].name);
        address_list_drop(hosts->items[i].list);
    }
    free(hosts->items);
}

/* `share` 0: resolved only. */
static int resolve_target(const char *text, double share, const struct route_table *routes,
                          struct hosts *hosts, struct destinations *all, struct err *err)
{
    const struct address_list *list = NULL;
    struct url url = {0};

    if (url_parse(text, strlen(text), &url, err) == 0)
        list = resolve(hosts, &url, routes, err);
    for (size_t i = 0; list && i < list->count; i++)
        add_destination(all, &list->items[i], share / (double)list->count);
    url_fini(&url);
    return list ? 0 : -1;
}

static int resolve_all(const struct plan *plan, const struct route_table *routes,
                       struct hosts *hosts, struct destinations *all, struct err *err)
{
    double weights = 0;

    for (size_t i = 0; i < plan->target_count; i++)
        weights += plan->targets[i].weight;
    for (size_t i = 0; i < plan->target_count; i++) {
        const struct plan_target *target = &plan->targets[i];

        if (resolve_target(target->url, target->weight / weights, routes, hosts, all, err) < 0)
            return -1;
    }
    if (plan->login_url && resolve_target(plan->login_url, 0, routes, hosts, all, err) < 0)
        return -1;
    if (!plan->checks.publish.url)
        return 0;
    return resolve_target(plan->checks.publish.url, 0, routes, hosts, all, err);
}

int run_targets_resolve(const struct plan *plan, struct run_reach *reach, struct err *err)
{
    struct route_table *routes;
    struct destinations all = {0};
    struct hosts hosts = {0};
    int result;

    *reach = (struct run_reach){.is_local = true};
    if (plan->network.unix_socket)
        return 0;
    routes = network_routes(&plan->network, err);
    result = routes ? resolve_all(plan, routes, &hosts, &all, err) : -1;
    for (size_t i = 0; i < all.count; i++) {
        if (all.items[i].share > reach->busiest_share)
            reach->busiest_share = all.items[i].share;
        reach->is_local = reach->is_local && address_is_local(&all.items[i].address);
    }
    route_table_free(routes);
    free(all.items);
    free_hosts(&hosts);
    return result;
}

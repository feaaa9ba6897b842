#include "script/networks.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "load/network.h"

#include <stdlib.h>
#include <string.h>

enum { NETWORKS_FILE_LIMIT_BYTES = 16 * 1024 * 1024 };

struct way {
    struct way *next;
    struct plan_network plan; /* texts borrowed, but for those below */
    char *ca_pem, *cert_pem, *key_pem;
    struct network network;
    bool is_insecure;
    char *ca_path, *cert_path, *key_path; /* of the choice it was made for */
};

struct networks {
    struct loop *loop;
    const struct plan_network *plan;
    struct way *first; /* as the run has it; the others behind it */
    size_t count;
};

static void way_free(struct way *way)
{
    network_close(&way->network);
    free(way->ca_pem);
    free(way->cert_pem);
    free(way->key_pem);
    free(way->ca_path);
    free(way->cert_path);
    free(way->key_path);
    free(way);
}

static char *read_file(const char *path, struct err *err)
{
    struct buf text = {0};
    char *result = NULL;

    if (file_read(path, NETWORKS_FILE_LIMIT_BYTES, &text, err) == 0)
        result = x_strndup(buf_text(&text), text.len);
    buf_fini(&text);
    return result;
}

static char *copy_path(const char *path)
{
    return path ? x_strdup(path) : NULL;
}

/* Takes the PEM text of `path`, where one is given, instead of what the run has. */
static int take_file(const char *path, char **own, char **used, struct err *err)
{
    if (!path)
        return 0;
    *own = read_file(path, err);
    *used = *own;
    return *own ? 0 : -1;
}

static int read_files(struct way *way, const struct networks_choice *choice, struct err *err)
{
    if (take_file(choice->ca_path, &way->ca_pem, &way->plan.ca_pem, err) < 0)
        return -1;
    if (choice->cert_path)
        way->plan.key_pem = NULL; /* the run's belongs to the run's certificate */
    if (take_file(choice->cert_path, &way->cert_pem, &way->plan.cert_pem, err) < 0)
        return -1;
    return take_file(choice->key_path, &way->key_pem, &way->plan.key_pem, err);
}

static struct way *way_new(struct networks *networks, const struct networks_choice *choice,
                           struct err *err)
{
    struct way *way = x_calloc(1, sizeof *way);

    way->plan = *networks->plan;
    way->is_insecure = choice->is_insecure;
    way->ca_path = copy_path(choice->ca_path);
    way->cert_path = copy_path(choice->cert_path);
    way->key_path = copy_path(choice->key_path);
    if (choice->is_insecure)
        way->plan.is_insecure = true;
    if (read_files(way, choice, err) == 0 &&
        network_open(&way->network, networks->loop, &way->plan, true, err) == 0)
        return way;
    way_free(way);
    return NULL;
}

struct networks *networks_new(struct loop *loop, const struct plan_network *plan, struct err *err)
{
    struct networks *networks = x_calloc(1, sizeof *networks);

    networks->loop = loop;
    networks->plan = plan;
    networks->first = way_new(networks, &(struct networks_choice){0}, err);
    networks->count = 1;
    if (networks->first)
        return networks;
    networks_free(networks);
    return NULL;
}

void networks_free(struct networks *networks)
{
    if (!networks)
        return;
    while (networks->first) {
        struct way *way = networks->first;

        networks->first = way->next;
        way_free(way);
    }
    free(networks);
}

static bool is_same_path(const char *left, const char *right)
{
    return left && right ? strcmp(left, right) == 0 : left == right;
}

static bool is_for(const struct way *way, const struct networks_choice *choice)
{
    return way->is_insecure == choice->is_insecure && is_same_path(way->ca_path, choice->ca_path) &&
           is_same_path(way->cert_path, choice->cert_path) &&
           is_same_path(way->key_path, choice->key_path);
}

struct http_client *networks_find(struct networks *networks, const struct networks_choice *choice,
                                  struct err *err)
{
    struct way **at, *way;

    for (at = &networks->first; *at; at = &(*at)->next) {
        if (is_for(*at, choice))
            return (*at)->network.client;
    }
    if (networks->count == NETWORKS_LIMIT) {
        err_set(err, ERR_LIMIT, "more than %d different settings of verify and cert",
                NETWORKS_LIMIT);
        return NULL;
    }
    way = way_new(networks, choice, err);
    if (!way)
        return NULL;
    *at = way;
    networks->count++;
    return way->network.client;
}

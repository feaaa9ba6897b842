#include "load/servers.h"

#include "base/ascii.h"
#include "base/mem.h"
#include "http/head.h"
#include "stats/set.h"

#include <stdlib.h>
#include <string.h>

static const char FORM[] = "header:";
static const char OTHER_TAG[] = "server:(other)";

enum { OTHER_INDEX = SERVERS_LIMIT + 1, TAG_BYTES = sizeof "server:" + SERVERS_NAME_BYTES };

struct servers {
    char *header; /* owned */
    char tags[SERVERS_LIMIT][TAG_BYTES];
    uint8_t count;
};

const char *servers_parse(const char *text, struct err *err)
{
    const char *name = text + sizeof FORM - 1;

    if (strncmp(text, FORM, sizeof FORM - 1) == 0 && ascii_is_token(name, strlen(name)))
        return name;
    err_set(err, ERR_USAGE, "'%.100s' is not of the form header:NAME, such as header:x-served-by",
            text);
    return NULL;
}

struct servers *servers_new(const char *header)
{
    struct servers *servers = x_calloc(1, sizeof *servers);

    servers->header = x_strdup(header);
    return servers;
}

void servers_free(struct servers *servers)
{
    if (!servers)
        return;
    free(servers->header);
    free(servers);
}

uint8_t servers_find(struct servers *servers, const struct http_head *head)
{
    char tag[TAG_BYTES];
    const char *name;
    size_t len;

    if (!servers)
        return SERVERS_UNKNOWN;
    name = http_head_find(head, servers->header, &len);
    if (!name || len == 0)
        return SERVERS_UNKNOWN;
    stat_tag_write(tag, sizeof tag, "server:", name, len);
    for (uint8_t i = 0; i < servers->count; i++) {
        if (strcmp(servers->tags[i], tag) == 0)
            return i + 1;
    }
    if (servers->count == SERVERS_LIMIT)
        return OTHER_INDEX;
    memcpy(servers->tags[servers->count], tag, sizeof tag);
    return ++servers->count;
}

const char *servers_tag(const struct servers *servers, uint8_t index)
{
    if (index == SERVERS_UNKNOWN)
        return NULL;
    return index == OTHER_INDEX ? OTHER_TAG : servers->tags[index - 1];
}

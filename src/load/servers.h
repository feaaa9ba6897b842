/*
 * load/servers.h - which server answered (--server-id), as a small number for each stream and a tag
 * for its figures.
 */
#ifndef CICADA_LOAD_SERVERS_H
#define CICADA_LOAD_SERVERS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct http_head;
struct servers;

enum {
    SERVERS_UNKNOWN = 0,              /* not asked for, or no answer said */
    SERVERS_NAME_BYTES = 64,          /* of a name; the rest is cut */
    SERVERS_LIMIT = 50,               /* different ones; the rest share "(other)" */
    SERVERS_COUNT = SERVERS_LIMIT + 2 /* of numbers: theirs, "(other)" and unknown */
};

/* "header:NAME": where NAME stands, or NULL with a sentence. */
const char *servers_parse(const char *text, struct err *err);
/* `header` is copied. The caller owns the result. */
struct servers *servers_new(const char *header);
/* NULL does nothing. */
void servers_free(struct servers *servers);
/* The number of the server that sent `head`, made when new; SERVERS_UNKNOWN without the header, and
 * for NULL. */
uint8_t servers_find(struct servers *servers, const struct http_head *head);
/* "server:NAME", borrowed for as long as `servers` lives; NULL for SERVERS_UNKNOWN. */
const char *servers_tag(const struct servers *servers, uint8_t index);

#endif

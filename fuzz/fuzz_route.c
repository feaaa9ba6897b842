/*
 * fuzz/fuzz_route.c - --resolve and --connect-to: what was taken applies to its host and port, to
 * others only when it says so, and written again it means the same.
 *
 * The input up to its first line end is a --resolve, the rest a --connect-to.
 */
#include "base/mem.h"
#include "net/route.h"

#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(bool holds, const char *what, const char *text)
{
    if (!holds) {
        (void)fprintf(stderr, "%s: %s\n", what, text);
        abort();
    }
}

/* The host and port that a text taken begins with; the caller frees the host. */
static char *read_start(const char *text, uint16_t *port)
{
    const char *end;
    char *host;

    text += *text == '+';
    end = *text == '[' ? strchr(text, ']') : strchr(text, ':');
    require(end, "taken without a colon", text);
    host = *text == '[' ? x_strndup(text + 1, (size_t)(end - text) - 1)
                        : x_strndup(text, (size_t)(end - text));
    end = *end == ']' ? end + 1 : end;
    require(*end == ':', "taken without a port", text);
    *port = (uint16_t)strtoul(end + 1, NULL, 10);
    return host;
}

static uint16_t port_of(const struct address *address)
{
    return ntohs(address->as.any.sa_family == AF_INET ? address->as.v4.sin_port
                                                      : address->as.v6.sin6_port);
}

/* "+host:port:address,..." (a host may begin with "-") of an entry in the table; the caller frees
 * it. */
static char *write_again(const char *host, uint16_t port, const struct address_list *list)
{
    const char *open = strchr(host, ':') ? "[" : "", *close = *open ? "]" : "";
    char *text = x_asprintf("+%s%s%s:%u:", open, host, close, port);

    for (size_t i = 0; i < list->count; i++) {
        char address[TCP_ADDRESS_TEXT_BYTES], *longer;

        (void)address_format(&list->items[i], address);
        *strrchr(address, ':') = '\0';
        longer = x_asprintf("%s%s%s", text, i > 0 ? "," : "", address);
        free(text);
        text = longer;
    }
    return text;
}

static void check_resolve(const char *text)
{
    struct route_table *table = route_table_new(), *again = route_table_new();
    struct err err = {0};

    if (route_add_resolve(table, text, &err) < 0) {
        require(err.text[0] != '\0', "refused without a word", text);
    } else {
        uint16_t port;
        char *host = read_start(text, &port), *copy;
        struct address_list *list = route_find_addresses(table, host, port), *second;

        require(list && list->count > 0 && list->count <= ROUTE_ADDRESS_LIMIT, "count", text);
        for (size_t i = 0; i < list->count; i++)
            require(port_of(&list->items[i]) == port, "another port", text);
        require(!route_find_addresses(table, host, port ^ 1), "at any port", text);
        require(strcmp(host, "*") == 0 || !route_find_addresses(table, "*", port), "*", text);
        copy = write_again(host, port, list);
        require(route_add_resolve(again, copy, &err) == 0, "not taken again", copy);
        for (char *at = host; *at; at++)
            *at = (char)toupper((unsigned char)*at);
        second = route_find_addresses(again, host, port);
        require(second && second->count == list->count, "another count", copy);
        require(memcmp(second->items, list->items, list->count * sizeof list->items[0]) == 0,
                "other addresses", copy);
        free(copy);
        free(host);
    }
    route_table_free(table);
    route_table_free(again);
}

static void check_connect_to(const char *text)
{
    struct route_table *table = route_table_new();
    struct err err = {0};

    if (route_add_connect_to(table, text, &err) < 0) {
        require(err.text[0] != '\0', "refused without a word", text);
    } else if (*text != '+') {
        static const char *const other = "other host"; /* no text can name it */
        uint16_t port, to_port = 0;
        char *host = read_start(text, &port);
        const char *to_host = NULL;

        route_connect_to(table, *host ? host : other, port ? port : 7, &to_host, &to_port);
        require(to_host && *to_host && to_port > 0, "no way", text);
        for (const char *at = to_host; to_host != other && *at; at++)
            require(*at > ' ' && *at < 0x7f && !strchr("[]/?#@", *at), "byte in a host", text);
        route_connect_to(table, other, port ? port : 7, &to_host, &to_port);
        require(*host == '\0' || (to_host == other && to_port == (port ? port : 7)),
                "leads others astray", text);
        free(host);
    }
    route_table_free(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const uint8_t *line_end = len > 0 ? memchr(bytes, '\n', len) : NULL;
    size_t first_bytes = line_end ? (size_t)(line_end - bytes) : len;
    char *text = x_strndup(len > 0 ? (const char *)bytes : "", first_bytes);

    check_resolve(text);
    free(text);
    if (line_end) {
        text = x_strndup((const char *)line_end + 1, len - first_bytes - 1);
        check_connect_to(text);
        free(text);
    }
    return 0;
}

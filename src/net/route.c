#include "net/route.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ROUTE_SHOWN_BYTES = 200 };

/* A --resolve. */
struct answer {
    char *host; /* owned; "*": any */
    uint16_t port;
    struct address_list *list; /* one reference */
};

/* A --connect-to. */
struct redirect {
    char *from_host;    /* owned; NULL: any */
    char *to_host;      /* owned; NULL: keeps the host */
    uint16_t from_port; /* 0: any */
    uint16_t to_port;   /* 0: keeps the port */
};

struct route_table {
    struct answer *answers; /* owned, as all they hold */
    size_t answer_count;
    struct redirect *redirects; /* owned, as all they hold */
    size_t redirect_count;
};

static void free_answer(struct answer *answer)
{
    free(answer->host);
    address_list_drop(answer->list);
}

static void free_redirect(struct redirect *redirect)
{
    free(redirect->from_host);
    free(redirect->to_host);
}

static int refuse(struct err *err, const char *text, const char *form, const char *reason)
{
    err_set(err, ERR_USAGE, "'%.*s%s' is no %s: %s", ROUTE_SHOWN_BYTES, text,
            strlen(text) > ROUTE_SHOWN_BYTES ? "..." : "", form, reason);
    return -1;
}

/* A literal address in `len` bytes of text. 0 or -1. */
static int read_literal(const char *text, size_t len, uint16_t port, struct address *address)
{
    char copy[INET6_ADDRSTRLEN];

    if (len >= sizeof copy)
        return -1;
    (void)memcpy(copy, text, len);
    copy[len] = '\0';
    return address_parse(copy, port, address);
}

/* Text in brackets, without them. NULL or what is wrong with it. */
static const char *read_bracketed(const char **at, char **host)
{
    const char *close = strchr(*at, ']');
    const char *inner = *at + 1;
    struct address ignored;

    if (!close)
        return "a '[' has no ']'";
    if (read_literal(inner, (size_t)(close - inner), 0, &ignored) < 0)
        return "what its brackets hold is no IP address";
    *host = x_strndup(inner, (size_t)(close - inner));
    *at = close + 1;
    return NULL;
}

/* A host up to a colon or the end, NULL when empty. NULL or what is wrong with it. */
static const char *read_host(const char **at, char **host)
{
    size_t len = strcspn(*at, ":");

    if (**at == '[')
        return read_bracketed(at, host);
    if (len > ROUTE_HOST_LIMIT_BYTES)
        return "a host is longer than 253 bytes";
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)(*at)[i];

        if (byte > 0x7e)
            return "a host is not ASCII (write the xn-- form)";
        if (!isalnum(byte) && byte != '-' && byte != '.' && byte != '_')
            return "a host holds a character that no host name has";
    }
    if (len > 0)
        *host = x_strndup(*at, len);
    *at += len;
    return NULL;
}

/* A port up to a colon or the end, 0 when empty. NULL or what is wrong with it. */
static const char *read_port(const char **at, uint16_t *port)
{
    size_t len = strcspn(*at, ":");
    uint32_t value = 0;

    for (size_t i = 0; i < len; i++) {
        char digit = (*at)[i];

        if (digit >= '0' && digit <= '9')
            value = value * 10 + (uint32_t)(digit - '0');
        if (digit < '0' || digit > '9' || value > UINT16_MAX)
            return "a port is no number from 1 to 65535";
    }
    if (len > 0 && value == 0)
        return "a port is no number from 1 to 65535";
    *port = (uint16_t)value;
    *at += len;
    return NULL;
}

/* Steps over the colon between two parts, if there is one. */
static bool skip_colon(const char **at)
{
    bool is_there = **at == ':';

    *at += is_there;
    return is_there;
}

/* Addresses joined by commas up to the end. NULL or what is wrong with them. */
static const char *read_addresses(const char *at, uint16_t port, struct address_list **list)
{
    struct address items[ROUTE_ADDRESS_LIMIT];
    size_t count = 0;

    for (bool is_last = false; !is_last;) {
        size_t part_len = strcspn(at, ","), len = part_len;
        const char *text = at;

        if (*text == '[') {
            if (text[len - 1] != ']')
                return "the '[' of an address has no ']'";
            text++;
            len -= 2;
        }
        if (len > 0 && count == ROUTE_ADDRESS_LIMIT)
            return "it has more than 64 addresses";
        if (len > 0 && read_literal(text, len, port, &items[count++]) < 0)
            return "an address is neither IPv4 nor IPv6";
        is_last = at[part_len] == '\0';
        at += part_len + 1;
    }
    if (count == 0)
        return "it has no address";
    *list = address_list_new(items, count);
    return NULL;
}

static const char *read_answer(const char *at, struct answer *answer)
{
    const char *reason = NULL;

    if (*at == '-')
        return "there is no cache that '-' could remove a host from";
    at += *at == '+';
    if (at[0] == '*' && at[1] == ':') {
        answer->host = x_strdup("*");
        at++;
    } else {
        reason = read_host(&at, &answer->host);
    }
    if (reason)
        return reason;
    if (!answer->host)
        return "it has no host";
    if (*at != '\0' && *at != ':')
        return "only a colon may follow a ']'";
    if (skip_colon(&at))
        reason = read_port(&at, &answer->port);
    if (reason)
        return reason;
    if (answer->port == 0)
        return "it has no port";
    return skip_colon(&at) ? read_addresses(at, answer->port, &answer->list) : "it has no address";
}

/* "HOST:PORT", either empty. NULL or what is wrong with it. */
static const char *read_end(const char **at, char **host, uint16_t *port)
{
    const char *reason = read_host(at, host);

    if (reason)
        return reason;
    if (**at != '\0' && **at != ':')
        return "only a colon may follow a ']'";
    return skip_colon(at) ? read_port(at, port) : NULL;
}

static const char *read_redirect(const char *at, struct redirect *redirect)
{
    const char *reason = read_end(&at, &redirect->from_host, &redirect->from_port);

    if (reason)
        return reason;
    if (!skip_colon(&at))
        return "it does not say where to connect to";
    reason = read_end(&at, &redirect->to_host, &redirect->to_port);
    if (reason)
        return reason;
    return *at == '\0' ? NULL : "it has more than four parts (IPv6 addresses need brackets)";
}

static bool is_same_host(const char *left, const char *right)
{
    struct address left_v6, right_v6;

    if (strcasecmp(left, right) == 0)
        return true;
    return strchr(left, ':') && strchr(right, ':') && address_parse(left, 0, &left_v6) == 0 &&
           address_parse(right, 0, &right_v6) == 0 &&
           memcmp(&left_v6.as.v6.sin6_addr, &right_v6.as.v6.sin6_addr,
                  sizeof left_v6.as.v6.sin6_addr) == 0;
}

static struct answer *find_answer(const struct route_table *table, const char *host, uint16_t port)
{
    for (size_t i = 0; i < table->answer_count; i++) {
        if (table->answers[i].port == port && is_same_host(table->answers[i].host, host))
            return &table->answers[i];
    }
    return NULL;
}

struct route_table *route_table_new(void)
{
    return x_calloc(1, sizeof(struct route_table));
}

void route_table_free(struct route_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->answer_count; i++)
        free_answer(&table->answers[i]);
    for (size_t i = 0; i < table->redirect_count; i++)
        free_redirect(&table->redirects[i]);
    free(table->answers);
    free(table->redirects);
    free(table);
}

int route_add_resolve(struct route_table *table, const char *text, struct err *err)
{
    struct answer answer = {0}, *old;
    const char *reason = read_answer(text, &answer);

    if (reason) {
        free_answer(&answer);
        return refuse(err, text, "HOST:PORT:ADDRESS[,ADDRESS]...", reason);
    }
    old = find_answer(table, answer.host, answer.port);
    if (old) {
        free_answer(old);
        *old = answer;
        return 0;
    }
    if (table->answer_count == ROUTE_ENTRY_LIMIT) {
        free_answer(&answer);
        err_set(err, ERR_LIMIT, "at most %d hosts can be given addresses", ROUTE_ENTRY_LIMIT);
        return -1;
    }
    table->answers = x_realloc(table->answers, (table->answer_count + 1) * sizeof *table->answers);
    table->answers[table->answer_count++] = answer;
    return 0;
}

int route_add_connect_to(struct route_table *table, const char *text, struct err *err)
{
    struct redirect redirect = {0};
    const char *reason = read_redirect(text, &redirect);

    if (reason) {
        free_redirect(&redirect);
        return refuse(err, text, "HOST1:PORT1:HOST2:PORT2", reason);
    }
    if (!redirect.to_host && redirect.to_port == 0) {
        free_redirect(&redirect);
        return 0;
    }
    if (table->redirect_count == ROUTE_ENTRY_LIMIT) {
        free_redirect(&redirect);
        err_set(err, ERR_LIMIT, "at most %d hosts can be connected to elsewhere",
                ROUTE_ENTRY_LIMIT);
        return -1;
    }
    table->redirects =
        x_realloc(table->redirects, (table->redirect_count + 1) * sizeof *table->redirects);
    table->redirects[table->redirect_count++] = redirect;
    return 0;
}

void route_connect_to(const struct route_table *table, const char *host, uint16_t port,
                      const char **to_host, uint16_t *to_port)
{
    *to_host = host;
    *to_port = port;
    for (size_t i = 0; table && i < table->redirect_count; i++) {
        const struct redirect *redirect = &table->redirects[i];

        if ((redirect->from_port != 0 && redirect->from_port != port) ||
            (redirect->from_host && !is_same_host(redirect->from_host, host)))
            continue;
        if (redirect->to_host)
            *to_host = redirect->to_host;
        if (redirect->to_port != 0)
            *to_port = redirect->to_port;
        return;
    }
}

struct address_list *route_find_addresses(const struct route_table *table, const char *host,
                                          uint16_t port)
{
    const struct answer *answer;

    if (!table || table->answer_count == 0)
        return NULL;
    answer = find_answer(table, host, port);
    if (!answer)
        answer = find_answer(table, "*", port);
    return answer ? answer->list : NULL;
}

struct address_list *route_resolve_now(const struct route_table *table, const char *host,
                                       uint16_t port, uint64_t timeout_ns, struct err *err)
{
    struct address_list *list;
    const char *to_host;
    uint16_t to_port;

    route_connect_to(table, host, port, &to_host, &to_port);
    list = route_find_addresses(table, to_host, to_port);
    return list ? address_list_keep(list) : resolver_resolve_now(to_host, to_port, timeout_ns, err);
}

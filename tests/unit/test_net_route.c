#include "net/route.h"

#include "base/clock.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct route_table *table;

static int open_table(void **state)
{
    (void)state;
    table = route_table_new();
    return 0;
}

static int close_table(void **state)
{
    (void)state;
    route_table_free(table);
    return 0;
}

static void resolve(const char *text)
{
    struct err err = {0};

    if (route_add_resolve(table, text, &err) < 0)
        fail_msg("%s", err.text);
}

static void connect_to(const char *text)
{
    struct err err = {0};

    if (route_add_connect_to(table, text, &err) < 0)
        fail_msg("%s", err.text);
}

/* The addresses in one text, joined by blanks; "none" when the resolver is to be asked. */
static void expect_addresses(const char *host, uint16_t port, const char *expected)
{
    const struct address_list *list = route_find_addresses(table, host, port);
    char text[TCP_ADDRESS_TEXT_BYTES], all[512] = "";

    for (size_t i = 0; list && i < list->count; i++)
        (void)snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i > 0 ? " " : "",
                       address_format(&list->items[i], text));
    assert_string_equal(list ? all : "none", expected);
}

static void expect_way(const char *host, uint16_t port, const char *to_host, uint16_t to_port)
{
    const char *got_host = NULL;
    uint16_t got_port = 0;

    route_connect_to(table, host, port, &got_host, &got_port);
    assert_string_equal(got_host, to_host);
    assert_int_equal(got_port, to_port);
}

typedef int (*add_fn)(struct route_table *table, const char *text, struct err *err);

struct refusal {
    const char *text;
    const char *reason; /* part of the sentence */
};

static void expect_refusals(add_fn add, const struct refusal *refusals, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct err err = {0};

        if (add(table, refusals[i].text, &err) == 0)
            fail_msg("'%s' was taken", refusals[i].text);
        assert_int_equal(err.kind, ERR_USAGE);
        if (!strstr(err.text, refusals[i].reason))
            fail_msg("'%s' is not in \"%s\"", refusals[i].reason, err.text);
        assert_non_null(strstr(err.text, refusals[i].text));
    }
}

static void a_host_gets_its_addresses_at_its_port_only(void **state)
{
    (void)state;
    resolve("a.test:80:127.0.0.1");
    expect_addresses("a.test", 80, "127.0.0.1:80");
    expect_addresses("A.Test", 80, "127.0.0.1:80");
    expect_addresses("a.test", 81, "none");
    expect_addresses("b.test", 80, "none");
    expect_addresses("a.tes", 80, "none");
    expect_addresses("a.test.", 80, "none");
    expect_addresses("", 80, "none");
}

static void addresses_are_taken_as_curl_takes_them(void **state)
{
    static const struct {
        const char *text, *host, *addresses;
    } table_of_texts[] = {
        {"a:80:127.0.0.1,127.0.0.2", "a", "127.0.0.1:80 127.0.0.2:80"},
        {"b:80:::1,127.0.0.1", "b", "[::1]:80 127.0.0.1:80"},
        {"c:80:[::1],[fd00::2]", "c", "[::1]:80 [fd00::2]:80"},
        {"d:80:[127.0.0.1]", "d", "127.0.0.1:80"},
        {"e:80:,127.0.0.1,,[],127.0.0.2,", "e", "127.0.0.1:80 127.0.0.2:80"},
        {"+f:80:127.0.0.1", "f", "127.0.0.1:80"},
        {"g.test.:080:127.0.0.1", "g.test.", "127.0.0.1:80"},
        {"10.1.2.3:80:127.0.0.1", "10.1.2.3", "127.0.0.1:80"},
        {"h:80:127.0.0.1,127.0.0.1", "h", "127.0.0.1:80 127.0.0.1:80"},
        {"under_score-x:80:1111:2222:3333:4444:5555:6666:123.123.123.123", "under_score-x",
         "[1111:2222:3333:4444:5555:6666:7b7b:7b7b]:80"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table_of_texts / sizeof table_of_texts[0]; i++) {
        resolve(table_of_texts[i].text);
        expect_addresses(table_of_texts[i].host, 80, table_of_texts[i].addresses);
    }
}

static void a_star_stands_for_hosts_without_an_entry(void **state)
{
    (void)state;
    resolve("*:80:127.0.0.9");
    resolve("a.test:80:127.0.0.1");
    resolve("a.test:81:127.0.0.2");
    expect_addresses("a.test", 80, "127.0.0.1:80");
    expect_addresses("b.test", 80, "127.0.0.9:80");
    expect_addresses("10.1.2.3", 80, "127.0.0.9:80");
    expect_addresses("::1", 80, "127.0.0.9:80");
    expect_addresses("b.test", 81, "none");
}

static void a_later_resolve_replaces_an_earlier_one(void **state)
{
    struct address_list *held;

    (void)state;
    resolve("a.test:80:127.0.0.1,127.0.0.2");
    resolve("b.test:80:127.0.0.3");
    held = address_list_keep(route_find_addresses(table, "a.test", 80));
    resolve("A.TEST:80:127.0.0.4");
    expect_addresses("a.test", 80, "127.0.0.4:80");
    expect_addresses("b.test", 80, "127.0.0.3:80");
    assert_int_equal(held->count, 2); /* what a dial holds stays whole */
    address_list_drop(held);
}

static void an_ipv6_host_is_compared_by_value(void **state)
{
    (void)state;
    resolve("[::5]:80:127.0.0.1");
    resolve("[0:0::05]:80:127.0.0.2");
    connect_to("[FD00::1]:80:x.test:");
    expect_addresses("0:0:0:0:0:0:0:5", 80, "127.0.0.2:80");
    expect_addresses("::6", 80, "none");
    expect_way("fd00:0::1", 80, "x.test", 80);
    expect_way("fd00::2", 80, "fd00::2", 80);
}

static void a_resolve_that_curl_would_not_take_is_refused(void **state)
{
    static const struct refusal refusals[] = {
        {"", "no host"},
        {"a.test", "no port"},
        {"a.test:", "no port"},
        {"a.test:80", "no address"},
        {"a.test:80:", "no address"},
        {"a.test:80:,,", "no address"},
        {"a.test:80:[]", "no address"},
        {"a.test::127.0.0.1", "no port"},
        {":80:127.0.0.1", "no host"},
        {"+:80:127.0.0.1", "no host"},
        {"-a.test:80", "no cache"},
        {"-a.test:80:127.0.0.1", "no cache"},
        {"++a.test:80:127.0.0.1", "character"},
        {"*.test:80:127.0.0.1", "character"},
        {"a b:80:127.0.0.1", "character"},
        {"a/b:80:127.0.0.1", "character"},
        {"a.test]:80:127.0.0.1", "character"},
        {"b\xc3\xbc.test:80:127.0.0.1", "xn--"},
        {"a.test:0:127.0.0.1", "number from 1 to 65535"},
        {"a.test:65536:127.0.0.1", "number from 1 to 65535"},
        {"a.test:4294967376:127.0.0.1", "number from 1 to 65535"},
        {"a.test:99999999999999999999:127.0.0.1", "number from 1 to 65535"},
        {"a.test:+80:127.0.0.1", "number from 1 to 65535"},
        {"a.test: 80:127.0.0.1", "number from 1 to 65535"},
        {"a.test:-1:127.0.0.1", "number from 1 to 65535"},
        {"a.test:0x50:127.0.0.1", "number from 1 to 65535"},
        {"a.test:http:127.0.0.1", "number from 1 to 65535"},
        {"a.test:80:localhost", "neither IPv4 nor IPv6"},
        {"a.test:80: 127.0.0.1", "neither IPv4 nor IPv6"},
        {"a.test:80:127.0.0.1 ", "neither IPv4 nor IPv6"},
        {"a.test:80:127.0.0", "neither IPv4 nor IPv6"},
        {"a.test:80:127.0.0.1:80", "neither IPv4 nor IPv6"},
        {"a.test:80:127.0.0.1,b", "neither IPv4 nor IPv6"},
        {"a.test:80:fe80::1%eth0", "neither IPv4 nor IPv6"},
        {"a.test:80:[[::1]]", "neither IPv4 nor IPv6"},
        {"a.test:80:::1]", "neither IPv4 nor IPv6"},
        {"a.test:80:1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa", "neither IPv4 nor IPv6"},
        {"a.test:80:[", "has no ']'"},
        {"a.test:80:[::1", "has no ']'"},
        {"a.test:80:[::1,127.0.0.1]", "has no ']'"},
        {"[::1:80:127.0.0.1", "has no ']'"},
        {"[]:80:127.0.0.1", "no IP address"},
        {"[a.test]:80:127.0.0.1", "no IP address"},
        {"[::1]x:80:127.0.0.1", "only a colon"},
    };

    (void)state;
    expect_refusals(route_add_resolve, refusals, sizeof refusals / sizeof refusals[0]);
    expect_addresses("a.test", 80, "none");
}

static void a_refused_text_leaves_the_table_alone(void **state)
{
    struct err err = {0};

    (void)state;
    resolve("a.test:80:127.0.0.1");
    connect_to("b.test:80:c.test:81");
    assert_int_equal(route_add_resolve(table, "a.test:80:127.0.0.2,x", &err), -1);
    assert_int_equal(route_add_connect_to(table, "a.test:80:c.test:x", &err), -1);
    expect_addresses("a.test", 80, "127.0.0.1:80");
    expect_way("a.test", 80, "a.test", 80);
    expect_way("b.test", 80, "c.test", 81);
}

struct end {
    const char *host;
    uint16_t port;
};

static void a_connection_goes_where_connect_to_says(void **state)
{
    static const struct {
        const char *text;
        struct end from, to;
    } ways[] = {
        {"a.test:80:b.test:81", {"a.test", 80}, {"b.test", 81}},
        {"a.test:80:b.test:81", {"A.TEST", 80}, {"b.test", 81}},
        {"a.test:80:b.test:81", {"a.test", 81}, {"a.test", 81}},
        {"a.test:80:b.test:81", {"c.test", 80}, {"c.test", 80}},
        {"a.test:80:b.test:81", {"a.test.", 80}, {"a.test.", 80}},
        {"a.test:80:b.test:81", {"a.tes", 80}, {"a.tes", 80}},
        {"::b.test:81", {"c.test", 8080}, {"b.test", 81}},
        {"a.test::b.test:81", {"a.test", 8080}, {"b.test", 81}},
        {"a.test::b.test:81", {"b.test", 8080}, {"b.test", 8080}},
        {":80:b.test:81", {"c.test", 80}, {"b.test", 81}},
        {":80:b.test:81", {"c.test", 81}, {"c.test", 81}},
        {"a.test:80::81", {"a.test", 80}, {"a.test", 81}},
        {"a.test:80:b.test:", {"a.test", 80}, {"b.test", 80}},
        {"a.test:80:b.test", {"a.test", 80}, {"b.test", 80}},
        {"a.test:080:b.test:081", {"a.test", 80}, {"b.test", 81}},
        {"[::5]:80:b.test:81", {"::5", 80}, {"b.test", 81}},
        {"a.test:80:[::1]:81", {"a.test", 80}, {"::1", 81}},
        {"a.test:80:[::1]", {"a.test", 80}, {"::1", 80}},
        {"a.test:80:[127.0.0.1]:81", {"a.test", 80}, {"127.0.0.1", 81}},
        {":::81", {"a.test", 80}, {"a.test", 81}},
        {"::", {"a.test", 80}, {"a.test", 80}},
        {":::", {"a.test", 80}, {"a.test", 80}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        route_table_free(table);
        table = route_table_new();
        connect_to(ways[i].text);
        expect_way(ways[i].from.host, ways[i].from.port, ways[i].to.host, ways[i].to.port);
    }
}

static void the_first_connect_to_that_changes_something_wins(void **state)
{
    (void)state;
    connect_to("a.test:80::");
    connect_to("a.test:80:");
    connect_to("a.test:80:b.test:81");
    connect_to("a.test:80:c.test:82");
    connect_to("b.test:81:d.test:83");
    connect_to("::e.test:84");
    expect_way("a.test", 80, "b.test", 81); /* not on to d.test */
    expect_way("x.test", 80, "e.test", 84);
}

static void a_connect_to_that_makes_no_sense_is_refused(void **state)
{
    static const struct refusal refusals[] = {
        {"", "where to connect to"},
        {"a.test", "where to connect to"},
        {"a.test:80", "where to connect to"},
        {":", "where to connect to"},
        {"a.test:80:b.test:81:", "four parts"},
        {"a.test:80:b.test:81:82", "four parts"},
        {"a.test:80:::1:81", "four parts"},
        {"a.test:0:b.test:81", "number from 1 to 65535"},
        {"a.test:x:b.test:81", "number from 1 to 65535"},
        {"a.test:80:b.test:0", "number from 1 to 65535"},
        {"a.test:80:b.test:70000", "number from 1 to 65535"},
        {"a.test:80:b.test:-1", "number from 1 to 65535"},
        {"a.test:80:b.test: 81", "number from 1 to 65535"},
        {"*:80:b.test:81", "character"},
        {"a.test:80:b test:81", "character"},
        {"a.test:80:user@b.test:81", "character"},
        {"a.test:80:\xc3\xbc:81", "xn--"},
        {"a.test:80:[::1:81", "has no ']'"},
        {"a.test:80:[b.test]:81", "no IP address"},
        {"a.test:80:[fe80::1%25eth0]:81", "no IP address"},
        {"a.test:80:[::1]x:81", "only a colon"},
        {"[::1]80:b.test:81", "only a colon"},
    };

    (void)state;
    expect_refusals(route_add_connect_to, refusals, sizeof refusals / sizeof refusals[0]);
    expect_way("a.test", 80, "a.test", 80);
}

static void a_host_over_its_limit_is_refused(void **state)
{
    char host[ROUTE_HOST_LIMIT_BYTES + 2];
    struct err err = {0};
    char *text;

    (void)state;
    (void)memset(host, 'a', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    text = x_asprintf("%s:80:127.0.0.1", host);
    assert_int_equal(route_add_resolve(table, text, &err), -1);
    assert_non_null(strstr(err.text, "longer than 253 bytes")); /* in spite of the long text */
    assert_int_equal(route_add_connect_to(table, text, &err), -1);
    assert_int_equal(route_add_resolve(table, text + 1, &err), 0);
    expect_addresses(host + 1, 80, "127.0.0.1:80");
    free(text);
}

static void append(char *text, size_t cap, const char *more)
{
    (void)snprintf(text + strlen(text), cap - strlen(text), "%s", more);
}

static void addresses_and_entries_have_limits(void **state)
{
    char text[64 + ROUTE_ADDRESS_LIMIT * 10] = "a.test:80:127.0.0.1";
    struct err err = {0};

    (void)state;
    for (int i = 1; i < ROUTE_ADDRESS_LIMIT; i++)
        append(text, sizeof text, ",127.0.0.1");
    resolve(text);
    assert_int_equal(route_find_addresses(table, "a.test", 80)->count, ROUTE_ADDRESS_LIMIT);
    append(text, sizeof text, ",127.0.0.1");
    assert_int_equal(route_add_resolve(table, text, &err), -1);
    assert_non_null(strstr(err.text, "more than 64 addresses"));
    for (int i = 1; i <= ROUTE_ENTRY_LIMIT; i++) {
        (void)snprintf(text, sizeof text, "a.test:%d:127.0.0.1", i);
        resolve(text);
        connect_to(text);
    }
    resolve("a.test:7:127.0.0.2"); /* replaces */
    err = (struct err){0};
    assert_int_equal(route_add_resolve(table, "b.test:80:127.0.0.1", &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    err = (struct err){0};
    assert_int_equal(route_add_connect_to(table, "b.test:80:127.0.0.1", &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    connect_to("b.test:80::"); /* takes no place */
}

static void no_table_is_an_empty_table(void **state)
{
    (void)state;
    route_table_free(table);
    table = NULL;
    expect_way("a.test", 80, "a.test", 80);
    expect_addresses("a.test", 80, "none");
    route_table_free(NULL);
}

static void resolving_now_follows_both_and_then_the_resolver(void **state)
{
    struct err err = {0};
    struct address_list *list;
    char text[TCP_ADDRESS_TEXT_BYTES];

    (void)state;
    connect_to("a.test:80:b.test:81");
    connect_to("c.test:80:127.0.0.8:82");
    resolve("b.test:81:127.0.0.7");
    resolve("a.test:80:127.0.0.6"); /* the way leads elsewhere */
    list = route_resolve_now(table, "a.test", 80, CLOCK_NS_PER_S, &err);
    assert_string_equal(address_format(&list->items[0], text), "127.0.0.7:81");
    address_list_drop(list);
    expect_addresses("b.test", 81, "127.0.0.7:81"); /* the table has its own reference */
    list = route_resolve_now(table, "c.test", 80, CLOCK_NS_PER_S, &err);
    assert_string_equal(address_format(&list->items[0], text), "127.0.0.8:82");
    address_list_drop(list);
    list = route_resolve_now(NULL, "127.0.0.5", 83, CLOCK_NS_PER_S, &err);
    assert_string_equal(address_format(&list->items[0], text), "127.0.0.5:83");
    address_list_drop(list);
    assert_null(route_resolve_now(table, "no-such-name.invalid", 80, CLOCK_NS_PER_S, &err));
    assert_non_null(strstr(err.text, "no-such-name.invalid"));
}

#define WITH_TABLE(test) cmocka_unit_test_setup_teardown(test, open_table, close_table)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TABLE(a_host_gets_its_addresses_at_its_port_only),
        WITH_TABLE(addresses_are_taken_as_curl_takes_them),
        WITH_TABLE(a_star_stands_for_hosts_without_an_entry),
        WITH_TABLE(a_later_resolve_replaces_an_earlier_one),
        WITH_TABLE(an_ipv6_host_is_compared_by_value),
        WITH_TABLE(a_resolve_that_curl_would_not_take_is_refused),
        WITH_TABLE(a_refused_text_leaves_the_table_alone),
        WITH_TABLE(a_connection_goes_where_connect_to_says),
        WITH_TABLE(the_first_connect_to_that_changes_something_wins),
        WITH_TABLE(a_connect_to_that_makes_no_sense_is_refused),
        WITH_TABLE(a_host_over_its_limit_is_refused),
        WITH_TABLE(addresses_and_entries_have_limits),
        WITH_TABLE(no_table_is_an_empty_table),
        WITH_TABLE(resolving_now_follows_both_and_then_the_resolver),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "net/resolver.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct asker {
    struct resolver_query query;
    struct resolver *resolver;
    struct asker *victim; /* cancelled when this one gets its answer */
    struct address_list *list;
    int answer_count;
    bool has_reason;
};

static struct loop *loop;
static struct resolver *resolver;

static int open_resolver(void **state)
{
    struct err err = {0};

    (void)state;
    loop = loop_new(&err);
    resolver = resolver_new(loop, &err);
    return loop && resolver ? 0 : -1;
}

static int close_resolver(void **state)
{
    (void)state;
    resolver_free(resolver);
    loop_free(loop);
    return 0;
}

static void on_answer(struct resolver_query *query, struct address_list *list, const char *reason,
                      uint64_t took_ns)
{
    struct asker *asker = CONTAINER_OF(query, struct asker, query);

    (void)took_ns;
    assert_true((list == NULL) == (reason != NULL));
    asker->answer_count++;
    asker->has_reason = reason != NULL;
    if (list)
        asker->list = address_list_keep(list);
    if (asker->victim)
        resolver_cancel(resolver, &asker->victim->query);
}

static void wait_for(const struct asker *asker)
{
    uint64_t until_ns = clock_now_ns() + 30 * CLOCK_NS_PER_S;

    while (asker->answer_count == 0 && clock_now_ns() < until_ns)
        (void)loop_turn(loop, 100 * CLOCK_NS_PER_MS, 0);
    assert_int_equal(asker->answer_count, 1);
}

static void check_first(const struct asker *asker, const char *expected)
{
    char text[TCP_ADDRESS_TEXT_BYTES];

    assert_non_null(asker->list);
    assert_string_equal(address_format(&asker->list->items[0], text), expected);
}

static void literals_are_answered_at_once(void **state)
{
    struct asker askers[3] = {0};

    (void)state;
    resolver_ask(resolver, "127.0.0.1", 8080, &askers[0].query, on_answer);
    resolver_ask(resolver, "::1", 80, &askers[1].query, on_answer);
    resolver_ask(resolver, "127.0.0.1", 9090, &askers[2].query, on_answer);
    check_first(&askers[0], "127.0.0.1:8080");
    check_first(&askers[1], "[::1]:80");
    check_first(&askers[2], "127.0.0.1:9090");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(askers[i].answer_count, 1);
        resolver_cancel(resolver, &askers[i].query); /* no-op */
        address_list_drop(askers[i].list);
    }
}

static void localhost_is_known_without_a_network(void **state)
{
    struct asker asker = {0}, again = {0};

    (void)state;
    resolver_ask(resolver, "localhost", 80, &asker.query, on_answer);
    wait_for(&asker);
    assert_non_null(asker.list);
    for (size_t i = 0; i < asker.list->count; i++)
        assert_true(address_is_local(&asker.list->items[i]));
    resolver_ask(resolver, "LOCALHOST", 80, &again.query, on_answer); /* kept for its TTL */
    assert_ptr_equal(again.list, asker.list);
    address_list_drop(asker.list);
    address_list_drop(again.list);
}

static void an_unknown_name_fails_for_all_who_asked(void **state)
{
    struct asker askers[4] = {0};

    (void)state;
    askers[0].victim = &askers[2]; /* its turn never comes */
    for (int i = 0; i < 4; i++)
        resolver_ask(resolver, "no-such-name.invalid", 80, &askers[i].query, on_answer);
    if (askers[0].answer_count > 0) {
        /* Without any server c-ares says no before it returns, each time. */
        for (int i = 0; i < 4; i++)
            assert_true(askers[i].has_reason);
        return;
    }
    resolver_cancel(resolver, &askers[1].query);
    wait_for(&askers[0]);
    assert_true(askers[0].has_reason);
    assert_int_equal(askers[1].answer_count, 0);
    assert_int_equal(askers[2].answer_count, 0);
    assert_int_equal(askers[3].answer_count, 1);
}

static void a_resolver_may_go_while_it_asks(void **state)
{
    struct asker asker = {0};

    (void)state;
    resolver_ask(resolver, "another-name.invalid", 80, &asker.query, on_answer);
    (void)loop_turn(loop, 0, 0);
    resolver_cancel(resolver, &asker.query);
}

static void the_blocking_form_answers_or_says_why(void **state)
{
    struct err err = {0};
    struct address_list *list = resolver_resolve_now("127.0.0.1", 80, CLOCK_NS_PER_S, &err);
    uint64_t began_ns = clock_now_ns();

    (void)state;
    assert_non_null(list);
    assert_int_equal(list->count, 1);
    address_list_drop(list);
    list = resolver_resolve_now("localhost", 80, CLOCK_NS_PER_S, &err);
    assert_non_null(list);
    address_list_drop(list);
    assert_null(resolver_resolve_now("no-such-name.invalid", 80, CLOCK_NS_PER_S, &err));
    assert_non_null(strstr(err.text, "no-such-name.invalid"));
    assert_true(clock_now_ns() < began_ns + 10 * CLOCK_NS_PER_S);
}

/* "4a 6a": each address by its family and its last byte, in the order of trying. */
static void expect_order(const char *addresses, uint32_t turn, const char *expected)
{
    struct address items[8];
    struct address_list *list;
    char order[64] = "", *copy = x_strdup(addresses), *rest = copy;
    size_t count = 0;

    while (rest)
        assert_int_equal(address_parse(strsep(&rest, " "), 80, &items[count++]), 0);
    list = address_list_new(items, count);
    for (size_t i = 0; i < count; i++) {
        const struct address *item = address_list_pick(list, turn, i);
        bool is_v4 = item->as.any.sa_family == AF_INET;

        (void)snprintf(order + strlen(order), sizeof order - strlen(order), "%s%c%x",
                       i > 0 ? " " : "", is_v4 ? '4' : '6',
                       is_v4 ? ntohl(item->as.v4.sin_addr.s_addr) & 0xff
                             : (unsigned)item->as.v6.sin6_addr.s6_addr[15]);
    }
    assert_string_equal(order, expected);
    address_list_drop(list);
    free(copy);
}

static void families_alternate_and_each_rotates(void **state)
{
    (void)state;
    expect_order("10.0.0.1", 0, "41");
    expect_order("10.0.0.1", 7, "41");
    expect_order("10.0.0.1 10.0.0.2 10.0.0.3", 0, "41 42 43");
    expect_order("10.0.0.1 10.0.0.2 10.0.0.3", 2, "43 41 42");
    expect_order("10.0.0.1 10.0.0.2 10.0.0.3", UINT32_MAX, "41 42 43");
    expect_order("::1 ::2 10.0.0.1 10.0.0.2", 0, "61 41 62 42");
    expect_order("::1 ::2 10.0.0.1 10.0.0.2", 1, "62 42 61 41");
    expect_order("10.0.0.1 10.0.0.2 ::1 ::2", 0, "41 61 42 62");
    expect_order("::1 ::2 ::3 10.0.0.1", 0, "61 41 62 63");
    expect_order("::1 ::2 ::3 10.0.0.1", 1, "62 41 63 61");
    expect_order("::1 10.0.0.1 10.0.0.2 10.0.0.3", 0, "61 41 42 43");
    expect_order("::1 10.0.0.1 10.0.0.2 10.0.0.3", 5, "61 43 41 42");
    expect_order("10.0.0.1 ::1 10.0.0.2 ::2 10.0.0.3", 0, "41 61 42 62 43");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(literals_are_answered_at_once, open_resolver,
                                        close_resolver),
        cmocka_unit_test_setup_teardown(localhost_is_known_without_a_network, open_resolver,
                                        close_resolver),
        cmocka_unit_test_setup_teardown(an_unknown_name_fails_for_all_who_asked, open_resolver,
                                        close_resolver),
        cmocka_unit_test_setup_teardown(a_resolver_may_go_while_it_asks, open_resolver,
                                        close_resolver),
        cmocka_unit_test(the_blocking_form_answers_or_says_why),
        cmocka_unit_test(families_alternate_and_each_rotates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "load/servers.h"

#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint8_t answer(struct servers *servers, const char *name, const char *value)
{
    struct http_head head;
    uint8_t index;

    http_head_init(&head);
    assert_int_equal(http_head_add_name(&head, name, strlen(name)), 0);
    assert_int_equal(http_head_add_value(&head, value, strlen(value)), 0);
    index = servers_find(servers, &head);
    http_head_fini(&head);
    return index;
}

static void a_server_is_known_by_its_header(void **state)
{
    struct servers *servers = servers_new("X-Served-By");
    uint8_t a, b;

    (void)state;
    a = answer(servers, "x-served-by", "host-a");
    b = answer(servers, "X-SERVED-BY", "host-b");
    assert_int_not_equal(a, SERVERS_UNKNOWN);
    assert_int_not_equal(a, b);
    assert_int_equal(answer(servers, "x-served-by", "host-a"), a);
    assert_string_equal(servers_tag(servers, a), "server:host-a");
    assert_string_equal(servers_tag(servers, b), "server:host-b");
    assert_int_equal(answer(servers, "x-served-by", ""), SERVERS_UNKNOWN);
    assert_int_equal(answer(servers, "server", "host-a"), SERVERS_UNKNOWN);
    assert_null(servers_tag(servers, SERVERS_UNKNOWN));
    servers_free(servers);
    assert_int_equal(answer(NULL, "x-served-by", "a"), SERVERS_UNKNOWN);
}

static void names_are_cut_and_cleaned(void **state)
{
    struct servers *servers = servers_new("x");
    char name[2 * SERVERS_NAME_BYTES], expected[2 * SERVERS_NAME_BYTES] = "server:";

    (void)state;
    assert_string_equal(servers_tag(servers, answer(servers, "x", "a{1}\t\xc3\xa4 b")),
                        "server:a?1???? b");
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    memset(expected + strlen("server:"), 'n', SERVERS_NAME_BYTES);
    assert_string_equal(servers_tag(servers, answer(servers, "x", name)), expected);
    name[SERVERS_NAME_BYTES] = 'm'; /* behind the cut: the same one */
    assert_int_equal(answer(servers, "x", name), 2);
    servers_free(servers);
}

static void past_the_limit_they_share_one(void **state)
{
    struct servers *servers = servers_new("x");
    char name[16];

    (void)state;
    for (int i = 0; i < SERVERS_LIMIT + 2; i++) {
        uint8_t index;

        (void)snprintf(name, sizeof name, "%d", i);
        index = answer(servers, "x", name);
        assert_true((i < SERVERS_LIMIT) ==
                    (strcmp(servers_tag(servers, index), "server:(other)") != 0));
    }
    assert_string_equal(servers_tag(servers, answer(servers, "x", "49")), "server:49");
    servers_free(servers);
}

static void only_headers_can_be_named(void **state)
{
    static const char *const wrong[] = {"x",        "header",   "header:",   "header:a b",
                                        "cookie:a", "Header:a", "header:a:b"};
    struct err err = {0};

    (void)state;
    assert_string_equal(servers_parse("header:X-Served-By", &err), "X-Served-By");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_null(servers_parse(wrong[i], &err));
    assert_string_equal(err.text,
                        "'header:a:b' is not of the form header:NAME, such as header:x-served-by");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_is_known_by_its_header),
        cmocka_unit_test(names_are_cut_and_cleaned),
        cmocka_unit_test(past_the_limit_they_share_one),
        cmocka_unit_test(only_headers_can_be_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "net/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void ranges_give_their_addresses(void **state)
{
    static const struct {
        const char *text;
        size_t count;
        const char *first, *last;
    } table[] = {
        {"10.1.2.3", 1, "10.1.2.3:0", "10.1.2.3:0"},
        {"10.1.2.3/32", 1, "10.1.2.3:0", "10.1.2.3:0"},
        {"10.1.2.3/31", 2, "10.1.2.2:0", "10.1.2.3:0"},
        {"127.0.0.0/28", 14, "127.0.0.1:0", "127.0.0.14:0"},
        {"127.0.0.9/28", 14, "127.0.0.1:0", "127.0.0.14:0"},
        {"10.1.0.0/16", 65534, "10.1.0.1:0", "10.1.255.254:0"},
        {"fd00::/120", 256, "[fd00::]:0", "[fd00::ff]:0"},
        {"fd00::1:ffff/112", 65536, "[fd00::1:0]:0", "[fd00::1:ffff]:0"},
        {"::1", 1, "[::1]:0", "[::1]:0"},
        {"127.0.0.1,127.0.0.2,10.0.0.0/30", 4, "127.0.0.1:0", "10.0.0.2:0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct err err = {0};
        struct source_pool *pool = source_pool_new(table[i].text, &err);
        char text[TCP_ADDRESS_TEXT_BYTES];
        const struct address *address = NULL;
        int family = strchr(table[i].text, '.') ? AF_INET : AF_INET6;

        assert_non_null(pool);
        assert_int_equal(source_pool_count(pool), table[i].count);
        address = source_pool_next(pool, family);
        assert_string_equal(address_format(address, text), table[i].first);
        for (size_t k = 1; k < table[i].count; k++)
            address = source_pool_next(pool, family);
        assert_string_equal(address_format(address, text), table[i].last);
        address = source_pool_next(pool, family);
        assert_string_equal(address_format(address, text), table[i].first);
        source_pool_free(pool);
    }
}

static void a_family_that_is_not_there_gives_none(void **state)
{
    struct err err = {0};
    struct source_pool *pool = source_pool_new("127.0.0.1,::1,127.0.0.2", &err);
    char text[TCP_ADDRESS_TEXT_BYTES];

    (void)state;
    assert_null(source_pool_next(NULL, AF_INET));
    assert_null(source_pool_next(pool, AF_UNIX));
    for (int i = 0; i < 3; i++)
        assert_string_equal(address_format(source_pool_next(pool, AF_INET6), text), "[::1]:0");
    source_pool_free(pool);
    source_pool_free(NULL);
}

static void what_is_no_range_is_named(void **state)
{
    static const char *const texts[] = {
        "",
        "localhost",
        "1.2.3",
        "1.2.3.4/",
        "1.2.3.4/x",
        "1.2.3.4/33",
        "1.2.3.4/-1",
        "1.2.3.4/ 8",
        "1.2.3.4/+8",
        "1.2.3.4/28x",
        "::/129",
        "127.0.0.1,",
        ",127.0.0.1",
        "1.2.3.4/4294967324",
        "[::1]",
        "1.2.3.0/15",
        "fd00::/64",
        "0.0.0.0/0",
        "1.2.3.4:80",
        "fd00::/112,fe00::/112",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct err err = {0};
        struct source_pool *pool = source_pool_new(texts[i], &err);

        if (pool)
            fail_msg("'%s' was taken", texts[i]);
        assert_int_not_equal(err.kind, ERR_NONE);
        assert_true(err.text[0] != '\0');
    }
}

static void a_pool_is_checked_against_this_machine(void **state)
{
    struct err err = {0};
    struct source_pool *here = source_pool_new("127.0.0.0/29", &err);
    struct source_pool *elsewhere = source_pool_new("192.0.2.1", &err); /* RFC 5737: nobody's */

    (void)state;
    assert_int_equal(source_pool_check(here, &err), 0);
    assert_int_equal(source_pool_check(elsewhere, &err), -1);
    assert_non_null(strstr(err.text, "192.0.2.1"));
    assert_true(source_port_count() > 0 && source_port_count() <= 65536);
    source_pool_free(here);
    source_pool_free(elsewhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_give_their_addresses),
        cmocka_unit_test(a_family_that_is_not_there_gives_none),
        cmocka_unit_test(what_is_no_range_is_named),
        cmocka_unit_test(a_pool_is_checked_against_this_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

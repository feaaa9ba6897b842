#include "net/own_addresses.h"

#include <ifaddrs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool is_own(const char *host)
{
    struct own_addresses *own = own_addresses_new();
    struct address address;
    bool result;

    assert_int_equal(address_parse(host, 80, &address), 0);
    result = own_addresses_has(own, &address);
    own_addresses_free(own);
    return result;
}

static void loopback_is_this_machine(void **state)
{
    (void)state;
    assert_true(is_own("127.0.0.1"));
    assert_true(is_own("127.9.8.7"));
    assert_true(is_own("::1"));
    assert_true(is_own("::ffff:127.0.0.1"));
}

static void addresses_for_documents_are_not(void **state)
{
    (void)state;
    assert_false(is_own("192.0.2.1"));
    assert_false(is_own("198.51.100.1"));
    assert_false(is_own("2001:db8::1"));
    assert_false(is_own("::ffff:192.0.2.1"));
}

static void a_unix_socket_is_this_machine(void **state)
{
    struct own_addresses *own = own_addresses_new();
    struct address address;
    struct err err;

    (void)state;
    assert_int_equal(address_set_unix("/tmp/x", &address, &err), 0);
    assert_true(own_addresses_has(own, &address));
    own_addresses_free(own);
}

static void every_interface_is_this_machine(void **state)
{
    struct own_addresses *own = own_addresses_new();
    struct ifaddrs *list = NULL;

    (void)state;
    assert_int_equal(getifaddrs(&list), 0);
    for (const struct ifaddrs *at = list; at; at = at->ifa_next) {
        struct address address = {.len = sizeof address.as.v6};

        if (!at->ifa_addr ||
            (at->ifa_addr->sa_family != AF_INET && at->ifa_addr->sa_family != AF_INET6))
            continue;
        memcpy(&address.as, at->ifa_addr,
               at->ifa_addr->sa_family == AF_INET ? sizeof address.as.v4 : sizeof address.as.v6);
        assert_true(own_addresses_has(own, &address));
    }
    freeifaddrs(list);
    own_addresses_free(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loopback_is_this_machine),
        cmocka_unit_test(addresses_for_documents_are_not),
        cmocka_unit_test(a_unix_socket_is_this_machine),
        cmocka_unit_test(every_interface_is_this_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

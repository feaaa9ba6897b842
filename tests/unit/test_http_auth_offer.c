#include "http/auth_offer.h"

#include "http/auth.h"
#include "http/challenge.h"
#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add(struct http_head *head, const char *name, const char *value, size_t len)
{
    assert_int_equal(http_head_add_name(head, name, strlen(name)), 0);
    assert_int_equal(http_head_add_value(head, value, len), 0);
}

/* The nonce of the challenge that is taken, NULL: none is. */
static void check(const struct http_head *head, const char *nonce, bool has_basic)
{
    struct auth_offers offers = {0};

    auth_offers_read(&offers, head);
    assert_int_equal(offers.has_digest, nonce != NULL);
    if (nonce)
        assert_string_equal(offers.digest.nonce, nonce);
    assert_int_equal(offers.has_basic, has_basic);
    auth_offers_fini(&offers);
}

static void strongest_challenge_is_taken_and_of_equals_the_first(void **state)
{
    static const struct {
        const char *values[4];
        const char *nonce;
    } cases[] = {
        {{"Digest nonce=a, Digest nonce=b, algorithm=SHA-256"}, "b"},
        {{"Digest nonce=a, algorithm=SHA-256", "Digest nonce=b"}, "a"},
        {{"Digest nonce=a, algorithm=SHA-256", "Digest nonce=b, algorithm=SHA-512-256"}, "a"},
        {{"Digest nonce=a, algorithm=SHA-512-256", "Digest nonce=b, algorithm=SHA-256"}, "a"},
        {{"Digest nonce=a", "Digest nonce=b, algorithm=SHA-512-256, Digest nonce=c"}, "b"},
        {{"Digest nonce=a", "Digest nonce=b"}, "a"},
        {{"Digest nonce=a, algorithm=MD5-sess, qop=auth", "Digest nonce=b"}, "a"},
        {{"Digest nonce=a, algorithm=SHA-256, qop=auth-int", "Digest nonce=b"}, "b"},
        {{"Digest nonce=a, algorithm=SHA-3", "Digest nonce=b"}, "b"},
        {{"Digest nonce=a, algorithm=SHA-3, Digest nonce=b"}, "b"},
        {{"Digest nonce=a", "Digest nonce=b, algorithm=SHA-256, realm=\"x"}, "a"},
        {{"Negotiate YII=", "Digest nonce=a", "NTLM"}, "a"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_head head;

        http_head_init(&head);
        add(&head, "Date", "Digest nonce=no", 15);
        for (const char *const *value = cases[i].values; *value; value++)
            add(&head, "WWW-Authenticate", *value, strlen(*value));
        check(&head, cases[i].nonce, false);
        http_head_fini(&head);
    }
}

static void what_cannot_be_answered_is_not_taken(void **state)
{
    static const char *const values[] = {
        "Digest nonce=n, qop=auth-int",
        "Digest nonce=n, qop=\"auth-int, authentic\"",
        "Digest nonce=n, algorithm=MD5-sess",
        "Digest nonce=n, algorithm=SHA-1",
        "Digest nonce=n, algorithm=MD5-",
        "Digest nonce=n, algorithm=\"\"",
        "Digest realm=x",
        "Digest realm=x, nonce=\"\"",
        "Digest nonce=n, realm=\"x",
        "Digest",
        "Digest bm9uY2U=",
        "Digester nonce=n",
        "Bearer",
        "Negotiate YII=",
        "",
    };

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct http_head head;

        http_head_init(&head);
        add(&head, "WWW-Authenticate", values[i], strlen(values[i]));
        check(&head, NULL, false);
        http_head_fini(&head);
    }
}

static void parameters_do_not_leak_into_the_next_challenge(void **state)
{
    struct auth_offers offers = {0};
    struct http_head head;
    static const char value[] =
        "Digest realm=r, nonce=a, opaque=o, algorithm=X, qop=auth, stale=true, userhash=true, "
        "Digest nonce=b, Basic realm=s, nonce=c, stale=true";

    (void)state;
    http_head_init(&head);
    add(&head, "WWW-Authenticate", value, sizeof value - 1);
    auth_offers_read(&offers, &head);
    assert_true(offers.has_digest && offers.has_basic);
    assert_string_equal(offers.digest.nonce, "b");
    assert_null(offers.digest.realm);
    assert_null(offers.digest.opaque);
    assert_null(offers.digest.algorithm);
    assert_int_equal(offers.digest.qop, AUTH_QOP_NONE);
    assert_false(offers.digest.is_stale || offers.digest.hides_user);
    auth_offers_fini(&offers);
    http_head_fini(&head);
}

static void basic_needs_no_more_than_its_name(void **state)
{
    static const struct {
        const char *value;
        bool has_basic;
    } cases[] = {
        {"bAsIc", true},
        {"Basic realm=\"my \"own\" realm\"", true},
        {"Digest realm=\"x\", Basic realm=\"x", true},
        {"Digest realm=\"x, Basic realm=y", false},
        {"Digest realm=\"Basic\"", false},
        {"Basics", false},
        {"Negotiate Basic", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_head head;

        http_head_init(&head);
        add(&head, "WWW-Authenticate", cases[i].value, strlen(cases[i].value));
        check(&head, NULL, cases[i].has_basic);
        http_head_fini(&head);
    }
}

static void only_www_authenticate_fields_count(void **state)
{
    static const struct {
        const char *name;
        bool counts;
    } cases[] = {
        {"wWw-aUTHENTICATE", true},
        {"Proxy-Authenticate", false},
        {"WWW-Authenticate2", false},
        {"WWW-Authenticat", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_head head;

        http_head_init(&head);
        add(&head, cases[i].name, "Digest nonce=n, Basic", 21);
        check(&head, cases[i].counts ? "n" : NULL, cases[i].counts);
        http_head_fini(&head);
    }
}

static void control_characters_spoil_their_field_only(void **state)
{
    static const struct {
        const char *value;
        size_t len;
    } cases[] = {
        {"Digest nonce=\"a\r\nX: y\"", 22},       {"Digest nonce=\"a\nb\", Basic", 25},
        {"Digest nonce=n, realm=\"a\\\rb\"", 28}, {"Digest nonce=n, opaque=\"a\0b\"", 28},
        {"Digest nonce=n, opaque=\"a\x7f\"", 27},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_head head;

        http_head_init(&head);
        add(&head, "WWW-Authenticate", cases[i].value, cases[i].len);
        check(&head, NULL, false);
        add(&head, "WWW-Authenticate", "Digest nonce=good", 17);
        check(&head, "good", false);
        http_head_fini(&head);
    }
}

/* `front`, then `len` times an x, then `end`; the caller frees it. */
static char *fill(const char *front, size_t len, const char *end)
{
    size_t front_bytes = strlen(front);
    char *text = malloc(front_bytes + len + strlen(end) + 1);

    assert_non_null(text);
    (void)memcpy(text, front, front_bytes);
    (void)memset(text + front_bytes, 'x', len);
    (void)memcpy(text + front_bytes + len, end, strlen(end) + 1);
    return text;
}

static void values_above_their_limit_are_not_answered(void **state)
{
    static const struct {
        const char *front, *end;
    } cases[] = {
        {"Digest nonce=\"", "\""},
        {"Digest nonce=n, realm=\"", "\""},
        {"Digest nonce=n, opaque=\"", "\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t over = 0; over <= 1; over++) {
            char *value = fill(cases[i].front, AUTH_VALUE_LIMIT_BYTES + over, cases[i].end);
            struct auth_offers offers = {0};
            struct http_head head;

            http_head_init(&head);
            add(&head, "WWW-Authenticate", value, strlen(value));
            auth_offers_read(&offers, &head);
            assert_int_equal(offers.has_digest, over == 0);
            auth_offers_fini(&offers);
            http_head_fini(&head);
            free(value);
        }
    }
}

static void a_field_above_its_limit_is_passed_over(void **state)
{
    static const char front[] = "Basic, Digest nonce=n, x=";

    (void)state;
    for (size_t over = 0; over <= 1; over++) {
        char *value = fill(front, CHALLENGE_FIELD_LIMIT_BYTES - (sizeof front - 1) + over, "");
        struct http_head head;

        http_head_init(&head);
        add(&head, "WWW-Authenticate", value, strlen(value));
        check(&head, over > 0 ? NULL : "n", over == 0);
        add(&head, "WWW-Authenticate", "Digest nonce=m", 14);
        check(&head, over > 0 ? "m" : "n", over == 0);
        http_head_fini(&head);
        free(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strongest_challenge_is_taken_and_of_equals_the_first),
        cmocka_unit_test(what_cannot_be_answered_is_not_taken),
        cmocka_unit_test(parameters_do_not_leak_into_the_next_challenge),
        cmocka_unit_test(basic_needs_no_more_than_its_name),
        cmocka_unit_test(only_www_authenticate_fields_count),
        cmocka_unit_test(control_characters_spoil_their_field_only),
        cmocka_unit_test(values_above_their_limit_are_not_answered),
        cmocka_unit_test(a_field_above_its_limit_is_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "cli/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORD_LIMIT = 8 };

/* `words`, up to a NULL, behind the program's name. The caller frees the result. */
static char *redact(char *const *words)
{
    char program[] = "/usr/bin/cicada";
    char *argv[WORD_LIMIT + 2] = {program};
    int argc = 1;

    for (; words[argc - 1]; argc++)
        argv[argc] = words[argc - 1];
    return run_redact_command(argc, argv);
}

static void check(const char *const *words, const char *expected)
{
    char *text = redact((char *const *)(uintptr_t)words);

    assert_string_equal(text, expected);
    free(text);
}

#define CHECK(expected, ...) check((const char *const[]){__VA_ARGS__, NULL}, expected)

static void a_command_without_secrets_stays_as_a_shell_takes_it(void **state)
{
    (void)state;
    CHECK("cicada run http://h/a -u 50", "run", "http://h/a", "-u", "50");
    CHECK("cicada run 'http://h/a?b=c&d' '' 'it'\\''s'", "run", "http://h/a?b=c&d", "", "it's");
    CHECK("cicada run --header 'Accept: */*' --auth-scheme digest", "run", "--header",
          "Accept: */*", "--auth-scheme", "digest");
    CHECK("cicada run '--header=X-Tenant: a'", "run", "--header=X-Tenant: a");
    CHECK("cicada run --login 'POST http://h/login' --token /token", "run", "--login",
          "POST http://h/login", "--token", "/token");
}

static void values_of_secret_options_are_left_out(void **state)
{
    (void)state;
    CHECK("cicada run --auth '***' http://h/", "run", "--auth", "me:secret", "http://h/");
    CHECK("cicada run --auth='***' http://h/", "run", "--auth=me:secret", "http://h/");
    CHECK("cicada run --login-data '***'", "run", "--login-data", "{\"password\":\"secret\"}");
    CHECK("cicada run --login-data='***'", "run", "--login-data=a=secret");
    CHECK("cicada run --auth '***'", "run", "--auth", "--auth=x");
    CHECK("cicada run --auth '***'", "run", "--auth"); /* wrong, but no reason to crash */
}

static void values_of_secret_headers_are_left_out(void **state)
{
    (void)state;
    CHECK("cicada run --header 'Authorization: ***' http://h/", "run", "--header",
          "Authorization: Bearer secret", "http://h/");
    CHECK("cicada run '--header=authorization: ***'", "run", "--header=authorization:secret");
    CHECK("cicada run --header 'COOKIE: ***'", "run", "--header", "COOKIE: a=secret");
    CHECK("cicada run --login-header 'Proxy-Authorization: ***'", "run", "--login-header",
          "Proxy-Authorization: Basic secret");
    CHECK("cicada run '--login-header=Cookie: ***'", "run", "--login-header=Cookie: a=secret");
}

/* The names that services give to keys of their own. */
static void headers_that_are_named_for_a_secret_count_as_such(void **state)
{
    (void)state;
    CHECK("cicada run --header 'X-API-Key: ***'", "run", "--header", "X-API-Key: secret");
    CHECK("cicada run --header 'X-Auth-Token: ***'", "run", "--header", "X-Auth-Token: secret");
    CHECK("cicada run '--header=X-Client-Secret: ***'", "run", "--header=X-Client-Secret: x");
    CHECK("cicada run --header 'X-Session-Id: ***'", "run", "--header", "X-Session-Id: secret");
    CHECK("cicada run --header 'X-Password: ***'", "run", "--header", "X-Password: secret");
    CHECK("cicada run --header 'It'\\''s-A-Key: ***'", "run", "--header", "It's-A-Key: secret");
    /* The name counts, not the value; and only of a header. */
    CHECK("cicada run --header 'X-Tenant: key'", "run", "--header", "X-Tenant: key");
    CHECK("cicada run --resolve token.example:80:127.0.0.1", "run", "--resolve",
          "token.example:80:127.0.0.1");
    CHECK("cicada run --data token:1", "run", "--data", "token:1");
}

static void users_and_passwords_in_urls_are_left_out(void **state)
{
    (void)state;
    CHECK("cicada run 'http://***@h/a'", "run", "http://me:secret@h/a");
    CHECK("cicada run 'https://***@h:8443/a?b=c@d*3'", "run", "https://secret@h:8443/a?b=c@d*3");
    CHECK("cicada run 'http://***@h/'", "run", "http://a@secret@h/");
    CHECK("cicada run --login 'POST http://***@h/login'", "run", "--login",
          "POST http://me:secret@h/login");
    CHECK("cicada run '--login=PUT http://***@h/login'", "run",
          "--login=PUT http://me:secret@h/login");
    CHECK("cicada run '--host=http://***@h'", "run", "--host=http://me:secret@h");
    CHECK("cicada run 'http://***@h'", "run", "http://me:secret@h");
    CHECK("cicada run http://h/a@b", "run", "http://h/a@b"); /* of the path: no user */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_without_secrets_stays_as_a_shell_takes_it),
        cmocka_unit_test(values_of_secret_options_are_left_out),
        cmocka_unit_test(values_of_secret_headers_are_left_out),
        cmocka_unit_test(headers_that_are_named_for_a_secret_count_as_such),
        cmocka_unit_test(users_and_passwords_in_urls_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

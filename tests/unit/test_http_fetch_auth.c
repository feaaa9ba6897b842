#include "http/fetch.h"

#include "base/mem.h"
#include "fetch_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OK      "HTTP/1.1 200 OK\r\n"
#define EMPTY   "Content-Length: 0\r\n\r\n"
#define WHOLE   OK "Content-Length: 2\r\n\r\nok"
#define REFUSED "HTTP/1.1 401 Unauthorized\r\n"
#define NO      "Content-Length: 2\r\n\r\nno"
#define DIGEST(nonce)                                                                              \
    "WWW-Authenticate: Digest realm=\"r\", qop=\"auth\", algorithm=SHA-256, nonce=\"" nonce "\""
#define STALE(nonce) DIGEST(nonce) ", stale=true"

static void give(enum auth_scheme scheme, enum session_auth place)
{
    http_session_set_auth(&server.session, place, auth_new(scheme, "user", "password"));
}

/* Base64 of "user:password". */
static const char basic_line[] = "Authorization: Basic dXNlcjpwYXNzd29yZA==\r\n";

static void basic_is_sent_at_once(void **state)
{
    static const struct step steps[] = {{.text = WHOLE}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    give(AUTH_BASIC, SESSION_AUTH_STREAM);
    asker_init(&asker, "/a");
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    assert_true(request_has(0, basic_line));
    asker_fini(&asker);
}

static void a_digest_challenge_is_answered_once_and_its_nonce_used_again(void **state)
{
    static const struct step steps[] = {
        {.text = REFUSED DIGEST("n1") "\r\n" NO}, {.text = WHOLE}, {.text = WHOLE}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    give(AUTH_DIGEST, SESSION_AUTH_STREAM);
    asker_init(&asker, "/a?b=c");
    asker_run(&asker);
    check_whole(&asker, 200, "ok"); /* nothing of the 401 */
    assert_int_equal(asker.answer_count, 2);
    assert_int_equal(asker.answers[0], 401);
    assert_false(request_has(0, "Authorization:"));
    assert_true(request_has(1, "Authorization: Digest username=\"user\", realm=\"r\", "
                               "nonce=\"n1\", uri=\"/a?b=c\", algorithm=SHA-256, qop=auth, "
                               "nc=00000001, cnonce=\""));
    assert_false(request_has(1, "password"));
    assert_int_equal(server.connection_count, 1);

    asker_start(&asker);
    asker_wait(&asker, 2);
    assert_int_equal(asker.status, 200);
    assert_int_equal(asker.answer_count, 3);
    assert_true(request_has(2, "nonce=\"n1\"") && request_has(2, "nc=00000002"));
    asker_fini(&asker);
}

static void a_stale_nonce_is_replaced_within_the_fetch(void **state)
{
    static const struct step steps[] = {{.text = REFUSED DIGEST("n1") "\r\n" NO},
                                        {.text = WHOLE},
                                        {.text = REFUSED STALE("n2") "\r\n" NO},
                                        {.text = WHOLE}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    give(AUTH_DIGEST, SESSION_AUTH_STREAM);
    asker_init(&asker, "/a");
    asker.restarts_at = AT_END;
    asker_start(&asker);
    asker_wait(&asker, 2);
    assert_int_equal(asker.status, 200);
    assert_true(request_has(3, "nonce=\"n2\"") && request_has(3, "nc=00000001"));
    assert_int_equal(asker.head_count, 2);
    asker_fini(&asker);
}

/* A server that calls every nonce stale does not hold the fetch for ever. */
static void nonces_that_are_always_stale_come_to_an_end(void **state)
{
    struct step steps[8];
    struct asker asker;

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        steps[i] = (struct step){.text = REFUSED STALE("n") "\r\n" NO};
    SCRIPT(steps);
    give(AUTH_DIGEST, SESSION_AUTH_STREAM);
    asker_init(&asker, "/a");
    asker_run(&asker);
    check_whole(&asker, 401, "no");
    assert_int_equal(server.request_count, 2 + AUTH_STALE_LIMIT);
    asker_fini(&asker);
}

static void a_wrong_password_gives_the_401_to_the_owner(void **state)
{
    static const struct step steps[] = {{.text = REFUSED DIGEST("n1") "\r\n" NO},
                                        {.text = REFUSED DIGEST("n2") "\r\n" NO}};
    static const struct step basic[] = {
        {.text = REFUSED "WWW-Authenticate: Basic realm=\"r\"\r\n" NO}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    give(AUTH_DIGEST, SESSION_AUTH_STREAM);
    asker_init(&asker, "/a");
    asker_run(&asker);
    check_whole(&asker, 401, "no");
    assert_int_equal(asker.answer_count, 2);
    asker_fini(&asker);

    SCRIPT(basic);
    give(AUTH_BASIC, SESSION_AUTH_STREAM);
    asker_init(&asker, "/a");
    asker_run(&asker);
    check_whole(&asker, 401, "no");
    asker_fini(&asker);
}

static void a_401_without_credentials_or_a_known_challenge_is_for_the_owner(void **state)
{
    static const struct step steps[] = {{.text = REFUSED DIGEST("n1") "\r\n" NO}};
    static const struct step unknown[] = {{.text = REFUSED "WWW-Authenticate: NTLM\r\n" NO}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    asker_init(&asker, "/a");
    asker_run(&asker);
    check_whole(&asker, 401, "no");
    asker_fini(&asker);

    SCRIPT(unknown);
    give(AUTH_ANY, SESSION_AUTH_STREAM);
    asker_init(&asker, "/a");
    asker_run(&asker);
    check_whole(&asker, 401, "no");
    asker_fini(&asker);
}

static void any_waits_for_the_challenge_and_takes_the_strongest(void **state)
{
    static const struct step basic[] = {
        {.text = REFUSED "WWW-Authenticate: Basic realm=\"r\"\r\n" NO}, {.text = WHOLE}};
    static const struct step both[] = {
        {.text = REFUSED "WWW-Authenticate: Basic realm=\"r\"\r\n" DIGEST("n1") "\r\n" NO},
        {.text = WHOLE}};
    struct asker asker;

    (void)state;
    SCRIPT(basic);
    give(AUTH_ANY, SESSION_AUTH_STREAM);
    asker_init(&asker, "/a");
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    assert_false(request_has(0, "Authorization:"));
    assert_true(request_has(1, basic_line));
    asker_fini(&asker);

    SCRIPT(both);
    give(AUTH_ANY, SESSION_AUTH_STREAM);
    asker_init(&asker, "/a");
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    assert_true(request_has(1, "Authorization: Digest "));
    assert_false(request_has(1, "Basic"));
    asker_fini(&asker);
}

static void digest_names_the_target_and_the_method_of_its_hop(void **state)
{
    static const struct step steps[] = {
        {.text = "HTTP/1.1 303 See Other\r\nLocation: /b?c\r\n" EMPTY},
        {.text = REFUSED DIGEST("n1") "\r\n" NO},
        {.text = "HTTP/1.1 302 Found\r\nLocation: /d\r\n" EMPTY},
        {.text = WHOLE}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    give(AUTH_DIGEST, SESSION_AUTH_STREAM);
    asker_init(&asker, "/a");
    asker.order.method = "POST";
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    assert_true(request_has(2, "GET /b?c HTTP") && request_has(2, "uri=\"/b?c\""));
    assert_true(request_has(3, "GET /d HTTP") && request_has(3, "uri=\"/d\""));
    assert_true(request_has(3, "nc=00000002"));
    asker_fini(&asker);
}

static void another_origin_gets_neither_password_nor_answer(void **state)
{
    char *away = x_asprintf("HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:%u/b\r\n" EMPTY,
                            server.other_port);
    const struct step steps[] = {{.text = away},
                                 {.text = REFUSED "WWW-Authenticate: Basic realm=\"r\"\r\n" NO},
                                 {.text = away},
                                 {.text = REFUSED DIGEST("n1") "\r\n" NO}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    for (int i = 0; i < 2; i++) {
        give(i == 0 ? AUTH_BASIC : AUTH_DIGEST, SESSION_AUTH_STREAM);
        asker_init(&asker, "/a");
        asker_run(&asker);
        check_whole(&asker, 401, "no");
        assert_int_equal(request_has(2 * i, basic_line), i == 0);
        assert_false(request_has(2 * i + 1, "Authorization:"));
        asker_fini(&asker);
    }
    assert_int_equal(server.request_count, 4);
    free(away);
}

static void a_token_goes_out_instead_of_the_password_but_not_elsewhere(void **state)
{
    char *away = x_asprintf("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%u/b\r\n" EMPTY,
                            server.other_port);
    const struct step steps[] = {
        {.text = away}, {.text = WHOLE}, {.text = REFUSED DIGEST("n1") "\r\n" NO}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    give(AUTH_DIGEST, SESSION_AUTH_STREAM);
    http_session_set_bearer(&server.session, "token", 5);
    asker_init(&asker, "/a");
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    assert_true(request_has(0, "Authorization: Bearer token\r\n"));
    assert_false(request_has(1, "Authorization:"));
    asker_fini(&asker);

    asker_init(&asker, "/a"); /* a refused token is not followed by a password */
    asker_run(&asker);
    check_whole(&asker, 401, "no");
    assert_int_equal(server.request_count, 3);
    asker_fini(&asker);
    free(away);
}

static void a_login_sends_its_own_password_and_never_the_token(void **state)
{
    static const struct step steps[] = {{.text = WHOLE}, {.text = WHOLE}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    http_session_set_bearer(&server.session, "token", 5);
    asker_init(&asker, "/login");
    asker.order.auth_place = SESSION_AUTH_LOGIN;
    give(AUTH_BASIC, SESSION_AUTH_STREAM);
    asker_run(&asker);
    assert_false(request_has(0, "Authorization:"));
    give(AUTH_BASIC, SESSION_AUTH_LOGIN);
    asker_start(&asker);
    asker_wait(&asker, 2);
    assert_true(request_has(1, basic_line));
    assert_false(request_has(1, "token"));
    asker_fini(&asker);
}

static void a_login_answers_a_challenge_though_a_token_is_there(void **state)
{
    static const struct step steps[] = {{.text = REFUSED DIGEST("n1") "\r\n" NO}, {.text = WHOLE}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    http_session_set_bearer(&server.session, "token", 5);
    give(AUTH_DIGEST, SESSION_AUTH_LOGIN);
    asker_init(&asker, "/login");
    asker.order.auth_place = SESSION_AUTH_LOGIN;
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    assert_true(request_has(1, "Authorization: Digest "));
    assert_false(request_has(1, "token"));
    asker_fini(&asker);
}

static void a_fetch_may_be_cancelled_while_it_drains_a_challenge(void **state)
{
    static const struct step steps[] = {
        {.text = REFUSED DIGEST("n1") "\r\nContent-Length: 9\r\n\r\nno"}, {.text = WHOLE}};
    struct asker asker;

    (void)state;
    SCRIPT(steps);
    give(AUTH_DIGEST, SESSION_AUTH_STREAM);
    asker_init(&asker, "/a");
    asker_start(&asker);
    asker_wait_for_answers(&asker, 1);
    fetch_cancel(&asker.fetch, false);
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    assert_true(request_has(1, "nonce=\"n1\"")); /* what was learned stays */
    asker_fini(&asker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(basic_is_sent_at_once),
        WITH_SERVER(a_digest_challenge_is_answered_once_and_its_nonce_used_again),
        WITH_SERVER(a_stale_nonce_is_replaced_within_the_fetch),
        WITH_SERVER(nonces_that_are_always_stale_come_to_an_end),
        WITH_SERVER(a_wrong_password_gives_the_401_to_the_owner),
        WITH_SERVER(a_401_without_credentials_or_a_known_challenge_is_for_the_owner),
        WITH_SERVER(any_waits_for_the_challenge_and_takes_the_strongest),
        WITH_SERVER(digest_names_the_target_and_the_method_of_its_hop),
        WITH_SERVER(another_origin_gets_neither_password_nor_answer),
        WITH_SERVER(a_token_goes_out_instead_of_the_password_but_not_elsewhere),
        WITH_SERVER(a_login_sends_its_own_password_and_never_the_token),
        WITH_SERVER(a_login_answers_a_challenge_though_a_token_is_there),
        WITH_SERVER(a_fetch_may_be_cancelled_while_it_drains_a_challenge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

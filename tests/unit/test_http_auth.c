#include "http/auth.h"

#include "base/rng.h"
#include "http/challenge.h"
#include "http/head.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NONCE_7616  "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
#define CNONCE_7616 "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
#define OPAQUE_7616 "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"

enum { LONG_BYTES = 64 * 1024, ROUNDS_MAX = 20 };

/* `values`, one field each, up to a NULL. */
static bool challenge_all(struct auth *auth, const char *const *values)
{
    struct http_head head;
    bool is_worth_it;

    http_head_init(&head);
    for (; *values; values++) {
        assert_int_equal(http_head_add_name(&head, "WWW-Authenticate", 16), 0);
        assert_int_equal(http_head_add_value(&head, *values, strlen(*values)), 0);
    }
    is_worth_it = auth_challenge(auth, &head);
    http_head_fini(&head);
    return is_worth_it;
}

static bool challenge(struct auth *auth, const char *value)
{
    return challenge_all(auth, (const char *const[]){value, NULL});
}

static void check_line(struct auth *auth, const char *target, const char *cnonce,
                       const char *expected)
{
    struct buf out = {0};

    auth_append_with_cnonce(auth, "GET", target, cnonce, &out);
    assert_string_equal(buf_text(&out), expected);
    buf_fini(&out);
}

/* Has the line for a next request all of `part`? An empty `part`: is there no line? */
static bool line_has(struct auth *auth, const char *part)
{
    struct buf out = {0};
    bool has;

    auth_append_with_cnonce(auth, "GET", "/", "c", &out);
    has = part[0] == '\0' ? out.len == 0 : strstr(buf_text(&out), part) != NULL;
    buf_fini(&out);
    return has;
}

static void basic_goes_with_every_request_unasked(void **state)
{
    static const struct {
        const char *user, *password, *line;
    } cases[] = {
        {"Aladdin", "open sesame", "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"},
        {"test", "123\xc2\xa3", "Authorization: Basic dGVzdDoxMjPCow==\r\n"},
        {"", "", "Authorization: Basic Og==\r\n"},
        {"a", "b:c", "Authorization: Basic YTpiOmM=\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct auth *auth = auth_new(AUTH_BASIC, cases[i].user, cases[i].password);

        check_line(auth, "/", "c", cases[i].line);
        assert_false(challenge(auth, "Basic realm=\"x\""));
        assert_false(challenge(auth, "Digest nonce=\"x\""));
        check_line(auth, "/", "c", cases[i].line);
        auth_free(auth);
    }
    auth_free(NULL);
}

static void none_sends_nothing(void **state)
{
    struct auth *auth = auth_new(AUTH_NONE, NULL, NULL);

    (void)state;
    assert_false(challenge(auth, "Basic, Digest nonce=\"x\""));
    check_line(auth, "/", "c", "");
    auth_free(auth);
}

/* RFC 7616, section 3.9.1, and the same numbers with the other algorithms. */
static void examples_of_rfc_7616_come_out(void **state)
{
    static const struct {
        const char *algorithm, *response;
    } cases[] = {
        {"MD5", "8ca523f5e9506fed4657c9700eebdbec"},
        {"SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
        {"MD5-sess", "e783283f46242139c486a698fec7211d"},
        {"SHA-256-sess", "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7"},
        {"SHA-512-256", "430d05014cecc49cab6fbe03176d41a1da86cbfe24a16580e22aaad928d960d0"},
        {"SHA-512-256-sess", "3f2a34f923c38b0fb26dce2fdfc2ce326c23cecf86fbb1444f3e51fbbc2cb92e"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct auth *auth = auth_new(AUTH_DIGEST, "Mufasa", "Circle of Life");
        char value[512], line[1024];

        (void)snprintf(value, sizeof value,
                       "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", "
                       "algorithm=%s, nonce=\"" NONCE_7616 "\", opaque=\"" OPAQUE_7616 "\"",
                       cases[i].algorithm);
        (void)snprintf(
            line, sizeof line,
            "Authorization: Digest username=\"Mufasa\", realm=\"http-auth@example.org\", "
            "nonce=\"" NONCE_7616 "\", uri=\"/dir/index.html\", algorithm=%s, qop=auth, "
            "nc=00000001, cnonce=\"" CNONCE_7616 "\", response=\"%s\", "
            "opaque=\"" OPAQUE_7616 "\"\r\n",
            cases[i].algorithm, cases[i].response);
        assert_true(challenge(auth, value));
        check_line(auth, "/dir/index.html", CNONCE_7616, line);
        auth_free(auth);
    }
}

/*
 * RFC 7616, section 3.9.2. The hashes printed there are those of a SHA-512 cut short; these are
 * those of SHA-512/256, as its errata have them.
 */
static void hidden_user_name_is_hashed_as_the_erratum_says(void **state)
{
    struct auth *auth = auth_new(AUTH_DIGEST, "J\xc3\xa4s\xc3\xb8n Doe", "Secret, or not?");

    (void)state;
    assert_true(challenge(auth,
                          "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, "
                          "nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", "
                          "opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, "
                          "userhash=true"));
    check_line(auth, "/doe.json", "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
               "Authorization: Digest "
               "username=\"793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b\", "
               "realm=\"api@example.org\", nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", "
               "uri=\"/doe.json\", algorithm=SHA-512-256, qop=auth, nc=00000001, "
               "cnonce=\"NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v\", "
               "response=\"3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5\", "
               "opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", userhash=true\r\n");
    auth_free(auth);
}

/* RFC 2617, section 3.5: no algorithm is named, so none is sent back. */
static void example_of_rfc_2617_comes_out(void **state)
{
    struct auth *auth = auth_new(AUTH_DIGEST, "Mufasa", "Circle Of Life");

    (void)state;
    assert_true(challenge(auth, "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", "
                                "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
                                "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""));
    check_line(auth, "/dir/index.html", "0a4f113b",
               "Authorization: Digest username=\"Mufasa\", realm=\"testrealm@host.com\", "
               "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", qop=auth, "
               "nc=00000001, cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\", "
               "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"\r\n");
    auth_free(auth);
}

/* RFC 2069, section 2.4, with the response as its errata have it. */
static void example_of_rfc_2069_comes_out(void **state)
{
    struct auth *auth = auth_new(AUTH_DIGEST, "Mufasa", "CircleOfLife");

    (void)state;
    assert_true(challenge(auth, "Digest realm=\"testrealm@host.com\", "
                                "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"\""));
    check_line(auth, "/dir/index.html", "0a4f113b",
               "Authorization: Digest username=\"Mufasa\", realm=\"testrealm@host.com\", "
               "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", "
               "response=\"1949323746fe6a43ef61f9606e7febea\", opaque=\"\"\r\n");
    auth_free(auth);
}

/* Hashed as they are, quoted with escapes. */
static void quotes_and_backslashes_are_escaped_in_quotes_only(void **state)
{
    struct auth *auth = auth_new(AUTH_DIGEST, "a\"b\\c", "p\"w\\");

    (void)state;
    assert_true(
        challenge(auth, "Digest realm=\"say \\\"\\hi\\\"\", nonce=\"n\\\"1\\\\\", qop=auth"));
    check_line(auth, "/x\"y", "c",
               "Authorization: Digest username=\"a\\\"b\\\\c\", realm=\"say \\\"hi\\\"\", "
               "nonce=\"n\\\"1\\\\\", uri=\"/x\\\"y\", qop=auth, nc=00000001, cnonce=\"c\", "
               "response=\"3b0487a2e819949ba20861a9faa65c3d\"\r\n");
    auth_free(auth);
}

static void each_answer_counts_its_nonce_on(void **state)
{
    static const char *const parts[] = {
        "nc=00000001, cnonce=\"c\", response=\"490ab2d682267b3630d3509d981b982d\"",
        "nc=00000002, cnonce=\"c\", response=\"f1202435231f48ff4a8404e67cf5613f\"",
        "nc=00000003, cnonce=\"c\", response=\"5e0861108f7a03d20225304b9a9fdf3e\"",
    };
    struct auth *auth = auth_new(AUTH_DIGEST, "u", "p");

    (void)state;
    assert_true(challenge(auth, "Digest realm=r, nonce=n, qop=auth"));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        assert_true(line_has(auth, parts[i]));
    assert_true(challenge(auth, "Digest realm=r, nonce=m, qop=auth, stale=TRUE"));
    assert_true(line_has(auth, "nonce=\"m\", uri=\"/\", qop=auth, nc=00000001"));
    auth_free(auth);
}

static void method_and_target_are_part_of_the_response(void **state)
{
    static const struct {
        const char *method, *target, *response;
    } cases[] = {
        {"GET", "/", "490ab2d682267b3630d3509d981b982d"},
        {"POST", "/", "3216c1e24ada9ebd6e14557e6534e2ae"},
        {"GET", "/a?b=c", "3368197e5671f95aec8c64c3e22de288"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct auth *auth = auth_new(AUTH_DIGEST, "u", "p");
        struct buf out = {0};

        assert_true(challenge(auth, "Digest realm=r, nonce=n, qop=auth"));
        auth_append_with_cnonce(auth, cases[i].method, cases[i].target, "c", &out);
        assert_non_null(strstr(buf_text(&out), cases[i].response));
        buf_fini(&out);
        auth_free(auth);
    }
}

/* The text of the cnonce in the line for a next request. */
static void read_cnonce(struct auth *auth, struct rng *rng, char cnonce[33])
{
    static const char name[] = "cnonce=\"";
    struct buf out = {0};
    const char *at;

    auth_append(auth, "GET", "/", rng, &out);
    at = strstr(buf_text(&out), name);
    assert_non_null(at);
    (void)snprintf(cnonce, 33, "%s", at + sizeof name - 1);
    assert_int_equal(strspn(cnonce, "0123456789abcdef"), 32);
    buf_fini(&out);
}

static void cnonce_changes_but_not_within_a_session(void **state)
{
    static const struct {
        const char *value;
        bool is_session;
    } cases[] = {
        {"Digest nonce=n, qop=auth", false},
        {"Digest nonce=n, qop=auth, algorithm=MD5-sess", true},
    };
    struct rng rng;

    (void)state;
    rng_init(&rng, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct auth *auth = auth_new(AUTH_DIGEST, "u", "p");
        char first[33], second[33], other[33];

        assert_true(challenge(auth, cases[i].value));
        read_cnonce(auth, &rng, first);
        read_cnonce(auth, &rng, second);
        assert_int_equal(strcmp(first, second) == 0, cases[i].is_session);
        assert_false(challenge(auth, cases[i].value));
        assert_true(challenge(auth, cases[i].value));
        read_cnonce(auth, &rng, other);
        assert_string_not_equal(second, other);
        auth_free(auth);
    }
}

static void parameters_decide_what_is_answered(void **state)
{
    static const struct {
        const char *value, *part;
    } cases[] = {
        {"Digest nonce=n", "realm=\"\", nonce=\"n\", uri=\"/\", response="},
        {"dIGEST NONCE=n, ALGORITHM=\"sha-256\"", "algorithm=SHA-256, response="},
        {"Digest nonce=n, algorithm=md5-SESS, qop=\"AUTH\"", "algorithm=MD5-sess, qop=auth, nc="},
        {"Digest nonce=n, qop=\"auth-int,auth\"", "qop=auth, nc="},
        {"Digest nonce=n, qop=\"auth\tauth-int\"", "qop=auth, nc="},
        {"Digest nonce=n, qop=\"token\"", "uri=\"/\", response="},
        {"Digest nonce=n, qop=\"\"", "uri=\"/\", response="},
        {"Digest nonce=n, qop=\"authentic , auth\"", "qop=auth, nc="},
        {"Digest nonce=n, userhash=false", "username=\"u\""},
        {"Digest nonce=n, stale=true", "nonce=\"n\""},
        {"Digest nonce=n, domain=\"/a /b\", charset=UTF-8, new=1", "nonce=\"n\""},
        {"Digest nonce=m, nonce=n", "nonce=\"n\""},
        {"Digest nonce=n, Digest realm=\"x", "nonce=\"n\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct auth *auth = auth_new(AUTH_DIGEST, "u", "p");

        assert_true(line_has(auth, ""));
        assert_true(challenge(auth, cases[i].value));
        assert_true(line_has(auth, cases[i].part));
        auth_free(auth);
    }
}

static void any_takes_digest_before_basic_and_basic_before_nothing(void **state)
{
    static const struct {
        const char *values[4];
        const char *part; /* NULL: nothing */
    } cases[] = {
        {{"Basic realm=x", "Digest nonce=a"}, "Digest "},
        {{"Basic realm=x, Digest nonce=a"}, "Digest "},
        {{"Digest nonce=a", "Basic realm=x"}, "Digest "},
        {{"Digest nonce=a, algorithm=X, Basic realm=x"}, "Authorization: Basic dTpw\r\n"},
        {{"Negotiate", "NTLM", "bAsIc"}, "Authorization: Basic dTpw\r\n"},
        {{"Negotiate", "NTLM", "Bearer"}, NULL},
        {{NULL}, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct auth *auth = auth_new(AUTH_ANY, "u", "p");

        assert_true(line_has(auth, ""));
        assert_int_equal(challenge_all(auth, cases[i].values), cases[i].part != NULL);
        assert_true(line_has(auth, cases[i].part ? cases[i].part : ""));
        auth_free(auth);
    }
}

static void refused_password_is_not_tried_again(void **state)
{
    struct auth *auth = auth_new(AUTH_DIGEST, "u", "p");

    (void)state;
    assert_true(challenge(auth, "Digest nonce=a"));
    assert_true(line_has(auth, "nonce=\"a\""));
    assert_false(challenge(auth, "Digest nonce=b"));
    /* A later request begins anew. */
    assert_true(line_has(auth, ""));
    assert_true(challenge(auth, "Digest nonce=c"));
    assert_true(line_has(auth, "nonce=\"c\""));
    assert_false(challenge(auth, "Digest nonce=c, stale=false"));
    auth_free(auth);
}

static void basic_is_tried_once_and_never_after_digest(void **state)
{
    struct auth *auth = auth_new(AUTH_ANY, "u", "p");

    (void)state;
    assert_true(challenge(auth, "Basic"));
    assert_true(line_has(auth, "Basic dTpw"));
    assert_false(challenge(auth, "Basic"));
    assert_true(line_has(auth, ""));
    assert_true(challenge(auth, "Digest nonce=a, Basic"));
    assert_true(line_has(auth, "Digest "));
    assert_false(challenge(auth, "Basic"));
    assert_true(challenge(auth, "Basic"));
    assert_true(line_has(auth, "Basic dTpw"));
    assert_true(challenge(auth, "Digest nonce=b"));
    assert_true(line_has(auth, "Digest "));
    auth_free(auth);
}

static void digest_never_falls_back_to_basic(void **state)
{
    struct auth *auth = auth_new(AUTH_DIGEST, "u", "p");

    (void)state;
    assert_false(challenge(auth, "Basic realm=x"));
    assert_true(line_has(auth, ""));
    auth_free(auth);
}

/* The count of answers that are given to `value` before it is refused. */
static size_t count_answers(struct auth *auth, const char *value, size_t requests_a_nonce)
{
    for (size_t count = 0; count < ROUNDS_MAX; count++) {
        if (!challenge(auth, value))
            return count;
        for (size_t i = 0; i < requests_a_nonce; i++)
            assert_true(line_has(auth, "Digest "));
    }
    return ROUNDS_MAX;
}

static void only_nonces_that_never_were_good_come_to_an_end(void **state)
{
    struct auth *auth = auth_new(AUTH_DIGEST, "u", "p");

    (void)state;
    assert_int_equal(count_answers(auth, "Digest nonce=n, stale=true", 1), 1 + AUTH_STALE_LIMIT);
    assert_int_equal(count_answers(auth, "Digest nonce=n, stale=true", 1), 1 + AUTH_STALE_LIMIT);
    /* A server with nonces for one request each: stale is the second use, never the first. */
    assert_int_equal(count_answers(auth, "Digest nonce=n, stale=true", 2), ROUNDS_MAX);
    auth_free(auth);
}

/* `front`, then bytes up to `value_bytes`, then `end`; the caller frees it. */
static char *fill(const char *front, size_t value_bytes, const char *end)
{
    size_t front_bytes = strlen(front);
    char *text = malloc(front_bytes + value_bytes + strlen(end) + 1);

    assert_non_null(text);
    (void)memcpy(text, front, front_bytes);
    (void)memset(text + front_bytes, 'x', value_bytes);
    (void)memcpy(text + front_bytes + value_bytes, end, strlen(end) + 1);
    return text;
}

/* The longest challenge that one field can bring, and every byte needs an escape. */
static void longest_lines_keep_to_their_stated_length(void **state)
{
    enum { PIECE_BYTES = (CHALLENGE_FIELD_LIMIT_BYTES / 2 - 100) / 2 * 2 };
    char *user = fill("", AUTH_USER_LIMIT_BYTES, "");
    char *password = fill("", AUTH_PASSWORD_LIMIT_BYTES, "");
    char *nonce = fill("", PIECE_BYTES, "");
    char *value = malloc(CHALLENGE_FIELD_LIMIT_BYTES);
    struct buf out = {0};
    struct auth *basic, *digest;

    (void)state;
    assert_non_null(value);
    (void)memset(user, '"', AUTH_USER_LIMIT_BYTES);
    (void)memset(nonce, '\\', strlen(nonce));
    (void)snprintf(value, CHALLENGE_FIELD_LIMIT_BYTES,
                   "Digest qop=auth,algorithm=SHA-512-256-sess,nonce=\"%s\",realm=\"%s\"", nonce,
                   nonce);
    digest = auth_new(AUTH_DIGEST, user, password);
    assert_true(challenge(digest, value));
    auth_append_with_cnonce(digest, "GET", "/", "c", &out);
    assert_in_range(out.len, 2 * AUTH_USER_LIMIT_BYTES + 2 * strlen(nonce), AUTH_LINE_LIMIT_BYTES);
    buf_clear(&out);
    (void)memset(user, 'u', AUTH_USER_LIMIT_BYTES);
    basic = auth_new(AUTH_BASIC, user, password);
    auth_append_with_cnonce(basic, "GET", "/", "c", &out);
    assert_in_range(out.len, AUTH_PASSWORD_LIMIT_BYTES, AUTH_LINE_LIMIT_BYTES);
    auth_free(basic);
    auth_free(digest);
    buf_fini(&out);
    free(value);
    free(nonce);
    free(password);
    free(user);
}

static void line_without_room_is_left_out_whole(void **state)
{
    enum { LINE_BYTES = sizeof "Authorization: Basic dTpw\r\n" - 1 };
    struct auth *auth = auth_new(AUTH_BASIC, "u", "p");

    (void)state;
    for (size_t missing = 0; missing <= 1; missing++) {
        struct buf out;

        buf_init(&out, LINE_BYTES - missing);
        auth_append_with_cnonce(auth, "GET", "/", "c", &out);
        assert_int_equal(out.len, missing > 0 ? 0 : LINE_BYTES);
        buf_fini(&out);
    }
    auth_free(auth);
}

/* A property that no provider has stands for FIPS mode, which has no MD5. */
static void challenge_whose_hash_is_missing_is_not_answered(void **state)
{
    struct auth *auth = auth_new(AUTH_ANY, "u", "p");

    (void)state;
    assert_true(challenge(auth, "Digest nonce=a"));
    assert_int_equal(EVP_set_default_properties(NULL, "nobody=offers"), 1);
    assert_true(line_has(auth, ""));
    assert_false(challenge(auth, "Digest nonce=b"));
    assert_true(challenge(auth, "Digest nonce=c, Basic"));
    assert_true(line_has(auth, "Basic "));
    assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
    auth_free(auth);
}

static void credentials_that_cannot_be_sent_are_named(void **state)
{
    static const struct {
        enum auth_scheme scheme;
        const char *user, *password, *complaint; /* NULL: can be sent */
    } cases[] = {
        {AUTH_NONE, NULL, NULL, NULL},
        {AUTH_BASIC, "", "", NULL},
        {AUTH_BASIC, "J\xc3\xa4s\xc3\xb8n Doe", "a:b \xff", NULL},
        {AUTH_BASIC, "a:b", "p", "'a:b' holds a colon"},
        {AUTH_ANY, ":", "p", "':' holds a colon"},
        {AUTH_DIGEST, "a:b", "p", NULL},
        {AUTH_BASIC, "a\rb", "p", "the user name holds a control character"},
        {AUTH_DIGEST, "a\nb", "p", "the user name holds a control character"},
        {AUTH_ANY, "a\tb", "p", "the user name holds a control character"},
        {AUTH_DIGEST, "a\x7f", "p", "the user name holds a control character"},
        {AUTH_BASIC, "a", "secret\n", "the password holds a control character"},
        {AUTH_DIGEST, "a", "secret\x01", "the password holds a control character"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        int result = auth_check(cases[i].scheme, cases[i].user, cases[i].password, &err);

        assert_int_equal(result, cases[i].complaint ? -1 : 0);
        assert_int_equal(err.kind, cases[i].complaint ? ERR_USAGE : ERR_NONE);
        if (cases[i].complaint)
            assert_non_null(strstr(err.text, cases[i].complaint));
        assert_null(strstr(err.text, "secret"));
    }
}

static void credentials_above_their_limit_are_named(void **state)
{
    char *text = fill("", LONG_BYTES, "");
    struct err err = {0};

    (void)state;
    assert_int_equal(auth_check(AUTH_BASIC, text, "p", &err), -1);
    assert_string_equal(err.text, "the user name is longer than 2048 bytes");
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_int_equal(auth_check(AUTH_BASIC, "u", text, &err), -1);
    assert_string_equal(err.text, "the password is longer than 8192 bytes");
    text[AUTH_PASSWORD_LIMIT_BYTES] = '\0';
    assert_int_equal(auth_check(AUTH_BASIC, "u", text, &err), 0);
    text[AUTH_USER_LIMIT_BYTES] = '\0';
    assert_int_equal(auth_check(AUTH_BASIC, text, "p", &err), 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(basic_goes_with_every_request_unasked),
        cmocka_unit_test(none_sends_nothing),
        cmocka_unit_test(examples_of_rfc_7616_come_out),
        cmocka_unit_test(hidden_user_name_is_hashed_as_the_erratum_says),
        cmocka_unit_test(example_of_rfc_2617_comes_out),
        cmocka_unit_test(example_of_rfc_2069_comes_out),
        cmocka_unit_test(quotes_and_backslashes_are_escaped_in_quotes_only),
        cmocka_unit_test(each_answer_counts_its_nonce_on),
        cmocka_unit_test(method_and_target_are_part_of_the_response),
        cmocka_unit_test(cnonce_changes_but_not_within_a_session),
        cmocka_unit_test(parameters_decide_what_is_answered),
        cmocka_unit_test(any_takes_digest_before_basic_and_basic_before_nothing),
        cmocka_unit_test(refused_password_is_not_tried_again),
        cmocka_unit_test(basic_is_tried_once_and_never_after_digest),
        cmocka_unit_test(digest_never_falls_back_to_basic),
        cmocka_unit_test(only_nonces_that_never_were_good_come_to_an_end),
        cmocka_unit_test(longest_lines_keep_to_their_stated_length),
        cmocka_unit_test(line_without_room_is_left_out_whole),
        cmocka_unit_test(challenge_whose_hash_is_missing_is_not_answered),
        cmocka_unit_test(credentials_that_cannot_be_sent_are_named),
        cmocka_unit_test(credentials_above_their_limit_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

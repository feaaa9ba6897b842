/* net/tls_context and net/tls_certificate: who is believed, and which PEM texts are refused. */
#include "net/tls.h"
#include "tls_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { LONG_HOST_BYTES = 200 };

static const char locked_key[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgq2bOtquFmNwICA+gw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEPiZT1Ykm+/VB6Rx6NywsRwEgZAH\n"
    "CdKGaToDNM/4eqB9U+6YNNI1Gpunf8kmNRldeDjzEMW7r+X2KJcs7V8X9iS9jny0\n"
    "C0xEqFTVruaJEB/VAMEj7mgp1mrnIlGDJE9RDyNJkOK0ERxU1eohC9cPp1oyiYVQ\n"
    "wznK6qWmDKDuYg3GWIKIdinIIfGRKt629Q5hjNTkO9BOgSbXbWvqboWZ5YSP+NU=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";
static const char old_locked_key[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "Proc-Type: 4,ENCRYPTED\n"
    "DEK-Info: AES-128-CBC,B4527E785E1AB13352718C65BE92D901\n"
    "\n"
    "VkvGwoc2oIVRuOKTriRfA7AfDJWoEes2G8rLkZ4hGLyp3wOa1onB2xQTRHJhVA/c\n"
    "j8w+v55jFch/tq87fYfBTaixHRmxoPxsSexoXwjKY/vl0UFMRQSCu3BU+e4KAHF9\n"
    "UeQ7HsJzANiQ/ezFhKW7iEvPUKa5tk8CSehV+c2yURo=\n"
    "-----END EC PRIVATE KEY-----\n";
static const char broken_cert[] = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIQ\n"
                                  "-----END CERTIFICATE-----\n";
static const char broken_key[] = "-----BEGIN PRIVATE KEY-----\nMIIBszCC\n"
                                 "-----END PRIVATE KEY-----\n";

static const char *const served_names[] = {"localhost", "*.example.org", "127.0.0.1", "::1"};

static struct identity make_served(void)
{
    return make_identity(served_names, sizeof served_names / sizeof served_names[0]);
}

static struct tls_context *make_server(struct identity *identity)
{
    struct err err = {0};
    struct tls_context *context =
        tls_context_new_server(buf_text(&identity->cert), buf_text(&identity->key), &err);

    assert_non_null(context);
    return context;
}

static struct tls_context *make_client(const struct tls_client_config *config)
{
    struct err err = {0};
    struct tls_context *context = tls_context_new_client(config, &err);

    if (!context)
        fail_msg("%s", err.text);
    return context;
}

/* Whether a client gets through to a server under this name; else with these words. */
static void expect_handshake(const struct contexts *contexts, const char *host, const char *words)
{
    struct tls_peer peer = {.host = host};
    struct ends ends = join(contexts, &peer);
    bool is_done = shake_hands(&ends);

    if (is_done != !words)
        fail_msg("'%s' was %s", host, is_done ? "accepted" : "refused");
    if (words)
        expect_failure(&ends.client, CLASS_TLS, words);
    close_ends(&ends);
}

static void a_name_has_to_stand_in_the_certificate(void **state)
{
    static const char *const accepted[] = {"localhost",      "LOCALHOST", "localhost.",
                                           "a.example.org",  "127.0.0.1", "::1",
                                           "0:0:0:0:0:0:0:1"};
    static const char *const other_names[] = {"other.example", "localhost.example", "example.org",
                                              "a.b.example.org", "127.0.0.1.example"};
    static const char *const other_addresses[] = {"127.0.0.2", "::2", "::ffff:127.0.0.1"};
    struct identity identity = make_served();
    struct tls_client_config config = {.ca_pem = buf_text(&identity.cert)};
    struct contexts contexts = {.client = make_client(&config), .server = make_server(&identity)};

    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++)
        expect_handshake(&contexts, accepted[i], NULL);
    for (size_t i = 0; i < sizeof other_names / sizeof other_names[0]; i++)
        expect_handshake(&contexts, other_names[i],
                         "the certificate is not accepted: hostname mismatch");
    for (size_t i = 0; i < sizeof other_addresses / sizeof other_addresses[0]; i++)
        expect_handshake(&contexts, other_addresses[i],
                         "the certificate is not accepted: IP address mismatch");
    tls_context_free(contexts.client);
    tls_context_free(contexts.server);
    free_identity(&identity);
}

static void a_stranger_is_refused_and_told_so(void **state)
{
    struct identity identity = make_served(), other = make_served();
    struct tls_client_config configs[] = {{.ca_pem = buf_text(&other.cert)}, {.ca_pem = NULL}};
    struct contexts contexts = {.server = make_server(&identity)};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct ends ends;

        contexts.client = make_client(&configs[i]);
        ends = join(&contexts, &usual_peer);
        assert_false(shake_hands(&ends));
        expect_failure(&ends.client, CLASS_TLS, "the certificate is not accepted: ");
        assert_int_equal(transport_handshake(&ends.server), IO_FAILED);
        expect_failure(&ends.server, CLASS_TLS, "alert");
        close_ends(&ends);
        tls_context_free(contexts.client);
    }
    tls_context_free(contexts.server);
    free_identity(&identity);
    free_identity(&other);
}

static void the_insecure_take_everyone(void **state)
{
    struct identity identity = make_served();
    struct tls_client_config config = {.is_insecure = true};
    struct contexts contexts = {.client = make_client(&config), .server = make_server(&identity)};
    struct tls_peer peer = {.host = "other.example"};
    struct ends ends = join(&contexts, &peer);
    struct tls_facts facts;

    (void)state;
    assert_true(shake_hands(&ends));
    assert_true(tls_get_facts(&ends.client, &facts));
    assert_false(facts.is_verified);
    assert_string_equal(facts.subject, "CN=localhost");
    close_ends(&ends);
    tls_context_free(contexts.client);
    tls_context_free(contexts.server);
    free_identity(&identity);
}

/* As bundles are: words between the certificates, the right one last. */
static void every_authority_of_a_bundle_is_trusted(void **state)
{
    struct identity identity = make_served(), other = make_served();
    struct buf bundle = {0};
    struct tls_client_config config = {0};
    struct contexts contexts = {.server = make_server(&identity)};

    (void)state;
    (void)buf_appendf(&bundle, "# Another\n%s\n# The same again\n%s# Ours\n%s\n# The end\n",
                      buf_text(&other.cert), buf_text(&other.cert), buf_text(&identity.cert));
    config.ca_pem = buf_text(&bundle);
    contexts.client = make_client(&config);
    expect_handshake(&contexts, "localhost", NULL);
    tls_context_free(contexts.client);
    tls_context_free(contexts.server);
    buf_fini(&bundle);
    free_identity(&identity);
    free_identity(&other);
}

static void a_key_may_stand_beside_its_certificate(void **state)
{
    struct identity identity = make_served();
    struct buf both = {0};
    struct tls_client_config config = {.is_insecure = true};
    struct contexts contexts;
    struct err err = {0};

    (void)state;
    (void)buf_appendf(&both, "%s%s", buf_text(&identity.key), buf_text(&identity.cert));
    config.cert_pem = buf_text(&both);
    contexts.client = make_client(&config);
    contexts.server = tls_context_new_server(buf_text(&both), NULL, &err);
    assert_non_null(contexts.server);
    expect_handshake(&contexts, "localhost", NULL);
    tls_context_free(contexts.client);
    tls_context_free(contexts.server);
    buf_fini(&both);
    free_identity(&identity);
}

/* Both as a server's own and as a client's. */
static void expect_refusal(const char *cert, const char *key, const char *words)
{
    struct tls_client_config config = {.is_insecure = true, .cert_pem = cert, .key_pem = key};
    struct err errs[2] = {{.text = ""}, {.text = ""}};

    assert_null(tls_context_new_server(cert, key, &errs[0]));
    assert_null(tls_context_new_client(&config, &errs[1]));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(errs[i].kind, ERR_USAGE);
        if (!strstr(errs[i].text, words))
            fail_msg("'%s' does not say '%s'", errs[i].text, words);
    }
}

static void a_bad_certificate_or_key_is_named(void **state)
{
    static const char *const no_pem[] = {"", "\n", "garbage", "-----BEGIN",
                                         "-----BEGIN NONSENSE-----\n-----END NONSENSE-----\n"};
    struct identity identity = make_served(), other = make_served();
    const char *cert = buf_text(&identity.cert), *key = buf_text(&identity.key);
    struct buf chain = {0};

    (void)state;
    for (size_t i = 0; i < sizeof no_pem / sizeof no_pem[0]; i++) {
        expect_refusal(no_pem[i], key, "the certificate: there is none in PEM form");
        expect_refusal(cert, no_pem[i], "the key: there is none in PEM form");
    }
    expect_refusal(key, key, "the certificate: there is none in PEM form");
    expect_refusal(cert, NULL, "the key: there is none in PEM form");
    expect_refusal(cert, cert, "the key: there is none in PEM form");
    expect_refusal(cert, buf_text(&other.key), "the key does not fit the certificate: ");
    expect_refusal(cert, locked_key, "the key: it is locked with a password");
    expect_refusal(cert, old_locked_key, "the key: it is locked with a password");
    expect_refusal(broken_cert, key, "the certificate: ");
    expect_refusal("-----BEGIN CERTIFICATE-----\n", key, "the certificate: bad end line");
    expect_refusal(cert, broken_key, "the key: what stands there is broken");
    (void)buf_appendf(&chain, "%s%s", cert, broken_cert);
    expect_refusal(buf_text(&chain), key, "the certificate: ");
    buf_fini(&chain);
    free_identity(&identity);
    free_identity(&other);
}

static void bad_authorities_are_named(void **state)
{
    struct identity identity = make_served();
    struct buf bundle = {0};
    const char *texts[] = {"", "garbage", buf_text(&identity.key), broken_cert, NULL};

    (void)state;
    (void)buf_appendf(&bundle, "%s%s", buf_text(&identity.cert), broken_cert);
    texts[4] = buf_text(&bundle);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tls_client_config config = {.ca_pem = texts[i]};
        struct err err = {0};

        assert_null(tls_context_new_client(&config, &err));
        assert_int_equal(err.kind, ERR_USAGE);
        assert_ptr_equal(strstr(err.text, "the certificates of the authorities: "), err.text);
        assert_int_equal(strstr(err.text, "there is none in PEM form") != NULL, i < 3);
    }
    buf_fini(&bundle);
    free_identity(&identity);
}

/* A common name has 64 characters at most, a host name 253. */
static void a_long_host_name_gets_a_certificate(void **state)
{
    char host[LONG_HOST_BYTES + 1];
    const char *const names[] = {host};
    struct identity identity;
    struct tls_client_config config = {0};
    struct contexts contexts;

    (void)state;
    for (size_t i = 0; i < LONG_HOST_BYTES; i++)
        host[i] = i % 50 == 49 ? '.' : 'a';
    (void)memcpy(host + LONG_HOST_BYTES - 3, ".de", 4);
    identity = make_identity(names, 1);
    config.ca_pem = buf_text(&identity.cert);
    contexts = (struct contexts){.client = make_client(&config), .server = make_server(&identity)};
    expect_handshake(&contexts, host, NULL);
    tls_context_free(contexts.client);
    tls_context_free(contexts.server);
    free_identity(&identity);
}

static void a_host_that_cannot_be_verified_starts_nothing(void **state)
{
    char endless[TLS_NAME_BYTES + 2];
    const char *const hosts[] = {"", ".", endless};
    struct tls_client_config config = {.is_insecure = true};
    struct tls_context *context = make_client(&config);

    (void)state;
    (void)memset(endless, 'a', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct tls_peer peer = {.host = hosts[i]};
        struct transport transport;
        int fds[2];

        open_sockets(fds);
        assert_int_equal(tls_transport_init_client(&transport, context, fds[0], &peer), -1);
        assert_int_equal(fcntl(fds[0], F_GETFD), -1);
        assert_int_equal(errno, EBADF);
        (void)close(fds[1]);
    }
    tls_context_free(context);
    tls_context_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_has_to_stand_in_the_certificate),
        cmocka_unit_test(a_stranger_is_refused_and_told_so),
        cmocka_unit_test(the_insecure_take_everyone),
        cmocka_unit_test(every_authority_of_a_bundle_is_trusted),
        cmocka_unit_test(a_key_may_stand_beside_its_certificate),
        cmocka_unit_test(a_bad_certificate_or_key_is_named),
        cmocka_unit_test(bad_authorities_are_named),
        cmocka_unit_test(a_long_host_name_gets_a_certificate),
        cmocka_unit_test(a_host_that_cannot_be_verified_starts_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

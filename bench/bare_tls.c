#include "bare_tls.h"

#include "bare.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <signal.h>
#include <string.h>

void bare_tls_die(const char *what)
{
    unsigned long error = ERR_peek_error(); /* the oldest is the cause of the others */
    const char *reason = ERR_SYSTEM_ERROR(error) ? strerror((int)ERR_GET_REASON(error))
                                                 : ERR_reason_error_string(error);

    bare_die("%s: %s", what, reason ? reason : "the connection ended");
}

/* No read-ahead: it saves a call of the kernel a record, which shows in no figure, for 2 KB. */
static SSL_CTX *make_context(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
        bare_tls_die("cannot make a TLS context");
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    (void)signal(SIGPIPE, SIG_IGN);
    return ctx;
}

SSL_CTX *bare_tls_server_new(const char *cert_file, const char *key_file)
{
    SSL_CTX *ctx = make_context(TLS_server_method());

    /* Tickets hold the whole session: a cache beside them would only cost the server memory. */
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
        bare_tls_die(cert_file);
    if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
        bare_tls_die(key_file);
    return ctx;
}

SSL_CTX *bare_tls_client_new(const char *ca_file)
{
    SSL_CTX *ctx = make_context(TLS_client_method());

    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_load_verify_file(ctx, ca_file) != 1)
        bare_tls_die(ca_file);
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_CTX_get0_param(ctx), "127.0.0.1") != 1)
        bare_tls_die("cannot ask for the address in the certificate");
    return ctx;
}

static SSL *attach(SSL_CTX *ctx, int fd)
{
    SSL *tls = SSL_new(ctx);

    if (!tls || SSL_set_fd(tls, fd) != 1)
        bare_tls_die("cannot make a TLS connection");
    return tls;
}

SSL *bare_tls_accept(SSL_CTX *ctx, int fd)
{
    SSL *tls = attach(ctx, fd);

    SSL_set_accept_state(tls);
    return tls;
}

SSL *bare_tls_connect(SSL_CTX *ctx, int fd, SSL_SESSION *session)
{
    SSL *tls = attach(ctx, fd);

    SSL_set_connect_state(tls);
    if (session && SSL_set_session(tls, session) != 1)
        bare_tls_die("cannot offer a session");
    return tls;
}

/* A failure leaves its reason in OpenSSL's queue, where the next connection must not find it. */
void bare_tls_free(SSL *tls)
{
    SSL_free(tls);
    ERR_clear_error();
}

static ssize_t result_of(const SSL *tls, int got)
{
    if (got > 0)
        return got;
    return SSL_get_error(tls, got) == SSL_ERROR_WANT_READ ? 0 : -1;
}

static int clamp(size_t len)
{
    return len > INT_MAX ? INT_MAX : (int)len;
}

ssize_t bare_tls_read(SSL *tls, void *buffer, size_t size)
{
    return result_of(tls, SSL_read(tls, buffer, clamp(size)));
}

ssize_t bare_tls_write(SSL *tls, const void *bytes, size_t len)
{
    return result_of(tls, SSL_write(tls, bytes, clamp(len)));
}

/*
 * SSL_MODE_RELEASE_BUFFERS alone leaves one buffer: a ticket of TLS 1.3 makes OpenSSL prepare to
 * write, and only a write would give that back. It refuses while a record is unfinished.
 */
void bare_tls_trim(SSL *tls)
{
    (void)SSL_free_buffers(tls);
}

/*
 * A copy, because a connection that is freed without close_notify marks its own session as one not
 * to be resumed.
 */
SSL_SESSION *bare_tls_copy_session(SSL *tls)
{
    SSL_SESSION *session = SSL_get0_session(tls);

    return session ? SSL_SESSION_dup(session) : NULL;
}

void bare_tls_session_free(SSL_SESSION *session)
{
    SSL_SESSION_free(session);
}

bool bare_tls_is_resumed(const SSL *tls)
{
    return SSL_session_reused(tls) == 1;
}

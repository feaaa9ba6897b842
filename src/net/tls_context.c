#include "net/tls.h"

#include "base/mem.h"
#include "net/tls_internal.h"
#include "net/transport.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

/* What we offer and take (RFC 7301): a length byte, then the name. */
static const unsigned char alpn_http11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

const char *tls_take_reason(void)
{
    unsigned long code = ERR_get_error();
    const char *reason = ERR_reason_error_string(code);

    ERR_clear_error();
    /* The words for a first byte that starts no record are the same for every protocol but TLS. */
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER)
        return "wrong version number: what came is not TLS, as from a port that speaks plain HTTP";
    return reason ? reason : "a failure that OpenSSL has no words for";
}

static BIO *pem_source(const char *pem)
{
    return BIO_new_mem_buf(pem, -1);
}

/* A key that is locked is refused with a sentence instead of a question on the terminal. */
static int refuse_password(char *text, int cap, int is_for_writing, void *ctx)
{
    if (cap > 0)
        *text = '\0';
    (void)is_for_writing;
    (void)ctx;
    return -1;
}

static bool is_error(unsigned long code, int library, int reason)
{
    return ERR_GET_LIB(code) == library && ERR_GET_REASON(code) == reason;
}

static int fail(struct err *err, const char *what)
{
    err_set(err, ERR_USAGE, "%s: %s", what, tls_take_reason());
    return -1;
}

/* Keys are looked for by decoders, which say of a text without one that it is unsupported, and of a
 * broken one that first, with their attempts behind it. Of an empty block nobody says anything. */
static int fail_pem(struct err *err, const char *what)
{
    unsigned long first = ERR_peek_error(), last = ERR_peek_last_error();
    const char *reason;

    if (first == 0 || is_error(last, ERR_LIB_PEM, PEM_R_NO_START_LINE) ||
        is_error(last, ERR_LIB_OSSL_DECODER, ERR_R_UNSUPPORTED))
        reason = "there is none in PEM form";
    else if (is_error(last, ERR_LIB_PEM, PEM_R_BAD_PASSWORD_READ))
        reason = "it is locked with a password; give one without";
    else if (is_error(first, ERR_LIB_OSSL_DECODER, ERR_R_UNSUPPORTED))
        reason = "what stands there is broken, or of a kind that OpenSSL does not know";
    else
        return fail(err, what);
    ERR_clear_error();
    err_set(err, ERR_USAGE, "%s: %s", what, reason);
    return -1;
}

/* Why a reader of PEM has found no more: the text is over, or what stands there is broken. */
static bool is_end_of_pem(void)
{
    return is_error(ERR_peek_last_error(), ERR_LIB_PEM, PEM_R_NO_START_LINE);
}

/* The certificate and those between it and the authority. */
static int use_certificates(SSL_CTX *ssl_ctx, const char *pem, struct err *err)
{
    BIO *in = pem_source(pem);
    X509 *cert = PEM_read_bio_X509_AUX(in, NULL, refuse_password, NULL);
    int result = -1;

    if (!cert || SSL_CTX_use_certificate(ssl_ctx, cert) != 1)
        goto out;
    for (;;) {
        X509 *next = PEM_read_bio_X509(in, NULL, refuse_password, NULL);

        if (!next) {
            result = is_end_of_pem() ? 0 : -1;
            goto out;
        }
        if (SSL_CTX_add0_chain_cert(ssl_ctx, next) != 1) {
            X509_free(next);
            goto out;
        }
    }
out:
    if (result < 0)
        (void)fail_pem(err, "the certificate");
    ERR_clear_error();
    X509_free(cert);
    BIO_free(in);
    return result;
}

static int use_key(SSL_CTX *ssl_ctx, const char *pem, struct err *err)
{
    BIO *in = pem_source(pem);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, refuse_password, NULL);
    int result = 0;

    if (!key)
        result = fail_pem(err, "the key");
    else if (SSL_CTX_use_PrivateKey(ssl_ctx, key) != 1 || SSL_CTX_check_private_key(ssl_ctx) != 1)
        result = fail(err, "the key does not fit the certificate");
    EVP_PKEY_free(key);
    BIO_free(in);
    return result;
}

static int use_identity(SSL_CTX *ssl_ctx, const char *cert_pem, const char *key_pem,
                        struct err *err)
{
    if (use_certificates(ssl_ctx, cert_pem, err) < 0)
        return -1;
    return use_key(ssl_ctx, key_pem ? key_pem : cert_pem, err);
}

static int use_authorities(SSL_CTX *ssl_ctx, const char *pem, struct err *err)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ssl_ctx);
    BIO *in = pem_source(pem);
    size_t count = 0;
    X509 *cert;

    /* As curl: whatever is named is trusted, an authority in the middle or the server itself too.
     */
    (void)X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    while ((cert = PEM_read_bio_X509(in, NULL, refuse_password, NULL)) != NULL) {
        count += X509_STORE_add_cert(store, cert) == 1;
        X509_free(cert);
    }
    BIO_free(in);
    if (count == 0 || !is_end_of_pem())
        return fail_pem(err, "the certificates of the authorities");
    ERR_clear_error();
    return 0;
}

static struct tls_context *new_context(const SSL_METHOD *method, struct err *err)
{
    struct tls_context *context = x_calloc(1, sizeof *context);

    tls_memory_use();
    context->ssl_ctx = SSL_CTX_new(method);
    context->bio_method = tls_bio_method_new();
    context->bio = context->bio_method ? BIO_new(context->bio_method) : NULL;
    if (!context->ssl_ctx || !context->bio ||
        SSL_CTX_set_app_data(context->ssl_ctx, context) != 1 ||
        SSL_CTX_set_min_proto_version(context->ssl_ctx, TLS1_2_VERSION) != 1) {
        (void)fail(err, "cannot start TLS");
        tls_context_free(context);
        return NULL;
    }
    BIO_set_data(context->bio, context);
    BIO_set_init(context->bio, 1);
    SSL_CTX_set_mode(context->ssl_ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                           SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(context->ssl_ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(context->ssl_ctx, SSL_SESS_CACHE_OFF);
    return context;
}

/* Zero: OpenSSL keeps its reference, we take ours when the connection ends. */
static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
    struct tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    (void)session;
    context->current->has_ticket = true;
    return 0;
}

static int set_up_client(struct tls_context *context, const struct tls_client_config *config,
                         struct err *err)
{
    SSL_CTX *ssl_ctx = context->ssl_ctx;

    context->is_insecure = config->is_insecure;
    context->never_resumes = config->never_resumes;
    context->wants_stamps = config->wants_stamps;
    SSL_CTX_set_verify(ssl_ctx, config->is_insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl_ctx, on_ticket);
    if (SSL_CTX_set_alpn_protos(ssl_ctx, alpn_http11, sizeof alpn_http11) != 0)
        return fail(err, "cannot start TLS");
    if (config->ca_pem && use_authorities(ssl_ctx, config->ca_pem, err) < 0)
        return -1;
    if (!config->ca_pem && !config->is_insecure && SSL_CTX_set_default_verify_paths(ssl_ctx) != 1)
        return fail(err, "cannot read the system's certificates");
    if (!config->cert_pem)
        return 0;
    return use_identity(ssl_ctx, config->cert_pem, config->key_pem, err);
}

struct tls_context *tls_context_new_client(const struct tls_client_config *config, struct err *err)
{
    struct tls_context *context = new_context(TLS_client_method(), err);

    if (!context || set_up_client(context, config, err) == 0)
        return context;
    tls_context_free(context);
    return NULL;
}

/* HTTP/1.1 where the client offers it; a client that offers other protocols only is let in too. */
static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
                           const unsigned char *offered, unsigned offered_len, void *ctx)
{
    unsigned char *found;

    (void)ssl;
    (void)ctx;
    if (SSL_select_next_proto(&found, chosen_len, alpn_http11, sizeof alpn_http11, offered,
                              offered_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

struct tls_context *tls_context_new_server(const char *cert_pem, const char *key_pem,
                                           struct err *err)
{
    struct tls_context *context = new_context(TLS_server_method(), err);

    if (!context)
        return NULL;
    SSL_CTX_set_alpn_select_cb(context->ssl_ctx, choose_protocol, NULL);
    if (use_identity(context->ssl_ctx, cert_pem, key_pem, err) == 0)
        return context;
    tls_context_free(context);
    return NULL;
}

void tls_context_free(struct tls_context *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ssl_ctx);
    BIO_free(context->bio);
    BIO_meth_free(context->bio_method);
    free(context);
}

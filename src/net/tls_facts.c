#include "net/tls.h"

#include "net/tls_internal.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

static void put_name(const X509_NAME *name, char text[static TLS_NAME_BYTES])
{
    BIO *out = BIO_new(BIO_s_mem());
    int len = 0;

    if (out && X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
        len = BIO_read(out, text, TLS_NAME_BYTES - 1);
    text[len > 0 ? len : 0] = '\0';
    BIO_free(out);
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    int days = 0, seconds = 0;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    bool is_known = epoch && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;

    ASN1_TIME_free(epoch);
    return is_known ? (int64_t)days * 86400 + seconds : 0;
}

bool tls_get_facts(const struct transport *transport, struct tls_facts *facts)
{
    SSL *ssl = tls_ssl_of(transport);
    X509 *cert;

    if (!ssl)
        return false;
    *facts = (struct tls_facts){
        .version = SSL_get_version(ssl),
        .cipher = SSL_get_cipher_name(ssl),
        .is_resumed = SSL_session_reused(ssl) == 1,
        .is_verified = !tls_context_of(transport)->is_insecure,
    };
    cert = SSL_get1_peer_certificate(ssl);
    if (cert) {
        put_name(X509_get_subject_name(cert), facts->subject);
        put_name(X509_get_issuer_name(cert), facts->issuer);
        facts->expires_unix_s = seconds_of(X509_get0_notAfter(cert));
        X509_free(cert);
    }
    return true;
}

bool tls_is_resumed(const struct transport *transport, bool *is_tls)
{
    SSL *ssl = tls_ssl_of(transport);

    *is_tls = ssl != NULL;
    return ssl && SSL_session_reused(ssl) == 1;
}

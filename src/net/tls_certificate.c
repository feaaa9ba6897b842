#include "net/tls.h"

#include "net/tls_internal.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { CERTIFICATE_DAYS = 30, CERTIFICATE_SERIAL_BITS = 127 };
enum { COMMON_NAME_BYTES = 64 }; /* at most: RFC 5280, appendix A.1 */

static bool is_address(const char *name)
{
    struct in6_addr address;

    return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}

static bool add_extension(X509 *cert, int kind, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;
    bool is_added;

    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0); /* it is its own issuer */
    extension = X509V3_EXT_conf_nid(NULL, &ctx, kind, value);
    is_added = extension && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

/* Subject alternative names: the only ones that clients look at (RFC 9525, section 6.3). */
static bool add_names(X509 *cert, const char *const *names, size_t count)
{
    struct buf text = {0};
    bool is_added;

    for (size_t i = 0; i < count; i++)
        (void)buf_appendf(&text, "%s%s:%s", i > 0 ? "," : "", is_address(names[i]) ? "IP" : "DNS",
                          names[i]);
    is_added = add_extension(cert, NID_subject_alt_name, buf_text(&text));
    buf_fini(&text);
    return is_added;
}

/* Or of two certificates for the same name in one bundle only the first would be found. */
static bool add_key_identifiers(X509 *cert)
{
    return add_extension(cert, NID_subject_key_identifier, "hash") &&
           add_extension(cert, NID_authority_key_identifier, "keyid:always");
}

static bool set_serial(X509 *cert)
{
    BIGNUM *number = BN_new();
    bool is_set = number && BN_rand(number, CERTIFICATE_SERIAL_BITS, BN_RAND_TOP_ANY, 0) == 1 &&
                  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));

    BN_free(number);
    return is_set;
}

static bool fill(X509 *cert, EVP_PKEY *key, const char *const *names, size_t count)
{
    X509_NAME *name = X509_get_subject_name(cert);
    int common_bytes = (int)strnlen(names[0], COMMON_NAME_BYTES);

    return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
           X509_gmtime_adj(X509_getm_notBefore(cert), -60 * 60L) &&
           X509_time_adj_ex(X509_getm_notAfter(cert), CERTIFICATE_DAYS, 0, NULL) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)names[0],
                                      common_bytes, -1, 0) == 1 &&
           X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1 &&
           add_extension(cert, NID_basic_constraints, "critical,CA:TRUE") &&
           add_names(cert, names, count) && add_key_identifiers(cert) &&
           X509_sign(cert, key, EVP_sha256()) > 0;
}

static bool put_pem(BIO *from, struct buf *out)
{
    char *bytes;
    long len = BIO_get_mem_data(from, &bytes);

    return len > 0 && buf_append(out, bytes, (size_t)len) == 0;
}

int tls_certificate_make(const char *const *names, size_t count, struct buf *cert_pem,
                         struct buf *key_pem, struct err *err)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    BIO *cert_out = BIO_new(BIO_s_mem()), *key_out = BIO_new(BIO_s_mem());
    int result = 0;

    if (!key || !cert || !cert_out || !key_out || !fill(cert, key, names, count) ||
        PEM_write_bio_X509(cert_out, cert) != 1 ||
        PEM_write_bio_PrivateKey(key_out, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        !put_pem(cert_out, cert_pem) || !put_pem(key_out, key_pem)) {
        err_set(err, ERR_SYSTEM, "cannot make a certificate: %s", tls_take_reason());
        result = -1;
    }
    BIO_free(key_out);
    BIO_free(cert_out);
    X509_free(cert);
    EVP_PKEY_free(key);
    return result;
}

/*
 * net/tls.h - TLS 1.2 and 1.3 over OpenSSL 3: transports like any other, for clients and servers.
 *
 * A context holds what the connections of one process share: trust, own certificate, buffers for
 * bytes in transit. An idle connection keeps no buffer of its own (SSL_MODE_RELEASE_BUFFERS).
 *
 * A client verifies by default (RFC 9110, section 4.3.4): against the system's store or the
 * authorities given, and against the host's name or address. Sessions are resumed (RFC 8446,
 * section 2.2) from the tickets that the same user's earlier connections left.
 *
 * Runs on: the thread of the loop it belongs to.
 */
#ifndef CICADA_NET_TLS_H
#define CICADA_NET_TLS_H

#include "base/buf.h"
#include "base/err.h"
#include "net/transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_context;

/* PEM texts as read from files; NULL: none. Copied. */
struct tls_client_config {
    const char *ca_pem;   /* authorities instead of the system's */
    const char *cert_pem; /* own certificate, with those between it and the authority */
    const char *key_pem;  /* its key; NULL: it stands in cert_pem */
    bool is_insecure;     /* verify nothing */
    bool never_resumes;   /* keep no tickets */
    bool wants_stamps;    /* times of receipt from the kernel: of the read that brought a record */
};

/* NULL with a sentence. The caller owns the result. */
struct tls_context *tls_context_new_client(const struct tls_client_config *config, struct err *err);
/* `key_pem` may be NULL when the key stands in `cert_pem`. Tickets can be redeemed at every process
 * that was forked off behind this call. */
struct tls_context *tls_context_new_server(const char *cert_pem, const char *key_pem,
                                           struct err *err);
/* After the last of its transports is closed. */
void tls_context_free(struct tls_context *context);

/* Gives OpenSSL memory of its own (net/tls_memory.c); before anything of it is used, or it stays
 * with the heap. Called by every context, and by who may use OpenSSL's digests before there is one.
 */
void tls_memory_use(void);
/* Returns memory that OpenSSL has not needed since the last call; for a timer of about a second. */
void tls_trim_memory(void);

/* A certificate that signs itself, for `names` (host names and IP addresses), good for 30 days. */
int tls_certificate_make(const char *const *names, size_t count, struct buf *cert_pem,
                         struct buf *key_pem, struct err *err);

/* The session tickets of one user, a few of the latest by the key that their owner gives a peer. */
struct tls_tickets;
void tls_tickets_free(struct tls_tickets *tickets);
/* Keeps what can be taken up again of a connection that is about to be closed, if there is
 * anything; `*tickets` is made when it is NULL. */
void tls_tickets_keep(struct tls_tickets **tickets, uint64_t peer_key,
                      const struct transport *transport);

struct tls_peer {
    const char *host; /* a name or an IP address: verified, and sent as SNI where it is a name */
    const struct tls_tickets *tickets; /* NULL: none yet */
    uint64_t peer_key;
};

/*
 * A transport over a connected descriptor, which it owns from here, also when this fails: -1
 * without memory. The handshake is still to be driven.
 */
int tls_transport_init_client(struct transport *transport, struct tls_context *context, int fd,
                              const struct tls_peer *peer);
/* The same for an accepted descriptor; reading and writing drive the handshake. */
int tls_transport_init_server(struct transport *transport, struct tls_context *context, int fd);

enum { TLS_NAME_BYTES = 256 };

/* What the two ends agreed on; texts are "" where unknown. */
struct tls_facts {
    const char *version, *cipher; /* static: "TLSv1.3", "TLS_AES_256_GCM_SHA384" */
    bool is_resumed;
    char subject[TLS_NAME_BYTES], issuer[TLS_NAME_BYTES]; /* of the peer's certificate, RFC 2253 */
    int64_t expires_unix_s;                               /* 0: no certificate */
    bool is_verified;
};
/* False, and nothing set, for a transport that is not TLS or whose handshake is not over. */
bool tls_get_facts(const struct transport *transport, struct tls_facts *facts);
/* True for a TLS connection that took up an earlier session. `*is_tls` tells whether it is one. */
bool tls_is_resumed(const struct transport *transport, bool *is_tls);

#endif

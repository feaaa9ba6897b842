/*
 * net/tls_internal.h - what the files of net/tls share; OpenSSL's types by their struct names.
 */
#ifndef CICADA_NET_TLS_INTERNAL_H
#define CICADA_NET_TLS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bio_method_st;
struct bio_st;
struct ssl_ctx_st;
struct ssl_st;
struct transport;

enum {
    TLS_INCOMING_BYTES = 64 * 1024, /* read from a socket in one call */
    TLS_OUTGOING_BYTES = 16 * 1024  /* parts joined into one record, its largest size */
};

struct tls_context {
    struct ssl_ctx_st *ssl_ctx;
    struct bio_st *bio; /* one for all connections: it serves whom `current` says */
    struct bio_method_st *bio_method;
    bool is_insecure;
    bool never_resumes;
    bool wants_stamps;

    /* While a call of a transport is under way. */
    struct transport *current;
    uint64_t stamp;                   /* of the last read into `incoming`; 0: none */
    int error_number;                 /* errno of the socket's failure; 0: none */
    bool uses_buffer;                 /* what is read comes from `incoming` */
    bool peer_is_done;                /* the socket's end was seen */
    size_t incoming_at, incoming_len; /* what of `incoming` OpenSSL has not taken yet */
    uint8_t incoming[TLS_INCOMING_BYTES];
    uint8_t outgoing[TLS_OUTGOING_BYTES];
};

/* The table that moves bytes between OpenSSL and a socket; NULL without memory. */
struct bio_method_st *tls_bio_method_new(void);
/* The context of a TLS transport. */
struct tls_context *tls_context_of(const struct transport *transport);
/* The SSL of a connection that stands; NULL: no TLS, or not yet. */
struct ssl_st *tls_ssl_of(const struct transport *transport);
/* OpenSSL's oldest error in words that stay valid; its queue is empty afterwards. */
const char *tls_take_reason(void);

#endif

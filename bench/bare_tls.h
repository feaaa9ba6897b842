/*
 * bench/bare_tls.h - TLS for the bare tools: OpenSSL over non-blocking sockets, used as plainly as
 * a good program would.
 *
 * Like the rest of the yardstick it shares no code with cicada. OpenSSL's defaults are kept, but
 * its buffers are given back while a connection is idle. Reads and writes do the handshake where it
 * is not done yet. A tool that makes a context ignores SIGPIPE from then on, because OpenSSL writes
 * without MSG_NOSIGNAL.
 */
#ifndef CICADA_BENCH_BARE_TLS_H
#define CICADA_BENCH_BARE_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * The context of a server: TLS 1.2 and 1.3, stateless tickets, no client certificates. Processes
 * that are forked afterwards accept each other's tickets. A bad file is a sentence and exit 1.
 */
SSL_CTX *bare_tls_server_new(const char *cert_file, const char *key_file);
/* The context of a client that trusts `ca_file` alone, and that for the address 127.0.0.1. */
SSL_CTX *bare_tls_client_new(const char *ca_file);

/* The server's end of TLS over `fd`, which must not block and stays the caller's to close. */
SSL *bare_tls_accept(SSL_CTX *ctx, int fd);
/* The client's end; it offers `session` unless that is NULL. */
SSL *bare_tls_connect(SSL_CTX *ctx, int fd, SSL_SESSION *session);
/* Sends no close_notify. */
void bare_tls_free(SSL *tls);

/*
 * Both return bytes; 0 when the socket must become readable first; -1 when the connection has ended
 * or failed. A write is whole or 0, and is repeated with the same bytes. Nothing waits for room in
 * the socket: where there is none, the connection has failed. After -1 only bare_tls_free is
 * allowed, or bare_tls_die.
 */
ssize_t bare_tls_read(SSL *tls, void *buffer, size_t size);
ssize_t bare_tls_write(SSL *tls, const void *bytes, size_t len);

/* Gives back what an idle connection does not need; after a read that returned 0. */
void bare_tls_trim(SSL *tls);

/* A copy of the session for a later connection, owned by the caller, or NULL if there is none. */
SSL_SESSION *bare_tls_copy_session(SSL *tls);
void bare_tls_session_free(SSL_SESSION *session);
/* Whether the handshake, which must be done, resumed the session that was offered. */
bool bare_tls_is_resumed(const SSL *tls);

/* Prints `what` and OpenSSL's reason for the failure just seen; exit 1. */
void bare_tls_die(const char *what) __attribute__((noreturn));

#endif

/*
 * net/dialer.h - from a host name to a transport that is ready: follows --connect-to and --resolve,
 * resolves, tries every address of the name, leaves from the source addresses given, agrees on TLS
 * where that is asked for, keeps one deadline for all of it.
 *
 * Addresses are tried as RFC 8305 (happy eyeballs) says: IPv6 and IPv4 in turn, the next one at
 * once when an attempt fails and DIAL_ATTEMPT_DELAY_MS after the last began while that has no
 * answer; the first to connect wins and the others are closed. An address beyond
 * DIAL_ATTEMPTS_AT_ONCE waits until one of those under way fails. From dial to dial each family
 * begins with its next address, so that load spreads over all of them. Each attempt
 * beside the first takes another descriptor and local port until the dial ends.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_NET_DIALER_H
#define CICADA_NET_DIALER_H

#include "base/error_class.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/source.h"
#include "net/tls.h"
#include "net/transport.h"

#include <stdbool.h>
#include <stdint.h>

enum { DIAL_ATTEMPT_DELAY_MS = 250, DIAL_ATTEMPTS_AT_ONCE = 3 };

struct route_table;
struct dialer;
struct dial; /* one connection being made */

struct dialer_config {
    struct loop *loop; /* borrowed, as all here */
    struct resolver *resolver;
    const struct route_table *routes;    /* NULL: none */
    struct source_pool *sources;         /* NULL: the system chooses */
    const char *unix_socket;             /* every dial goes there; NULL: by name */
    const struct tls_client_config *tls; /* used when the first dial asks for TLS */
    uint64_t timeout_ns;
    bool wants_stamps; /* times of receipt from the kernel; for TLS `tls` says so itself */
};

/* Borrowed until the dial is done. */
struct dial_target {
    const char *host;
    uint16_t port;
    bool is_tls;
    uint32_t receive_bytes;            /* as in struct tcp_options */
    const struct tls_tickets *tickets; /* NULL: none yet */
    uint64_t peer_key;                 /* of the peer among them */
};

struct dial_result {
    enum error_class error_class; /* CLASS_NONE: connected */
    const char *message;          /* of the last failure; borrowed until the callback returns */
    struct transport transport; /* ready, and watched by the watch given; the callee's from here */
    uint64_t dns_ns;            /* 0: known already */
    uint64_t connect_ns;        /* of the address that won; 0: none did */
    uint64_t tls_ns;            /* of the handshake; 0: there was none, or it failed */
    bool is_tls, is_resumed;    /* by taking up an earlier session */
};

/* Called once, perhaps before dialer_start returns. The dial is gone afterwards. */
typedef void (*dial_fn)(struct watch *watch, const struct dial_result *result, uint64_t now_ns);

struct dialer *dialer_new(const struct dialer_config *config, struct err *err);
/* After the last dial is done or cancelled. */
void dialer_free(struct dialer *dialer);
/*
 * `watch` is used while connecting, for reading and writing, and stays on the loop when the
 * callback reports a connection: its owner only puts its own on_ready in. Owners find themselves
 * from the watch. Returns the dial for dialer_cancel, or NULL when the callback has already run.
 */
struct dial *dialer_start(struct dialer *dialer, const struct dial_target *target,
                          struct watch *watch, dial_fn on_done);
/* No callback; what was under way is closed. */
void dialer_cancel(struct dialer *dialer, struct dial *dial);

#endif

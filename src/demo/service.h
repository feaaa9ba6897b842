/*
 * demo/service.h - the demo SSE service behind `cicada serve`: logins, resumable feeds, analytics
 * by tenant, and as many processes as asked for behind one port.
 *
 * Runs on: the process that calls service_run, and children it forks.
 */
#ifndef CICADA_DEMO_SERVICE_H
#define CICADA_DEMO_SERVICE_H

#include "base/err.h"
#include "demo/faults.h"

#include <stdint.h>

enum { SERVICE_PROCESSES_MAX = 256, SERVICE_HISTORY_MAX = 4000, SERVICE_CHAT_TOKENS_MAX = 100000 };

struct service_config {
    const char *host;     /* a literal IPv4 or IPv6 address to listen on; borrowed */
    uint16_t port;        /* 0: the kernel chooses, the first line of output tells */
    uint32_t processes;   /* 1 to SERVICE_PROCESSES_MAX; 1 serves without a child */
    uint32_t history;     /* events of a feed that Last-Event-ID can bring back, 0 to the maximum */
    uint32_t retry_ms;    /* the `retry:` field at the start of each stream */
    uint32_t token_ttl_s; /* life of a bearer token */
    uint64_t chat_ttft_ns;     /* of a chat completion: from the request to the first text */
    uint64_t chat_interval_ns; /* between two pieces of its text */
    uint32_t chat_tokens;      /* pieces it has, at most SERVICE_CHAT_TOKENS_MAX */
    uint64_t
        interval_ns; /* between two events of a feed, where the URL names none; at least 1 ms */
    uint64_t heartbeat_ns;     /* silence before a comment is sent; CLOCK_NEVER_NS: no heartbeats */
    struct faults faults;      /* at the start; POST /control changes them */
    uint64_t seed;             /* which events and streams they hit */
    const char *control_token; /* what /control asks for; NULL: only this machine may; borrowed */
    const char *cert_pem;      /* serve TLS with this certificate; NULL: plain; borrowed */
    const char *key_pem;       /* NULL: the key stands in cert_pem; borrowed */
};

/* 127.0.0.1:8080, one process, 1 s, 15 s, 1000 events, retry 3000 ms, tokens for an hour; no
 * faults; chats of 100 tokens, the first after 200 ms, then one each 20 ms. */
void service_config_init(struct service_config *config);

/*
 * Serves until SIGINT or SIGTERM, then returns 0. "listening on http://127.0.0.1:PORT" is the first
 * line on standard output, written once every process listens. -1 with a sentence when the service
 * cannot start or one of its processes dies. Raises the soft limit of open files to the hard one,
 * and blocks SIGINT, SIGTERM and SIGCHLD while it runs.
 */
int service_run(const struct service_config *config, struct err *err);

#endif

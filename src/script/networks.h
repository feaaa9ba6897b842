/*
 * script/networks.h - the ways out of a script's worker. Most scripts need one; each setting of
 * `verify` and `cert` that differs from the run's has one of its own.
 */
#ifndef CICADA_SCRIPT_NETWORKS_H
#define CICADA_SCRIPT_NETWORKS_H

#include "base/err.h"

#include <stdbool.h>

struct http_client;
struct loop;
struct networks;
struct plan_network;

enum { NETWORKS_LIMIT = 64 };

/* What a request says about TLS; zero is "as the run has it". */
struct networks_choice {
    bool is_insecure;      /* verify=False */
    const char *ca_path;   /* verify=PATH: a PEM file; NULL: none */
    const char *cert_path; /* cert=PATH; NULL: none */
    const char *key_path;  /* NULL: stands in cert_path */
};

/* `plan` is borrowed for the life of the result. NULL with a sentence. The caller owns it. */
struct networks *networks_new(struct loop *loop, const struct plan_network *plan, struct err *err);
/* After the last exchange has ended. */
void networks_free(struct networks *networks);
/* The client for a choice, made when new; borrowed for the life of `networks`. NULL with a sentence
 * for a file that cannot be used, and past NETWORKS_LIMIT. */
struct http_client *networks_find(struct networks *networks, const struct networks_choice *choice,
                                  struct err *err);

#endif

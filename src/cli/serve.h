/*
 * cli/serve.h - the settings of `cicada serve`.
 */
#ifndef CICADA_CLI_SERVE_H
#define CICADA_CLI_SERVE_H

#include "cli/options.h"

#include <stdbool.h>
#include <stdint.h>

/* As the option table fills it. */
struct serve_settings {
    uint64_t port;
    char *host;
    uint64_t interval_ns, heartbeat_ns;
    uint64_t history;
    uint64_t process_count;
    uint64_t token_ttl_ns;
    uint64_t chat_ttft_ns, chat_interval_ns, chat_tokens;
    char *cert_path, *key_path; /* NULL: not given */
    bool is_self_signed;
    struct text_list faults;
    uint64_t seed;
    char *control_token; /* NULL: not given */
};

extern const struct option serve_table[];

#endif

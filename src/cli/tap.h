/*
 * cli/tap.h - the settings of `cicada tap`.
 */
#ifndef CICADA_CLI_TAP_H
#define CICADA_CLI_TAP_H

#include "cli/options.h"
#include "cli/request_options.h"

#include <stdbool.h>
#include <stdint.h>

/* As the option table fills it. */
struct tap_settings {
    bool is_json, wants_reconnect;
    uint64_t retry_wait_ns, retry_max_ns;
    uint64_t timeout_ns; /* of the whole, CLOCK_NEVER_NS: none */
    struct request_settings request;
    struct connection_settings connection;
    uint64_t log_level; /* index in run_log_choices */
};

extern const struct option tap_table[];

#endif

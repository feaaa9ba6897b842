/*
 * cli/tap.h - the settings of `cicada tap`.
 */
#ifndef CICADA_CLI_TAP_H
#define CICADA_CLI_TAP_H

#include "cli/options.h"

#include <stdbool.h>
#include <stdint.h>

/* As the option table fills it. */
struct tap_settings {
    bool is_json, wants_reconnect;
    uint64_t retry_wait_ns, retry_max_ns;
    uint64_t timeout_ns; /* of the whole, CLOCK_NEVER_NS: none */
    struct text_list headers;
    char *data, *method, *unix_socket; /* NULL: not given */
    uint64_t connect_timeout_ns, headers_timeout_ns, read_timeout_ns;
    uint64_t log_level; /* index in run_log_choices */
};

extern const struct option tap_table[];

#endif

/*
 * cli/pace_options.h - options that say how many users there are at which moment; rows for a table,
 * and the step that makes the settings of a run of them.
 */
#ifndef CICADA_CLI_PACE_OPTIONS_H
#define CICADA_CLI_PACE_OPTIONS_H

#include "base/err.h"
#include "cli/options.h"

#include <stddef.h>

struct run_settings;
struct stages;

/* As the table fills it. */
struct pace_settings {
    char *stages; /* NULL: not given */
};

/*
 * Stages into `stages`, which the caller ends; users and run time of the settings follow from them.
 * -1 with a sentence that names the option. Without --stages all stays as it is.
 */
int pace_options_apply(const struct options *options, struct run_settings *settings,
                       struct stages *stages, struct err *err);

/* Rows of a table for `struct type` with a struct pace_settings called `pace`. */
#define PACE_ROWS(type)                                                                            \
    {                                                                                              \
        .name = "stages", .scope = SCOPE_URL, .value_name = "D:N,D:N,...",                         \
        .help = "instead of -u, -r and -t: go to N users within D, from there to the next N, and " \
                "so on, up or down; each stage has figures of its own, also for thresholds "       \
                "({stage:2})",                                                                     \
        .parse = option_parse_text, .offset = offsetof(type, pace.stages)                          \
    }

#endif

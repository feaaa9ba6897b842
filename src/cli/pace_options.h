/*
 * cli/pace_options.h - options that say how many users there are at which moment; rows for a table,
 * and the step that makes the settings of a run of them.
 */
#ifndef CICADA_CLI_PACE_OPTIONS_H
#define CICADA_CLI_PACE_OPTIONS_H

#include "base/err.h"
#include "cli/options.h"

#include <stddef.h>
#include <stdint.h>

struct run_reach;
struct run_settings;
struct stages;

/* As the table fills it. */
struct pace_settings {
    char *stages;          /* NULL: not given */
    uint64_t warm_up_ns;   /* 0: not given */
    double arrivals_per_s; /* 0: not given */
};

/*
 * Stages into `stages`, which the caller ends; users and run time of the settings follow from them.
 * -1 with a sentence that names the option. Without these options all stays as it is.
 */
int pace_options_apply(const struct options *options, struct run_settings *settings,
                       struct stages *stages, struct err *err);

/* -1 with a sentence when nothing of the run would be measured. CLOCK_NEVER_NS: until stopped. */
int pace_options_check_warm_up(uint64_t warm_up_ns, uint64_t run_time_ns, struct err *err);

/*
 * How many users there may be at once with --arrival-rate where -u does not say it: as many as its
 * rate and the length of streams or run make, within what this machine can hold.
 */
void pace_options_limit(const struct options *options, struct run_settings *settings,
                        const struct run_reach *reach);

/* Rows of a table for `struct type` with a struct pace_settings called `pace`. */
#define PACE_ROWS(type)                                                                            \
    {.name = "stages",                                                                             \
     .value_name = "D:N,D:N,...",                                                                  \
     .help = "instead of -u, -r and -t: go to N users within D, from there to the next N, and "    \
             "so on, up or down; each stage has figures of its own, also for thresholds "          \
             "({stage:2})",                                                                        \
     .parse = option_parse_text,                                                                   \
     .offset = offsetof(type, pace.stages)},                                                       \
        {.name = "warm-up",                                                                        \
         .value_name = "D",                                                                        \
         .help = "what happens in the first D is kept apart from every figure, threshold and "     \
                 "finding; users and streams go on",                                               \
         .parse = option_parse_finite,                                                             \
         .offset = offsetof(type, pace.warm_up_ns)},                                               \
    {                                                                                              \
        .name = "arrival-rate", .scope = SCOPE_URL, .value_name = "N",                             \
        .help = "N new users a second, evenly spaced, whatever the service does: each opens one "  \
                "stream and is gone when that has ended (--stream-time, --events); -u is the "     \
                "most at once, an arrival beyond is turned away and counted",                      \
        .parse = option_parse_number, .offset = offsetof(type, pace.arrivals_per_s)                \
    }

#endif

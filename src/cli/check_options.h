/*
 * cli/check_options.h - options that say what is checked of every event; rows for a table, and the
 * step that makes a part of a plan of them.
 */
#ifndef CICADA_CLI_CHECK_OPTIONS_H
#define CICADA_CLI_CHECK_OPTIONS_H

#include "base/err.h"
#include "cli/options.h"

struct plan;
struct plan_checks;

/* As the table fills it. */
struct check_settings {
    char *event_seq; /* NULL: not given, as all texts here */
    char *event_time;
    char *clock_url;
    uint64_t stale_ns; /* CLOCK_NEVER_NS: not given; 0: of a command that has no such option */
    bool wants_kernel_times;
};

/* -1 with a sentence that names the option. */
int check_settings_apply(const struct check_settings *settings, struct plan_checks *checks,
                         struct err *err);
/* Asks the clock of a plan, where there is one, for its time: -1 with a sentence when it has none
 * to give. */
int check_clock_answers(const struct plan *plan, struct err *err);

/* Rows of a table for `struct type` with a struct check_settings called `checks`. */
#define CHECK_ROWS(type)                                                                           \
    {.name = "event-seq",                                                                          \
     .value_name = "POINTER|id|none",                                                              \
     .group = "Events",                                                                            \
     .help = "where an event's number in its sequence stands: a JSON Pointer into its data, "      \
             "whose numbers are taken to have no gaps, or its id (default), or nowhere",           \
     .parse = option_parse_text,                                                                   \
     .offset = offsetof(type, checks.event_seq)},                                                  \
        {.name = "event-time",                                                                     \
         .value_name = "POINTER|id[:UNIT]",                                                        \
         .help = "where an event says when it was sent, for its latency: a JSON Pointer into its " \
                 "data, or its id; in s, ms, us, ns or rfc3339, guessed where that is not said",   \
         .parse = option_parse_text,                                                               \
         .offset = offsetof(type, checks.event_time)},                                             \
        {.name = "clock",                                                                          \
         .value_name = "URL",                                                                      \
         .help = "an endpoint that answers with its time, asked every 5 s to correct latencies; "  \
                 "it stands for every host of the run",                                            \
         .parse = option_parse_text,                                                               \
         .offset = offsetof(type, checks.clock_url)},                                              \
        {.name = "stale",                                                                          \
         .value_name = "D",                                                                        \
         .preset = "none",                                                                         \
         .help = "count live events that come later than this; needs --event-time",                \
         .parse = option_parse_positive,                                                           \
         .offset = offsetof(type, checks.stale_ns)},                                               \
    {                                                                                              \
        .name = "kernel-timestamps",                                                               \
        .help = "take times of receipt from the kernel, free of our own delay, which is shown "    \
                "beside them",                                                                     \
        .parse = option_parse_switch, .offset = offsetof(type, checks.wants_kernel_times)          \
    }

#endif

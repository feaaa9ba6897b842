/*
 * cli/quality_options.h - options that say what events should be like and who answers; rows for a
 * table, and the step that makes a part of a plan of them.
 */
#ifndef CICADA_CLI_QUALITY_OPTIONS_H
#define CICADA_CLI_QUALITY_OPTIONS_H

#include "base/err.h"
#include "cli/options.h"

struct feed;
struct plan_checks;

/* As the table fills it. */
struct quality_settings {
    struct text_list expect_events, expect_data;
    bool expects_json;
    uint64_t heartbeat_ns; /* 0 or CLOCK_NEVER_NS: not given */
    char *server_id;       /* NULL: not given */
};

/* -1 with a sentence that names the option. `feed` NULL: there is none. */
int quality_settings_apply(const struct quality_settings *settings, const struct feed *feed,
                           struct plan_checks *checks, struct err *err);
/* The same for a Locust file, which has no feed. */
int quality_settings_apply_script(const struct quality_settings *settings,
                                  struct plan_checks *checks, struct err *err);

/* Rows of a table for `struct type` with a struct quality_settings called `quality`. */
#define QUALITY_ROWS(type)                                                                         \
    {.name = "expect-event",                                                                       \
     .value_name = "NAME",                                                                         \
     .help = "a stream that ends without an event of this name has failed; repeatable",            \
     .is_list = true,                                                                              \
     .parse = option_parse_list,                                                                   \
     .offset = offsetof(type, quality.expect_events)},                                             \
        {.name = "expect-json",                                                                    \
         .help = "the data of every event must be JSON",                                           \
         .parse = option_parse_switch,                                                             \
         .offset = offsetof(type, quality.expects_json)},                                          \
        {.name = "expect-data",                                                                    \
         .value_name = "'POINTER=VALUE'",                                                          \
         .help = "the data of every event must hold this value at this JSON Pointer; "             \
                 "{{column}} of a --feed may stand in it; repeatable",                             \
         .is_list = true,                                                                          \
         .parse = option_parse_list,                                                               \
         .offset = offsetof(type, quality.expect_data)},                                           \
        {.name = "heartbeat",                                                                      \
         .value_name = "D",                                                                        \
         .preset = "none",                                                                         \
         .help = "count silences longer than this: no event, no comment, no byte",                 \
         .parse = option_parse_positive,                                                           \
         .offset = offsetof(type, quality.heartbeat_ns)},                                          \
    {                                                                                              \
        .name = "server-id", .value_name = "header:NAME",                                          \
        .help = "the header that names the server that answered: figures by server, and resumes "  \
                "that landed on another one",                                                      \
        .parse = option_parse_text, .offset = offsetof(type, quality.server_id)                    \
    }

#endif

/*
 * cli/publish_options.h - options of what cicada itself publishes, so that streams can be held to
 * it; rows for a table, and the step that makes a part of a plan of them.
 */
#ifndef CICADA_CLI_PUBLISH_OPTIONS_H
#define CICADA_CLI_PUBLISH_OPTIONS_H

#include "base/err.h"
#include "cli/options.h"

struct plan_publish;

/* As the table fills it. */
struct publish_settings {
    char *target, *data; /* NULL: not given */
    double rate_per_s;   /* 0: not given */
    struct text_list headers;
};

/* Tries the request once, as a worker will make it. -1 with a sentence that names the option. */
int publish_settings_apply(const struct publish_settings *settings, struct plan_publish *publish,
                           struct err *err);

/* Rows of a table for `struct type` with a struct publish_settings called `publish`. */
#define PUBLISH_ROWS(type)                                                                         \
    {.name = "publish",                                                                            \
     .value_name = "'METHOD URL'",                                                                 \
     .group = "Publishing",                                                                        \
     .help = "publish marked messages there and look for each on every stream: what was missed, "  \
             "what came twice, how long it took; POST when only a URL is given",                   \
     .parse = option_parse_text,                                                                   \
     .offset = offsetof(type, publish.target)},                                                    \
        {.name = "publish-rate",                                                                   \
         .value_name = "N",                                                                        \
         .help = "messages a second, whatever their answers take (default: 1)",                    \
         .parse = option_parse_number,                                                             \
         .offset = offsetof(type, publish.rate_per_s)},                                            \
        {.name = "publish-data",                                                                   \
         .value_name = "TEXT|@FILE",                                                               \
         .help = "a message: JSON when it starts with { or [, else a form; its {{mark}} stands "   \
                 "for the mark (default: {\"cicada\":\"{{mark}}\"})",                              \
         .parse = option_parse_text,                                                               \
         .offset = offsetof(type, publish.data)},                                                  \
    {                                                                                              \
        .name = "publish-header", .value_name = "'NAME: VALUE'", .is_list = true,                  \
        .help = "one more header for it; may be repeated", .parse = option_parse_list,             \
        .offset = offsetof(type, publish.headers)                                                  \
    }

#endif

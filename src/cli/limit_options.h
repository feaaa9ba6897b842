/*
 * cli/limit_options.h - the option --find-limit; a row for a table, and what it makes of others.
 */
#ifndef CICADA_CLI_LIMIT_OPTIONS_H
#define CICADA_CLI_LIMIT_OPTIONS_H

#include "base/err.h"
#include "cli/options.h"

#include <stddef.h>
#include <stdint.h>

struct limit_rules;
struct run_settings;

/* A search that nobody limits ends after this, with what it knows. */
enum { LIMIT_RUN_TIME_S = 600 };

/*
 * With --find-limit the number of users is its ceiling and the run time its longest; both have
 * defaults of their own. -1 with a sentence when an option is given that a search has no use for.
 */
int limit_options_apply(const struct options *options, struct run_settings *settings,
                        struct err *err);
/* New users a second at most: as given, or a rate that few services mind. */
double limit_options_rate(const struct run_settings *settings);
/* NULL with a sentence for a threshold that cannot be judged by the step. The caller owns it. */
struct limit_rules *limit_options_make(const struct run_settings *settings, struct err *err);

/* Rows of a table for `struct type` with a bool called `finds_limit`. */
#define LIMIT_ROWS(type)                                                                           \
    {                                                                                              \
        .name = "find-limit", .scope = SCOPE_URL,                                                  \
        .help = "search for the most users, up to -u (default 10000), that still hold every "      \
                "--threshold and over 99% of connects and streams, unless one of these is about "  \
                "it, and whose times are not far above those of few users. Ends by itself within " \
                "10 minutes or -t; exit status 99 when not even the fewest hold",                  \
        .parse = option_parse_switch, .offset = offsetof(type, finds_limit)                        \
    }

#endif

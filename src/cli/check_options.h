/*
 * cli/check_options.h - options that say what is checked of every event; rows for a table, and the
 * step that makes a part of a plan of them.
 */
#ifndef CICADA_CLI_CHECK_OPTIONS_H
#define CICADA_CLI_CHECK_OPTIONS_H

#include "base/err.h"
#include "cli/options.h"

struct plan_checks;

/* As the table fills it. */
struct check_settings {
    char *event_seq; /* NULL: not given */
};

/* -1 with a sentence that names the option. */
int check_settings_apply(const struct check_settings *settings, struct plan_checks *checks,
                         struct err *err);

/* Rows of a table for `struct type` with a struct check_settings called `checks`. */
#define CHECK_ROWS(type)                                                                           \
    {                                                                                              \
        .name = "event-seq", .value_name = "POINTER|id|none", .group = "Events",                   \
        .help = "where an event's number in its sequence stands: a JSON Pointer into its data, "   \
                "whose numbers are taken to have no gaps, or its id (default), or nowhere",        \
        .parse = option_parse_text, .offset = offsetof(type, checks.event_seq)                     \
    }

#endif

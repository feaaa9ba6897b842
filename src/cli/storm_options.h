/*
 * cli/storm_options.h - the options --storm and --storm-return; rows for a table, and what they
 * say.
 */
#ifndef CICADA_CLI_STORM_OPTIONS_H
#define CICADA_CLI_STORM_OPTIONS_H

#include "cli/options.h"

#include <stddef.h>

struct run_storm;

/* As the table fills it. */
struct storm_settings {
    struct text_list storms;
    uint64_t storm_return; /* index in storm_return_choices */
};

extern const char *const storm_return_choices[]; /* retry, at-once */

/* struct text_list; -1 with what is wrong with AT[:RATIO[:DOWN]]. */
int storm_option_parse(const struct option *option, const char *text, void *field, struct err *err);
/*
 * The storms in the order of their times, as many as settings->storms has; the caller frees them.
 * NULL with a sentence when one comes before the end of the warm-up, of which nothing counts, or
 * after that of a run of this length.
 */
struct run_storm *storm_settings_make(const struct storm_settings *settings, uint64_t warm_up_ns,
                                      uint64_t run_time_ns, struct err *err);
/* The same for a Locust file, which comes back when it likes: no time away can be given. */
struct run_storm *storm_settings_make_script(const struct storm_settings *settings,
                                             uint64_t warm_up_ns, uint64_t run_time_ns,
                                             struct err *err);
/*
 * The first of the storms whose streams a run of this length ends before they are back, or within a
 * second of that; NULL: none. `retry_wait_ns` is what they wait unless the service sets another
 * time; `due_ns` is when they ask, since the start.
 */
const struct run_storm *storm_find_late(const struct run_storm *storms, size_t count,
                                        uint64_t retry_wait_ns, uint64_t run_time_ns,
                                        uint64_t *due_ns);

/* Rows of a table for `struct type` with a struct storm_settings called `storm`. */
#define STORM_ROWS(type)                                                                           \
    {.name = "storm",                                                                              \
     .value_name = "AT[:RATIO[:DOWN]]",                                                            \
     .help = "at AT after the start cut this share of the open streams, all unless given, and "    \
             "take them up again after DOWN, 0 unless given: how soon they are back and what "     \
             "they missed; a Locust file sees a reset and comes back by itself, without DOWN; "    \
             "repeatable",                                                                         \
     .is_list = true,                                                                              \
     .parse = storm_option_parse,                                                                  \
     .offset = offsetof(type, storm.storms)},                                                      \
    {                                                                                              \
        .name = "storm-return", .scope = SCOPE_URL, .value_name = "HOW",                           \
        .choices = storm_return_choices, .preset = "retry",                                        \
        .help = "retry: after DOWN each waits its retry time, as browsers do; at-once: all "       \
                "come back at the end of DOWN",                                                    \
        .parse = option_parse_choice, .offset = offsetof(type, storm.storm_return)                 \
    }

#endif

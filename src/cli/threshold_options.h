/*
 * cli/threshold_options.h - the option --threshold; a row for a table, and its parser.
 */
#ifndef CICADA_CLI_THRESHOLD_OPTIONS_H
#define CICADA_CLI_THRESHOLD_OPTIONS_H

#include "cli/options.h"

#include <stddef.h>

struct threshold;
struct thresholds;

/* struct text_list; -1 with the column of what the grammar does not allow. */
int threshold_option_parse(const struct option *option, const char *text, void *field,
                           struct err *err);
/*
 * Of the texts that the option took. NULL with a sentence that names it when a run of that length
 * cannot have a window that one of them asks for, or one of so many stages not the stage. The
 * caller owns the result.
 */
struct thresholds *threshold_options_make(const struct text_list *list, uint64_t warm_up_ns,
                                          uint64_t run_time_ns, uint32_t stage_count,
                                          struct err *err);

/* The first that is about the opening of streams: without one in the figures it is not measured.
 * NULL: none is. Borrowed. */
const struct threshold *threshold_find_opening(const struct thresholds *thresholds);

/* Rows of a table for `struct type` with a struct text_list called `thresholds`. */
#define THRESHOLD_ROWS(type)                                                                       \
    {                                                                                              \
        .name = "threshold", .value_name = "'METRIC[{TAG:VALUE}]: EXPR'", .group = "Verdict",      \
        .is_list = true,                                                                           \
        .help = "what must hold, as in k6: p(95)<500, rate>0.99, count==0, max<2s; behind it "     \
                "'over 10s' for every window of 10 s, 'abort' to end the run at a crossing, "      \
                "'after 30s' not to look before. Where any are given they alone say whether the "  \
                "service failed: exit status 99. May be repeated",                                 \
        .parse = threshold_option_parse, .offset = offsetof(type, thresholds)                      \
    }

#endif

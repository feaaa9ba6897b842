/*
 * cli/locust.h - the settings of `cicada locust`: Locust's own command line.
 */
#ifndef CICADA_CLI_LOCUST_H
#define CICADA_CLI_LOCUST_H

#include "cli/options.h"
#include "cli/run.h"

#include <stdbool.h>

struct locust_settings {
    struct run_settings run;
    bool prints_json, prints_stats, wants_version;
    char *json_path, *html_path; /* NULL: not given */
    /* What only a run over several machines, or with a web page, would need. */
    bool is_master, is_worker, ignored_switch;
    char *ignored_text;
};

extern const struct option locust_table[];

#endif

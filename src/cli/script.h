/*
 * cli/script.h - a Locust file before its run: what it holds, which settings it brings along, and
 * what its workers are told.
 */
#ifndef CICADA_CLI_SCRIPT_H
#define CICADA_CLI_SCRIPT_H

#include "base/buf.h"
#include "base/err.h"
#include "cli/command.h"
#include "fleet/python.h"
#include "load/classes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_document;
struct run_settings;
struct stages;
struct thresholds;

/* What to look at. All borrowed. */
struct script_source {
    const struct command_input *input; /* its options take up what the script's settings say */
    const struct run_settings *settings;
    const char *file;      /* "-": as Locust finds one that is not named */
    const char *config;    /* one more locust.conf; NULL: none */
    bool allows_shortened; /* options may be written shorter, as in Locust */
};

struct script {
    struct python python;
    struct json_document *document;
    struct class_spec *classes; /* names borrowed from the document */
    size_t class_count;
    const char *file; /* the first of them, as the user knows it; borrowed */
    bool has_shape, shape_takes_options;
    const char *members; /* JSON for the workers; borrowed likewise */
};

/*
 * Finds the interpreter, has it inspect the file, takes up LOCUST_… and locust.conf. 1: something
 * was only to be shown, and stands on standard output. -1 with a sentence; what Python said of the
 * script stands on standard error then. script_close in any case.
 */
int script_open(struct script *script, const struct script_source *source, struct err *err);
void script_close(struct script *script);
/* The members of a JSON object for every worker of a run. */
void script_describe(const struct script *script, const struct script_source *source, uint64_t seed,
                     struct buf *out);

/* --- cli/run_script.c --- */
struct run;
/* What becomes of the figures. */
struct script_outputs {
    bool wants_live;
    void (*on_second)(void *ctx, const struct run *run); /* NULL: nothing each second */
    int (*report)(void *ctx, struct run *run);           /* at the end: the exit status */
    void *ctx;
    struct thresholds *thresholds;  /* borrowed; judged when `report` is called; NULL: none */
    const struct run_storm *storms; /* borrowed; the settings say how many; NULL: none */
    const struct stages *stages;    /* borrowed; NULL: one ramp, or the script's shape */
};
/* An opened script, from the start of its workers to its reports: the exit status, or -1. */
int run_script_start(const struct script_source *source, const struct script *script,
                     const struct script_outputs *outputs, struct err *err);

#endif

/*
 * cli/command.h - the commands: what main, help, manual and completion know of each.
 */
#ifndef CICADA_CLI_COMMAND_H
#define CICADA_CLI_COMMAND_H

#include "base/err.h"
#include "cli/options.h"

#include <stdbool.h>
#include <stddef.h>

struct command_input {
    struct options *options;
    void *settings;        /* of the command's own type */
    const char **operands; /* borrowed */
    size_t operand_count;
    const char *script; /* a Locust file: the operands are its user classes and arguments */
    /* Names of the line that stand for options which begin so; one more: execute is called anew. */
    struct text_list *shortened;
    int argc; /* the whole command line, for reports */
    char **argv;
};

/* The exit status, or -1 with a sentence: bad usage, nothing was started. */
typedef int (*command_fn)(const struct command_input *input, struct err *err);

struct command_example {
    const char *line; /* goes on behind a backslash and a line end, as in a shell */
    const char *meaning;
};

struct command {
    const char *name;
    const char *summary;     /* lower case, no full stop */
    const char *usage;       /* behind the name: "URL... [options]" */
    const char *description; /* paragraphs with an empty line between */
    const char *operand;     /* what an operand is called: "a URL" */
    size_t operand_min, operand_max;
    const struct option *table;
    size_t settings_bytes;
    bool takes_script;                      /* an operand may be a Locust file */
    bool is_for_scripts;                    /* there are only Locust files, by an option */
    bool has_sources;                       /* options also from cicada.conf and CICADA_… */
    bool is_hidden;                         /* not for people */
    const struct command_example *examples; /* the last has no line; NULL: none */
    command_fn execute;
};

extern const struct command command_run, command_locust, command_serve, command_tap, command_help,
    command_worker;

/* In the order of the help; NULL past the end. */
const struct command *command_at(size_t index);
/* NULL when unknown. */
const struct command *command_find(const char *name);
/* NULL with a sentence when unknown. */
const struct command *command_require(const char *name, struct err *err);

/* What each exit status means, for help and manual; the last has no text. */
struct exit_meaning {
    const char *status, *meaning;
};
extern const struct exit_meaning command_exit_meanings[];

#endif

/*
 * cli/sources.h - option values from a file of `name = value` lines and from the environment.
 */
#ifndef CICADA_CLI_SOURCES_H
#define CICADA_CLI_SOURCES_H

#include "base/err.h"
#include "cli/options.h"

#include <stddef.h>

enum { SOURCES_FILE_LIMIT_BYTES = 64 * 1024 * 1024 };

/*
 * Applies the lines of a configuration text: `name = value`, where the name is that of a long
 * option; empty lines and those that start with # or ; are skipped. -1 with "name line N: …".
 */
int sources_apply_text(struct options *options, const char *name, const char *text, size_t len,
                       struct err *err);
/* The file `path`; NULL: cicada.conf of the current folder, if there is one. */
int sources_apply_file(struct options *options, const char *path, struct err *err);
/* CICADA_RUN_TIME and so on for every option of the table. -1 with "CICADA_RUN_TIME: …". */
int sources_apply_environment(struct options *options, struct err *err);
/*
 * What is likely a misspelt one among `variables` ("NAME=value", the last NULL): calls `warn` with
 * its name, which ends at '=', and the name that was meant. A CICADA_ name that is near no option
 * belongs to something else.
 */
typedef void (*sources_warn_fn)(const char *name, size_t len, const char *meant);
void sources_check_environment(const struct option *table, const char *const *variables,
                               sources_warn_fn warn);
/* "CICADA_RUN_TIME" for "run-time"; `text` holds at least SOURCES_VARIABLE_BYTES. */
enum { SOURCES_VARIABLE_BYTES = 64 };
const char *sources_variable(const struct option *option, char text[static SOURCES_VARIABLE_BYTES]);

#endif

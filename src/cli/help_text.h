/*
 * cli/help_text.h - help, manual page and completion, all made from the option tables.
 */
#ifndef CICADA_CLI_HELP_TEXT_H
#define CICADA_CLI_HELP_TEXT_H

#include "base/buf.h"
#include "cli/command.h"

enum { HELP_COLUMNS = 100 };

/* Each appends to `out`. */
/* `cicada --help`: the commands. */
void help_text_overview(struct buf *out);
/* `cicada help COMMAND`. Lines fit HELP_COLUMNS. */
void help_text_command(struct buf *out, const struct command *command);
/* The manual page of all commands, for man(1). */
void help_text_manual(struct buf *out);
/* A completion script for bash. */
void help_text_completion(struct buf *out);

#endif

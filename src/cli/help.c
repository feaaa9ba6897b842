#include "base/buf.h"
#include "cli/command.h"
#include "cli/help_text.h"

#include <stdio.h>
#include <stddef.h>

struct help_settings {
    bool wants_manual, wants_completion;
};

static const struct option help_table[] = {
    {.name = "man",
     .group = "Output",
     .help = "the manual page, for man(1)",
     .parse = option_parse_switch,
     .offset = offsetof(struct help_settings, wants_manual)},
    {.name = "completion",
     .help = "a completion script for bash",
     .parse = option_parse_switch,
     .offset = offsetof(struct help_settings, wants_completion)},
    {.name = NULL},
};

static int help_execute(const struct command_input *input, struct err *err)
{
    const struct help_settings *settings = input->settings;
    const struct command *command = NULL;
    struct buf text = {0};
    int result = 0;

    if (input->operand_count > 0) {
        command = command_require(input->operands[0], err);
        if (!command)
            return -1;
    }
    if (settings->wants_manual)
        help_text_manual(&text);
    else if (settings->wants_completion)
        help_text_completion(&text);
    else if (command)
        help_text_command(&text, command);
    else
        help_text_overview(&text);
    if (fwrite(text.bytes, 1, text.len, stdout) != text.len)
        result = 1;
    buf_fini(&text);
    return result;
}

const struct command command_help = {
    .name = "help",
    .summary = "what a command does and which options it has",
    .usage = "[COMMAND] [options]",
    .description = "Explains one command, or lists all of them.",
    .operand = "a command",
    .operand_max = 1,
    .table = help_table,
    .settings_bytes = sizeof(struct help_settings),
    .execute = help_execute,
};

/*
 * cli/completion.c - a completion script for bash.
 */
#include "cli/help_text.h"

static void put_names(struct buf *out, const struct command *command)
{
    for (const struct option *option = command->table; option->name; option++) {
        if (option->help)
            (void)buf_appendf(out, "--%s ", option->name);
    }
    (void)buf_append_text(out, "--help");
}

/* The pattern of `case` for one option of one command: "run:--users|run:-u". */
static void put_pattern(struct buf *out, const struct command *command, const struct option *option)
{
    (void)buf_appendf(out, "    %s:--%s", command->name, option->name);
    if (option->short_name)
        (void)buf_appendf(out, "|%s:-%c", command->name, option->short_name);
    (void)buf_append_text(out, ")\n        ");
}

/* What may follow an option that takes a value. */
static void put_value(struct buf *out, const struct command *command, const struct option *option)
{
    put_pattern(out, command, option);
    if (option->choices) {
        (void)buf_append_text(out, "mapfile -t COMPREPLY < <(compgen -W '");
        for (const char *const *each = option->choices; *each; each++)
            (void)buf_appendf(out, "%s%s", each == option->choices ? "" : " ", *each);
        (void)buf_append_text(out, "' -- \"$word\")");
    } else if (option->completion == COMPLETE_FILE) {
        (void)buf_append_text(out, "compopt -o filenames\n"
                                   "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")");
    } else {
        (void)buf_append_text(out, "COMPREPLY=()");
    }
    (void)buf_append_text(out, "\n        return ;;\n");
}

static void put_commands(struct buf *out)
{
    const char *separator = "";

    for (size_t i = 0; command_at(i); i++) {
        if (command_at(i)->is_hidden)
            continue;
        (void)buf_appendf(out, "%s%s", separator, command_at(i)->name);
        separator = " ";
    }
}

void help_text_completion(struct buf *out)
{
    (void)buf_append_text(out, "# bash completion for cicada, made by 'cicada help --completion'\n"
                               "_cicada() {\n"
                               "    local word=${COMP_WORDS[COMP_CWORD]}\n"
                               "    local before=${COMP_WORDS[COMP_CWORD-1]}\n"
                               "    local commands='");
    put_commands(out);
    (void)buf_append_text(out, "'\n"
                               "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                               "        mapfile -t COMPREPLY < <(compgen -W \"$commands --help "
                               "--version\" -- \"$word\")\n"
                               "        return\n"
                               "    fi\n"
                               "    case ${COMP_WORDS[1]}:$before in\n");
    for (size_t i = 0; command_at(i); i++) {
        for (const struct option *option = command_at(i)->table; option->name; option++) {
            if (option->value_name && !command_at(i)->is_hidden)
                put_value(out, command_at(i), option);
        }
    }
    (void)buf_append_text(out, "    esac\n    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; command_at(i); i++) {
        if (command_at(i)->is_hidden)
            continue;
        (void)buf_appendf(out, "    %s)\n        mapfile -t COMPREPLY < <(compgen -W '",
                          command_at(i)->name);
        put_names(out, command_at(i));
        (void)buf_append_text(out, command_at(i) == &command_help
                                       ? "'\" $commands\" -- \"$word\") ;;\n"
                                       : "' -- \"$word\") ;;\n");
    }
    (void)buf_append_text(out, "    esac\n}\ncomplete -F _cicada cicada\n");
}

#include "cli/help_text.h"

#include <string.h>

enum { HELP_OPTION_INDENT = 30, HELP_COMMAND_INDENT = 10, HELP_EXIT_INDENT = 11 };

static void pad(struct buf *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)buf_append_byte(out, ' ');
}

/* Words of one paragraph; the cursor stands in column `column` already. Ends the line. */
static void wrap(struct buf *out, const char *text, size_t len, size_t column, size_t indent)
{
    const char *end = text + len;

    while (text < end) {
        size_t word = 0;
        bool is_first = column <= indent;

        while (text + word < end && text[word] != ' ')
            word++;
        if (!is_first && column + 1 + word > HELP_COLUMNS) {
            (void)buf_append_byte(out, '\n');
            pad(out, indent);
            column = indent;
            is_first = true;
        }
        if (!is_first)
            (void)buf_append_byte(out, ' ');
        (void)buf_append(out, text, word);
        column += word + (is_first ? 0 : 1);
        text += word;
        while (text < end && *text == ' ')
            text++;
    }
    (void)buf_append_byte(out, '\n');
}

static void wrap_text(struct buf *out, const char *text)
{
    for (;;) {
        const char *end = strstr(text, "\n\n");

        wrap(out, text, end ? (size_t)(end - text) : strlen(text), 0, 0);
        if (!end)
            return;
        (void)buf_append_byte(out, '\n');
        text = end + 2;
    }
}

/* "  NAME   text", wrapped; a name that is too long gets a line of its own. */
static void put_row(struct buf *out, const char *name, size_t indent, const char *text)
{
    size_t used = 2 + strlen(name);

    (void)buf_appendf(out, "  %s", name);
    if (used + 2 > indent) {
        (void)buf_append_byte(out, '\n');
        used = 0;
    }
    pad(out, indent - used);
    wrap(out, text, strlen(text), indent, indent);
}

static bool has_default(const struct option *option)
{
    return option->preset && strcmp(option->preset, "none") != 0 &&
           strcmp(option->preset, "0") != 0;
}

static void put_option(struct buf *out, const struct option *option)
{
    struct buf name = {0}, text = {0};

    if (option->short_name)
        (void)buf_appendf(&name, "-%c, --%s", option->short_name, option->name);
    else
        (void)buf_appendf(&name, "    --%s", option->name);
    if (option->value_name)
        (void)buf_appendf(&name, " %s", option->value_name);
    (void)buf_append_text(&text, option->help);
    if (has_default(option))
        (void)buf_appendf(&text, " (default: %s)", option->preset);
    put_row(out, buf_text(&name), HELP_OPTION_INDENT, buf_text(&text));
    buf_fini(&name);
    buf_fini(&text);
}

static void put_examples(struct buf *out, const struct command_example *example)
{
    if (!example)
        return;
    (void)buf_append_text(out, "\nExamples\n");
    for (; example->line; example++) {
        (void)buf_append_text(out, "  ");
        for (const char *at = example->line; *at != '\0'; at++)
            (void)buf_append_text(out, *at == '\n' ? "\n  " : (const char[]){*at, '\0'});
        (void)buf_appendf(out, "\n      %s\n", example->meaning);
    }
}

void help_text_command(struct buf *out, const struct command *command)
{
    (void)buf_appendf(out, "Usage: cicada %s %s\n\n", command->name, command->usage);
    wrap_text(out, command->description);
    for (const struct option *option = command->table; option->name; option++) {
        if (option->group)
            (void)buf_appendf(out, "\n%s\n", option->group);
        if (option->help)
            put_option(out, option);
    }
    (void)buf_append_byte(out, '\n');
    put_row(out, "-h, --help", HELP_OPTION_INDENT, "this text");
    put_examples(out, command->examples);
    if (command->has_sources) {
        (void)buf_append_byte(out, '\n');
        wrap_text(out, "Durations are written 300ms, 20s, 3m, 1h30m; a bare number is seconds. "
                       "Every option may also stand in the environment (CICADA_RUN_TIME=2m) or in "
                       "cicada.conf (run-time = 2m); the command line wins over the environment, "
                       "that over the file.");
    }
}

void help_text_overview(struct buf *out)
{
    (void)buf_append_text(out, "Usage: cicada COMMAND [options]\n\n"
                               "Load testing for Server-Sent Events.\n\nCommands\n");
    for (size_t i = 0; command_at(i); i++) {
        if (!command_at(i)->is_hidden)
            put_row(out, command_at(i)->name, HELP_COMMAND_INDENT, command_at(i)->summary);
    }
    (void)buf_append_text(out, "\nExit status\n");
    for (const struct exit_meaning *each = command_exit_meanings; each->status; each++)
        put_row(out, each->status, HELP_EXIT_INDENT + 2, each->meaning);
    (void)buf_append_text(out, "\n'cicada help COMMAND' says more; 'cicada --version' prints the "
                               "version.\n");
}

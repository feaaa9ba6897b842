/*
 * cli/manual.c - the manual page, in the man macros of troff.
 */
#include "cli/help_text.h"

#include <ctype.h>
#include <string.h>

/* Text as it is: no character of it may be taken for a request, an escape or a hyphen. */
static void put_text(struct buf *out, const char *text)
{
    bool starts_line = out->len == 0 || out->bytes[out->len - 1] == '\n';

    for (; *text != '\0'; text++) {
        if (starts_line && (*text == '.' || *text == '\''))
            (void)buf_append_text(out, "\\&");
        if (*text == '\\')
            (void)buf_append_text(out, "\\e");
        else if (*text == '-')
            (void)buf_append_text(out, "\\-");
        else if (*text == '\'')
            (void)buf_append_text(out, "\\(aq");
        else
            (void)buf_append_byte(out, (uint8_t)*text);
        starts_line = *text == '\n';
    }
}

static void put_upper(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++)
        (void)buf_append_byte(out, (uint8_t)toupper((unsigned char)*text));
}

static void put_paragraphs(struct buf *out, const char *text)
{
    const char *end = strstr(text, "\n\n");

    while (end) {
        for (; text < end; text++) {
            char one[2] = {*text, '\0'};

            put_text(out, one);
        }
        (void)buf_append_text(out, "\n.PP\n");
        text = end + 2;
        end = strstr(text, "\n\n");
    }
    put_text(out, text);
    (void)buf_append_byte(out, '\n');
}

static void put_option(struct buf *out, const struct option *option)
{
    (void)buf_append_text(out, ".TP\n");
    if (option->short_name)
        (void)buf_appendf(out, "\\fB\\-%c\\fR, ", option->short_name);
    (void)buf_append_text(out, "\\fB\\-\\-");
    put_text(out, option->name);
    (void)buf_append_text(out, "\\fR");
    if (option->value_name) {
        (void)buf_append_text(out, " \\fI");
        put_text(out, option->value_name);
        (void)buf_append_text(out, "\\fR");
    }
    (void)buf_append_byte(out, '\n');
    put_text(out, option->help);
    if (option->preset) {
        (void)buf_append_text(out, " (default: ");
        put_text(out, option->preset);
        (void)buf_append_byte(out, ')');
    }
    (void)buf_append_byte(out, '\n');
}

/* A heading is one line: what a backslash continues is joined. */
static void put_example(struct buf *out, const struct command_example *example)
{
    struct buf line = {0};

    for (const char *at = example->line; *at != '\0'; at++) {
        if (at[0] != '\\' || at[1] != '\n') {
            (void)buf_append_byte(&line, (uint8_t)*at);
            continue;
        }
        at++;
        at += strspn(at + 1, " ");
    }
    (void)buf_append_text(out, ".TP\n\\fB");
    put_text(out, buf_text(&line));
    (void)buf_append_text(out, "\\fR\n");
    put_text(out, example->meaning);
    (void)buf_append_byte(out, '\n');
    buf_fini(&line);
}

static void put_command(struct buf *out, const struct command *command)
{
    (void)buf_append_text(out, ".SH CICADA ");
    put_upper(out, command->name);
    (void)buf_appendf(out, "\n\\fBcicada %s\\fR ", command->name);
    put_text(out, command->usage);
    (void)buf_append_text(out, "\n.PP\n");
    put_paragraphs(out, command->description);
    for (const struct option *option = command->table; option->name; option++) {
        if (option->group) {
            (void)buf_append_text(out, ".SS ");
            put_text(out, option->group);
            (void)buf_append_byte(out, '\n');
        }
        if (option->help)
            put_option(out, option);
    }
    if (!command->examples)
        return;
    (void)buf_append_text(out, ".SS Examples\n");
    for (const struct command_example *each = command->examples; each->line; each++)
        put_example(out, each);
}

static void put_frame_start(struct buf *out)
{
    (void)buf_append_text(out, ".\\\" Made by 'cicada help --man'; change the option tables.\n"
                               ".TH CICADA 1 \"\" \"cicada " CICADA_VERSION "\" "
                               "\"User Commands\"\n"
                               /* No hyphens that a reader would copy, no stretched blanks. */
                               ".nh\n.ad l\n.SH NAME\n"
                               "cicada \\- load testing for Server\\-Sent Events\n"
                               ".SH SYNOPSIS\n");
    for (size_t i = 0; command_at(i); i++) {
        const struct command *command = command_at(i);

        if (command->is_hidden)
            continue;
        (void)buf_appendf(out, "\\fBcicada %s\\fR ", command->name);
        put_text(out, command->usage);
        (void)buf_append_text(out, "\n.br\n");
    }
    (void)buf_append_text(out, "\\fBcicada \\-\\-version\\fR | \\fB\\-\\-help\\fR\n");
}

static void put_frame_end(struct buf *out)
{
    (void)buf_append_text(out, ".SH VALUES\nDurations are written 300ms, 20s, 3m, 1h30m, or none "
                               "where that is possible;\na bare number is seconds. Ratios are 0.5 "
                               "or 50%.\n"
                               ".SH ENVIRONMENT\n.TP\n\\fBCICADA_\\fR\\fINAME\\fR\n"
                               "Any option of \\fBcicada run\\fR in upper case with underscores: "
                               "CICADA_RUN_TIME=2m.\n.TP\n\\fBNO_COLOR\\fR\n"
                               "When set, nothing is coloured.\n"
                               ".SH FILES\n.TP\n\\fBcicada.conf\\fR\n"
                               "In the current folder: options of \\fBcicada run\\fR as lines "
                               "\\fIname\\fR = \\fIvalue\\fR;\nlines that start with # or ; are "
                               "comments. The environment wins over the file,\n"
                               "the command line over both.\n.SH EXIT STATUS\n");
    for (const struct exit_meaning *each = command_exit_meanings; each->status; each++) {
        (void)buf_appendf(out, ".TP\n\\fB%s\\fR\n", each->status);
        put_text(out, each->meaning);
        (void)buf_append_byte(out, '\n');
    }
    (void)buf_append_text(out, ".SH SEE ALSO\n.BR curl (1)\n");
}

void help_text_manual(struct buf *out)
{
    put_frame_start(out);
    for (size_t i = 0; command_at(i); i++) {
        if (!command_at(i)->is_hidden)
            put_command(out, command_at(i));
    }
    put_frame_end(out);
}

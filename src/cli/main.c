/*
 * cli/main.c - finds the command, fills its settings, prints its one sentence when it fails.
 */
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/help_text.h"
#include "cli/sources.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATUS_BAD_USAGE = 2 };

static int fail(const struct err *err)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "cicada: %s\n", err->text);
    return STATUS_BAD_USAGE;
}

static int print_help(const struct command *command)
{
    struct buf text = {0};

    if (command)
        help_text_command(&text, command);
    else
        help_text_overview(&text);
    (void)fwrite(text.bytes, 1, text.len, stdout);
    buf_fini(&text);
    return EXIT_SUCCESS;
}

static int check_operands(const struct command *command, const struct words *words, struct err *err)
{
    if (words->script || command->is_for_scripts)
        return 0;
    if (words->operand_count < command->operand_min) {
        err_set(err, ERR_USAGE, "'%s' needs %s: cicada %s %s", command->name, command->operand,
                command->name, command->usage);
        return -1;
    }
    if (words->operand_count > command->operand_max) {
        err_set(err, ERR_USAGE, "'%s' has no use for '%.200s'", command->name,
                words->operands[command->operand_max]);
        return -1;
    }
    return 0;
}

/* The file named last on the command line, else in the environment. */
static const char *find_config(const struct words *words)
{
    const char *path = words_last(words, "config");

    return path ? path : getenv("CICADA_CONFIG");
}

static void warn_of_variable(const char *name, size_t len, const char *meant)
{
    log_warning("no option is set by %.*s; did you mean %s?", len > 100 ? 100 : (int)len, name,
                meant);
}

static int apply_sources(const struct command *command, struct options *options,
                         const struct words *words, bool warns, struct err *err)
{
    if (command->has_sources && (sources_apply_file(options, find_config(words), err) < 0 ||
                                 sources_apply_environment(options, err) < 0))
        return -1;
    if (command->has_sources && warns)
        sources_check_environment(command->table, (const char *const *)environ, warn_of_variable);
    return options_apply_words(options, words, err);
}

/* The Locust file that stands on the command line, as an operand or with -f; NULL: none. */
static const char *find_script(const struct words *words)
{
    return words->script ? words->script : words_last(words, "locustfile");
}

/* For a Locust file, words that the table does not know are the script's own affair. */
static int split(const struct command *command, struct words *words,
                 const struct text_list *shortened, int argc, char **argv, struct err *err)
{
    enum words_mode mode = command->is_for_scripts ? WORDS_LOCUST : WORDS_STRICT;

    if (command->takes_script) {
        int result = words_split(words, command->table, WORDS_DETECT, NULL, argc, argv, err);

        if (result == 0 && find_script(words))
            mode = WORDS_SCRIPT;
        words_fini(words);
    }
    if (words_split(words, command->table, mode, shortened, argc, argv, err) < 0)
        return -1;
    if (mode != WORDS_STRICT)
        words->script = find_script(words);
    return 0;
}

/* `argv` is the whole command line; the command's own words start at index 2. */
static int try_command(const struct command *command, struct text_list *shortened, int argc,
                       char **argv, struct err *err)
{
    struct words words = {0};
    struct options options = {0};
    bool is_first = shortened->count == 0;
    void *settings = x_calloc(1, command->settings_bytes);
    int status = -1;

    if (split(command, &words, shortened, argc - 2, argv + 2, err) < 0)
        goto out;
    if (words.wants_help) {
        status = print_help(command);
        goto out;
    }
    options_init(&options, command->table, settings);
    if (apply_sources(command, &options, &words, is_first, err) == 0 &&
        check_operands(command, &words, err) == 0) {
        struct command_input input = {.options = &options,
                                      .settings = settings,
                                      .operands = words.operands,
                                      .operand_count = words.operand_count,
                                      .script = words.script,
                                      .shortened = shortened,
                                      .argc = argc,
                                      .argv = argv};

        status = command->execute(&input, err);
    }
out:
    options_fini(&options);
    words_fini(&words);
    free(settings);
    return status;
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct text_list shortened = {0};
    struct err err;
    size_t before;
    int status;

    do {
        before = shortened.count;
        err = (struct err){0};
        status = try_command(command, &shortened, argc, argv, &err);
    } while (status < 0 && shortened.count > before);
    text_list_clear(&shortened);
    return status < 0 ? fail(&err) : status;
}

int main(int argc, char **argv)
{
    const struct command *command;
    struct err err = {0};
    int status;

    /* A peer or reader that is gone shows as an error of write, not as a death. */
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        err_set(&err, ERR_USAGE, "a command is missing: run, locust, serve, tap or help");
        return fail(&err);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        status = print_help(NULL);
    } else if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        status = printf("cicada %s\n", CICADA_VERSION) < 0;
    } else {
        command = command_require(argv[1], &err);
        status = command ? run_command(command, argc, argv) : fail(&err);
    }
    if (fflush(stdout) != 0 && status == EXIT_SUCCESS)
        status = EXIT_FAILURE;
    return status;
}

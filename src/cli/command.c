#include "cli/command.h"

#include "base/near.h"

#include <string.h>

static const struct command *const commands[] = {
    &command_run, &command_locust, &command_serve, &command_tap, &command_help, &command_worker,
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

const struct exit_meaning command_exit_meanings[] = {
    {"0", "finished without failures; where thresholds were given, all held"},
    {"1", "finished with failures (--exit-code-on-error changes it), or a worker was lost"},
    {"2",
     "bad usage, configuration, file or name: nothing was started; or an exception in a hook of "
     "a Locust file"},
    {"any", "what a Locust file sets as its process_exit_code"},
    {"99",
     "a threshold did not hold, as in k6; or of a search for the limit not even one user did"},
    {"130, 143", "interrupted by SIGINT or SIGTERM; every report was written"},
    {NULL, NULL},
};

const struct command *command_at(size_t index)
{
    return index < COMMAND_COUNT ? commands[index] : NULL;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

const struct command *command_require(const char *name, struct err *err)
{
    struct near near = {.wanted = name, .wanted_len = strlen(name)};
    const struct command *command = command_find(name);

    if (command)
        return command;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (!commands[i]->is_hidden)
            near_offer(&near, commands[i]->name);
    }
    if (near.best)
        err_set(err, ERR_USAGE, "there is no command '%.100s'; did you mean '%s'?", name,
                near.best);
    else
        err_set(err, ERR_USAGE, "there is no command '%.100s'; 'cicada help' lists them", name);
    return NULL;
}

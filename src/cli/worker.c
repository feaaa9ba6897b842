#include "load/worker.h"

#include "base/units.h"
#include "cli/command.h"

static const struct option worker_table[] = {{.name = NULL}};

static int worker_execute(const struct command_input *input, struct err *err)
{
    uint64_t fd;

    if (units_parse_count(input->operands[0], 3, 1u << 20, &fd, err) < 0)
        return -1;
    return worker_main((int)fd);
}

const struct command command_worker = {
    .name = "worker",
    .summary = "a worker process of a run, started by it",
    .usage = "FD",
    .description = "Speaks frames over the descriptor FD; of no use by hand.",
    .operand = "a descriptor",
    .operand_min = 1,
    .operand_max = 1,
    .table = worker_table,
    .settings_bytes = 1,
    .is_hidden = true,
    .execute = worker_execute,
};

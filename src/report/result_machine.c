#include "report/result_machine.h"

#include "base/json.h"
#include "stats/run.h"

#include <math.h>

enum { PLACES = 3 };

static void put_known(struct json *json, const char *key, uint64_t value)
{
    json_key(json, key);
    if (value > 0)
        json_uint(json, value);
    else
        json_null(json);
}

void result_machine_write(struct json *json, const struct run *run)
{
    const struct machine *machine = &run->machine;

    json_key(json, "machine");
    json_begin_object(json);
    put_known(json, "cores", machine->core_count);
    put_known(json, "memory", machine->memory_bytes);
    for (int i = 0; i < MACHINE_FIGURE_COUNT; i++) {
        json_key(json, machine_figure_name((enum machine_figure)i));
        json_number(json, machine->sustained[i], PLACES);
    }
    json_key(json, "interface");
    if (machine->interface[0])
        json_text(json, machine->interface);
    else
        json_null(json);
    json_end_object(json);
}

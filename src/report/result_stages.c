#include "report/result_stages.h"

#include "base/clock.h"
#include "base/json.h"
#include "report/result_metrics.h"
#include "stats/run.h"
#include "verdict/onset.h"

enum { PLACES = 3 };

static void put_seconds(struct json *json, const char *key, uint64_t ns)
{
    json_key(json, key);
    json_number(json, (double)ns / (double)CLOCK_NS_PER_S, PLACES);
}

static void put_stage(struct json *json, const struct run *run, size_t index)
{
    const struct run_stage *stage = &run->stages[index];

    json_begin_object(json);
    json_put_uint(json, "stage", index + 1);
    put_seconds(json, "from_s", stage->began_ns);
    put_seconds(json, "to_s", run_stage_end_ns(run, stage));
    json_put_uint(json, "users", stage->users);
    json_put_uint(json, "open_max", stage->open_max);
    result_metrics_write(json, stage->set,
                         (double)run_stage_measured_ns(run, stage) / (double)CLOCK_NS_PER_S, false);
    json_end_object(json);
}

void result_stages_write(struct json *json, const struct run *run)
{
    json_key(json, "stages");
    json_begin_array(json);
    for (size_t i = 0; i < run->stage_count; i++)
        put_stage(json, run, i);
    json_end_array(json);
}

void result_onset_write(struct json *json, const struct run *run)
{
    struct onset onset;

    json_key(json, "onset");
    if (!onset_find(run, &onset)) {
        json_null(json);
        return;
    }
    json_begin_object(json);
    json_key(json, "at_s");
    json_number(json, onset.at_s, PLACES);
    json_put_uint(json, "users", onset.users);
    json_put_uint(json, "open", onset.open);
    json_key(json, "what");
    json_text(json, onset_what(&onset));
    json_end_object(json);
}

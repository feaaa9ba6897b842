#include "report/result_ends.h"

#include "base/json.h"
#include "verdict/end_groups.h"
#include "verdict/find.h"

#include <stdlib.h>

enum { PLACES = 3 };

static const char *name_cause(enum end_cause cause)
{
    switch (cause) {
    case END_CAUSE_IDLE:
    case END_CAUSE_ONCE:
        return "silence";
    case END_CAUSE_AGE:
        return "age";
    case END_CAUSE_EITHER:
        return "either";
    case END_CAUSE_NONE:
        break;
    }
    return "none";
}

static void put_text(struct json *json, const char *key, const char *text)
{
    json_key(json, key);
    json_text(json, text);
}

static void put_spread(struct json *json, const char *key, const struct end_spread *ms)
{
    const double values[] = {ms->p10, ms->p50, ms->p90};
    static const char *const keys[] = {"p10", "p50", "p90"};

    json_key(json, key);
    json_begin_object(json);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        json_key(json, keys[i]);
        json_number(json, values[i] / 1000.0, PLACES);
    }
    json_end_object(json);
}

static void put_count(struct json *json, const char *key, uint64_t count)
{
    json_key(json, key);
    json_uint(json, count);
}

void result_ends_write(struct json *json, const struct run *run)
{
    size_t count;
    struct end_group *groups = find_end_groups(run, &count);

    json_key(json, "ends");
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        const struct end_group *group = &groups[i];

        json_begin_object(json);
        put_text(json, "class", error_class_name(group->error_class));
        put_text(json, "endpoint", stats_endpoint_name(run->stats, group->endpoint));
        put_count(json, "count", (uint64_t)(group->count + 0.5));
        put_spread(json, "age_s", &group->age_ms);
        put_spread(json, "silence_s", &group->silence_ms);
        put_count(json, "older", group->older_count);
        put_count(json, "quieter", group->quieter_count);
        put_text(json, "same", name_cause(group->cause));
        json_end_object(json);
    }
    json_end_array(json);
    free(groups);
}

#include "report/result_thresholds.h"

#include "base/clock.h"
#include "base/json.h"
#include "verdict/threshold.h"

#include <math.h>

enum { PLACES = 6 };

static void put_number(struct json *json, const char *key, double value)
{
    json_key(json, key);
    json_number(json, value, PLACES);
}

static void put_text(struct json *json, const char *key, const char *text)
{
    json_key(json, key);
    json_text(json, text);
}

static void put_bool(struct json *json, const char *key, bool value)
{
    json_key(json, key);
    json_bool(json, value);
}

/* A number that is not there is null. */
static void put_threshold(struct json *json, const struct threshold *threshold)
{
    bool is_measured = threshold->state != THRESHOLD_NOT_MEASURED;
    bool has_moment = threshold->state == THRESHOLD_CROSSED && threshold->crossed_ns > 0;

    json_begin_object(json);
    put_text(json, "expr", threshold->spec.expression);
    put_text(json, "metric", threshold->spec.name);
    put_number(json, "value", is_measured ? threshold->value : (double)NAN);
    put_number(json, "bound", threshold->spec.bound);
    put_text(json, "unit", threshold_unit_name(threshold->spec.unit));
    put_bool(json, "held", threshold->state == THRESHOLD_HELD);
    put_number(json, "crossed_s",
               has_moment ? (double)threshold->crossed_ns / (double)CLOCK_NS_PER_S : (double)NAN);
    put_bool(json, "ended_run", threshold->has_ended_run);
    json_end_object(json);
}

void result_thresholds_write(struct json *json, const struct thresholds *thresholds)
{
    json_key(json, "thresholds");
    json_begin_array(json);
    for (size_t i = 0; i < thresholds_count(thresholds); i++)
        put_threshold(json, thresholds_at(thresholds, i));
    json_end_array(json);
}

#include "report/result_storms.h"

#include "base/clock.h"
#include "base/json.h"
#include "verdict/wave.h"

#include <math.h>
#include <stdio.h>

enum { PLACES = 3, RATIO_PLACES = 6, CODE_BYTES = 16 };

static void put_text(struct json *json, const char *key, const char *text)
{
    json_key(json, key);
    json_text(json, text);
}

/* Null where nothing could show them. */
static void put_found(struct json *json, const char *key, uint64_t count, bool is_known)
{
    json_key(json, key);
    if (is_known)
        json_uint(json, count);
    else
        json_null(json);
}

/* What was ordered; nulls where nothing was. */
static void put_order(struct json *json, const struct wave_seen *seen)
{
    const struct run_storm *storm = seen->storm;

    put_text(json, "kind", storm ? "ordered" : "service");
    json_put_number(json, "at_s", seen->at_s, PLACES);
    json_put_number(json, "ratio", storm ? storm->ratio : (double)NAN, RATIO_PLACES);
    json_put_number(json, "down_s",
                    storm ? (double)storm->down_ns / (double)CLOCK_NS_PER_S : (double)NAN, PLACES);
    json_key(json, "return");
    if (storm)
        json_text(json, storm->is_at_once ? "at-once" : "retry");
    else
        json_null(json);
}

static void put_back(struct json *json, const struct wave *wave)
{
    json_key(json, "back_s");
    json_begin_object(json);
    json_put_number(json, "p50", wave_back_s(wave, 0.50), PLACES);
    json_put_number(json, "p95", wave_back_s(wave, 0.95), PLACES);
    json_put_number(json, "p99", wave_back_s(wave, 0.99), PLACES);
    json_put_number(json, "p100", wave_back_s(wave, 1), PLACES);
    json_end_object(json);
}

static void put_classes(struct json *json, const char *key, const uint64_t counts[CLASS_COUNT])
{
    json_key(json, key);
    json_begin_object(json);
    for (int i = CLASS_NONE + 1; i < CLASS_COUNT; i++) {
        if (counts[i] > 0)
            json_put_uint(json, error_class_name((enum error_class)i), counts[i]);
    }
    json_end_object(json);
}

static void put_statuses(struct json *json, const struct wave *wave)
{
    char code[CODE_BYTES];

    json_key(json, "statuses");
    json_begin_object(json);
    for (size_t i = 0; i < wave->status_count; i++) {
        (void)snprintf(code, sizeof code, "%u", wave->statuses[i].code);
        json_put_uint(json, wave->statuses[i].code > 0 ? code : "other", wave->statuses[i].count);
    }
    json_end_object(json);
}

static void put_retry_after(struct json *json, const struct wave *wave)
{
    json_key(json, "retry_after");
    json_begin_object(json);
    json_put_uint(json, "seen", wave->retry_after_seen);
    json_put_uint(json, "honoured", wave->retry_after_honoured);
    json_end_object(json);
}

static void put_storm(struct json *json, const struct run *run, const struct wave_seen *seen)
{
    const struct wave *wave = &seen->sum;

    json_begin_object(json);
    put_order(json, seen);
    json_put_uint(json, "open", wave->open);
    json_put_uint(json, "cut", wave->lost);
    put_classes(json, "causes", wave->causes);
    json_put_uint(json, "back", wave_back_count(wave));
    json_put_uint(json, "left", wave->left);
    /* A script may have come back without a sign of it. */
    put_found(json, "never_back", wave_away_count(wave),
              !run->info.is_script || wave_away_count(wave) == 0);
    json_put_uint(json, "gave_up", wave->gave_up);
    put_back(json, wave);
    json_put_uint(json, "attempts", wave->attempts);
    json_put_uint(json, "peak_per_s", wave_peak_per_s(wave));
    put_statuses(json, wave);
    put_classes(json, "failures", wave->failures);
    put_retry_after(json, wave);
    put_found(json, "missed", wave->missed, wave_misses_are_known(run));
    put_found(json, "duplicates", wave->duplicates, wave_repeats_are_known(run));
    json_end_object(json);
}

void result_storms_write(struct json *json, const struct run *run)
{
    struct wave_list list = wave_list_of(run);

    json_key(json, "storms");
    json_begin_array(json);
    for (size_t i = 0; i < list.count; i++)
        put_storm(json, run, &list.items[i]);
    json_end_array(json);
    wave_list_fini(&list);
}

#include "report/result_limit.h"

#include "base/json.h"
#include "verdict/limit.h"
#include "verdict/limit_judge.h"
#include "verdict/outcome.h"

enum { PLACES = 3, SHARE_PLACES = 6 };

/* Of users, where 0 is none. */
static void put_users(struct json *json, const char *key, uint32_t users)
{
    json_key(json, key);
    if (users > 0)
        json_uint(json, users);
    else
        json_null(json);
}

static void put_text(struct json *json, const char *key, const char *text)
{
    json_key(json, key);
    if (text)
        json_text(json, text);
    else
        json_null(json);
}

static const char *name_end(enum limit_end end)
{
    switch (end) {
    case LIMIT_UNDER_WAY:
        break;
    case LIMIT_EDGE:
        return "edge";
    case LIMIT_CEILING:
        return "ceiling";
    case LIMIT_NOTHING_HOLDS:
        return "nothing-holds";
    case LIMIT_GENERATOR:
        return "generator-saturated";
    }
    return "unfinished";
}

static void put_step(struct json *json, const struct limit_step *step)
{
    json_begin_object(json);
    json_put_uint(json, "users", step->users);
    json_key(json, "held");
    json_bool(json, step->has_held);
    put_text(json, "broken", step->broken);
    json_put_number(json, "at_s", step->at_s, PLACES);
    json_put_number(json, "length_s", step->length_s, PLACES);
    json_put_uint(json, "open", step->open);
    json_put_uint(json, "attempts", step->attempts);
    json_put_uint(json, "unanswered", step->unanswered);
    json_put_number(json, "connect_success", step->connect_success, SHARE_PLACES);
    json_put_number(json, "stream_success", step->stream_success, SHARE_PLACES);
    json_put_number(json, "connecting_p95_ms", step->p95_ms[LIMIT_CONNECTING], PLACES);
    json_put_number(json, "ttfe_p95_ms", step->p95_ms[LIMIT_TTFE], PLACES);
    json_put_number(json, "gap_p95_ms", step->p95_ms[LIMIT_GAP], PLACES);
    json_put_number(json, "latency_p95_ms", step->p95_ms[LIMIT_LATENCY], PLACES);
    json_put_number(json, "events_per_s", step->events_per_s, PLACES);
    json_end_object(json);
}

void result_limit_write(struct json *json, const struct outcome *outcome)
{
    const struct limit *limit = outcome->limit;

    json_key(json, "limit");
    if (!limit) {
        json_null(json);
        return;
    }
    json_begin_object(json);
    put_text(json, "end", name_end(limit_end(limit)));
    put_users(json, "holds", limit_holds(limit));
    put_users(json, "fails", limit_fails(limit));
    put_text(json, "first_broken", limit_first_broken(limit));
    json_put_uint(json, "confirmed", limit_confirmed(limit));
    json_put_uint(json, "ceiling", limit_ceiling(limit));
    json_key(json, "rules");
    json_begin_array(json);
    for (size_t i = 0; i < limit_rules_count(outcome->limit_rules); i++)
        json_text(json, limit_rules_at(outcome->limit_rules, i));
    json_end_array(json);
    json_key(json, "curve");
    json_begin_array(json);
    for (size_t i = 0; i < limit_step_count(limit); i++)
        put_step(json, limit_step_at(limit, i));
    json_end_array(json);
    json_end_object(json);
}

/*
 * load/plan_checks.c - the part of a plan that says what is checked of every event.
 */
#include "load/plan.h"

#include "wire/pack.h"

#include <stdlib.h>

static void publish_fini(struct plan_publish *publish)
{
    free(publish->url);
    plan_message_fini(&publish->message);
    *publish = (struct plan_publish){0};
}

static void publish_encode(const struct plan_publish *publish, struct buf *out)
{
    pack_text(out, publish->url);
    if (!publish->url)
        return;
    plan_message_encode(&publish->message, out);
    pack_double(out, publish->rate_per_s);
    pack_uint(out, publish->run);
    pack_bool(out, publish->is_ours);
}

static void publish_decode(struct plan_publish *publish, struct unpack *unpack)
{
    publish->url = unpack_text(unpack);
    if (!publish->url)
        return;
    plan_message_decode(&publish->message, unpack);
    publish->rate_per_s = unpack_double(unpack);
    if (!(publish->rate_per_s * PLAN_PUBLISH_INTERVAL_MAX_S >= 1 &&
          publish->rate_per_s <= PLAN_PUBLISH_RATE_MAX))
        unpack->failed = true;
    publish->run = unpack_uint(unpack);
    publish->is_ours = unpack_bool(unpack);
}

void plan_checks_fini(struct plan_checks *checks)
{
    free(checks->event_seq);
    free(checks->event_time);
    free(checks->clock_url);
    plan_list_fini(&checks->expect_events);
    plan_list_fini(&checks->expect_data);
    free(checks->server_header);
    publish_fini(&checks->publish);
    *checks = (struct plan_checks){0};
}

void plan_checks_encode(const struct plan_checks *checks, struct buf *out)
{
    pack_text(out, checks->event_seq);
    pack_text(out, checks->event_time);
    pack_text(out, checks->clock_url);
    pack_uint(out, checks->stale_ns);
    plan_list_encode(&checks->expect_events, out);
    plan_list_encode(&checks->expect_data, out);
    pack_bool(out, checks->expects_json);
    pack_uint(out, checks->heartbeat_ns);
    pack_text(out, checks->server_header);
    publish_encode(&checks->publish, out);
}

void plan_checks_decode(struct plan_checks *checks, struct unpack *unpack)
{
    plan_checks_fini(checks);
    checks->event_seq = unpack_text(unpack);
    checks->event_time = unpack_text(unpack);
    checks->clock_url = unpack_text(unpack);
    checks->stale_ns = unpack_uint(unpack);
    plan_list_decode(&checks->expect_events, unpack);
    plan_list_decode(&checks->expect_data, unpack);
    checks->expects_json = unpack_bool(unpack);
    checks->heartbeat_ns = unpack_uint(unpack);
    checks->server_header = unpack_text(unpack);
    publish_decode(&checks->publish, unpack);
}

#include "load/plan.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "load/feed.h"
#include "wire/pack.h"

#include <stdlib.h>
#include <string.h>

enum { PLAN_VERSION = 5, PLAN_TARGET_LIMIT = 10000 };

struct plan *plan_new(void)
{
    struct plan *plan = x_calloc(1, sizeof *plan);

    plan->request.method = x_strdup("GET");
    plan->login.method = x_strdup("POST");
    plan->stream_time_ns = CLOCK_NEVER_NS;
    plan->reconnect = PLAN_RECONNECT_AUTO;
    plan->retry_wait_ns = 3 * CLOCK_NS_PER_S;
    plan->retry_max_ns = 30 * CLOCK_NS_PER_S;
    plan->network.connect_timeout_ns = 10 * CLOCK_NS_PER_S;
    plan->network.headers_timeout_ns = 30 * CLOCK_NS_PER_S;
    plan->network.read_timeout_ns = CLOCK_NEVER_NS;
    plan->checks.stale_ns = CLOCK_NEVER_NS;
    plan->worker_count = 1;
    plan->log_level = LOG_WARNING;
    return plan;
}

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->target_count; i++)
        free(plan->targets[i].url);
    free(plan->targets);
    free(plan->script);
    plan_message_fini(&plan->request);
    plan_message_fini(&plan->login);
    plan_network_fini(&plan->network);
    plan_checks_fini(&plan->checks);
    free(plan->end_data);
    free(plan->login_url);
    free(plan->token_pointer);
    free(plan->feed);
    free(plan);
}

void plan_encode(const struct plan *plan, struct buf *out)
{
    pack_uint(out, PLAN_VERSION);
    pack_text(out, plan->script);
    pack_uint(out, plan->target_count);
    for (size_t i = 0; i < plan->target_count; i++) {
        pack_text(out, plan->targets[i].url);
        pack_uint(out, plan->targets[i].weight);
    }
    plan_message_encode(&plan->request, out);
    pack_text(out, plan->login_url);
    plan_message_encode(&plan->login, out);
    pack_text(out, plan->token_pointer);
    plan_network_encode(&plan->network, out);
    plan_checks_encode(&plan->checks, out);
    pack_uint(out, plan->profile);
    pack_text(out, plan->end_data);
    plan_pack_optional(out, plan->feed, plan->feed_bytes);
    pack_uint(out, plan->events_per_stream);
    pack_uint(out, plan->stream_time_ns);
    pack_uint(out, plan->wait_min_ns);
    pack_uint(out, plan->wait_max_ns);
    pack_uint(out, plan->iterations);
    pack_bool(out, plan->has_arrivals);
    pack_uint(out, plan->users_max);
    pack_bool(out, plan->has_loop);
    pack_uint(out, plan->reconnect);
    pack_uint(out, plan->retry_wait_ns);
    pack_uint(out, plan->retry_max_ns);
    pack_double(out, plan->jitter_ratio);
    pack_uint(out, plan->readers.slow_bytes_per_s);
    pack_double(out, plan->readers.slow_ratio);
    pack_double(out, plan->readers.abort_ratio);
    pack_uint(out, plan->readers.abort_ns);
    pack_uint(out, plan->worker_index);
    pack_uint(out, plan->worker_count);
    pack_uint(out, plan->seed);
    pack_uint(out, plan->log_level);
}

/* A number that must lie in [min, max]; anything else fails the whole reading. */
static uint64_t unpack_bounded(struct unpack *unpack, uint64_t min, uint64_t max)
{
    uint64_t value = unpack_uint(unpack);

    if (value >= min && value <= max)
        return value;
    unpack->failed = true;
    return min;
}

static double unpack_ratio(struct unpack *unpack)
{
    double value = unpack_double(unpack);

    if (value >= 0 && value <= 1)
        return value;
    unpack->failed = true;
    return 0;
}

/* A text that must be there. */
static char *unpack_required(struct unpack *unpack)
{
    char *text = unpack_text(unpack);

    if (!text)
        unpack->failed = true;
    return text;
}

static void decode_request(struct plan *plan, struct unpack *unpack)
{
    size_t targets;

    plan->script = unpack_text(unpack);
    targets = (size_t)unpack_bounded(unpack, plan->script ? 0 : 1, PLAN_TARGET_LIMIT);
    plan->targets = targets > 0 ? x_calloc(targets, sizeof *plan->targets) : NULL;
    for (size_t i = 0; i < targets && !unpack->failed; i++) {
        plan->targets[i].url = unpack_required(unpack);
        plan->targets[i].weight = (uint32_t)unpack_bounded(unpack, 1, UINT32_MAX);
        plan->target_count = i + 1;
    }
    plan_message_decode(&plan->request, unpack);
    plan->login_url = unpack_text(unpack);
    plan_message_decode(&plan->login, unpack);
    plan->token_pointer = unpack_text(unpack);
    plan_network_decode(&plan->network, unpack);
    plan_checks_decode(&plan->checks, unpack);
    plan->profile =
        (enum plan_profile)unpack_bounded(unpack, PLAN_PROFILE_NONE, PLAN_PROFILE_OPENAI);
    plan->end_data = unpack_text(unpack);
    if (plan->profile != PLAN_PROFILE_NONE && !plan->end_data)
        unpack->failed = true;
    plan->feed = plan_unpack_optional(unpack, FEED_LIMIT_BYTES, &plan->feed_bytes);
}

static void decode_rest(struct plan *plan, struct unpack *unpack)
{
    plan->events_per_stream = unpack_uint(unpack);
    plan->stream_time_ns = unpack_uint(unpack);
    plan->wait_min_ns = unpack_uint(unpack);
    plan->wait_max_ns = unpack_bounded(unpack, plan->wait_min_ns, UINT64_MAX);
    plan->iterations = unpack_uint(unpack);
    plan->has_arrivals = unpack_bool(unpack);
    plan->users_max = (uint32_t)unpack_bounded(unpack, 0, UINT32_MAX);
    plan->has_loop = unpack_bool(unpack);
    plan->reconnect =
        (enum plan_reconnect)unpack_bounded(unpack, PLAN_RECONNECT_AUTO, PLAN_RECONNECT_NEVER);
    plan->retry_wait_ns = unpack_uint(unpack);
    plan->retry_max_ns = unpack_uint(unpack);
    plan->jitter_ratio = unpack_ratio(unpack);
    plan->readers.slow_bytes_per_s = unpack_uint(unpack);
    plan->readers.slow_ratio = unpack_ratio(unpack);
    plan->readers.abort_ratio = unpack_ratio(unpack);
    plan->readers.abort_ns = unpack_uint(unpack);
    plan->worker_index = (uint32_t)unpack_bounded(unpack, 0, UINT32_MAX);
    plan->worker_count = (uint32_t)unpack_bounded(unpack, 1, UINT32_MAX);
    if (plan->worker_index >= plan->worker_count)
        unpack->failed = true;
    plan->seed = unpack_uint(unpack);
    plan->log_level = (uint8_t)unpack_bounded(unpack, LOG_NONE, LOG_DEBUG);
}

struct plan *plan_decode(const uint8_t *bytes, size_t len, struct err *err)
{
    struct plan *plan = plan_new();
    struct unpack unpack;
    uint64_t version;

    unpack_init(&unpack, bytes, len);
    version = unpack_uint(&unpack);
    if (unpack.failed || version == PLAN_VERSION) {
        decode_request(plan, &unpack);
        decode_rest(plan, &unpack);
        if (unpack_finished(&unpack))
            return plan;
        err_set(err, ERR_USAGE, "the plan is not sound near byte %zu of %zu", unpack.at, len);
    } else {
        err_set(err, ERR_USAGE, "the plan is of another version of cicada (%llu, not %d)",
                (unsigned long long)version, PLAN_VERSION);
    }
    plan_free(plan);
    return NULL;
}

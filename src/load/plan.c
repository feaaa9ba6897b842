#include "load/plan.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "load/feed.h"
#include "wire/pack.h"

#include <stdlib.h>
#include <string.h>

enum {
    PLAN_VERSION = 1,
    PLAN_TARGET_LIMIT = 10000,
    PLAN_HEADER_LIMIT = 1000,
    PLAN_BODY_LIMIT_BYTES = 64 * 1024 * 1024
};

struct plan *plan_new(void)
{
    struct plan *plan = x_calloc(1, sizeof *plan);

    plan->method = x_strdup("GET");
    plan->stream_time_ns = CLOCK_NEVER_NS;
    plan->reconnect = PLAN_RECONNECT_AUTO;
    plan->retry_wait_ns = 3 * CLOCK_NS_PER_S;
    plan->retry_max_ns = 30 * CLOCK_NS_PER_S;
    plan->connect_timeout_ns = 10 * CLOCK_NS_PER_S;
    plan->headers_timeout_ns = 30 * CLOCK_NS_PER_S;
    plan->read_timeout_ns = CLOCK_NEVER_NS;
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
    for (size_t i = 0; i < plan->header_count; i++)
        free(plan->headers[i]);
    free(plan->targets);
    free(plan->headers);
    free(plan->method);
    free(plan->body);
    free(plan->content_type);
    free(plan->unix_socket);
    free(plan->local_addresses);
    free(plan->feed);
    free(plan);
}

/* NULL is kept apart from empty. */
static void pack_optional(struct buf *out, const void *bytes, size_t len)
{
    pack_bool(out, bytes != NULL);
    if (bytes)
        pack_bytes(out, bytes, len);
}

static void encode_request(const struct plan *plan, struct buf *out)
{
    pack_uint(out, plan->target_count);
    for (size_t i = 0; i < plan->target_count; i++) {
        pack_text(out, plan->targets[i].url);
        pack_uint(out, plan->targets[i].weight);
    }
    pack_text(out, plan->method);
    pack_uint(out, plan->header_count);
    for (size_t i = 0; i < plan->header_count; i++)
        pack_text(out, plan->headers[i]);
    pack_optional(out, plan->body, plan->body_bytes);
    pack_text(out, plan->content_type);
    pack_text(out, plan->unix_socket);
    pack_text(out, plan->local_addresses);
    pack_optional(out, plan->feed, plan->feed_bytes);
}

void plan_encode(const struct plan *plan, struct buf *out)
{
    pack_uint(out, PLAN_VERSION);
    encode_request(plan, out);
    pack_uint(out, plan->events_per_stream);
    pack_uint(out, plan->stream_time_ns);
    pack_uint(out, plan->wait_min_ns);
    pack_uint(out, plan->wait_max_ns);
    pack_uint(out, plan->iterations);
    pack_bool(out, plan->has_loop);
    pack_uint(out, plan->reconnect);
    pack_uint(out, plan->retry_wait_ns);
    pack_uint(out, plan->retry_max_ns);
    pack_double(out, plan->jitter_ratio);
    pack_uint(out, plan->connect_timeout_ns);
    pack_uint(out, plan->headers_timeout_ns);
    pack_uint(out, plan->read_timeout_ns);
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

/* A text that must be there. */
static char *unpack_required(struct unpack *unpack)
{
    char *text = unpack_text(unpack);

    if (!text)
        unpack->failed = true;
    return text;
}

/* Owned bytes with a NUL behind them, or NULL where none were packed. */
static char *unpack_optional(struct unpack *unpack, size_t limit_bytes, size_t *len)
{
    const uint8_t *bytes;

    *len = 0;
    if (!unpack_bool(unpack))
        return NULL;
    bytes = unpack_bytes(unpack, len);
    if (*len > limit_bytes)
        unpack->failed = true;
    if (unpack->failed) {
        *len = 0;
        return NULL;
    }
    return x_strndup(*len > 0 ? (const char *)bytes : "", *len);
}

static void decode_request(struct plan *plan, struct unpack *unpack)
{
    size_t targets = (size_t)unpack_bounded(unpack, 1, PLAN_TARGET_LIMIT), headers;

    plan->targets = x_calloc(targets, sizeof *plan->targets);
    for (size_t i = 0; i < targets && !unpack->failed; i++) {
        plan->targets[i].url = unpack_required(unpack);
        plan->targets[i].weight = (uint32_t)unpack_bounded(unpack, 1, UINT32_MAX);
        plan->target_count = i + 1;
    }
    free(plan->method);
    plan->method = unpack_required(unpack);
    headers = (size_t)unpack_bounded(unpack, 0, PLAN_HEADER_LIMIT);
    plan->headers = headers > 0 ? x_calloc(headers, sizeof *plan->headers) : NULL;
    for (size_t i = 0; i < headers && !unpack->failed; i++) {
        plan->headers[i] = unpack_required(unpack);
        plan->header_count = i + 1;
    }
    plan->body = (uint8_t *)unpack_optional(unpack, PLAN_BODY_LIMIT_BYTES, &plan->body_bytes);
    plan->content_type = unpack_text(unpack);
    plan->unix_socket = unpack_text(unpack);
    plan->local_addresses = unpack_text(unpack);
    plan->feed = unpack_optional(unpack, FEED_LIMIT_BYTES, &plan->feed_bytes);
}

static void decode_rest(struct plan *plan, struct unpack *unpack)
{
    plan->events_per_stream = unpack_uint(unpack);
    plan->stream_time_ns = unpack_uint(unpack);
    plan->wait_min_ns = unpack_uint(unpack);
    plan->wait_max_ns = unpack_bounded(unpack, plan->wait_min_ns, UINT64_MAX);
    plan->iterations = unpack_uint(unpack);
    plan->has_loop = unpack_bool(unpack);
    plan->reconnect =
        (enum plan_reconnect)unpack_bounded(unpack, PLAN_RECONNECT_AUTO, PLAN_RECONNECT_NEVER);
    plan->retry_wait_ns = unpack_uint(unpack);
    plan->retry_max_ns = unpack_uint(unpack);
    plan->jitter_ratio = unpack_double(unpack);
    if (!(plan->jitter_ratio >= 0 && plan->jitter_ratio <= 1))
        unpack->failed = true;
    plan->connect_timeout_ns = unpack_uint(unpack);
    plan->headers_timeout_ns = unpack_uint(unpack);
    plan->read_timeout_ns = unpack_uint(unpack);
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

#include "wire/frame.h"

#include "base/mem.h"
#include "wire/pack.h"
#include "wire/pack_stats.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Members of each frame's array, the kind included. */
static const size_t FIELD_COUNTS[] = {
    [FRAME_NONE] = 0,  [FRAME_PLAN] = 2,  [FRAME_USERS] = 4, [FRAME_STOP] = 2, [FRAME_PING] = 1,
    [FRAME_READY] = 3, [FRAME_TICK] = 11, [FRAME_LOG] = 3,   [FRAME_DONE] = 1,
};

static const char *const NAMES[] = {
    [FRAME_NONE] = "none", [FRAME_PLAN] = "plan", [FRAME_USERS] = "users",
    [FRAME_STOP] = "stop", [FRAME_PING] = "ping", [FRAME_READY] = "ready",
    [FRAME_TICK] = "tick", [FRAME_LOG] = "log",   [FRAME_DONE] = "done",
};

/* Leaves room for the length; end_frame fills it in. Returns where the frame starts. */
static size_t begin_frame(struct buf *out, enum frame_kind kind)
{
    static const uint8_t head[FRAME_HEAD_BYTES] = {0};
    size_t start = out->len;
    int result = buf_append(out, head, sizeof head);

    assert(result == 0);
    pack_array(out, FIELD_COUNTS[kind]);
    pack_uint(out, (uint64_t)kind);
    return start;
}

static void end_frame(struct buf *out, size_t start)
{
    size_t len = out->len - start - FRAME_HEAD_BYTES;

    assert(len <= FRAME_LIMIT_BYTES);
    for (size_t i = 0; i < FRAME_HEAD_BYTES; i++)
        out->bytes[start + i] = (uint8_t)(len >> (8 * (FRAME_HEAD_BYTES - 1 - i)));
}

void frame_put_plan(struct buf *out, const uint8_t *plan, size_t plan_bytes)
{
    size_t start = begin_frame(out, FRAME_PLAN);

    pack_bytes(out, plan, plan_bytes);
    end_frame(out, start);
}

void frame_put_users(struct buf *out, const struct frame_users *users)
{
    size_t start = begin_frame(out, FRAME_USERS);

    pack_uint(out, users->sequence);
    pack_uint(out, users->users);
    pack_uint(out, users->over_ms);
    end_frame(out, start);
}

void frame_put_stop(struct buf *out, uint64_t timeout_ns)
{
    size_t start = begin_frame(out, FRAME_STOP);

    pack_uint(out, timeout_ns);
    end_frame(out, start);
}

void frame_put_ping(struct buf *out)
{
    end_frame(out, begin_frame(out, FRAME_PING));
}

void frame_put_ready(struct buf *out, const struct frame_ready *ready)
{
    size_t start = begin_frame(out, FRAME_READY);

    pack_uint(out, ready->pid);
    pack_uint(out, ready->file_limit);
    end_frame(out, start);
}

void frame_put_tick(struct buf *out, const struct frame_tick *tick, const struct stats *delta)
{
    size_t start = begin_frame(out, FRAME_TICK);

    pack_uint(out, tick->sequence);
    pack_uint(out, tick->interval_ns);
    pack_uint(out, tick->users);
    pack_uint(out, tick->open);
    pack_uint(out, tick->connecting);
    pack_double(out, tick->cpu_ratio);
    pack_uint(out, tick->rss_bytes);
    pack_uint(out, tick->finished);
    pack_bool(out, tick->is_last);
    pack_stats(out, delta);
    end_frame(out, start);
}

void frame_put_log(struct buf *out, enum log_level level, const char *line)
{
    size_t start = begin_frame(out, FRAME_LOG);

    pack_uint(out, (uint64_t)level);
    pack_text(out, line);
    end_frame(out, start);
}

void frame_put_done(struct buf *out)
{
    end_frame(out, begin_frame(out, FRAME_DONE));
}

/* Steps over what frame_open has checked. */
static struct unpack fields_of(const struct frame *frame, enum frame_kind kind)
{
    struct unpack unpack;

    assert(frame->kind == kind);
    unpack_init(&unpack, frame->body, frame->body_bytes);
    (void)unpack_array(&unpack);
    (void)unpack_uint(&unpack);
    return unpack;
}

static int unsound(const struct frame *frame, struct err *err)
{
    err_set(err, ERR_SYSTEM, "a frame '%s' of %zu bytes is not sound", NAMES[frame->kind],
            frame->body_bytes);
    return -1;
}

int frame_open(const uint8_t *body, size_t body_bytes, struct frame *frame, struct err *err)
{
    struct unpack unpack;
    size_t fields;
    enum frame_kind kind;

    unpack_init(&unpack, body, body_bytes);
    fields = unpack_array(&unpack);
    kind = (enum frame_kind)unpack_uint_max(&unpack, FRAME_DONE);
    if (unpack.failed || kind == FRAME_NONE || fields != FIELD_COUNTS[kind] ||
        (fields == 1 && !unpack_finished(&unpack))) {
        err_set(err, ERR_SYSTEM, "%zu bytes came that are no frame", body_bytes);
        return -1;
    }
    *frame = (struct frame){.kind = kind, .body = body, .body_bytes = body_bytes};
    return 0;
}

int frame_get_plan(const struct frame *frame, const uint8_t **plan, size_t *plan_bytes,
                   struct err *err)
{
    struct unpack unpack = fields_of(frame, FRAME_PLAN);
    size_t len;
    const uint8_t *bytes = unpack_bytes(&unpack, &len);

    if (!unpack_finished(&unpack))
        return unsound(frame, err);
    *plan = bytes;
    *plan_bytes = len;
    return 0;
}

int frame_get_users(const struct frame *frame, struct frame_users *users, struct err *err)
{
    struct unpack unpack = fields_of(frame, FRAME_USERS);
    struct frame_users result = {0};

    result.sequence = unpack_uint(&unpack);
    result.users = (uint32_t)unpack_uint_max(&unpack, UINT32_MAX);
    result.over_ms = (uint32_t)unpack_uint_max(&unpack, UINT32_MAX);
    if (!unpack_finished(&unpack))
        return unsound(frame, err);
    *users = result;
    return 0;
}

int frame_get_stop(const struct frame *frame, uint64_t *timeout_ns, struct err *err)
{
    struct unpack unpack = fields_of(frame, FRAME_STOP);
    uint64_t result = unpack_uint(&unpack);

    if (!unpack_finished(&unpack))
        return unsound(frame, err);
    *timeout_ns = result;
    return 0;
}

int frame_get_ready(const struct frame *frame, struct frame_ready *ready, struct err *err)
{
    struct unpack unpack = fields_of(frame, FRAME_READY);
    struct frame_ready result = {0};

    result.pid = (uint32_t)unpack_uint_max(&unpack, UINT32_MAX);
    result.file_limit = unpack_uint(&unpack);
    if (!unpack_finished(&unpack))
        return unsound(frame, err);
    *ready = result;
    return 0;
}

static struct frame_tick unpack_tick_head(struct unpack *unpack)
{
    struct frame_tick tick = {0};

    tick.sequence = unpack_uint(unpack);
    tick.interval_ns = unpack_uint(unpack);
    tick.users = (uint32_t)unpack_uint_max(unpack, UINT32_MAX);
    tick.open = (uint32_t)unpack_uint_max(unpack, UINT32_MAX);
    tick.connecting = (uint32_t)unpack_uint_max(unpack, UINT32_MAX);
    tick.cpu_ratio = unpack_double(unpack);
    tick.rss_bytes = unpack_uint(unpack);
    tick.finished = (uint32_t)unpack_uint_max(unpack, UINT32_MAX);
    tick.is_last = unpack_bool(unpack);
    if (!isfinite(tick.cpu_ratio) || tick.cpu_ratio < 0)
        unpack->failed = true;
    return tick;
}

int frame_get_tick(const struct frame *frame, struct frame_tick *tick, struct stats *stats,
                   struct err *err)
{
    struct unpack unpack = fields_of(frame, FRAME_TICK);
    struct frame_tick head = unpack_tick_head(&unpack);
    struct stats *delta = unpack_stats(&unpack);

    if (!delta || !unpack_finished(&unpack)) {
        stats_free(delta);
        return unsound(frame, err);
    }
    stats_merge(stats, delta);
    stats_free(delta);
    *tick = head;
    return 0;
}

int frame_get_tick_head(const struct frame *frame, struct frame_tick *tick, struct err *err)
{
    struct unpack unpack = fields_of(frame, FRAME_TICK);
    struct frame_tick head = unpack_tick_head(&unpack);

    if (unpack.failed)
        return unsound(frame, err);
    *tick = head;
    return 0;
}

int frame_get_log(const struct frame *frame, struct frame_log *log, struct err *err)
{
    struct unpack unpack = fields_of(frame, FRAME_LOG);
    struct frame_log result = {0};

    result.level = (enum log_level)unpack_uint_max(&unpack, LOG_DEBUG);
    result.line = unpack_text_view(&unpack, &result.line_bytes);
    if (!unpack_finished(&unpack) || !result.line || result.level == LOG_NONE)
        return unsound(frame, err);
    *log = result;
    return 0;
}

#include "wire/frame.h"

#include "base/mem.h"
#include "stats/waves.h"
#include "wire/pack.h"
#include "wire/pack_peers.h"
#include "wire/pack_stats.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_EXIT_CODE_MAX = 255 };

/* Members of each frame's array, the kind included. */
static const size_t FIELD_COUNTS[] = {
    [FRAME_NONE] = 0, [FRAME_PLAN] = 2,    [FRAME_USERS] = 7,  [FRAME_STOP] = 2,
    [FRAME_PING] = 1, [FRAME_READY] = 3,   [FRAME_TICK] = 16,  [FRAME_LOG] = 3,
    [FRAME_DONE] = 3, [FRAME_MESSAGE] = 5, [FRAME_TARGET] = 4, [FRAME_QUIT] = 1,
    [FRAME_FAIL] = 2, [FRAME_PEERS] = 4,   [FRAME_STORM] = 5,
};

static const char *const NAMES[] = {
    [FRAME_NONE] = "none",       [FRAME_PLAN] = "plan",     [FRAME_USERS] = "users",
    [FRAME_STOP] = "stop",       [FRAME_PING] = "ping",     [FRAME_READY] = "ready",
    [FRAME_TICK] = "tick",       [FRAME_LOG] = "log",       [FRAME_DONE] = "done",
    [FRAME_MESSAGE] = "message", [FRAME_TARGET] = "target", [FRAME_QUIT] = "quit",
    [FRAME_FAIL] = "fail",       [FRAME_PEERS] = "peers",   [FRAME_STORM] = "storm",
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
    assert(users->class_count <= FRAME_CLASS_LIMIT);
    pack_array(out, users->class_count);
    for (size_t i = 0; i < users->class_count; i++)
        pack_uint(out, users->classes[i]);
    pack_bool(out, users->is_final);
    pack_uint(out, users->stage);
    end_frame(out, start);
}

void frame_put_stop(struct buf *out, uint64_t timeout_ns)
{
    size_t start = begin_frame(out, FRAME_STOP);

    pack_uint(out, timeout_ns);
    end_frame(out, start);
}

void frame_put_storm(struct buf *out, const struct frame_storm *storm)
{
    size_t start = begin_frame(out, FRAME_STORM);

    pack_uint(out, storm->index);
    pack_double(out, storm->ratio);
    pack_uint(out, storm->down_ns);
    pack_bool(out, storm->is_at_once);
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
    pack_uint(out, tick->clock.source);
    pack_uint(out, (uint64_t)tick->clock.offset_ns);
    pack_uint(out, tick->clock.error_ns);
    pack_uint(out, tick->clock.step_count);
    pack_uint(out, tick->stage);
    pack_bool(out, tick->is_last);
    pack_stats(out, delta);
    end_frame(out, start);
}

void frame_put_peers(struct buf *out, uint64_t sequence, const struct peer_digest *digest)
{
    size_t start = begin_frame(out, FRAME_PEERS);

    pack_uint(out, sequence);
    pack_peers(out, digest);
    end_frame(out, start);
}

void frame_put_log(struct buf *out, enum log_level level, const char *line)
{
    size_t start = begin_frame(out, FRAME_LOG);

    pack_uint(out, (uint64_t)level);
    pack_text(out, line);
    end_frame(out, start);
}

void frame_put_done(struct buf *out, const struct frame_done *done)
{
    size_t start = begin_frame(out, FRAME_DONE);

    pack_uint(out, done->exit_code < 0 ? 0 : ((uint64_t)done->exit_code & FRAME_EXIT_CODE_MAX) + 1);
    pack_bool(out, done->had_unhandled);
    end_frame(out, start);
}

void frame_put_message(struct buf *out, const struct frame_message *message)
{
    size_t start = begin_frame(out, FRAME_MESSAGE);

    pack_text_view(out, message->type, message->type_bytes);
    pack_bytes(out, message->data, message->data_bytes);
    pack_uint(out, message->source);
    pack_uint(out, message->destination);
    end_frame(out, start);
}

bool frame_message_is_own(const struct frame_message *message)
{
    size_t len = sizeof FRAME_OWN_TYPES - 1;

    return message->type_bytes > len && memcmp(message->type, FRAME_OWN_TYPES, len) == 0;
}

void frame_put_target(struct buf *out, const struct frame_target *target)
{
    size_t start = begin_frame(out, FRAME_TARGET);

    pack_uint(out, target->users);
    pack_double(out, target->spawn_rate_per_s);
    pack_array(out, target->class_count);
    for (size_t i = 0; i < target->class_count; i++)
        pack_text(out, target->classes[i]);
    end_frame(out, start);
}

void frame_put_quit(struct buf *out)
{
    end_frame(out, begin_frame(out, FRAME_QUIT));
}

void frame_put_fail(struct buf *out, const char *sentence)
{
    size_t start = begin_frame(out, FRAME_FAIL);

    pack_text(out, sentence);
    end_frame(out, start);
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
    kind = (enum frame_kind)unpack_uint_max(&unpack, FRAME_STORM);
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

/* By class they are as many as in all, or there are no classes. */
static void unpack_classes(struct unpack *unpack, struct frame_users *users)
{
    size_t count = unpack_array(unpack);
    uint64_t sum = 0;

    if (count > FRAME_CLASS_LIMIT)
        unpack->failed = true;
    for (size_t i = 0; i < count && !unpack->failed; i++) {
        users->classes[i] = (uint32_t)unpack_uint_max(unpack, UINT32_MAX);
        sum += users->classes[i];
    }
    if (count > 0 && sum != users->users)
        unpack->failed = true;
    users->class_count = count;
}

int frame_get_users(const struct frame *frame, struct frame_users *users, struct err *err)
{
    struct unpack unpack = fields_of(frame, FRAME_USERS);
    struct frame_users result = {0};

    result.sequence = unpack_uint(&unpack);
    result.users = (uint32_t)unpack_uint_max(&unpack, UINT32_MAX);
    result.over_ms = (uint32_t)unpack_uint_max(&unpack, UINT32_MAX);
    unpack_classes(&unpack, &result);
    result.is_final = unpack_bool(&unpack);
    result.stage = (uint32_t)unpack_uint_max(&unpack, UINT32_MAX);
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

int frame_get_storm(const struct frame *frame, struct frame_storm *storm, struct err *err)
{
    struct unpack unpack = fields_of(frame, FRAME_STORM);
    struct frame_storm result = {0};

    result.index = (uint32_t)unpack_uint_max(&unpack, UINT32_MAX);
    result.ratio = unpack_double(&unpack);
    result.down_ns = unpack_uint(&unpack);
    result.is_at_once = unpack_bool(&unpack);
    if (!unpack_finished(&unpack) || !wave_is_storm(result.index) ||
        !(result.ratio > 0 && result.ratio <= 1))
        return unsound(frame, err);
    *storm = result;
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
    tick.clock.source = (enum clock_source)unpack_uint_max(unpack, CLOCK_SOURCE_COUNT - 1);
    tick.clock.offset_ns = (int64_t)unpack_uint(unpack);
    tick.clock.error_ns = unpack_uint(unpack);
    tick.clock.step_count = (uint32_t)unpack_uint_max(unpack, UINT32_MAX);
    tick.stage = (uint32_t)unpack_uint_max(unpack, UINT32_MAX);
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

int frame_get_peers(const struct frame *frame, uint64_t *sequence, struct peer_digest *digest,
                    struct err *err)
{
    struct unpack unpack = fields_of(frame, FRAME_PEERS);
    struct peer_digest result = {0};
    uint64_t number = unpack_uint(&unpack);

    unpack_peers(&unpack, &result);
    if (!unpack_finished(&unpack)) {
        peer_digest_fini(&result);
        return unsound(frame, err);
    }
    *sequence = number;
    *digest = result;
    return 0;
}

int frame_get_log(const struct frame *frame, struct frame_log *log, struct err *err)
{
    struct unpack unpack = fields_of(frame, FRAME_LOG);
    struct frame_log result = {0};

    result.level = (enum log_level)unpack_uint_max(&unpack, LOG_DEBUG);
    result.line = unpack_text_view(&unpack, &result.line_bytes);
    if (!unpack_finished(&unpack) || !result.line)
        return unsound(frame, err);
    *log = result;
    return 0;
}

int frame_get_done(const struct frame *frame, struct frame_done *done, struct err *err)
{
    struct unpack unpack = fields_of(frame, FRAME_DONE);
    struct frame_done result = {0};

    result.exit_code =
        (int)unpack_uint_max(&unpack, FRAME_EXIT_CODE_MAX + 1) + FRAME_EXIT_CODE_NONE;
    result.had_unhandled = unpack_bool(&unpack);
    if (!unpack_finished(&unpack))
        return unsound(frame, err);
    *done = result;
    return 0;
}

int frame_get_message(const struct frame *frame, struct frame_message *message, struct err *err)
{
    struct unpack unpack = fields_of(frame, FRAME_MESSAGE);
    struct frame_message result = {0};

    result.type = unpack_text_view(&unpack, &result.type_bytes);
    result.data = unpack_bytes(&unpack, &result.data_bytes);
    result.source = (uint32_t)unpack_uint_max(&unpack, UINT32_MAX);
    result.destination = (uint32_t)unpack_uint_max(&unpack, UINT32_MAX);
    if (!unpack_finished(&unpack) || !result.type || result.type_bytes > FRAME_TYPE_LIMIT_BYTES ||
        result.data_bytes > FRAME_MESSAGE_LIMIT_BYTES)
        return unsound(frame, err);
    *message = result;
    return 0;
}

static void unpack_names(struct unpack *unpack, struct frame_target *target)
{
    size_t count = unpack_array(unpack);

    if (count > FRAME_CLASS_LIMIT)
        unpack->failed = true;
    if (unpack->failed || count == 0)
        return;
    target->classes = x_calloc(count, sizeof *target->classes);
    for (target->class_count = 0; target->class_count < count && !unpack->failed;) {
        char *name = unpack_text(unpack);

        if (!name || strlen(name) > FRAME_TYPE_LIMIT_BYTES)
            unpack->failed = true;
        target->classes[target->class_count++] = name;
    }
}

int frame_get_target(const struct frame *frame, struct frame_target *target, struct err *err)
{
    struct unpack unpack = fields_of(frame, FRAME_TARGET);
    struct frame_target result = {0};

    result.users = (uint32_t)unpack_uint_max(&unpack, UINT32_MAX);
    result.spawn_rate_per_s = unpack_double(&unpack);
    unpack_names(&unpack, &result);
    if (!unpack_finished(&unpack) || !isfinite(result.spawn_rate_per_s) ||
        result.spawn_rate_per_s < 0) {
        frame_target_fini(&result);
        return unsound(frame, err);
    }
    *target = result;
    return 0;
}

void frame_target_fini(struct frame_target *target)
{
    for (size_t i = 0; i < target->class_count; i++)
        free(target->classes[i]);
    free(target->classes);
    *target = (struct frame_target){0};
}

int frame_get_fail(const struct frame *frame, char **sentence, struct err *err)
{
    struct unpack unpack = fields_of(frame, FRAME_FAIL);
    char *result = unpack_text(&unpack);

    if (!unpack_finished(&unpack) || !result) {
        free(result);
        return unsound(frame, err);
    }
    *sentence = result;
    return 0;
}

/*
 * fuzz/fuzz_frame.c - one frame's body of any bytes. Never a crash; what decodes encodes to a frame
 * that decodes to the same again.
 */
#include "wire/frame.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Decodes `body` and appends its encoding to `out`. False when it is no sound frame. */
static bool pass_on(const uint8_t *body, size_t len, struct buf *out)
{
    struct frame frame;
    struct err err;
    struct frame_users users;
    struct frame_storm storm;
    struct frame_ready ready;
    struct frame_tick tick, head;
    struct frame_log log;
    struct frame_done done;
    struct frame_message message;
    struct frame_target target;
    struct peer_digest digest;
    struct stats *stats;
    const uint8_t *plan;
    char *line;
    size_t plan_bytes;
    uint64_t timeout_ns, sequence;
    bool is_sound = false;

    if (frame_open(body, len, &frame, &err) < 0)
        return false;
    switch (frame.kind) {
    case FRAME_NONE:
        break;
    case FRAME_PLAN:
        is_sound = frame_get_plan(&frame, &plan, &plan_bytes, &err) == 0;
        if (is_sound)
            frame_put_plan(out, plan, plan_bytes);
        break;
    case FRAME_USERS:
        is_sound = frame_get_users(&frame, &users, &err) == 0;
        if (is_sound)
            frame_put_users(out, &users);
        break;
    case FRAME_STOP:
        is_sound = frame_get_stop(&frame, &timeout_ns, &err) == 0;
        if (is_sound)
            frame_put_stop(out, timeout_ns);
        break;
    case FRAME_PING:
        is_sound = true;
        frame_put_ping(out);
        break;
    case FRAME_READY:
        is_sound = frame_get_ready(&frame, &ready, &err) == 0;
        if (is_sound)
            frame_put_ready(out, &ready);
        break;
    case FRAME_TICK:
        stats = stats_new();
        is_sound = frame_get_tick(&frame, &tick, stats, &err) == 0;
        if (is_sound) {
            assert(frame_get_tick_head(&frame, &head, &err) == 0);
            frame_put_tick(out, &tick, stats);
        }
        assert(is_sound || (stats_endpoint_count(stats) == 0 && stats_error_count(stats) == 0));
        stats_free(stats);
        break;
    case FRAME_LOG:
        is_sound = frame_get_log(&frame, &log, &err) == 0;
        if (is_sound) {
            line = strndup(log.line, log.line_bytes);
            assert(line);
            frame_put_log(out, log.level, line);
            free(line);
        }
        break;
    case FRAME_DONE:
        is_sound = frame_get_done(&frame, &done, &err) == 0;
        if (is_sound)
            frame_put_done(out, &done);
        break;
    case FRAME_MESSAGE:
        is_sound = frame_get_message(&frame, &message, &err) == 0;
        if (is_sound)
            frame_put_message(out, &message);
        break;
    case FRAME_TARGET:
        is_sound = frame_get_target(&frame, &target, &err) == 0;
        if (is_sound) {
            frame_put_target(out, &target);
            frame_target_fini(&target);
        }
        break;
    case FRAME_PEERS:
        is_sound = frame_get_peers(&frame, &sequence, &digest, &err) == 0;
        if (is_sound) {
            frame_put_peers(out, sequence, &digest);
            peer_digest_fini(&digest);
        }
        break;
    case FRAME_STORM:
        is_sound = frame_get_storm(&frame, &storm, &err) == 0;
        if (is_sound)
            frame_put_storm(out, &storm);
        break;
    case FRAME_QUIT:
        is_sound = true;
        frame_put_quit(out);
        break;
    case FRAME_FAIL:
        is_sound = frame_get_fail(&frame, &line, &err) == 0;
        if (is_sound) {
            frame_put_fail(out, line);
            free(line);
        }
        break;
    }
    return is_sound;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct buf first = {0}, second = {0};
    bool is_sound = pass_on(bytes, len, &first);

    if (is_sound) {
        is_sound = pass_on(first.bytes + FRAME_HEAD_BYTES, first.len - FRAME_HEAD_BYTES, &second);
        assert(is_sound);
        assert(second.len == first.len);
        assert(memcmp(first.bytes, second.bytes, first.len) == 0);
    }
    buf_fini(&first);
    buf_fini(&second);
    return 0;
}

#include "wire/channel.h"

#include "base/clock.h"
#include "net/loop.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct side {
    struct channel *channel;
    unsigned frames, closes, drains;
    enum frame_kind last_kind;
    uint64_t last_stop_ns;
    size_t plan_bytes;
    bool answers; /* each ping with a done */
    char reason[128];
};

static void on_frame(void *ctx, const struct frame *frame)
{
    struct side *side = ctx;
    const uint8_t *plan;
    struct err err;

    assert_int_equal(side->closes, 0);
    side->frames++;
    side->last_kind = frame->kind;
    if (frame->kind == FRAME_STOP) {
        uint64_t timeout_ns;

        assert_int_equal(frame_get_stop(frame, &timeout_ns, &err), 0);
        assert_int_equal(timeout_ns, side->last_stop_ns + 1);
        side->last_stop_ns = timeout_ns;
    }
    if (frame->kind == FRAME_PLAN)
        assert_int_equal(frame_get_plan(frame, &plan, &side->plan_bytes, &err), 0);
    if (frame->kind == FRAME_PING && side->answers) {
        frame_put_done(channel_out(side->channel), &(struct frame_done){0});
        channel_flush(side->channel);
    }
}

static void on_closed(void *ctx, const char *reason)
{
    struct side *side = ctx;

    side->closes++;
    (void)snprintf(side->reason, sizeof side->reason, "%s", reason);
}

static void on_drained(void *ctx)
{
    struct side *side = ctx;

    assert_int_equal(channel_queued_bytes(side->channel), 0);
    side->drains++;
}

static const struct channel_handlers HANDLERS = {on_frame, on_closed, on_drained};

/* Two ends on one loop; where `raw_fd` is asked for, the second end is left a bare descriptor. */
struct pair {
    struct loop *loop;
    struct side a, b;
    int fds[2];
};

static void open_pair(struct pair *pair, int *raw_fd)
{
    struct err err;

    *pair = (struct pair){0};
    pair->loop = loop_new(&err);
    assert_non_null(pair->loop);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair->fds), 0);
    pair->a.channel = channel_new(pair->loop, pair->fds[0], &HANDLERS, &pair->a);
    if (raw_fd)
        *raw_fd = pair->fds[1];
    else
        pair->b.channel = channel_new(pair->loop, pair->fds[1], &HANDLERS, &pair->b);
}

static void close_pair(struct pair *pair)
{
    channel_free(pair->a.channel);
    channel_free(pair->b.channel);
    loop_free(pair->loop);
}

/* Turns until nothing has happened for a few turns. */
static void settle(struct pair *pair)
{
    for (int idle = 0; idle < 3;)
        idle = loop_turn(pair->loop, 0, 0) > 0 ? 0 : idle + 1;
}

static void frames_go_both_ways(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, NULL);
    pair.b.answers = true;
    for (int i = 0; i < 3; i++)
        frame_put_ping(channel_out(pair.a.channel));
    channel_flush(pair.a.channel);
    assert_int_equal(channel_queued_bytes(pair.a.channel), 0);
    assert_int_equal(pair.a.drains, 1);
    settle(&pair);
    assert_int_equal(pair.b.frames, 3);
    assert_int_equal(pair.a.frames, 3);
    assert_int_equal(pair.a.last_kind, FRAME_DONE);
    close_pair(&pair);
}

static void no_more_is_queued_than_the_limit(void **state)
{
    struct pair pair;
    int raw_fd;

    (void)state;
    open_pair(&pair, &raw_fd);
    assert_true(channel_has_room(pair.a.channel, 100, 100));
    while (channel_queued_bytes(pair.a.channel) == 0) {
        for (int i = 0; i < 1000; i++)
            frame_put_ping(channel_out(pair.a.channel));
        channel_flush(pair.a.channel);
    }
    assert_int_equal(channel_dropped(pair.a.channel), 0);
    assert_false(channel_has_room(pair.a.channel, 100, 100));
    assert_false(channel_has_room(pair.a.channel, 0, channel_queued_bytes(pair.a.channel) - 1));
    assert_true(channel_has_room(pair.a.channel, 1, channel_queued_bytes(pair.a.channel) + 1));
    assert_int_equal(channel_dropped(pair.a.channel), 2);
    (void)close(raw_fd);
    channel_free(pair.a.channel);
    loop_free(pair.loop);
}

/* As a worker's child does that outlives it. */
static void a_channel_ends_though_a_copy_of_its_socket_is_open(void **state)
{
    struct pair pair;
    int raw_fd, copy;

    (void)state;
    open_pair(&pair, &raw_fd);
    assert_true(fcntl(pair.fds[0], F_GETFD) & FD_CLOEXEC);
    copy = dup(raw_fd);
    assert_true(copy >= 0);
    assert_int_equal(write(raw_fd, "\0\0\0\2\x91\x04", 6), 6); /* a ping */
    (void)close(raw_fd);
    channel_end(pair.a.channel, "it ended");
    assert_int_equal(pair.a.frames, 1);
    assert_int_equal(pair.a.closes, 1);
    assert_string_equal(pair.a.reason, "it ended");
    channel_end(pair.a.channel, "again");
    assert_int_equal(pair.a.closes, 1);
    (void)close(copy);
    channel_free(pair.a.channel);
    loop_free(pair.loop);
}

static void a_channel_is_closed_in_programs_that_are_started(void **state)
{
    struct pair pair;
    int raw_fd;

    (void)state;
    open_pair(&pair, &raw_fd);
    assert_int_equal(fcntl(raw_fd, F_SETFD, 0), 0);
    pair.b.channel = channel_new(pair.loop, raw_fd, &HANDLERS, &pair.b);
    assert_true(fcntl(raw_fd, F_GETFD) & FD_CLOEXEC);
    close_pair(&pair);
}

static void a_large_frame_goes_in_parts(void **state)
{
    enum { PLAN_BYTES = 5 * 1024 * 1024 };
    uint8_t *plan = calloc(1, PLAN_BYTES);
    struct pair pair;

    (void)state;
    assert_non_null(plan);
    open_pair(&pair, NULL);
    frame_put_plan(channel_out(pair.a.channel), plan, PLAN_BYTES);
    frame_put_ping(channel_out(pair.a.channel));
    channel_flush(pair.a.channel);
    assert_true(channel_queued_bytes(pair.a.channel) > 0);
    assert_int_equal(pair.a.drains, 0);
    settle(&pair);
    assert_int_equal(channel_queued_bytes(pair.a.channel), 0);
    assert_int_equal(pair.a.drains, 1);
    assert_int_equal(pair.b.plan_bytes, PLAN_BYTES);
    assert_int_equal(pair.b.last_kind, FRAME_PING);
    close_pair(&pair);
    free(plan);
}

static void order_holds_while_the_other_end_is_slow(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, NULL);
    for (uint64_t i = 1; i <= 200000; i++) {
        frame_put_stop(channel_out(pair.a.channel), i);
        if (i % 1000 == 0)
            channel_flush(pair.a.channel);
        if (i % 50000 == 0)
            (void)loop_turn(pair.loop, 0, 1);
    }
    settle(&pair);
    assert_int_equal(pair.b.frames, 200000);
    assert_int_equal(pair.b.last_stop_ns, 200000);
    close_pair(&pair);
}

static void frames_cut_anywhere_are_joined(void **state)
{
    struct pair pair;
    struct buf out = {0};
    int raw;

    (void)state;
    open_pair(&pair, &raw);
    for (uint64_t i = 1; i <= 20; i++)
        frame_put_stop(&out, i);
    for (size_t i = 0; i < out.len; i++) {
        assert_int_equal(write(raw, out.bytes + i, 1), 1);
        settle(&pair);
    }
    assert_int_equal(pair.a.frames, 20);
    assert_int_equal(pair.a.closes, 0);
    (void)close(raw);
    buf_fini(&out);
    close_pair(&pair);
}

static void what_came_before_the_end_is_handed_on(void **state)
{
    struct pair pair;
    struct buf out = {0};
    int raw;

    (void)state;
    open_pair(&pair, &raw);
    frame_put_ping(&out);
    frame_put_done(&out, &(struct frame_done){0});
    assert_int_equal(write(raw, out.bytes, out.len), out.len);
    (void)close(raw);
    settle(&pair);
    assert_int_equal(pair.a.frames, 2);
    assert_int_equal(pair.a.closes, 1);
    assert_string_equal(pair.a.reason, "the other end closed");
    frame_put_ping(channel_out(pair.a.channel));
    channel_flush(pair.a.channel);
    assert_int_equal(channel_queued_bytes(pair.a.channel), 0);
    settle(&pair);
    assert_int_equal(pair.a.closes, 1);
    buf_fini(&out);
    close_pair(&pair);
}

static void writing_to_a_closed_end_still_reads_the_rest(void **state)
{
    struct pair pair;
    struct buf out = {0};
    int raw;

    (void)state;
    open_pair(&pair, &raw);
    frame_put_done(&out, &(struct frame_done){0});
    assert_int_equal(write(raw, out.bytes, out.len), out.len);
    (void)close(raw);
    frame_put_ping(channel_out(pair.a.channel));
    channel_flush(pair.a.channel);
    assert_int_equal(pair.a.closes, 0);
    settle(&pair);
    assert_int_equal(pair.a.frames, 1);
    assert_int_equal(pair.a.closes, 1);
    buf_fini(&out);
    close_pair(&pair);
}

static void an_end_inside_a_frame_is_named(void **state)
{
    struct pair pair;
    int raw;

    (void)state;
    open_pair(&pair, &raw);
    assert_int_equal(write(raw, "\0\0\0\5\x91", 5), 5);
    (void)close(raw);
    settle(&pair);
    assert_int_equal(pair.a.closes, 1);
    assert_string_equal(pair.a.reason, "the other end closed inside a frame");
    close_pair(&pair);
}

static void garbage_closes_the_channel(void **state)
{
    static const char *const garbage[] = {"GET / HTTP/1.1\r\n\r\n", "\x7f\xff\xff\xff"};
    struct pair pair;
    int raw;
    char byte;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        open_pair(&pair, &raw);
        assert_int_equal(write(raw, garbage[i], strlen(garbage[i])), strlen(garbage[i]));
        settle(&pair);
        assert_int_equal(pair.a.closes, 1);
        assert_non_null(strstr(pair.a.reason, "over the limit"));
        assert_true(read(raw, &byte, 1) <= 0);
        (void)close(raw);
        close_pair(&pair);
    }
    open_pair(&pair, &raw);
    assert_int_equal(write(raw, "\0\0\0\2\x81\x01", 6), 6);
    settle(&pair);
    assert_int_equal(pair.a.closes, 1);
    assert_non_null(strstr(pair.a.reason, "no frame"));
    (void)close(raw);
    close_pair(&pair);
    channel_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_go_both_ways),
        cmocka_unit_test(no_more_is_queued_than_the_limit),
        cmocka_unit_test(a_channel_ends_though_a_copy_of_its_socket_is_open),
        cmocka_unit_test(a_channel_is_closed_in_programs_that_are_started),
        cmocka_unit_test(a_large_frame_goes_in_parts),
        cmocka_unit_test(order_holds_while_the_other_end_is_slow),
        cmocka_unit_test(frames_cut_anywhere_are_joined),
        cmocka_unit_test(what_came_before_the_end_is_handed_on),
        cmocka_unit_test(writing_to_a_closed_end_still_reads_the_rest),
        cmocka_unit_test(an_end_inside_a_frame_is_named),
        cmocka_unit_test(garbage_closes_the_channel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

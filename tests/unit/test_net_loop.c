#include "net/loop.h"

#include "base/clock.h"
#include "base/mem.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* One end of a socket pair, watched; the other end is the test's. */
struct end {
    struct watch watch;
    struct timer timer;
    struct loop *loop;
    struct end *victim; /* removed from the loop when this one is ready */
    int peer;
    int ready_count, expired_count;
    unsigned ready;
};

static void on_ready(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct end *end = CONTAINER_OF(watch, struct end, watch);

    assert_true(now_ns == loop_now_ns(end->loop));
    end->ready_count++;
    end->ready = ready;
    if (end->victim) {
        loop_remove(end->loop, &end->victim->watch);
        (void)memset(&end->victim->watch, 0xee, sizeof end->victim->watch);
    }
}

static void on_expire(struct timer *timer, uint64_t now_ns)
{
    struct end *end = CONTAINER_OF(timer, struct end, timer);

    assert_true(now_ns >= timer->deadline_ns);
    end->expired_count++;
    loop_stop(end->loop);
}

static struct loop *make_loop(void)
{
    struct err err = {0};
    struct loop *loop = loop_new(&err);

    assert_non_null(loop);
    return loop;
}

static void open_end(struct end *end, struct loop *loop, unsigned interest)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    *end = (struct end){.loop = loop, .peer = pair[1]};
    assert_int_equal(loop_add(loop, &end->watch, pair[0], interest, on_ready), 0);
}

static void close_end(struct end *end)
{
    int fd = end->watch.fd;

    loop_remove(end->loop, &end->watch);
    loop_remove(end->loop, &end->watch);
    (void)close(fd);
    if (end->peer >= 0)
        (void)close(end->peer);
}

static void say(const struct end *end)
{
    assert_int_equal(write(end->peer, "x", 1), 1);
}

static void an_edge_is_reported_once(void **state)
{
    struct loop *loop = make_loop();
    struct end end;

    (void)state;
    open_end(&end, loop, LOOP_READABLE);
    assert_int_equal(loop_turn(loop, 0, 0), 0);
    say(&end);
    assert_int_equal(loop_turn(loop, 0, 0), 1);
    assert_int_equal(end.ready, LOOP_READABLE);
    assert_int_equal(loop_turn(loop, 0, 0), 0); /* not read, no new edge */
    say(&end);
    assert_int_equal(loop_turn(loop, 0, 0), 1);
    assert_int_equal(end.ready_count, 2);
    close_end(&end);
    loop_free(loop);
}

static void a_change_arms_the_edge_again(void **state)
{
    struct loop *loop = make_loop();
    struct end end;

    (void)state;
    open_end(&end, loop, LOOP_READABLE);
    say(&end);
    assert_int_equal(loop_turn(loop, 0, 0), 1);
    assert_int_equal(loop_change(loop, &end.watch, LOOP_READABLE), 0);
    assert_int_equal(loop_turn(loop, 0, 0), 1);
    assert_int_equal(loop_change(loop, &end.watch, LOOP_WRITABLE), 0);
    assert_int_equal(loop_turn(loop, 0, 0), 1);
    assert_int_equal(end.ready, LOOP_WRITABLE);
    close_end(&end);
    loop_free(loop);
}

static void a_leaving_peer_is_a_hangup_that_reads(void **state)
{
    struct loop *loop = make_loop();
    struct end end;

    (void)state;
    open_end(&end, loop, LOOP_READABLE);
    (void)close(end.peer);
    end.peer = -1;
    assert_int_equal(loop_turn(loop, 0, 0), 1);
    assert_int_equal(end.ready, LOOP_READABLE | LOOP_HANGUP);
    close_end(&end);
    loop_free(loop);
}

static void a_watch_removed_in_the_same_batch_is_not_called(void **state)
{
    struct loop *loop = make_loop();
    struct end ends[3];
    int first = -1;

    (void)state;
    for (int i = 0; i < 3; i++)
        open_end(&ends[i], loop, LOOP_READABLE);
    for (int i = 0; i < 3; i++)
        say(&ends[i]);
    /* Whichever of the first two comes first takes the other one out. */
    ends[0].victim = &ends[1];
    ends[1].victim = &ends[0];
    for (int i = 0; i < 2; i++)
        ends[i].expired_count = ends[i].watch.fd; /* kept: the watch is overwritten */
    assert_int_equal(loop_turn(loop, 0, 0), 2);
    assert_int_equal(ends[0].ready_count + ends[1].ready_count, 1);
    assert_int_equal(ends[2].ready_count, 1);
    first = ends[0].ready_count ? 0 : 1;
    (void)close(ends[1 - first].expired_count);
    (void)close(ends[1 - first].peer);
    close_end(&ends[first]);
    close_end(&ends[2]);
    loop_free(loop);
}

static void a_turn_hands_on_no_more_than_asked(void **state)
{
    struct loop *loop = make_loop();
    struct end ends[5];
    int turns = 0;

    (void)state;
    for (int i = 0; i < 5; i++) {
        open_end(&ends[i], loop, LOOP_READABLE);
        say(&ends[i]);
    }
    for (int ran = 0; ran < 5; turns++) {
        int count = loop_turn(loop, 0, 2);

        assert_true(count > 0 && count <= 2);
        ran += count;
    }
    assert_int_equal(turns, 3);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ends[i].ready_count, 1);
        close_end(&ends[i]);
    }
    loop_free(loop);
}

static void what_cannot_be_watched_is_not(void **state)
{
    struct loop *loop = make_loop();
    struct watch watch = {0};

    (void)state;
    assert_int_equal(loop_add(loop, &watch, -1, LOOP_READABLE, on_ready), -1);
    loop_remove(loop, &watch);
    loop_free(loop);
    loop_free(NULL);
}

static void a_timer_set_between_turns_makes_the_descriptor_readable(void **state)
{
    struct loop *loop = make_loop();
    struct end end = {.loop = loop};
    struct pollfd polled = {.fd = loop_fd(loop), .events = POLLIN};

    (void)state;
    (void)loop_turn(loop, 0, 0);
    loop_set_timer(loop, &end.timer, loop_refresh_ns(loop) + 5 * CLOCK_NS_PER_MS, on_expire);
    assert_int_equal(poll(&polled, 1, 5000), 1);
    while (end.expired_count == 0)
        (void)loop_turn(loop, 0, 0);
    loop_free(loop);
}

static void a_timer_wakes_the_loop_in_time(void **state)
{
    struct loop *loop = make_loop();
    struct end end = {.loop = loop};
    uint64_t began_ns = loop_refresh_ns(loop);

    (void)state;
    assert_true(loop_next_deadline_ns(loop) == CLOCK_NEVER_NS);
    loop_set_timer(loop, &end.timer, began_ns + 5 * CLOCK_NS_PER_MS, on_expire);
    assert_true(loop_next_deadline_ns(loop) <= began_ns + 6 * CLOCK_NS_PER_MS);
    assert_int_equal(loop_turn(loop, 0, 0), 0);
    loop_run(loop);
    assert_int_equal(end.expired_count, 1);
    assert_true(loop_now_ns(loop) >= began_ns + 5 * CLOCK_NS_PER_MS);
    loop_set_timer(loop, &end.timer, began_ns, on_expire);
    loop_set_timer(loop, &end.timer, CLOCK_NEVER_NS, on_expire); /* the same as cancelling */
    assert_false(timer_is_set(&end.timer));
    loop_free(loop);
}

static void turns_without_a_wait_still_run_timers(void **state)
{
    struct loop *loop = make_loop();
    struct end end = {.loop = loop};
    uint64_t began_ns = clock_now_ns();

    (void)state;
    loop_set_timer(loop, &end.timer, began_ns + 2 * CLOCK_NS_PER_MS, on_expire);
    while (end.expired_count == 0 && clock_now_ns() < began_ns + CLOCK_NS_PER_S)
        (void)loop_turn(loop, 0, 16);
    assert_int_equal(end.expired_count, 1);
    loop_free(loop);
}

static void a_slow_function_makes_no_timer_late(void **state)
{
    struct loop *loop = make_loop();
    struct end slow = {.loop = loop}, end = {.loop = loop};
    uint64_t began_ns = loop_refresh_ns(loop);

    (void)state;
    loop_set_timer(loop, &slow.timer, began_ns + CLOCK_NS_PER_MS, on_expire);
    assert_true(loop_turn(loop, CLOCK_NS_PER_S, 0) >= 1);
    /* The clock was read behind what ran, so that the next wait is no longer than it has to be. */
    assert_true(loop_now_ns(loop) >= began_ns + CLOCK_NS_PER_MS);
    loop_set_timer(loop, &end.timer, loop_now_ns(loop) + CLOCK_NS_PER_MS, on_expire);
    loop_run(loop);
    assert_int_equal(end.expired_count, 1);
    assert_true(loop_take_longest_turn_ns(loop) < CLOCK_NS_PER_S);
    assert_true(loop_take_longest_turn_ns(loop) == 0);
    loop_free(loop);
}

/* As the hub of another event loop holds it: poll its descriptor until its deadline, then a turn.
 */
static void the_loop_lives_inside_another_one(void **state)
{
    struct loop *loop = make_loop();
    struct pollfd inside = {.fd = loop_fd(loop), .events = POLLIN};
    struct end end;

    (void)state;
    open_end(&end, loop, LOOP_READABLE);
    assert_int_equal(poll(&inside, 1, 0), 0);
    say(&end);
    assert_int_equal(poll(&inside, 1, 1000), 1);
    assert_int_equal(loop_turn(loop, 0, 16), 1);
    assert_int_equal(poll(&inside, 1, 0), 0);
    loop_set_timer(loop, &end.timer, loop_refresh_ns(loop) + 3 * CLOCK_NS_PER_MS, on_expire);
    while (end.expired_count == 0) {
        uint64_t now_ns = loop_refresh_ns(loop), next_ns = loop_next_deadline_ns(loop);
        int wait_ms = next_ns > now_ns ? (int)((next_ns - now_ns) / CLOCK_NS_PER_MS) + 1 : 0;

        assert_true(wait_ms <= 5);
        (void)poll(&inside, 1, wait_ms);
        (void)loop_turn(loop, 0, 16);
    }
    close_end(&end);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edge_is_reported_once),
        cmocka_unit_test(a_change_arms_the_edge_again),
        cmocka_unit_test(a_leaving_peer_is_a_hangup_that_reads),
        cmocka_unit_test(a_watch_removed_in_the_same_batch_is_not_called),
        cmocka_unit_test(a_turn_hands_on_no_more_than_asked),
        cmocka_unit_test(what_cannot_be_watched_is_not),
        cmocka_unit_test(a_timer_set_between_turns_makes_the_descriptor_readable),
        cmocka_unit_test(a_timer_wakes_the_loop_in_time),
        cmocka_unit_test(turns_without_a_wait_still_run_timers),
        cmocka_unit_test(a_slow_function_makes_no_timer_late),
        cmocka_unit_test(the_loop_lives_inside_another_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

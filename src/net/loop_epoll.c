/* The loop on Linux: epoll, edge-triggered. */
#include "net/loop.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { LOOP_BATCH = 256 };

struct loop {
    struct timer_wheel wheel;
    uint64_t now_ns;
    uint64_t longest_turn_ns;
    uint8_t *shared_buffer; /* owned */
    int fd;
    int timer_fd;      /* readable at `armed_ns`: costs nothing a wait, unlike a timeout */
    uint64_t armed_ns; /* CLOCK_NEVER_NS: not armed */
    struct watch timer_watch;
    int batch_at, batch_count; /* the events now handed on */
    bool is_stopping;
    bool is_turning;
    struct epoll_event batch[LOOP_BATCH];
};

static uint32_t to_epoll(unsigned interest)
{
    return ((interest & LOOP_READABLE) ? (uint32_t)(EPOLLIN | EPOLLRDHUP) : 0u) |
           ((interest & LOOP_WRITABLE) ? (uint32_t)EPOLLOUT : 0u) | (uint32_t)EPOLLET;
}

static unsigned from_epoll(uint32_t events)
{
    unsigned ready = 0;

    if (events & EPOLLIN)
        ready |= LOOP_READABLE;
    if (events & EPOLLOUT)
        ready |= LOOP_WRITABLE;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        ready |= LOOP_HANGUP | LOOP_READABLE;
    return ready;
}

static int control(struct loop *loop, int operation, struct watch *watch)
{
    struct epoll_event event = {.events = to_epoll(watch->interest), .data.ptr = watch};

    return epoll_ctl(loop->fd, operation, watch->fd, &event);
}

/* The wheel runs at the end of every turn; here the descriptor is only made quiet again. */
static void on_timer_fd(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct loop *loop = CONTAINER_OF(watch, struct loop, timer_watch);
    uint64_t expirations;

    (void)ready;
    (void)now_ns;
    (void)!read(watch->fd, &expirations, sizeof expirations);
    loop->armed_ns = CLOCK_NEVER_NS;
}

/*
 * Sees to it that the timer descriptor fires at the wheel's next deadline or before. Left alone
 * while it fires early enough already: an early wake finds nothing due and arms it again.
 */
static void arm(struct loop *loop)
{
    uint64_t next_ns = timer_wheel_next_ns(&loop->wheel);
    struct itimerspec when = {0};

    if (next_ns >= loop->armed_ns)
        return;
    when.it_value.tv_sec = (time_t)(next_ns / CLOCK_NS_PER_S);
    when.it_value.tv_nsec = (long)(next_ns % CLOCK_NS_PER_S);
    (void)timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    loop->armed_ns = next_ns;
}

struct loop *loop_new(struct err *err)
{
    struct loop *loop = x_calloc(1, sizeof *loop);

    loop->fd = epoll_create1(EPOLL_CLOEXEC);
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->fd < 0 || loop->timer_fd < 0 ||
        loop_add(loop, &loop->timer_watch, loop->timer_fd, LOOP_READABLE, on_timer_fd) < 0) {
        err_set(err, ERR_SYSTEM, "cannot make an event loop: %s", strerror(errno));
        loop_free(loop);
        return NULL;
    }
    loop->armed_ns = CLOCK_NEVER_NS;
    loop->shared_buffer = x_malloc(LOOP_SHARED_BUFFER_BYTES);
    loop->now_ns = clock_now_ns();
    timer_wheel_init(&loop->wheel, loop->now_ns);
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    if (loop->timer_fd >= 0)
        (void)close(loop->timer_fd);
    if (loop->fd >= 0)
        (void)close(loop->fd);
    free(loop->shared_buffer);
    free(loop);
}

void loop_abandon(struct loop *loop)
{
    char path[64], line[256];
    FILE *file;
    int fd;

    /* The kernel lists what is watched: proc(5), "fdinfo", the lines "tfd:". */
    (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", loop->fd);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "tfd: %d", &fd) == 1) /* NOLINT(cert-err34-c): the kernel's own number */
            (void)close(fd);
    }
    if (file)
        (void)fclose(file);
    (void)close(loop->fd);
}

int loop_add(struct loop *loop, struct watch *watch, int fd, unsigned interest, watch_fn on_ready)
{
    watch->on_ready = on_ready;
    watch->fd = fd;
    watch->interest = interest;
    if (control(loop, EPOLL_CTL_ADD, watch) == 0)
        return 0;
    watch->on_ready = NULL;
    return -1;
}

int loop_change(struct loop *loop, struct watch *watch, unsigned interest)
{
    assert(watch->on_ready);
    watch->interest = interest;
    return control(loop, EPOLL_CTL_MOD, watch);
}

void loop_remove(struct loop *loop, struct watch *watch)
{
    if (watch->on_ready)
        (void)control(loop, EPOLL_CTL_DEL, watch);
    loop_forget(loop, watch);
}

void loop_forget(struct loop *loop, struct watch *watch)
{
    if (!watch->on_ready)
        return;
    watch->on_ready = NULL;
    /* The watch's memory may go before its event of this batch is reached. */
    for (int i = loop->batch_at; i < loop->batch_count; i++) {
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
    }
}

void loop_set_timer(struct loop *loop, struct timer *timer, uint64_t deadline_ns,
                    timer_fn on_expire)
{
    if (deadline_ns == CLOCK_NEVER_NS) {
        timer_wheel_cancel(&loop->wheel, timer);
        return;
    }
    timer_wheel_set(&loop->wheel, timer, deadline_ns, on_expire);
    /* A turn arms at its end. Between two turns another loop may be about to wait. */
    if (!loop->is_turning)
        arm(loop);
}

void loop_cancel_timer(struct loop *loop, struct timer *timer)
{
    timer_wheel_cancel(&loop->wheel, timer);
}

uint64_t loop_now_ns(const struct loop *loop)
{
    return loop->now_ns;
}

uint64_t loop_refresh_ns(struct loop *loop)
{
    loop->now_ns = clock_now_ns();
    return loop->now_ns;
}

uint8_t *loop_shared_buffer(struct loop *loop)
{
    return loop->shared_buffer;
}

static int wait_ready(struct loop *loop, uint64_t wait_ns, int most)
{
    uint64_t wait_ms = wait_ns / CLOCK_NS_PER_MS + (wait_ns % CLOCK_NS_PER_MS != 0);
    int count;

    count = epoll_wait(loop->fd, loop->batch, most, wait_ms > INT_MAX ? -1 : (int)wait_ms);
    return count < 0 ? 0 : count; /* EINTR: the turn goes on to the timers */
}

int loop_wait(struct loop *loop, uint64_t wait_ns, int most)
{
    if (loop->batch_count == 0)
        loop->batch_count =
            wait_ready(loop, wait_ns, most > 0 && most < LOOP_BATCH ? most : LOOP_BATCH);
    return loop->batch_count;
}

int loop_turn(struct loop *loop, uint64_t wait_ns, int most)
{
    uint64_t woke_ns;
    int ran = 0;

    loop->is_turning = true;
    (void)loop_wait(loop, wait_ns, most);
    woke_ns = loop_refresh_ns(loop);
    for (loop->batch_at = 0; loop->batch_at < loop->batch_count;) {
        const struct epoll_event *event = &loop->batch[loop->batch_at++];
        struct watch *watch = event->data.ptr;

        if (!watch)
            continue;
        watch->on_ready(watch, from_epoll(event->events), loop->now_ns);
        ran++;
    }
    loop->batch_at = loop->batch_count = 0;
    ran += timer_wheel_advance(&loop->wheel, loop->now_ns);
    /* What ran took time: the next wait is counted from here, or its timers would be late by that.
     */
    if (ran > 0)
        loop_refresh_ns(loop);
    if (loop->now_ns - woke_ns > loop->longest_turn_ns)
        loop->longest_turn_ns = loop->now_ns - woke_ns;
    arm(loop); /* for what ran, before this loop or another one waits */
    loop->is_turning = false;
    return ran;
}

void loop_run(struct loop *loop)
{
    loop->is_stopping = false;
    loop_refresh_ns(loop);
    while (!loop->is_stopping)
        (void)loop_turn(loop, CLOCK_NEVER_NS, 0);
}

void loop_stop(struct loop *loop)
{
    loop->is_stopping = true;
}

int loop_fd(const struct loop *loop)
{
    return loop->fd;
}

uint64_t loop_next_deadline_ns(const struct loop *loop)
{
    return timer_wheel_next_ns(&loop->wheel);
}

uint64_t loop_take_longest_turn_ns(struct loop *loop)
{
    uint64_t longest_ns = loop->longest_turn_ns;

    loop->longest_turn_ns = 0;
    return longest_ns;
}

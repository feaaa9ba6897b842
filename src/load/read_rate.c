#include "load/read_rate.h"

#include "base/clock.h"
#include "load/stream.h"

enum { RECEIVE_MIN_BYTES = 4096, RECEIVE_S_PARTS = 10 };

uint32_t read_rate_receive_bytes(uint64_t bytes_per_s)
{
    uint64_t bytes = bytes_per_s / RECEIVE_S_PARTS;

    return bytes < RECEIVE_MIN_BYTES ? RECEIVE_MIN_BYTES : (uint32_t)bytes;
}

static void set_timer(struct stream *stream, uint64_t deadline_ns, timer_fn on_due)
{
    if (deadline_ns > stream->closes_ns)
        deadline_ns = stream->closes_ns;
    loop_set_timer(stream->target->order.loop, &stream->timer, deadline_ns, on_due);
}

void read_rate_spend(struct stream *stream, size_t len, timer_fn on_due, uint64_t now_ns)
{
    double cost_ns =
        (double)len * (double)CLOCK_NS_PER_S / (double)stream->target->read_bytes_per_s;
    uint64_t from_ns = now_ns - stream->late_us * CLOCK_NS_PER_US;

    if (stream->is_slow)
        from_ns = stream->timer.deadline_ns; /* a further piece */
    stream->is_slow = true;
    stream->late_us = 0;
    http_exchange_pause(&stream->fetch.exchange);
    set_timer(stream, clock_add_ns(from_ns, (uint64_t)cost_ns), on_due);
}

void read_rate_go_on(struct stream *stream, timer_fn on_due, uint64_t now_ns)
{
    stream->late_us = (uint32_t)((now_ns - stream->timer.deadline_ns) / CLOCK_NS_PER_US);
    stream->is_slow = false;
    set_timer(stream, stream->closes_ns, on_due);
    http_exchange_resume(&stream->fetch.exchange);
}

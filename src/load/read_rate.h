/*
 * load/read_rate.h - a stream that reads no faster than its target says, by pauses between its
 * reads: each is paid for with time before the next one. The receive buffer of its connection is
 * small, so that the service feels it.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_LOAD_READ_RATE_H
#define CICADA_LOAD_READ_RATE_H

#include "net/timer.h"

#include <stddef.h>
#include <stdint.h>

struct stream;

/* Of the receive buffer: a tenth of a second's worth. Less would make many small reads, more would
 * hide the slowness from the service. */
uint32_t read_rate_receive_bytes(uint64_t bytes_per_s);

/* An open stream has read so much; one read may come in several pieces. Its timer runs
 * `on_due` when the next read is due, or its end. */
void read_rate_spend(struct stream *stream, size_t len, timer_fn on_due, uint64_t now_ns);
/* The timer has expired: reads on. The stream may have ended afterwards. */
void read_rate_go_on(struct stream *stream, timer_fn on_due, uint64_t now_ns);

#endif

/*
 * script/engine.h - what a script's worker does beside the script: loop, channel, plan, the ways
 * out, statistics and their ticks. The script's users are the script's own business; the engine
 * carries orders to it and figures from it.
 *
 * Lives inside another loop (gevent's hub): see net/loop.h. No Python in it.
 */
#ifndef CICADA_SCRIPT_ENGINE_H
#define CICADA_SCRIPT_ENGINE_H

#include "base/err.h"
#include "script/exchange.h"
#include "wire/frame.h"

#include <stdbool.h>
#include <stdint.h>

struct networks;
struct rows;

/* Told from inside engine_turn; texts are borrowed until the handler returns. */
struct engine_handlers {
    void (*on_plan)(void *ctx, const char *script);
    void (*on_users)(void *ctx, const struct frame_users *users);
    void (*on_stop)(void *ctx, uint64_t timeout_ns);
    void (*on_message)(void *ctx, const struct frame_message *message);
    /* The controller is gone: all load ends at once. */
    void (*on_closed)(void *ctx);
};

struct engine;

/* `fd` is the channel to the controller, taken over; -1: there is none, and the engine is ready to
 * use with the default settings. NULL with a sentence. */
struct engine *engine_new(int fd, const struct engine_handlers *handlers, void *ctx,
                          struct err *err);
/* After the last exchange and the last user are gone. */
void engine_free(struct engine *engine);
/* In a forked child: closes its copies of the parent's sockets, touches nothing else. The engine is
 * of no use there any more. */
void engine_abandon(struct engine *engine);
/* For the outer loop: readable when engine_turn has something to do. */
int engine_fd(const struct engine *engine);
/* Hands on what is ready, for about ENGINE_TURN_US: the rest waits until others have had their
 * turn. */
enum { ENGINE_BATCH = 4, ENGINE_TURN_US = 1000 };
/* False: nothing was ready. */
bool engine_turn(struct engine *engine);
/* Waits at most `wait_ns` until engine_turn has something to do; without the interpreter's lock.
 * False: nothing came. */
bool engine_wait(struct engine *engine, uint64_t wait_ns);

struct loop *engine_loop(const struct engine *engine);
struct exchange_host *engine_host(struct engine *engine);
/* NULL before the plan has come. */
struct networks *engine_networks(const struct engine *engine);
/* Locust's rows since the start, or since engine_reset_rows. */
struct rows *engine_rows(const struct engine *engine);
/* The same since the last tick. */
struct rows *engine_rows_delta(const struct engine *engine);
void engine_reset_rows(struct engine *engine);
/* Shown in the ticks. */
uint32_t engine_users(const struct engine *engine);
void engine_set_users(struct engine *engine, uint32_t users);
/* One pass took so long, user code included: others had to wait. Recorded as lag where it is more
 * than ENGINE_LAG_MS. */
enum { ENGINE_LAG_MS = 10 };
void engine_note_turn(struct engine *engine, uint64_t took_ns);

/* --- to the controller; each does nothing without a channel --- */
/* The script is loaded: the run may begin. Ticks begin. */
void engine_ready(struct engine *engine);
/* The buffer for other frames (frame_put_...), then engine_send; NULL without a channel. */
struct buf *engine_out(struct engine *engine);
void engine_send(struct engine *engine);
/* Of the script's own making: dropped where too much waits to be sent already. */
void engine_message(struct engine *engine, const struct frame_message *message);
void engine_log(struct engine *engine, const char *line);
/* The run ends: gauges of the last tick are those of now, streams that close now were open. */
void engine_end_streams(struct engine *engine);
/* The last tick, and FRAME_DONE. */
void engine_done(struct engine *engine, const struct frame_done *done);
/* Everything has left. */
bool engine_is_drained(const struct engine *engine);

#endif

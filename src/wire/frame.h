/*
 * wire/frame.h - what controller and workers say to each other: a four-byte big-endian length, then
 * a msgpack array [kind, fields…], the fields in the order of the structs below. The same frames go
 * over a socketpair and, through an agent, over NATS. Statistics travel as wire/pack_stats.h says.
 *
 * Decoding is strict: a wrong type, a missing or an extra field, a count beyond its limit make the
 * whole frame an error, and nothing of it is used.
 */
#ifndef CICADA_WIRE_FRAME_H
#define CICADA_WIRE_FRAME_H

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "sse/peer_digest.h"
#include "stats/clock.h"
#include "stats/stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_LIMIT_BYTES = 256 * 1024 * 1024,
    FRAME_HEAD_BYTES = 4,
    FRAME_CLASS_LIMIT = 1000,                     /* user classes of a script */
    FRAME_TYPE_LIMIT_BYTES = 4096,                /* of a message, or of a class's name */
    FRAME_MESSAGE_LIMIT_BYTES = 16 * 1024 * 1024, /* of a message's data */
    FRAME_EXIT_CODE_NONE = -1
};

/* Types of messages that begin so are those of our own runners. */
static const char FRAME_OWN_TYPES[] = "cicada.";

/* Where a message comes from or goes to, beside the index of a worker. */
static const uint32_t FRAME_LEAD = UINT32_MAX, FRAME_ALL_WORKERS = UINT32_MAX - 1;

enum frame_kind {
    FRAME_NONE = 0,
    /* controller to worker */
    FRAME_PLAN,  /* once, first */
    FRAME_USERS, /* how many users now, absolute */
    FRAME_STOP,
    FRAME_PING,
    /* worker to controller */
    FRAME_READY,
    FRAME_TICK,
    FRAME_LOG,
    FRAME_DONE,
    /* both ways: a script's custom message */
    FRAME_MESSAGE,
    /* a script's worker or lead to the controller */
    FRAME_TARGET, /* how many users the script asks for */
    FRAME_QUIT,   /* it asks for the end of the run */
    FRAME_FAIL,   /* it cannot start */
    /* worker to controller, in front of a tick: what its streams had in common */
    FRAME_PEERS,
    /* controller to worker: a share of the streams leaves at once and comes back */
    FRAME_STORM
};

/* Be at `users` virtual users (of this worker), moving there evenly within `over_ms`. */
struct frame_users {
    uint64_t sequence; /* an order older than one already seen is ignored */
    uint32_t users;
    uint32_t over_ms;
    /* The same by class, in the order of the plan's classes; none without a script. */
    size_t class_count;
    uint32_t classes[FRAME_CLASS_LIMIT];
    bool is_final; /* with this order the ramp is at its target */
    /* From here on figures belong to this part of the run: 0 none, RUN_STAGE_WARM_UP, else counted
     * from 1. A worker that gets another one than before sends a tick of the part that ends. */
    uint32_t stage;
};

/* Each open stream is cut with the chance `ratio`, stays away, and is taken up again. */
struct frame_storm {
    uint32_t index; /* counted from 1; one already seen is ignored */
    double ratio;   /* above 0, at most 1 */
    uint64_t down_ns;
    bool is_at_once; /* all come back at the end of `down_ns`; else each after its retry time */
};

struct frame_ready {
    uint32_t pid;
    uint64_t file_limit; /* open files this worker may have */
};

/* A delta of everything since the tick before; the statistics stand beside it. */
struct frame_tick {
    uint64_t sequence; /* 1, 2, 3…; one already seen is ignored */
    uint64_t interval_ns;
    uint32_t users;
    uint32_t open;
    uint32_t connecting;
    double cpu_ratio; /* of one core, over this interval */
    uint64_t rss_bytes;
    uint32_t finished; /* users that have run all their iterations */
    struct clock_state clock;
    uint32_t stage; /* as ordered: all of it is of this part of the run */
    bool is_last;   /* nothing comes after this tick but FRAME_DONE */
};

struct frame_log {
    enum log_level level; /* LOG_NONE: a line of the script's own log, shown as it is */
    const char *line;     /* decoded: borrowed from the frame's bytes, `line_bytes` long, no NUL */
    size_t line_bytes;
};

struct frame_done {
    int exit_code;      /* as the script set it, 0 to 255; FRAME_EXIT_CODE_NONE: it set none */
    bool had_unhandled; /* an exception that ends Locust with status 2 */
};

struct frame_message {
    const char *type; /* decoded: borrowed from the frame's bytes, no NUL */
    size_t type_bytes;
    const uint8_t *data; /* JSON; borrowed likewise */
    size_t data_bytes;
    uint32_t source, destination; /* FRAME_LEAD, FRAME_ALL_WORKERS, or the index of a worker */
};

struct frame_target {
    uint32_t users;
    double spawn_rate_per_s;
    char **classes; /* only users of these; none: of all. Decoded: owned */
    size_t class_count;
};

/* --- encoding: each appends one whole frame to `out`, which must have no limit --- */
/* `plan` is an opaque body made by load/plan, of less than FRAME_LIMIT_BYTES. */
void frame_put_plan(struct buf *out, const uint8_t *plan, size_t plan_bytes);
void frame_put_users(struct buf *out, const struct frame_users *users);
void frame_put_stop(struct buf *out, uint64_t timeout_ns);
void frame_put_storm(struct buf *out, const struct frame_storm *storm);
void frame_put_ping(struct buf *out);
void frame_put_ready(struct buf *out, const struct frame_ready *ready);
void frame_put_tick(struct buf *out, const struct frame_tick *tick, const struct stats *delta);
/* `sequence` is that of the tick which follows. */
void frame_put_peers(struct buf *out, uint64_t sequence, const struct peer_digest *digest);
void frame_put_log(struct buf *out, enum log_level level, const char *line);
/* Of an exit code the lowest eight bits, as exit(3) does. */
void frame_put_done(struct buf *out, const struct frame_done *done);
/* The three limits above are the caller's to check. */
void frame_put_message(struct buf *out, const struct frame_message *message);
/* Its type is one of our own. */
bool frame_message_is_own(const struct frame_message *message);
void frame_put_target(struct buf *out, const struct frame_target *target);
void frame_put_quit(struct buf *out);
void frame_put_fail(struct buf *out, const char *sentence);

/* --- decoding --- */
/* One frame's body, without the length. Borrowed from the channel until its handler returns. */
struct frame {
    enum frame_kind kind;
    const uint8_t *body;
    size_t body_bytes;
};

/* Reads the kind. -1 with a sentence when the bytes are no frame. */
int frame_open(const uint8_t *body, size_t body_bytes, struct frame *frame, struct err *err);
int frame_get_plan(const struct frame *frame, const uint8_t **plan, size_t *plan_bytes,
                   struct err *err);
int frame_get_users(const struct frame *frame, struct frame_users *users, struct err *err);
int frame_get_stop(const struct frame *frame, uint64_t *timeout_ns, struct err *err);
int frame_get_storm(const struct frame *frame, struct frame_storm *storm, struct err *err);
int frame_get_ready(const struct frame *frame, struct frame_ready *ready, struct err *err);
/* Adds the delta to `stats` only when the whole frame is sound. */
int frame_get_tick(const struct frame *frame, struct frame_tick *tick, struct stats *stats,
                   struct err *err);
/* Only the fixed part, to look at the sequence number before merging. */
int frame_get_tick_head(const struct frame *frame, struct frame_tick *tick, struct err *err);
/* peer_digest_fini when 0. */
int frame_get_peers(const struct frame *frame, uint64_t *sequence, struct peer_digest *digest,
                    struct err *err);
int frame_get_log(const struct frame *frame, struct frame_log *log, struct err *err);
int frame_get_done(const struct frame *frame, struct frame_done *done, struct err *err);
int frame_get_message(const struct frame *frame, struct frame_message *message, struct err *err);
/* frame_target_fini when 0. */
int frame_get_target(const struct frame *frame, struct frame_target *target, struct err *err);
void frame_target_fini(struct frame_target *target);
/* The sentence is the caller's. */
int frame_get_fail(const struct frame *frame, char **sentence, struct err *err);

#endif

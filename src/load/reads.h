/*
 * load/reads.h - what comes on one stream at once: events that were sent apart and arrive together
 * were held back by something on their way.
 *
 * A burst is what a stream brings with no pause of READS_PAUSE_MS in it, read without reading
 * another stream in between. Those of two events and more are recorded. One burst is under way at a
 * time, so that streams keep nothing for it.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_LOAD_READS_H
#define CICADA_LOAD_READS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stat_set;

enum {
    READS_PAUSE_MS = 5,
    /* Events that were sent further apart than they came, by more than this, are taken to have
     * been held back; less is the jitter of a machine. */
    READS_APART_MS = 20
};

/* Of a worker, embedded; zero is new. Callers do not touch the fields. */
struct reads {
    const void *stream;   /* whose burst is under way; only compared. NULL: nobody's */
    struct stat_set *set; /* borrowed: where it is recorded */
    uint64_t began_ns, last_ns;
    uint64_t byte_count;
    uint32_t event_count;
    uint32_t sent_count; /* live and held events that say when they were sent */
    int64_t oldest_unix_ns, newest_unix_ns;
    bool is_behind_pause; /* on a stream that had an event before; else it may be a replay */
    bool was_paused;      /* it waited for us, and is not recorded */
    bool ends_inside;     /* an event, so far */
};

/* Bytes of a body, not yet parsed. */
struct reads_piece {
    const void *stream;
    struct stat_set *set; /* of its endpoint */
    size_t byte_count;
    uint64_t last_event_ns; /* of the stream on this connection; 0: none yet */
    bool was_paused;        /* they waited for us: nothing is said of what held them back */
};
void reads_begin(struct reads *reads, const struct reads_piece *piece, uint64_t now_ns);
/* An event of these bytes, ignored without any; of one with a time that is no replay, behind that,
 * when it was sent. */
void reads_event(struct reads *reads);
void reads_sent(struct reads *reads, int64_t sent_unix_ns);
/* The bytes are parsed; did they end inside an event? */
void reads_end(struct reads *reads, bool is_inside);
/* The burst under way is over: another stream, a new connection, or figures that are to be told. */
void reads_close(struct reads *reads);

#endif

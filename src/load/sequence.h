/*
 * load/sequence.h - the sequence audit of an endpoint's streams: where the number of an event
 * stands (--event-seq), what is held back until the order of the endpoint's ids is known, and the
 * metrics that come of it.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_LOAD_SEQUENCE_H
#define CICADA_LOAD_SEQUENCE_H

#include "sse/audit.h"
#include "sse/parser.h"

#include <stdbool.h>
#include <stdint.h>

struct delivery_place;
struct delivery_stream;
struct json_pointer;
struct stat_set;

enum { SEQUENCE_HELD_LIMIT = 16384 };

/* Of a worker: where numbers stand. */
struct sequence_source {
    struct json_pointer *pointer; /* owned; NULL: in the id */
    bool is_off;
};

/* `event_seq` as in struct plan_checks, already checked. */
void sequence_source_init(struct sequence_source *source, const char *event_seq);
void sequence_source_fini(struct sequence_source *source);

struct sequence_hole {
    uint64_t from, to; /* as sequence_event gives them */
    uint64_t key;      /* of the stream and its peers */
    enum audit_where where;
    uint32_t wave; /* of the seam (stats/waves.h), where it is about one */
    bool is_alone; /* it had none at that time */
};

/* Of an endpoint; embedded, callers read it. */
struct sequence_place {
    const struct sequence_source *source;
    struct order order;
    struct audit_tally tally; /* since the last flush, or the start while the order is unknown */
    uint64_t repeated_due;    /* duplicates that sse_loss has still to take off what was received */
    uint64_t unnumbered_count;  /* since the last flush: events without a number where one is due */
    struct sequence_hole *held; /* owned: found while the order was unknown */
    uint32_t held_count, held_cap;
    uint64_t unheld[AUDIT_WHERE_COUNT]; /* numbers in holes beyond SEQUENCE_HELD_LIMIT */
};

void sequence_place_init(struct sequence_place *sequence, const struct sequence_source *source);
void sequence_place_fini(struct sequence_place *sequence);

/*
 * Each judges one step of `stream`. Gaps go to delivery_hole, or are held until the order is known;
 * beyond SEQUENCE_HELD_LIMIT of them only their size is kept, and peers are not asked.
 */
/* Gives the event's place in a sequence that has, or may have, no gaps: the same for all streams;
 * PEER_NO_NUMBER without one. */
uint64_t sequence_event(struct delivery_place *place, struct delivery_stream *stream,
                        const struct sse_event *event, bool is_settled);
/* An id without an event, perhaps empty. */
void sequence_move(struct delivery_place *place, struct delivery_stream *stream, const uint8_t *id,
                   size_t len);
void sequence_reconnect(struct delivery_place *place, struct delivery_stream *stream,
                        bool is_resumed);
void sequence_end(struct delivery_place *place, struct delivery_stream *stream);
/* What the stream's own tally would be if it ended now, as if its ids were dense where their order
 * is not known. Only where streams have tallies. */
void sequence_look(struct delivery_place *place, struct delivery_stream *stream,
                   struct audit_tally *tally);
/* What is known since the last flush goes into `set`; at the last one, with every stream over, the
 * order is decided on what there is. */
void sequence_flush(struct delivery_place *place, struct stat_set *set, bool is_last);
/* What the flush held back never goes anywhere; what it says of the order stays. */
void sequence_forget(struct sequence_place *sequence);

#endif

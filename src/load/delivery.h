/*
 * load/delivery.h - a worker's judgement of every event of every stream: arrived, once, in order,
 * on time, well formed. Called from load/stream_stats alone, so that URL mode and scripts are
 * judged alike; what it finds goes into the endpoint's set of metrics.
 *
 * What a stream needs is pooled and exists from its opening to its end for good, over reconnects.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_LOAD_DELIVERY_H
#define CICADA_LOAD_DELIVERY_H

#include "sse/audit.h"
#include "sse/parser.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock_probe;
struct http_exchange;
struct peer_digest;
struct plan_checks;
struct quality;
struct servers;
struct stat_set;

struct delivery;        /* of a worker */
struct delivery_place;  /* of an endpoint */
struct delivery_stream; /* of a stream */

/* `checks` is borrowed for the life of the result, which the caller owns. `keeps_tallies`: each
 * stream can be asked what was found on it, for 88 bytes more. */
struct delivery *delivery_new(const struct plan_checks *checks, bool keeps_tallies);
/* After the last stream is over. NULL does nothing. */
void delivery_free(struct delivery *delivery);
/* Before the first stream: where checks->event_time is given, latencies are by this clock, which is
 * borrowed. Without it none are taken. */
void delivery_use_clock(struct delivery *delivery, struct clock_probe *probe);
/* An endpoint of the figures; all is borrowed for the life of what is made for it. */
struct delivery_endpoint {
    size_t index;
    const char *method, *name;
    struct stat_set *set; /* findings go there */
    struct waves
        *waves; /* and there, those at the seams of streams that were lost; NULL: nowhere */
};
/* The place of the endpoint with this index, made when new. Lives as long as `delivery`. */
struct delivery_place *delivery_place_of(struct delivery *delivery,
                                         const struct delivery_endpoint *endpoint);
/* Streams of this endpoint are read slowly by our choice: neither silence nor lateness is held
 * against the service. */
void delivery_set_slow(struct delivery_place *place);
/* Before the first stream: events are judged by `quality`, which is borrowed. */
void delivery_use_quality(struct delivery *delivery, const struct quality *quality);
/* Which servers answered; NULL where nobody asked. Borrowed. */
struct servers *delivery_servers(const struct delivery_place *place);
/* Before a tick is made: what has been decided since the last one goes into the metrics. At the
 * last one, with every stream over, so does all that was still open. */
void delivery_flush(struct delivery *delivery, bool is_last);
/* Behind a flush, at the end of a warm-up: what is still held back because the order of ids is not
 * known yet goes into no figure. */
void delivery_forget(struct delivery *delivery);

/* No other process takes part in the run. Before the first stream. */
void delivery_set_only(struct delivery *delivery);
/* What other processes have to hear before events can be compared (sse/peers.h); borrowed until
 * delivery_told, which must follow once it is sent. `is_last` as above, and behind that call. */
const struct peer_digest *delivery_digest(struct delivery *delivery, bool is_last, uint64_t now_ns);
void delivery_told(struct delivery *delivery);

/* How a stream came to be open. */
struct delivery_opening {
    uint64_t key;    /* the same for all streams that should get the same events; 0: unknown */
    uint32_t row;    /* of the feed */
    uint8_t server;  /* that answered, see load/servers; set by load/stream_stats */
    bool is_resumed; /* the request said Last-Event-ID */
    const struct http_exchange *exchange; /* under way; set by load/stream_stats */
};

/*
 * `*stream` is NULL or what an earlier connection of the same stream left there, and is kept by
 * these functions. Without memory it stays NULL, and the stream is not judged.
 */
void delivery_open(struct delivery_place *place, struct delivery_stream **stream,
                   const struct delivery_opening *opening, uint64_t now_ns);
void delivery_event(struct delivery_place *place, struct delivery_stream **stream,
                    const struct sse_event *event, uint64_t now_ns);
/* An id without an event, perhaps empty: the stream goes on behind it. */
void delivery_move(struct delivery_place *place, struct delivery_stream **stream, const uint8_t *id,
                   size_t len);
/* Bytes of the body have come, and are parsed next; members as in load/reads. */
struct delivery_piece {
    size_t byte_count;
    uint64_t last_event_ns;
    bool was_paused;
};
void delivery_bytes(struct delivery_place *place, struct delivery_stream **stream,
                    const struct delivery_piece *piece, uint64_t now_ns);
/* They are parsed, and end inside an event or do not. */
void delivery_parsed(struct delivery_place *place, struct delivery_stream *const *stream,
                     bool is_inside);
/* How long no byte of the body has come, comments too; without one, since the headers. 0 on NULL.
 */
uint64_t delivery_silence_ns(const struct delivery_stream *stream, uint64_t now_ns);
/* Once in a while, for what shows by its absence. */
void delivery_sample(struct delivery_place *place, struct delivery_stream **stream,
                     uint64_t now_ns);
/* What the parser found wrong with a line. */
void delivery_fault(struct delivery_place *place, enum sse_fault fault, const uint8_t *text,
                    size_t len);
/* Has the connection brought all that it should? */
bool delivery_is_met(const struct delivery_place *place, struct delivery_stream *const *stream);
/* The connection ends, by whosever choice; `is_finished`: it had time to bring what it should. */
void delivery_close(struct delivery_place *place, struct delivery_stream **stream, bool is_finished,
                    uint64_t now_ns);
/*
 * The connection has ended, in this wave (stats/waves.h); the stream may be taken up again. Gives
 * the wave in which the stream is lost now: WAVES_NONE for one that had not come back from an
 * earlier one, unless a storm took it, and on NULL.
 */
uint32_t delivery_interrupt(struct delivery_stream *stream, uint32_t wave);
/* The wave of a stream that has not come back from it; WAVES_NONE: none, or NULL. */
uint32_t delivery_away(const struct delivery_stream *stream);
/* An event has come. No-op on NULL. */
void delivery_come_back(struct delivery_stream *stream);
/* The stream is over for good: what was open is decided, `*stream` becomes NULL. No-op on NULL. */
void delivery_end(struct delivery_place *place, struct delivery_stream **stream);

/* What the sequence audit has found on one stream. */
struct delivery_view {
    enum order_kind order; /* of its endpoint's ids */
    struct audit_tally tally;
};
/* False where tallies are not kept, nothing is audited, or the stream is NULL. */
bool delivery_look(struct delivery_place *place, struct delivery_stream *stream,
                   struct delivery_view *view);

#endif

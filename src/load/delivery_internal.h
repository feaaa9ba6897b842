/*
 * load/delivery_internal.h - what an endpoint and a stream hold for each of the judgements that
 * load/delivery calls; for those alone.
 */
#ifndef CICADA_LOAD_DELIVERY_INTERNAL_H
#define CICADA_LOAD_DELIVERY_INTERNAL_H

#include "load/delivery.h"
#include "load/lateness.h"
#include "load/quality.h"
#include "load/sequence.h"
#include "sse/peers.h"

struct mark_audit;

/* A macro, as compilers check what goes into a bit-field by its constant value only. */
#define DELIVERY_TIME_MASK (UINT64_MAX >> 1)

/* What was found on the streams of one server, since it went into the metrics. */
struct delivery_found {
    uint64_t missed, duplicates;
    uint64_t seam_duplicates; /* those across a reconnect, of a stream's wave alone */
};

struct delivery_place {
    struct delivery *delivery;
    size_t endpoint;
    bool is_slow; /* read slowly by our choice: silence and lateness are ours too */
    const char *method, *name;
    struct stat_set *set;
    struct waves *waves; /* borrowed; NULL: nobody asks */
    uint64_t key_seed;   /* requests of another endpoint are other peers */
    struct sequence_place sequence;
    struct lateness lateness;
    struct delivery_found *by_server; /* owned, by index; NULL: nobody asks, or nothing is found */
};

struct delivery_stream {
    uint64_t opened_ns : 63;   /* of the latest connection */
    uint64_t is_same_host : 1; /* its server, where that was looked for */
    struct quality_stream quality;
    struct mark_audit *marks; /* owned, pooled; NULL: nothing is published */
    struct audit audit;
    struct peers_stream peers;
    uint8_t server;     /* of the latest connection, see load/servers */
    bool is_away;       /* since its latest end; no event has come again */
    uint32_t wave;      /* of that end (stats/waves.h); WAVES_NONE: there was none */
    uint32_t seam_wave; /* the same of the end before the connection that is open now */
    uint32_t wait_us;   /* from its request to its headers; stays at the most; 0 behind a resume */
};

_Static_assert(sizeof(struct delivery_stream) <= 200, "exists once a stream");

/* The stream's own tally, kept behind it where delivery_new was asked to; else NULL. */
struct audit_tally *delivery_own_tally(const struct delivery_place *place,
                                       struct delivery_stream *stream);
/*
 * Numbers of a dense sequence did not reach a stream, which may be over by now. The one place where
 * it is decided what that means: what others got, or what no other could have got, was missed; the
 * rest is for the controller to say.
 */
void delivery_hole(struct delivery_place *place, const struct sequence_hole *hole);

#endif

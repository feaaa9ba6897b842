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

struct mark_audit;

/* A macro, as compilers check what goes into a bit-field by its constant value only. */
#define DELIVERY_TIME_MASK (UINT64_MAX >> 1)

/* What was found on the streams of one server, since it went into the metrics. */
struct delivery_found {
    uint64_t missed, duplicates;
};

struct delivery_place {
    struct delivery *delivery;
    struct stat_set *set;
    size_t endpoint;
    bool is_slow; /* read slowly by our choice: silence and lateness are ours too */
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
    uint8_t server; /* of the latest connection, see load/servers */
};

_Static_assert(sizeof(struct delivery_stream) <= 200, "exists once a stream");

/* The stream's own tally, kept behind it where delivery_new was asked to; else NULL. */
struct audit_tally *delivery_own_tally(const struct delivery_place *place,
                                       struct delivery_stream *stream);
/*
 * The numbers from `from` to `to` of a dense sequence did not reach `stream`, which may be over
 * (NULL). The one place where it is decided what that means.
 */
void delivery_hole(struct delivery_place *place, struct delivery_stream *stream, uint64_t from,
                   uint64_t to, enum audit_where where);

#endif

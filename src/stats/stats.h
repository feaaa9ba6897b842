/*
 * stats/stats.h - what was measured: one set of metrics an endpoint, one for the worker itself, the
 * errors, examples of malformed events, a sample of ended streams, and the rows that a script
 * fills. A worker fills one `struct stats` and sends it each second as a delta; the controller
 * merges deltas into its own. Merging is exact but for that sample: counts add up, histograms
 * bucket by bucket.
 *
 * Hot paths call the stat_ functions of stats/set.h on a set whose pointer they keep.
 */
#ifndef CICADA_STATS_STATS_H
#define CICADA_STATS_STATS_H

#include "base/error_class.h"
#include "stats/ends.h"
#include "stats/examples.h"
#include "stats/rows.h"
#include "stats/set.h"
#include "stats/waves.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STATS_ENDPOINT_LIMIT = 500, /* the rest share the last row, with a warning */
    STATS_ERROR_LIMIT = 300,    /* different (class, message, endpoint) rows; the rest by class */
    STATS_MESSAGE_BYTES = 160
};

/* The endpoint of a row that stands for many, past the limit: "(other messages)" of one class. */
static const size_t STATS_NO_ENDPOINT = SIZE_MAX;

struct stats;

/* The caller owns the result. */
struct stats *stats_new(void);
void stats_free(struct stats *stats);
/*
 * The index of the endpoint, made when new. Past the limit: the index of the shared row "(other)".
 * Texts are copied.
 */
size_t stats_add_endpoint(struct stats *stats, const char *method, const char *name);
size_t stats_endpoint_count(const struct stats *stats);
bool stats_has_other_row(const struct stats *stats);
/* "" for STATS_NO_ENDPOINT, and the method of the shared row. */
const char *stats_endpoint_method(const struct stats *stats, size_t index);
const char *stats_endpoint_name(const struct stats *stats, size_t index);
/* Borrowed; stays valid until stats_free. */
struct stat_set *stats_endpoint_set(const struct stats *stats, size_t index);
/* What belongs to no endpoint: users, worker_lag. Borrowed likewise. */
struct stat_set *stats_worker_set(const struct stats *stats);
/* What a script counted, Locust's table; empty where no script runs. Borrowed likewise. */
struct rows *stats_rows(const struct stats *stats);

/* What malformed events looked like. Borrowed likewise. */
struct examples *stats_examples(const struct stats *stats);
/* Open streams that ended without being asked to. Borrowed likewise. */
struct ends *stats_ends(const struct stats *stats);
/* Those that were lost together. Borrowed likewise. */
struct waves *stats_waves(const struct stats *stats);

/* --- errors --- */
/* `message` is cut at STATS_MESSAGE_BYTES; `unix_ms` is the wall clock of the sighting. */
void stats_add_error(struct stats *stats, size_t endpoint, enum error_class error_class,
                     const char *message, double unix_ms);

/* One row; `first` and `last` are the wall clock of its sightings. */
struct stats_error {
    enum error_class error_class;
    size_t endpoint; /* or STATS_NO_ENDPOINT */
    uint64_t count;
    double first_unix_ms, last_unix_ms;
    char message[STATS_MESSAGE_BYTES];
};
/* Adds `row->count` sightings at once, for what came over a channel. */
void stats_add_error_row(struct stats *stats, const struct stats_error *row);
size_t stats_error_count(const struct stats *stats);
/* In order of first sighting. Borrowed until the next change. */
const struct stats_error *stats_error_at(const struct stats *stats, size_t index);

/* --- merging --- */
/* All endpoint sets of `stats` added into `to` (gauges left out). */
void stats_total(const struct stats *stats, struct stat_set *to);
/* Adds `delta`; endpoints are matched by method and name, errors by class, message and endpoint;
 * of examples the earliest stay; of ended streams a fair sample does. */
void stats_merge(struct stats *to, const struct stats *delta);
/* Everything zero, endpoints and memory kept: the next delta starts. Kinds that had their examples
 * want no more. */
void stats_clear(struct stats *stats);

#endif

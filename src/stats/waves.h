/*
 * stats/waves.h - streams that were lost together, and how they came back. A wave is one ordered
 * storm, or all open streams that ended in one second though nobody asked for it: which of these
 * seconds belong together and stand out is for verdict/wave to say.
 *
 * A stream is in the wave of its latest end until an event has come on it again; what is missed and
 * repeated at that seam stays with the wave also when it is found later.
 *
 * A worker's are a delta; the controller adds them up, by key.
 */
#ifndef CICADA_STATS_WAVES_H
#define CICADA_STATS_WAVES_H

#include "base/error_class.h"
#include "stats/hist.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WAVES_LIMIT = 512,       /* what is over it is not counted */
    WAVES_STORM_LIMIT = 256, /* keys up to it are numbers of storms, from 1 */
    WAVES_STATUS_LIMIT = 16, /* different ones; the rest are not told apart */
    WAVES_BIN_LIMIT = 480,   /* two minutes; attempts after that have no bin */
    WAVES_BIN_MS = 250
};

static const uint32_t WAVES_NONE = 0;

struct wave_status {
    uint32_t code; /* 0: those over the limit */
    uint64_t count;
};

/* Attempts within one quarter of a second. */
struct wave_bin {
    uint64_t at; /* in WAVES_BIN_MS since 1970 */
    uint64_t count;
};

/* Owners of one read it; the functions below write it. */
struct wave {
    uint32_t key;                       /* number of a storm, else a second since 1970 */
    uint32_t open;                      /* streams open before; of a second as the run sees it */
    uint64_t lost;                      /* streams */
    double first_unix_ms, last_unix_ms; /* of their ends; 0 while `lost` is */
    uint64_t causes[CLASS_COUNT];       /* of ends nobody asked for */
    uint64_t attempts;                  /* to come back */
    uint64_t failures[CLASS_COUNT];     /* of these */
    uint64_t gave_up;                   /* streams nobody will ask for again */
    uint64_t left; /* streams that our plan ended, or cut, before they were back */
    uint64_t retry_after_seen, retry_after_honoured; /* answers that asked to wait */
    uint64_t missed, duplicates;                     /* events, at the seams of its streams */
    struct wave_status statuses[WAVES_STATUS_LIMIT]; /* of answers to the attempts */
    size_t status_count;
    struct wave_bin *bins; /* owned; rising */
    size_t bin_count, bin_cap;
    /* Until the first event that came again, in us: of a storm since it let streams return, else
     * since the beginning of the second `key`. Owned; NULL: nobody is back. */
    struct hist *back_after;
};

bool wave_is_storm(uint32_t key);

/* All of these do nothing where `wave` is NULL. */
/* A stream ended; CLASS_NONE: it was cut by a storm. */
void wave_lose(struct wave *wave, enum error_class error_class, double unix_ms);
void wave_attempt(struct wave *wave, double unix_ms);
void wave_answer(struct wave *wave, int status);
void wave_answers(struct wave *wave, uint32_t status, uint64_t count);
void wave_come_back(struct wave *wave, uint64_t after_ns);
/* More attempts of one bin. */
void wave_add_bin(struct wave *wave, const struct wave_bin *bin);
/* For what came over a channel: the histogram of those back, made when it is missing. */
struct hist *wave_back_hist(struct wave *wave);
/* Adds all of `from`, whose times until streams were back are longer by `shift_us` here. The key is
 * left alone; `open` becomes the larger one. */
void wave_merge(struct wave *wave, const struct wave *from, int64_t shift_us);
void wave_fini(struct wave *wave);
/* Streams that are back. */
uint64_t wave_back_count(const struct wave *wave);
/* Streams that were to come back: all but those that left. */
uint64_t wave_due_count(const struct wave *wave);
/* Those of them that are not back. */
uint64_t wave_away_count(const struct wave *wave);
/* Attempts that were answered so. */
uint64_t wave_status_count(const struct wave *wave, uint32_t status);
/* The most attempts within one second. */
uint64_t wave_peak_per_s(const struct wave *wave);

struct waves;

/* The caller owns the result. */
struct waves *waves_new(void);
void waves_free(struct waves *waves);
/* The wave with this key, made when new; NULL for WAVES_NONE and past WAVES_LIMIT. Borrowed until
 * the next change. */
struct wave *waves_find(struct waves *waves, uint32_t key);
size_t waves_count(const struct waves *waves);
/* In no order. Borrowed likewise. */
struct wave *waves_at(const struct waves *waves, size_t index);
void waves_drop(struct waves *waves, size_t index);
void waves_merge(struct waves *to, const struct waves *delta);
/* No waves; the times below stay. */
void waves_clear(struct waves *waves);

/* `open` streams of this process are about to be cut by a storm, some of them or all; they may
 * return from then on. */
void waves_begin_storm(struct waves *waves, uint32_t storm, uint32_t open, uint64_t return_ns);
/* What wave_come_back wants of a stream of the wave `key`, by either clock. */
uint64_t waves_after_ns(const struct waves *waves, uint32_t key, uint64_t now_ns, double unix_ms);

#endif

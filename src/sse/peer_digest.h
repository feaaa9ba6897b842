/*
 * sse/peer_digest.h - what a worker process tells the controller of the events that its streams
 * had in common, and of numbers that none of them got. A part of its ticks; as all in a tick a
 * delta, so that nothing is told twice.
 */
#ifndef CICADA_SSE_PEER_DIGEST_H
#define CICADA_SSE_PEER_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PEER_KEY_LIMIT = 256,  /* different requests that a process follows at once */
    PEER_ROW_LIMIT = 16384 /* of events, and as many of holes, in a report that waits to leave */
};

static const uint64_t PEER_NO_NUMBER = UINT64_MAX;

static const uint32_t PEER_KIND_HAS_ID = 1; /* a bit of a kind */

/* One event: how many streams got it and how many did not. */
struct peer_row {
    uint64_t hash;
    uint64_t number;            /* in a sequence without gaps; PEER_NO_NUMBER: none */
    uint64_t first_ns, last_ns; /* first and last live receipt */
    uint32_t kind;
    uint32_t got, missing, missing_resume, started, resumed; /* as in struct peer_event */
    uint32_t present; /* likewise; the same each time that the event is told */
    bool is_more;     /* it was told before */
    bool is_repeated;
    bool is_replay; /* how long it took to reach everybody cannot be told */
};

/* A number of a sequence without gaps that streams should have got, and no stream of the process
 * is known to have got. */
struct peer_hole {
    uint64_t number;
    uint32_t steady; /* streams that were open through it, with others beside them */
    uint32_t alone;  /* the same, with no other stream of the key in the process */
    uint32_t resume; /* streams that were away */
    uint32_t wave;   /* since when those were (stats/waves.h): of each a hole of its own; 0: not
                        known, and of holes without them */
};

/* Of one key. Rows stand in the order in which the process got the events. */
struct peer_report {
    uint64_t key;
    const char *method, *name; /* the endpoint; borrowed */
    char *texts[2];            /* the same, owned, where the report was decoded; else NULL */
    uint64_t since_ns;         /* when the process began to follow the key */
    uint64_t told_ns; /* every event that a stream in sync got before this is told by now */
    uint32_t stream_count;
    uint32_t missed_count; /* numbers that open streams did not get and others of the process did */
    bool is_gone;          /* no stream of the process has the key any more */
    bool has_gap;          /* events are left out: the limit was reached */
    struct peer_row *rows;
    size_t row_count, row_cap;
    struct peer_hole *holes;
    size_t hole_count, hole_cap;
};

/* Zero is empty. */
struct peer_digest {
    uint64_t now_ns; /* when it was made; nothing in it is later */
    struct peer_report *reports[PEER_KEY_LIMIT];
    size_t count;
};

/* False at PEER_ROW_LIMIT. */
bool peer_report_add_row(struct peer_report *report, const struct peer_row *row);
bool peer_report_add_hole(struct peer_report *report, const struct peer_hole *hole);
/* Frees rows and holes; the report is empty then. */
void peer_report_fini(struct peer_report *report);
/* Of a digest that was decoded: frees all that it holds. */
void peer_digest_fini(struct peer_digest *digest);

#endif

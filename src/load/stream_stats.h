/*
 * load/stream_stats.h - what one stream records, each step in one place: of a user in URL mode, and
 * of a script's response that turns out to be an event stream.
 */
#ifndef CICADA_LOAD_STREAM_STATS_H
#define CICADA_LOAD_STREAM_STATS_H

#include "http/client.h"
#include "load/delivery.h"
#include "load/servers.h"
#include "sse/parser.h"
#include "stats/stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tokens;
struct tokens_stream;

/* Where the figures of an endpoint go; borrowed from the statistics. */
struct stat_place {
    struct stats *stats;
    struct stat_set *set;
    size_t endpoint;
    struct delivery_place *delivery; /* NULL: events are not judged */
    struct tokens *tokens; /* NULL, as stat_place_of leaves it: streams are not read for tokens */
};
/* The endpoint's place, made when new; `delivery` NULL: its events are not judged. */
struct stat_place stat_place_of(struct stats *stats, struct delivery *delivery, const char *method,
                                const char *name);

/* What the figures of one stream are made from, embedded in its owner. Zero is a stream that was
 * never asked for. Owners read it; the functions below keep it. */
struct stream_record {
    uint64_t attempt_began_ns; /* first request of this attempt, redirects included */
    uint64_t opened_ns;        /* headers of the open stream */
    uint64_t last_event_ns;    /* 0: none on this connection yet */
    uint64_t ended_ns;         /* end of the last open stream; 0: never was open */
    struct delivery_stream *delivery;
    struct tokens_stream *tokens; /* of the open connection; load/tokens keeps it */
    uint32_t event_count;         /* since opened_ns */
    uint8_t attempt_count;        /* since the stream was first asked for; stays at 255 */
    uint8_t server;               /* of the latest answer, not a redirect's; see load/servers */
    uint8_t open_server;          /* of the latest open stream */
    bool has_head : 1;            /* the latest request of this attempt was answered */
    bool has_first_byte : 1;
    bool was_paused : 1; /* by its reader, who sets it: what comes next waited for us */
};

/* An attempt begins. */
void stream_stats_attempt(const struct stat_place *place, struct stream_record *record,
                          uint64_t now_ns);
/* A response head, redirects too: the HTTP exchange is counted, but for its time. */
void stream_stats_answer(const struct stat_place *place, struct stream_record *record,
                         const struct http_exchange *exchange, const struct http_head *head,
                         bool is_hop);
/* Status 200 and text/event-stream. */
void stream_stats_connected(const struct stat_place *place, struct stream_record *record,
                            const struct http_exchange *exchange,
                            const struct delivery_opening *opening, uint64_t now_ns);
/* The answer turns the attempt away: any status but 200 and 204. Before stream_stats_refused, and
 * where it `is_final`, stream_stats_gave_up. `retry_after_ns` is what it asks to wait; 0: it does
 * not say. */
void stream_stats_turned_away(const struct stat_place *place, const struct stream_record *record,
                              int status, uint64_t retry_after_ns, bool is_final);
/* An attempt that did not become a stream. */
void stream_stats_refused(const struct stat_place *place, const struct stream_record *record,
                          enum error_class error_class, const char *message);
/* A 204: no stream, but no error; after an open one it is the service's word that all is said. */
void stream_stats_stopped(const struct stat_place *place, const struct stream_record *record);
/* No further attempt will be made. */
void stream_stats_gave_up(const struct stat_place *place, const struct stream_record *record);
/* No answer when the run ended. */
void stream_stats_pending(const struct stat_place *place);
/* Bytes of the body, before they are parsed; and behind that, whether they ended inside an event.
 */
void stream_stats_body(const struct stat_place *place, struct stream_record *record, size_t len,
                       uint64_t now_ns);
void stream_stats_parsed(const struct stat_place *place, const struct stream_record *record,
                         bool is_inside);
/* How long the kernel had the bytes of a body before they were read: `read_ns` less `received_ns`,
 * the time handed down with them. Equal where it gave no time. */
void stream_stats_received(const struct stat_place *place, uint64_t received_ns, uint64_t read_ns);
/* What the event says went wrong with the whole stream, borrowed until the next event; NULL:
 * nothing. Only where streams are read for tokens. */
const char *stream_stats_event(const struct stat_place *place, struct stream_record *record,
                               const struct sse_event *event, uint64_t now_ns);
/* An id that came without an event. */
void stream_stats_id(const struct stat_place *place, struct stream_record *record,
                     const uint8_t *id, size_t len);
/* What the parser found wrong with a line. */
void stream_stats_fault(const struct stat_place *place, enum sse_fault fault, const uint8_t *text,
                        size_t len);
/* Looks at an open stream: is it silent? And events a second, once 10 s have passed since
 * `*since_ns`; then it and `*since_count` move on. Both begin at the opening. */
void stream_stats_sample(const struct stat_place *place, struct stream_record *record,
                         uint64_t *since_ns, uint32_t *since_count, uint64_t now_ns);
/* The end of an open stream nobody asked for. */
void stream_stats_disconnect(const struct stat_place *place, struct stream_record *record,
                             enum error_class error_class, const char *message, uint64_t now_ns);
/* Behind such an end: nobody takes the stream up again, though its end mark was still to come. */
void stream_stats_incomplete(const struct stat_place *place);
/* The end mark of an open stream. */
void stream_stats_completed(const struct stat_place *place, struct stream_record *record,
                            uint64_t now_ns);
/* The end of an open stream by our choice. */
void stream_stats_closed_by_us(const struct stat_place *place, struct stream_record *record,
                               bool is_run_end, uint64_t now_ns);
/* The same, and the stream is taken up again: this storm has cut it. */
void stream_stats_cut(const struct stat_place *place, struct stream_record *record, uint32_t storm,
                      uint64_t now_ns);
/* The stream will not be taken up again, whatever state it was in: what is kept of it goes. */
void stream_stats_over(const struct stat_place *place, struct stream_record *record);

#endif

/*
 * load/stream_stats.h - what one stream records, each step in one place.
 */
#ifndef CICADA_LOAD_STREAM_STATS_H
#define CICADA_LOAD_STREAM_STATS_H

#include "load/stream.h"

void stream_stats_attempt(const struct stream *stream);
/* A response head, redirects too: the HTTP exchange is counted. */
void stream_stats_answer(const struct stream *stream, int status, bool is_hop, uint64_t now_ns);
/* Status 200 and text/event-stream. */
void stream_stats_connected(const struct stream *stream, uint64_t now_ns);
/* An attempt that did not become a stream. */
void stream_stats_refused(const struct stream *stream, enum error_class error_class,
                          const char *message);
/* A 204: no stream, but no error; after an open one it is the service's word that all is said. */
void stream_stats_stopped(const struct stream *stream);
/* No further attempt will be made. */
void stream_stats_gave_up(const struct stream *stream);
/* No answer when the run ended. */
void stream_stats_pending(const struct stream *stream);
/* Before the stream's own fields move on to this event. */
void stream_stats_event(const struct stream *stream, const struct sse_event *event,
                        uint64_t now_ns);
/* The end of an open stream nobody asked for. */
void stream_stats_disconnect(const struct stream *stream, enum error_class error_class,
                             const char *message, uint64_t now_ns);
/* The end of an open stream by our choice. */
void stream_stats_closed_by_us(const struct stream *stream, bool is_run_end, uint64_t now_ns);

#endif

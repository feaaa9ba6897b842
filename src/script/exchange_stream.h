/*
 * script/exchange_stream.h - the figures of a response that is an event stream, or was asked for as
 * one: the same, by the same parser, as those of URL mode. Private to script/exchange.
 *
 * exchange->stream is set from exchange_stream_begin to the end, which may come within judge, end
 * and close.
 */
#ifndef CICADA_SCRIPT_EXCHANGE_STREAM_H
#define CICADA_SCRIPT_EXCHANGE_STREAM_H

#include "script/exchange.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Status 200 and text/event-stream. */
bool exchange_stream_is_one(const struct http_head *head);
/* A stream is asked for, or has come unasked. Whoever says Last-Event-ID resumes the last one that
 * this user had there. */
void exchange_stream_begin(struct exchange *exchange);
/* A head has come, also of a hop. */
void exchange_stream_answer(struct exchange *exchange, const struct http_head *head, bool is_hop);
/* The last head has come: it is open from now on, or refused. */
void exchange_stream_judge(struct exchange *exchange, const struct http_head *head,
                           uint64_t now_ns);
/* Reading goes on after a pause of our own. */
void exchange_stream_resume(struct exchange *exchange);
/* Bytes of its body. */
void exchange_stream_feed(struct exchange *exchange, const uint8_t *bytes, size_t len,
                          uint64_t now_ns);
/* It ended without our asking; CLASS_NONE: the response is whole. */
void exchange_stream_end(struct exchange *exchange, enum error_class error_class,
                         const char *message, uint64_t now_ns);
/* It ended by our choice. */
void exchange_stream_close(struct exchange *exchange, uint64_t now_ns);
/* It is open, and this storm has cut it. */
void exchange_stream_cut(struct exchange *exchange, uint32_t storm, uint64_t now_ns);

#endif

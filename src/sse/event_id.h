/*
 * sse/event_id.h - what the text of an event's id says about its place in a sequence.
 */
#ifndef CICADA_SSE_EVENT_ID_H
#define CICADA_SSE_EVENT_ID_H

#include <stddef.h>
#include <stdint.h>

enum { EVENT_ID_DIGITS = 19 }; /* more do not fit 64 bits */

enum event_id_shape {
    EVENT_ID_TEXT = 0, /* no number in it that counts; a time of day, "…T10:00:59" */
    EVENT_ID_NUMBER,   /* "17" */
    EVENT_ID_PREFIXED, /* "prefix-17", "prefix:17" */
    EVENT_ID_PAIR      /* "1700000000000-3", "5:3": two numbers */
};

struct event_id {
    enum event_id_shape shape;
    uint64_t group;  /* a prefix's hash, the first number of a pair, else 0 */
    uint64_t number; /* the last digits; 0 for a text */
};

/* `text` is borrowed for the call. */
struct event_id event_id_read(const uint8_t *text, size_t len);

#endif

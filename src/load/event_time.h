/*
 * load/event_time.h - when an event was sent, as it says itself: where that stands (--event-time),
 * in what unit, and the text read as a time. Pure: no clock, no memory.
 */
#ifndef CICADA_LOAD_EVENT_TIME_H
#define CICADA_LOAD_EVENT_TIME_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_time_unit {
    EVENT_TIME_GUESSED = 0, /* by the first value seen */
    EVENT_TIME_S,
    EVENT_TIME_MS,
    EVENT_TIME_US,
    EVENT_TIME_NS,
    EVENT_TIME_RFC3339,
    EVENT_TIME_UNIT_COUNT
};

struct json_pointer;
struct sse_event;

/* An option's value, taken apart; zero is none. */
struct event_time_source {
    struct json_pointer *pointer; /* owned; into the data. NULL: the event's id */
    enum event_time_unit unit;
};

/* "id" or a JSON Pointer, and ":UNIT" behind it or not: a colon before anything but a unit belongs
 * to the pointer. -1 with a sentence; event_time_source_fini when 0. */
int event_time_parse(const char *text, struct event_time_source *source, struct err *err);
void event_time_source_fini(struct event_time_source *source);
/* The text to be read, borrowed from the event; NULL when it has none: no number or text at the
 * pointer, or no id: line of its own. */
const char *event_time_find(const struct event_time_source *source, const struct sse_event *event,
                            size_t *len);

/* "ms"; of EVENT_TIME_GUESSED "". */
const char *event_time_unit_name(enum event_time_unit unit);

/*
 * What a value seems to be: RFC3339 for a text of that form, else by the size of its number: from
 * 1e9 (2001-09-09) and below 1e11 seconds (the year 5138), below 1e14 milliseconds, below 1e17
 * microseconds, else nanoseconds. EVENT_TIME_GUESSED for what is no time at all: a counter, or the
 * 0 of who does not know.
 */
enum event_time_unit event_time_guess(const char *text, size_t len);

/*
 * Reads `text` as a time in `unit` since 1970-01-01 UTC, in ns: a number with or without fraction
 * and exponent; of an id such as "1526919030474-0" or "1526919030:3" the number in front (no letter
 * may follow); a timestamp of RFC 3339, section 5.6, with an offset. False, and nothing set, for
 * anything else, for EVENT_TIME_GUESSED, and for times outside of the years 1970 to 2261.
 */
bool event_time_read(const char *text, size_t len, enum event_time_unit unit, int64_t *unix_ns);

/* How far apart two values of `text`'s precision can be at least: 1 s for "1526919030", 0.1 ms for
 * "1526919030474.5" in ms. `text` is one that event_time_read takes. */
uint64_t event_time_grain_ns(const char *text, size_t len, enum event_time_unit unit);

#endif

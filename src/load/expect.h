/*
 * load/expect.h - what the user says of every event and of every stream (--expect-json,
 * --expect-data, --expect-event), compiled once a worker. Only asks; load/quality counts.
 */
#ifndef CICADA_LOAD_EXPECT_H
#define CICADA_LOAD_EXPECT_H

#include "base/buf.h"
#include "base/err.h"
#include "sse/parser.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXPECT_EVENT_LIMIT = 32, EXPECT_DATA_LIMIT = 32 };

struct expect;
struct feed;
struct plan_checks;

/*
 * Both are borrowed for the result's life, `feed` NULL: there is none. NULL with a sentence that
 * names the option: too many, a name given twice, text that is no POINTER=VALUE, a {{column}} that
 * the feed does not have. The caller owns the result.
 */
struct expect *expect_new(const struct plan_checks *checks, const struct feed *feed,
                          struct err *err);
void expect_free(struct expect *expect);

/* Is the data JSON, where it should be? */
bool expect_json_holds(const struct expect *expect, const struct sse_event *event);
/* Does the data hold every value it should, for a user with this row of the feed? */
bool expect_data_holds(struct expect *expect, const struct sse_event *event, uint32_t row);
/* A bit for each name a stream should bring; none: 0. */
uint32_t expect_all_events(const struct expect *expect);
/* The bit of this event's name, "message" when it has none; 0: nobody waits for it. */
uint32_t expect_event_bit(const struct expect *expect, const struct sse_event *event);
/* Appends "no 'a', no 'b'": the names without their bit in `seen`. */
void expect_write_missing(const struct expect *expect, uint32_t seen, struct buf *out);

#endif

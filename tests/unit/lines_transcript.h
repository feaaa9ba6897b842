/*
 * tests/unit/lines_transcript.h - what script/lines makes of bytes cut into pieces, as one text.
 */
#ifndef CICADA_TESTS_LINES_TRANSCRIPT_H
#define CICADA_TESTS_LINES_TRANSCRIPT_H

#include "script/lines.h"

#include <stddef.h>
#include <stdint.h>

struct rng;

/* Each line in brackets. `rng` NULL: all at once; otherwise pieces of 1 to 7 bytes, or of 1 byte
 * each with `is_bytewise`. The caller frees it. */
char *lines_transcript(enum lines_kind kind, const uint8_t *bytes, size_t len, struct rng *rng,
                       int is_bytewise);

#endif

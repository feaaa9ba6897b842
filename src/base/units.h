/*
 * base/units.h - durations, sizes, ratios and counts as users write them, and back.
 *
 * `300ms 20s 3m 1h30m`, a bare number is seconds; `64k 1M` (powers of 1024); `0.5` or `50%`.
 */
#ifndef CICADA_BASE_UNITS_H
#define CICADA_BASE_UNITS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { UNITS_TEXT_BYTES = 32 };

/* "none" is CLOCK_NEVER_NS. Units: d h m s ms us ns, in this order, no spaces. 0 or -1. */
int units_parse_duration(const char *text, uint64_t *result_ns, struct err *err);
/* Units: k M G T in any case, with or without "B" or "iB". 0 or -1. */
int units_parse_size(const char *text, uint64_t *result_bytes, struct err *err);
/* In [0, 1]. 0 or -1. */
int units_parse_ratio(const char *text, double *result_ratio, struct err *err);
/* A whole number from `min` to `max`, both allowed. 0 or -1. */
int units_parse_count(const char *text, uint64_t min, uint64_t max, uint64_t *result,
                      struct err *err);
/* A number of 0 or more, such as 2.5. 0 or -1. */
int units_parse_number(const char *text, double *result, struct err *err);

/* Each writes a short form for people into `text` and returns it. */
/* Two units or three digits: "1h30m", "20s", "1.5s", "12.3ms"; "none" for CLOCK_NEVER_NS. */
const char *units_format_duration(uint64_t ns, char text[static UNITS_TEXT_BYTES]);
/* "12.3 MB" (powers of 1000, as network figures are). */
const char *units_format_bytes(double bytes, char text[static UNITS_TEXT_BYTES]);
/* "12,345". */
const char *units_format_count(uint64_t count, char text[static UNITS_TEXT_BYTES]);

#endif

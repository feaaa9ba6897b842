/*
 * http/cookie_date.h - the date of a cookie's Expires attribute (RFC 6265, section 5.1.1).
 *
 * Servers write it in many forms, so the rule is to look for a time, a day, a month and a year in
 * whatever order and between whatever else. Names of weekdays and zones are passed over: the date
 * is UTC.
 */
#ifndef CICADA_HTTP_COOKIE_DATE_H
#define CICADA_HTTP_COOKIE_DATE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * False, and `unix_ms` left alone, when a part is missing or no such moment exists (30 February,
 * 24:00:00, a year before 1601). Dates before 1970 are negative.
 */
bool cookie_date_parse(const char *text, size_t len, double *unix_ms);

#endif

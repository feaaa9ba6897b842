/*
 * load/feed.h - a CSV feed: one row a user, columns found by name.
 *
 * RFC 4180: fields apart by commas, quotes around fields that hold commas, quotes (doubled) or line
 * ends; lines end in LF or CRLF. The first line names the columns. Empty lines are skipped (a row
 * of one empty field is written ""). A byte order mark in front is dropped. Every row has as many
 * fields as the header; NUL bytes, a CR that ends no line, and a quote inside an unquoted field are
 * errors. Bytes need not be UTF-8. Pure: bytes in, table out.
 */
#ifndef CICADA_LOAD_FEED_H
#define CICADA_LOAD_FEED_H

#include "base/err.h"

#include <stddef.h>

enum { FEED_LIMIT_BYTES = 64 * 1024 * 1024, FEED_COLUMN_LIMIT = 1000 };

struct feed;

/*
 * A table of its own, owned by the caller; `text` is not kept. NULL with "line L, column C: …" when
 * it is no sound feed (both from 1; columns count bytes).
 */
struct feed *feed_parse(const char *text, size_t len, struct err *err);
void feed_free(struct feed *feed);

/* At least 1. */
size_t feed_row_count(const struct feed *feed);
size_t feed_column_count(const struct feed *feed);
/* Borrowed. */
const char *feed_column_name(const struct feed *feed, size_t column);
/* The column's index, or -1. Names are compared byte by byte. */
int feed_find_column(const struct feed *feed, const char *name, size_t len);
/* Borrowed, NUL-terminated; rows count from 0, without the header. */
const char *feed_value(const struct feed *feed, size_t row, size_t column);
/* The line on which a row starts in the text, from 1, for messages. */
size_t feed_row_line(const struct feed *feed, size_t row);

#endif

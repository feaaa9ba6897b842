/*
 * stats/row_parts.h - rows by who counted them, so that the reset of one process forgets what that
 * process counted and nothing else.
 */
#ifndef CICADA_STATS_ROW_PARTS_H
#define CICADA_STATS_ROW_PARTS_H

#include "stats/rows.h"

#include <stdbool.h>
#include <stddef.h>

struct row_parts {
    struct rows **parts; /* owned */
    size_t count;
};

void row_parts_init(struct row_parts *parts, size_t count);
void row_parts_fini(struct row_parts *parts);
/* Adds a delta of process `index`; its reset forgets that part alone. */
void row_parts_add(struct row_parts *parts, size_t index, const struct rows *delta);
/* Adds to each part what the same process counted later. */
void row_parts_merge(struct row_parts *parts, const struct row_parts *later);
void row_parts_clear(struct row_parts *parts);
/* Adds one part to `to`, whatever was reset in it. */
void row_parts_add_to(const struct row_parts *parts, size_t index, struct rows *to);
/* Makes `sum` anew from all parts. Rows that it had stay, empty if need be. */
void row_parts_sum(const struct row_parts *parts, struct rows *sum);
bool row_parts_was_reset(const struct row_parts *parts, size_t index);

#endif

#include "stats/row_parts.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

void row_parts_init(struct row_parts *parts, size_t count)
{
    *parts = (struct row_parts){.parts = x_calloc(count, sizeof *parts->parts), .count = count};
    for (size_t i = 0; i < count; i++)
        parts->parts[i] = rows_new();
}

void row_parts_fini(struct row_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        rows_free(parts->parts[i]);
    free(parts->parts);
    *parts = (struct row_parts){0};
}

void row_parts_add(struct row_parts *parts, size_t index, const struct rows *delta)
{
    assert(index < parts->count);
    rows_merge(parts->parts[index], delta);
}

void row_parts_merge(struct row_parts *parts, const struct row_parts *later)
{
    assert(parts->count == later->count);
    for (size_t i = 0; i < parts->count; i++)
        rows_merge(parts->parts[i], later->parts[i]);
}

void row_parts_clear(struct row_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        rows_clear(parts->parts[i]);
}

void row_parts_add_to(const struct row_parts *parts, size_t index, struct rows *to)
{
    assert(index < parts->count);
    rows_add_counts(to, parts->parts[index]);
}

void row_parts_sum(const struct row_parts *parts, struct rows *sum)
{
    rows_clear(sum);
    for (size_t i = 0; i < parts->count; i++)
        rows_add_counts(sum, parts->parts[i]);
}

bool row_parts_was_reset(const struct row_parts *parts, size_t index)
{
    assert(index < parts->count);
    return rows_was_reset(parts->parts[index]);
}

#include "stats/ends.h"

#include "base/mem.h"
#include "base/rng.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { CAP_FIRST = 16 };

struct entry {
    struct end_row row; /* with the weight it came with */
    double priority;
};

struct ends {
    struct entry *entries; /* as they came, and from the first that had to go on a heap */
    size_t count, cap;
    bool is_heap;         /* the lowest priority is first, so that the next to go is at hand */
    double gone_priority; /* the highest that went; 0: none did */
    struct rng rng;
};

struct ends *ends_new(void)
{
    struct ends *ends = x_calloc(1, sizeof *ends);

    rng_init(&ends->rng, ENDS_LIMIT);
    return ends;
}

void ends_free(struct ends *ends)
{
    if (!ends)
        return;
    free(ends->entries);
    free(ends);
}

static void swap(struct entry *left, struct entry *right)
{
    struct entry kept = *left;

    *left = *right;
    *right = kept;
}

static void sift_down(struct entry *entries, size_t count, size_t at)
{
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && entries[child + 1].priority < entries[child].priority)
            child++;
        if (entries[at].priority <= entries[child].priority)
            return;
        swap(&entries[at], &entries[child]);
        at = child;
    }
}

static void append(struct ends *ends, const struct entry *entry)
{
    if (ends->count == ends->cap) {
        ends->cap = ends->cap > 0 ? 2 * ends->cap : CAP_FIRST;
        ends->entries = x_realloc(ends->entries, ends->cap * sizeof *ends->entries);
    }
    ends->entries[ends->count++] = *entry;
}

static void make_heap(struct ends *ends)
{
    if (ends->is_heap)
        return;
    for (size_t at = ends->count / 2; at-- > 0;)
        sift_down(ends->entries, ends->count, at);
    ends->is_heap = true;
}

void ends_add(struct ends *ends, const struct end_row *row)
{
    struct entry entry = {.row = *row};

    assert(row->weight >= 1 && isfinite(row->weight));
    entry.priority = row->weight / (1.0 - rng_unit(&ends->rng));
    if (ends->count < ENDS_LIMIT) {
        append(ends, &entry);
        return;
    }
    make_heap(ends);
    if (entry.priority > ends->entries[0].priority) {
        swap(&entry, &ends->entries[0]);
        sift_down(ends->entries, ends->count, 0);
    }
    ends->gone_priority = fmax(ends->gone_priority, entry.priority);
}

size_t ends_count(const struct ends *ends)
{
    return ends->count;
}

struct end_row ends_at(const struct ends *ends, size_t index)
{
    struct end_row row;

    assert(index < ends->count);
    row = ends->entries[index].row;
    row.weight = fmax(row.weight, ends->gone_priority);
    return row;
}

void ends_clear(struct ends *ends)
{
    ends->count = 0;
    ends->is_heap = false;
    ends->gone_priority = 0;
}

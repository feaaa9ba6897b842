#include "stats/examples.h"

#include "base/mem.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_LIMIT = (MALFORMED_COUNT - 1) * EXAMPLES_A_KIND, PREFIX_BYTES = sizeof "kind:" - 1 };

struct examples {
    struct example rows[ROW_LIMIT + 1]; /* one more, for the time of an insertion */
    size_t count;
    uint8_t taken[MALFORMED_COUNT]; /* ever; stays at EXAMPLES_A_KIND */
};

const char *malformed_tag(enum malformed kind)
{
    switch (kind) {
    case MALFORMED_UNKNOWN_FIELD:
        return "kind:unknown_field";
    case MALFORMED_INVALID_UTF8:
        return "kind:invalid_utf8";
    case MALFORMED_JSON:
        return "kind:json";
    case MALFORMED_DATA:
        return "kind:data";
    case MALFORMED_TOO_LARGE:
        return "kind:too_large";
    case MALFORMED_MISSING_EVENT:
        return "kind:missing_event";
    case MALFORMED_NONE:
    case MALFORMED_COUNT:
        break;
    }
    return "kind:none";
}

const char *malformed_name(enum malformed kind)
{
    return malformed_tag(kind) + PREFIX_BYTES;
}

struct examples *examples_new(void)
{
    return x_calloc(1, sizeof(struct examples));
}

void examples_free(struct examples *examples)
{
    free(examples);
}

bool examples_wants(const struct examples *examples, enum malformed kind)
{
    return examples->taken[kind] < EXAMPLES_A_KIND;
}

static bool is_before(const struct example *left, const struct example *right)
{
    return left->kind != right->kind ? left->kind < right->kind : left->unix_ms < right->unix_ms;
}

void examples_add(struct examples *examples, const struct example *row)
{
    size_t at = examples->count, of_kind = 0;

    assert(row->kind > MALFORMED_NONE && row->kind < MALFORMED_COUNT);
    while (at > 0 && is_before(row, &examples->rows[at - 1]))
        at--;
    memmove(&examples->rows[at + 1], &examples->rows[at],
            (examples->count - at) * sizeof examples->rows[0]);
    examples->rows[at] = *row;
    examples->count++;
    if (examples->taken[row->kind] < EXAMPLES_A_KIND)
        examples->taken[row->kind]++;
    for (at = 0; at < examples->count && examples->rows[at].kind <= row->kind; at++)
        of_kind += examples->rows[at].kind == row->kind;
    if (of_kind <= EXAMPLES_A_KIND)
        return;
    examples->count--; /* the latest of the kind, at - 1, goes */
    memmove(&examples->rows[at - 1], &examples->rows[at],
            (examples->count + 1 - at) * sizeof examples->rows[0]);
}

size_t examples_count(const struct examples *examples)
{
    return examples->count;
}

const struct example *examples_at(const struct examples *examples, size_t index)
{
    assert(index < examples->count);
    return &examples->rows[index];
}

void examples_clear(struct examples *examples)
{
    examples->count = 0;
}

#include "load/classes.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The smallest share becomes this many turns: finer than one, so that 1 and 1.5 stay apart. */
enum { CLASSES_LEAST_TURNS = 2 };
static const uint16_t CLASSES_NONE = UINT16_MAX;

/* One class in a round of turns: who has waited longest for its share is next. */
struct turn {
    uint16_t index; /* of the class */
    int64_t turns, credit;
};

struct round {
    struct turn *turns;
    size_t count;
    int64_t sum;
};

struct kind {
    char *name;
    double weight;
    uint32_t fixed_count;
    bool may_start;
};

struct classes {
    struct kind *kinds;
    size_t kind_count;
    uint32_t worker_count;
    struct round fixed, weighted;
    uint32_t *begun;    /* of each class, as far as the sequence goes: against its fixed count */
    uint16_t *sequence; /* the class of user k, as far as it was worked out */
    size_t sequence_len, sequence_cap;
    uint32_t users;
    uint32_t *counts; /* one row a worker */
};

static bool is_fixed(const struct kind *kind)
{
    return kind->fixed_count > 0;
}

static double share_of(const struct kind *kind)
{
    return is_fixed(kind) ? kind->fixed_count : kind->weight;
}

/* A round of the classes that may start and are, or are not, of fixed count. */
static void round_fill(struct round *round, const struct classes *classes, bool of_fixed)
{
    double least = INFINITY;

    *round = (struct round){.turns = x_calloc(classes->kind_count, sizeof *round->turns)};
    for (size_t i = 0; i < classes->kind_count; i++) {
        const struct kind *kind = &classes->kinds[i];

        if (!kind->may_start || is_fixed(kind) != of_fixed)
            continue;
        round->turns[round->count++].index = (uint16_t)i;
        least = fmin(least, share_of(kind));
    }
    for (size_t i = 0; i < round->count; i++) {
        struct turn *turn = &round->turns[i];
        double turns = rint(CLASSES_LEAST_TURNS * share_of(&classes->kinds[turn->index]) / least);

        turn->turns = turns < 1e15 ? (int64_t)turns : (int64_t)1e15;
        round->sum += turn->turns;
    }
}

/* Smooth weighted round robin. CLASSES_NONE for an empty round. */
static uint16_t round_next(struct round *round)
{
    struct turn *best = NULL;

    for (size_t i = 0; i < round->count; i++) {
        struct turn *turn = &round->turns[i];

        turn->credit += turn->turns;
        if (!best || turn->credit > best->credit)
            best = turn;
    }
    if (!best)
        return CLASSES_NONE;
    best->credit -= round->sum;
    return best->index;
}

static void begin_rounds(struct classes *classes)
{
    free(classes->fixed.turns);
    free(classes->weighted.turns);
    round_fill(&classes->fixed, classes, true);
    round_fill(&classes->weighted, classes, false);
}

static bool has_fixed_left(const struct classes *classes)
{
    for (size_t i = 0; i < classes->fixed.count; i++) {
        uint16_t index = classes->fixed.turns[i].index;

        if (classes->begun[index] < classes->kinds[index].fixed_count)
            return true;
    }
    return false;
}

static uint16_t next_class(struct classes *classes)
{
    while (has_fixed_left(classes)) {
        uint16_t index = round_next(&classes->fixed);

        if (classes->begun[index] < classes->kinds[index].fixed_count)
            return index;
    }
    return round_next(&classes->weighted);
}

/* Works out one more class of the sequence; false when there is none. */
static bool extend(struct classes *classes)
{
    uint16_t index = next_class(classes);

    if (index == CLASSES_NONE)
        return false;
    if (classes->sequence_len == classes->sequence_cap) {
        classes->sequence_cap = classes->sequence_cap ? classes->sequence_cap * 2 : 64;
        classes->sequence =
            x_realloc(classes->sequence, classes->sequence_cap * sizeof *classes->sequence);
    }
    classes->sequence[classes->sequence_len++] = index;
    classes->begun[index]++;
    return true;
}

struct classes *classes_new(const struct class_spec *specs, size_t count, uint32_t worker_count)
{
    struct classes *classes = x_calloc(1, sizeof *classes);

    assert(count > 0 && count <= CLASSES_LIMIT && worker_count > 0);
    classes->kinds = x_calloc(count, sizeof *classes->kinds);
    classes->kind_count = count;
    classes->worker_count = worker_count;
    for (size_t i = 0; i < count; i++) {
        assert(specs[i].fixed_count > 0 || specs[i].weight > 0);
        classes->kinds[i] = (struct kind){.name = x_strdup(specs[i].name),
                                          .weight = specs[i].weight,
                                          .fixed_count = specs[i].fixed_count,
                                          .may_start = true};
    }
    classes->begun = x_calloc(count, sizeof *classes->begun);
    classes->counts = x_calloc(count * worker_count, sizeof *classes->counts);
    begin_rounds(classes);
    return classes;
}

void classes_free(struct classes *classes)
{
    if (!classes)
        return;
    for (size_t i = 0; i < classes->kind_count; i++)
        free(classes->kinds[i].name);
    free(classes->kinds);
    free(classes->fixed.turns);
    free(classes->weighted.turns);
    free(classes->begun);
    free(classes->sequence);
    free(classes->counts);
    free(classes);
}

size_t classes_count(const struct classes *classes)
{
    return classes->kind_count;
}

static struct kind *find_kind(const struct classes *classes, const char *name)
{
    for (size_t i = 0; i < classes->kind_count; i++) {
        if (strcmp(classes->kinds[i].name, name) == 0)
            return &classes->kinds[i];
    }
    return NULL;
}

static bool is_named(const char *name, char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return count == 0;
}

int classes_restrict(struct classes *classes, char *const *names, size_t count, struct err *err)
{
    bool is_changed = false;

    for (size_t i = 0; i < count; i++) {
        if (!find_kind(classes, names[i])) {
            err_set(err, ERR_USAGE, "no user class '%.200s' takes part in this run", names[i]);
            return -1;
        }
    }
    for (size_t i = 0; i < classes->kind_count; i++) {
        struct kind *kind = &classes->kinds[i];
        bool may_start = is_named(kind->name, names, count);

        is_changed = is_changed || may_start != kind->may_start;
        kind->may_start = may_start;
    }
    if (!is_changed)
        return 0;
    while (classes->sequence_len > classes->users)
        classes->begun[classes->sequence[--classes->sequence_len]]--;
    begin_rounds(classes);
    return 0;
}

uint32_t classes_set_users(struct classes *classes, uint32_t users)
{
    size_t width = classes->kind_count;

    while (classes->users < users) {
        size_t row = classes->users % classes->worker_count;

        if (classes->users == classes->sequence_len && !extend(classes))
            break;
        classes->counts[row * width + classes->sequence[classes->users++]]++;
    }
    while (classes->users > users) {
        size_t row = --classes->users % classes->worker_count;

        classes->counts[row * width + classes->sequence[classes->users]]--;
    }
    return classes->users;
}

const uint32_t *classes_on_worker(const struct classes *classes, uint32_t worker)
{
    assert(worker < classes->worker_count);
    return classes->counts + worker * classes->kind_count;
}

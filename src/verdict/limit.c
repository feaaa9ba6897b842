#include "verdict/limit.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { EASE_STEPS = 3 };

/* Of the numbers that are tried again, which one is it? */
enum purpose { PURPOSE_SEARCH = 0, PURPOSE_HOLDS_AGAIN, PURPOSE_FAILS_AGAIN };

struct limit {
    uint32_t ceiling;
    uint32_t holds, fails; /* 0: none */
    uint32_t confirmed, reversals;
    uint32_t next; /* the number to try */
    enum purpose purpose;
    enum limit_end end;
    enum limit_phase phase;
    struct limit_step *steps;
    size_t count, cap;
};

struct limit *limit_new(uint32_t ceiling)
{
    struct limit *limit = x_calloc(1, sizeof *limit);

    assert(ceiling > 0);
    limit->ceiling = ceiling;
    limit->next = ceiling > LIMIT_START_SHARE ? ceiling / LIMIT_START_SHARE : 1;
    return limit;
}

void limit_free(struct limit *limit)
{
    if (!limit)
        return;
    for (size_t i = 0; i < limit->count; i++)
        free(limit->steps[i].broken);
    free(limit->steps);
    free(limit);
}

/* --- what is known --- */

/* By the service, as far as is known. */
static bool is_failure(const struct limit_step *step)
{
    return !step->has_held && !step->is_ours && !step->is_disproved;
}

/* A number may do both: the edge is not the same each time. */
static bool has_held(const struct limit *limit, uint32_t users)
{
    for (size_t i = 0; i < limit->count; i++) {
        if (limit->steps[i].users == users && limit->steps[i].has_held)
            return true;
    }
    return false;
}

static bool has_failed(const struct limit *limit, uint32_t users)
{
    for (size_t i = 0; i < limit->count; i++) {
        if (limit->steps[i].users == users && is_failure(&limit->steps[i]))
            return true;
    }
    return false;
}

/* The highest below `users` that only ever held. */
static uint32_t highest_held_below(const struct limit *limit, uint32_t users)
{
    uint32_t best = 0;

    for (size_t i = 0; i < limit->count; i++) {
        uint32_t at = limit->steps[i].users;

        if (at < users && at > best && has_held(limit, at) && !has_failed(limit, at))
            best = at;
    }
    return best;
}

/* The lowest above `users` that only ever failed. */
static uint32_t lowest_failed_above(const struct limit *limit, uint32_t users)
{
    uint32_t best = 0;

    for (size_t i = 0; i < limit->count; i++) {
        uint32_t at = limit->steps[i].users;

        if (at > users && (best == 0 || at < best) && has_failed(limit, at) && !has_held(limit, at))
            best = at;
    }
    return best;
}

/* Was it a time, the last time that `users` failed? */
static bool has_failed_by_time(const struct limit *limit, uint32_t users)
{
    bool is_of_time = false;

    for (size_t i = 0; i < limit->count; i++) {
        if (limit->steps[i].users == users && is_failure(&limit->steps[i]))
            is_of_time = limit->steps[i].is_of_time;
    }
    return is_of_time;
}

/* --- the next number --- */

/* Where numbers between the two did both, or few samples decide, a gap is not made smaller. */
static uint32_t widest_gap(const struct limit *limit)
{
    bool has_few = limit->holds <= LIMIT_ALL_NEW && has_failed_by_time(limit, limit->fails);
    uint32_t pct = has_few ? LIMIT_UNSTEADY_GAP_PCT : LIMIT_GAP_PCT, gap;

    for (size_t i = 0; i < limit->count; i++) {
        uint32_t at = limit->steps[i].users;

        if (at > limit->holds && at < limit->fails && has_held(limit, at) && has_failed(limit, at))
            pct = LIMIT_UNSTEADY_GAP_PCT;
    }
    gap = (uint32_t)((uint64_t)limit->holds * pct / 100);
    return gap > 0 ? gap : 1;
}

/* While the gap is wide the middle is that of the magnitudes. */
static uint32_t middle(uint32_t low, uint32_t high)
{
    if (high / 2 > low)
        return (uint32_t)sqrt((double)low * (double)high);
    return low + (high - low) / 2;
}

/* The fewest users that are worth a step below one that failed. */
static uint32_t least_below(const struct limit *limit)
{
    return has_failed_by_time(limit, limit->fails) ? LIMIT_SAMPLES : 1;
}

static void plan_within(struct limit *limit)
{
    if (limit->holds == 0) {
        limit->next = least_below(limit);
        if (limit->fails <= limit->next)
            limit->end = LIMIT_NOTHING_HOLDS;
    } else if (limit->fails - limit->holds > widest_gap(limit)) {
        limit->next = middle(limit->holds, limit->fails);
    } else if (limit->confirmed == LIMIT_CONFIRMATIONS || limit->reversals > LIMIT_REVERSALS) {
        limit->end = LIMIT_EDGE;
    } else {
        limit->purpose = PURPOSE_HOLDS_AGAIN;
        limit->next = limit->holds;
    }
}

static void plan_next(struct limit *limit)
{
    limit->purpose = PURPOSE_SEARCH;
    if (limit->fails > 0)
        plan_within(limit);
    else if (limit->holds == limit->ceiling)
        limit->end = LIMIT_CEILING;
    else
        limit->next = limit->holds > limit->ceiling / 2 ? limit->ceiling : limit->holds * 2;
}

/* --- what a step says --- */

/* A number did not do the same again: the edge is somewhere around it. */
static void reverse(struct limit *limit, const struct limit_step *step)
{
    limit->reversals++;
    limit->confirmed = 0;
    limit->holds = highest_held_below(limit, step->users);
    limit->fails = lowest_failed_above(limit, step->users);
    plan_next(limit);
}

static void take_search(struct limit *limit, const struct limit_step *step)
{
    if (step->has_held)
        limit->holds = step->users;
    else
        limit->fails = step->users;
    plan_next(limit);
}

static void take_again(struct limit *limit, const struct limit_step *step)
{
    if (step->has_held != (limit->purpose == PURPOSE_HOLDS_AGAIN)) {
        reverse(limit, step);
    } else if (limit->purpose == PURPOSE_HOLDS_AGAIN) {
        limit->purpose = PURPOSE_FAILS_AGAIN;
        limit->next = limit->fails;
    } else {
        limit->confirmed++;
        plan_next(limit);
    }
}

/* The step before the last, if it was for the same number and failed. NULL: it was not. */
static struct limit_step *find_failure_before(struct limit *limit)
{
    struct limit_step *before = limit->count > 1 ? &limit->steps[limit->count - 2] : NULL;

    return before && before->users == limit->next && !before->has_held ? before : NULL;
}

/*
 * Is the same to be tried once more? Every machine has a busy moment. What fails again after it did
 * before needs no second look.
 */
static bool is_in_doubt(struct limit *limit, const struct limit_step *step)
{
    struct limit_step *before = find_failure_before(limit);

    if (before && step->has_held)
        before->is_disproved = true;
    if (step->is_ours && before && before->is_ours)
        limit->end = LIMIT_GENERATOR;
    if (step->is_ours)
        return limit->end == LIMIT_UNDER_WAY;
    return step->is_doubtful && limit->purpose != PURPOSE_FAILS_AGAIN &&
           !(before && before->is_doubtful);
}

void limit_add(struct limit *limit, const struct limit_step *step)
{
    assert(limit->end == LIMIT_UNDER_WAY && step->users == limit->next);
    assert(!step->has_held || (!step->is_ours && !step->is_doubtful));
    if (limit->count == limit->cap) {
        limit->cap = limit->cap > 0 ? 2 * limit->cap : 32;
        limit->steps = x_realloc(limit->steps, limit->cap * sizeof *limit->steps);
    }
    limit->steps[limit->count++] = *step;
    if (is_in_doubt(limit, step) || limit->end != LIMIT_UNDER_WAY)
        return;
    if (limit->purpose == PURPOSE_SEARCH)
        take_search(limit, step);
    else
        take_again(limit, step);
}

bool limit_next(const struct limit *limit, struct limit_task *task)
{
    uint32_t base = (uint32_t)((uint64_t)limit->next * 3 / 4);

    if (limit->end != LIMIT_UNDER_WAY || limit->count == LIMIT_STEPS)
        return false;
    /* A quarter of them is new, so that there is something to judge however small the gap. */
    if (limit->next <= LIMIT_ALL_NEW)
        base = 0;
    *task = (struct limit_task){.users = limit->next,
                                .base = base < limit->holds ? base : limit->holds};
    return true;
}

/* --- results --- */

enum limit_end limit_end(const struct limit *limit)
{
    return limit->end;
}

uint32_t limit_ceiling(const struct limit *limit)
{
    return limit->ceiling;
}

uint32_t limit_holds(const struct limit *limit)
{
    return limit->holds;
}

uint32_t limit_fails(const struct limit *limit)
{
    return limit->fails;
}

uint32_t limit_confirmed(const struct limit *limit)
{
    return limit->confirmed;
}

const char *limit_first_broken(const struct limit *limit)
{
    for (size_t i = limit->count; i > 0; i--) {
        const struct limit_step *step = &limit->steps[i - 1];

        if (limit->end == LIMIT_GENERATOR ? step->is_ours
                                          : step->users == limit->fails && step->broken)
            return step->broken;
    }
    return NULL;
}

size_t limit_step_count(const struct limit *limit)
{
    return limit->count;
}

const struct limit_step *limit_step_at(const struct limit *limit, size_t index)
{
    return &limit->steps[index];
}

/* The first step that held with the smallest number above `users`; NULL: none is above. */
static const struct limit_step *held_above(const struct limit *limit, uint32_t users)
{
    const struct limit_step *best = NULL;

    for (size_t i = 0; i < limit->count; i++) {
        const struct limit_step *step = &limit->steps[i];

        if (step->has_held && step->attempts >= LIMIT_EASE_ATTEMPTS && step->users > users &&
            (!best || step->users < best->users))
            best = step;
    }
    return best;
}

static double median(const double *values, size_t count)
{
    double low = values[0], high = values[0], sum = 0;

    for (size_t i = 0; i < count; i++) {
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
        sum += values[i];
    }
    return count < EASE_STEPS ? sum / (double)count : sum - low - high;
}

double limit_ease_ms(const struct limit *limit, enum limit_time time)
{
    double values[EASE_STEPS];
    size_t count = 0;

    for (const struct limit_step *step = held_above(limit, 0); step && count < EASE_STEPS;
         step = held_above(limit, step->users)) {
        if (!isnan(step->p95_ms[time]))
            values[count++] = step->p95_ms[time];
    }
    return count > 0 ? median(values, count) : (double)NAN;
}

void limit_set_phase(struct limit *limit, enum limit_phase phase)
{
    limit->phase = phase;
}

enum limit_phase limit_phase(const struct limit *limit)
{
    return limit->phase;
}

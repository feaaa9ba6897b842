#include "base/mem.h"
#include "verdict/find.h"
#include "verdict/find_figures.h"
#include "verdict/findings.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* Both rules look at the seconds of the run: 95th percentiles, of which medians are taken. */

enum {
    HOLD_MIN_S = 30,
    HOLD_PCT = 95, /* of the most streams that were open */
    PARTS = 6,     /* of a hold: each is above the one before */
    PART_POINTS_MIN = 3,
    GROWTH_PCT = 5,   /* from one part or level to the next */
    TREND_FACTOR = 3, /* the last part to the first */
    MORE_EVENTS_PCT = 20,
    LEVELS = 8, /* of the number of open streams */
    LEVELS_MIN = 4,
    LEVEL_POINTS_MIN = 3,
    KNEE_FACTOR = 5,
    GROWTH_MIN_MS = 100 /* less nobody notices */
};

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* Of values without NaN, which are sorted. NaN where there are none. */
static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return count > 0 ? values[count / 2] : (double)NAN;
}

static uint32_t most_open(const struct run_series *series)
{
    uint32_t most = 0;

    for (size_t i = 0; i < series->count; i++)
        most = series->open[i] > most ? series->open[i] : most;
    return most;
}

static bool is_near(uint32_t open, uint32_t most)
{
    return (uint64_t)open * 100 >= (uint64_t)most * HOLD_PCT;
}

/* Readers that are slow by our choice, or a script that was behind: the lateness is ours too. */
static bool is_ours(const struct run *run)
{
    return findings_reads_late(run) ||
           stat_get_count(run->total, METRIC_SSE_SLOW_READERS, NULL) > 0 ||
           stat_get_count(run->total, METRIC_SSE_READER_PAUSES, NULL) > 0;
}

/* --- latency that grows while nothing else does --- */

/* The first stretch of points, long enough and enough of them, with as many streams as ever:
 * [*from, *to). */
static bool find_hold(const struct run_series *series, size_t *from, size_t *to)
{
    uint32_t most = most_open(series);

    for (size_t i = 0; i < series->count; i = *to + 1) {
        for (*from = i; *from < series->count && !is_near(series->open[*from], most);)
            (*from)++;
        for (*to = *from; *to < series->count && is_near(series->open[*to], most);)
            (*to)++;
        if (*to - *from >= (size_t)PARTS * PART_POINTS_MIN &&
            series->t_s[*to - 1] - series->t_s[*from] >= HOLD_MIN_S)
            return most > 0;
    }
    return false;
}

struct part {
    double p95_ms; /* NaN: too few points say */
    double events_per_s;
};

/* Of three points and more; events are counted behind the first one, whose length may be another.
 */
static struct part read_part(const struct run_series *series, size_t from, size_t to)
{
    double *values = x_calloc(to - from + 1, sizeof *values);
    struct part part = {.p95_ms = (double)NAN};
    size_t count = 0;

    for (size_t i = from; i < to; i++) {
        part.events_per_s += i > from ? (double)series->events[i] : 0;
        if (!isnan(series->latency_p95_ms[i]))
            values[count++] = series->latency_p95_ms[i];
    }
    part.events_per_s /= series->t_s[to - 1] - series->t_s[from];
    if (count >= PART_POINTS_MIN)
        part.p95_ms = median(values, count);
    free(values);
    return part;
}

/* A part that nobody knows compares as false. */
static bool grows(const struct part *parts)
{
    for (int i = 1; i < PARTS; i++) {
        if (!(parts[i].p95_ms * 100.0 >= parts[i - 1].p95_ms * (100 + GROWTH_PCT)))
            return false;
    }
    return parts[PARTS - 1].p95_ms >= parts[0].p95_ms * TREND_FACTOR &&
           parts[PARTS - 1].p95_ms - parts[0].p95_ms >= GROWTH_MIN_MS &&
           parts[PARTS - 1].events_per_s * 100.0 <= parts[0].events_per_s * (100 + MORE_EVENTS_PCT);
}

struct trend {
    struct part first, last;
    double from_s, to_s;
    uint32_t open;
};

static bool read_trend(const struct run *run, struct trend *trend)
{
    const struct run_series *series = &run->series;
    struct part parts[PARTS];
    size_t from, to;

    if (is_ours(run) || find_is_held_back(run) || !find_hold(series, &from, &to))
        return false;
    for (size_t i = 0; i < PARTS; i++)
        parts[i] =
            read_part(series, from + (to - from) * i / PARTS, from + (to - from) * (i + 1) / PARTS);
    *trend = (struct trend){.first = parts[0],
                            .last = parts[PARTS - 1],
                            .from_s = series->t_s[from],
                            .to_s = series->t_s[to - 1],
                            .open = series->open[from]};
    return grows(parts) && parts[PARTS - 1].p95_ms - parts[0].p95_ms > 2 * find_lag_ms(run);
}

bool find_latency_trend(const struct run *run, struct finding *finding)
{
    struct trend trend;
    char first[UNITS_TEXT_BYTES], last[UNITS_TEXT_BYTES];

    if (!read_trend(run, &trend))
        return false;
    (void)find_duration(trend.first.p95_ms, first);
    (void)find_duration(trend.last.p95_ms, last);
    finding->confidence = CONFIDENCE_LIKELY;
    finding->title = x_asprintf("Events come later and later, with as many streams and events: p95 "
                                "went from %s to %s",
                                first, last);
    finding->evidence = x_asprintf(
        "from second %.0f to second %.0f, with %" PRIu32 " streams open: sse_event_latency_p95 of "
        "the series rose in each of %d parts, from %s to %s; events a second went from %.0f to "
        "%.0f",
        trend.from_s, trend.to_s, trend.open, PARTS, first, last, trend.first.events_per_s,
        trend.last.events_per_s);
    finding->advice = x_strdup(
        "More goes into a queue than comes out of it, or something in the service grows (a list "
        "that is never pruned, memory). Look at its queues and its memory over time; a longer run "
        "tells where it ends");
    return true;
}

/* --- latency that leaps at a number of streams --- */

struct level {
    double p95_ms;
    uint32_t open_min, open_max;
};

struct levels {
    const char *metric;
    struct level levels[LEVELS];
    size_t count;
};

/* Before streams leave again: what they left behind is not of their number. */
static size_t count_rise(const struct run_series *series, uint32_t most)
{
    size_t i = 0;

    while (i < series->count && !is_near(series->open[i], most))
        i++;
    while (i < series->count && is_near(series->open[i], most))
        i++;
    return i;
}

static size_t level_of(uint32_t open, uint32_t most)
{
    return ((uint64_t)open * LEVELS - 1) / most;
}

static bool read_level(const struct run_series *series, const double *p95_ms, uint32_t most,
                       size_t index, struct level *level)
{
    size_t rise = count_rise(series, most), count = 0;
    double *values = x_calloc(rise + 1, sizeof *values);

    *level = (struct level){.open_min = UINT32_MAX};
    for (size_t i = 0; i < rise; i++) {
        uint32_t open = series->open[i];

        if (open == 0 || isnan(p95_ms[i]) || level_of(open, most) != index)
            continue;
        values[count++] = p95_ms[i];
        level->open_min = open < level->open_min ? open : level->open_min;
        level->open_max = open > level->open_max ? open : level->open_max;
    }
    level->p95_ms = median(values, count);
    free(values);
    return count >= LEVEL_POINTS_MIN;
}

static void read_levels(const struct run_series *series, const char *metric, const double *p95_ms,
                        struct levels *levels)
{
    uint32_t most = most_open(series);

    *levels = (struct levels){.metric = metric};
    for (size_t i = 0; most >= LEVELS && i < LEVELS; i++)
        levels->count += read_level(series, p95_ms, most, i, &levels->levels[levels->count]);
}

static bool is_far_above(double high_ms, double low_ms, double above_ms)
{
    return high_ms > KNEE_FACTOR * low_ms && high_ms >= low_ms + fmax(GROWTH_MIN_MS, above_ms);
}

/* The first level from which on all are far above the lowest two; 0: none. */
static size_t find_knee(const struct levels *levels, double above_ms)
{
    size_t knee = levels->count;
    double base_ms;

    if (levels->count < LEVELS_MIN)
        return 0;
    base_ms = fmax(levels->levels[0].p95_ms, levels->levels[1].p95_ms);
    while (knee > 2 && is_far_above(levels->levels[knee - 1].p95_ms, base_ms, above_ms))
        knee--;
    return knee < levels->count ? knee : 0;
}

/* It leaps nowhere, but each level is above the one before, and the last far above the first. */
static bool is_steady_growth(const struct levels *levels, double above_ms)
{
    const struct level *rows = levels->levels;

    for (size_t i = 1; i < levels->count; i++) {
        if (rows[i].p95_ms * 100.0 < rows[i - 1].p95_ms * (100 + GROWTH_PCT))
            return false;
    }
    return levels->count >= LEVELS_MIN &&
           is_far_above(rows[levels->count - 1].p95_ms, rows[0].p95_ms, above_ms);
}

/*
 * Of events where their latency is known, else of the first event, which also waits for the source
 * to say something. Gives what a level must be above another one for more than that.
 */
static double read_latencies(const struct run *run, struct levels *levels)
{
    const struct hist *gap = stat_get_trend(run->total, METRIC_SSE_EVENT_GAP, NULL);
    double lag_ms = 2 * find_lag_ms(run);

    read_levels(&run->series, "sse_event_latency_p95", run->series.latency_p95_ms, levels);
    if (levels->count > 0 || !gap)
        return lag_ms;
    read_levels(&run->series, "sse_ttfe_p95", run->series.ttfe_p95_ms, levels);
    return fmax(lag_ms, 2 * find_percentile(gap, 95));
}

static char *levels_text(const struct levels *levels)
{
    struct buf text = {0};
    char value[UNITS_TEXT_BYTES], *result;

    (void)buf_appendf(&text, "%s of the series, medians by open streams:", levels->metric);
    for (size_t i = 0; i < levels->count; i++)
        (void)buf_appendf(&text, "%s %" PRIu32 " to %" PRIu32 ": %s", i > 0 ? "," : "",
                          levels->levels[i].open_min, levels->levels[i].open_max,
                          find_duration(levels->levels[i].p95_ms, value));
    result = x_strdup(buf_text(&text));
    buf_fini(&text);
    return result;
}

static void tell_knee(const struct levels *levels, size_t at, struct finding *finding)
{
    const struct level *knee = &levels->levels[at];
    char below[UNITS_TEXT_BYTES], above[UNITS_TEXT_BYTES];

    finding->title =
        x_asprintf("From about %" PRIu32 " streams on the service is late: %s went "
                   "from %s to %s",
                   knee->open_min, levels->metric, find_duration(knee[-1].p95_ms, below),
                   find_duration(knee->p95_ms, above));
    finding->advice = x_asprintf(
        "What the service does for each stream and event has filled a resource there: look at its "
        "CPU, event loop and queues with %" PRIu32 " streams; stay below, or add a server",
        knee->open_min);
}

static void tell_steady_growth(const struct levels *levels, struct finding *finding)
{
    const struct level *first = &levels->levels[0], *last = &levels->levels[levels->count - 1];
    char few[UNITS_TEXT_BYTES], many[UNITS_TEXT_BYTES];

    finding->title = x_asprintf("The more streams are open, the later the service is: %s went from "
                                "%s with up to %" PRIu32 " to %s with up to %" PRIu32,
                                levels->metric, find_duration(first->p95_ms, few), first->open_max,
                                find_duration(last->p95_ms, many), last->open_max);
    finding->advice = x_strdup(
        "Each stream adds to what the others wait for: look for work that is done for all streams "
        "at each request or event (a list that is searched, a lock, one loop that writes to all)");
}

bool find_latency_knee(const struct run *run, struct finding *finding)
{
    struct levels levels;
    struct trend trend;
    double above_ms;
    size_t at;

    /* Where it grows with time, it is not known to be for the number of streams. */
    if (is_ours(run) || find_is_held_back(run) || read_trend(run, &trend))
        return false;
    above_ms = read_latencies(run, &levels);
    at = find_knee(&levels, above_ms);
    if (at > 0)
        tell_knee(&levels, at, finding);
    else if (is_steady_growth(&levels, above_ms))
        tell_steady_growth(&levels, finding);
    else
        return false;
    finding->confidence = CONFIDENCE_LIKELY;
    finding->evidence = levels_text(&levels);
    return true;
}

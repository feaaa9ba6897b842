#include "verdict/end_groups.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    US_PER_MS = 1000,
    MOMENT_MS = 3000,
    CLOCK_SLACK_MS = 100,   /* by which moments differ that are one */
    PLANNED_GAP_MIN_MS = 20 /* with faster events any end comes right behind one */
};

/* A value of a row, with the number of ends that the row stands for. */
struct weighted {
    double value, weight;
};

static int compare_weighted(const void *left, const void *right)
{
    const struct weighted *a = left, *b = right;

    return (a->value > b->value) - (a->value < b->value);
}

static double quantile(const struct weighted *values, size_t count, double wanted)
{
    double seen = 0;

    for (size_t i = 0; i < count; i++) {
        seen += values[i].weight;
        if (seen >= wanted)
            return values[i].value;
    }
    return count > 0 ? values[count - 1].value : 0;
}

static double at_of(const struct end_row *row)
{
    return row->at_unix_ms;
}

static double age_of(const struct end_row *row)
{
    return row->age_ms;
}

static double silence_of(const struct end_row *row)
{
    return row->silence_ms;
}

static double events_of(const struct end_row *row)
{
    return row->event_count;
}

static struct end_spread spread_of(const struct end_row *rows, size_t count,
                                   double (*value_of)(const struct end_row *row))
{
    struct weighted *values = x_calloc(count, sizeof *values);
    struct end_spread spread;
    double total = 0;

    for (size_t i = 0; i < count; i++) {
        values[i] = (struct weighted){.value = value_of(&rows[i]), .weight = rows[i].weight};
        total += rows[i].weight;
    }
    qsort(values, count, sizeof *values, compare_weighted);
    spread = (struct end_spread){.p10 = quantile(values, count, total * 0.1),
                                 .p50 = quantile(values, count, total * 0.5),
                                 .p90 = quantile(values, count, total * 0.9)};
    free(values);
    return spread;
}

static double width(const struct end_spread *spread)
{
    return spread->p90 - spread->p10;
}

bool end_spread_is_one(const struct end_spread *spread)
{
    double tolerance = fmax(spread->p50 / 10, fmin(1000, spread->p50 / 4));

    return width(spread) <= tolerance;
}

bool end_group_is_one_moment(const struct end_group *group)
{
    return width(&group->at_unix_ms) <= MOMENT_MS &&
           width(&group->age_ms) > 2 * width(&group->at_unix_ms) + CLOCK_SLACK_MS;
}

/* What is alike in all of them is no coincidence of one moment only where they ended at many. */
static bool is_spread_out(const struct end_group *group, const struct end_spread *alike)
{
    return width(&group->at_unix_ms) > 2 * width(alike) + CLOCK_SLACK_MS;
}

static const struct stat_set *set_of(const struct run *run, size_t endpoint)
{
    return endpoint == STATS_NO_ENDPOINT ? run->total : stats_endpoint_set(run->stats, endpoint);
}

static uint64_t count_above(const struct stat_set *set, enum metric metric, double ms)
{
    const struct hist *hist = stat_get_trend(set, metric, NULL);

    return hist ? hist_count_above(hist, (uint64_t)(ms * US_PER_MS)) : 0;
}

static double gap_ms(const struct stat_set *set, double percentile)
{
    const struct hist *gaps = stat_get_trend(set, METRIC_SSE_EVENT_GAP, NULL);

    return gaps ? (double)hist_percentile(gaps, percentile) / US_PER_MS : 0;
}

/* A tenth above what most of these had, so that one that is not quite as exact is none. */
static void count_survivors(const struct stat_set *set, struct end_group *group)
{
    double old_ms = group->age_ms.p90 * 1.1 + CLOCK_SLACK_MS;
    double quiet_ms = group->silence_ms.p90 * 1.1 + CLOCK_SLACK_MS;

    group->older_count = count_above(set, METRIC_SSE_DURATION, old_ms) +
                         count_above(set, METRIC_SSE_OPEN_AGE, old_ms);
    group->quieter_count = count_above(set, METRIC_SSE_OPEN_SILENCE, quiet_ms);
    /* Between events there may have been comments, which are signs of life too. */
    if (stat_get_count(set, METRIC_SSE_COMMENTS, NULL) == 0)
        group->quieter_count += count_above(set, METRIC_SSE_EVENT_GAP, quiet_ms);
}

static bool are_few(uint64_t survivors, const struct end_group *group)
{
    return (double)survivors * 100 <= group->count * END_GROUP_OUTLIVED_PCT;
}

/* A response that the service itself ends, its last event being sent, is as long as that took. */
static bool is_planned(const struct stat_set *set, const struct end_group *group)
{
    double usual_ms = gap_ms(set, 50);

    if (group->error_class != CLASS_CLOSED)
        return false;
    if (usual_ms >= PLANNED_GAP_MIN_MS)
        return group->silence_ms.p90 < usual_ms / 10;
    return group->silence_ms.p90 < PLANNED_GAP_MIN_MS && width(&group->event_count) == 0 &&
           group->event_count.p50 > 0;
}

/* One silence, and hardly any stream survived a longer one. */
static bool is_quiet(const struct stat_set *set, const struct end_group *group)
{
    return end_spread_is_one(&group->silence_ms) &&
           group->silence_ms.p50 >= END_GROUP_SHORTEST_MS &&
           group->silence_ms.p50 > 1.2 * gap_ms(set, 50) && are_few(group->quieter_count, group);
}

static bool is_aged(const struct end_group *group)
{
    return end_spread_is_one(&group->age_ms) && group->age_ms.p50 >= END_GROUP_SHORTEST_MS &&
           is_spread_out(group, &group->age_ms) && are_few(group->older_count, group);
}

static enum end_cause judge(const struct stat_set *set, const struct end_group *group)
{
    bool is_idle, is_old;

    if (group->row_count < END_GROUP_ROWS_MIN || is_planned(set, group))
        return END_CAUSE_NONE;
    is_idle = is_quiet(set, group) && is_spread_out(group, &group->silence_ms);
    is_old = is_aged(group);
    if (is_idle)
        return is_old ? END_CAUSE_EITHER : END_CAUSE_IDLE;
    if (is_old)
        return END_CAUSE_AGE;
    if (is_quiet(set, group) && end_group_is_one_moment(group) &&
        group->silence_ms.p10 > gap_ms(set, 99))
        return END_CAUSE_ONCE;
    return END_CAUSE_NONE;
}

/* Of `rows`, which are one at least. */
static struct end_group describe(const struct end_row *rows, size_t count)
{
    struct end_group group = {
        .endpoint = rows[0].endpoint,
        .error_class = rows[0].error_class,
        .row_count = count,
        .at_unix_ms = spread_of(rows, count, at_of),
        .age_ms = spread_of(rows, count, age_of),
        .silence_ms = spread_of(rows, count, silence_of),
        .event_count = spread_of(rows, count, events_of),
    };

    for (size_t i = 0; i < count; i++) {
        group.count += rows[i].weight;
        if (rows[i].endpoint != group.endpoint)
            group.endpoint = STATS_NO_ENDPOINT;
    }
    return group;
}

static struct end_group judged(const struct run *run, const struct end_row *rows, size_t count)
{
    struct end_group group = describe(rows, count);
    const struct stat_set *set = set_of(run, group.endpoint);

    count_survivors(set, &group);
    group.cause = judge(set, &group);
    return group;
}

static bool is_of_interest(const struct run *run, const struct end_row *row)
{
    switch (row->error_class) {
    case CLASS_CLOSED:
        return strcmp(stats_endpoint_method(run->stats, row->endpoint), "GET") == 0;
    case CLASS_CLOSED_EARLY:
    case CLASS_RESET:
    case CLASS_TLS:
        return true;
    case CLASS_NONE:
    case CLASS_DNS:
    case CLASS_UNREACHABLE:
    case CLASS_CONNECT_REFUSED:
    case CLASS_CONNECT_TIMEOUT:
    case CLASS_PROXY:
    case CLASS_TIMEOUT_HEADERS:
    case CLASS_TIMEOUT_READ:
    case CLASS_STATUS_2XX:
    case CLASS_STATUS_3XX:
    case CLASS_STATUS_4XX:
    case CLASS_STATUS_5XX:
    case CLASS_CONTENT_TYPE:
    case CLASS_HTTP_PROTOCOL:
    case CLASS_DECODE:
    case CLASS_TOO_LARGE:
    case CLASS_LOCAL_LIMIT:
    case CLASS_SCRIPT:
    case CLASS_COUNT:
        break;
    }
    return false;
}

static bool is_within(const struct end_row *row, const struct end_spans *spans)
{
    for (size_t i = 0; i < spans->count; i++) {
        if (row->at_unix_ms >= spans->items[i].from_unix_ms &&
            row->at_unix_ms <= spans->items[i].to_unix_ms)
            return true;
    }
    return false;
}

/* Those within the spans, or those outside. The caller frees the result. */
static struct end_row *collect(const struct run *run, const struct end_spans *spans,
                               bool wants_within, size_t *result_count)
{
    const struct ends *ends = stats_ends(run->stats);
    struct end_row *rows = x_calloc(ends_count(ends) + 1, sizeof *rows);
    size_t count = 0;

    for (size_t i = 0; i < ends_count(ends); i++) {
        struct end_row row = ends_at(ends, i);

        if (is_within(&row, spans) == wants_within && is_of_interest(run, &row))
            rows[count++] = row;
    }
    *result_count = count;
    return rows;
}

static int compare_rows(const void *left, const void *right)
{
    const struct end_row *a = left, *b = right;

    if (a->error_class != b->error_class)
        return a->error_class < b->error_class ? -1 : 1;
    return (a->endpoint > b->endpoint) - (a->endpoint < b->endpoint);
}

static int compare_groups(const void *left, const void *right)
{
    const struct end_group *a = left, *b = right;

    return (a->count < b->count) - (a->count > b->count);
}

/* How many rows from the first one on are of its class, and its endpoint where that is asked for.
 */
static size_t run_length(const struct end_row *rows, size_t count, bool by_endpoint)
{
    size_t length = 1;

    while (length < count && rows[length].error_class == rows[0].error_class &&
           (!by_endpoint || rows[length].endpoint == rows[0].endpoint))
        length++;
    return length;
}

/* Adds the groups of one class; gives how many. */
static size_t add_class(const struct run *run, const struct end_row *rows, size_t count,
                        struct end_group *groups)
{
    size_t added = 0, length;

    groups[0] = judged(run, rows, count);
    if (groups[0].cause != END_CAUSE_NONE || groups[0].endpoint != STATS_NO_ENDPOINT)
        return 1;
    for (size_t at = 0; at < count; at += length) {
        length = run_length(rows + at, count - at, true);
        groups[added++] = judged(run, rows + at, length);
    }
    return added;
}

struct end_group *end_groups_new(const struct run *run, const struct end_spans *left_out,
                                 size_t *result_count)
{
    size_t row_count, length, count = 0;
    struct end_row *rows = collect(run, left_out, false, &row_count);
    struct end_group *groups = row_count > 0 ? x_calloc(row_count, sizeof *groups) : NULL;

    qsort(rows, row_count, sizeof *rows, compare_rows);
    for (size_t at = 0; at < row_count; at += length) {
        length = run_length(rows + at, row_count - at, false);
        count += add_class(run, rows + at, length, groups + count);
    }
    if (groups)
        qsort(groups, count, sizeof *groups, compare_groups);
    free(rows);
    *result_count = count;
    return groups;
}

bool end_group_between(const struct run *run, double from_unix_ms, double to_unix_ms,
                       struct end_group *group)
{
    struct end_span span = {.from_unix_ms = from_unix_ms, .to_unix_ms = to_unix_ms};
    struct end_spans spans = {.items = &span, .count = 1};
    size_t count;
    struct end_row *rows = collect(run, &spans, true, &count);

    if (count > 0)
        *group = describe(rows, count);
    free(rows);
    return count > 0;
}

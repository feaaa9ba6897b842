#include "verdict/threshold.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/units.h"
#include "stats/recent.h"
#include "verdict/threshold_basis.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct thresholds {
    struct threshold *items;
    size_t count;
    size_t seconds; /* of the run that have been judged */
};

struct thresholds *thresholds_new(const char *const *texts, size_t count, struct err *err)
{
    struct thresholds *thresholds = x_calloc(1, sizeof *thresholds);

    thresholds->items = x_calloc(count > 0 ? count : 1, sizeof *thresholds->items);
    for (size_t i = 0; i < count; i++) {
        struct threshold *threshold = &thresholds->items[i];

        if (threshold_parse(texts[i], &threshold->spec, err) < 0) {
            thresholds_free(thresholds);
            return NULL;
        }
        if (threshold->spec.over_s > 0)
            threshold->recent = recent_new(threshold->spec.metric, threshold->spec.over_s);
        thresholds->count++;
    }
    return thresholds;
}

void thresholds_free(struct thresholds *thresholds)
{
    if (!thresholds)
        return;
    for (size_t i = 0; i < thresholds->count; i++) {
        threshold_spec_fini(&thresholds->items[i].spec);
        recent_free(thresholds->items[i].recent);
    }
    free(thresholds->items);
    free(thresholds);
}

size_t thresholds_count(const struct thresholds *thresholds)
{
    return thresholds ? thresholds->count : 0;
}

const struct threshold *thresholds_at(const struct thresholds *thresholds, size_t index)
{
    return &thresholds->items[index];
}

size_t thresholds_count_in(const struct thresholds *thresholds, enum threshold_state state)
{
    size_t count = 0;

    for (size_t i = 0; i < thresholds_count(thresholds); i++)
        count += thresholds->items[i].state == state;
    return count;
}

const struct threshold *thresholds_find_end(const struct thresholds *thresholds)
{
    for (size_t i = 0; i < thresholds_count(thresholds); i++) {
        if (thresholds->items[i].has_ended_run)
            return &thresholds->items[i];
    }
    return NULL;
}

int thresholds_check_time(const struct thresholds *thresholds, uint64_t warm_up_ns,
                          uint64_t run_time_ns, struct err *err)
{
    for (size_t i = 0; i < thresholds_count(thresholds); i++) {
        const struct threshold_spec *spec = &thresholds->items[i].spec;
        uint64_t first_ns = spec->after_ns > warm_up_ns ? spec->after_ns : warm_up_ns;
        uint64_t needed_ns = clock_add_ns(first_ns, spec->over_s * CLOCK_NS_PER_S);
        char run_time[UNITS_TEXT_BYTES], needed[UNITS_TEXT_BYTES];

        if (spec->over_s == 0 || needed_ns <= run_time_ns)
            continue;
        err_set(err, ERR_USAGE,
                "a run of %s has no whole window for '%.100s: %.100s': its first ends after %s",
                units_format_duration(run_time_ns, run_time), spec->name, spec->expression,
                units_format_duration(needed_ns, needed));
        return -1;
    }
    return 0;
}

int thresholds_check_stages(const struct thresholds *thresholds, uint32_t stage_count,
                            struct err *err)
{
    for (size_t i = 0; i < thresholds_count(thresholds); i++) {
        const struct threshold_spec *spec = &thresholds->items[i].spec;

        if (spec->stage <= stage_count)
            continue;
        if (stage_count == 0)
            err_set(err, ERR_USAGE, "column %zu of '%.100s: %.100s': the run has no stages",
                    spec->stage_column, spec->name, spec->expression);
        else
            err_set(err, ERR_USAGE,
                    "column %zu of '%.100s: %.100s': there is no stage %" PRIu32
                    ", the last is %" PRIu32,
                    spec->stage_column, spec->name, spec->expression, spec->stage, stage_count);
        return -1;
    }
    return 0;
}

/* --- values --- */

static double trend_value(const struct threshold_spec *spec, const struct hist *trend)
{
    static const double THOUSANDTHS = 1000; /* us are shown as ms, thousandths a second as 1/s */

    switch (spec->aggregate) {
    case THRESHOLD_COUNT:
        return (double)hist_count(trend);
    case THRESHOLD_MEAN:
        return hist_mean(trend) / THOUSANDTHS;
    case THRESHOLD_MIN:
        return (double)hist_min(trend) / THOUSANDTHS;
    case THRESHOLD_MAX:
        return (double)hist_max(trend) / THOUSANDTHS;
    case THRESHOLD_PERCENTILE:
        return (double)hist_percentile(trend, spec->percentile) / THOUSANDTHS;
    case THRESHOLD_AGGREGATE_NONE:
    case THRESHOLD_RATE:
    case THRESHOLD_VALUE:
        break;
    }
    return 0;
}

/* What `set` has of it over `length_ns`; NaN: not measured. */
static double value_of(const struct threshold_spec *spec, const struct stat_set *set,
                       const char *tag, uint64_t length_ns)
{
    double seconds = (double)length_ns / (double)CLOCK_NS_PER_S, value, min, max;
    const struct hist *trend;
    uint64_t passes, fails;

    switch (metric_info(spec->metric)->kind) {
    case METRIC_KIND_NONE:
        break;
    case METRIC_COUNTER:
        value = (double)stat_get_count(set, spec->metric, tag);
        if (spec->aggregate == THRESHOLD_COUNT)
            return value;
        return length_ns > 0 ? value / seconds : (double)NAN;
    case METRIC_GAUGE:
        if (!stat_get_gauge(set, spec->metric, tag, &value, &min, &max))
            break;
        return spec->aggregate == THRESHOLD_MIN   ? min
               : spec->aggregate == THRESHOLD_MAX ? max
                                                  : value;
    case METRIC_RATE:
        stat_get_rate(set, spec->metric, tag, &passes, &fails);
        if (passes > 0 || fails > 0)
            return (double)passes / ((double)passes + (double)fails);
        break;
    case METRIC_TREND:
        trend = stat_get_trend(set, spec->metric, tag);
        if (trend)
            return trend_value(spec, trend);
        break;
    }
    return (double)NAN;
}

/* An endpoint by its name, or by method and name, as the result has them. */
static bool is_endpoint(const struct stats *stats, size_t index, const char *wanted)
{
    const char *method = stats_endpoint_method(stats, index);
    const char *name = stats_endpoint_name(stats, index);
    size_t len = strlen(method);

    return strcmp(wanted, name) == 0 || (len > 0 && strncmp(wanted, method, len) == 0 &&
                                         wanted[len] == ' ' && strcmp(wanted + len + 1, name) == 0);
}

static bool has_endpoint(const struct stats *stats, const char *wanted)
{
    for (size_t i = 0; i < stats_endpoint_count(stats); i++) {
        if (is_endpoint(stats, i, wanted))
            return true;
    }
    return false;
}

/* What it is judged on over the whole run, or the whole stage so far. */
struct whole {
    const struct stat_set *set; /* NULL: it was never seen, or has not begun */
    const char *tag;
    uint64_t length_ns;
    struct stat_set *sum; /* owned: of one endpoint that is asked with several methods, perhaps */
};

static struct stat_set *sum_endpoint(const struct stats *stats, const char *wanted)
{
    struct stat_set *sum = stat_set_new();

    for (size_t i = 0; i < stats_endpoint_count(stats); i++) {
        if (is_endpoint(stats, i, wanted))
            stat_set_merge(sum, stats_endpoint_set(stats, i));
    }
    return sum;
}

/* The caller ends it with whole_fini. */
static struct whole whole_of(const struct threshold_spec *spec, const struct run *run)
{
    struct whole whole = {.length_ns = run_measured_ns(run)};

    if (spec->stage > run->stage_count)
        return whole;
    if (spec->stage > 0) {
        const struct run_stage *stage = &run->stages[spec->stage - 1];

        whole.set = stage->set;
        whole.length_ns = run_stage_measured_ns(run, stage);
    } else if (!spec->endpoint) {
        whole.set = run->total;
        whole.tag = spec->tag;
    } else if (has_endpoint(run->stats, spec->endpoint)) {
        whole.set = whole.sum = sum_endpoint(run->stats, spec->endpoint);
    }
    return whole;
}

static void whole_fini(struct whole *whole)
{
    stat_set_free(whole->sum);
}

/* --- judgement --- */

static bool holds(const struct threshold_spec *spec, double value)
{
    bool is_less = value<spec->bound, is_greater = value> spec->bound;

    switch (spec->comparison) {
    case THRESHOLD_LESS:
        return is_less;
    case THRESHOLD_LESS_EQUAL:
        return !is_greater;
    case THRESHOLD_GREATER:
        return is_greater;
    case THRESHOLD_GREATER_EQUAL:
        return !is_less;
    case THRESHOLD_EQUAL:
        return !is_less && !is_greater;
    case THRESHOLD_NOT_EQUAL:
        return is_less || is_greater;
    case THRESHOLD_COMPARISON_NONE:
        break;
    }
    return false;
}

/* How far on the wrong side of the bound. */
static double badness(const struct threshold_spec *spec, double value)
{
    switch (spec->comparison) {
    case THRESHOLD_LESS:
    case THRESHOLD_LESS_EQUAL:
        return value - spec->bound;
    case THRESHOLD_GREATER:
    case THRESHOLD_GREATER_EQUAL:
        return spec->bound - value;
    case THRESHOLD_EQUAL:
        return fabs(value - spec->bound);
    case THRESHOLD_NOT_EQUAL:
        return -fabs(value - spec->bound);
    case THRESHOLD_COMPARISON_NONE:
        break;
    }
    return 0;
}

/* `measured` may be NaN; `value` may not. */
static enum threshold_state judge_value(const struct threshold_spec *spec, double measured,
                                        double *value)
{
    *value = isnan(measured) ? 0 : measured;
    if (isnan(measured))
        return THRESHOLD_NOT_MEASURED;
    return holds(spec, measured) ? THRESHOLD_HELD : THRESHOLD_CROSSED;
}

enum threshold_state threshold_judge_set(const struct threshold_spec *spec,
                                         const struct stat_set *set, uint64_t length_ns,
                                         double *value)
{
    return judge_value(spec, value_of(spec, set, spec->tag, length_ns), value);
}

static void judge_whole(struct threshold *threshold, const struct run *run)
{
    const struct threshold_spec *spec = &threshold->spec;
    struct whole whole;
    double value = (double)NAN;

    if (threshold->has_ended_run)
        return;
    whole = whole_of(spec, run);
    if (whole.set)
        value = value_of(spec, whole.set, whole.tag, whole.length_ns);
    threshold->state = judge_value(spec, value, &threshold->value);
    if (threshold->state == THRESHOLD_HELD && !threshold_basis_is_there(spec->metric, whole.set))
        threshold->state = THRESHOLD_NOT_MEASURED;
    whole_fini(&whole);
}

static void judge_window(struct threshold *threshold, const struct run *run)
{
    const struct threshold_spec *spec = &threshold->spec;
    size_t seconds = run->series.count;
    double value;

    /* A window counts once it is whole, and when it begins after `after`. */
    if (seconds < spec->over_s ||
        (seconds - spec->over_s) * CLOCK_NS_PER_S + run->info.warm_up_ns < spec->after_ns ||
        (spec->endpoint && !has_endpoint(run->stats, spec->endpoint)))
        return;
    value =
        value_of(spec, recent_window(threshold->recent), NULL, recent_length_ns(threshold->recent));
    if (isnan(value))
        return;
    if (threshold->state == THRESHOLD_NOT_MEASURED ||
        badness(spec, value) > badness(spec, threshold->value))
        threshold->value = value;
    if (holds(spec, value)) {
        if (threshold->state == THRESHOLD_NOT_MEASURED)
            threshold->state = THRESHOLD_HELD;
        return;
    }
    if (threshold->state != THRESHOLD_CROSSED)
        threshold->crossed_ns = run->info.duration_ns;
    threshold->state = THRESHOLD_CROSSED;
}

static void move_window(struct threshold *threshold, const struct run *run)
{
    const struct threshold_spec *spec = &threshold->spec;
    size_t last = run->series.count - 1;
    double warm_up_s = (double)run->info.warm_up_ns / (double)CLOCK_NS_PER_S;
    double length_s = run->series.t_s[last] - (last > 0 ? run->series.t_s[last - 1] : warm_up_s);

    if (metric_info(spec->metric)->kind == METRIC_GAUGE) {
        if (!run->info.is_stopping && !spec->endpoint)
            recent_add(threshold->recent, run->total, spec->tag);
    } else if (!spec->endpoint) {
        recent_add(threshold->recent, run_last_second(run), spec->tag);
    }
    recent_close_second(threshold->recent, (uint64_t)(length_s * (double)CLOCK_NS_PER_S + 0.5));
}

void thresholds_add(struct thresholds *thresholds, const struct stats *delta)
{
    for (size_t i = 0; i < thresholds_count(thresholds); i++) {
        struct threshold *threshold = &thresholds->items[i];

        if (!threshold->recent || !threshold->spec.endpoint)
            continue;
        for (size_t j = 0; j < stats_endpoint_count(delta); j++) {
            if (is_endpoint(delta, j, threshold->spec.endpoint))
                recent_add(threshold->recent, stats_endpoint_set(delta, j), NULL);
        }
    }
}

/* False when there is no new second. */
static bool judge(struct thresholds *thresholds, const struct run *run)
{
    bool is_new = run->series.count > thresholds->seconds;

    thresholds->seconds = run->series.count;
    for (size_t i = 0; i < thresholds->count; i++) {
        struct threshold *threshold = &thresholds->items[i];

        if (!threshold->recent)
            judge_whole(threshold, run);
        else if (is_new) {
            move_window(threshold, run);
            judge_window(threshold, run);
        }
    }
    return is_new;
}

bool thresholds_judge_second(struct thresholds *thresholds, const struct run *run)
{
    bool is_end = false;

    if (!thresholds || !judge(thresholds, run))
        return false;
    for (size_t i = 0; i < thresholds->count; i++) {
        struct threshold *threshold = &thresholds->items[i];

        if (!threshold->spec.aborts || threshold->state != THRESHOLD_CROSSED ||
            run->info.duration_ns < threshold->spec.after_ns)
            continue;
        threshold->has_ended_run = true;
        threshold->crossed_ns = run->info.duration_ns;
        is_end = true;
    }
    return is_end;
}

/* Windows in which nothing could be counted held it: that shows at the end. */
static void doubt_windows(struct threshold *threshold, const struct run *run)
{
    struct whole whole = whole_of(&threshold->spec, run);

    if (threshold->state == THRESHOLD_HELD && whole.set &&
        !threshold_basis_is_there(threshold->spec.metric, whole.set)) {
        threshold->state = THRESHOLD_NOT_MEASURED;
        threshold->value = 0;
    }
    whole_fini(&whole);
}

void thresholds_finish(struct thresholds *thresholds, const struct run *run)
{
    if (!thresholds)
        return;
    (void)judge(thresholds, run);
    for (size_t i = 0; i < thresholds->count; i++) {
        if (thresholds->items[i].recent)
            doubt_windows(&thresholds->items[i], run);
    }
}

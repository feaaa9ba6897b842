#include "verdict/limit_judge.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "verdict/threshold.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { OWN_RULES = 2 };

/* Users who are turned away are told by the first. */
static const struct {
    enum metric metric;
    const char *text;
} own_rules[OWN_RULES] = {{METRIC_SSE_CONNECT_SUCCESS, "sse_connect_success: rate>0.99"},
                          {METRIC_SSE_STREAM_SUCCESS, "sse_stream_success: rate>0.99"}};

static const enum metric time_metrics[LIMIT_TIME_COUNT] = {
    [LIMIT_CONNECTING] = METRIC_SSE_CONNECTING,
    [LIMIT_TTFE] = METRIC_SSE_TTFE,
    [LIMIT_GAP] = METRIC_SSE_EVENT_GAP,
    [LIMIT_LATENCY] = METRIC_SSE_EVENT_LATENCY};

struct limit_rules {
    struct threshold_spec *specs;
    char **texts;
    size_t count;
    /* A threshold says how many may be turned away, and none says what comes of streams: the last
     * rule, our own, judges those alone that opened. */
    bool judges_opened;
    bool has_bound[LIMIT_TIME_COUNT]; /* a threshold says how long it may take: no knee does */
};

/* --- rules --- */

static int check_spec(const struct threshold_spec *spec, struct err *err)
{
    const char *part = spec->over_s > 0     ? "'over'"
                       : spec->after_ns > 0 ? "'after'"
                       : spec->aborts       ? "'abort'"
                       : spec->stage > 0    ? "a stage"
                       : spec->endpoint     ? "an endpoint"
                                            : NULL;

    if (!part)
        return 0;
    err_set(err, ERR_USAGE,
            "'%.100s: %.100s' has %s, and with --find-limit each step is judged as a whole",
            spec->name, spec->expression, part);
    return -1;
}

static void note_times(struct limit_rules *rules, enum metric metric)
{
    bool is_of_start = metric == METRIC_SSE_TTFE || metric == METRIC_SSE_FIRST_BYTE ||
                       metric == METRIC_SSE_CONNECTING;

    if (is_of_start)
        rules->has_bound[LIMIT_CONNECTING] = rules->has_bound[LIMIT_TTFE] = true;
    if (metric == METRIC_SSE_EVENT_LATENCY)
        rules->has_bound[LIMIT_LATENCY] = true;
}

static int add_rule(struct limit_rules *rules, const char *text, struct err *err)
{
    struct threshold_spec *spec = &rules->specs[rules->count];

    if (threshold_parse(text, spec, err) < 0)
        return -1;
    rules->texts[rules->count++] = x_asprintf("%s: %s", spec->name, spec->expression);
    note_times(rules, spec->metric);
    return check_spec(spec, err);
}

static int add_rules(struct limit_rules *rules, const char *const *texts, size_t count,
                     struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (add_rule(rules, texts[i], err) < 0)
            return -1;
    }
    return 0;
}

static bool are_about(const struct limit_rules *rules, enum metric metric)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (rules->specs[i].metric == metric)
            return true;
    }
    return false;
}

static int add_own_rules(struct limit_rules *rules, struct err *err)
{
    rules->judges_opened = are_about(rules, METRIC_SSE_CONNECT_SUCCESS) &&
                           !are_about(rules, METRIC_SSE_STREAM_SUCCESS);
    for (size_t i = 0; i < OWN_RULES; i++) {
        if (!are_about(rules, own_rules[i].metric) && add_rule(rules, own_rules[i].text, err) < 0)
            return -1;
    }
    return 0;
}

struct limit_rules *limit_rules_new(const char *const *texts, size_t count, struct err *err)
{
    struct limit_rules *rules = x_calloc(1, sizeof *rules);

    rules->specs = x_calloc(count + OWN_RULES, sizeof *rules->specs);
    rules->texts = x_calloc(count + OWN_RULES, sizeof *rules->texts);
    if (add_rules(rules, texts, count, err) < 0 || add_own_rules(rules, err) < 0) {
        limit_rules_free(rules);
        return NULL;
    }
    return rules;
}

void limit_rules_free(struct limit_rules *rules)
{
    if (!rules)
        return;
    for (size_t i = 0; i < rules->count; i++) {
        threshold_spec_fini(&rules->specs[i]);
        free(rules->texts[i]);
    }
    free(rules->specs);
    free(rules->texts);
    free(rules);
}

size_t limit_rules_count(const struct limit_rules *rules)
{
    return rules->count;
}

const char *limit_rules_at(const struct limit_rules *rules, size_t index)
{
    return rules->texts[index];
}

/* --- what was measured, and what is known beside it --- */

static uint32_t rest_of(uint32_t all, uint64_t part)
{
    return part < all ? all - (uint32_t)part : 0;
}

uint32_t limit_count_unanswered(const struct limit_figures *figures)
{
    uint64_t passes, fails;

    stat_get_rate(figures->set, METRIC_SSE_CONNECT_SUCCESS, NULL, &passes, &fails);
    return rest_of(figures->fresh, passes + fails);
}

/* Of a step that is cut short nobody has waited for long. */
static bool has_waited(const struct limit_figures *figures)
{
    return figures->waited_ns >= LIMIT_PATIENCE_S * CLOCK_NS_PER_S;
}

static uint32_t count_overdue(const struct limit_figures *figures)
{
    return has_waited(figures) ? limit_count_unanswered(figures) : 0;
}

static uint64_t count_of(const struct hist *trend)
{
    return trend ? hist_count(trend) : 0;
}

/* Users new in this step that have not failed and wait for their first event. */
static uint32_t count_without_event(const struct limit_figures *figures)
{
    uint64_t passes, fails, events;

    if (!has_waited(figures))
        return 0;
    stat_get_rate(figures->set, METRIC_SSE_CONNECT_SUCCESS, NULL, &passes, &fails);
    events = count_of(stat_get_trend(figures->set, METRIC_SSE_TTFE, NULL));
    return rest_of(figures->fresh, fails + events);
}

static void add_waits(struct stat_set *set, enum metric metric, uint64_t ns, uint32_t count)
{
    static const char *const tags[] = {NULL, "phase:first"};

    for (size_t i = 0; count > 0 && i < sizeof tags / sizeof tags[0]; i++) {
        struct hist *trend = stat_trend(set, metric, tags[i]);

        if (trend)
            hist_record_many(trend, ns / CLOCK_NS_PER_US, count);
    }
}

static struct stat_set *complete(const struct limit_figures *figures)
{
    struct stat_set *set = stat_set_new();
    uint32_t overdue = count_overdue(figures);

    stat_set_merge(set, figures->set);
    if (overdue > 0) {
        stat_passes(set, METRIC_SSE_CONNECT_SUCCESS, NULL, 0, overdue);
        stat_passes(set, METRIC_SSE_CONNECT_SUCCESS, "phase:first", 0, overdue);
    }
    stat_passes(set, METRIC_SSE_STREAM_SUCCESS, NULL, figures->open, overdue);
    add_waits(set, METRIC_SSE_CONNECTING, figures->waited_ns, overdue);
    add_waits(set, METRIC_SSE_TTFE, figures->waited_ns, count_without_event(figures));
    stat_gauge(set, METRIC_USERS, NULL, figures->users);
    stat_gauge(set, METRIC_SSE_OPEN, NULL, figures->open);
    return set;
}

/* Shares of success as `spec`, rule number `index`, is to see them: `rest` more may succeed. */
static void put_success(struct stat_set *to, const struct limit_rules *rules, size_t index,
                        const struct limit_figures *figures, uint32_t rest)
{
    enum metric metric = rules->specs[index].metric;
    uint64_t passes, fails, connects, refusals;
    bool is_of_opened = rules->judges_opened && index + 1 == rules->count;

    stat_get_rate(figures->set, metric, NULL, &passes, &fails);
    stat_get_rate(figures->set, METRIC_SSE_CONNECT_SUCCESS, NULL, &connects, &refusals);
    if (metric == METRIC_SSE_STREAM_SUCCESS)
        passes += figures->open;
    if (is_of_opened)
        fails -= refusals < fails ? refusals : fails;
    stat_passes(to, metric, NULL, passes + rest, fails);
}

static bool is_about_success(const struct threshold_spec *spec)
{
    return !spec->tag && (spec->metric == METRIC_SSE_CONNECT_SUCCESS ||
                          spec->metric == METRIC_SSE_STREAM_SUCCESS);
}

bool limit_is_lost(const struct limit_rules *rules, const struct limit_figures *figures)
{
    uint32_t rest = limit_count_unanswered(figures);
    bool is_lost = false;

    for (size_t i = 0; i < rules->count && !is_lost; i++) {
        struct stat_set *best;
        double value;

        if (!is_about_success(&rules->specs[i]))
            continue;
        best = stat_set_new();
        put_success(best, rules, i, figures, rest);
        is_lost = threshold_judge_set(&rules->specs[i], best, figures->length_ns, &value) ==
                  THRESHOLD_CROSSED;
        stat_set_free(best);
    }
    return is_lost;
}

/* --- judgement --- */

static double p95_ms(const struct stat_set *set, enum limit_time time)
{
    const struct hist *trend = stat_get_trend(set, time_metrics[time], NULL);

    return count_of(trend) > 0 ? (double)hist_percentile(trend, 95) / 1000 : (double)NAN;
}

static double share_of(const struct stat_set *set, enum metric metric)
{
    uint64_t passes, fails;

    stat_get_rate(set, metric, NULL, &passes, &fails);
    return passes + fails > 0 ? (double)passes / (double)(passes + fails) : (double)NAN;
}

static void put_value(struct buf *out, double value, enum threshold_unit unit)
{
    bool is_bare = unit == THRESHOLD_UNIT_COUNT || unit == THRESHOLD_UNIT_SHARE;

    (void)buf_appendf(out, fabs(value) >= 100 ? "%.0f" : "%.3g", value);
    if (!is_bare)
        (void)buf_appendf(out, " %s", threshold_unit_name(unit));
}

/* Who failed, where a rule is about that. */
static void put_failures(struct buf *out, const struct limit_figures *figures)
{
    uint32_t overdue = count_overdue(figures);

    if (figures->cause)
        (void)buf_appendf(out, " (%s)", figures->cause);
    if (overdue > 0)
        (void)buf_appendf(out, " (%" PRIu32 " of %" PRIu32 " unanswered after %.0f s)", overdue,
                          figures->fresh, (double)figures->waited_ns / (double)CLOCK_NS_PER_S);
}

/* Is this rule's failure one that cicada's own delay can make? Answers are counted rightly. */
static bool may_be_ours(const struct limit_figures *figures, bool is_of_times)
{
    uint64_t passes, fails;

    stat_get_rate(figures->set, METRIC_SSE_CONNECT_SUCCESS, NULL, &passes, &fails);
    return figures->is_saturated && (is_of_times || count_overdue(figures) > fails);
}

static void set_broken(struct limit_step *step, const struct buf *text, bool is_ours,
                       double own_lag_ms)
{
    step->has_held = false;
    step->is_ours = is_ours;
    if (is_ours)
        step->broken = x_asprintf("generator-saturated: its own lag is %.0f ms at p99, so that %s "
                                  "may be its own doing",
                                  own_lag_ms, (const char *)text->bytes);
    else
        step->broken = x_strdup((const char *)text->bytes);
}

static enum threshold_state judge_spec(const struct limit_rules *rules, size_t index,
                                       const struct stat_set *set,
                                       const struct limit_figures *figures, double *value)
{
    const struct threshold_spec *spec = &rules->specs[index];
    struct stat_set *opened;
    enum threshold_state state;

    if (!rules->judges_opened || index + 1 < rules->count)
        return threshold_judge_set(spec, set, figures->length_ns, value);
    opened = stat_set_new();
    put_success(opened, rules, index, figures, 0);
    state = threshold_judge_set(spec, opened, figures->length_ns, value);
    stat_set_free(opened);
    return state == THRESHOLD_NOT_MEASURED ? THRESHOLD_HELD : state; /* see judge_open */
}

static bool judge_rule(const struct limit_rules *rules, size_t index, const struct stat_set *set,
                       const struct limit_figures *figures, struct limit_step *step)
{
    const struct threshold_spec *spec = &rules->specs[index];
    bool is_of_times = metric_info(spec->metric)->kind == METRIC_TREND;
    double value;
    enum threshold_state state = judge_spec(rules, index, set, figures, &value);
    struct buf text = {0};

    if (state == THRESHOLD_HELD)
        return true;
    (void)buf_appendf(&text, "%s is ", rules->texts[index]);
    if (state == THRESHOLD_NOT_MEASURED)
        (void)buf_append_text(&text, "not measured");
    else
        put_value(&text, value, spec->unit);
    if (spec->metric == METRIC_SSE_CONNECT_SUCCESS || spec->metric == METRIC_SSE_STREAM_SUCCESS)
        put_failures(&text, figures);
    (void)buf_text(&text);
    set_broken(step, &text, may_be_ours(figures, is_of_times), figures->own_lag_ms);
    step->is_of_time = is_of_times && state == THRESHOLD_CROSSED;
    buf_fini(&text);
    return false;
}

/* Whatever the thresholds allow: where nobody got a stream nothing was held. */
static void judge_open(const struct limit_figures *figures, struct limit_step *step)
{
    struct buf text = {0};
    uint64_t passes, fails;

    stat_get_rate(figures->set, METRIC_SSE_CONNECT_SUCCESS, NULL, &passes, &fails);
    if (!step->has_held || passes > 0)
        return;
    (void)buf_appendf(&text, "none of %" PRIu32 " new users got a stream", figures->fresh);
    put_failures(&text, figures);
    (void)buf_text(&text);
    set_broken(step, &text, may_be_ours(figures, false), figures->own_lag_ms);
    buf_fini(&text);
}

/*
 * A first event is waited for until the source has one: no longer than it usually takes from one to
 * the next is no sign of the service giving way.
 */
static bool is_past_knee(const struct limit *limit, const struct limit_step *step,
                         enum limit_time time)
{
    double value_ms = step->p95_ms[time], ease_ms = limit_ease_ms(limit, time);
    double gap_ms = limit_ease_ms(limit, LIMIT_GAP);

    double least_ms = time == LIMIT_CONNECTING ? LIMIT_KNEE_CONNECTING_MS : LIMIT_KNEE_MS;

    if (isnan(value_ms) || isnan(ease_ms) || value_ms <= LIMIT_KNEE_TIMES * ease_ms ||
        value_ms < ease_ms + least_ms)
        return false;
    return time != LIMIT_TTFE || (!isnan(gap_ms) && value_ms > gap_ms);
}

static void judge_knees(const struct limit_rules *rules, const struct limit *limit,
                        const struct limit_figures *figures, struct limit_step *step)
{
    static const enum limit_time times[] = {LIMIT_CONNECTING, LIMIT_TTFE, LIMIT_LATENCY};

    for (size_t i = 0; i < sizeof times / sizeof times[0] && step->has_held; i++) {
        struct buf text = {0};

        if (rules->has_bound[times[i]] || !is_past_knee(limit, step, times[i]))
            continue;
        (void)buf_appendf(&text, "knee of %s: p(95) is ",
                          metric_info(time_metrics[times[i]])->name);
        put_value(&text, step->p95_ms[times[i]], THRESHOLD_UNIT_MS);
        (void)buf_append_text(&text, ", with few users ");
        put_value(&text, limit_ease_ms(limit, times[i]), THRESHOLD_UNIT_MS);
        (void)buf_text(&text);
        set_broken(step, &text, figures->is_saturated, figures->own_lag_ms);
        step->is_doubtful = !step->is_ours;
        step->is_of_time = true;
        buf_fini(&text);
    }
}

static struct limit_step describe(const struct limit_figures *figures, const struct stat_set *set)
{
    double length_s = (double)figures->length_ns / (double)CLOCK_NS_PER_S;
    uint64_t events = stat_get_count(set, METRIC_SSE_EVENTS, NULL);

    struct limit_step step = {
        .users = figures->users,
        .has_held = true,
        .at_s = figures->at_s,
        .length_s = length_s,
        .open = figures->open,
        .attempts = stat_get_count(set, METRIC_SSE_ATTEMPTS, NULL),
        .unanswered = count_overdue(figures),
        .connect_success = share_of(set, METRIC_SSE_CONNECT_SUCCESS),
        .stream_success = share_of(set, METRIC_SSE_STREAM_SUCCESS),
        .events_per_s = length_s > 0 ? (double)events / length_s : 0,
    };

    for (int i = 0; i < LIMIT_TIME_COUNT; i++)
        step.p95_ms[i] = p95_ms(set, (enum limit_time)i);
    return step;
}

struct limit_step limit_judge(const struct limit_rules *rules, const struct limit *limit,
                              const struct limit_figures *figures)
{
    struct stat_set *set = complete(figures);
    struct limit_step step = describe(figures, set);
    size_t i = 0;

    while (i < rules->count && judge_rule(rules, i, set, figures, &step))
        i++;
    judge_open(figures, &step);
    judge_knees(rules, limit, figures, &step);
    stat_set_free(set);
    return step;
}

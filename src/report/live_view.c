#include "report/live_view.h"

#include "base/clock.h"
#include "report/figures.h"
#include "report/live_limit.h"
#include "report/live_rows.h"
#include "report/live_stages.h"
#include "report/live_storms.h"
#include "report/threshold_view.h"
#include "verdict/findings.h"
#include "verdict/threshold.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_COLUMNS = 14, TOP_CLASSES = 3, BAR_COLUMNS_MAX = 40 };

static const char colour_bold[] = "1", colour_green[] = "32", colour_red[] = "31";
static const char colour_yellow[] = "33", colour_plain[] = "";

/* One line, cut at the width: what wraps would break the next redraw. */
static void __attribute__((format(printf, 5, 6)))
put_line(struct buf *out, const struct live_view *view, const char *colour, const char *label,
         const char *format, ...)
{
    bool is_coloured = view->has_colour && *colour;
    struct buf line = {0};
    va_list args;

    if (*label)
        (void)buf_appendf(&line, "%-*s", LABEL_COLUMNS, label);
    va_start(args, format);
    (void)buf_vappendf(&line, format, args);
    va_end(args);
    if (is_coloured)
        (void)buf_appendf(out, "\x1b[%sm", colour);
    (void)figures_append_clean(out, buf_text(&line), view->columns);
    (void)buf_append_text(out, is_coloured ? "\x1b[0m\n" : "\n");
    buf_fini(&line);
}

static void put_title(struct buf *out, const struct run *run, const struct live_view *view)
{
    const char *state = run->info.is_stopping     ? " (stopping)"
                        : run->info.is_warming_up ? " (warming up)"
                                                  : "";
    size_t rest = view->columns - strlen("cicada  ") - strlen(state);
    struct buf target = {0};

    (void)figures_append_clean(&target, run->info.target ? run->info.target : "", rest);
    put_line(out, view, colour_bold, "", "cicada  %s%s", buf_text(&target), state);
    buf_fini(&target);
}

/* Whole seconds, so that the line does not flicker. */
static const char *format_seconds(uint64_t ns, char text[static UNITS_TEXT_BYTES])
{
    return units_format_duration(ns / CLOCK_NS_PER_S * CLOCK_NS_PER_S, text);
}

static void put_progress(struct buf *out, const struct run *run, const struct live_view *view)
{
    const struct run_info *info = &run->info;
    char elapsed[UNITS_TEXT_BYTES], planned[UNITS_TEXT_BYTES], left[UNITS_TEXT_BYTES];
    char bar[BAR_COLUMNS_MAX + 1];
    size_t width = view->columns > 72 ? BAR_COLUMNS_MAX : view->columns / 3, done;
    uint64_t done_ns;

    (void)format_seconds(info->duration_ns, elapsed);
    if (info->planned_ns == CLOCK_NEVER_NS || info->planned_ns == 0) {
        put_line(out, view, colour_plain, "", "%s, until %s (Ctrl-C)", elapsed,
                 view->limit ? "the limit is found" : "stopped");
        return;
    }
    done_ns = info->duration_ns < info->planned_ns ? info->duration_ns : info->planned_ns;
    done = (size_t)((double)width * (double)done_ns / (double)info->planned_ns);
    memset(bar, '-', width);
    memset(bar, '#', done < width ? done : width);
    bar[width] = '\0';
    /* A second that has begun is still to come. */
    (void)format_seconds(info->planned_ns - done_ns + CLOCK_NS_PER_S - 1, left);
    put_line(out, view, colour_plain, "", "[%s] %s of %s, %s left", bar, elapsed,
             format_seconds(info->planned_ns, planned), left);
}

/* Until a script has opened a stream, what it counts says more. */
static bool has_streams(const struct run *run)
{
    return rows_count(stats_rows(run->stats)) == 0 || run_has_attempts(run);
}

static void put_users(struct buf *out, const struct run *run, const struct live_view *view)
{
    const struct run_info *info = &run->info;
    char users[UNITS_TEXT_BYTES], planned[UNITS_TEXT_BYTES], rate[UNITS_TEXT_BYTES];

    (void)units_format_count(figures_users(run), users);
    (void)units_format_count(info->users_planned, planned);
    if (info->arrivals_per_s > 0)
        put_line(out, view, colour_plain, "users", "%s, %s a second arrive, %s at once allowed",
                 users, figures_number(info->arrivals_per_s, rate), planned);
    else if (view->limit)
        put_line(out, view, colour_plain, "users", "%s, %s allowed", users, planned);
    else
        put_line(out, view, colour_plain, "users", "%s of %s", users, planned);
}

static void put_load(struct buf *out, const struct run *run, const struct live_view *view)
{
    char open[UNITS_TEXT_BYTES], rate[UNITS_TEXT_BYTES], total[UNITS_TEXT_BYTES];
    uint64_t recent = stat_get_count(run->window, METRIC_SSE_EVENTS, NULL);

    put_users(out, run, view);
    if (!has_streams(run))
        return;
    put_line(out, view, colour_green, "open streams", "%s",
             units_format_count(figures_open(run), open));
    if (run->info.is_warming_up)
        put_line(out, view, colour_plain, "events", "not counted yet");
    else
        put_line(out, view, colour_plain, "events", "%s/s, %s in all",
                 figures_number(figures_per_s(recent, run->window_s), rate),
                 units_format_count(stat_get_count(run->total, METRIC_SSE_EVENTS, NULL), total));
}

/* The last seconds where they have samples, else the whole run, and says which. */
static const struct hist *choose_trend(const struct run *run, enum metric metric,
                                       const char **result_span)
{
    const struct hist *hist = stat_get_trend(run->window, metric, NULL);

    *result_span = "last 10 s";
    if (hist && hist_count(hist) > 0)
        return hist;
    *result_span = "whole run";
    hist = stat_get_trend(run->total, metric, NULL);
    return hist && hist_count(hist) > 0 ? hist : NULL;
}

static void put_times(struct buf *out, const struct run *run, const struct live_view *view)
{
    char p50[UNITS_TEXT_BYTES], p95[UNITS_TEXT_BYTES], p99[UNITS_TEXT_BYTES];
    const char *span;
    const struct hist *hist = choose_trend(run, METRIC_SSE_TTFE, &span);

    if (hist)
        put_line(out, view, colour_plain, "first event", "p50 %s  p95 %s  p99 %s ms  (%s)",
                 figures_number(figures_trend(hist_percentile(hist, 50)), p50),
                 figures_number(figures_trend(hist_percentile(hist, 95)), p95),
                 figures_number(figures_trend(hist_percentile(hist, 99)), p99), span);
    else
        put_line(out, view, colour_plain, "first event", "none yet");
    hist = choose_trend(run, METRIC_SSE_EVENT_GAP, &span);
    if (hist)
        put_line(out, view, colour_plain, "event gap", "p50 %s  p95 %s ms  (%s)",
                 figures_number(figures_trend(hist_percentile(hist, 50)), p50),
                 figures_number(figures_trend(hist_percentile(hist, 95)), p95), span);
    else
        put_line(out, view, colour_plain, "event gap", "none yet");
}

/* Of language models only. */
static void put_tokens(struct buf *out, const struct run *run, const struct live_view *view)
{
    char p50[UNITS_TEXT_BYTES], p95[UNITS_TEXT_BYTES];
    const char *span;
    const struct hist *hist = choose_trend(run, METRIC_SSE_TTFT, &span);

    if (hist)
        put_line(out, view, colour_plain, "first token", "p50 %s  p95 %s ms  (%s)",
                 figures_number(figures_trend(hist_percentile(hist, 50)), p50),
                 figures_number(figures_trend(hist_percentile(hist, 95)), p95), span);
    hist = choose_trend(run, METRIC_SSE_TOKENS_PER_S, &span);
    if (hist)
        put_line(out, view, colour_plain, "tokens/s", "p50 %s  slowest %s of an answer  (%s)",
                 figures_number(figures_trend(hist_percentile(hist, 50)), p50),
                 figures_number(figures_trend(hist_min(hist)), p95), span);
}

/* Nothing without --event-time. */
static void put_latency(struct buf *out, const struct run *run, const struct live_view *view)
{
    const struct stat_set *total = run->total;
    uint64_t timed = stat_get_count(total, METRIC_SSE_TIMED, NULL);
    uint64_t untimed = stat_get_count(total, METRIC_SSE_UNTIMED, NULL);
    uint64_t stale = stat_get_count(total, METRIC_SSE_STALE, NULL);
    const struct hist *replayed =
        stat_get_trend(total, METRIC_SSE_EVENT_LATENCY, "delivery:replay");
    char p50[UNITS_TEXT_BYTES], p95[UNITS_TEXT_BYTES], p99[UNITS_TEXT_BYTES];
    const char *span;
    const struct hist *hist = choose_trend(run, METRIC_SSE_EVENT_LATENCY, &span);

    if (timed + untimed == 0)
        return;
    if (hist)
        put_line(out, view, colour_plain, "latency", "p50 %s  p95 %s  p99 %s ms  (%s)",
                 figures_number(figures_trend(hist_percentile(hist, 50)), p50),
                 figures_number(figures_trend(hist_percentile(hist, 95)), p95),
                 figures_number(figures_trend(hist_percentile(hist, 99)), p99), span);
    put_line(out, view, untimed + stale > 0 ? colour_yellow : colour_plain, "event times",
             "%" PRIu64 " stale, %" PRIu64 " replayed, %" PRIu64 " without a time, clock %s", stale,
             replayed ? hist_count(replayed) : 0, untimed,
             timed > 0 ? figures_clock_source(run, run_clock(run).source) : "unknown");
}

/* Only where something is judged. */
static void put_delivery(struct buf *out, const struct run *run, const struct live_view *view)
{
    const struct stat_set *total = run->total;
    uint64_t missed = stat_get_count(total, METRIC_SSE_MISSED, NULL);
    uint64_t repeated = stat_get_count(total, METRIC_SSE_DUPLICATES, NULL);
    uint64_t reordered = stat_get_count(total, METRIC_SSE_REORDERED, NULL);

    if (stat_get_count(total, METRIC_SSE_SEQUENCED, NULL) > 0)
        put_line(out, view, missed + repeated + reordered > 0 ? colour_yellow : colour_plain,
                 "delivery", "missed %" PRIu64 ", duplicates %" PRIu64 ", reordered %" PRIu64,
                 missed, repeated, reordered);
}

/* "connect_refused 10, status_5xx 2": the most frequent classes. */
static uint64_t top_classes(const struct run *run, struct buf *out)
{
    uint64_t counts[CLASS_COUNT] = {0}, all = 0;
    int shown = 0;

    for (size_t i = 0; i < stats_error_count(run->stats); i++) {
        const struct stats_error *error = stats_error_at(run->stats, i);

        counts[error->error_class] += error->count;
        all += error->count;
    }
    for (; shown < TOP_CLASSES; shown++) {
        size_t top = 0;

        for (size_t i = 1; i < CLASS_COUNT; i++)
            top = counts[i] > counts[top] ? i : top;
        if (counts[top] == 0)
            break;
        (void)buf_appendf(out, "%s%s %" PRIu64, shown > 0 ? ", " : "",
                          error_class_name((enum error_class)top), counts[top]);
        counts[top] = 0;
    }
    return all;
}

static void put_failures(struct buf *out, const struct run *run, const struct live_view *view)
{
    uint64_t ends = stat_get_count(run->total, METRIC_SSE_DISCONNECTS, NULL), errors;
    uint64_t again = stat_get_count(run->total, METRIC_SSE_RECONNECTS, NULL);
    char causes[FIGURES_DISCONNECTS_BYTES];
    struct buf classes = {0};

    if (has_streams(run)) {
        (void)figures_causes(run->total, causes);
        put_line(out, view, ends > 0 ? colour_yellow : colour_plain, "disconnects",
                 "%" PRIu64 "%s%s%s", ends, *causes ? " (" : "", causes, *causes ? ")" : "");
        put_line(out, view, colour_plain, "reconnects", "%" PRIu64, again);
    }
    errors = top_classes(run, &classes);
    put_line(out, view, errors > 0 ? colour_red : colour_plain, "errors", "%" PRIu64 "%s%s%s",
             errors, errors > 0 ? " (" : "", buf_text(&classes), errors > 0 ? ")" : "");
    buf_fini(&classes);
}

static void put_storm(struct buf *out, const struct run *run, const struct live_view *view)
{
    struct buf text = {0};
    bool is_over;

    if (live_storms_append(&text, run, &is_over))
        put_line(out, view, is_over ? colour_green : colour_yellow, "storm", "%s", buf_text(&text));
    buf_fini(&text);
}

static void put_thresholds(struct buf *out, const struct live_view *view)
{
    bool has_crossed = thresholds_count_in(view->thresholds, THRESHOLD_CROSSED) > 0;
    bool has_open = thresholds_count_in(view->thresholds, THRESHOLD_NOT_MEASURED) > 0;
    struct buf lights = {0};

    if (thresholds_count(view->thresholds) == 0)
        return;
    threshold_view_lights(&lights, view->thresholds);
    put_line(out, view,
             has_crossed ? colour_red
             : has_open  ? colour_plain
                         : colour_green,
             "thresholds", "%s", buf_text(&lights));
    buf_fini(&lights);
}

static void put_workers(struct buf *out, const struct run *run, const struct live_view *view)
{
    size_t lost = 0, saturated = 0;
    double cpu = 0, lag_ms = 0;

    for (size_t i = 0; i < run->worker_count; i++) {
        const struct run_worker *worker = &run->workers[i];
        double own_lag_ms = findings_lag_p99_ms(worker);

        lost += worker->is_lost;
        saturated += findings_is_saturated(worker);
        cpu = !worker->is_lost && worker->cpu_ratio > cpu ? worker->cpu_ratio : cpu;
        lag_ms = own_lag_ms > lag_ms ? own_lag_ms : lag_ms;
    }
    put_line(out, view, colour_plain, "workers", "%zu, busiest %.0f%% of a core, lag p99 %.1f ms",
             run->worker_count, cpu * 100.0, lag_ms);
    if (saturated > 0)
        put_line(out, view, colour_yellow, "", "! %zu of %zu workers saturated: times are too long",
                 saturated, run->worker_count);
    if (lost > 0)
        put_line(out, view, colour_red, "", "! %zu of %zu workers died", lost, run->worker_count);
}

void live_view_render(struct buf *out, const struct run *run, const struct live_view *view)
{
    put_title(out, run, view);
    put_progress(out, run, view);
    if (view->limit)
        live_limit_render(out, view);
    else
        live_stages_render(out, run, view);
    put_load(out, run, view);
    live_rows_render(out, run, view);
    if (has_streams(run)) {
        put_times(out, run, view);
        put_tokens(out, run, view);
        put_delivery(out, run, view);
    }
    put_latency(out, run, view);
    put_failures(out, run, view);
    put_storm(out, run, view);
    put_thresholds(out, view);
    put_workers(out, run, view);
}

/* "12s: 40 of 40 users, 38 open": what is so at this moment. */
static void append_moment(struct buf *out, const struct run *run, const struct limit *limit)
{
    const struct run_info *info = &run->info;
    char elapsed[UNITS_TEXT_BYTES];

    (void)buf_appendf(out, "%s%s: %" PRIu32, format_seconds(info->duration_ns, elapsed),
                      info->is_warming_up ? " (warming up)" : "", figures_users(run));
    if (!(info->arrivals_per_s > 0) && !limit)
        (void)buf_appendf(out, " of %" PRIu32, info->users_planned);
    (void)buf_appendf(out, " users, %" PRIu32 " open", figures_open(run));
}

/* What was measured so far. */
static void append_measured(struct buf *out, const struct run *run, const struct live_view *view)
{
    char rate[UNITS_TEXT_BYTES], p95[UNITS_TEXT_BYTES];
    uint64_t recent = stat_get_count(run->window, METRIC_SSE_EVENTS, NULL);
    struct buf classes = {0};
    const char *span;
    const struct hist *hist = choose_trend(run, METRIC_SSE_TTFE, &span);
    uint64_t errors = top_classes(run, &classes);

    (void)buf_appendf(out, ", %s events/s",
                      figures_number(figures_per_s(recent, run->window_s), rate));
    if (view->limit)
        live_limit_render_line(out, view->limit);
    else
        live_stages_render_line(out, run);
    live_rows_render_line(out, run);
    if (hist)
        (void)buf_appendf(out, ", first event p95 %s ms",
                          figures_number(figures_trend(hist_percentile(hist, 95)), p95));
    (void)buf_appendf(out, ", %" PRIu64 " disconnects, %" PRIu64 " errors%s%s%s",
                      stat_get_count(run->total, METRIC_SSE_DISCONNECTS, NULL), errors,
                      errors > 0 ? " (" : "", buf_text(&classes), errors > 0 ? ")" : "");
    if (thresholds_count(view->thresholds) > 0) {
        (void)buf_append_text(out, ", thresholds ");
        threshold_view_lights(out, view->thresholds);
    }
    for (size_t i = 0; i < run->worker_count; i++) {
        if (findings_is_saturated(&run->workers[i])) {
            (void)buf_append_text(out, ", workers saturated");
            break;
        }
    }
    buf_fini(&classes);
}

void live_view_render_line(struct buf *out, const struct run *run, const struct live_view *view)
{
    append_moment(out, run, view->limit);
    if (!run->info.is_warming_up) {
        append_measured(out, run, view);
    } else {
        live_stages_render_line(out, run);
        (void)buf_append_text(out, ", nothing is measured yet");
    }
    (void)buf_append_byte(out, '\n');
}

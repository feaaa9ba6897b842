#include "verdict/plateau.h"

#include "base/mem.h"
#include "verdict/findings.h"

#include <stdio.h>
#include <stdlib.h>

enum { TAG_BYTES = 48, STATUS_MIN = 300, STATUS_MAX = 599 };

/* The seconds in which attempts waited from end to end. */
struct queue {
    size_t count;
    size_t moving_count;   /* with some let in */
    size_t full_count;     /* with as many open as ever */
    uint64_t passes, ends; /* in them */
};

/* What the seconds of a run say, those at the top of its open streams apart from the others. */
struct view {
    const struct run_series *series;
    uint32_t top, slack;          /* a second with top - slack and more open is at the top */
    uint32_t wanted;              /* users that want a stream, at most */
    uint32_t level;               /* streams open at the top */
    size_t count;                 /* seconds at the top whose predecessor is so too */
    size_t fail_seconds;          /* of them, those with failures */
    uint64_t fails, passes, ends; /* in them */
    size_t border_fail_seconds;   /* the same in those around the top */
    uint64_t border_fails, border_passes;   /* in those around the top */
    uint64_t outside_fails, outside_passes; /* in all others */
    uint64_t clean_passes;                  /* in those of both that were hardly troubled */
    uint64_t waiting;                       /* most that waited a whole second */
    size_t stuck_count, stuck_count_max;    /* in a row: waiting, and nobody let in */
    uint64_t events_before, events_since;   /* outside of the top; at it */
    struct queue queue;
};

static bool is_at_top(const struct view *view, size_t at)
{
    return view->series->open[at] + view->slack >= view->top;
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

/* The upper quartile: on the way up some seconds are below, and where streams come and go others.
 */
static uint32_t level_at_top(const struct view *view)
{
    uint32_t *open = x_calloc(view->series->count, sizeof *open), result;
    size_t count = 0;

    for (size_t i = 0; i < view->series->count; i++) {
        if (is_at_top(view, i))
            open[count++] = view->series->open[i];
    }
    qsort(open, count, sizeof *open, compare);
    result = open[count * 3 / 4];
    free(open);
    return result;
}

/* Streams that ended in this second, which is not the first. */
static uint64_t ends_in(const struct run_series *series, size_t at)
{
    uint64_t had = series->open[at - 1] + series->connects[at];

    return had > series->open[at] ? had - series->open[at] : 0;
}

/* A second at the top behind another one; `waiting` attempts have waited all through it. */
static void add_top(struct view *view, size_t at, uint64_t waiting)
{
    const struct run_series *series = view->series;
    bool is_waiting = waiting >= PLATEAU_WAITING_MIN;

    view->count++;
    view->fails += series->connect_fails[at];
    view->fail_seconds += series->connect_fails[at] > 0;
    view->passes += series->connects[at];
    view->ends += ends_in(series, at);
    view->events_since += series->events[at];
    view->stuck_count = is_waiting && series->connects[at] == 0 ? view->stuck_count + 1 : 0;
    if (view->stuck_count > view->stuck_count_max)
        view->stuck_count_max = view->stuck_count;
}

/* A second all through which attempts waited, however many streams were open. */
static void add_waiting(struct view *view, size_t at, uint64_t waiting)
{
    const struct run_series *series = view->series;

    view->queue.passes += series->connects[at];
    view->queue.ends += ends_in(series, at);
    view->queue.moving_count += series->connects[at] > 0;
    view->queue.full_count += series->open[at] + 1 + view->top / 100 >= view->top;
    view->queue.count++;
    if (waiting > view->waiting)
        view->waiting = waiting;
}

static bool is_clean(uint64_t passes, uint64_t fails)
{
    return fails * 100 <= (passes + fails) * PLATEAU_STRAY_PCT;
}

/* Within this second, though streams ended before it was over. */
static bool may_have_reached(const struct view *view, size_t at)
{
    const struct run_series *series = view->series;

    return at > 0 && series->open[at - 1] + series->connects[at] + view->slack >= view->top;
}

static void add_second(struct view *view, size_t at, uint64_t waiting)
{
    const struct run_series *series = view->series;
    bool is_top = is_at_top(view, at), was_top = at > 0 && is_at_top(view, at - 1);
    bool is_next_top = at + 1 < series->count && is_at_top(view, at + 1);

    if (is_top && was_top) {
        add_top(view, at, waiting);
        return;
    }
    view->stuck_count = 0;
    view->events_before += series->events[at];
    if (is_clean(series->connects[at], series->connect_fails[at]))
        view->clean_passes += series->connects[at];
    if (is_top || was_top || is_next_top || may_have_reached(view, at)) {
        view->border_fails += series->connect_fails[at];
        view->border_fail_seconds += series->connect_fails[at] > 0;
        view->border_passes += series->connects[at];
    } else {
        view->outside_fails += series->connect_fails[at];
        view->outside_passes += series->connects[at];
    }
}

/* Attempts that nobody has answered by the end of each second; those before the figures count, and
 * those of a worker that died, make it no less than 0. */
static void read_seconds(struct view *view)
{
    const struct run_series *series = view->series;
    uint64_t attempts = 0, answered = 0, before = 0;

    for (size_t i = 0; i < series->count; i++) {
        uint64_t unanswered;

        attempts += series->attempts[i];
        answered += series->connects[i] + series->connect_fails[i];
        if (answered > attempts)
            attempts = answered;
        unanswered = attempts - answered;
        if (unanswered < before)
            before = unanswered; /* have waited all through this second */
        add_second(view, i, before);
        if (before >= PLATEAU_WAITING_MIN)
            add_waiting(view, i, before);
        before = unanswered;
    }
}

static bool view_init(struct view *view, const struct run *run)
{
    const struct run_info *info = &run->info;

    *view = (struct view){.series = &run->series};
    for (size_t i = 0; i < run->series.count; i++) {
        if (run->series.open[i] > view->top)
            view->top = run->series.open[i];
    }
    if (view->top < PLATEAU_OPEN_MIN)
        return false;
    view->slack = 1 + view->top / 20;
    view->wanted = info->users_planned > info->users_max ? info->users_planned : info->users_max;
    view->level = level_at_top(view);
    read_seconds(view);
    return true;
}

/* --- causes --- */

static uint64_t fails_by(const struct run *run, const char *tag)
{
    return stat_get_count(run->total, METRIC_SSE_CONNECT_FAILS, tag);
}

/* The commonest cause of failed attempts: a status, or a class where no answer came. */
static uint64_t find_cause(const struct run *run, int *code, enum error_class *error_class)
{
    char tag[TAG_BYTES];
    uint64_t most = 0, count;

    *code = 0;
    *error_class = CLASS_NONE;
    for (int status = STATUS_MIN; status <= STATUS_MAX; status++) {
        (void)snprintf(tag, sizeof tag, "code:%d", status);
        count = fails_by(run, tag);
        if (count > most) {
            most = count;
            *code = status;
        }
    }
    for (int each = CLASS_NONE + 1; each < CLASS_COUNT; each++) {
        if (each >= CLASS_STATUS_2XX && each <= CLASS_STATUS_5XX)
            continue; /* by its code, above */
        (void)snprintf(tag, sizeof tag, "cause:%s", error_class_name((enum error_class)each));
        count = fails_by(run, tag);
        if (count > most) {
            most = count;
            *code = 0;
            *error_class = (enum error_class)each;
        }
    }
    return most;
}

/* Of those that a limit has: it says so, or does not listen. Not what a wrong request gets. */
static bool may_be_limit(int code, enum error_class error_class)
{
    if (code > 0)
        return code == 429 || code / 100 == 5;
    return error_class == CLASS_CONNECT_REFUSED || error_class == CLASS_CONNECT_TIMEOUT ||
           error_class == CLASS_PROXY || error_class == CLASS_TIMEOUT_HEADERS ||
           error_class == CLASS_CLOSED_EARLY || error_class == CLASS_RESET ||
           error_class == CLASS_TLS;
}

/* --- kinds --- */

/* Within the seconds with failures hardly any attempt succeeded behind the first of them, though
 * most streams were opened there or before. */
static bool has_order(const struct view *view, const struct run *run)
{
    uint64_t passes, fails;

    stat_get_rate(run->total, METRIC_SSE_CONNECT_SUCCESS, "after:fail", &passes, &fails);
    return passes * 10 <= view->level && fails + 1 >= PLATEAU_FAILS_MIN &&
           (view->outside_passes + view->border_passes) * 2 >= view->level;
}

/* Most of the streams were opened in seconds that were all but free of failures. */
static bool has_edge(const struct view *view)
{
    return view->clean_passes * 2 >= view->level;
}

/* Attempts failed on at the top, or each time that it was reached. */
static bool has_lasted(const struct view *view)
{
    return view->fail_seconds >= 2 || view->fail_seconds + view->border_fail_seconds >= 3;
}

/* Attempts fail at the top and hardly ever below it, as their order shows or their seconds. */
static bool is_turned_away(const struct view *view, const struct run *run)
{
    uint64_t fails = view->fails + view->border_fails;

    return fails >= PLATEAU_FAILS_MIN && is_clean(view->outside_passes, view->outside_fails) &&
           view->outside_fails * 10 <= fails &&
           (has_order(view, run) || (has_edge(view) && has_lasted(view)));
}

/* Whole seconds for which nobody who asked was answered, of a service that else answers at once and
 * goes on sending. */
static bool is_unanswered(const struct view *view, const struct run *run)
{
    const struct hist *took = stat_get_trend(run->total, METRIC_SSE_CONNECTING, NULL);
    double usual_s = took ? (double)hist_percentile(took, 95) / 1e6 : 0;

    return (double)view->stuck_count_max >= PLATEAU_PATIENCE_S &&
           (double)view->stuck_count_max >= usual_s * PLATEAU_SLOW_FACTOR &&
           (view->events_before == 0 || view->events_since > 0);
}

/*
 * Answers come late, though connections are made at once and the first answers were quick; as many
 * streams end as others are let in, and while some wait the number open comes back to one maximum.
 */
static bool is_queued(const struct view *view, const struct run *run)
{
    const struct hist *wait = stat_get_trend(run->total, METRIC_SSE_CONNECTING, "part:wait");
    const struct hist *connect = stat_get_trend(run->total, METRIC_SSE_CONNECTING, "part:connect");
    const struct queue *queue = &view->queue;
    double late_ms;

    if (!wait || queue->moving_count < PLATEAU_PATIENCE_S ||
        queue->full_count < PLATEAU_PATIENCE_S || queue->ends * 2 < queue->passes)
        return false;
    late_ms = (double)hist_percentile(wait, 95) / 1000;
    return late_ms >= PLATEAU_WAIT_LATE_MS &&
           (double)hist_min(wait) / 1000 * PLATEAU_SLOW_FACTOR <= late_ms &&
           (!connect ||
            (double)hist_percentile(connect, 95) / 1000 * PLATEAU_SLOW_FACTOR <= late_ms);
}

static enum plateau_kind kind_of(const struct view *view, const struct run *run,
                                 const struct plateau *plateau)
{
    if (may_be_limit(plateau->code, plateau->error_class) && is_turned_away(view, run))
        return PLATEAU_TURNED_AWAY;
    if (findings_reads_late(run))
        return PLATEAU_NONE;
    if (is_unanswered(view, run))
        return PLATEAU_UNANSWERED;
    return is_queued(view, run) ? PLATEAU_QUEUED : PLATEAU_NONE;
}

bool plateau_find(const struct run *run, struct plateau *plateau)
{
    struct view view;

    *plateau = (struct plateau){.kind = PLATEAU_NONE};
    if (!view_init(&view, run) || fails_by(run, "cause:local_limit") > 0 ||
        view.top >= view.wanted - view.wanted / PLATEAU_ALL_SHARE)
        return false;
    (void)find_cause(run, &plateau->code, &plateau->error_class);
    plateau->kind = kind_of(&view, run, plateau);
    if (plateau->kind != PLATEAU_TURNED_AWAY) {
        plateau->code = 0;
        plateau->error_class = CLASS_NONE;
    }
    plateau->open = view.level;
    plateau->span_s = (uint32_t)view.count;
    plateau->turned_away = view.fails + view.border_fails;
    plateau->below = view.outside_passes + view.border_passes;
    plateau->below_fails = view.outside_fails;
    plateau->let_in = view.passes < view.ends ? view.passes : view.ends;
    plateau->waiting = view.waiting;
    plateau->has_lasted = has_lasted(&view);
    if (plateau->kind == PLATEAU_QUEUED) {
        plateau->let_in = view.queue.passes;
        plateau->is_full = view.queue.full_count == view.queue.count;
    }
    return plateau->kind != PLATEAU_NONE;
}

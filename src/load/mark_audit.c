#include "load/mark_audit.h"

#include "stats/set.h"

enum { BITS = 64 };

static uint64_t shift(uint64_t bits, uint64_t by)
{
    return by < BITS ? bits << by : 0;
}

/* --- missed --- */

/* While holes are told: the window may have moved on already. */
struct holes {
    struct mark_audit *audit;
    struct stat_set *set;
    uint64_t highest; /* before */
    bool is_seam;     /* what lies above it was published between two connections */
};

static void count_missed(const struct holes *holes, bool is_resume, uint64_t count)
{
    if (count == 0)
        return;
    holes->audit->has_holes = true;
    stat_count(holes->set, METRIC_SSE_PUBLISH_MISSED, NULL, count);
    stat_count(holes->set, METRIC_SSE_PUBLISH_MISSED, is_resume ? "where:resume" : "where:stream",
               count);
}

static void on_hole(void *ctx, uint64_t from, uint64_t to)
{
    const struct holes *holes = ctx;
    uint64_t settled = holes->audit->settled, old = 0, resumed = 0;

    if (from >= settled)
        return; /* it may never have been accepted */
    if (to >= settled)
        to = settled - 1;
    for (; from <= to && from <= holes->highest; from++) {
        bool is_across = holes->audit->across >> (holes->highest - from) & 1;

        resumed += is_across;
        old += !is_across;
    }
    count_missed(holes, true, resumed);
    count_missed(holes, false, old);
    if (from <= to)
        count_missed(holes, holes->is_seam, to - from + 1);
}

/* --- repeated --- */

static void count_duplicate(bool is_resume, struct stat_set *set)
{
    stat_count(set, METRIC_SSE_PUBLISH_DUPLICATES, NULL, 1);
    stat_count(set, METRIC_SSE_PUBLISH_DUPLICATES, is_resume ? "where:resume" : "where:stream", 1);
}

/* Inside the window: has this very attempt come before? Remembers it. */
static bool came_before(struct mark_audit *audit, const struct mark *mark)
{
    uint64_t bit, *attempts;
    bool result;

    if (mark->attempt == 0 || mark->attempt > MARK_AUDIT_ATTEMPTS)
        return false;
    attempts = &audit->attempts[mark->attempt - 1];
    bit = (uint64_t)1 << (audit->window.highest - mark->number);
    result = (*attempts & bit) != 0;
    *attempts |= bit;
    return result;
}

/* --- a mark --- */

/* The window has moved up from `before`: what goes with its bits moves along. */
static void move_up(struct mark_audit *audit, uint64_t before, bool is_seam)
{
    uint64_t by = audit->window.highest - before;

    for (int i = 0; i < MARK_AUDIT_ATTEMPTS; i++)
        audit->attempts[i] = shift(audit->attempts[i], by);
    audit->across = shift(audit->across, by);
    if (is_seam)
        audit->across |= shift(1, by) - 1; /* all above `before`, the newest among them seen */
}

/* Everything up to the mark was accepted: what lies between is missed, and it begins anew. */
static void jump(struct mark_audit *audit, const struct mark *mark, struct holes *holes)
{
    uint64_t settled = audit->settled;

    on_hole(holes, audit->window.highest + 1, mark->number - 1);
    mark_audit_close(audit, holes->set);
    audit->settled = settled;
    audit->has_holes = true;
    (void)window_add(&audit->window, mark->number, NULL, NULL);
}

/* `is_replay`: it was published before this connection, and sent on it all the same. */
static void judge(struct mark_audit *audit, const struct mark *mark, bool is_replay,
                  struct stat_set *set)
{
    struct holes holes = {.audit = audit,
                          .set = set,
                          .highest = audit->window.highest,
                          .is_seam = audit->is_resuming || is_replay};
    bool is_resume = holes.is_seam;

    if (mark->settled > audit->settled)
        audit->settled = mark->settled;
    audit->has_retries = audit->has_retries || mark->attempt > 1;
    switch (window_add(&audit->window, mark->number, on_hole, &holes)) {
    case WINDOW_FIRST:
        audit->is_resuming = false;
        (void)came_before(audit, mark);
        break;
    case WINDOW_NEXT:
    case WINDOW_GAP:
        move_up(audit, holes.highest, holes.is_seam);
        audit->is_resuming = is_replay;
        (void)came_before(audit, mark);
        break;
    case WINDOW_LATE:
        (void)came_before(audit, mark);
        break;
    case WINDOW_REPEATED:
        if (came_before(audit, mark))
            count_duplicate(is_resume, set);
        break;
    case WINDOW_BEHIND:
        if (mark->number >= audit->window.first && mark->attempt == 1 && !audit->has_holes &&
            !audit->has_retries)
            count_duplicate(is_resume, set);
        break;
    case WINDOW_JUMP:
        jump(audit, mark, &holes);
        (void)came_before(audit, mark);
        break;
    case WINDOW_NONE:
        break;
    }
}

/* --- public --- */

void mark_audit_open(struct mark_audit *audit, bool is_resumed, struct stat_set *set)
{
    if (is_resumed)
        audit->is_resuming = audit->window.seen != 0;
    else
        mark_audit_close(audit, set);
}

void mark_audit_event(struct mark_audit *audit, uint64_t run, const uint8_t *data, size_t len,
                      uint64_t opened_ns, uint64_t now_ns, struct stat_set *set)
{
    const uint8_t *end = data + len, *at = data;
    struct mark mark, last = {0};

    while ((at = mark_find(at, (size_t)(end - at), run, &mark)) != NULL) {
        bool is_live = mark.written_ns >= opened_ns;

        at += MARK_BYTES;
        /* A service may say a text twice in one event. */
        if (mark.number == last.number && mark.attempt == last.attempt)
            continue;
        last = mark;
        stat_time(set, METRIC_SSE_PUBLISH_LATENCY, is_live ? NULL : "delivery:replay",
                  now_ns > mark.written_ns ? now_ns - mark.written_ns : 0);
        /* Of a number that was first written before, greater ones may have been so too. */
        if (audit->window.seen != 0 || mark.first_ns >= opened_ns)
            judge(audit, &mark, !is_live, set);
    }
}

void mark_audit_close(struct mark_audit *audit, struct stat_set *set)
{
    struct holes holes = {.audit = audit, .set = set, .highest = audit->window.highest};

    window_close(&audit->window, on_hole, &holes);
    *audit = (struct mark_audit){0};
}

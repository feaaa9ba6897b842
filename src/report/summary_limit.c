#include "report/summary_limit.h"

#include "base/mem.h"
#include "report/figures.h"
#include "report/summary_tables.h"
#include "verdict/limit.h"
#include "verdict/outcome.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { BROKEN_INDENT = 4 };

static const char *format_time(double ms, char text[static UNITS_TEXT_BYTES])
{
    return isnan(ms) ? "-" : figures_number(ms, text);
}

/* "100%" only of all. */
static const char *format_share(double share, char text[static UNITS_TEXT_BYTES])
{
    static const uint64_t MILLION = 1000000;
    uint64_t passes;

    if (isnan(share))
        return "-";
    passes = (uint64_t)(share * (double)MILLION);
    return figures_share(passes, MILLION - passes, text);
}

/* By users; what was tried twice in the order of the trials. */
static int compare(const void *left, const void *right)
{
    const struct limit_step *const *a = left, *const *b = right;

    if ((*a)->users != (*b)->users)
        return (*a)->users < (*b)->users ? -1 : 1;
    return *a < *b ? -1 : *a > *b;
}

static void put_step(struct buf *out, const struct limit_step *step)
{
    char users[UNITS_TEXT_BYTES], open[UNITS_TEXT_BYTES], attempts[UNITS_TEXT_BYTES];
    char connected[UNITS_TEXT_BYTES], stayed[UNITS_TEXT_BYTES], first[UNITS_TEXT_BYTES];
    char latency[UNITS_TEXT_BYTES], events[UNITS_TEXT_BYTES], answer[UNITS_TEXT_BYTES];

    (void)buf_appendf(
        out, "  %8s %-6s %8s %8s %9s %11s %11s %11s %8s %9s\n",
        units_format_count(step->users, users),
        step->has_held  ? "holds"
        : step->is_ours ? "-"
                        : "FAILS",
        units_format_count(step->open, open), units_format_count(step->attempts, attempts),
        format_share(step->connect_success, connected), format_share(step->stream_success, stayed),
        format_time(step->p95_ms[LIMIT_CONNECTING], answer),
        format_time(step->p95_ms[LIMIT_TTFE], first),
        format_time(step->p95_ms[LIMIT_LATENCY], latency),
        figures_number(step->events_per_s, events));
}

static void put_curve(struct buf *out, const struct limit *limit)
{
    size_t count = limit_step_count(limit);
    const struct limit_step **steps = x_calloc(count > 0 ? count : 1, sizeof(void *));

    for (size_t i = 0; i < count; i++)
        steps[i] = limit_step_at(limit, i);
    qsort(steps, count, sizeof(void *), compare);
    (void)buf_appendf(out, "  %8s %-6s %8s %8s %9s %11s %11s %11s %8s %9s\n", "users", "", "open",
                      "attempts", "connected", "successful", "connecting", "first event", "latency",
                      "events/s");
    (void)buf_appendf(out, "  %8s %-6s %8s %8s %9s %11s %11s %11s %8s\n", "", "", "", "", "", "",
                      "p95 ms", "p95 ms", "p95 ms");
    for (size_t i = 0; i < count; i++)
        put_step(out, steps[i]);
    free(steps);
}

static void put_users(struct buf *out, const char *label, uint32_t users, const char *note)
{
    char text[UNITS_TEXT_BYTES];

    if (users > 0)
        summary_row(out, label, units_format_count(users, text), note);
    else
        summary_row(out, label, "-", note);
}

void summary_limit(struct buf *out, const struct outcome *outcome, bool has_colour)
{
    const struct limit *limit = outcome->limit;
    const char *broken;
    struct buf note = {0};

    if (!limit)
        return;
    summary_title(out, "Limit", has_colour);
    if (limit_end(limit) == LIMIT_EDGE)
        (void)buf_appendf(&note, "tried again and the same, %" PRIu32 " of %d times",
                          limit_confirmed(limit), (int)LIMIT_CONFIRMATIONS);
    put_users(out, "users that hold", limit_holds(limit),
              limit_end(limit) == LIMIT_CEILING ? "as many as were allowed" : buf_text(&note));
    put_users(out, "users that do not", limit_fails(limit), "");
    broken = limit_first_broken(limit);
    if (broken) {
        (void)buf_appendf(out, "%*s", BROKEN_INDENT, "");
        (void)figures_append_clean(out, broken, SUMMARY_COLUMNS - BROKEN_INDENT);
        (void)buf_append_byte(out, '\n');
    }
    put_curve(out, limit);
    buf_fini(&note);
}

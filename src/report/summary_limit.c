#include "report/summary_limit.h"

#include "report/figures.h"
#include "report/summary_tables.h"
#include "verdict/limit.h"
#include "verdict/outcome.h"

#include <inttypes.h>
#include <math.h>

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

static const char *name_step(const struct limit_step *step)
{
    return step->has_held       ? "holds"
           : step->is_ours      ? "busy"
           : step->is_disproved ? "once"
                                : "FAILS";
}

static void put_step(struct buf *out, const struct limit_step *step)
{
    char users[UNITS_TEXT_BYTES], open[UNITS_TEXT_BYTES], attempts[UNITS_TEXT_BYTES];
    char connected[UNITS_TEXT_BYTES], stayed[UNITS_TEXT_BYTES], first[UNITS_TEXT_BYTES];
    char latency[UNITS_TEXT_BYTES], events[UNITS_TEXT_BYTES], answer[UNITS_TEXT_BYTES];

    (void)buf_appendf(
        out, "  %8s %-6s %8s %8s %9s %11s %11s %11s %8s %9s\n",
        units_format_count(step->users, users), name_step(step),
        units_format_count(step->open, open), units_format_count(step->attempts, attempts),
        format_share(step->connect_success, connected), format_share(step->stream_success, stayed),
        format_time(step->p95_ms[LIMIT_CONNECTING], answer),
        format_time(step->p95_ms[LIMIT_TTFE], first),
        format_time(step->p95_ms[LIMIT_LATENCY], latency),
        figures_number(step->events_per_s, events));
}

/* What the words of put_step mean that do not say it themselves. */
static void put_legend(struct buf *out, const struct limit *limit)
{
    bool has_busy = false, has_once = false;

    for (size_t i = 0; i < limit_step_count(limit); i++) {
        const struct limit_step *step = limit_step_at(limit, i);

        has_busy = has_busy || (!step->has_held && step->is_ours);
        has_once = has_once || (step->is_disproved && !step->is_ours);
    }
    if (has_once)
        (void)buf_append_text(out, "    once: failed, but held when tried again at once, so that "
                                   "it does not count\n");
    if (has_busy)
        (void)buf_append_text(out, "    busy: cicada itself was at its limit, so that it says "
                                   "nothing about the service\n");
}

static void put_curve(struct buf *out, const struct limit *limit)
{
    (void)buf_append_text(out, "    Steps as they were tried; a number that held and failed is "
                               "neither.\n");
    (void)buf_appendf(out, "  %8s %-6s %8s %8s %9s %11s %11s %11s %8s %9s\n", "users", "", "open",
                      "attempts", "connected", "successful", "connecting", "first event", "latency",
                      "events/s");
    (void)buf_appendf(out, "  %8s %-6s %8s %8s %9s %11s %11s %11s %8s\n", "", "", "", "", "", "",
                      "p95 ms", "p95 ms", "p95 ms");
    for (size_t i = 0; i < limit_step_count(limit); i++)
        put_step(out, limit_step_at(limit, i));
    put_legend(out, limit);
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

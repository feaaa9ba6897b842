#include "report/live_stages.h"

#include "base/clock.h"
#include "report/figures.h"

#include <string.h>

enum { LABEL_COLUMNS = 14, BAR_COLUMNS = 20 };

static void append_number(struct buf *out, const struct run *run)
{
    (void)buf_appendf(out, "%zu", run->stage_count);
    if (run->info.stages_planned > 0)
        (void)buf_appendf(out, " of %u", (unsigned)run->info.stages_planned);
}

static void append_bar(struct buf *out, uint64_t done_ns, uint64_t planned_ns)
{
    size_t done = (size_t)((double)BAR_COLUMNS * (double)done_ns / (double)planned_ns);
    char bar[BAR_COLUMNS + 1];

    memset(bar, '-', BAR_COLUMNS);
    memset(bar, '#', done < BAR_COLUMNS ? done : BAR_COLUMNS);
    bar[BAR_COLUMNS] = '\0';
    (void)buf_appendf(out, "  [%s]", bar);
}

/* Whole seconds, so that the line does not flicker; one that has begun is still to come. */
static void append_left(struct buf *out, uint64_t left_ns)
{
    char left[UNITS_TEXT_BYTES];
    uint64_t seconds = (left_ns + CLOCK_NS_PER_S - 1) / CLOCK_NS_PER_S;

    (void)buf_appendf(out, ", %s left", units_format_duration(seconds * CLOCK_NS_PER_S, left));
}

void live_stages_render(struct buf *out, const struct run *run, const struct live_view *view)
{
    const struct run_stage *stage;
    struct buf line = {0};
    char users[UNITS_TEXT_BYTES];
    uint64_t done_ns;

    if (run->stage_count == 0)
        return;
    stage = &run->stages[run->stage_count - 1];
    done_ns = run_stage_end_ns(run, stage) - stage->began_ns;
    if (stage->planned_ns > 0 && done_ns > stage->planned_ns)
        done_ns = stage->planned_ns;
    (void)buf_appendf(&line, "%-*s", LABEL_COLUMNS, "stage");
    append_number(&line, run);
    if (stage->planned_ns > 0)
        append_bar(&line, done_ns, stage->planned_ns);
    (void)buf_appendf(&line, "  to %s user%s", units_format_count(stage->users, users),
                      stage->users == 1 ? "" : "s");
    if (stage->planned_ns > 0)
        append_left(&line, stage->planned_ns - done_ns);
    (void)figures_append_clean(out, buf_text(&line), view->columns);
    (void)buf_append_byte(out, '\n');
    buf_fini(&line);
}

void live_stages_render_line(struct buf *out, const struct run *run)
{
    if (run->stage_count == 0)
        return;
    (void)buf_append_text(out, ", stage ");
    append_number(out, run);
}

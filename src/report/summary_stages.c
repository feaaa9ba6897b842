#include "report/summary_stages.h"

#include "base/clock.h"
#include "report/figures.h"
#include "report/summary_tables.h"

/* To a tenth of a second. */
static const char *format_length(uint64_t ns, char text[static UNITS_TEXT_BYTES])
{
    uint64_t tenth_ns = CLOCK_NS_PER_S / 10;

    if (ns < tenth_ns / 2)
        return "at once";
    return units_format_duration((ns + tenth_ns / 2) / tenth_ns * tenth_ns, text);
}

static const char *format_p95(const struct stat_set *set, enum metric metric,
                              char text[static UNITS_TEXT_BYTES])
{
    const struct hist *hist = stat_get_trend(set, metric, NULL);

    return hist && hist_count(hist) > 0
               ? figures_number(figures_trend(hist_percentile(hist, 95)), text)
               : "-";
}

/* Latency where events say when they were sent. */
static enum metric choose_event_time(const struct run *run)
{
    return stat_get_trend(run->total, METRIC_SSE_EVENT_LATENCY, NULL) ? METRIC_SSE_EVENT_LATENCY
                                                                      : METRIC_SSE_EVENT_GAP;
}

static void put_stage(struct buf *out, const struct run *run, size_t index)
{
    const struct run_stage *stage = &run->stages[index];
    char length[UNITS_TEXT_BYTES], users[UNITS_TEXT_BYTES], open[UNITS_TEXT_BYTES];
    char attempts[UNITS_TEXT_BYTES], share[UNITS_TEXT_BYTES], first[UNITS_TEXT_BYTES];
    char event[UNITS_TEXT_BYTES], ends[UNITS_TEXT_BYTES];
    uint64_t passes, fails;

    stat_get_rate(stage->set, METRIC_SSE_CONNECT_SUCCESS, NULL, &passes, &fails);
    (void)buf_appendf(
        out, "  %5zu %8s %10s %10s %10s %10s %11s %11s %11s\n", index + 1,
        format_length(run_stage_end_ns(run, stage) - stage->began_ns, length),
        units_format_count(stage->users, users), units_format_count(stage->open_max, open),
        units_format_count(stat_get_count(stage->set, METRIC_SSE_ATTEMPTS, NULL), attempts),
        figures_share(passes, fails, share), format_p95(stage->set, METRIC_SSE_TTFE, first),
        format_p95(stage->set, choose_event_time(run), event),
        units_format_count(stat_get_count(stage->set, METRIC_SSE_DISCONNECTS, NULL), ends));
}

void summary_stages(struct buf *out, const struct run *run, bool has_colour)
{
    bool has_latency = choose_event_time(run) == METRIC_SSE_EVENT_LATENCY;

    if (run->stage_count == 0)
        return;
    summary_title(out, "Stages", has_colour);
    (void)buf_appendf(out, "  %5s %8s %10s %10s %10s %10s %11s %11s %11s\n", "stage", "length",
                      "to users", "most open", "attempts", "connected", "first event",
                      has_latency ? "latency" : "event gap", "disconnects");
    (void)buf_appendf(out, "  %5s %8s %10s %10s %10s %10s %11s %11s\n", "", "", "", "", "", "",
                      "p95 ms", "p95 ms");
    for (size_t i = 0; i < run->stage_count && i < SUMMARY_ROWS_MAX; i++)
        put_stage(out, run, i);
    summary_more(out, run->stage_count);
}

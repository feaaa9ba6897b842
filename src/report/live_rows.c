#include "report/live_rows.h"

#include "report/figures.h"

#include <stdlib.h>
#include <string.h>

enum { LABEL_COLUMNS = 14, TYPE_COLUMNS_MAX = 8, FIGURES_COLUMNS = 64, NAME_COLUMNS_MIN = 8 };

struct sums {
    uint64_t requests, failures, recent;
};

static struct sums sums_of(const struct run *run)
{
    const struct rows *rows = stats_rows(run->stats);
    struct sums sums = {0};

    for (size_t i = 0; i < rows_count(rows); i++) {
        sums.requests += rows_at(rows, i)->request_count;
        sums.failures += rows_at(rows, i)->failure_count;
    }
    for (size_t i = 0; i < rows_count(run->rows_window); i++)
        sums.recent += rows_at(run->rows_window, i)->request_count;
    return sums;
}

static void end_line(struct buf *out, const struct live_view *view, struct buf *line)
{
    (void)figures_append_clean(out, buf_text(line), view->columns);
    (void)buf_append_byte(out, '\n');
    buf_fini(line);
}

static void put_sums(struct buf *out, const struct run *run, const struct live_view *view)
{
    char requests[UNITS_TEXT_BYTES], failures[UNITS_TEXT_BYTES], rate[UNITS_TEXT_BYTES];
    struct sums sums = sums_of(run);
    struct buf line = {0};

    (void)buf_appendf(&line, "%-*s%s/s, %s in all, %s failed", LABEL_COLUMNS, "requests",
                      figures_number(figures_per_s(sums.recent, run->window_s), rate),
                      units_format_count(sums.requests, requests),
                      units_format_count(sums.failures, failures));
    if (view->has_colour && sums.failures > 0)
        (void)buf_append_text(out, "\x1b[31m");
    (void)figures_append_clean(out, buf_text(&line), view->columns);
    (void)buf_append_text(out, view->has_colour && sums.failures > 0 ? "\x1b[0m\n" : "\n");
    buf_fini(&line);
}

/* Type and name in what the figures leave. */
static void put_name(struct buf *line, const struct row *row, size_t columns)
{
    size_t room =
        columns > FIGURES_COLUMNS + NAME_COLUMNS_MIN ? columns - FIGURES_COLUMNS : NAME_COLUMNS_MIN;
    size_t used = figures_append_clean(line, row->type, TYPE_COLUMNS_MAX);

    (void)buf_append_byte(line, ' ');
    used++;
    used += figures_append_clean_end(line, row->name, room > used ? room - used : 1);
    for (; used < room; used++)
        (void)buf_append_byte(line, ' ');
}

static void put_row(struct buf *out, const struct run *run, const struct row *recent,
                    const struct live_view *view)
{
    const struct row *all = rows_find(stats_rows(run->stats), recent->type, recent->name);
    char count[UNITS_TEXT_BYTES], failed[UNITS_TEXT_BYTES], rate[UNITS_TEXT_BYTES];
    struct buf line = {0};

    (void)buf_append_text(&line, "  ");
    put_name(&line, recent, view->columns);
    (void)buf_appendf(&line, " %9s %8s failed %8s/s  p50 %.0f p95 %.0f",
                      units_format_count(all ? all->request_count : 0, count),
                      units_format_count(all ? all->failure_count : 0, failed),
                      figures_number(figures_per_s(recent->request_count, run->window_s), rate),
                      row_percentile(recent, 0.5), row_percentile(recent, 0.95));
    end_line(out, view, &line);
}

/* More often first, then by name, so that lines keep their places. */
static int compare(const void *left, const void *right)
{
    const struct row *a = *(const struct row *const *)left;
    const struct row *b = *(const struct row *const *)right;

    int by_name = strcmp(a->name, b->name);

    if (a->request_count != b->request_count)
        return a->request_count < b->request_count ? 1 : -1;
    return by_name != 0 ? by_name : strcmp(a->type, b->type);
}

void live_rows_render(struct buf *out, const struct run *run, const struct live_view *view)
{
    const struct rows *window = run->rows_window;
    const struct row **sorted = rows_sorted(window);
    size_t count = rows_count(window), all = rows_count(stats_rows(run->stats));

    if (all > 0)
        put_sums(out, run, view);
    qsort(sorted, count, sizeof(const struct row *), compare);
    for (size_t i = 0; i < count && i < LIVE_ROWS_SHOWN; i++)
        put_row(out, run, sorted[i], view);
    free(sorted);
    if (all > LIVE_ROWS_SHOWN)
        (void)buf_appendf(out, "  and %zu more\n", all - LIVE_ROWS_SHOWN);
}

void live_rows_render_line(struct buf *out, const struct run *run)
{
    char requests[UNITS_TEXT_BYTES], failures[UNITS_TEXT_BYTES], rate[UNITS_TEXT_BYTES];
    struct sums sums;

    if (rows_count(stats_rows(run->stats)) == 0)
        return;
    sums = sums_of(run);
    (void)buf_appendf(out, ", %s requests, %s failed, %s/s",
                      units_format_count(sums.requests, requests),
                      units_format_count(sums.failures, failures),
                      figures_number(figures_per_s(sums.recent, run->window_s), rate));
}

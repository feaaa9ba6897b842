/*
 * report/summary_delivery.c - the block "Delivery": of the events that the service sent, which
 * arrived, and how.
 */
#include "report/figures.h"
#include "report/summary_tables.h"

#include <stdio.h>

enum { ORDER_COLUMNS = 10 };

/* The orders that prove losses come first. */
static const char *const orders[] = {"dense", "declared", "sparse", "none", "unknown"};

static uint64_t count_of(const struct stat_set *set, enum metric metric, const char *tag)
{
    return stat_get_count(set, metric, tag);
}

static uint64_t count_order(const struct stat_set *set, const char *order)
{
    char tag[UNITS_TEXT_BYTES];

    (void)snprintf(tag, sizeof tag, "order:%s", order);
    return count_of(set, METRIC_SSE_SEQUENCED, tag);
}

/* Whether a gap in the ids is a loss anywhere in the set. */
static bool has_dense(const struct stat_set *set)
{
    return count_order(set, "dense") + count_order(set, "declared") > 0;
}

/* "dense", or "dense 4,800, sparse 300". */
static void put_orders(struct buf *note, const struct stat_set *set)
{
    uint64_t all = count_of(set, METRIC_SSE_SEQUENCED, NULL);
    char text[UNITS_TEXT_BYTES];

    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        uint64_t count = count_order(set, orders[i]);

        if (count == 0)
            continue;
        (void)buf_appendf(note, "%s%s", note->len > 0 ? ", " : "", orders[i]);
        if (count < all)
            (void)buf_appendf(note, " %s", units_format_count(count, text));
    }
}

/* A row that says where it happened. */
static void put_where(struct buf *out, const struct stat_set *set, const char *label,
                      enum metric metric, const char *what)
{
    uint64_t count = count_of(set, metric, NULL);
    uint64_t resumed = count_of(set, metric, "where:resume");
    char text[UNITS_TEXT_BYTES], part[UNITS_TEXT_BYTES];
    struct buf note = {0};

    (void)buf_append_text(&note, what);
    if (resumed > 0)
        (void)buf_appendf(&note, "%s%s of them across reconnects", *what ? ", " : "",
                          units_format_count(resumed, part));
    summary_row(out, label, units_format_count(count, text), buf_text(&note));
    buf_fini(&note);
}

static void put_missed(struct buf *out, const struct stat_set *set)
{
    char share[UNITS_TEXT_BYTES];
    struct buf note = {0};
    uint64_t passes, fails;

    if (!has_dense(set)) {
        summary_row(out, "missed", "-",
                    count_order(set, "sparse") + count_order(set, "none") > 0
                        ? "these ids may leave out numbers: a gap proves nothing"
                        : "too few events to tell whether these ids leave out numbers");
        return;
    }
    stat_get_rate(set, METRIC_SSE_LOSS, NULL, &passes, &fails);
    if (passes > 0)
        (void)buf_appendf(&note, "%s of what was sent", figures_share(passes, fails, share));
    put_where(out, set, "missed", METRIC_SSE_MISSED, buf_text(&note));
    buf_fini(&note);
}

static void put_if_any(struct buf *out, const struct stat_set *set, const char *label,
                       enum metric metric, const char *note)
{
    uint64_t count = count_of(set, metric, NULL);
    char text[UNITS_TEXT_BYTES];

    if (count > 0)
        summary_row(out, label, units_format_count(count, text), note);
}

static void put_resumes(struct buf *out, const struct stat_set *set)
{
    uint64_t resumes = count_of(set, METRIC_SSE_RESUMES, NULL);
    uint64_t inclusive = count_of(set, METRIC_SSE_INCLUSIVE_REPLAYS, NULL);
    char text[UNITS_TEXT_BYTES];
    struct buf note = {0};

    if (resumes == 0)
        return;
    if (inclusive == resumes)
        (void)buf_append_text(&note, "each repeated the event of Last-Event-ID: inclusive replay");
    else if (inclusive > 0)
        (void)buf_appendf(&note, "%s of them repeated the event of Last-Event-ID",
                          units_format_count(inclusive, text));
    summary_row(out, "resumed by id", units_format_count(resumes, text), buf_text(&note));
    buf_fini(&note);
}

static bool is_audited(const struct run *run, size_t index)
{
    return count_of(stats_endpoint_set(run->stats, index), METRIC_SSE_SEQUENCED, NULL) > 0;
}

static void put_endpoint(struct buf *out, const struct run *run, size_t index)
{
    const struct stat_set *set = stats_endpoint_set(run->stats, index);
    static const enum metric metrics[] = {METRIC_SSE_SEQUENCED, METRIC_SSE_MISSED,
                                          METRIC_SSE_DUPLICATES, METRIC_SSE_REORDERED};
    char text[UNITS_TEXT_BYTES];
    struct buf order = {0};

    put_orders(&order, set);
    (void)buf_append_text(out, "  ");
    summary_endpoint_name(out, stats_endpoint_method(run->stats, index),
                          stats_endpoint_name(run->stats, index));
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++) {
        bool is_open = metrics[i] == METRIC_SSE_MISSED && !has_dense(set);

        (void)buf_appendf(out, " %10s",
                          is_open ? "-"
                                  : units_format_count(count_of(set, metrics[i], NULL), text));
    }
    (void)buf_append_text(out, "  ");
    (void)figures_append_clean(out, buf_text(&order), ORDER_COLUMNS);
    (void)buf_append_byte(out, '\n');
    buf_fini(&order);
}

static void put_endpoints(struct buf *out, const struct run *run, bool has_colour)
{
    struct buf title = {0};
    size_t shown = 0, all = 0;

    for (size_t i = 0; i < stats_endpoint_count(run->stats); i++)
        all += is_audited(run, i);
    if (all < 2)
        return;
    (void)buf_appendf(&title, "%-*s %10s %10s %10s %10s  order", SUMMARY_ENDPOINT_COLUMNS + 2,
                      "Delivery by endpoint", "judged", "missed", "duplicates", "reordered");
    summary_title(out, buf_text(&title), has_colour);
    buf_fini(&title);
    for (size_t i = 0; i < stats_endpoint_count(run->stats) && shown < SUMMARY_ROWS_MAX; i++) {
        if (!is_audited(run, i))
            continue;
        put_endpoint(out, run, i);
        shown++;
    }
    summary_more(out, all);
}

static void put_sequences(struct buf *out, const struct stat_set *set)
{
    char text[UNITS_TEXT_BYTES];
    struct buf note = {0};
    uint64_t judged = count_of(set, METRIC_SSE_SEQUENCED, NULL);

    if (judged > 0) {
        put_orders(&note, set);
        summary_row(out, "judged by sequence", units_format_count(judged, text), buf_text(&note));
        put_missed(out, set);
        put_where(out, set, "duplicates", METRIC_SSE_DUPLICATES, "");
        put_where(out, set, "reordered", METRIC_SSE_REORDERED, "");
        put_if_any(out, set, "skipped", METRIC_SSE_SKIPPED, "numbers that no stream got");
        put_if_any(out, set, "sequence resets", METRIC_SSE_SEQUENCE_RESETS,
                   "the numbers began anew");
        put_resumes(out, set);
    }
    put_if_any(out, set, "without a number", METRIC_SSE_UNNUMBERED,
               "events that could not be judged");
    buf_fini(&note);
}

/* What streams with the same request had in common. */
static void put_peers(struct buf *out, const struct stat_set *set)
{
    const struct hist *spread = stat_get_trend(set, METRIC_SSE_FANOUT_SPREAD, NULL);
    char share[UNITS_TEXT_BYTES], p50[UNITS_TEXT_BYTES], p99[UNITS_TEXT_BYTES];
    struct buf note = {0};
    uint64_t passes, fails;

    stat_get_rate(set, METRIC_SSE_PEER_COMPLETENESS, NULL, &passes, &fails);
    if (passes + fails == 0)
        return;
    if (spread)
        (void)buf_appendf(&note, "last receipt behind the first: p50 %s ms, p99 %s ms",
                          figures_number((double)hist_percentile(spread, 50) / 1000, p50),
                          figures_number((double)hist_percentile(spread, 99) / 1000, p99));
    summary_row(out, "reached all peers", figures_share(passes, fails, share), buf_text(&note));
    if (fails > 0)
        put_where(out, set, "missed by peers", METRIC_SSE_PEER_MISSED, "");
    buf_fini(&note);
}

void summary_delivery(struct buf *out, const struct run *run, bool has_colour)
{
    struct buf rows = {0};

    put_sequences(&rows, run->total);
    put_peers(&rows, run->total);
    if (rows.len > 0) {
        summary_title(out, "Delivery", has_colour);
        (void)buf_append(out, rows.bytes, rows.len);
        put_endpoints(out, run, has_colour);
    }
    buf_fini(&rows);
}

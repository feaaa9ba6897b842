#include "wire/pack_stats.h"

#include "wire/pack_rows.h"
#include "wire/pack_trend.h"
#include "wire/pack_waves.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENDPOINT_ROWS = STATS_ENDPOINT_LIMIT + 1,
    ERROR_ROWS = STATS_ERROR_LIMIT + CLASS_COUNT,
    EXAMPLE_ROWS = MALFORMED_COUNT * EXAMPLES_A_KIND
};
enum {
    COUNTER_FIELDS = 3,
    RATE_FIELDS = 4,
    TREND_FIELDS = 7,
    ENDPOINT_FIELDS = 3,
    STATS_FIELDS = 6, /* and one more where a script counted something */
    ERROR_FIELDS = 6,
    EXAMPLE_FIELDS = 4,
    END_FIELDS = 7
};

/* Far above any true sum, and far enough below infinity to be added up. */
static const double SUM_LIMIT = 1e40;

/* --- writing --- */

static void count_entry(void *ctx, const struct stat_set *set, enum metric metric, const char *tag)
{
    size_t *count = ctx;

    (void)set;
    (void)tag;
    if (metric_info(metric)->kind != METRIC_GAUGE)
        ++*count;
}

static size_t entry_count(const struct stat_set *set)
{
    size_t count = 0;

    stat_each(set, count_entry, &count);
    return count;
}

static void pack_entry_head(struct buf *out, size_t fields, enum metric metric, const char *tag)
{
    pack_array(out, fields);
    pack_uint(out, (uint64_t)metric);
    pack_text(out, tag);
}

static void pack_entry(void *ctx, const struct stat_set *set, enum metric metric, const char *tag)
{
    struct buf *out = ctx;
    uint64_t passes, fails;

    switch (metric_info(metric)->kind) {
    case METRIC_KIND_NONE:
    case METRIC_GAUGE:
        break;
    case METRIC_COUNTER:
        pack_entry_head(out, COUNTER_FIELDS, metric, tag);
        pack_uint(out, stat_get_count(set, metric, tag));
        break;
    case METRIC_RATE:
        stat_get_rate(set, metric, tag, &passes, &fails);
        pack_entry_head(out, RATE_FIELDS, metric, tag);
        pack_uint(out, passes);
        pack_uint(out, fails);
        break;
    case METRIC_TREND:
        pack_entry_head(out, TREND_FIELDS, metric, tag);
        pack_trend(out, stat_get_trend(set, metric, tag));
        break;
    }
}

static void pack_set(struct buf *out, const struct stat_set *set)
{
    pack_array(out, entry_count(set));
    stat_each(set, pack_entry, out);
}

/* Gives every endpoint that holds something or is named by an error, an example or an end its place
 * in the frame. */
static size_t place_endpoints(const struct stats *stats, size_t place[static ENDPOINT_ROWS])
{
    bool is_used[ENDPOINT_ROWS] = {false};
    size_t used_count = 0;

    for (size_t i = 0; i < stats_error_count(stats); i++) {
        if (stats_error_at(stats, i)->endpoint != STATS_NO_ENDPOINT)
            is_used[stats_error_at(stats, i)->endpoint] = true;
    }
    for (size_t i = 0; i < examples_count(stats_examples(stats)); i++)
        is_used[examples_at(stats_examples(stats), i)->endpoint] = true;
    for (size_t i = 0; i < ends_count(stats_ends(stats)); i++)
        is_used[ends_at(stats_ends(stats), i).endpoint] = true;
    for (size_t i = 0; i < stats_endpoint_count(stats); i++) {
        place[i] = STATS_NO_ENDPOINT;
        if (is_used[i] || entry_count(stats_endpoint_set(stats, i)) > 0)
            place[i] = used_count++;
    }
    return used_count;
}

static void pack_errors(struct buf *out, const struct stats *stats,
                        const size_t place[static ENDPOINT_ROWS])
{
    pack_array(out, stats_error_count(stats));
    for (size_t i = 0; i < stats_error_count(stats); i++) {
        const struct stats_error *row = stats_error_at(stats, i);

        pack_array(out, ERROR_FIELDS);
        pack_uint(out, (uint64_t)row->error_class);
        if (row->endpoint == STATS_NO_ENDPOINT)
            pack_text(out, NULL);
        else
            pack_uint(out, place[row->endpoint]);
        pack_uint(out, row->count);
        pack_double(out, row->first_unix_ms);
        pack_double(out, row->last_unix_ms);
        pack_text(out, row->message);
    }
}

static void pack_examples(struct buf *out, const struct examples *examples,
                          const size_t place[static ENDPOINT_ROWS])
{
    pack_array(out, examples_count(examples));
    for (size_t i = 0; i < examples_count(examples); i++) {
        const struct example *row = examples_at(examples, i);

        pack_array(out, EXAMPLE_FIELDS);
        pack_uint(out, (uint64_t)row->kind);
        pack_uint(out, place[row->endpoint]);
        pack_double(out, row->unix_ms);
        pack_text(out, row->text);
    }
}

static void pack_ends(struct buf *out, const struct ends *ends,
                      const size_t place[static ENDPOINT_ROWS])
{
    pack_array(out, ends_count(ends));
    for (size_t i = 0; i < ends_count(ends); i++) {
        struct end_row row = ends_at(ends, i);

        pack_array(out, END_FIELDS);
        pack_double(out, row.at_unix_ms);
        pack_double(out, row.weight);
        pack_uint(out, place[row.endpoint]);
        pack_uint(out, row.age_ms);
        pack_uint(out, row.silence_ms);
        pack_uint(out, row.event_count);
        pack_uint(out, (uint64_t)row.error_class);
    }
}

void pack_stats(struct buf *out, const struct stats *stats)
{
    size_t place[ENDPOINT_ROWS] = {0};
    size_t used_count = place_endpoints(stats, place);
    bool has_rows = !rows_is_empty(stats_rows(stats));

    pack_array(out, STATS_FIELDS + (has_rows ? 1 : 0));
    pack_set(out, stats_worker_set(stats));
    pack_array(out, used_count);
    for (size_t i = 0; i < stats_endpoint_count(stats); i++) {
        if (place[i] == STATS_NO_ENDPOINT)
            continue;
        pack_array(out, ENDPOINT_FIELDS);
        pack_text(out, stats_endpoint_method(stats, i));
        pack_text(out, stats_endpoint_name(stats, i));
        pack_set(out, stats_endpoint_set(stats, i));
    }
    pack_errors(out, stats, place);
    pack_examples(out, stats_examples(stats), place);
    pack_ends(out, stats_ends(stats), place);
    pack_waves(out, stats_waves(stats));
    if (has_rows)
        pack_rows(out, stats_rows(stats));
}

/* --- reading --- */

static void expect(struct unpack *unpack, bool holds)
{
    if (!holds)
        unpack->failed = true;
}

static double unpack_finite(struct unpack *unpack)
{
    double number = unpack_double(unpack);

    expect(unpack, isfinite(number));
    return number;
}

/* A text that is not NULL and fits with a NUL. */
static void unpack_short_text(struct unpack *unpack, char *text, size_t cap)
{
    size_t len;
    const char *view = unpack_text_view(unpack, &len);

    expect(unpack, view && len < cap);
    if (unpack->failed || !view)
        len = 0;
    else
        memcpy(text, view, len);
    text[len] = '\0';
}

static void unpack_entry(struct unpack *unpack, struct stat_set *set)
{
    size_t fields = unpack_array(unpack);
    enum metric metric = (enum metric)unpack_uint_max(unpack, METRIC_COUNT - 1);
    bool is_whole = unpack_null(unpack);
    char text[STATS_TAG_BYTES], *tag = is_whole ? NULL : text;
    uint64_t passes, fails;

    if (!is_whole)
        unpack_short_text(unpack, text, sizeof text);
    expect(unpack, metric != METRIC_NONE);
    if (unpack->failed)
        return;
    switch (metric_info(metric)->kind) {
    case METRIC_KIND_NONE:
    case METRIC_GAUGE:
        unpack->failed = true;
        break;
    case METRIC_COUNTER:
        expect(unpack, fields == COUNTER_FIELDS);
        stat_count(set, metric, tag, unpack_uint(unpack));
        break;
    case METRIC_RATE:
        expect(unpack, fields == RATE_FIELDS);
        passes = unpack_uint(unpack);
        fails = unpack_uint(unpack);
        stat_passes(set, metric, tag, passes, fails);
        break;
    case METRIC_TREND:
        expect(unpack, fields == TREND_FIELDS);
        unpack_trend(unpack, stat_trend(set, metric, tag));
        break;
    }
}

static void unpack_set(struct unpack *unpack, struct stat_set *set)
{
    size_t entries = unpack_array(unpack);

    expect(unpack, entries < METRIC_COUNT + STATS_TAG_LIMIT);
    for (size_t i = 0; i < entries && !unpack->failed; i++)
        unpack_entry(unpack, set);
}

static void unpack_endpoint(struct unpack *unpack, struct stats *stats)
{
    char *method, *name;
    size_t index;

    expect(unpack, unpack_array(unpack) == ENDPOINT_FIELDS);
    method = unpack_text(unpack);
    name = unpack_text(unpack);
    expect(unpack, method && name);
    if (!unpack->failed) {
        index = stats_add_endpoint(stats, method, name);
        unpack_set(unpack, stats_endpoint_set(stats, index));
    }
    free(method);
    free(name);
}

static void unpack_error(struct unpack *unpack, struct stats *stats)
{
    struct stats_error row = {.endpoint = STATS_NO_ENDPOINT};

    expect(unpack, unpack_array(unpack) == ERROR_FIELDS);
    row.error_class = (enum error_class)unpack_uint_max(unpack, CLASS_COUNT - 1);
    if (!unpack_null(unpack)) {
        row.endpoint = (size_t)unpack_uint_max(unpack, ENDPOINT_ROWS);
        expect(unpack, row.endpoint < stats_endpoint_count(stats));
    }
    row.count = unpack_uint(unpack);
    row.first_unix_ms = unpack_finite(unpack);
    row.last_unix_ms = unpack_finite(unpack);
    unpack_short_text(unpack, row.message, sizeof row.message);
    expect(unpack, row.error_class != CLASS_NONE && row.count > 0);
    expect(unpack, row.first_unix_ms <= row.last_unix_ms);
    if (!unpack->failed)
        stats_add_error_row(stats, &row);
}

static void unpack_example(struct unpack *unpack, struct stats *stats)
{
    struct example row = {.kind = MALFORMED_NONE};

    expect(unpack, unpack_array(unpack) == EXAMPLE_FIELDS);
    row.kind = (enum malformed)unpack_uint_max(unpack, MALFORMED_COUNT - 1);
    row.endpoint = (size_t)unpack_uint_max(unpack, ENDPOINT_ROWS);
    row.unix_ms = unpack_finite(unpack);
    unpack_short_text(unpack, row.text, sizeof row.text);
    expect(unpack, row.kind != MALFORMED_NONE && row.endpoint < stats_endpoint_count(stats));
    if (!unpack->failed)
        examples_add(stats_examples(stats), &row);
}

static void unpack_end(struct unpack *unpack, struct stats *stats)
{
    struct end_row row = {.at_unix_ms = 0};

    expect(unpack, unpack_array(unpack) == END_FIELDS);
    row.at_unix_ms = unpack_finite(unpack);
    row.weight = unpack_finite(unpack);
    row.endpoint = (size_t)unpack_uint_max(unpack, ENDPOINT_ROWS);
    row.age_ms = (uint32_t)unpack_uint_max(unpack, UINT32_MAX);
    row.silence_ms = (uint32_t)unpack_uint_max(unpack, UINT32_MAX);
    row.event_count = (uint32_t)unpack_uint_max(unpack, UINT32_MAX);
    row.error_class = (enum error_class)unpack_uint_max(unpack, CLASS_COUNT - 1);
    expect(unpack, row.weight >= 1 && row.weight <= SUM_LIMIT);
    expect(unpack, row.error_class != CLASS_NONE && row.endpoint < stats_endpoint_count(stats));
    if (!unpack->failed)
        ends_add(stats_ends(stats), &row);
}

struct stats *unpack_stats(struct unpack *unpack)
{
    struct stats *stats = stats_new();
    size_t fields = unpack_array(unpack), count;

    expect(unpack, fields == STATS_FIELDS || fields == STATS_FIELDS + 1);
    unpack_set(unpack, stats_worker_set(stats));
    count = unpack_array(unpack);
    expect(unpack, count <= ENDPOINT_ROWS);
    for (size_t i = 0; i < count && !unpack->failed; i++)
        unpack_endpoint(unpack, stats);
    count = unpack_array(unpack);
    expect(unpack, count <= ERROR_ROWS);
    for (size_t i = 0; i < count && !unpack->failed; i++)
        unpack_error(unpack, stats);
    count = unpack_array(unpack);
    expect(unpack, count <= EXAMPLE_ROWS);
    for (size_t i = 0; i < count && !unpack->failed; i++)
        unpack_example(unpack, stats);
    count = unpack_array(unpack);
    expect(unpack, count <= ENDS_LIMIT);
    for (size_t i = 0; i < count && !unpack->failed; i++)
        unpack_end(unpack, stats);
    unpack_waves(unpack, stats_waves(stats));
    if (fields > STATS_FIELDS)
        unpack_rows(unpack, stats_rows(stats));
    if (!unpack->failed)
        return stats;
    stats_free(stats);
    return NULL;
}

#include "report/summary_quality.h"

#include "base/mem.h"
#include "report/figures.h"
#include "report/summary_tables.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SERVERS_SHOWN = 20, SERVER_COLUMNS = 42, KIND_COLUMNS = 14 };

static const char PREFIX[] = "server:";

/* "json 2, unknown_field 1" */
static void append_kinds(struct buf *out, const struct run *run)
{
    for (int i = MALFORMED_NONE + 1; i < MALFORMED_COUNT; i++) {
        enum malformed kind = (enum malformed)i;
        uint64_t count = stat_get_count(run->total, METRIC_SSE_MALFORMED, malformed_tag(kind));
        char text[UNITS_TEXT_BYTES];

        if (count > 0)
            (void)buf_appendf(out, "%s%s %s", out->len > 0 ? ", " : "", malformed_name(kind),
                              units_format_count(count, text));
    }
}

static void put_examples(struct buf *out, const struct run *run)
{
    const struct examples *examples = stats_examples(run->stats);

    for (size_t i = 0; i < examples_count(examples); i++) {
        const struct example *example = examples_at(examples, i);

        (void)buf_appendf(out, "    %-*s ", KIND_COLUMNS, malformed_name(example->kind));
        (void)figures_append_clean(out, example->text, SUMMARY_COLUMNS - KIND_COLUMNS - 5);
        (void)buf_append_byte(out, '\n');
    }
}

void summary_quality(struct buf *out, const struct run *run)
{
    uint64_t malformed = stat_get_count(run->total, METRIC_SSE_MALFORMED, NULL);
    uint64_t silences = stat_get_count(run->total, METRIC_SSE_MISSED_HEARTBEATS, NULL);
    char text[UNITS_TEXT_BYTES];
    struct buf kinds = {0};

    append_kinds(&kinds, run);
    if (malformed > 0)
        summary_row(out, "malformed", units_format_count(malformed, text), buf_text(&kinds));
    buf_fini(&kinds);
    put_examples(out, run);
    if (silences > 0)
        summary_row(out, "missed heartbeats", units_format_count(silences, text),
                    "silences longer than --heartbeat");
}

struct server {
    const char *tag; /* borrowed from the set, as long as nothing is added to it */
    uint64_t attempts;
};

struct server_list {
    struct server *items; /* owned */
    size_t count;
};

static void add_server(void *ctx, const struct stat_set *set, enum metric metric, const char *tag)
{
    struct server_list *list = ctx;

    if (metric != METRIC_SSE_ATTEMPTS || !tag || strncmp(tag, PREFIX, sizeof PREFIX - 1) != 0)
        return;
    list->items = x_realloc(list->items, (list->count + 1) * sizeof *list->items);
    list->items[list->count++] = (struct server){tag, stat_get_count(set, metric, tag)};
}

static int compare_servers(const void *left, const void *right)
{
    const struct server *a = left, *b = right;

    if (a->attempts != b->attempts)
        return a->attempts > b->attempts ? -1 : 1;
    return strcmp(a->tag, b->tag);
}

/* Further from a fair share than chance would bring it: three deviations, and a fifth at least. */
static bool is_unfair(uint64_t attempts, double fair, size_t server_count)
{
    double deviation = sqrt(fair * (1 - 1 / (double)server_count));

    return fabs((double)attempts - fair) > fmax(fair / 5, 3 * deviation);
}

/* The list is sorted, the most first. */
static void put_spread(struct buf *out, const struct server_list *list)
{
    uint64_t most = list->items[0].attempts, least = list->items[list->count - 1].attempts;
    char first[UNITS_TEXT_BYTES], second[UNITS_TEXT_BYTES], third[UNITS_TEXT_BYTES];
    double fair = 0;
    bool is_uneven;

    if (list->count < 2)
        return;
    for (size_t i = 0; i < list->count; i++)
        fair += (double)list->items[i].attempts / (double)list->count;
    is_uneven = is_unfair(most, fair, list->count) || is_unfair(least, fair, list->count);
    (void)buf_appendf(out, "  attempts are spread %s: %s to %s a server, a fair share is %s\n",
                      is_uneven ? "unevenly" : "evenly", units_format_count(least, first),
                      units_format_count(most, second), figures_number(fair, third));
}

static void put_server(struct buf *out, const struct run *run, const struct server *server)
{
    const struct stat_set *set = run->total;
    char attempts[UNITS_TEXT_BYTES], share[UNITS_TEXT_BYTES], events[UNITS_TEXT_BYTES];
    char ends[UNITS_TEXT_BYTES];
    uint64_t passes, fails;
    size_t used;

    stat_get_rate(set, METRIC_SSE_CONNECT_SUCCESS, server->tag, &passes, &fails);
    (void)buf_append_text(out, "  ");
    used = figures_append_clean(out, server->tag + sizeof PREFIX - 1, SERVER_COLUMNS);
    (void)buf_appendf(
        out, "%*s %9s %9s %12s %12s\n", (int)(SERVER_COLUMNS - used), "",
        units_format_count(server->attempts, attempts), figures_share(passes, fails, share),
        units_format_count(stat_get_count(set, METRIC_SSE_EVENTS, server->tag), events),
        units_format_count(stat_get_count(set, METRIC_SSE_DISCONNECTS, server->tag), ends));
}

void summary_servers(struct buf *out, const struct run *run, bool has_colour)
{
    uint64_t elsewhere = stat_get_count(run->total, METRIC_SSE_RESUMED_ELSEWHERE, NULL);
    struct server_list list = {0};
    struct buf title = {0};
    char text[UNITS_TEXT_BYTES];

    stat_each(run->total, add_server, &list);
    if (list.count == 0)
        return;
    qsort(list.items, list.count, sizeof *list.items, compare_servers);
    (void)buf_appendf(&title, "%-*s %9s %9s %12s %12s", SERVER_COLUMNS + 2, "Servers", "attempts",
                      "connected", "events", "disconnects");
    summary_title(out, buf_text(&title), has_colour);
    buf_fini(&title);
    for (size_t i = 0; i < list.count && i < SERVERS_SHOWN; i++)
        put_server(out, run, &list.items[i]);
    if (list.count > SERVERS_SHOWN)
        (void)buf_appendf(out, "  and %zu more, see the result of --json\n",
                          list.count - SERVERS_SHOWN);
    put_spread(out, &list);
    if (elsewhere > 0)
        (void)buf_appendf(out, "  %s resumed on another server than before\n",
                          units_format_count(elsewhere, text));
    free(list.items);
}

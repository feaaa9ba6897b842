#include "report/locust_tables.h"

#include "report/figures.h"
#include "report/row_list.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Locust's widths. */
enum {
    WIDTH_DEFAULT = 80,
    WIDTH_FIT_MAX = 64,
    TYPE_COLUMNS = 8,
    NAME_SPARED = 4, /* the name of the table of requests is so much narrower */
    NUMBER_COLUMNS = 7,
    FAILS_COLUMNS = 12,
    RATE_COLUMNS = 11,
    FIRST_PERCENTILE_COLUMNS = 8,
    PERCENTILE_COLUMNS = 6,
    OCCURRENCES_COLUMNS = 18,
    ERROR_COLUMNS = 100,
    ERROR_RULE_SPARED = 19,
    EXCEPTIONS_MAX = 20
};

size_t locust_tables_width(size_t terminal_columns)
{
    if (terminal_columns == 0 || terminal_columns >= 2 * WIDTH_DEFAULT)
        return WIDTH_DEFAULT;
    return terminal_columns > WIDTH_DEFAULT ? terminal_columns - WIDTH_DEFAULT : 0;
}

static size_t columns_of(const char *text)
{
    struct buf clean = {0};
    size_t columns = figures_append_clean(&clean, text, SIZE_MAX);

    buf_fini(&clean);
    return columns;
}

size_t locust_tables_fit(const struct run *run)
{
    const struct rows *rows = stats_rows(run->stats);
    size_t widest = strlen("Aggregated");

    for (size_t i = 0; i < rows_count(rows); i++) {
        size_t columns = columns_of(rows_at(rows, i)->name);

        widest = columns > widest ? columns : widest;
    }
    widest += NAME_SPARED;
    return widest < WIDTH_FIT_MAX ? widest : WIDTH_FIT_MAX;
}

/* Left-aligned, and longer where the text is. */
static void put_cell(struct buf *out, const char *text, size_t columns)
{
    for (size_t used = figures_append_clean(out, text, SIZE_MAX); used < columns; used++)
        (void)buf_append_byte(out, ' ');
}

static void put_dashes(struct buf *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)buf_append_byte(out, '-');
}

/* "----|---|-----" and a line end. */
static void put_rule(struct buf *out, const size_t *columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            (void)buf_append_byte(out, '|');
        put_dashes(out, columns[i]);
    }
    (void)buf_append_byte(out, '\n');
}

/* The type as Locust puts it into the table of requests, with a blank behind it. */
static void put_type(struct buf *out, const char *type)
{
    struct buf text = {0};

    if (*type)
        (void)buf_appendf(&text, "%s ", type);
    put_cell(out, buf_text(&text), TYPE_COLUMNS);
    (void)buf_append_byte(out, ' ');
    buf_fini(&text);
}

static size_t request_name_columns(size_t width)
{
    return width > NAME_SPARED ? width - NAME_SPARED : 0;
}

static void put_request(struct buf *out, const struct row_list *list, const struct row *row,
                        size_t width, bool is_current)
{
    struct row_rates rates = row_list_rates(list, row, is_current);
    struct buf fails = {0};

    (void)buf_appendf(&fails, "%" PRIu64 "(%.2f%%)", row->failure_count, row_fail_ratio(row) * 100);
    put_type(out, row->type);
    put_cell(out, row->name, request_name_columns(width));
    (void)buf_appendf(out, " %*" PRIu64 " %*s |", NUMBER_COLUMNS, row->request_count, FAILS_COLUMNS,
                      buf_text(&fails));
    (void)buf_appendf(out, "%*.0f %*.0f %*.0f%*.0f", NUMBER_COLUMNS, trunc(row_average(row)),
                      NUMBER_COLUMNS, isnan(row->min_ms) ? 0 : trunc(row->min_ms), NUMBER_COLUMNS,
                      trunc(row->max_ms), NUMBER_COLUMNS, trunc(row_median(row)));
    (void)buf_appendf(out, " | %*.2f %*.2f\n", NUMBER_COLUMNS, rates.requests, RATE_COLUMNS,
                      rates.failures);
    buf_fini(&fails);
}

static void put_requests_rule(struct buf *out, size_t width)
{
    const size_t columns[] = {
        TYPE_COLUMNS,       request_name_columns(width),
        NUMBER_COLUMNS,     FAILS_COLUMNS + 1,
        NUMBER_COLUMNS,     NUMBER_COLUMNS,
        NUMBER_COLUMNS,     NUMBER_COLUMNS,
        NUMBER_COLUMNS + 1, RATE_COLUMNS,
    };

    put_rule(out, columns, sizeof columns / sizeof columns[0]);
}

void locust_tables_requests(struct buf *out, const struct run *run, size_t width, bool is_current)
{
    struct row_list list;

    row_list_init(&list, run);
    (void)buf_appendf(out, "%-*s %-*s %*s %*s |%*s %*s %*s%*s | %*s %*s\n", TYPE_COLUMNS, "Type",
                      (int)request_name_columns(width), "Name", NUMBER_COLUMNS, "# reqs",
                      FAILS_COLUMNS, "# fails", NUMBER_COLUMNS, "Avg", NUMBER_COLUMNS, "Min",
                      NUMBER_COLUMNS, "Max", NUMBER_COLUMNS, "Med", NUMBER_COLUMNS, "req/s",
                      RATE_COLUMNS, "failures/s");
    put_requests_rule(out, width);
    for (size_t i = 0; i < list.count; i++)
        put_request(out, &list, list.rows[i], width, is_current);
    put_requests_rule(out, width);
    put_request(out, &list, list.total, width, is_current);
    row_list_fini(&list);
}

static void put_percentiles(struct buf *out, const struct row *row, size_t width)
{
    if (row->bin_count == 0)
        return;
    put_cell(out, row->type, TYPE_COLUMNS);
    (void)buf_append_byte(out, ' ');
    put_cell(out, row->name, width);
    for (size_t i = 0; i < ROW_LIST_PERCENTILES; i++)
        (void)buf_appendf(out, " %*.0f", i == 0 ? FIRST_PERCENTILE_COLUMNS : PERCENTILE_COLUMNS,
                          row_percentile(row, row_list_percentiles[i]));
    (void)buf_appendf(out, " %*" PRIu64 "\n", PERCENTILE_COLUMNS, row->request_count);
}

static void put_percentiles_rule(struct buf *out, size_t width)
{
    size_t columns[3 + ROW_LIST_PERCENTILES] = {TYPE_COLUMNS, width, FIRST_PERCENTILE_COLUMNS};

    for (size_t i = 0; i < ROW_LIST_PERCENTILES; i++)
        columns[3 + i] = PERCENTILE_COLUMNS;
    put_rule(out, columns, sizeof columns / sizeof columns[0]);
}

void locust_tables_percentiles(struct buf *out, const struct run *run, size_t width)
{
    struct row_list list;

    row_list_init(&list, run);
    (void)buf_appendf(out, "Response time percentiles (approximated)\n%-*s %-*s", TYPE_COLUMNS,
                      "Type", (int)width, "Name");
    for (size_t i = 0; i < ROW_LIST_PERCENTILES; i++)
        (void)buf_appendf(out, " %*s", i == 0 ? FIRST_PERCENTILE_COLUMNS : PERCENTILE_COLUMNS,
                          row_list_percentile_names[i]);
    (void)buf_appendf(out, " %*s\n", PERCENTILE_COLUMNS, "# reqs");
    put_percentiles_rule(out, width);
    for (size_t i = 0; i < list.count; i++)
        put_percentiles(out, list.rows[i], width);
    put_percentiles_rule(out, width);
    put_percentiles(out, list.total, width);
    row_list_fini(&list);
}

static void put_error(struct buf *out, const struct row_error *error)
{
    struct buf text = {0};

    (void)buf_appendf(&text, "%s %s: %s", error->type, error->name, error->text);
    (void)buf_appendf(out, "%-*" PRIu64 " ", OCCURRENCES_COLUMNS, error->count);
    put_cell(out, buf_text(&text), ERROR_COLUMNS);
    (void)buf_append_byte(out, '\n');
    buf_fini(&text);
}

void locust_tables_errors(struct buf *out, const struct run *run, size_t width)
{
    const struct rows *rows = stats_rows(run->stats);
    const size_t columns[] = {OCCURRENCES_COLUMNS, WIDTH_DEFAULT + width - ERROR_RULE_SPARED};

    if (rows_error_count(rows) == 0)
        return;
    (void)buf_appendf(out, "Error report\n%-*s %-*s\n", OCCURRENCES_COLUMNS, "# occurrences",
                      ERROR_COLUMNS, "Error");
    put_rule(out, columns, 2);
    for (size_t i = 0; i < rows_error_count(rows); i++)
        put_error(out, rows_error_at(rows, i));
    put_rule(out, columns, 2);
}

/* The last place in the traceback: where it was raised. NULL: there is none. */
static const char *place_of(const char *traceback, size_t *result_len)
{
    static const char mark[] = "File \"";
    const char *place = NULL;

    for (const char *at = strstr(traceback, mark); at; at = strstr(at + 1, mark))
        place = at;
    if (place)
        *result_len = strcspn(place, "\n");
    return place;
}

void locust_tables_exceptions(struct buf *out, const struct run *run)
{
    const struct rows *rows = stats_rows(run->stats);
    size_t count = rows_exception_count(rows), place_len = 0;

    if (count == 0)
        return;
    (void)buf_appendf(out, "%-*s %s\n", OCCURRENCES_COLUMNS, "# occurrences", "Exception");
    for (size_t i = 0; i < count && i < EXCEPTIONS_MAX; i++) {
        const struct row_exception *exception = rows_exception_at(rows, i);
        const char *place = place_of(exception->traceback, &place_len);
        struct buf text = {0};

        (void)buf_appendf(&text, "%s%s%.*s", exception->message, place ? ", " : "", (int)place_len,
                          place ? place : "");
        (void)buf_appendf(out, "%-*" PRIu64 " ", OCCURRENCES_COLUMNS, exception->count);
        (void)figures_append_clean(out, buf_text(&text), SIZE_MAX);
        (void)buf_append_byte(out, '\n');
        buf_fini(&text);
    }
    if (count > EXCEPTIONS_MAX)
        (void)buf_appendf(out, "and %zu more, see the result of --json\n", count - EXCEPTIONS_MAX);
}

void locust_tables_live(struct buf *out, const struct run *run, size_t width)
{
    locust_tables_requests(out, run, width, true);
    (void)buf_append_byte(out, '\n');
}

void locust_tables_final(struct buf *out, const struct run *run, size_t width)
{
    locust_tables_requests(out, run, width, false);
    (void)buf_append_byte(out, '\n');
    locust_tables_percentiles(out, run, width);
    (void)buf_append_byte(out, '\n');
    locust_tables_errors(out, run, width);
    if (rows_error_count(stats_rows(run->stats)) > 0)
        (void)buf_append_byte(out, '\n');
}

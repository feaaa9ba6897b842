#include "report/row_list.h"

#include <stdlib.h>

const double row_list_percentiles[ROW_LIST_PERCENTILES] = {0.50, 0.66, 0.75,  0.80,   0.90, 0.95,
                                                           0.98, 0.99, 0.999, 0.9999, 1.0};
const char *const row_list_percentile_names[ROW_LIST_PERCENTILES] = {
    "50%", "66%", "75%", "80%", "90%", "95%", "98%", "99%", "99.9%", "99.99%", "100%"};

void row_list_init(struct row_list *list, const struct run *run)
{
    const struct rows *rows = stats_rows(run->stats);
    double start_unix_ms = rows_start_unix_ms(rows);

    *list = (struct row_list){
        .rows = rows_sorted(rows),
        .count = rows_count(rows),
        .total = rows_total(rows),
        .start_unix_ms = start_unix_ms > 0 ? start_unix_ms : run->info.started_unix_ms,
    };
    list->last_unix_ms = list->total->last_unix_ms;
}

void row_list_fini(struct row_list *list)
{
    free(list->rows);
    row_free(list->total);
}

struct row_rates row_list_rates(const struct row_list *list, const struct row *row, bool is_current)
{
    return is_current ? row_current_rates(row, list->start_unix_ms, list->last_unix_ms)
                      : row_total_rates(row, list->start_unix_ms, list->last_unix_ms);
}

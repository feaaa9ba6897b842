/*
 * report/row_list.h - Locust's table as it is shown: rows by name and type, their sum, and the two
 * moments that rates are taken between.
 */
#ifndef CICADA_REPORT_ROW_LIST_H
#define CICADA_REPORT_ROW_LIST_H

#include "stats/run.h"

#include <stddef.h>

struct row_list {
    const struct row **rows; /* the array is owned, the rows are borrowed from the run */
    size_t count;
    struct row *total; /* owned */
    double start_unix_ms, last_unix_ms;
};

/* `run` must not change before row_list_fini. */
void row_list_init(struct row_list *list, const struct run *run);
void row_list_fini(struct row_list *list);
/* Over the whole run, or as Locust's "current" ones. */
struct row_rates row_list_rates(const struct row_list *list, const struct row *row,
                                bool is_current);

/* The percentiles that Locust reports, as ratios and as it writes them ("99.9%"). */
enum { ROW_LIST_PERCENTILES = 11 };
extern const double row_list_percentiles[ROW_LIST_PERCENTILES];
extern const char *const row_list_percentile_names[ROW_LIST_PERCENTILES];

#endif

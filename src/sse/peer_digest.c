#include "sse/peer_digest.h"

#include "base/mem.h"

#include <stdlib.h>

enum { FIRST_CAP = 16 };

/* Makes room for one more of `size` bytes; the limit is a power of two too. */
static bool grow(void **items, size_t *cap, size_t count, size_t size)
{
    if (count == PEER_ROW_LIMIT)
        return false;
    if (count == *cap) {
        *cap = *cap > 0 ? 2 * *cap : FIRST_CAP;
        *items = x_realloc(*items, *cap * size);
    }
    return true;
}

bool peer_report_add_row(struct peer_report *report, const struct peer_row *row)
{
    void *rows = report->rows;

    if (!grow(&rows, &report->row_cap, report->row_count, sizeof *row))
        return false;
    report->rows = rows;
    report->rows[report->row_count++] = *row;
    return true;
}

bool peer_report_add_hole(struct peer_report *report, const struct peer_hole *hole)
{
    void *holes = report->holes;

    if (!grow(&holes, &report->hole_cap, report->hole_count, sizeof *hole))
        return false;
    report->holes = holes;
    report->holes[report->hole_count++] = *hole;
    return true;
}

void peer_report_fini(struct peer_report *report)
{
    free(report->rows);
    free(report->holes);
    *report = (struct peer_report){0};
}

void peer_digest_fini(struct peer_digest *digest)
{
    for (size_t i = 0; i < digest->count; i++) {
        free(digest->reports[i]->texts[0]);
        free(digest->reports[i]->texts[1]);
        peer_report_fini(digest->reports[i]);
        free(digest->reports[i]);
    }
    digest->count = 0;
}

#include "report/csv.h"

#include "base/mem.h"
#include "report/csv_lines.h"
#include "report/result_save.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The files that are written anew each time. */
static const struct {
    const char *suffix;
    void (*append)(struct buf *out, const struct run *run);
} TABLES[] = {
    {"_stats.csv", csv_lines_stats},
    {"_failures.csv", csv_lines_failures},
    {"_exceptions.csv", csv_lines_exceptions},
};
enum { TABLE_COUNT = sizeof TABLES / sizeof TABLES[0] };
static const char HISTORY_SUFFIX[] = "_stats_history.csv";
static const double MS_PER_S = 1000;

struct csv {
    char *prefix;
    bool is_full;
    char *history_path;
    FILE *history;
    double next_rewrite_unix_ms;
    struct err failure; /* the first one of a second */
};

static void note_failure(struct csv *csv, const struct err *err)
{
    if (csv->failure.kind == ERR_NONE)
        csv->failure = *err;
}

int csv_check(const char *prefix, struct err *err)
{
    int result = 0;

    for (size_t i = 0; i <= TABLE_COUNT && result == 0; i++) {
        char *path =
            x_asprintf("%s%s", prefix, i < TABLE_COUNT ? TABLES[i].suffix : HISTORY_SUFFIX);

        result = result_save_check(path, err);
        free(path);
    }
    return result;
}

/* 0 or -1. */
static int write_tables(const struct csv *csv, const struct run *run, struct err *err)
{
    struct buf text = {0};
    int result = 0;

    for (size_t i = 0; i < TABLE_COUNT && result == 0; i++) {
        char *path = x_asprintf("%s%s", csv->prefix, TABLES[i].suffix);

        buf_clear(&text);
        TABLES[i].append(&text, run);
        result = result_save(path, buf_text(&text), text.len, err);
        free(path);
    }
    buf_fini(&text);
    return result;
}

/* Flushed at once: whoever follows the file sees whole lines. 0 or -1. */
static int append_history(const struct csv *csv, const struct buf *lines, struct err *err)
{
    if (fwrite(lines->bytes, 1, lines->len, csv->history) == lines->len &&
        fflush(csv->history) == 0)
        return 0;
    err_set(err, ERR_SYSTEM, "cannot write '%s': %s", csv->history_path, strerror(errno));
    return -1;
}

struct csv *csv_open(const char *prefix, bool is_full, struct err *err)
{
    struct csv *csv = x_calloc(1, sizeof *csv), *result = NULL;
    struct run *nothing = run_new(0);
    struct buf head = {0};

    csv->prefix = x_strdup(prefix);
    csv->is_full = is_full;
    csv->history_path = x_asprintf("%s%s", prefix, HISTORY_SUFFIX);
    csv->history = fopen(csv->history_path, "we");
    if (!csv->history) {
        err_set(err, ERR_SYSTEM, "cannot write '%s': %s", csv->history_path, strerror(errno));
        goto out;
    }
    csv_lines_history_head(&head);
    if (append_history(csv, &head, err) < 0 || write_tables(csv, nothing, err) < 0)
        goto out;
    result = csv;
    csv = NULL;
out:
    buf_fini(&head);
    run_free(nothing);
    csv_free(csv);
    return result;
}

void csv_second(struct csv *csv, const struct run *run, double unix_ms)
{
    struct buf lines = {0};
    struct err err = {0};

    if (csv->failure.kind != ERR_NONE)
        return;
    csv_lines_history(&lines, run, csv->is_full, unix_ms);
    if (append_history(csv, &lines, &err) < 0)
        note_failure(csv, &err);
    buf_fini(&lines);
    if (csv->next_rewrite_unix_ms <= 0 || unix_ms >= csv->next_rewrite_unix_ms) {
        csv->next_rewrite_unix_ms = unix_ms + CSV_REWRITE_S * MS_PER_S;
        if (write_tables(csv, run, &err) < 0)
            note_failure(csv, &err);
    }
}

int csv_close(struct csv *csv, const struct run *run, struct err *err)
{
    int result = 0;

    if (!csv)
        return 0;
    if (csv->failure.kind != ERR_NONE) {
        *err = csv->failure;
        result = -1;
    } else if (write_tables(csv, run, err) < 0) {
        result = -1;
    }
    csv_free(csv);
    return result;
}

void csv_free(struct csv *csv)
{
    if (!csv)
        return;
    if (csv->history)
        (void)fclose(csv->history);
    free(csv->history_path);
    free(csv->prefix);
    free(csv);
}

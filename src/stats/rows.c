#include "stats/rows.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char OTHER_NAME[] = "(other)";
static const char OTHER_ERRORS[] = "(other errors)";
static const char OTHER_EXCEPTIONS[] = "(other exceptions)";
static const char TOTAL_NAME[] = "Aggregated";

/* Hashes stand beside what they belong to, so that a search reads 4 bytes an entry. */
struct rows {
    struct row *rows;
    uint32_t *row_hashes;
    size_t count, cap;
    struct row_error *errors;
    uint32_t *error_hashes;
    size_t error_count, error_cap;
    struct row_exception *exceptions;
    uint32_t *exception_hashes;
    size_t exception_count, exception_cap;
    double start_unix_ms;
    bool was_reset;
};

/* A text as far as it is kept. */
struct cut {
    const char *text;
    size_t len;
};

static void add(uint64_t *to, uint64_t count)
{
    if (__builtin_add_overflow(*to, count, to))
        *to = UINT64_MAX;
}

/* Fits with a NUL into `cap` bytes, without cutting a UTF-8 character in two. */
static struct cut cut_text(const char *text, size_t cap)
{
    struct cut cut = {text ? text : "", 0};

    cut.len = strnlen(cut.text, cap);
    if (cut.len == cap) {
        cut.len--;
        while (cut.len > 0 && ((uint8_t)cut.text[cut.len] & 0xC0) == 0x80)
            cut.len--;
    }
    return cut;
}

static bool is_text(const char *known, struct cut cut)
{
    return strncmp(known, cut.text, cut.len) == 0 && known[cut.len] == '\0';
}

/* FNV-1a (Fowler, Noll, Vo), and one more step, so that "a" "bc" and "ab" "c" differ. */
static uint32_t hash_cut(uint32_t hash, struct cut cut)
{
    for (size_t i = 0; i < cut.len; i++)
        hash = (hash ^ (uint8_t)cut.text[i]) * 16777619U;
    return (hash ^ 0xFFU) * 16777619U;
}

static const uint32_t HASH_START = 2166136261U;

static uint32_t hash_name(struct cut type, struct cut name)
{
    return hash_cut(hash_cut(HASH_START, type), name);
}

/* The row's index, or `count`. */
static size_t find_row(const struct rows *rows, struct cut type, struct cut name, uint32_t hash)
{
    size_t at = 0;

    while (at < rows->count &&
           !(rows->row_hashes[at] == hash && is_text(rows->rows[at].name, name) &&
             is_text(rows->rows[at].type, type)))
        at++;
    return at;
}

static void insert_row(struct rows *rows, struct cut type, struct cut name, uint32_t hash)
{
    assert(rows->count <= ROWS_LIMIT);
    if (rows->count == rows->cap) {
        rows->cap = rows->cap > 0 ? 2 * rows->cap : 8;
        rows->rows = x_realloc(rows->rows, rows->cap * sizeof *rows->rows);
        rows->row_hashes = x_realloc(rows->row_hashes, rows->cap * sizeof *rows->row_hashes);
    }
    row_init(&rows->rows[rows->count], type.text, type.len, name.text, name.len);
    rows->row_hashes[rows->count] = hash;
    rows->count++;
}

struct row *rows_add(struct rows *rows, const char *type, const char *name)
{
    struct cut type_cut = cut_text(type, ROWS_NAME_BYTES);
    struct cut name_cut = cut_text(name, ROWS_NAME_BYTES);
    uint32_t hash = hash_name(type_cut, name_cut);
    size_t index = find_row(rows, type_cut, name_cut, hash);

    if (index == rows->count && index >= ROWS_LIMIT) {
        type_cut = cut_text("", 1);
        name_cut = cut_text(OTHER_NAME, sizeof OTHER_NAME);
        hash = hash_name(type_cut, name_cut);
        index = find_row(rows, type_cut, name_cut, hash);
    }
    if (index == rows->count)
        insert_row(rows, type_cut, name_cut, hash);
    return &rows->rows[index];
}

struct rows *rows_new(void)
{
    return x_calloc(1, sizeof(struct rows));
}

static void drop_errors(struct rows *rows)
{
    for (size_t i = 0; i < rows->error_count; i++) {
        free(rows->errors[i].type);
        free(rows->errors[i].name);
        free(rows->errors[i].text);
    }
    rows->error_count = 0;
}

static void drop_exceptions(struct rows *rows)
{
    for (size_t i = 0; i < rows->exception_count; i++) {
        free(rows->exceptions[i].message);
        free(rows->exceptions[i].traceback);
    }
    rows->exception_count = 0;
}

void rows_free(struct rows *rows)
{
    if (!rows)
        return;
    for (size_t i = 0; i < rows->count; i++)
        row_fini(&rows->rows[i]);
    drop_errors(rows);
    drop_exceptions(rows);
    free(rows->rows);
    free(rows->row_hashes);
    free(rows->errors);
    free(rows->error_hashes);
    free(rows->exceptions);
    free(rows->exception_hashes);
    free(rows);
}

void rows_record(struct rows *rows, const char *type, const char *name, double response_time_ms,
                 int64_t response_length, const char *error, double unix_ms)
{
    struct row *row = rows_add(rows, type, name);

    row_record(row, response_time_ms, response_length, unix_ms);
    if (!error)
        return;
    row_record_failure(row, unix_ms);
    rows_add_error(rows, type, name, error, 1);
}

void rows_record_error(struct rows *rows, const char *type, const char *name, const char *error,
                       double unix_ms)
{
    row_record_failure(rows_add(rows, type, name), unix_ms);
    rows_add_error(rows, type, name, error, 1);
}

static size_t find_error(const struct rows *rows, const struct cut cuts[static 3], uint32_t hash)
{
    size_t at = 0;

    while (at < rows->error_count &&
           !(rows->error_hashes[at] == hash && is_text(rows->errors[at].text, cuts[2]) &&
             is_text(rows->errors[at].name, cuts[1]) && is_text(rows->errors[at].type, cuts[0])))
        at++;
    return at;
}

static void insert_error(struct rows *rows, const struct cut cuts[static 3], uint32_t hash)
{
    assert(rows->error_count <= ROWS_ERROR_LIMIT);
    if (rows->error_count == rows->error_cap) {
        rows->error_cap = rows->error_cap > 0 ? 2 * rows->error_cap : 8;
        rows->errors = x_realloc(rows->errors, rows->error_cap * sizeof *rows->errors);
        rows->error_hashes =
            x_realloc(rows->error_hashes, rows->error_cap * sizeof *rows->error_hashes);
    }
    rows->errors[rows->error_count] = (struct row_error){
        .type = x_strndup(cuts[0].text, cuts[0].len),
        .name = x_strndup(cuts[1].text, cuts[1].len),
        .text = x_strndup(cuts[2].text, cuts[2].len),
    };
    rows->error_hashes[rows->error_count] = hash;
    rows->error_count++;
}

void rows_add_error(struct rows *rows, const char *type, const char *name, const char *error,
                    uint64_t count)
{
    struct cut cuts[3] = {cut_text(type, ROWS_NAME_BYTES), cut_text(name, ROWS_NAME_BYTES),
                          cut_text(error, ROWS_TEXT_BYTES)};
    uint32_t hash = hash_cut(hash_name(cuts[0], cuts[1]), cuts[2]);
    size_t index = find_error(rows, cuts, hash);

    if (index == rows->error_count && index >= ROWS_ERROR_LIMIT) {
        cuts[0] = cut_text("", 1);
        cuts[1] = cut_text(OTHER_NAME, sizeof OTHER_NAME);
        cuts[2] = cut_text(OTHER_ERRORS, sizeof OTHER_ERRORS);
        hash = hash_cut(hash_name(cuts[0], cuts[1]), cuts[2]);
        index = find_error(rows, cuts, hash);
    }
    if (index == rows->error_count)
        insert_error(rows, cuts, hash);
    add(&rows->errors[index].count, count);
}

static size_t find_exception(const struct rows *rows, struct cut traceback, uint32_t hash)
{
    size_t at = 0;

    while (at < rows->exception_count && !(rows->exception_hashes[at] == hash &&
                                           is_text(rows->exceptions[at].traceback, traceback)))
        at++;
    return at;
}

static void insert_exception(struct rows *rows, struct cut message, struct cut traceback,
                             uint32_t hash)
{
    assert(rows->exception_count <= ROWS_EXCEPTION_LIMIT);
    if (rows->exception_count == rows->exception_cap) {
        rows->exception_cap = rows->exception_cap > 0 ? 2 * rows->exception_cap : 8;
        rows->exceptions =
            x_realloc(rows->exceptions, rows->exception_cap * sizeof *rows->exceptions);
        rows->exception_hashes =
            x_realloc(rows->exception_hashes, rows->exception_cap * sizeof *rows->exception_hashes);
    }
    rows->exceptions[rows->exception_count] = (struct row_exception){
        .message = x_strndup(message.text, message.len),
        .traceback = x_strndup(traceback.text, traceback.len),
    };
    rows->exception_hashes[rows->exception_count] = hash;
    rows->exception_count++;
}

void rows_record_exception(struct rows *rows, const char *message, const char *traceback,
                           uint64_t count)
{
    struct cut message_cut = cut_text(message, ROWS_TEXT_BYTES);
    struct cut traceback_cut = cut_text(traceback, ROWS_TRACEBACK_BYTES);
    uint32_t hash = hash_cut(HASH_START, traceback_cut);
    size_t index = find_exception(rows, traceback_cut, hash);

    if (index == rows->exception_count && index >= ROWS_EXCEPTION_LIMIT) {
        message_cut = cut_text(OTHER_EXCEPTIONS, sizeof OTHER_EXCEPTIONS);
        traceback_cut = message_cut;
        hash = hash_cut(HASH_START, traceback_cut);
        index = find_exception(rows, traceback_cut, hash);
    }
    if (index == rows->exception_count)
        insert_exception(rows, message_cut, traceback_cut, hash);
    add(&rows->exceptions[index].count, count);
}

size_t rows_count(const struct rows *rows)
{
    return rows->count;
}

const struct row *rows_at(const struct rows *rows, size_t index)
{
    assert(index < rows->count);
    return &rows->rows[index];
}

const struct row *rows_find(const struct rows *rows, const char *type, const char *name)
{
    struct cut type_cut = cut_text(type, ROWS_NAME_BYTES);
    struct cut name_cut = cut_text(name, ROWS_NAME_BYTES);
    size_t index = find_row(rows, type_cut, name_cut, hash_name(type_cut, name_cut));

    return index < rows->count ? &rows->rows[index] : NULL;
}

struct row *rows_total(const struct rows *rows)
{
    struct row *total = x_calloc(1, sizeof *total);

    row_init(total, "", 0, TOTAL_NAME, sizeof TOTAL_NAME - 1);
    for (size_t i = 0; i < rows->count; i++)
        row_merge(total, &rows->rows[i]);
    return total;
}

static int compare_rows(const void *left, const void *right)
{
    const struct row *a = *(const struct row *const *)left;
    const struct row *b = *(const struct row *const *)right;
    int by_name = strcmp(a->name, b->name);

    return by_name != 0 ? by_name : strcmp(a->type, b->type);
}

const struct row **rows_sorted(const struct rows *rows)
{
    const struct row **sorted = x_calloc(rows->count + 1, sizeof(const struct row *));

    for (size_t i = 0; i < rows->count; i++)
        sorted[i] = &rows->rows[i];
    qsort(sorted, rows->count, sizeof(const struct row *), compare_rows);
    return sorted;
}

size_t rows_error_count(const struct rows *rows)
{
    return rows->error_count;
}

const struct row_error *rows_error_at(const struct rows *rows, size_t index)
{
    assert(index < rows->error_count);
    return &rows->errors[index];
}

size_t rows_exception_count(const struct rows *rows)
{
    return rows->exception_count;
}

const struct row_exception *rows_exception_at(const struct rows *rows, size_t index)
{
    assert(index < rows->exception_count);
    return &rows->exceptions[index];
}

bool rows_has_other(const struct rows *rows)
{
    return rows_find(rows, "", OTHER_NAME) != NULL;
}

bool rows_is_empty(const struct rows *rows)
{
    if (rows->error_count > 0 || rows->exception_count > 0 || rows->was_reset)
        return false;
    for (size_t i = 0; i < rows->count; i++) {
        if (!row_is_empty(&rows->rows[i]))
            return false;
    }
    return true;
}

void rows_start(struct rows *rows, double unix_ms)
{
    rows->start_unix_ms = unix_ms;
}

double rows_start_unix_ms(const struct rows *rows)
{
    return rows->start_unix_ms;
}

void rows_merge(struct rows *to, const struct rows *from)
{
    if (from->was_reset)
        rows_reset(to, from->start_unix_ms);
    rows_add_counts(to, from);
}

void rows_add_counts(struct rows *to, const struct rows *from)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct row *row = &from->rows[i];

        if (!row_is_empty(row))
            row_merge(rows_add(to, row->type, row->name), row);
    }
    for (size_t i = 0; i < from->error_count; i++)
        rows_add_error(to, from->errors[i].type, from->errors[i].name, from->errors[i].text,
                       from->errors[i].count);
    for (size_t i = 0; i < from->exception_count; i++)
        rows_record_exception(to, from->exceptions[i].message, from->exceptions[i].traceback,
                              from->exceptions[i].count);
}

void rows_clear(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        row_clear(&rows->rows[i]);
    drop_errors(rows);
    drop_exceptions(rows);
    rows->start_unix_ms = 0;
    rows->was_reset = false;
}

void rows_reset(struct rows *rows, double unix_ms)
{
    for (size_t i = 0; i < rows->count; i++)
        row_clear(&rows->rows[i]);
    drop_errors(rows);
    rows->start_unix_ms = unix_ms;
    rows->was_reset = true;
}

bool rows_was_reset(const struct rows *rows)
{
    return rows->was_reset;
}

#include "stats/stats.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char OTHER_NAME[] = "(other)";
static const char OTHER_MESSAGES[] = "(other messages)";

/* Every named endpoint and the shared row; every row and one more a class. */
enum { ENDPOINT_ROWS = STATS_ENDPOINT_LIMIT + 1, ERROR_ROWS = STATS_ERROR_LIMIT + CLASS_COUNT };

struct endpoint {
    char *method, *name;
    struct stat_set *set; /* on its own, so that pointers to it stay when the array grows */
    uint32_t hash;
};

struct stats {
    struct endpoint *endpoints;
    size_t endpoint_count, endpoint_cap;
    bool has_other;
    size_t other_index;
    struct stat_set *worker;
    struct rows *rows;
    struct examples *examples;
    struct ends *ends;
    struct waves *waves;
    struct stats_error *errors;
    uint32_t *error_hashes; /* beside `errors`, so that a search reads 4 bytes a row */
    size_t error_count, error_cap;
    size_t error_latest; /* where the latest sighting was: in a storm the next is there too */
};

/* FNV-1a (Fowler, Noll, Vo). */
static uint32_t hash_bytes(uint32_t hash, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 16777619U;
    return hash;
}

static uint32_t hash_endpoint(const char *method, const char *name)
{
    uint32_t hash = hash_bytes(2166136261U, method, strlen(method) + 1);

    return hash_bytes(hash, name, strlen(name));
}

static uint32_t hash_error(const struct stats_error *row)
{
    uint32_t hash = hash_bytes(2166136261U, &row->error_class, sizeof row->error_class);

    hash = hash_bytes(hash, &row->endpoint, sizeof row->endpoint);
    return hash_bytes(hash, row->message, strlen(row->message));
}

static bool is_other(const char *method, const char *name)
{
    return method[0] == '\0' && strcmp(name, OTHER_NAME) == 0;
}

static size_t insert_endpoint(struct stats *stats, const char *method, const char *name,
                              uint32_t hash)
{
    if (stats->endpoint_count == stats->endpoint_cap) {
        stats->endpoint_cap = stats->endpoint_cap > 0 ? 2 * stats->endpoint_cap : 4;
        stats->endpoints =
            x_realloc(stats->endpoints, stats->endpoint_cap * sizeof *stats->endpoints);
    }
    stats->endpoints[stats->endpoint_count] = (struct endpoint){
        .method = x_strdup(method),
        .name = x_strdup(name),
        .set = stat_set_new(),
        .hash = hash,
    };
    return stats->endpoint_count++;
}

static bool same_error(const struct stats_error *left, const struct stats_error *right)
{
    return left->error_class == right->error_class && left->endpoint == right->endpoint &&
           strcmp(left->message, right->message) == 0;
}

/* The row's index, or `error_count`. */
static size_t find_error(const struct stats *stats, const struct stats_error *row, uint32_t hash)
{
    if (stats->error_latest < stats->error_count &&
        stats->error_hashes[stats->error_latest] == hash &&
        same_error(&stats->errors[stats->error_latest], row))
        return stats->error_latest;
    for (size_t i = 0; i < stats->error_count; i++) {
        if (stats->error_hashes[i] == hash && same_error(&stats->errors[i], row))
            return i;
    }
    return stats->error_count;
}

static void insert_error(struct stats *stats, const struct stats_error *row, uint32_t hash)
{
    assert(stats->error_count < ERROR_ROWS);
    if (stats->error_count == stats->error_cap) {
        stats->error_cap = stats->error_cap > 0 ? 2 * stats->error_cap : 8;
        stats->errors = x_realloc(stats->errors, stats->error_cap * sizeof *stats->errors);
        stats->error_hashes =
            x_realloc(stats->error_hashes, stats->error_cap * sizeof *stats->error_hashes);
    }
    stats->errors[stats->error_count] = *row;
    stats->error_hashes[stats->error_count] = hash;
    stats->error_count++;
}

/* Copies what fits, without cutting a UTF-8 character in two. */
static void copy_message(char to[static STATS_MESSAGE_BYTES], const char *message)
{
    size_t len = strnlen(message, STATS_MESSAGE_BYTES);

    if (len == STATS_MESSAGE_BYTES) {
        len--;
        while (len > 0 && ((uint8_t)message[len] & 0xC0) == 0x80)
            len--;
    }
    memcpy(to, message, len);
    to[len] = '\0';
}

struct stats *stats_new(void)
{
    struct stats *stats = x_calloc(1, sizeof *stats);

    stats->worker = stat_set_new();
    stats->rows = rows_new();
    stats->examples = examples_new();
    stats->ends = ends_new();
    stats->waves = waves_new();
    return stats;
}

void stats_free(struct stats *stats)
{
    if (!stats)
        return;
    for (size_t i = 0; i < stats->endpoint_count; i++) {
        free(stats->endpoints[i].method);
        free(stats->endpoints[i].name);
        stat_set_free(stats->endpoints[i].set);
    }
    free(stats->endpoints);
    stat_set_free(stats->worker);
    rows_free(stats->rows);
    examples_free(stats->examples);
    ends_free(stats->ends);
    waves_free(stats->waves);
    free(stats->errors);
    free(stats->error_hashes);
    free(stats);
}

size_t stats_add_endpoint(struct stats *stats, const char *method, const char *name)
{
    uint32_t hash = hash_endpoint(method, name);
    size_t named = stats->endpoint_count - (stats->has_other ? 1 : 0);

    for (size_t i = 0; i < stats->endpoint_count; i++) {
        const struct endpoint *endpoint = &stats->endpoints[i];

        if (endpoint->hash == hash && strcmp(endpoint->method, method) == 0 &&
            strcmp(endpoint->name, name) == 0)
            return i;
    }
    if (named < STATS_ENDPOINT_LIMIT && !is_other(method, name))
        return insert_endpoint(stats, method, name, hash);
    if (!stats->has_other) {
        stats->other_index = insert_endpoint(stats, "", OTHER_NAME, hash_endpoint("", OTHER_NAME));
        stats->has_other = true;
    }
    return stats->other_index;
}

size_t stats_endpoint_count(const struct stats *stats)
{
    return stats->endpoint_count;
}

bool stats_has_other_row(const struct stats *stats)
{
    return stats->has_other;
}

const char *stats_endpoint_method(const struct stats *stats, size_t index)
{
    if (index == STATS_NO_ENDPOINT)
        return "";
    assert(index < stats->endpoint_count);
    return stats->endpoints[index].method;
}

const char *stats_endpoint_name(const struct stats *stats, size_t index)
{
    if (index == STATS_NO_ENDPOINT)
        return "";
    assert(index < stats->endpoint_count);
    return stats->endpoints[index].name;
}

struct stat_set *stats_endpoint_set(const struct stats *stats, size_t index)
{
    assert(index < stats->endpoint_count);
    return stats->endpoints[index].set;
}

struct stat_set *stats_worker_set(const struct stats *stats)
{
    return stats->worker;
}

struct rows *stats_rows(const struct stats *stats)
{
    return stats->rows;
}

struct examples *stats_examples(const struct stats *stats)
{
    return stats->examples;
}

struct ends *stats_ends(const struct stats *stats)
{
    return stats->ends;
}

struct waves *stats_waves(const struct stats *stats)
{
    return stats->waves;
}

void stats_add_error(struct stats *stats, size_t endpoint, enum error_class error_class,
                     const char *message, double unix_ms)
{
    struct stats_error row = {
        .error_class = error_class,
        .endpoint = endpoint,
        .count = 1,
        .first_unix_ms = unix_ms,
        .last_unix_ms = unix_ms,
    };

    copy_message(row.message, message);
    stats_add_error_row(stats, &row);
}

void stats_add_error_row(struct stats *stats, const struct stats_error *row)
{
    uint32_t hash = hash_error(row);
    size_t index = find_error(stats, row, hash);
    struct stats_error other = *row, *known;

    assert(row->endpoint == STATS_NO_ENDPOINT || row->endpoint < stats->endpoint_count);
    assert(row->error_class > CLASS_NONE && row->error_class < CLASS_COUNT);
    if (index == stats->error_count && index >= STATS_ERROR_LIMIT) {
        other.endpoint = STATS_NO_ENDPOINT;
        copy_message(other.message, OTHER_MESSAGES);
        hash = hash_error(&other);
        index = find_error(stats, &other, hash);
    }
    stats->error_latest = index;
    if (index == stats->error_count) {
        insert_error(stats, &other, hash);
        return;
    }
    known = &stats->errors[index];
    if (__builtin_add_overflow(known->count, row->count, &known->count))
        known->count = UINT64_MAX;
    if (row->first_unix_ms < known->first_unix_ms)
        known->first_unix_ms = row->first_unix_ms;
    if (row->last_unix_ms > known->last_unix_ms)
        known->last_unix_ms = row->last_unix_ms;
}

size_t stats_error_count(const struct stats *stats)
{
    return stats->error_count;
}

const struct stats_error *stats_error_at(const struct stats *stats, size_t index)
{
    assert(index < stats->error_count);
    return &stats->errors[index];
}

void stats_total(const struct stats *stats, struct stat_set *to)
{
    for (size_t i = 0; i < stats->endpoint_count; i++)
        stat_set_merge(to, stats->endpoints[i].set);
}

void stats_merge(struct stats *to, const struct stats *delta)
{
    size_t index_in_to[ENDPOINT_ROWS];

    for (size_t i = 0; i < delta->endpoint_count; i++) {
        const struct endpoint *endpoint = &delta->endpoints[i];

        index_in_to[i] = stats_add_endpoint(to, endpoint->method, endpoint->name);
        stat_set_merge(to->endpoints[index_in_to[i]].set, endpoint->set);
    }
    stat_set_merge(to->worker, delta->worker);
    rows_merge(to->rows, delta->rows);
    for (size_t i = 0; i < delta->error_count; i++) {
        struct stats_error row = delta->errors[i];

        if (row.endpoint != STATS_NO_ENDPOINT)
            row.endpoint = index_in_to[row.endpoint];
        stats_add_error_row(to, &row);
    }
    for (size_t i = 0; i < examples_count(delta->examples); i++) {
        struct example row = *examples_at(delta->examples, i);

        row.endpoint = index_in_to[row.endpoint];
        examples_add(to->examples, &row);
    }
    for (size_t i = 0; i < ends_count(delta->ends); i++) {
        struct end_row row = ends_at(delta->ends, i);

        row.endpoint = index_in_to[row.endpoint];
        ends_add(to->ends, &row);
    }
    waves_merge(to->waves, delta->waves);
}

void stats_clear(struct stats *stats)
{
    for (size_t i = 0; i < stats->endpoint_count; i++)
        stat_set_clear(stats->endpoints[i].set);
    stat_set_clear(stats->worker);
    rows_clear(stats->rows);
    examples_clear(stats->examples);
    ends_clear(stats->ends);
    waves_clear(stats->waves);
    stats->error_count = 0;
}

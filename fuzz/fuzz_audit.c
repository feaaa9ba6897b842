/*
 * fuzz/fuzz_audit.c - ids in any order: the figures of the audit keep together, and for numbers
 * near the highest one they are those of a model that remembers each.
 *
 * The first byte picks the order, or the model. Then, for the model, a byte a number:
 * how far from the highest; else lines, whose first byte may reconnect or end the stream and whose
 * rest is an id.
 */
#include "sse/audit.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "%s\n", what);
        abort();
    }
}

static void on_hole(void *ctx, uint64_t from, uint64_t to, enum audit_where where)
{
    struct audit_tally *tally = ctx;

    require(from <= to && to - from < WINDOW_JUMP_LIMIT, "a hole that is none");
    tally->missed[where] += to - from + 1;
}

/* --- against a model --- */

enum {
    MODEL_FIRST = 1000,
    MODEL_BACK_MAX = WINDOW_SPAN,
    MODEL_AHEAD_MAX = UINT8_MAX - MODEL_BACK_MAX
};

/* Numbers from MODEL_FIRST on, as far as `len` steps can lead. */
static void check_model(const uint8_t *bytes, size_t len)
{
    size_t span = MODEL_FIRST + (len + 1) * MODEL_AHEAD_MAX;
    uint8_t *is_seen = calloc(span, 1);
    struct order order = {.kind = ORDER_DECLARED};
    struct audit_tally tally = {0}, model = {0};
    struct audit_sink sink = {&order, &tally, on_hole, &tally};
    struct audit audit = {0};
    uint64_t highest = MODEL_FIRST;
    char id[32];

    require(is_seen, "memory");
    for (size_t i = 0; i <= len; i++) {
        uint64_t number = highest;

        if (i > 0 && bytes[i - 1] < MODEL_BACK_MAX)
            number -= bytes[i - 1];
        else if (i > 0)
            number += bytes[i - 1] - MODEL_BACK_MAX;
        model.duplicates[AUDIT_STREAM] += is_seen[number] != 0;
        model.reordered[AUDIT_STREAM] += !is_seen[number] && number < highest;
        is_seen[number] = 1;
        highest = number > highest ? number : highest;
        (void)snprintf(id, sizeof id, "%llu", (unsigned long long)number);
        require(audit_add(&audit, &sink,
                          &(struct audit_id){.text = (const uint8_t *)id, .len = strlen(id)}),
                "not judged");
    }
    audit_end(&audit, &sink);
    for (uint64_t number = MODEL_FIRST; number < highest; number++)
        model.missed[AUDIT_STREAM] += !is_seen[number];
    require(tally.received == len + 1, "received");
    require(memcmp(tally.missed, model.missed, sizeof model.missed) == 0, "missed");
    require(memcmp(tally.duplicates, model.duplicates, sizeof model.duplicates) == 0, "duplicates");
    require(memcmp(tally.reordered, model.reordered, sizeof model.reordered) == 0, "reordered");
    require(tally.resets + tally.resumes + tally.inclusive == 0, "a reset or a resume");
    free(is_seen);
}

/* --- whatever comes --- */

static uint64_t sum(const uint64_t counts[AUDIT_WHERE_COUNT])
{
    return counts[AUDIT_STREAM] + counts[AUDIT_RESUME];
}

static void check_tally(const struct audit_tally *tally, enum order_kind kind, uint64_t connections)
{
    require(sum(tally->duplicates) + sum(tally->reordered) <= tally->received,
            "more repeated and late ones than there were");
    require(tally->inclusive <= tally->resumes && tally->resumes <= connections, "resumes");
    require(tally->resets <= tally->received, "resets");
    if (kind == ORDER_SPARSE || kind == ORDER_NONE)
        require(sum(tally->missed) == 0 && tally->resets == 0, "a loss without proof");
    if (kind == ORDER_NONE)
        require(sum(tally->reordered) == 0, "an order where there is none");
}

/* What is behind a '|' is no id but the rest of the event; nothing else, and there is no event. */
static void add_line(struct audit *audit, const struct audit_sink *sink, const uint8_t *line,
                     size_t len, bool is_settled)
{
    const uint8_t *bar = memchr(line, '|', len);
    struct audit_id id = {.text = line, .len = len, .is_settled = is_settled};

    if (bar) {
        id.len = (size_t)(bar - line);
        id.content = len - id.len;
    }
    if (id.len > 0 && id.content == 1)
        audit_move(audit, sink, line, id.len);
    else if (id.len > 0)
        (void)audit_add(audit, sink, &id);
}

static void check_lines(enum order_kind kind, const uint8_t *bytes, size_t len)
{
    struct order order = {.kind = kind};
    struct audit_tally tally = {0};
    struct audit_sink sink = {&order, &tally, on_hole, &tally};
    struct audit audit = {0};
    uint64_t connections = 0;

    while (len > 0) {
        const uint8_t *end = memchr(bytes, '\n', len);
        size_t line = end ? (size_t)(end - bytes) : len;
        bool is_settled = line > 0 && bytes[0] == 's';
        size_t skipped = 0;

        if (line > 0 && strchr("rnes", bytes[0]) && bytes[0] != '\0') {
            skipped = 1;
            connections += bytes[0] != 's';
            if (bytes[0] == 'e')
                audit_end(&audit, &sink);
            else if (!is_settled)
                audit_reconnect(&audit, &sink, bytes[0] == 'r');
        }
        if (line > skipped)
            add_line(&audit, &sink, bytes + skipped, line - skipped, is_settled);
        bytes += line + (end ? 1 : 0);
        len -= line + (end ? 1 : 0);
    }
    audit_end(&audit, &sink);
    check_tally(&tally, kind, connections + 1);
    order_conclude(&order);
    require(order.kind <= ORDER_NONE && *order_name(order.kind) != '\0', "an order without a name");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    enum order_kind kind;

    if (len == 0)
        return 0;
    kind = (enum order_kind)(bytes[0] % (ORDER_NONE + 2));
    if (kind > ORDER_NONE)
        check_model(bytes + 1, len - 1);
    else
        check_lines(kind, bytes + 1, len - 1);
    return 0;
}

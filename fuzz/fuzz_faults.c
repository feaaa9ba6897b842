/*
 * fuzz/fuzz_faults.c - the faults of `cicada serve`, as text and as JSON: what is refused changes
 * nothing and is told why, what is taken is shown so that it reads as itself.
 *
 * The input up to its first line end is a --fault, the rest a body of POST /control.
 */
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "demo/faults.h"

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

static void show(const struct faults *faults, struct buf *out)
{
    struct json json;

    json_init(&json, out, 0);
    json_begin_object(&json);
    json_key(&json, "fault");
    faults_append_json(&json, faults);
    json_end_object(&json);
}

static void require_same(const struct faults *left, const struct faults *right, const char *what)
{
    struct buf left_text = {0}, right_text = {0};

    show(left, &left_text);
    show(right, &right_text);
    require(strcmp(buf_text(&left_text), buf_text(&right_text)) == 0, what);
    buf_fini(&left_text);
    buf_fini(&right_text);
}

static void check_taken(const struct faults *faults)
{
    static const double slack = 1e-9;
    struct faults again = {.clump_ns = 1, .no_replay = true};
    struct buf shown = {0};
    struct err err = {0};

    require(faults->lose_ratio + faults->duplicate_ratio + faults->reorder_ratio +
                    faults->malform_ratio <=
                1 + slack,
            "more than one fault an event");
    require((faults->drop_ratio > 0) == (faults->drop_age_ns > 0), "half a drop");
    require((faults->status_ratio > 0) == (faults->status_code > 0), "half a status");
    show(faults, &shown);
    require(faults_set_json(&again, shown.bytes, shown.len, &err) == 0, buf_text(&shown));
    require_same(&again, faults, "shown as something else");
    buf_fini(&shown);
}

static void check_refused(const struct faults *faults, const struct faults *before,
                          const struct err *err)
{
    require(err->text[0] != '\0', "refused without a word");
    require_same(faults, before, "refused and changed");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const uint8_t *line_end = len > 0 ? memchr(bytes, '\n', len) : NULL;
    size_t text_len = line_end ? (size_t)(line_end - bytes) : len;
    char *text = x_strndup(len > 0 ? (const char *)bytes : "", text_len);
    struct faults faults = {0}, before = faults;
    struct err err = {0};

    if (faults_set(&faults, text, &err) == 0)
        check_taken(&faults);
    else
        check_refused(&faults, &before, &err);
    if (line_end) {
        before = faults;
        err = (struct err){0};
        if (faults_set_json(&faults, line_end + 1, len - text_len - 1, &err) == 0)
            check_taken(&faults);
        else
            check_refused(&faults, &before, &err);
    }
    free(text);
    return 0;
}

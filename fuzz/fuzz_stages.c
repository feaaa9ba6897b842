/*
 * fuzz/fuzz_stages.c - the plan of --stages: what is refused is told with a column inside the text,
 * what is taken has no moment with more users than its largest stage and ends each stage at its
 * number.
 */
#include "base/mem.h"
#include "load/stages.h"

#include <stdbool.h>
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

static uint32_t smaller(uint32_t left, uint32_t right)
{
    return left < right ? left : right;
}

static uint32_t larger(uint32_t left, uint32_t right)
{
    return left > right ? left : right;
}

/* Within a stage users stay between its ends, and go one way only. */
static void check_stage(const struct stages *stages, size_t index)
{
    uint64_t begin_ns = stages_begin_ns(stages, index), end_ns = stages->items[index].end_ns;
    uint32_t from = index > 0 ? stages->items[index - 1].users : 0, to = stages->items[index].users;
    uint32_t last = from;

    require(end_ns >= begin_ns, "a stage that ends before it begins");
    for (uint64_t i = 0; i < 8 && end_ns > begin_ns; i++) {
        uint32_t users = stages_users_at(stages, begin_ns + (end_ns - begin_ns) / 8 * i);

        require(users >= smaller(from, to) && users <= larger(from, to), "users beyond the ends");
        require(to > from ? users >= last : users <= last, "users that turn back");
        last = users;
    }
}

static void check_taken(const struct stages *stages)
{
    uint64_t length_ns = stages_length_ns(stages);

    require(stages->count >= 1 && stages->count <= STAGES_LIMIT, "a number of stages");
    require(length_ns > 0 && length_ns <= STAGES_LENGTH_MAX_NS, "a length");
    require(stages_users_max(stages) > 0 && stages_users_max(stages) <= STAGES_USERS_MAX,
            "no users, or too many");
    require(stages_ramp_ns(stages) <= length_ns, "a ramp beyond the end");
    for (size_t i = 0; i < stages->count; i++)
        check_stage(stages, i);
    require(stages_users_at(stages, length_ns) == stages->items[stages->count - 1].users &&
                stages_users_at(stages, UINT64_MAX) == stages->items[stages->count - 1].users,
            "another number at the end");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = x_strndup(len > 0 ? (const char *)bytes : "", len);
    struct stages stages;
    struct err err = {0};
    size_t column = 0;

    if (stages_parse(text, &stages, &err) == 0) {
        check_taken(&stages);
        stages_fini(&stages);
    } else {
        require(sscanf(err.text, "column %zu, at '", &column) == 1, err.text);
        require(column >= 1 && column <= strlen(text) + 1, "a column outside of the text");
    }
    free(text);
    return 0;
}

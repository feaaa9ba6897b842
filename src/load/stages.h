/*
 * load/stages.h - how many users there are at which moment, as a list of ramps: "30s:100,2m:100".
 *
 * Each part "D:N" goes from where the one before ended (the first from 0) straight to N users
 * within D; after a D of 0 they are there at once. Pure.
 */
#ifndef CICADA_LOAD_STAGES_H
#define CICADA_LOAD_STAGES_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { STAGES_LIMIT = 1000, STAGES_USERS_MAX = 10000000 };
/* Of all stages together: 365 days. */
static const uint64_t STAGES_LENGTH_MAX_NS = 31536000000000000;

struct stage {
    uint64_t end_ns; /* since the start of the first */
    uint32_t users;  /* at that moment */
};

/* Zeroed: no stages. */
struct stages {
    struct stage *items; /* owned */
    size_t count;
};

/*
 * 0, and the caller ends `stages` with stages_fini; or -1 with a sentence that names the column,
 * counted from 1, and nothing to free. Some stage has users, and some has a length.
 */
int stages_parse(const char *text, struct stages *stages, struct err *err);
void stages_fini(struct stages *stages);

uint64_t stages_length_ns(const struct stages *stages);
/* The most that are planned at any time. */
uint32_t stages_users_max(const struct stages *stages);
/* When they are first there. */
uint64_t stages_ramp_ns(const struct stages *stages);
/* When the stage at `index` begins. */
uint64_t stages_begin_ns(const struct stages *stages, size_t index);
/* Behind the end: as many as at the end. */
uint32_t stages_users_at(const struct stages *stages, uint64_t at_ns);

#endif

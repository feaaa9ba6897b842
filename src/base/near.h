/*
 * base/near.h - the name a person most likely meant, for hints behind "there is no …".
 */
#ifndef CICADA_BASE_NEAR_H
#define CICADA_BASE_NEAR_H

#include <stddef.h>

enum { NEAR_NAME_LIMIT_BYTES = 64 };

/*
 * Edits (insert, remove, replace, swap of neighbours) that turn one text into the other; letters'
 * case does not count. Optimal string alignment distance. Texts longer than NEAR_NAME_LIMIT_BYTES
 * are as far apart as the longer one is long.
 */
size_t near_distance(const char *left, size_t left_len, const char *right, size_t right_len);

/* Keeps the one nearest candidate; zero but for `wanted` is a fresh search. */
struct near {
    const char *wanted; /* borrowed */
    size_t wanted_len;
    const char *best; /* borrowed from near_offer; NULL: nothing near enough, or several alike */
    size_t best_distance;
};

/* Offers a candidate: it counts when at most a third of its letters differ, or it starts so. */
void near_offer(struct near *near, const char *candidate);

#endif

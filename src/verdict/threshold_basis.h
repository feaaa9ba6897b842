/*
 * verdict/threshold_basis.h - could a counter have been added to at all? A 0 of what nothing could
 * count says nothing, and holds no threshold.
 */
#ifndef CICADA_VERDICT_THRESHOLD_BASIS_H
#define CICADA_VERDICT_THRESHOLD_BASIS_H

#include "stats/set.h"

#include <stdbool.h>

/*
 * By what else is in `set`. Losses need events whose loss could be told, duplicates and reordering
 * events that were judged by their ids, what peers missed a comparison, figures of published
 * messages one that was published or tried; other sse_ counters need a stream that opened, unless
 * they are about attempts. All others can always be added to.
 */
bool threshold_basis_is_there(enum metric metric, const struct stat_set *set);

#endif

/*
 * load/share.h - which users belong to a share of them all: chosen by their number, evenly, and the
 * same in every process and every time.
 */
#ifndef CICADA_LOAD_SHARE_H
#define CICADA_LOAD_SHARE_H

#include <stdbool.h>
#include <stdint.h>

/* The place of a user among all, spread evenly however many there are, so that a share is met as
 * closely as it can be. `seed` turns all of them. */
uint64_t share_place(uint64_t seed, uint32_t user_index);
/* The place of the same user at its next turn: another one, spread as evenly. */
uint64_t share_turn(uint64_t place, uint32_t turn);
/* The same, apart from share_turn: of storms. */
uint64_t share_storm(uint64_t place, uint32_t storm);
/* Is this place among the share `ratio`? */
bool share_has(uint64_t place, double ratio);

#endif

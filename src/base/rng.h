/*
 * base/rng.h - small fast random numbers for pacing and jitter; not for secrets.
 *
 * xoshiro256** seeded through splitmix64 (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", 2021).
 */
#ifndef CICADA_BASE_RNG_H
#define CICADA_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state[4];
};

void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
/* Even in [0, 1). */
double rng_unit(struct rng *rng);
/* Even in [low, high]; low <= high. */
uint64_t rng_between(struct rng *rng, uint64_t low, uint64_t high);

#endif

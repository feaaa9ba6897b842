#include "base/rng.h"

#include <assert.h>

static uint64_t rotate_left(uint64_t value, int by)
{
    return (value << by) | (value >> (64 - by));
}

void rng_init(struct rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t mixed;

        seed += 0x9e3779b97f4a7c15u;
        mixed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9u;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
        rng->state[i] = mixed ^ (mixed >> 31);
    }
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9, shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

double rng_unit(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1.0p-53;
}

uint64_t rng_between(struct rng *rng, uint64_t low, uint64_t high)
{
    uint64_t span;

    assert(low <= high);
    span = high - low;
    if (span == UINT64_MAX)
        return rng_next(rng);
    /* Multiply-shift; the bias is below 2^-64 times the span, far under what pacing can show. */
    return low + (uint64_t)((__extension__(unsigned __int128) rng_next(rng) * (span + 1)) >> 64);
}

#include "load/share.h"

/*
 * Steps of 2^64 divided by the golden ratio, and of the fractions of the square roots of 2 and 3:
 * places that are spread evenly, and of which none go along with those of the others, nor with the
 * turn of the targets.
 */
static const uint64_t SHARE_USER_STEP = 0x9e3779b97f4a7c15;
static const uint64_t SHARE_TURN_STEP = 0x6a09e667f3bcc909;
static const uint64_t SHARE_STORM_STEP = 0xbb67ae8584caa73b;

uint64_t share_place(uint64_t seed, uint32_t user_index)
{
    return seed + user_index * SHARE_USER_STEP;
}

uint64_t share_turn(uint64_t place, uint32_t turn)
{
    return place + turn * SHARE_TURN_STEP;
}

uint64_t share_storm(uint64_t place, uint32_t storm)
{
    return place + storm * SHARE_STORM_STEP;
}

bool share_has(uint64_t place, double ratio)
{
    return (double)(place >> 11) < ratio * 0x1p53;
}

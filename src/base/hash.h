/*
 * base/hash.h - a 64-bit hash of bytes: to tell events, names and requests apart, not against
 * someone who wants them to collide.
 */
#ifndef CICADA_BASE_HASH_H
#define CICADA_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* XXH3: the same on every machine. Chain parts by giving one's hash as the next one's `seed`. */
uint64_t hash_bytes(const void *bytes, size_t len, uint64_t seed);

#endif

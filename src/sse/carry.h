/*
 * sse/carry.h - the lines of a block that the last read left unfinished; private to this folder.
 *
 * A carry is a run of bytes behind a small head. Small ones come from pools by size, so that events
 * which always arrive in two reads cost no malloc; large ones come from the heap. A stream whose
 * block is complete owns none.
 */
#ifndef CICADA_SSE_CARRY_H
#define CICADA_SSE_CARRY_H

#include <stddef.h>
#include <stdint.h>

struct pool;

enum { CARRY_POOL_COUNT = 4 };

/* What the carries of one worker share. */
struct carry_store {
    struct pool *pools[CARRY_POOL_COUNT];
    size_t held_bytes; /* of all carries in use, heads included */
};

/* `bytes` is complete lines that count, each ended by one LF, then the start of the next line. */
struct sse_carry {
    struct pool *pool; /* borrowed; NULL when from the heap */
    size_t cap;
    size_t len;
    size_t line_start; /* where the unfinished line begins; also the bytes of the lines before it */
    uint8_t bytes[];
};

void carry_store_init(struct carry_store *store);
/* Frees the pools; no carry may be in use. */
void carry_store_fini(struct carry_store *store);

/* An owned carry with room for `cap` bytes or more. Ends the program when there is no memory. */
struct sse_carry *carry_take(struct carry_store *store, size_t cap);
/*
 * The carry with room for `len` more bytes, perhaps at another place. Room at least doubles when it
 * grows, so that feeding byte by byte stays linear.
 */
struct sse_carry *carry_reserve(struct carry_store *store, struct sse_carry *carry, size_t len);
/* Gives the memory back; NULL does nothing. */
void carry_give(struct carry_store *store, struct sse_carry *carry);

#endif

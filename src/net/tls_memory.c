/*
 * net/tls_memory.c - where OpenSSL's memory comes from.
 *
 * A connection that stays open is some 85 small pieces, and its handshake and each of its records
 * take 16 to 22 KB for a moment. On the heap every small piece has a head of its own, and every
 * large one leaves a hole between those that stay; where many handshakes overlap, the holes are
 * never filled: 2,000 connections opened at once keep 35 KB each instead of 20. Here both come from
 * one reserved range of addresses each: small pieces from slabs of one size, large ones the last
 * given back first, so that the memory behind those not needed of late can be returned.
 *
 * OpenSSL has one allocator a process, so this is state of the process: the one place outside of
 * logging that has any. What comes from neither range comes from the heap.
 */
#include "net/tls.h"
#include "net/tls_internal.h"

#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    GRAIN_UNIT_BYTES = 16, /* sizes are rounded up to this, and aligned so */
    GRAIN_MOST_BYTES = 512,
    GRAIN_KINDS = GRAIN_MOST_BYTES / GRAIN_UNIT_BYTES,
    SLAB_BYTES = 64 * 1024,
    SLAB_LIMIT = 32768, /* 2 GiB of addresses */

    BLOCK_BYTES = 24 * 1024, /* a record is 16.6 KB, the buffer of a handshake grows to 21.8 KB */
    BLOCK_LEAST_BYTES = 8 * 1024,
    BLOCK_LIMIT = 65536 /* 1.5 GiB of addresses */
};

struct grain {
    struct grain *next;
};

static struct {
    uint8_t *start; /* NULL: no range could be reserved */
    uint32_t slab_count;
    uint8_t kinds[SLAB_LIMIT]; /* of the grains of each slab */
    struct grain *free[GRAIN_KINDS];
} grains;

static struct {
    uint8_t *start; /* NULL: no range could be reserved */
    uint32_t used;  /* blocks ever taken, from the start */
    uint32_t spare_count;
    uint32_t least_spare_count;   /* since the last trim: so many were not needed */
    uint32_t bare_count;          /* of the spares, from the first: no memory behind them */
    uint32_t spares[BLOCK_LIMIT]; /* indices of blocks given back, the latest last */
} blocks;

/* --- small pieces --- */

static bool is_grain(const void *memory)
{
    const uint8_t *at = memory;

    return grains.start && at >= grains.start &&
           at < grains.start + (size_t)SLAB_LIMIT * SLAB_BYTES;
}

static size_t bytes_of_kind(unsigned kind)
{
    return ((size_t)kind + 1) * GRAIN_UNIT_BYTES;
}

static unsigned kind_of_grain(const void *memory)
{
    return grains.kinds[(size_t)((const uint8_t *)memory - grains.start) / SLAB_BYTES];
}

/* Threads a new slab on the free list of its kind. */
static bool add_slab(unsigned kind)
{
    size_t bytes = bytes_of_kind(kind);
    uint8_t *slab;

    if (grains.slab_count == SLAB_LIMIT)
        return false;
    slab = grains.start + (size_t)grains.slab_count * SLAB_BYTES;
    grains.kinds[grains.slab_count++] = (uint8_t)kind;
    for (size_t at = SLAB_BYTES / bytes * bytes; at > 0; at -= bytes) {
        struct grain *grain = (struct grain *)(void *)(slab + at - bytes);

        grain->next = grains.free[kind];
        grains.free[kind] = grain;
    }
    return true;
}

/* NULL: for the heap. */
static void *take_grain(size_t size)
{
    unsigned kind;
    struct grain *grain;

    if (!grains.start || size == 0 || size > GRAIN_MOST_BYTES)
        return NULL;
    kind = (unsigned)((size - 1) / GRAIN_UNIT_BYTES);
    if (!grains.free[kind] && !add_slab(kind))
        return NULL;
    grain = grains.free[kind];
    grains.free[kind] = grain->next;
    return grain;
}

static void give_grain(void *memory)
{
    unsigned kind = kind_of_grain(memory);
    struct grain *grain = memory;

    grain->next = grains.free[kind];
    grains.free[kind] = grain;
}

/* --- large pieces --- */

static bool is_block(const void *memory)
{
    const uint8_t *at = memory;

    return blocks.start && at >= blocks.start &&
           at < blocks.start + (size_t)BLOCK_LIMIT * BLOCK_BYTES;
}

/* NULL: for the heap. */
static void *take_block(size_t size)
{
    uint32_t index;

    if (!blocks.start || size < BLOCK_LEAST_BYTES || size > BLOCK_BYTES)
        return NULL;
    if (blocks.spare_count > 0) {
        index = blocks.spares[--blocks.spare_count];
        if (blocks.least_spare_count > blocks.spare_count)
            blocks.least_spare_count = blocks.spare_count;
        if (blocks.bare_count > blocks.spare_count)
            blocks.bare_count = blocks.spare_count;
    } else if (blocks.used < BLOCK_LIMIT) {
        index = blocks.used++;
    } else {
        return NULL;
    }
    return blocks.start + (size_t)index * BLOCK_BYTES;
}

static void give_block(const uint8_t *block)
{
    blocks.spares[blocks.spare_count++] = (uint32_t)((size_t)(block - blocks.start) / BLOCK_BYTES);
}

void tls_trim_memory(void)
{
    for (; blocks.bare_count < blocks.least_spare_count; blocks.bare_count++) {
        size_t index = blocks.spares[blocks.bare_count];

        (void)madvise(blocks.start + index * BLOCK_BYTES, BLOCK_BYTES, MADV_DONTNEED);
    }
    blocks.least_spare_count = blocks.spare_count;
}

/* --- what OpenSSL calls --- */

static void *take(size_t size, const char *file, int line)
{
    void *memory = take_grain(size);

    (void)file;
    (void)line;
    if (!memory)
        memory = take_block(size);
    return memory ? memory : malloc(size);
}

static void give(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    if (is_grain(memory))
        give_grain(memory);
    else if (is_block(memory))
        give_block(memory);
    else
        free(memory);
}

static void *change(void *memory, size_t size, const char *file, int line)
{
    size_t old_bytes;
    void *other;

    if (!memory)
        return take(size, file, line);
    if (size == 0) {
        give(memory, file, line);
        return NULL;
    }
    if (!is_grain(memory) && !is_block(memory))
        return realloc(memory, size);
    old_bytes = is_grain(memory) ? bytes_of_kind(kind_of_grain(memory)) : (size_t)BLOCK_BYTES;
    if (size <= old_bytes)
        return memory;
    other = take(size, file, line);
    if (!other)
        return NULL;
    (void)memcpy(other, memory, old_bytes);
    give(memory, file, line);
    return other;
}

static uint8_t *reserve(size_t bytes)
{
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return start == MAP_FAILED ? NULL : start;
}

void tls_memory_use(void)
{
    static bool is_done;

    /* Refused once OpenSSL has taken memory already; then all of it comes from the heap. */
    if (is_done || CRYPTO_set_mem_functions(take, change, give) != 1)
        return;
    is_done = true;
    grains.start = reserve((size_t)SLAB_LIMIT * SLAB_BYTES);
    blocks.start = reserve((size_t)BLOCK_LIMIT * BLOCK_BYTES);
}

/*
 * base/mem.h - setup memory, and pools for what exists once a stream.
 */
#ifndef CICADA_BASE_MEM_H
#define CICADA_BASE_MEM_H

#include <stddef.h>

/* Like malloc and friends, but end the program with a message when there is no memory. */
void *x_malloc(size_t size);
void *x_calloc(size_t count, size_t size);
void *x_realloc(void *memory, size_t size);
char *x_strdup(const char *text);
/* Copies `len` bytes and adds a NUL. */
char *x_strndup(const char *text, size_t len);
/* printf into memory of its own; the caller frees it. */
char *x_asprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The struct that contains `member` at `pointer`. */
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/*
 * A pool of objects of one size. Grows by slabs of about 64 KiB up to `limit` objects and gives no
 * memory back before pool_free; freed objects are used again, last freed first.
 */
struct pool;

/* `limit` 0 means no limit. The caller owns the pool. */
struct pool *pool_new(size_t object_bytes, size_t limit);
/* Frees every object, also those still in use. */
void pool_free(struct pool *pool);
/* A zeroed object, or NULL at the limit or without memory. */
void *pool_take(struct pool *pool);
/* Gives an object back; NULL does nothing. */
void pool_give(struct pool *pool, void *object);
/* Objects in use. */
size_t pool_used(const struct pool *pool);

#endif

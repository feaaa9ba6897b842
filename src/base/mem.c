#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POOL_SLAB_BYTES = 64 * 1024, POOL_ALIGN_BYTES = 16 };

struct pool_slab {
    struct pool_slab *next;
};

struct pool_free_object {
    struct pool_free_object *next;
};

struct pool {
    size_t object_bytes;
    size_t limit; /* 0: none */
    size_t used;
    struct pool_slab *slabs;
    struct pool_free_object *free;
};

static void *or_end(void *memory)
{
    if (!memory) {
        (void)fputs("cicada: out of memory\n", stderr);
        abort();
    }
    return memory;
}

static size_t round_up(size_t size, size_t unit)
{
    return (size + unit - 1) / unit * unit;
}

/* Adds a slab and threads its objects on the free list. 0 or -1. */
static int pool_grow(struct pool *pool)
{
    size_t head = round_up(sizeof(struct pool_slab), POOL_ALIGN_BYTES);
    size_t count = (POOL_SLAB_BYTES - head) / pool->object_bytes;
    struct pool_slab *slab;
    char *at;

    if (count == 0)
        count = 1;
    slab = aligned_alloc(POOL_ALIGN_BYTES,
                         round_up(head + count * pool->object_bytes, POOL_ALIGN_BYTES));
    if (!slab)
        return -1;
    slab->next = pool->slabs;
    pool->slabs = slab;
    at = (char *)slab + head + count * pool->object_bytes;
    while (count-- > 0) {
        struct pool_free_object *object;

        at -= pool->object_bytes;
        object = (void *)at;
        object->next = pool->free;
        pool->free = object;
    }
    return 0;
}

void *x_malloc(size_t size)
{
    return or_end(malloc(size ? size : 1));
}

void *x_calloc(size_t count, size_t size)
{
    return or_end(calloc(count ? count : 1, size ? size : 1));
}

void *x_realloc(void *memory, size_t size)
{
    return or_end(realloc(memory, size ? size : 1));
}

char *x_strdup(const char *text)
{
    return or_end(strdup(text));
}

char *x_strndup(const char *text, size_t len)
{
    char *copy = x_malloc(len + 1);

    (void)memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *x_asprintf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    int len;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    return or_end(len < 0 ? NULL : text);
}

struct pool *pool_new(size_t object_bytes, size_t limit)
{
    struct pool *pool = x_calloc(1, sizeof *pool);

    if (object_bytes < sizeof(struct pool_free_object))
        object_bytes = sizeof(struct pool_free_object);
    pool->object_bytes = round_up(object_bytes, POOL_ALIGN_BYTES);
    pool->limit = limit;
    return pool;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    while (pool->slabs) {
        struct pool_slab *slab = pool->slabs;

        pool->slabs = slab->next;
        free(slab);
    }
    free(pool);
}

void *pool_take(struct pool *pool)
{
    struct pool_free_object *object;

    if (pool->limit > 0 && pool->used >= pool->limit)
        return NULL;
    if (!pool->free && pool_grow(pool) < 0)
        return NULL;
    object = pool->free;
    pool->free = object->next;
    pool->used++;
    return memset(object, 0, pool->object_bytes);
}

void pool_give(struct pool *pool, void *object)
{
    struct pool_free_object *freed = object;

    if (!object)
        return;
    assert(pool->used > 0);
    pool->used--;
    freed->next = pool->free;
    pool->free = freed;
}

size_t pool_used(const struct pool *pool)
{
    return pool->used;
}

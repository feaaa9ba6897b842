#include "sse/carry.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Object sizes of the pools, heads included; what is larger comes from the heap. */
static const size_t pool_bytes[CARRY_POOL_COUNT] = {128, 512, 2048, 8192};

void carry_store_init(struct carry_store *store)
{
    *store = (struct carry_store){0};
    for (int i = 0; i < CARRY_POOL_COUNT; i++)
        store->pools[i] = pool_new(pool_bytes[i], 0);
}

void carry_store_fini(struct carry_store *store)
{
    assert(store->held_bytes == 0);
    for (int i = 0; i < CARRY_POOL_COUNT; i++)
        pool_free(store->pools[i]);
}

struct sse_carry *carry_take(struct carry_store *store, size_t cap)
{
    size_t total = sizeof(struct sse_carry) + cap;
    struct sse_carry *carry = NULL;
    struct pool *pool = NULL;

    for (int i = 0; i < CARRY_POOL_COUNT; i++) {
        if (total <= pool_bytes[i]) {
            pool = store->pools[i];
            total = pool_bytes[i];
            carry = pool_take(pool);
            break;
        }
    }
    if (!carry) {
        pool = NULL;
        carry = x_malloc(total);
    }
    *carry = (struct sse_carry){.pool = pool, .cap = total - sizeof *carry};
    store->held_bytes += total;
    return carry;
}

struct sse_carry *carry_reserve(struct carry_store *store, struct sse_carry *carry, size_t len)
{
    size_t need = carry->len + len;
    struct sse_carry *larger;

    if (need <= carry->cap)
        return carry;
    larger = carry_take(store, need > 2 * carry->cap ? need : 2 * carry->cap);
    larger->len = carry->len;
    larger->line_start = carry->line_start;
    (void)memcpy(larger->bytes, carry->bytes, carry->len);
    carry_give(store, carry);
    return larger;
}

void carry_give(struct carry_store *store, struct sse_carry *carry)
{
    if (!carry)
        return;
    store->held_bytes -= sizeof *carry + carry->cap;
    if (carry->pool)
        pool_give(carry->pool, carry);
    else
        free(carry);
}

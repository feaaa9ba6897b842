#include "net/timer.h"

#include "base/clock.h"

#include <stddef.h>

enum { TIMER_SLOT_BITS = 6, TIMER_SLOT_MASK = TIMER_SLOT_COUNT - 1 };

/* The furthest a wheel reaches; later deadlines wait there and are placed again. */
static const uint64_t REACH_MS = (1ull << (TIMER_SLOT_BITS * TIMER_LEVEL_COUNT)) - 1;

static uint64_t ceil_ms(uint64_t ns)
{
    return ns / CLOCK_NS_PER_MS + (ns % CLOCK_NS_PER_MS != 0);
}

/* Puts the timer where it runs at `due_ms`, which is the current tick or later. */
static void place(struct timer_wheel *wheel, struct timer *timer, uint64_t due_ms)
{
    uint64_t span;
    unsigned level = 0, slot;

    if (due_ms > wheel->tick_ms + REACH_MS)
        due_ms = wheel->tick_ms + REACH_MS;
    span = due_ms - wheel->tick_ms;
    while (span >= TIMER_SLOT_COUNT) {
        span >>= TIMER_SLOT_BITS;
        level++;
    }
    slot = (unsigned)(due_ms >> (TIMER_SLOT_BITS * level)) & TIMER_SLOT_MASK;
    list_append(&wheel->slots[level][slot], &timer->node);
    wheel->used[level] |= 1ull << slot;
}

/* The next millisecond after the current tick at which a slot must be looked at. */
static uint64_t next_tick_ms(const struct timer_wheel *wheel)
{
    uint64_t best = UINT64_MAX;

    for (unsigned level = 0; level < TIMER_LEVEL_COUNT; level++) {
        uint64_t at = wheel->tick_ms >> (TIMER_SLOT_BITS * level), used = wheel->used[level], next;
        unsigned from = (unsigned)(at + 1) & TIMER_SLOT_MASK;

        if (!used)
            continue;
        /* Rotate so that bit 0 is the slot after the current one: its index is the distance. */
        if (from)
            used = (used >> from) | (used << (TIMER_SLOT_COUNT - from));
        next = (at + 1 + (uint64_t)__builtin_ctzll(used)) << (TIMER_SLOT_BITS * level);
        if (next < best)
            best = next;
    }
    return best;
}

/* Moves the timers of the slots that begin now to finer wheels. */
static void cascade(struct timer_wheel *wheel)
{
    for (unsigned level = TIMER_LEVEL_COUNT - 1; level > 0; level--) {
        unsigned shift = TIMER_SLOT_BITS * level;
        unsigned slot = (unsigned)(wheel->tick_ms >> shift) & TIMER_SLOT_MASK;
        struct list moved;

        if (wheel->tick_ms & ((1ull << shift) - 1))
            continue;
        list_init(&moved);
        list_splice(&moved, &wheel->slots[level][slot]);
        wheel->used[level] &= ~(1ull << slot);
        while (!list_empty(&moved)) {
            struct timer *timer = (struct timer *)(void *)moved.next;
            uint64_t due_ms = ceil_ms(timer->deadline_ns);

            list_remove(&timer->node);
            place(wheel, timer, due_ms > wheel->tick_ms ? due_ms : wheel->tick_ms);
        }
    }
}

static int run_slot(struct timer_wheel *wheel, uint64_t now_ns)
{
    unsigned slot = (unsigned)wheel->tick_ms & TIMER_SLOT_MASK;
    struct list due;
    int count = 0;

    list_init(&due);
    list_splice(&due, &wheel->slots[0][slot]);
    wheel->used[0] &= ~(1ull << slot);
    while (!list_empty(&due)) {
        struct timer *timer = (struct timer *)(void *)due.next;

        list_remove(&timer->node);
        timer->on_expire(timer, now_ns);
        count++;
    }
    return count;
}

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ns)
{
    wheel->tick_ms = now_ns / CLOCK_NS_PER_MS;
    for (unsigned level = 0; level < TIMER_LEVEL_COUNT; level++) {
        wheel->used[level] = 0;
        for (unsigned slot = 0; slot < TIMER_SLOT_COUNT; slot++)
            list_init(&wheel->slots[level][slot]);
    }
}

bool timer_is_set(const struct timer *timer)
{
    return timer->node.next && timer->node.next != &timer->node;
}

void timer_wheel_cancel(struct timer_wheel *wheel, struct timer *timer)
{
    struct list *head, *first = &wheel->slots[0][0];
    size_t index;

    if (!timer_is_set(timer))
        return;
    head = timer->node.next == timer->node.prev ? timer->node.next : NULL;
    list_remove(&timer->node);
    /* The last one of its slot: clear the slot's bit, unless it sat in a list being run. */
    if (!head || (uintptr_t)head < (uintptr_t)first ||
        (uintptr_t)head >= (uintptr_t)(wheel->slots + TIMER_LEVEL_COUNT))
        return;
    index = (size_t)(head - first);
    wheel->used[index / TIMER_SLOT_COUNT] &= ~(1ull << (index % TIMER_SLOT_COUNT));
}

void timer_wheel_set(struct timer_wheel *wheel, struct timer *timer, uint64_t deadline_ns,
                     timer_fn on_expire)
{
    uint64_t due_ms = ceil_ms(deadline_ns);

    timer_wheel_cancel(wheel, timer);
    timer->deadline_ns = deadline_ns;
    timer->on_expire = on_expire;
    place(wheel, timer, due_ms > wheel->tick_ms ? due_ms : wheel->tick_ms + 1);
}

int timer_wheel_advance(struct timer_wheel *wheel, uint64_t now_ns)
{
    uint64_t now_ms = now_ns / CLOCK_NS_PER_MS;
    int count = 0;

    while (wheel->tick_ms < now_ms) {
        uint64_t next_ms = next_tick_ms(wheel);

        if (next_ms > now_ms) {
            wheel->tick_ms = now_ms;
            break;
        }
        wheel->tick_ms = next_ms;
        cascade(wheel);
        count += run_slot(wheel, now_ns);
    }
    return count;
}

uint64_t timer_wheel_next_ns(const struct timer_wheel *wheel)
{
    uint64_t next_ms = next_tick_ms(wheel);

    return next_ms == UINT64_MAX ? CLOCK_NEVER_NS : next_ms * CLOCK_NS_PER_MS;
}

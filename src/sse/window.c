#include "sse/window.h"

/* The `count` highest bits: the oldest numbers of a window. */
static uint64_t oldest(uint64_t count)
{
    return count >= WINDOW_SPAN ? UINT64_MAX : ~(UINT64_MAX >> count);
}

/* Bits of numbers that the window covers and that are not below its first one. */
static uint64_t covered(const struct window *window)
{
    uint64_t below = window->highest - window->first;

    return below >= WINDOW_SPAN - 1 ? UINT64_MAX : ((uint64_t)2 << below) - 1;
}

/* The oldest `count` numbers leave. */
static void leave(const struct window *window, uint64_t count, window_hole_fn on_hole, void *ctx)
{
    uint64_t holes = ~window->seen & covered(window) & oldest(count);

    while (holes != 0) {
        unsigned skipped = (unsigned)__builtin_clzll(holes);
        uint64_t from = window->highest - (WINDOW_SPAN - 1 - skipped);
        uint64_t run = ~(holes << skipped);
        unsigned len = run == 0 ? WINDOW_SPAN : (unsigned)__builtin_clzll(run);

        on_hole(ctx, from, from + len - 1);
        holes &= ~oldest(skipped + len);
    }
}

static enum window_finding go_on(struct window *window, uint64_t number, window_hole_fn on_hole,
                                 void *ctx)
{
    uint64_t ahead = number - window->highest;

    if (ahead > WINDOW_JUMP_LIMIT)
        return WINDOW_JUMP;
    if (on_hole) {
        leave(window, ahead, on_hole, ctx);
        if (ahead > WINDOW_SPAN)
            on_hole(ctx, window->highest + 1, number - WINDOW_SPAN);
    }
    window->seen = ahead < WINDOW_SPAN ? window->seen << ahead | 1 : 1;
    window->highest = number;
    return ahead == 1 ? WINDOW_NEXT : WINDOW_GAP;
}

enum window_finding window_add(struct window *window, uint64_t number, window_hole_fn on_hole,
                               void *ctx)
{
    uint64_t behind, bit;

    if (window->seen == 0) {
        *window = (struct window){.first = number, .highest = number, .seen = 1};
        return WINDOW_FIRST;
    }
    if (number > window->highest)
        return go_on(window, number, on_hole, ctx);
    behind = window->highest - number;
    if (behind >= WINDOW_SPAN)
        return WINDOW_BEHIND;
    bit = (uint64_t)1 << behind;
    if (window->seen & bit)
        return WINDOW_REPEATED;
    window->seen |= bit;
    return WINDOW_LATE;
}

void window_settle(struct window *window, window_hole_fn on_hole, void *ctx)
{
    if (window->seen == 0)
        return;
    if (on_hole)
        leave(window, WINDOW_SPAN, on_hole, ctx);
    window->seen = UINT64_MAX;
}

void window_close(struct window *window, window_hole_fn on_hole, void *ctx)
{
    window_settle(window, on_hole, ctx);
    *window = (struct window){0};
}

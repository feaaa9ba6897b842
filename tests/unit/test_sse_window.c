#include "base/rng.h"
#include "sse/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* --- what is heard, as text --- */

struct heard {
    char text[256];
};

static void on_hole(void *ctx, uint64_t from, uint64_t to)
{
    struct heard *heard = ctx;
    size_t at = strlen(heard->text);

    (void)snprintf(heard->text + at, sizeof heard->text - at, "%llu-%llu ",
                   (unsigned long long)from, (unsigned long long)to);
}

static void see(struct window *window, uint64_t from, uint64_t to, struct heard *heard)
{
    for (uint64_t number = from; number <= to; number++)
        (void)window_add(window, number, on_hole, heard);
}

static void consecutive_numbers_leave_no_hole(void **state)
{
    struct window window = {0};
    struct heard heard = {{0}};

    (void)state;
    assert_int_equal(window_add(&window, 7, on_hole, &heard), WINDOW_FIRST);
    for (uint64_t number = 8; number < 1000; number++)
        assert_int_equal(window_add(&window, number, on_hole, &heard), WINDOW_NEXT);
    window_close(&window, on_hole, &heard);
    assert_string_equal(heard.text, "");
    assert_true(window.seen == 0);
}

static void a_hole_is_told_when_it_leaves_the_window(void **state)
{
    struct window window = {0};
    struct heard heard = {{0}};

    (void)state;
    see(&window, 1, 9, &heard);
    assert_int_equal(window_add(&window, 12, on_hole, &heard), WINDOW_GAP);
    see(&window, 13, 10 + WINDOW_SPAN - 1, &heard);
    assert_string_equal(heard.text, "");
    see(&window, 10 + WINDOW_SPAN, 10 + WINDOW_SPAN, &heard);
    assert_string_equal(heard.text, "10-10 ");
    see(&window, 11 + WINDOW_SPAN, 300, &heard);
    assert_string_equal(heard.text, "10-10 11-11 ");
}

static void a_late_number_fills_its_hole(void **state)
{
    struct window window = {0};
    struct heard heard = {{0}};

    (void)state;
    see(&window, 1, 9, &heard);
    see(&window, 11, 10 + WINDOW_SPAN - 1, &heard);
    assert_int_equal(window_add(&window, 10, on_hole, &heard), WINDOW_LATE);
    assert_int_equal(window_add(&window, 10, on_hole, &heard), WINDOW_REPEATED);
    see(&window, 10 + WINDOW_SPAN, 300, &heard);
    assert_int_equal(window_add(&window, 300 - WINDOW_SPAN + 1, on_hole, &heard), WINDOW_REPEATED);
    assert_int_equal(window_add(&window, 300 - WINDOW_SPAN, on_hole, &heard), WINDOW_BEHIND);
    window_close(&window, on_hole, &heard);
    assert_string_equal(heard.text, "");
}

static void a_wide_gap_is_told_at_once_but_for_the_window(void **state)
{
    struct window window = {0};
    struct heard heard = {{0}};

    (void)state;
    see(&window, 1, 1, &heard);
    assert_int_equal(window_add(&window, 1000, on_hole, &heard), WINDOW_GAP);
    assert_string_equal(heard.text, "2-936 ");
    window_close(&window, on_hole, &heard);
    assert_string_equal(heard.text, "2-936 937-999 ");
}

static void what_lies_below_the_first_number_is_never_missed(void **state)
{
    struct window window = {0};
    struct heard heard = {{0}};

    (void)state;
    see(&window, 50, 50, &heard);
    assert_int_equal(window_add(&window, 47, on_hole, &heard), WINDOW_LATE);
    see(&window, 51, 500, &heard);
    window_close(&window, on_hole, &heard);
    assert_string_equal(heard.text, "");
}

static void a_jump_changes_nothing(void **state)
{
    struct window window = {0};
    struct heard heard = {{0}};

    (void)state;
    see(&window, 1, 5, &heard);
    assert_int_equal(window_add(&window, 6 + WINDOW_JUMP_LIMIT, on_hole, &heard), WINDOW_JUMP);
    assert_int_equal(window_add(&window, UINT64_MAX, on_hole, &heard), WINDOW_JUMP);
    assert_int_equal(window_add(&window, 5 + WINDOW_JUMP_LIMIT, NULL, NULL), WINDOW_GAP);
    assert_string_equal(heard.text, "");
}

static void both_ends_of_the_numbers_work(void **state)
{
    struct window window = {0};
    struct heard heard = {{0}};

    (void)state;
    see(&window, 0, 0, &heard);
    see(&window, 2, 2, &heard);
    window_close(&window, on_hole, &heard);
    assert_int_equal(window_add(&window, UINT64_MAX - 2, on_hole, &heard), WINDOW_FIRST);
    assert_int_equal(window_add(&window, UINT64_MAX, on_hole, &heard), WINDOW_GAP);
    assert_int_equal(window_add(&window, 0, on_hole, &heard), WINDOW_BEHIND);
    window_close(&window, on_hole, &heard);
    assert_string_equal(heard.text, "1-1 18446744073709551614-18446744073709551614 ");
}

/* --- against a model that keeps every number --- */

enum { MODEL_NUMBERS = 20000, MODEL_ROUNDS = 200, MODEL_BASE = 100000 };

struct model {
    bool is_seen[MODEL_NUMBERS], is_hole[MODEL_NUMBERS];
    uint64_t first, highest, decided; /* all below `decided` has left the window */
    bool is_empty;
};

static void on_model_hole(void *ctx, uint64_t from, uint64_t to)
{
    struct model *model = ctx;

    assert_true(from <= to && from >= model->first && to < model->highest);
    for (uint64_t number = from; number <= to; number++) {
        assert_false(model->is_seen[number - MODEL_BASE]);
        assert_false(model->is_hole[number - MODEL_BASE]);
        model->is_hole[number - MODEL_BASE] = true;
    }
}

/* Holes are exactly the unseen numbers from the first one to below `end`. */
static void check_holes(struct model *model, uint64_t end)
{
    for (; model->decided < end; model->decided++)
        assert_true(model->is_hole[model->decided - MODEL_BASE] ==
                    !model->is_seen[model->decided - MODEL_BASE]);
}

static enum window_finding expect(struct model *model, uint64_t number)
{
    bool *is_seen = &model->is_seen[number - MODEL_BASE];
    bool was_seen = *is_seen;
    uint64_t before = model->highest;

    if (model->is_empty) {
        model->is_empty = false;
        model->first = model->highest = model->decided = number;
        *is_seen = true;
        return WINDOW_FIRST;
    }
    if (number > before) {
        model->highest = number;
        *is_seen = true;
        return number == before + 1 ? WINDOW_NEXT : WINDOW_GAP;
    }
    if (before - number >= WINDOW_SPAN)
        return WINDOW_BEHIND;
    *is_seen = true;
    return was_seen ? WINDOW_REPEATED : WINDOW_LATE;
}

static uint64_t draw(struct rng *rng, const struct model *model)
{
    uint64_t at = model->is_empty ? MODEL_BASE + 500 : model->highest;

    switch (rng_between(rng, 0, 9)) {
    case 0:
        return at - rng_between(rng, 0, 2 * WINDOW_SPAN);
    case 1:
        return at - rng_between(rng, 0, 5);
    case 2:
        return at + rng_between(rng, 0, 5);
    case 3:
        return at + rng_between(rng, 0, rng_between(rng, 1, 3 * WINDOW_SPAN));
    default:
        return at + 1;
    }
}

static void random_numbers_are_judged_as_a_model_judges_them(void **state)
{
    static struct model model;
    struct rng rng;

    (void)state;
    rng_init(&rng, 5);
    for (int round = 0; round < MODEL_ROUNDS; round++) {
        struct window window = {0};

        model = (struct model){.is_empty = true};
        while (model.is_empty || model.highest < MODEL_BASE + MODEL_NUMBERS - 500) {
            uint64_t number = draw(&rng, &model);
            enum window_finding expected = expect(&model, number);

            assert_int_equal(window_add(&window, number, on_model_hole, &model), expected);
            assert_true(window.highest == model.highest && window.first == model.first);
            if (model.highest >= WINDOW_SPAN)
                check_holes(&model, model.highest - (WINDOW_SPAN - 1));
        }
        window_close(&window, on_model_hole, &model);
        check_holes(&model, model.highest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consecutive_numbers_leave_no_hole),
        cmocka_unit_test(a_hole_is_told_when_it_leaves_the_window),
        cmocka_unit_test(a_late_number_fills_its_hole),
        cmocka_unit_test(a_wide_gap_is_told_at_once_but_for_the_window),
        cmocka_unit_test(what_lies_below_the_first_number_is_never_missed),
        cmocka_unit_test(a_jump_changes_nothing),
        cmocka_unit_test(both_ends_of_the_numbers_work),
        cmocka_unit_test(random_numbers_are_judged_as_a_model_judges_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

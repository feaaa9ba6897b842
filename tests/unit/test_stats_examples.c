#include "base/buf.h"
#include "stats/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void add(struct examples *examples, enum malformed kind, double unix_ms)
{
    struct example row = {.kind = kind, .unix_ms = unix_ms};

    (void)snprintf(row.text, sizeof row.text, "%s at %.0f", malformed_name(kind), unix_ms);
    examples_add(examples, &row);
}

/* "json at 1, data at 2": kinds and times in their order. */
static void check(const struct examples *examples, const char *expected)
{
    struct buf text = {0};

    for (size_t i = 0; i < examples_count(examples); i++)
        (void)buf_appendf(&text, "%s%s", i > 0 ? ", " : "", examples_at(examples, i)->text);
    assert_string_equal(buf_text(&text), expected);
    buf_fini(&text);
}

static void kinds_have_names_and_tags(void **state)
{
    (void)state;
    for (int kind = MALFORMED_NONE + 1; kind < MALFORMED_COUNT; kind++) {
        assert_string_not_equal(malformed_name((enum malformed)kind), "none");
        assert_memory_equal(malformed_tag((enum malformed)kind), "kind:", 5);
    }
    assert_string_equal(malformed_tag(MALFORMED_TOO_LARGE), "kind:too_large");
}

static void the_earliest_three_of_each_kind_stay(void **state)
{
    struct examples *examples = examples_new();

    (void)state;
    for (int i = 9; i > 0; i--) {
        add(examples, MALFORMED_JSON, i);
        add(examples, MALFORMED_DATA, 10 + i);
    }
    add(examples, MALFORMED_UNKNOWN_FIELD, 99);
    add(examples, MALFORMED_JSON, 4);
    check(examples, "unknown_field at 99, json at 1, json at 2, json at 3, data at 11, data at 12, "
                    "data at 13");
    examples_free(examples);
}

static void of_equal_times_the_first_come_stay(void **state)
{
    struct examples *examples = examples_new();
    struct example row = {.kind = MALFORMED_JSON, .unix_ms = 1};

    (void)state;
    for (char name = 'a'; name < 'f'; name++) {
        row.text[0] = name;
        examples_add(examples, &row);
    }
    check(examples, "a, b, c");
    examples_free(examples);
}

static void every_kind_at_once_fits(void **state)
{
    struct examples *examples = examples_new();

    (void)state;
    for (int round = 0; round < 5; round++) {
        for (int kind = MALFORMED_COUNT - 1; kind > MALFORMED_NONE; kind--)
            add(examples, (enum malformed)kind, 5 - round);
    }
    assert_int_equal(examples_count(examples), (MALFORMED_COUNT - 1) * EXAMPLES_A_KIND);
    examples_free(examples);
}

static void a_kind_that_had_its_examples_wants_no_more(void **state)
{
    struct examples *examples = examples_new();

    (void)state;
    add(examples, MALFORMED_JSON, 1);
    add(examples, MALFORMED_JSON, 2);
    examples_clear(examples);
    assert_int_equal(examples_count(examples), 0);
    assert_true(examples_wants(examples, MALFORMED_JSON));
    add(examples, MALFORMED_JSON, 3);
    examples_clear(examples);
    assert_false(examples_wants(examples, MALFORMED_JSON));
    assert_true(examples_wants(examples, MALFORMED_DATA));
    examples_free(examples);
}

static void merging_finds_the_endpoint_by_its_name(void **state)
{
    struct stats *sum = stats_new(), *delta = stats_new();
    struct example row = {.kind = MALFORMED_JSON, .text = "x"};

    (void)state;
    (void)stats_add_endpoint(sum, "GET", "/other");
    row.endpoint = stats_add_endpoint(delta, "GET", "/a");
    examples_add(stats_examples(delta), &row);
    stats_merge(sum, delta);
    assert_int_equal(examples_count(stats_examples(sum)), 1);
    assert_string_equal(stats_endpoint_name(sum, examples_at(stats_examples(sum), 0)->endpoint),
                        "/a");
    stats_clear(delta);
    stats_merge(sum, delta);
    assert_int_equal(examples_count(stats_examples(sum)), 1);
    stats_free(sum);
    stats_free(delta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_have_names_and_tags),
        cmocka_unit_test(the_earliest_three_of_each_kind_stay),
        cmocka_unit_test(of_equal_times_the_first_come_stay),
        cmocka_unit_test(every_kind_at_once_fits),
        cmocka_unit_test(a_kind_that_had_its_examples_wants_no_more),
        cmocka_unit_test(merging_finds_the_endpoint_by_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "report/live_limit.h"
#include "report/live_view.h"
#include "report/result_limit.h"
#include "report/summary_limit.h"

#include "base/json.h"
#include "limit_sample.h"
#include "stats/run.h"
#include "verdict/limit.h"
#include "verdict/limit_judge.h"
#include "verdict/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect_text(const struct buf *out, const char *part)
{
    struct buf copy = {0};

    (void)buf_append(&copy, out->bytes, out->len);
    if (!strstr(buf_text(&copy), part))
        fail_msg("'%s' is not in:\n%s", part, buf_text(&copy));
    buf_fini(&copy);
}

static void check_width(const struct buf *out, size_t columns)
{
    size_t width = 0;

    for (size_t i = 0; i < out->len; i++) {
        width = out->bytes[i] == '\n' ? 0 : width + 1;
        assert_true(width <= columns);
    }
}

/* --- the summary --- */

static void the_summary_says_what_holds_and_what_gave_way(void **state)
{
    struct limit *limit = limit_sample_edge();
    struct outcome outcome = {.limit = limit};
    struct buf out = {0};

    (void)state;
    summary_limit(&out, &outcome, false);
    expect_text(&out, "\nLimit\n");
    expect_text(&out, "users that hold                 4,134   tried again and the same, 2 of 2 "
                      "times\n");
    expect_text(&out, "users that do not               4,212\n    sse_ttfe: p(95)<500 is 730 ms\n");
    expect_text(&out, "     156 holds       156      156      100%           -        1.50        "
                      "20.0        -     1,560\n");
    expect_text(&out, "   4,212 FAILS     4,212    1,053    93.75%");
    check_width(&out, 100);
    buf_fini(&out);
    limit_free(limit);
}

/* 10 hold; 20 fail once, then hold, 40 fail twice; cicada is busy at what comes between. */
static void steps_stand_in_the_order_of_their_trial(void **state)
{
    static const struct limit_step steps[] = {
        {.users = 10, .has_held = true},    {.users = 20, .is_doubtful = true},
        {.users = 20, .has_held = true},    {.users = 40, .is_doubtful = true},
        {.users = 40, .is_doubtful = true}, {.users = 30, .is_ours = true}};
    static const char *const words[] = {"10 holds", "20 once ", "20 holds",
                                        "40 FAILS", "40 FAILS", "30 busy "};
    struct limit *limit = limit_new(10 * LIMIT_START_SHARE);
    struct outcome outcome = {.limit = limit};
    struct buf out = {0};
    const char *at;

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        limit_add(limit, &steps[i]);
    summary_limit(&out, &outcome, false);
    at = buf_text(&out);
    for (size_t i = 0; at && i < sizeof words / sizeof words[0]; i++) {
        at = strstr(at, words[i]);
        if (!at)
            fail_msg("no '%s' in its place in:\n%s", words[i], buf_text(&out));
        at++;
    }
    expect_text(&out, "once: failed, but held when tried again at once");
    expect_text(&out, "busy: cicada itself was at its limit");
    check_width(&out, 100);
    buf_fini(&out);
    limit_free(limit);
}

static void a_ceiling_that_holds_is_said_to_be_one(void **state)
{
    struct limit *limit = limit_sample_ceiling();
    struct outcome outcome = {.limit = limit};
    struct buf out = {0};

    (void)state;
    summary_limit(&out, &outcome, false);
    expect_text(&out, "users that hold                    64   as many as were allowed\n");
    expect_text(&out, "users that do not                   -\n");
    buf_fini(&out);
    limit_free(limit);
}

static void without_a_search_there_is_nothing(void **state)
{
    struct outcome outcome = {0};
    struct buf out = {0};
    struct json json;

    (void)state;
    summary_limit(&out, &outcome, true);
    assert_int_equal(out.len, 0);
    json_init(&json, &out, 0);
    json_begin_object(&json);
    result_limit_write(&json, &outcome);
    json_end_object(&json);
    expect_text(&out, "\"limit\":null");
    buf_fini(&out);
}

/* --- the result --- */

static void check_result(struct limit *limit, const char *const *parts)
{
    struct err err = {0};
    struct limit_rules *rules = limit_rules_new(NULL, 0, &err);
    struct outcome outcome = {.limit = limit, .limit_rules = rules};
    struct buf out = {0};
    struct json json;

    json_init(&json, &out, 0);
    json_begin_object(&json);
    result_limit_write(&json, &outcome);
    json_end_object(&json);
    for (size_t i = 0; parts[i]; i++)
        expect_text(&out, parts[i]);
    buf_fini(&out);
    limit_rules_free(rules);
    limit_free(limit);
}

static void the_result_holds_edge_rules_and_curve(void **state)
{
    static const char first_step[] =
        "{\"users\":156,\"held\":true,\"broken\":null,\"at_s\":7.5,\"length_s\":5.5,\"open\":156,"
        "\"attempts\":156,\"unanswered\":0,\"connect_success\":1,\"stream_success\":null,"
        "\"connecting_p95_ms\":1.5,\"ttfe_p95_ms\":20,\"gap_p95_ms\":100,\"latency_p95_ms\":null,"
        "\"events_per_s\":1560}";
    static const char *const edge[] = {
        "\"end\":\"edge\"",
        "\"holds\":4134,",
        "\"fails\":4212,",
        "\"first_broken\":\"sse_ttfe: p(95)<500 is 730 ms\"",
        "\"confirmed\":2",
        "\"ceiling\":10000",
        "\"rules\":[\"sse_connect_success: rate>0.99\",\"sse_stream_success: rate>0.99\"]",
        first_step,
        NULL};
    static const char *const ceiling[] = {"\"end\":\"ceiling\"", "\"fails\":null",
                                          "\"first_broken\":null", NULL};
    static const char *const nothing[] = {"\"end\":\"nothing-holds\"", "\"holds\":null",
                                          "\"fails\":1,", NULL};
    static const char *const generator[] = {"\"end\":\"generator-saturated\"", "\"holds\":100",
                                            "\"first_broken\":\"generator-saturated: busy\"", NULL};
    static const char *const unfinished[] = {"\"end\":\"unfinished\"", "\"holds\":100", NULL};

    (void)state;
    check_result(limit_sample_edge(), edge);
    check_result(limit_sample_ceiling(), ceiling);
    check_result(limit_sample_nothing(), nothing);
    check_result(limit_sample_generator(), generator);
    check_result(limit_sample_unfinished(), unfinished);
}

/* --- the live view --- */

static void the_live_view_says_where_the_search_is(void **state)
{
    struct limit *limit = limit_sample_unfinished();
    struct live_view view = {.columns = 80, .limit = limit};
    struct buf out = {0};

    (void)state;
    live_limit_render(&out, &view);
    expect_text(&out, "limit         step 2: holding 200 users, 100 hold\n");
    for (view.columns = 20; view.columns < 80; view.columns++) {
        buf_clear(&out);
        live_limit_render(&out, &view);
        check_width(&out, view.columns);
    }
    buf_clear(&out);
    live_limit_render_line(&out, limit);
    expect_text(&out, ", step 2: holding 200 users, 100 hold");
    limit_free(limit);
    limit = limit_sample_edge();
    buf_clear(&out);
    live_limit_render_line(&out, limit);
    assert_string_equal(buf_text(&out), ", done, 4,134 hold, 4,212 do not");
    buf_fini(&out);
    limit_free(limit);
}

/* Users of a search are not of a plan. */
static void the_live_view_says_how_many_users_are_allowed(void **state)
{
    struct limit *limit = limit_sample_unfinished();
    struct live_view view = {.columns = 80, .limit = limit};
    struct run *run = run_new(1);
    struct buf out = {0};

    (void)state;
    run->info.users_planned = 6400;
    live_view_render(&out, run, &view);
    expect_text(&out, "users         0, 6,400 allowed\n");
    buf_clear(&out);
    live_view_render_line(&out, run, &view);
    expect_text(&out, ": 0 users, 0 open, ");
    buf_fini(&out);
    run_free(run);
    limit_free(limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_summary_says_what_holds_and_what_gave_way),
        cmocka_unit_test(steps_stand_in_the_order_of_their_trial),
        cmocka_unit_test(a_ceiling_that_holds_is_said_to_be_one),
        cmocka_unit_test(without_a_search_there_is_nothing),
        cmocka_unit_test(the_result_holds_edge_rules_and_curve),
        cmocka_unit_test(the_live_view_says_where_the_search_is),
        cmocka_unit_test(the_live_view_says_how_many_users_are_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

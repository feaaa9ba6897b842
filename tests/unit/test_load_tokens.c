#include "load/tokens.h"

#include "base/clock.h"
#include "base/mem.h"
#include "load/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MS              CLOCK_NS_PER_MS

static struct plan *plan;
static struct tokens *tokens;
static struct stats *stats;
static struct stat_place place;
static struct stream_record record;

static int open_all(void **state)
{
    (void)state;
    plan = plan_new();
    plan->profile = PLAN_PROFILE_OPENAI;
    plan->end_data = x_strdup("[DONE]");
    tokens = tokens_new(plan);
    stats = stats_new();
    place = stat_place_of(stats, NULL, "POST", "/v1/chat/completions");
    place.tokens = tokens;
    record = (struct stream_record){.attempt_began_ns = 1000 * MS};
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    tokens_drop(&place, &record);
    tokens_free(tokens);
    stats_free(stats);
    plan_free(plan);
    return 0;
}

static struct sse_event event_of(const char *name, const char *data)
{
    return (struct sse_event){.data = (const uint8_t *)data,
                              .data_bytes = strlen(data),
                              .name = (const uint8_t *)name,
                              .name_bytes = strlen(name)};
}

static struct tokens_chunk read_chunk(const char *data)
{
    struct sse_event event = event_of("", data);
    struct tokens_chunk chunk;

    (void)memset(&chunk, 0xA5, sizeof chunk);
    tokens_read(tokens, &event, &chunk);
    return chunk;
}

static const char *say(const char *data, uint64_t at_ms)
{
    struct sse_event event = event_of("", data);

    return tokens_event(&place, &record, &event, at_ms * MS);
}

static const char *say_text(uint64_t at_ms)
{
    return say("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}", at_ms);
}

/* --- one event --- */

static void only_content_that_is_not_empty_is_text(void **state)
{
    static const struct {
        const char *data;
        bool has_text;
    } cases[] = {
        {"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}",
         true},
        {"{\"id\":\"x\",\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}",
         false},
        {"{\"choices\":[{\"delta\":{\"content\":null}}]}", false},
        {"{\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}", false},
        {"{\"choices\":[{\"delta\":{\"reasoning\":\"hm\",\"content\":\"\"}}]}", false},
        {"{\"choices\":[{\"delta\":{\"tool_calls\":[{\"content\":\"a\"}]}}]}", false},
        {"{\"choices\":[{\"delta\":{\"x\":{\"content\":\"a\"}}}]}", false},
        {"{\"choices\":[{\"delta\":{\"content\":\"\\u0041\"}}]}", true},
        {"{\"choices\":[{\"delta\":{\"cont\\u0065nt\":\" \"}}]}", true},
        {"{\"choices\":[{\"delta\":{\"content\":\"}]\\\"\"}}]}", true},
        {"{\"choices\":[]}", false},
        {"{\"choices\":[{\"delta\":{}}]}", false},
        {"{\"delta\":{\"content\":\"a\"}}", false},
        {"{\"choices\":[{\"message\":{\"content\":\"a\"}}]}", false},
        {"[DONE]", false},
        {"", false},
        {"{\"choices\":[{\"delta\":{\"content\":\"a", false},
        {"ping", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct tokens_chunk chunk = read_chunk(cases[i].data);

        if (chunk.has_text != cases[i].has_text || chunk.has_error || chunk.has_usage)
            fail_msg("'%s'", cases[i].data);
        assert_string_equal(chunk.message, "");
    }
}

static void a_chunk_of_any_size_is_read(void **state)
{
    static const char head[] = "{\"padding\":[",
                      tail[] = "0],\"choices\":[{\"delta\":{\"content\":\"";
    static const char usage[] = "\"}}],\"usage\":{\"completion_tokens\":7}}";
    struct buf text = {0};
    struct tokens_chunk chunk;

    (void)state;
    (void)buf_append_text(&text, head);
    for (int i = 0; i < 20000; i++)
        (void)buf_append_text(&text, "{\"a\":[\"]\"]},");
    (void)buf_append_text(&text, tail);
    for (int i = 0; i < 100000; i++)
        (void)buf_append_text(&text, "word ");
    (void)buf_append_text(&text, usage);
    chunk = read_chunk(buf_text(&text));
    assert_true(chunk.has_text && chunk.has_usage);
    assert_int_equal(chunk.token_count, 7);
    buf_fini(&text);
}

static void usage_is_a_whole_number(void **state)
{
    static const struct {
        const char *data;
        bool has_usage;
        uint32_t count;
    } cases[] = {
        {"{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":12}}", true, 12},
        {"{\"usage\":{\"completion_tokens\":0}}", true, 0},
        {"{\"usage\":{\"completion_tokens\":4294967295}}", true, UINT32_MAX},
        {"{\"usage\":{\"completion_tokens\":4294967296}}", false, 0},
        {"{\"usage\":{\"completion_tokens\":99999999999999999999999}}", false, 0},
        {"{\"usage\":{\"completion_tokens\":-1}}", false, 0},
        {"{\"usage\":{\"completion_tokens\":1.5}}", false, 0},
        {"{\"usage\":{\"completion_tokens\":\"5\"}}", false, 0},
        {"{\"usage\":{\"completion_tokens\":\"\"}}", false, 0},
        {"{\"usage\":null}", false, 0},
        {"{\"completion_tokens\":5}", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct tokens_chunk chunk = read_chunk(cases[i].data);

        if (chunk.has_usage != cases[i].has_usage || chunk.token_count != cases[i].count)
            fail_msg("'%s'", cases[i].data);
    }
}

static void an_error_is_found_with_its_message(void **state)
{
    static const struct {
        const char *name, *data, *message;
    } cases[] = {
        {"", "{\"error\":{\"message\":\"over\\nloaded \\u00e9\",\"code\":1}}",
         "over loaded \u00e9"},
        {"", "{\"error\":\"no\"}", "no"},
        {"", "{\"error\":{\"code\":5}}", "{\"error\":{\"code\":5}}"},
        {"", "{\"message\":\"m\",\"error\":true}", "m"},
        {"", "{\"error\":\"\"}", "{\"error\":\"\"}"},
        {"error", "{\"message\":\"busy\"}", "busy"},
        {"error", "plain\x01text", "plain text"},
        {"error", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sse_event event = event_of(cases[i].name, cases[i].data);
        struct tokens_chunk chunk;

        tokens_read(tokens, &event, &chunk);
        assert_true(chunk.has_error);
        assert_string_equal(chunk.message, cases[i].message);
    }
    assert_false(read_chunk("{\"error\":null}").has_error);
    assert_false(read_chunk("{\"choices\":[{\"error\":{}}]}").has_error);
}

static void a_long_message_is_cut_between_characters(void **state)
{
    struct buf text = {0};
    struct tokens_chunk chunk;

    (void)state;
    (void)buf_append_text(&text, "{\"error\":\"");
    for (int i = 0; i < 100; i++)
        (void)buf_append_text(&text, "\u20ac");
    (void)buf_append_text(&text, "\"}");
    chunk = read_chunk(buf_text(&text));
    assert_int_equal(strlen(chunk.message), (TOKENS_MESSAGE_BYTES - 1) / 3 * 3);
    buf_fini(&text);
}

/* --- a stream --- */

static const struct hist *trend(enum metric metric)
{
    const struct hist *hist = stat_get_trend(place.set, metric, NULL);

    assert_non_null(hist);
    return hist;
}

static void times_are_those_of_texts(void **state)
{
    (void)state;
    assert_null(say("{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}", 1010));
    assert_null(say_text(1250));
    assert_null(say_text(1250)); /* came in one read with the one before */
    assert_null(say_text(1280));
    assert_int_equal(hist_count(trend(METRIC_SSE_TTFT)), 1);
    assert_int_equal(hist_max(trend(METRIC_SSE_TTFT)), 250000);
    assert_int_equal(hist_count(trend(METRIC_SSE_INTER_TOKEN)), 2);
    assert_int_equal(hist_min(trend(METRIC_SSE_INTER_TOKEN)), 0);
    assert_int_equal(hist_max(trend(METRIC_SSE_INTER_TOKEN)), 30000);
}

static void usage_counts_before_chunks(void **state)
{
    (void)state;
    say_text(1100);
    say("{\"choices\":[],\"usage\":{\"completion_tokens\":4}}", 1150);
    say_text(1600);
    say("{\"choices\":[],\"usage\":{\"completion_tokens\":11}}", 1700);
    say("[DONE]", 1800);
    tokens_end(&place, &record);
    assert_null(record.tokens);
    assert_int_equal(stat_get_count(place.set, METRIC_SSE_TOKENS, NULL), 11);
    assert_int_equal(stat_get_count(place.set, METRIC_SSE_TOKENS, "counted:usage"), 11);
    assert_int_equal(stat_get_count(place.set, METRIC_SSE_TOKENS, "counted:chunks"), 0);
    /* Ten tokens in 500 ms. */
    assert_int_equal(hist_max(trend(METRIC_SSE_TOKENS_PER_S)), 20000);
}

static void chunks_are_counted_where_there_is_no_usage(void **state)
{
    (void)state;
    say_text(1100);
    say_text(1200);
    say_text(1300);
    say("[DONE]", 1300);
    tokens_end(&place, &record);
    assert_int_equal(stat_get_count(place.set, METRIC_SSE_TOKENS, "counted:chunks"), 3);
    assert_int_equal(hist_max(trend(METRIC_SSE_TOKENS_PER_S)), 10000);
}

static void an_answer_that_is_not_whole_has_tokens_but_no_speed(void **state)
{
    (void)state;
    say_text(1100);
    say_text(1200);
    assert_string_equal(say("{\"error\":{\"message\":\"out of memory\"}}", 1250),
                        "error in the stream: out of memory");
    tokens_end(&place, &record);
    assert_int_equal(stat_get_count(place.set, METRIC_SSE_TOKENS, "counted:chunks"), 2);
    assert_null(stat_get_trend(place.set, METRIC_SSE_TOKENS_PER_S, NULL));
}

static void one_token_has_no_speed(void **state)
{
    (void)state;
    say_text(1100);
    say("[DONE]", 1200);
    tokens_end(&place, &record);
    assert_int_equal(stat_get_count(place.set, METRIC_SSE_TOKENS, NULL), 1);
    assert_null(stat_get_trend(place.set, METRIC_SSE_TOKENS_PER_S, NULL));
}

static void a_stream_without_tokens_leaves_no_trace(void **state)
{
    (void)state;
    say("hello", 1100);
    say("[DONE]", 1200);
    assert_null(record.tokens);
    tokens_end(&place, &record);
    assert_int_equal(stat_get_count(place.set, METRIC_SSE_TOKENS, NULL), 0);
}

static void without_the_profile_there_are_no_tokens(void **state)
{
    struct plan *other = plan_new();

    (void)state;
    assert_null(tokens_new(other));
    plan_free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_content_that_is_not_empty_is_text),
        TEST(a_chunk_of_any_size_is_read),
        TEST(usage_is_a_whole_number),
        TEST(an_error_is_found_with_its_message),
        TEST(a_long_message_is_cut_between_characters),
        TEST(times_are_those_of_texts),
        TEST(usage_counts_before_chunks),
        TEST(chunks_are_counted_where_there_is_no_usage),
        TEST(an_answer_that_is_not_whole_has_tokens_but_no_speed),
        TEST(one_token_has_no_speed),
        TEST(a_stream_without_tokens_leaves_no_trace),
        TEST(without_the_profile_there_are_no_tokens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

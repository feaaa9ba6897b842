#include "sse_cases.h"
#include "sse_transcript.h"

#include "base/mem.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RANDOM_CUTS_A_CASE = 60 };

static size_t limit_of(const struct sse_case *test)
{
    return test->limit_bytes > 0 ? test->limit_bytes : SSE_LIMIT_DEFAULT_BYTES;
}

/* Frees `got`; a failure names the case. */
static void expect_transcript(const struct sse_case *test, char *got)
{
    if (strcmp(got, test->transcript) != 0)
        print_error("case '%s'\n", test->name);
    assert_string_equal(got, test->transcript);
    free(got);
}

static const uint8_t *input_of(const struct sse_case *test)
{
    return (const uint8_t *)test->input;
}

static void every_case_holds_when_fed_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < sse_case_count; i++) {
        const struct sse_case *test = &sse_cases[i];

        expect_transcript(test,
                          sse_transcript_sliced(input_of(test), test->input_bytes, limit_of(test),
                                                test->input_bytes > 0 ? test->input_bytes : 1));
    }
}

static void every_case_holds_in_slices_of_any_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < sse_case_count; i++) {
        const struct sse_case *test = &sse_cases[i];

        for (size_t slice = 1; slice < test->input_bytes; slice++)
            expect_transcript(test, sse_transcript_sliced(input_of(test), test->input_bytes,
                                                          limit_of(test), slice));
    }
}

static void every_case_holds_when_cut_at_random(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 20240501);
    for (size_t i = 0; i < sse_case_count; i++) {
        const struct sse_case *test = &sse_cases[i];

        for (int cut = 0; cut < RANDOM_CUTS_A_CASE; cut++)
            expect_transcript(
                test, sse_transcript_cut(input_of(test), test->input_bytes, limit_of(test), &rng));
    }
}

static void the_reference_agrees_on_every_case_without_a_limit(void **state)
{
    size_t compared = 0;

    (void)state;
    for (size_t i = 0; i < sse_case_count; i++) {
        const struct sse_case *test = &sse_cases[i];

        if (test->limit_bytes > 0)
            continue;
        expect_transcript(test, sse_transcript_reference(input_of(test), test->input_bytes));
        compared++;
    }
    assert_true(compared >= 110);
}

static void all_cases_in_one_stream_agree_with_the_reference(void **state)
{
    struct buf all = {0};
    struct rng rng;
    char *expected;

    (void)state;
    for (size_t i = 0; i < sse_case_count; i++)
        (void)buf_append(&all, sse_cases[i].input, sse_cases[i].input_bytes);
    expected = sse_transcript_reference(all.bytes, all.len);
    rng_init(&rng, 7);
    for (int cut = 0; cut < 200; cut++) {
        char *got = sse_transcript_cut(all.bytes, all.len, SSE_LIMIT_DEFAULT_BYTES, &rng);

        assert_string_equal(got, expected);
        free(got);
    }
    free(expected);
    buf_fini(&all);
}

static enum sse_status feed_text(struct sse_recorder *recorder, const char *text)
{
    return sse_recorder_feed(recorder, (const uint8_t *)text, strlen(text));
}

static void an_event_is_out_with_the_last_byte_of_its_blank_line(void **state)
{
    struct sse_recorder recorder;

    (void)state;
    sse_recorder_init(&recorder, 100);
    (void)feed_text(&recorder, "data: a\n");
    assert_int_equal(recorder.event_count, 0);
    (void)feed_text(&recorder, "\n");
    assert_int_equal(recorder.event_count, 1);
    (void)feed_text(&recorder, "data: b\r\n\r");
    assert_int_equal(recorder.event_count, 2);
    (void)feed_text(&recorder, "\n");
    assert_int_equal(recorder.event_count, 2);
    assert_string_equal(sse_recorder_finish(&recorder, SSE_OK), "[||a][||b]");
    sse_recorder_fini(&recorder);
}

static void an_empty_slice_changes_nothing(void **state)
{
    struct sse_recorder recorder;

    (void)state;
    sse_recorder_init(&recorder, 100);
    assert_int_equal(sse_parser_feed(&recorder.parser, NULL, 0, 0), SSE_OK);
    (void)feed_text(&recorder, "data: a\r");
    assert_int_equal(sse_parser_feed(&recorder.parser, NULL, 0, 0), SSE_OK);
    (void)feed_text(&recorder, "\n\r\n");
    assert_string_equal(sse_recorder_finish(&recorder, SSE_OK), "[||a]");
    sse_recorder_fini(&recorder);
}

static void reset_drops_the_unfinished_block_and_keeps_the_last_id(void **state)
{
    struct sse_recorder recorder;

    (void)state;
    sse_recorder_init(&recorder, 100);
    (void)feed_text(&recorder, "id: 1\ndata: a\n\nid: 2\nevent: x\ndata: half");
    sse_parser_reset(&recorder.parser);
    assert_int_equal(sse_shared_held_bytes(recorder.shared), 0);
    (void)feed_text(&recorder, "\xef\xbb\xbf"
                               "data: b\n\n");
    assert_string_equal(sse_recorder_finish(&recorder, SSE_OK), "[|1+|a][|1|b]$1");
    sse_recorder_fini(&recorder);
}

static void reset_forgets_a_trailing_cr_and_half_a_byte_order_mark(void **state)
{
    struct sse_recorder recorder;

    (void)state;
    sse_recorder_init(&recorder, 100);
    (void)feed_text(&recorder, "data: a\r");
    sse_parser_reset(&recorder.parser);
    (void)feed_text(&recorder, "\xef\xbb");
    sse_parser_reset(&recorder.parser);
    (void)feed_text(&recorder, "\xbf"
                               "data: lost\n\ndata: b\n\n");
    assert_string_equal(sse_recorder_finish(&recorder, SSE_OK), "<\\xbfdata: lost>[||b]");
    sse_recorder_fini(&recorder);
}

static void reset_revives_a_parser_that_was_too_large(void **state)
{
    struct sse_recorder recorder;

    (void)state;
    sse_recorder_init(&recorder, 16);
    assert_int_equal(feed_text(&recorder, "data: 12345678901"), SSE_TOO_LARGE);
    assert_int_equal(feed_text(&recorder, "\n\ndata: a\n\n"), SSE_TOO_LARGE);
    assert_int_equal(sse_shared_held_bytes(recorder.shared), 0);
    sse_parser_reset(&recorder.parser);
    assert_int_equal(feed_text(&recorder, "data: b\n\n"), SSE_OK);
    assert_string_equal(sse_recorder_finish(&recorder, SSE_OK), "<data: 12345678901>[||b]");
    sse_recorder_fini(&recorder);
}

static void a_new_stream_may_hold_an_unknown_field_again(void **state)
{
    struct sse_recorder recorder;

    (void)state;
    sse_recorder_init(&recorder, 100);
    (void)feed_text(&recorder, "x: 1\ny: 2\n");
    sse_parser_reset(&recorder.parser);
    (void)feed_text(&recorder, "x: 3\ny: 4\n\nz\ndata: b\n\n");
    assert_string_equal(sse_recorder_finish(&recorder, SSE_OK), "<x: 1><x: 3><z>[||b]");
    sse_recorder_fini(&recorder);
}

static void only_the_start_of_a_line_over_the_limit_is_told(void **state)
{
    enum { LIMIT_BYTES = 4 * SSE_FAULT_TEXT_BYTES };
    struct sse_recorder recorder;
    char line[2 * LIMIT_BYTES];

    (void)state;
    memset(line, 'x', sizeof line);
    for (size_t first = 1; first < LIMIT_BYTES; first *= 3) {
        sse_recorder_init(&recorder, LIMIT_BYTES);
        (void)sse_recorder_feed(&recorder, (const uint8_t *)line, first);
        assert_int_equal(sse_recorder_feed(&recorder, (const uint8_t *)line, LIMIT_BYTES),
                         SSE_TOO_LARGE);
        assert_int_equal(strlen(sse_recorder_finish(&recorder, SSE_TOO_LARGE)),
                         strlen("<>!") + SSE_FAULT_TEXT_BYTES);
        sse_recorder_fini(&recorder);
    }
}

static void a_handler_can_stop_the_parser(void **state)
{
    static const char input[] = "data: a\n\ndata: b\ndata: b\n\ndata: c\n\n: d\n";

    (void)state;
    for (size_t slice = 1; slice < sizeof input; slice++) {
        enum sse_status status = SSE_OK;
        struct sse_recorder recorder;

        sse_recorder_init(&recorder, 100);
        recorder.stop_after = 2;
        for (size_t at = 0; at < sizeof input - 1; at += slice)
            status =
                sse_recorder_feed(&recorder, (const uint8_t *)input + at,
                                  slice < sizeof input - 1 - at ? slice : sizeof input - 1 - at);
        assert_int_equal(status, SSE_STOPPED);
        assert_int_equal(sse_shared_held_bytes(recorder.shared), 0);
        assert_string_equal(sse_recorder_finish(&recorder, status), "[||a][||b\\nb]");
        sse_parser_reset(&recorder.parser);
        assert_int_equal(feed_text(&recorder, "data: e\n\n"), SSE_OK);
        sse_recorder_fini(&recorder);
    }
}

static void ignore_event(struct sse_parser *parser, const struct sse_event *event, uint64_t now_ns)
{
    (void)parser;
    (void)event;
    (void)now_ns;
}

static void comments_retries_and_faults_need_no_handler(void **state)
{
    static const struct sse_handlers handlers = {.on_event = ignore_event};
    static const char input[] = ": hi\nretry: 5\nx\ndata: a\n\n";
    struct sse_shared *shared = sse_shared_new(&handlers, 100);
    struct sse_parser parser;

    (void)state;
    sse_parser_init(&parser, shared);
    assert_int_equal(sse_parser_feed(&parser, (const uint8_t *)input, sizeof input - 1, 0), SSE_OK);
    sse_parser_fini(&parser);
    sse_shared_free(shared);
}

static void stop_in_comment(struct sse_parser *parser, const uint8_t *text, size_t len,
                            uint64_t now_ns)
{
    (void)text;
    (void)len;
    assert_int_equal(now_ns, 42);
    sse_parser_stop(parser);
}

static void stop_in_retry(struct sse_parser *parser, uint32_t retry_ms, uint64_t now_ns)
{
    assert_int_equal(retry_ms, 5);
    stop_in_comment(parser, NULL, 0, now_ns);
}

static void the_other_handlers_can_stop_it_too(void **state)
{
    static const struct sse_handlers handlers = {
        .on_event = ignore_event, .on_comment = stop_in_comment, .on_retry = stop_in_retry};
    static const char *const inputs[] = {": hi\n", "data: a\n:hi\n", "retry: 5\n"};
    struct sse_shared *shared = sse_shared_new(&handlers, 100);

    (void)state;
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        const uint8_t *bytes = (const uint8_t *)inputs[i];
        size_t len = strlen(inputs[i]);

        for (size_t cut = 0; cut < len; cut++) {
            struct sse_parser parser;

            sse_parser_init(&parser, shared);
            assert_int_equal(sse_parser_feed(&parser, bytes, cut, 42), SSE_OK);
            assert_int_equal(sse_parser_feed(&parser, bytes + cut, len - cut, 42), SSE_STOPPED);
            assert_int_equal(sse_shared_held_bytes(shared), 0);
            sse_parser_fini(&parser);
        }
    }
    sse_shared_free(shared);
}

static unsigned told_count;

static void note_id(struct sse_parser *parser, const uint8_t *id, size_t len, uint64_t now_ns)
{
    static const char expected[] = "7";

    (void)parser;
    assert_int_equal(now_ns, 42);
    told_count++;
    if (told_count == 1) {
        assert_int_equal(len, 1);
        assert_memory_equal(id, expected, 1);
    } else {
        assert_int_equal(len, 0);
    }
}

static void an_id_without_an_event_is_told(void **state)
{
    static const struct sse_handlers handlers = {.on_event = ignore_event, .on_id = note_id};
    static const char input[] = "id: 5\ndata: a\n\nid: 7\nevent: x\n\n:hi\n\nid\n\n";
    struct sse_shared *shared = sse_shared_new(&handlers, 100);

    (void)state;
    for (size_t cut = 0; cut < sizeof input - 1; cut++) {
        struct sse_parser parser;

        told_count = 0;
        sse_parser_init(&parser, shared);
        (void)sse_parser_feed(&parser, (const uint8_t *)input, cut, 42);
        (void)sse_parser_feed(&parser, (const uint8_t *)input + cut, sizeof input - 1 - cut, 42);
        assert_int_equal(told_count, 2);
        sse_parser_fini(&parser);
    }
    sse_shared_free(shared);
}

static void expect_last_id(const struct sse_parser *parser, const char *expected)
{
    size_t len = 99;
    const char *id = sse_parser_last_id(parser, &len);

    assert_int_equal(len, strlen(expected));
    if (len == 0)
        assert_null(id);
    else
        assert_memory_equal(id, expected, len);
}

static void an_id_to_resume_from_can_be_set(void **state)
{
    struct sse_recorder recorder;

    (void)state;
    sse_recorder_init(&recorder, 40);
    expect_last_id(&recorder.parser, "");
    sse_parser_set_last_id(&recorder.parser, "41", 2);
    (void)feed_text(&recorder, "data: a\n\n");
    sse_parser_set_last_id(&recorder.parser,
                           "12345678901234567890\xff"
                           "1234",
                           25);
    expect_last_id(&recorder.parser, "12345678901234567890\xef\xbf\xbd"
                                     "1234");
    sse_parser_set_last_id(&recorder.parser, "a\nb", 3);
    sse_parser_set_last_id(&recorder.parser, "a\rb", 3);
    sse_parser_set_last_id(&recorder.parser, "a\0b", 3);
    sse_parser_set_last_id(&recorder.parser, "12345678901234567890123456789012345678901", 41);
    expect_last_id(&recorder.parser, "12345678901234567890\xef\xbf\xbd"
                                     "1234");
    sse_parser_set_last_id(&recorder.parser, NULL, 0);
    assert_string_equal(sse_recorder_finish(&recorder, SSE_OK), "[|41|a]");
    sse_recorder_fini(&recorder);
}

static void a_stream_between_blocks_holds_nothing(void **state)
{
    struct sse_recorder recorder;

    (void)state;
    sse_recorder_init(&recorder, 100000);
    (void)feed_text(&recorder, "event: x\ndata: a\n\n: hi\n:\nretry: 1\nunknown\n");
    assert_int_equal(sse_shared_held_bytes(recorder.shared), 0);
    (void)feed_text(&recorder, ": half a comment");
    assert_in_range(sse_shared_held_bytes(recorder.shared), 16, 128);
    (void)feed_text(&recorder, "\n");
    assert_int_equal(sse_shared_held_bytes(recorder.shared), 0);
    (void)feed_text(&recorder, "data: a\n");
    assert_in_range(sse_shared_held_bytes(recorder.shared), 8, 128);
    for (int i = 0; i < 1000; i++)
        (void)feed_text(&recorder, ": a heartbeat inside a block\nunknown: line\n");
    assert_in_range(sse_shared_held_bytes(recorder.shared), 8, 128);
    (void)feed_text(&recorder, "\n");
    assert_int_equal(sse_shared_held_bytes(recorder.shared), 0);
    sse_recorder_fini(&recorder);
}

/* Feeds one data line of `len` bytes, byte by byte, and looks at what is held on the way. */
static void feed_long_line(struct sse_recorder *recorder, size_t len)
{
    (void)feed_text(recorder, "data:");
    for (size_t i = 0; i < len; i++) {
        (void)sse_parser_feed(&recorder->parser, (const uint8_t *)"x", 1, 0);
        assert_true(sse_shared_held_bytes(recorder->shared) <= 4 * (i + 6) + 128);
    }
}

static void what_is_held_is_in_proportion_to_the_block(void **state)
{
    static const size_t sizes[] = {1, 90, 100, 500, 2000, 8000, 9000, 70000};
    struct sse_recorder recorder;

    (void)state;
    sse_recorder_init(&recorder, 100000);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        feed_long_line(&recorder, sizes[i]);
        assert_true(sse_shared_held_bytes(recorder.shared) >= sizes[i]);
        (void)feed_text(&recorder, "\n");
        (void)feed_text(&recorder, "\n");
        assert_int_equal(sse_shared_held_bytes(recorder.shared), 0);
        assert_int_equal(recorder.event_count, i + 1);
    }
    sse_recorder_fini(&recorder);
}

static void parsers_of_one_worker_do_not_mix(void **state)
{
    static const char input[] = "id: 7\nevent: tick\ndata: one\ndata: two\n\n";
    struct sse_recorder first, second;

    (void)state;
    sse_recorder_init(&first, 100);
    sse_recorder_init(&second, 100);
    sse_parser_fini(&second.parser);
    sse_parser_init(&second.parser, first.shared);
    for (size_t i = 0; i < sizeof input - 1; i++) {
        (void)sse_recorder_feed(&first, (const uint8_t *)input + i, 1);
        (void)sse_recorder_feed(&second, (const uint8_t *)input + i, 1);
    }
    assert_string_equal(sse_recorder_finish(&first, SSE_OK), "[tick|7+|one\\ntwo]$7");
    assert_string_equal(sse_recorder_finish(&second, SSE_OK), "[tick|7+|one\\ntwo]$7");
    sse_parser_fini(&second.parser);
    sse_parser_init(&second.parser, second.shared);
    sse_recorder_fini(&second);
    sse_recorder_fini(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_holds_when_fed_whole),
        cmocka_unit_test(every_case_holds_in_slices_of_any_size),
        cmocka_unit_test(every_case_holds_when_cut_at_random),
        cmocka_unit_test(the_reference_agrees_on_every_case_without_a_limit),
        cmocka_unit_test(all_cases_in_one_stream_agree_with_the_reference),
        cmocka_unit_test(an_event_is_out_with_the_last_byte_of_its_blank_line),
        cmocka_unit_test(an_empty_slice_changes_nothing),
        cmocka_unit_test(reset_drops_the_unfinished_block_and_keeps_the_last_id),
        cmocka_unit_test(reset_forgets_a_trailing_cr_and_half_a_byte_order_mark),
        cmocka_unit_test(reset_revives_a_parser_that_was_too_large),
        cmocka_unit_test(a_new_stream_may_hold_an_unknown_field_again),
        cmocka_unit_test(only_the_start_of_a_line_over_the_limit_is_told),
        cmocka_unit_test(a_handler_can_stop_the_parser),
        cmocka_unit_test(comments_retries_and_faults_need_no_handler),
        cmocka_unit_test(the_other_handlers_can_stop_it_too),
        cmocka_unit_test(an_id_without_an_event_is_told),
        cmocka_unit_test(an_id_to_resume_from_can_be_set),
        cmocka_unit_test(a_stream_between_blocks_holds_nothing),
        cmocka_unit_test(what_is_held_is_in_proportion_to_the_block),
        cmocka_unit_test(parsers_of_one_worker_do_not_mix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

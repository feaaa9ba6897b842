#include "sse_transcript.h"

#include "sse/encoder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_bytes(struct buf *out, const char *expected)
{
    assert_string_equal(buf_text(out), expected);
    buf_clear(out);
}

static void blocks_have_one_form(void **state)
{
    struct buf out = {0};

    (void)state;
    assert_int_equal(sse_encode_event(&out, "7", "tick", "a", 1), 0);
    expect_bytes(&out, "id: 7\nevent: tick\ndata: a\n\n");
    assert_int_equal(sse_encode_event(&out, NULL, NULL, "", 0), 0);
    expect_bytes(&out, "data: \n\n");
    assert_int_equal(sse_encode_event(&out, "", NULL, "a\nb\r\nc\rd\n", 9), 0);
    expect_bytes(&out, "id: \ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
    assert_int_equal(sse_encode_comment(&out, "hi"), 0);
    expect_bytes(&out, ": hi\n\n");
    assert_int_equal(sse_encode_retry(&out, 4294967295u), 0);
    expect_bytes(&out, "retry: 4294967295\n\n");
    buf_fini(&out);
}

static void what_was_encoded_is_what_is_parsed(void **state)
{
    struct buf out = {0};

    (void)state;
    (void)sse_encode_retry(&out, 1500);
    (void)sse_encode_event(&out, "1", "tick", " two\n\n lines", 12);
    (void)sse_encode_comment(&out, " beat");
    (void)sse_encode_event(&out, NULL, NULL, "\0\xff:", 3);
    (void)sse_encode_event(&out, "", " x", "", 0);
    for (size_t slice = 1; slice <= out.len; slice++) {
        char *got = sse_transcript_sliced(out.bytes, out.len, SSE_LIMIT_DEFAULT_BYTES, slice);

        assert_string_equal(got, "@1500[tick|1+| two\\n\\n lines]{ beat}[|1|\\x00\\xff:][ x|+|]");
        free(got);
    }
    buf_fini(&out);
}

static void a_block_that_does_not_fit_leaves_nothing(void **state)
{
    struct buf out;

    (void)state;
    for (size_t limit = 3; limit < 3 + 27; limit++) {
        buf_init(&out, limit);
        (void)buf_append(&out, "abc", 3);
        assert_int_equal(sse_encode_event(&out, "7", "tick", "a\nb", 3), -1);
        assert_string_equal(buf_text(&out), "abc");
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_have_one_form),
        cmocka_unit_test(what_was_encoded_is_what_is_parsed),
        cmocka_unit_test(a_block_that_does_not_fit_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

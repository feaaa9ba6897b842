#include "script/lines.h"

#include "base/rng.h"
#include "lines_transcript.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct line_case {
    enum lines_kind kind;
    const char *bytes, *lines;
};

/* What Python 3.11 answers: bytes.splitlines, or str.splitlines of the decoded text. */
static const struct line_case cases[] = {
    {LINES_BYTES, "", ""},
    {LINES_BYTES, "a", "[a]"},
    {LINES_BYTES, "a\n", "[a]"},
    {LINES_BYTES, "a\nb", "[a][b]"},
    {LINES_BYTES, "\n\n", "[][]"},
    {LINES_BYTES, "a\r\nb\rc\n\rd", "[a][b][c][][d]"},
    {LINES_BYTES, "a\r\r\n\n", "[a][][]"},
    {LINES_BYTES,
     "a\vb\fc\x1c"
     "d\x85"
     "e\n",
     "[a\vb\fc\x1c"
     "d\x85"
     "e]"},
    {LINES_UTF_8,
     "a\vb\fc\x1c"
     "d\x1d"
     "e\x1e"
     "f\x1fg",
     "[a][b][c][d][e][f\x1fg]"},
    {LINES_UTF_8,
     "a\xc2\x85"
     "b\xe2\x80\xa8"
     "c\xe2\x80\xa9"
     "d",
     "[a][b][c][d]"},
    {LINES_UTF_8, "\xc3\x85ngstr\xc3\xb6m\n", "[\xc3\x85ngstr\xc3\xb6m]"},
    {LINES_UTF_8,
     "a\xe2\x80\xa7"
     "b\xc2\x84"
     "c\n",
     "[a\xe2\x80\xa7"
     "b\xc2\x84"
     "c]"},
    {LINES_UTF_8, "a\xc2", "[a\xc2]"},
    {LINES_UTF_8, "a\xe2\x80", "[a\xe2\x80]"},
    {LINES_UTF_8, "data: 1\r\n\r\ndata: 2\r\n\r\n", "[data: 1][][data: 2][]"},
    {LINES_LATIN_1,
     "a\x85"
     "b\xc2\x85"
     "c\n",
     "[a][b\xc2][c]"},
};

static void lines_are_those_of_splitlines_however_they_come(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint8_t *bytes = (const uint8_t *)cases[i].bytes;
        size_t len = strlen(cases[i].bytes);
        struct rng rng;
        char *whole = lines_transcript(cases[i].kind, bytes, len, NULL, 0);
        char *bytewise = lines_transcript(cases[i].kind, bytes, len, NULL, 1);
        char *cut;

        rng_init(&rng, i);
        cut = lines_transcript(cases[i].kind, bytes, len, &rng, 0);
        assert_string_equal(whole, cases[i].lines);
        assert_string_equal(bytewise, cases[i].lines);
        assert_string_equal(cut, cases[i].lines);
        free(whole);
        free(bytewise);
        free(cut);
    }
}

/* A line is given as soon as its CR has come; the LF behind it belongs to it. */
static void a_cut_crlf_ends_one_line(void **state)
{
    struct lines lines = {.kind = LINES_UTF_8};
    struct lines_found found;

    (void)state;
    assert_true(lines_next(&lines, (const uint8_t *)"a\r", 2, &found));
    assert_int_equal(found.used, 2);
    assert_false(lines_next(&lines, (const uint8_t *)"\n", 1, &found));
    assert_true(lines_next(&lines, (const uint8_t *)"\nb\n", 3, &found));
    assert_int_equal(found.skip, 1);
    assert_int_equal(found.len, 1);
    assert_int_equal(found.used, 3);
    assert_false(lines_last(&lines, NULL, 0, &found));
}

/* What was looked at is not looked at again: a long line costs no more than its bytes. */
static void a_line_that_grows_is_scanned_once(void **state)
{
    struct lines lines = {.kind = LINES_BYTES};
    struct lines_found found;
    uint8_t bytes[64];

    (void)state;
    (void)memset(bytes, 'a', sizeof bytes);
    for (size_t len = 1; len < sizeof bytes; len++) {
        assert_false(lines_next(&lines, bytes, len, &found));
        assert_int_equal(lines.looked_at, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_those_of_splitlines_however_they_come),
        cmocka_unit_test(a_cut_crlf_ends_one_line),
        cmocka_unit_test(a_line_that_grows_is_scanned_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "http/challenge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One line a part: "scheme", " token68", " name=value" with escapes undone, "BAD". */
static void transcribe(const char *text, size_t len, struct buf *out)
{
    struct challenge_reader reader;
    struct challenge_item item;
    enum challenge_part part;

    challenge_reader_init(&reader, text, len);
    do {
        part = challenge_next(&reader, &item);
        if (part == CHALLENGE_BAD)
            (void)buf_append_text(out, "BAD");
        else if (part == CHALLENGE_TOKEN68 || part == CHALLENGE_PARAM)
            (void)buf_append_text(out, " ");
        (void)buf_append(out, item.name, item.name_bytes);
        if (part == CHALLENGE_PARAM)
            (void)buf_append_text(out, "=");
        (void)challenge_append_value(&item, out);
        (void)buf_append_text(out, part == CHALLENGE_END ? "" : "\n");
    } while (part != CHALLENGE_END && part != CHALLENGE_BAD);
    assert_int_equal(challenge_next(&reader, &item), part);
}

/* A copy without a byte to spare, so that reading past its end is noticed. */
static void check(const char *text, size_t len, const char *expected)
{
    char *copy = malloc(len > 0 ? len : 1);
    struct buf out = {0};

    assert_non_null(copy);
    (void)memcpy(copy, text, len);
    transcribe(copy, len, &out);
    assert_string_equal(buf_text(&out), expected);
    buf_fini(&out);
    free(copy);
}

struct example {
    const char *text, *parts;
};

static void check_all(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(examples[i].text, strlen(examples[i].text), examples[i].parts);
}

static void challenges_are_told_from_parameters(void **state)
{
    static const struct example examples[] = {
        {"", ""},
        {"Basic", "Basic\n"},
        {"Basic realm=\"x\"", "Basic\n realm=x\n"},
        {"Basic  \t realm=x", "Basic\n realm=x\n"},
        {"Digest realm=\"a, b\", nonce=\"c=\\\"d\\\"\", qop=\"auth,auth-int\"",
         "Digest\n realm=a, b\n nonce=c=\"d\"\n qop=auth,auth-int\n"},
        {"Basic realm=\"x\", Digest nonce=\"y\"", "Basic\n realm=x\nDigest\n nonce=y\n"},
        {"Negotiate, NTLM, Basic realm=\"x\"", "Negotiate\nNTLM\nBasic\n realm=x\n"},
        {"Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic realm=\"simple\"",
         "Newauth\n realm=apps\n type=1\n title=Login to \"apps\"\nBasic\n realm=simple\n"},
        {"Basic realm=\"Digest nonce=1\"", "Basic\n realm=Digest nonce=1\n"},
    };

    (void)state;
    check_all(examples, sizeof examples / sizeof examples[0]);
}

static void token68_is_told_from_a_parameter(void **state)
{
    static const struct example examples[] = {
        {"Negotiate YII+/-._~==", "Negotiate\n YII+/-._~==\n"},
        {"Negotiate YII= , Basic realm=x", "Negotiate\n YII=\nBasic\n realm=x\n"},
        {"Negotiate YII", "Negotiate\n YII\n"},
        {"Negotiate realm=", "Negotiate\n realm=\n"},
        {"Basic a==b", "Basic\n a==b\n"},
        {"Basic realm=x", "Basic\n realm=x\n"},
        {"Basic realm =\tx", "Basic\n realm=x\n"},
        {"NTLM Basic realm=x", "NTLM\nBasic\n realm=x\n"},
    };

    (void)state;
    check_all(examples, sizeof examples / sizeof examples[0]);
}

static void sloppy_separators_are_taken(void **state)
{
    static const struct example examples[] = {
        {" , ,Basic,,realm=x,, nonce = \"y\" ,", "Basic\n realm=x\n nonce=y\n"},
        {",", ""},
        {"Digest realm=\"x\" nonce=\"y\"", "Digest\n realm=x\n nonce=y\n"},
        {"Digest realm=x nonce=y", "Digest\n realm=x\n nonce=y\n"},
        {"Digest nonce=ab+/==,realm=[x]", "Digest\n nonce=ab+/==\n realm=[x]\n"},
        {"Digest a=b, nonce=, realm=x", "Digest\n a=b\n nonce=\n realm=x\n"},
        {"Digest nonce=\"\"", "Digest\n nonce=\n"},
        {"Digest realm=\"\xc3\xa4\tb\"", "Digest\n realm=\xc3\xa4\tb\n"},
    };

    (void)state;
    check_all(examples, sizeof examples / sizeof examples[0]);
}

static void broken_values_are_bad_from_there_on(void **state)
{
    static const struct example examples[] = {
        {"realm=\"x\", Basic", "BAD\n"},
        {"=", "BAD\n"},
        {"\"Basic\"", "BAD\n"},
        {"Basic \"x\"", "Basic\nBAD\n"},
        {"Basic realm=\"x", "Basic\nBAD\n"},
        {"Basic realm=\"", "Basic\nBAD\n"},
        {"Basic realm=\"x\\", "Basic\nBAD\n"},
        {"Basic realm=\"x\\\"", "Basic\nBAD\n"},
        {"Basic realm=\"my \"own\" realm\"", "Basic\nBAD\n"},
        {"Basic realm=\"x\"nonce=\"y\"", "Basic\nBAD\n"},
        {"Basic realm=x\"y\"", "Basic\nBAD\n"},
        {"Basic realm=x\\y", "Basic\nBAD\n"},
        {"Basic realm=\"x\", =y", "Basic\n realm=x\nBAD\n"},
        {"Basic realm=\"x\"; Digest nonce=y", "Basic\nBAD\n"},
        {"Basic realm=\"x\" ; Digest nonce=y", "Basic\n realm=x\nBAD\n"},
        {"Basic {realm}", "Basic\nBAD\n"},
    };

    (void)state;
    check_all(examples, sizeof examples / sizeof examples[0]);
}

static void control_characters_make_the_whole_value_bad(void **state)
{
    (void)state;
    check("Basic realm=\"a\r\nb\"", 18, "BAD\n");
    check("Basic realm=\"a\nb\"", 17, "BAD\n");
    check("Basic realm=\"a\0b\"", 17, "BAD\n");
    check("Basic realm=\"a\\\0\"", 17, "BAD\n");
    check("Basic realm=\"a\x7f\"", 16, "BAD\n");
    check("\0", 1, "BAD\n");
}

static void a_value_above_the_limit_is_bad(void **state)
{
    enum { FRONT_BYTES = sizeof "Negotiate " - 1 };
    char *text = malloc(CHALLENGE_FIELD_LIMIT_BYTES + 1);
    struct buf out = {0};

    (void)state;
    assert_non_null(text);
    (void)memset(text, 'x', CHALLENGE_FIELD_LIMIT_BYTES + 1);
    (void)memcpy(text, "Negotiate ", FRONT_BYTES);
    transcribe(text, CHALLENGE_FIELD_LIMIT_BYTES, &out);
    assert_int_equal(out.len, CHALLENGE_FIELD_LIMIT_BYTES + sizeof "\n\n" - 1);
    check(text, CHALLENGE_FIELD_LIMIT_BYTES + 1, "BAD\n");
    buf_fini(&out);
    free(text);
}

/* Wherever it is cut, what is reported in front of the cut's part stays the same. */
static void a_value_cut_anywhere_begins_with_the_same_parts(void **state)
{
    static const char text[] =
        "Negotiate YII=, Digest realm=\"a\\\"b, c\", nonce = x ,Basic realm=y";
    struct buf whole = {0}, cut = {0};

    (void)state;
    transcribe(text, sizeof text - 1, &whole);
    for (size_t len = 0; len < sizeof text; len++) {
        size_t same;
        char *copy = malloc(len > 0 ? len : 1);

        assert_non_null(copy);
        (void)memcpy(copy, text, len);
        buf_clear(&cut);
        transcribe(copy, len, &cut);
        (void)buf_text(&cut);
        for (same = 0; same < cut.len && cut.bytes[same] == whole.bytes[same];)
            same++;
        /* No more than one line differs. */
        assert_true(same == cut.len || !memchr(cut.bytes + same, '\n', cut.len - same - 1));
        free(copy);
    }
    assert_int_equal(cut.len, whole.len);
    buf_fini(&whole);
    buf_fini(&cut);
}

static void values_are_compared_in_any_case_without_their_escapes(void **state)
{
    static const struct {
        const char *raw, *value;
        bool is_it;
    } cases[] = {
        {"true", "true", true},
        {"TRUE", "true", true},
        {"tr\\u\\e", "true", true},
        {"tru", "true", false},
        {"truer", "true", false},
        {"", "true", false},
        {"", "", true},
        {"\\\\", "\\", true},
        {"tr\\\\ue", "true", false},
        {"MD5-SESS", "md5-sess", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct challenge_item item = {.name = "Stale", .name_bytes = 5, .value = cases[i].raw};

        item.value_bytes = strlen(cases[i].raw);
        assert_int_equal(challenge_value_is(&item, cases[i].value), cases[i].is_it);
        assert_true(challenge_name_is(&item, "sTALE"));
        assert_false(challenge_name_is(&item, "stal"));
        assert_false(challenge_name_is(&item, "stale2"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(challenges_are_told_from_parameters),
        cmocka_unit_test(token68_is_told_from_a_parameter),
        cmocka_unit_test(sloppy_separators_are_taken),
        cmocka_unit_test(broken_values_are_bad_from_there_on),
        cmocka_unit_test(control_characters_make_the_whole_value_bad),
        cmocka_unit_test(a_value_above_the_limit_is_bad),
        cmocka_unit_test(a_value_cut_anywhere_begins_with_the_same_parts),
        cmocka_unit_test(values_are_compared_in_any_case_without_their_escapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

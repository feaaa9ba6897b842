#include "base/json_read.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct json_document *read_text(const char *text)
{
    struct err err = {0};
    struct json_document *document = json_read(text, strlen(text), &err);

    if (!document)
        fail_msg("'%s': %s", text, err.text);
    return document;
}

static void values_of_every_kind_are_read(void **state)
{
    static const struct {
        const char *text;
        enum json_kind kind;
    } cases[] = {
        {"null", JSON_KIND_NULL},    {" true ", JSON_KIND_BOOL},     {"-12", JSON_KIND_NUMBER},
        {"1.5e3", JSON_KIND_NUMBER}, {"\"x\"", JSON_KIND_TEXT},      {"[]", JSON_KIND_ARRAY},
        {"{}", JSON_KIND_OBJECT},    {"[1,[2]]\n", JSON_KIND_ARRAY},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json_document *document = read_text(cases[i].text);

        assert_int_equal(json_value_kind(json_find(document, "")), cases[i].kind);
        json_document_free(document);
    }
    assert_int_equal(json_value_kind(NULL), JSON_KIND_NONE);
    json_document_free(NULL);
}

static void what_is_no_json_is_refused(void **state)
{
    static const char *const cases[] = {
        "",         " ",
        "{",        "{]",
        "[1,]",     "{\"a\":1,}",
        "{a:1}",    "'x'",
        "[1 2]",    "01",
        "+1",       ".5",
        "1.",       "nul",
        "NaN",      "[1] 2",
        "\"\x01\"", "\"\xff\"",
        "\"\\x\"",  "\"\\ud800\"",
        "// c\n1",  "\xef\xbb\xbf{}",
        "1e999",    "99999999999999999999",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};

        if (json_read(cases[i], strlen(cases[i]), &err))
            fail_msg("'%s' was taken", cases[i]);
        assert_int_equal(err.kind, ERR_USAGE);
        assert_non_null(strstr(err.text, "column"));
    }
}

static void soundness_is_that_of_the_reader_but_for_long_numbers(void **state)
{
    static const char *const sound[] = {"{\"a\":[1,null]}", " 1 ", "\"\\u0000\"",
                                        "99999999999999999999", "-123456789012345678901234567890"};
    static const char *const unsound[] = {"", " ", "[1,]", "01", "\"\xff\"", "nul", "1 2", "1e999"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(sound); i++)
        assert_true(json_is_sound(sound[i], strlen(sound[i])));
    for (size_t i = 0; i < COUNT_OF(unsound); i++)
        assert_false(json_is_sound(unsound[i], strlen(unsound[i])));
    assert_false(json_is_sound(NULL, 0));
}

static void depth_is_limited(void **state)
{
    static char deep[2 * JSON_READ_DEPTH_LIMIT + 2];
    struct err err = {0};

    (void)state;
    (void)memset(deep, '[', JSON_READ_DEPTH_LIMIT + 1);
    (void)memset(deep + JSON_READ_DEPTH_LIMIT + 1, ']', JSON_READ_DEPTH_LIMIT + 1);
    assert_null(json_read(deep, sizeof deep, &err));
}

/* RFC 6901, section 5. */
static void pointers_find_what_the_rfc_shows(void **state)
{
    static const struct {
        const char *pointer;
        int64_t value;
    } cases[] = {
        {"/", 0},     {"/a~1b", 1}, {"/c%d", 2}, {"/e^f", 3},  {"/g|h", 4},
        {"/i\\j", 5}, {"/k\"l", 6}, {"/ ", 7},   {"/m~0n", 8},
    };
    struct json_document *document =
        read_text("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,"
                  "\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}");

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t value = -1;

        assert_true(json_value_whole(json_find(document, cases[i].pointer), &value));
        assert_int_equal(value, cases[i].value);
    }
    assert_string_equal(json_value_text(json_find(document, "/foo/0"), NULL), "bar");
    assert_int_equal(json_value_count(json_find(document, "/foo")), 2);
    assert_int_equal(json_value_count(json_find(document, "")), 10);
    json_document_free(document);
}

static void pointers_that_lead_nowhere_find_nothing(void **state)
{
    static const char *const cases[] = {
        "/b",    "/a/2", "/a/-", "/a/01", "/a/x",           "/a/", "/a/0/x", "/a/+1",
        "/a~2b", "/a~",  "a",    "/t/0",  "/a/99999999999",
    };
    struct json_document *document = read_text("{\"a\":[1,2],\"t\":\"text\"}");

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_null(json_find(document, cases[i]));
    json_document_free(document);
}

static void pointers_are_checked_before_use(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(json_check_pointer("", &err), 0);
    assert_int_equal(json_check_pointer("/a/~0~1/0", &err), 0);
    assert_int_equal(json_check_pointer("a", &err), -1);
    assert_non_null(strstr(err.text, "'a'"));
    assert_int_equal(json_check_pointer("/a~", &err), -1);
    assert_int_equal(json_check_pointer("/a~2", &err), -1);
}

static void values_keep_their_kind(void **state)
{
    struct json_document *document =
        read_text("{\"t\":\"a\\u0000b\",\"i\":-9223372036854775808,\"r\":2.5,\"y\":true}");
    const struct json_value *root = json_find(document, "");
    double number = 0;
    int64_t whole = 0;
    bool yes = false;
    size_t len = 0;

    (void)state;
    assert_memory_equal(json_value_text(json_value_find(root, "/t"), &len), "a\0b", 4);
    assert_int_equal(len, 3);
    assert_true(json_value_whole(json_value_find(root, "/i"), &whole));
    assert_true(whole == INT64_MIN);
    assert_true(json_value_number(json_value_find(root, "/r"), &number));
    assert_true(fabs(number - 2.5) < 1e-9);
    assert_false(json_value_whole(json_value_find(root, "/r"), &whole));
    assert_true(json_value_bool(json_value_find(root, "/y"), &yes));
    assert_true(yes);
    assert_null(json_value_text(json_value_find(root, "/i"), &len));
    assert_false(json_value_number(json_value_find(root, "/t"), &number));
    assert_false(json_value_bool(NULL, &yes));
    json_document_free(document);
}

/* Counts the members up to one called "stop". */
static int on_member(void *ctx, const char *name, const struct json_value *value)
{
    int *count = ctx;

    assert_true(json_value_kind(value) == JSON_KIND_NUMBER);
    (*count)++;
    return strcmp(name, "stop") == 0 ? 7 : 0;
}

static void members_are_walked_until_one_says_stop(void **state)
{
    static const struct {
        const char *text;
        int result, least, most;
    } table[] = {
        {"{\"a\":1,\"b\":2}", 0, 2, 2},
        {"{\"a\":1,\"stop\":2,\"b\":3}", 7, 1, 3},
        {"{}", 0, 0, 0},
        {"[1,2]", 0, 0, 0},
        {"1", 0, 0, 0},
    };
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct json_document *document = json_read(table[i].text, strlen(table[i].text), &err);
        int count = 0;

        assert_int_equal(json_value_each(json_find(document, ""), on_member, &count),
                         table[i].result);
        assert_in_range(count, table[i].least, table[i].most);
        json_document_free(document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_kind_are_read),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(soundness_is_that_of_the_reader_but_for_long_numbers),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(pointers_find_what_the_rfc_shows),
        cmocka_unit_test(pointers_that_lead_nowhere_find_nothing),
        cmocka_unit_test(pointers_are_checked_before_use),
        cmocka_unit_test(values_keep_their_kind),
        cmocka_unit_test(members_are_walked_until_one_says_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/json_pointer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* "KIND TEXT" of what `pointer` finds, "-" for nothing. */
static const char *peek(const char *json, const char *pointer)
{
    static const char kinds[] = "-zbntao"; /* as enum json_kind has them */
    static char answer[256];
    struct err err = {0};
    struct json_pointer *compiled = json_pointer_new(pointer, &err);
    struct json_peek value = {0};

    assert_non_null(compiled);
    if (json_peek((const uint8_t *)json, strlen(json), compiled, &value))
        (void)snprintf(answer, sizeof answer, "%c %.*s", kinds[value.kind], (int)value.len,
                       (const char *)value.bytes);
    else
        (void)snprintf(answer, sizeof answer, "-");
    json_pointer_free(compiled);
    return answer;
}

static void values_are_compared_as_texts_or_as_written(void **state)
{
    static const struct {
        const char *json, *text;
        bool is_equal;
    } cases[] = {
        {"\"a\"", "a", true},       {"\"a\"", "b", false},   {"\"a\"", "\"a\"", false},
        {"\"\\u0061\"", "a", true}, {"\"\\q\"", "q", false}, {"\"\"", "", true},
        {"5", "5", true},           {"5.0", "5", false},     {"5", "", false},
        {"true", "true", true},     {"null", "null", true},  {"\"null\"", "null", true},
        {"[1]", "[1]", true},       {"\"ab\"", "a", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        struct json_pointer *root = json_pointer_new("", &err);
        struct json_peek value = {0};

        assert_true(json_peek((const uint8_t *)cases[i].json, strlen(cases[i].json), root, &value));
        assert_int_equal(json_peek_equals(&value, cases[i].text, strlen(cases[i].text)),
                         cases[i].is_equal);
        json_pointer_free(root);
    }
}

static void members_and_elements_are_found(void **state)
{
    static const char json[] =
        " {\"seq\": 17 , \"a\":{\"b\":[1,{\"c\":\"d\"},[ ]], \"\":true},\"x\":null,\"t\":-1.5e3}";

    (void)state;
    assert_string_equal(peek(json, "/seq"), "n 17");
    assert_string_equal(peek(json, "/a/b/0"), "n 1");
    assert_string_equal(peek(json, "/a/b/1/c"), "t d");
    assert_string_equal(peek(json, "/a/b/2"), "a [ ]");
    assert_string_equal(peek(json, "/a/b/1"), "o {\"c\":\"d\"}");
    assert_string_equal(peek(json, "/a/"), "b true");
    assert_string_equal(peek(json, "/x"), "z null");
    assert_string_equal(peek(json, "/t"), "n -1.5e3");
    assert_string_equal(peek("42", ""), "n 42");
    assert_string_equal(peek("\"\"", ""), "t ");
}

static void what_is_not_there_is_not_found(void **state)
{
    static const char json[] = "{\"a\":[1,2],\"b\":3}";

    (void)state;
    assert_string_equal(peek(json, "/c"), "-");
    assert_string_equal(peek(json, "/a/2"), "-");
    assert_string_equal(peek(json, "/a/01"), "-");
    assert_string_equal(peek(json, "/a/-"), "-");
    assert_string_equal(peek(json, "/a/x"), "-");
    assert_string_equal(peek(json, "/b/c"), "-");
    assert_string_equal(peek("[]", "/0"), "-");
    assert_string_equal(peek("", ""), "-");
    assert_string_equal(peek("hello", ""), "-");
}

static void names_with_escapes_are_found(void **state)
{
    (void)state;
    assert_string_equal(peek("{\"a\\/b\":1}", "/a~1b"), "n 1");
    assert_string_equal(peek("{\"a/b\":1}", "/a~1b"), "n 1");
    assert_string_equal(peek("{\"~\":1}", "/~0"), "n 1");
    assert_string_equal(peek("{\"gr\\u00f6\\u00DFe\":1}", "/größe"), "n 1");
    assert_string_equal(peek("{\"\\ud83d\\ude00\":1}", "/😀"), "n 1");
    assert_string_equal(peek("{\"\\u20ac\\t\\\"\":1}", "/€\t\""), "n 1");
    assert_string_equal(peek("{\"\\ud83d\":1,\"b\":2}", "/b"), "n 2");
    assert_string_equal(peek("{\"b\\\\\":1,\"b\":2}", "/b"), "n 2");
}

static void texts_hide_brackets_and_quotes(void **state)
{
    (void)state;
    assert_string_equal(peek("{\"a\":\"}\\\"]{\",\"b\":1}", "/b"), "n 1");
    assert_string_equal(peek("{\"a\":[[\"]\"],{\"b\":\"\\\\\"}],\"b\":1}", "/b"), "n 1");
    assert_string_equal(peek("{\"a\":\"x\\\"y\"}", "/a"), "t x\\\"y");
}

static void the_first_of_two_names_counts(void **state)
{
    (void)state;
    assert_string_equal(peek("{\"a\":1,\"a\":2}", "/a"), "n 1");
}

static void a_text_that_is_cut_is_never_read_past_its_end(void **state)
{
    static const char json[] = "{\"a\\u00e4\":[\"x\\\\\",{\"b\":12}],\"c\":true}";
    struct err err = {0};
    struct json_pointer *pointer = json_pointer_new("/c", &err);

    (void)state;
    for (size_t len = 0; len < strlen(json); len++) {
        char *copy = strndup(json, len);
        struct json_peek value = {0};
        bool is_found = json_peek((const uint8_t *)copy, len, pointer, &value);

        /* Only a word may look whole before it is. */
        assert_true(!is_found || len > strlen(json) - strlen("true}"));
        free(copy);
    }
    json_pointer_free(pointer);
}

static void what_is_no_pointer_is_refused(void **state)
{
    struct err err = {0};

    (void)state;
    assert_null(json_pointer_new("seq", &err));
    assert_string_equal(err.text, "JSON Pointer 'seq' does not start with '/'");
    assert_null(json_pointer_new("/a~2", &err));
}

/* Where no name stands twice, the reader of whole documents finds the same. */
static void it_finds_what_the_reader_of_documents_finds(void **state)
{
    static const char *const documents[] = {
        "{\"a\":{\"b\":[true,false,null,0,\"\"]},\"0\":[[[7]]]}",
        "[[1,2],[3,{\"a\":{\"a\":{\"a\":9}}}]]",
        "\"a\"",
        "{\"a\":[],\"b\":{},\"\":{\"\":1}}",
    };
    static const char *const pointers[] = {
        "",       "/a",   "/a/b",   "/a/b/0", "/a/b/1", "/a/b/2",     "/a/b/3", "/a/b/4", "/a/b/5",
        "/0/0/0", "/0/1", "/1/1/a", "/1/0",   "/b/0",   "/1/1/a/a/a", "//",     "/",      "/00",
    };

    (void)state;
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        struct err err = {0};
        struct json_document *document = json_read(documents[i], strlen(documents[i]), &err);

        assert_non_null(document);
        for (size_t k = 0; k < sizeof pointers / sizeof *pointers; k++) {
            struct json_pointer *pointer = json_pointer_new(pointers[k], &err);
            struct json_peek value = {0};

            (void)json_peek((const uint8_t *)documents[i], strlen(documents[i]), pointer, &value);
            assert_int_equal(value.kind, json_value_kind(json_find(document, pointers[k])));
            json_pointer_free(pointer);
        }
        json_document_free(document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_compared_as_texts_or_as_written),
        cmocka_unit_test(members_and_elements_are_found),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(names_with_escapes_are_found),
        cmocka_unit_test(texts_hide_brackets_and_quotes),
        cmocka_unit_test(the_first_of_two_names_counts),
        cmocka_unit_test(a_text_that_is_cut_is_never_read_past_its_end),
        cmocka_unit_test(what_is_no_pointer_is_refused),
        cmocka_unit_test(it_finds_what_the_reader_of_documents_finds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

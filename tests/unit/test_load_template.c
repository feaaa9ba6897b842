#include "load/template.h"

#include "load/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char feed_text[] = "name,user key\nann,a/b c&\xc3\xa4\nbob~,\"x\ny\"\n";

static struct feed *make_feed(void)
{
    struct err err = {0};
    struct feed *feed = feed_parse(feed_text, sizeof feed_text - 1, &err);

    assert_non_null(feed);
    return feed;
}

static void expect(enum template_mode mode, const struct feed *feed, const char *text, size_t row,
                   const char *expected)
{
    struct err err = {0};
    struct template *template = template_compile(text, strlen(text), mode, feed, &err);
    struct buf out = {0};

    if (!template)
        fail_msg("%s", err.text);
    assert_int_equal(template_expand(template, row, &out), 0);
    assert_string_equal(buf_text(&out), expected);
    buf_fini(&out);
    template_free(template);
}

static void columns_are_filled_in_by_row(void **state)
{
    struct feed *feed = make_feed();

    (void)state;
    expect(TEMPLATE_RAW, feed, "I am {{name}}.", 0, "I am ann.");
    expect(TEMPLATE_RAW, feed, "{{name}}{{ name }}", 1, "bob~bob~");
    expect(TEMPLATE_RAW, feed, "{{user key}}", 1, "x\ny");
    expect(TEMPLATE_RAW, feed, "{{name}}", 4, "ann");
    expect(TEMPLATE_HEADER, feed, "X: {{name}}", 0, "X: ann");
    feed_free(feed);
}

static void text_without_columns_stays_as_it_is(void **state)
{
    (void)state;
    expect(TEMPLATE_RAW, NULL, "", 7, "");
    expect(TEMPLATE_RAW, NULL, "{\"a\":{\"b\":{}}}", 7, "{\"a\":{\"b\":{}}}");
    expect(TEMPLATE_URL, NULL, "/a b?c=%20", 0, "/a b?c=%20");
}

static void values_in_urls_are_percent_encoded(void **state)
{
    struct feed *feed = make_feed();

    (void)state;
    expect(TEMPLATE_URL, feed, "/{{name}}?k={{user key}}", 0, "/ann?k=a%2Fb%20c%26%C3%A4");
    expect(TEMPLATE_URL, feed, "/{{user%20key}}", 1, "/x%0Ay");
    expect(TEMPLATE_URL, feed, "/{{name}}", 1, "/bob~");
    feed_free(feed);
}

static void values_inside_strings_of_json_are_escaped(void **state)
{
    struct feed *feed = make_feed();

    (void)state;
    expect(TEMPLATE_JSON, feed, "{\"a\": \"{{user key}}\"}", 1, "{\"a\": \"x\\ny\"}");
    expect(TEMPLATE_JSON, feed, "[{{user key}}, \"{{name}}{{user key}}\"]", 1,
           "[x\ny, \"bob~x\\ny\"]");
    expect(TEMPLATE_JSON, feed, "[\"\\\"\", {{user key}}]", 1, "[\"\\\"\", x\ny]");
    expect(TEMPLATE_JSON, feed, "[\"\\\\\", \"{{user key}}\"]", 1, "[\"\\\\\", \"x\\ny\"]");
    feed_free(feed);
}

static void json_takes_no_bytes_that_are_not_utf_8(void **state)
{
    static const char text[] = "name\nann\n\xe4rger\n";
    struct err err = {0};
    struct feed *feed = feed_parse(text, sizeof text - 1, &err);

    (void)state;
    assert_null(template_compile("[\"{{name}}\"]", 12, TEMPLATE_JSON, feed, &err));
    assert_string_equal(err.text, "the row on line 3 of the feed has bytes that are not UTF-8 in "
                                  "column 'name', which must not go into JSON");
    feed_free(feed);
}

static void wrong_templates_are_named(void **state)
{
    static const struct {
        enum template_mode mode;
        bool has_feed;
        const char *text, *message;
    } cases[] = {
        {TEMPLATE_RAW, true, "{{nam}}", "no column 'nam'; did you mean 'name'?"},
        {TEMPLATE_RAW, true, "{{tenant}}", "no column 'tenant'"},
        {TEMPLATE_RAW, true, "{{}}", "no column ''"},
        {TEMPLATE_RAW, true, "ab{{name", "'{{' at byte 3 is never closed"},
        {TEMPLATE_RAW, true, "{{name}}{{", "'{{' at byte 9 is never closed"},
        {TEMPLATE_RAW, false, "{{name}}", "'{{name}}' needs a feed"},
        {TEMPLATE_HEADER, true, "X: {{user key}}",
         "the row on line 3 of the feed has a line break"},
        {TEMPLATE_URL, true, "/{{user%2}}", "no column 'user%2'"},
    };
    struct feed *feed = make_feed();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};

        assert_null(template_compile(cases[i].text, strlen(cases[i].text), cases[i].mode,
                                     cases[i].has_feed ? feed : NULL, &err));
        if (!strstr(err.text, cases[i].message))
            fail_msg("%s\nexpected: %s", err.text, cases[i].message);
    }
    feed_free(feed);
}

static void the_limit_of_the_buffer_is_reported(void **state)
{
    struct feed *feed = make_feed();
    struct err err = {0};
    struct template *template = template_compile("/{{user key}}", 13, TEMPLATE_URL, feed, &err);
    struct buf out;

    (void)state;
    buf_init(&out, 8);
    assert_true(template_has_columns(template));
    assert_int_equal(template_expand(template, 0, &out), -1);
    buf_fini(&out);
    template_free(template);
    feed_free(feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_filled_in_by_row),
        cmocka_unit_test(text_without_columns_stays_as_it_is),
        cmocka_unit_test(values_in_urls_are_percent_encoded),
        cmocka_unit_test(values_inside_strings_of_json_are_escaped),
        cmocka_unit_test(json_takes_no_bytes_that_are_not_utf_8),
        cmocka_unit_test(wrong_templates_are_named),
        cmocka_unit_test(the_limit_of_the_buffer_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

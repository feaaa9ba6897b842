#include "http/form_part.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void expect_text(const char *text, const char *got, const char *expected)
{
    if (!got != !expected || (got && strcmp(got, expected) != 0))
        fail_msg("'%s': got '%s' for '%s'", text, got ? got : "(none)",
                 expected ? expected : "(none)");
}

static void parts_are_read_as_curl_reads_them(void **state)
{
    static const struct {
        const char *text;
        enum form_part_kind kind;
        const char *name, *content, *type, *filename;
    } cases[] = {
        {"a=b", FORM_PART_VALUE, "a", "b", NULL, NULL},
        {"a=", FORM_PART_VALUE, "a", "", NULL, NULL},
        {"a=b=c", FORM_PART_VALUE, "a", "b=c", NULL, NULL},
        {"a= b ", FORM_PART_VALUE, "a", "b", NULL, NULL},
        {"a=\" b \"", FORM_PART_VALUE, "a", " b ", NULL, NULL},
        {"a=\"x;y\"", FORM_PART_VALUE, "a", "x;y", NULL, NULL},
        {"a=\"x\\\"y\\\\z\\w\"", FORM_PART_VALUE, "a", "x\"y\\z\\w", NULL, NULL},
        {"a=\"\\\\\"", FORM_PART_VALUE, "a", "\\", NULL, NULL},
        {"a=\"\"", FORM_PART_VALUE, "a", "", NULL, NULL},
        {"a=\"q\" ", FORM_PART_VALUE, "a", "q", NULL, NULL},
        {"a=\"open", FORM_PART_VALUE, "a", "\"open", NULL, NULL},
        {"a=\"open\\\"", FORM_PART_VALUE, "a", "\"open\\\"", NULL, NULL},
        {"a=x\"y", FORM_PART_VALUE, "a", "x\"y", NULL, NULL},
        {"a=b,c", FORM_PART_VALUE, "a", "b,c", NULL, NULL},
        {"a=b\nc", FORM_PART_VALUE, "a", "b\nc", NULL, NULL},
        {"a= @f", FORM_PART_VALUE, "a", "@f", NULL, NULL},
        {"a=\"@f\"", FORM_PART_VALUE, "a", "@f", NULL, NULL},
        {"a=\"(f\"", FORM_PART_VALUE, "a", "(f", NULL, NULL},
        {"a=)", FORM_PART_VALUE, "a", ")", NULL, NULL},
        {" a;\" =b", FORM_PART_VALUE, " a;\" ", "b", NULL, NULL},
        {"a=b;type=c/d", FORM_PART_VALUE, "a", "b", "c/d", NULL},
        {"a=b ; TYPE= c/d ", FORM_PART_VALUE, "a", "b", "c/d", NULL},
        {"a=b;type=c/d; e=f;g", FORM_PART_VALUE, "a", "b", "c/d; e=f;g", NULL},
        {"a=b;type=c/d;type=e", FORM_PART_VALUE, "a", "b", "c/d;type=e", NULL},
        {"a=b;type=c/d;e=\"f;g\" ; filename=h", FORM_PART_VALUE, "a", "b", "c/d;e=\"f;g\"", "h"},
        {"a=b;filename=h;type=c/d;e=f", FORM_PART_VALUE, "a", "b", "c/d;e=f", "h"},
        {"a=b;filename=", FORM_PART_VALUE, "a", "b", NULL, ""},
        {"a=b;FileName= h i ", FORM_PART_VALUE, "a", "b", NULL, "h i"},
        {"a=b;filename=\"h;\\\"i\"", FORM_PART_VALUE, "a", "b", NULL, "h;\"i"},
        {"a=;type=c/d", FORM_PART_VALUE, "a", "", "c/d", NULL},
        {"a=b;type=", FORM_PART_VALUE, "a", "b", "", NULL},
        {"a=@f", FORM_PART_FILE, "a", "f", NULL, NULL},
        {"a=@ f ", FORM_PART_FILE, "a", "f", NULL, NULL},
        {"a=@\"f;g,h\"", FORM_PART_FILE, "a", "f;g,h", NULL, NULL},
        {"a=@@", FORM_PART_FILE, "a", "@", NULL, NULL},
        {"a=@./-", FORM_PART_FILE, "a", "./-", NULL, NULL},
        {"a=@d/f;type=c/d;filename=\"x,y\"", FORM_PART_FILE, "a", "d/f", "c/d", "x,y"},
        {"a=<f", FORM_PART_FILE_CONTENT, "a", "f", NULL, NULL},
        {"a=<f,g", FORM_PART_FILE_CONTENT, "a", "f,g", NULL, NULL},
        {"a=<f;type=c/d,e", FORM_PART_FILE_CONTENT, "a", "f", "c/d,e", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct form_part part;
        struct err err = {0};

        if (form_part_parse(cases[i].text, &part, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.text);
        assert_int_equal(part.kind, cases[i].kind);
        expect_text(cases[i].text, part.name, cases[i].name);
        expect_text(cases[i].text, part.content, cases[i].content);
        expect_text(cases[i].text, part.type, cases[i].type);
        expect_text(cases[i].text, part.filename, cases[i].filename);
        form_part_fini(&part);
    }
}

static void mistakes_get_a_sentence_that_names_the_part(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", "part '' has no '='"},
        {"b", "part 'b' has no '='"},
        {"=b", "part '=b' has no name"},
        {"=)", "part '=)' has no name"},
        {"a=b;", "part 'a': only type= and filename= may follow"},
        {"a=b;c", "part 'a': only type= and filename= may follow"},
        {"a=b;;type=c/d", "part 'a': only type= and filename= may follow"},
        {"a=b;filename=c;d", "part 'a': only type= and filename= may follow"},
        {"a=b;filename=c;filename=d", "part 'a': it has two file names"},
        {"a=b;type=c/d;filename=e;type=f/g", "part 'a': it has two types"},
        {"a=b;headers=c", "part 'a': headers= and encoder= are not supported"},
        {"a=b;type=c/d;encoder=base64", "part 'a': headers= and encoder= are not supported"},
        {"a=\"b\"c", "part 'a': text follows a closing quote"},
        {"a=\"b\" \"c\"", "part 'a': text follows a closing quote"},
        {"a=b;filename=\"c\"d", "part 'a': text follows a closing quote"},
        {"a=\"b\",c", "part 'a': text follows a closing quote"},
        {"a=(b", "part 'a': nested parts are not supported"},
        {"a=@", "part 'a': no file is named"},
        {"a=@ ", "part 'a': no file is named"},
        {"a=@;type=b/c", "part 'a': no file is named"},
        {"a=<", "part 'a': no file is named"},
        {"a=@-", "part 'a': standard input"},
        {"a=< \"-\"", "part 'a': standard input"},
        {"a=@b,c", "part 'a': it names several files"},
        {"a=@b;type=c/d,e", "part 'a': it names several files"},
        {"a=@b;filename=c,d", "part 'a': it names several files"},
        {"a=<b;filename=c", "part 'a': the content of a file as a field has no file name"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct form_part part;
        struct err err = {0};

        if (form_part_parse(cases[i].text, &part, &err) == 0)
            fail_msg("'%s' is taken", cases[i].text);
        form_part_fini(&part);
        if (strncmp(err.text, cases[i].sentence, strlen(cases[i].sentence)) != 0)
            fail_msg("'%s' got: %s", cases[i].text, err.text);
        assert_int_equal(err.kind, ERR_USAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_read_as_curl_reads_them),
        cmocka_unit_test(mistakes_get_a_sentence_that_names_the_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
